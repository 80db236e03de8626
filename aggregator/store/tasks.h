/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: pending ones and the history. */
#ifndef MUSTER_AGGREGATOR_STORE_TASKS_H
#define MUSTER_AGGREGATOR_STORE_TASKS_H

#include "aggregator/store/store.h"
#include "common/model/task.h"

/* In order of start. A negative result from `each` stops and is returned. */
int store_tasks_list(struct store *s,
		     int (*each)(const struct model_task *t, void *arg, struct mu_error *err),
		     void *arg, struct mu_error *err);
/* Insert; for a known id what can change of a task changes. */
void store_tasks_put(struct store_tx *tx, const struct model_task *t);
void store_tasks_delete(struct store_tx *tx, const struct mu_uuid *id);

#endif
