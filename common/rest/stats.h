/* SPDX-License-Identifier: Apache-2.0 */
/* What asking for statistics of one object and of all hosts have in common. Loop thread. */
#ifndef MUSTER_REST_STATS_H
#define MUSTER_REST_STATS_H

#include "common/rest/call.h"
#include "common/rest/stats_shape.h"

/* The query's parameters, but for whose they are; *ret_names is the caller's to deinit.
 * MU_E_INVALID, MU_E_PROTOCOL */
int rest_stats_query(struct rest_call *c, struct stats_query *ret, struct stats_names *ret_names,
		     struct mu_error *err);
/* Is it known to be of another kind? What is kept of it is then not what was asked for. */
bool rest_stats_of_other(struct rest_call *c, enum stats_of of, const struct mu_uuid *id);
/* Seconds since 1970, or before now when negative. MU_E_INVALID */
int rest_stats_time(const char *name, const char *text, int64_t *ret, struct mu_error *err);
/* {endTimestamp, interval, stats, series?} of a VM, host or SR. */
struct mu_value *rest_stats_value(struct mu_arena *a, enum stats_of of, const struct stats_query *q,
				  const struct stats_names *names, const struct stats_result *r);
/* The same of one of whom nothing was sampled. */
struct mu_value *rest_stats_nothing(struct mu_arena *a, enum stats_of of,
				    const struct stats_query *q, const struct stats_names *names);

#endif
