/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen Orchestra's picture of statistics: which series is which member of `stats`, and in which
 * unit. Pure.
 */
#ifndef MUSTER_REST_STATS_SHAPE_H
#define MUSTER_REST_STATS_SHAPE_H

#include "common/archive/stats.h"
#include "common/base/error.h"
#include "common/base/value.h"

enum stats_of { STATS_VM, STATS_HOST, STATS_SR, _STATS_OF_COUNT };

/* Names of series as they are asked for. */
enum { STATS_NAMES_MAX = 64 };
struct stats_names {
	char *text; /* NULL: not asked for */
	bool all;
	size_t n;
	const char *names[STATS_NAMES_MAX];
};

/* "a,b", or "*"; `text` NULL: not asked for. MU_E_PROTOCOL: too many. */
int stats_names_init(struct stats_names *names, const char *text, struct mu_error *err);
void stats_names_deinit(struct stats_names *names);
bool stats_names_have(const struct stats_names *names, const char *name);

/* The object `stats` of a VM, a host or an SR. */
struct mu_value *stats_shape(struct mu_arena *a, enum stats_of of, const struct stats_result *r);
/* {NAME: {unit, values}}: those that are asked for. */
struct mu_value *stats_shape_series(struct mu_arena *a, const struct stats_names *names,
				    const struct stats_result *r);

/* Nine digits, of which a float has no more; whole numbers as they are. What is behind them says
 * nothing and would be half of an answer. */
double stats_shape_number(double v);

#endif
