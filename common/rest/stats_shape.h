/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen Orchestra's picture of statistics: which series is which member of `stats`, and in which
 * unit. Pure.
 */
#ifndef MUSTER_REST_STATS_SHAPE_H
#define MUSTER_REST_STATS_SHAPE_H

#include "common/archive/stats.h"
#include "common/base/value.h"

enum stats_of { STATS_VM, STATS_HOST, STATS_SR, _STATS_OF_COUNT };

/* The object `stats` of a VM, a host or an SR. */
struct mu_value *stats_shape(struct mu_arena *a, enum stats_of of, const struct stats_result *r);
/* Is the name in the list ("a,b", or "*")? */
bool stats_shape_named(const char *names, const char *name);
/* {NAME: {unit, values}}: those whose names are in the list ("a,b", or "*"). */
struct mu_value *stats_shape_series(struct mu_arena *a, const char *names,
				    const struct stats_result *r);

#endif
