/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen Orchestra's picture of statistics: which series is which member of `stats`, and in which
 * unit. Pure.
 */
#ifndef MUSTER_REST_STATS_SHAPE_H
#define MUSTER_REST_STATS_SHAPE_H

#include "common/archive/stats.h"
#include "common/base/value.h"

/* The object `stats` of a VM or of a host. */
struct mu_value *stats_shape(struct mu_arena *a, bool host, const struct stats_result *r);
/* Is the name in the list ("a,b", or "*")? */
bool stats_shape_named(const char *names, const char *name);
/* {NAME: {unit, values}}: those whose names are in the list ("a,b", or "*"). */
struct mu_value *stats_shape_series(struct mu_arena *a, const char *names,
				    const struct stats_result *r);

#endif
