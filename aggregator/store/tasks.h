/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: pending ones and the history. */
#ifndef MUSTER_AGGREGATOR_STORE_TASKS_H
#define MUSTER_AGGREGATOR_STORE_TASKS_H

#include "aggregator/store/store.h"
#include "common/model/task.h"
#include "common/model/task_lines.h"

/* In order of start. `arguments`: of a pending call, else NULL. A negative result from `each` stops
 * and is returned. */
int store_tasks_list(struct store *s,
		     int (*each)(const struct model_task *t, const char *arguments, void *arg,
				 struct mu_error *err),
		     void *arg, struct mu_error *err);
/* Insert, with a call's arguments (else NULL); for a known id what can change of a task changes,
 * and the arguments go when it is not pending any more. */
void store_tasks_put(struct store_tx *tx, const struct model_task *t, const char *arguments);
/* It is a part of a group from now on; what else it is may be on its way to the disk. */
void store_tasks_join(struct store_tx *tx, const struct mu_uuid *id, const struct mu_uuid *group);
void store_tasks_delete(struct store_tx *tx, const struct mu_uuid *id);

/* The `n`th line of a task that is stored. They go with it. */
void store_task_lines_add(struct store_tx *tx, const struct mu_uuid *task, size_t n,
			  const struct task_line *line);
/* Each task's in order. */
int store_task_lines_list(struct store *s,
			  void (*each)(const struct mu_uuid *task, const struct task_line *line,
				       void *arg),
			  void *arg, struct mu_error *err);

#endif
