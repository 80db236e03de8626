/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest rows of many objects side by side, as xcp-rrdd's rrd_updates has them: XML of the
 * shape of `rrdtool xport`, or JSON; the newest row first. Gathered object by object, written in
 * pieces. PURE.
 */
#ifndef MUSTER_RRD_XPORT_H
#define MUSTER_RRD_XPORT_H

#include "common/archive/stats.h"
#include "common/base/str.h"

struct rrd_xport;

struct rrd_xport_query {
	enum archive_level level;
	enum archive_cf cf;
	int64_t start; /* rows from then on */
	bool json;
};

/* The finest level whose rows are not shorter than `interval` (seconds) and reach back to `start`,
 * else the coarsest. */
enum archive_level rrd_xport_level(int64_t start, int64_t interval, int64_t now);

struct rrd_xport *rrd_xport_new(const struct rrd_xport_query *q);
/* Takes NULL; returns NULL. */
struct rrd_xport *rrd_xport_free(struct rrd_xport *x);
MU_DEFINE_CLEANUP(rrd_xport_free, struct rrd_xport *);

/* A host's or a VM's rows; copied. */
void rrd_xport_add(struct rrd_xport *x, bool host, const struct mu_uuid *id,
		   const struct stats_result *r);
/* How many values there are so far, those that are not known included. */
size_t rrd_xport_n_values(const struct rrd_xport *x);
/* Nothing more comes: write the next part, of about `n_values`; true: that was all. */
bool rrd_xport_write(struct rrd_xport *x, size_t n_values, struct mu_str *out);

#endif
