/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an agent's messages to what the backend takes, everything checked: an error names the
 * field. Private to aggregator/fleet; results live in the arena.
 */
#ifndef MUSTER_AGGREGATOR_FLEET_DECODE_H
#define MUSTER_AGGREGATOR_FLEET_DECODE_H

#include "aggregator/fleet/fleet.h"
#include "common/base/arena.h"
#include "common/wire/wire.h"

/* `st->id` is whose stream it came on; the rest is filled. */
int decode_snapshot(struct mu_arena *a, const Muster__V1__Snapshot *m, struct fleet_state *st,
		    struct mu_error *err);
int decode_delta(struct mu_arena *a, const Muster__V1__Delta *m, struct fleet_state *st,
		 struct mu_error *err);
/* What has to make sense by itself; then what the session wants to know of them. */
int decode_batches(struct mu_arena *a, const Muster__V1__MetricBatches *m,
		   const struct session_batch **ret_batches, struct mu_error *err);
/* How many of its series have a counter. */
size_t decode_n_counted(const Muster__V1__MetricDictionary *m);
int decode_result(const Muster__V1__CommandResult *m, struct fleet_result *ret,
		  struct mu_error *err);

#endif
