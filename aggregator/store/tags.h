/* SPDX-License-Identifier: Apache-2.0 */
/* Tags that the aggregator itself keeps (aggregator/core/tags.h). */
#ifndef MUSTER_AGGREGATOR_STORE_TAGS_H
#define MUSTER_AGGREGATOR_STORE_TAGS_H

#include "aggregator/store/store.h"
#include "common/base/id.h"

/* At start, in the order in which they were given; valid during the call. */
int store_tags_list(struct store *s,
		    void (*each)(const struct mu_uuid *object, const char *tag, void *arg),
		    void *arg, struct mu_error *err);
void store_tags_put(struct store_tx *tx, const struct mu_uuid *object, const char *tag);
void store_tags_delete(struct store_tx *tx, const struct mu_uuid *object, const char *tag);
/* All of an object. */
void store_tags_forget(struct store_tx *tx, const struct mu_uuid *object);

#endif
