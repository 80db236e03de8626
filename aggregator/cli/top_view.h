/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `muster top` shows: hosts and VMs with their newest values, as lines. Pure: the answer of
 * GET /stats in, text out.
 */
#ifndef MUSTER_AGGREGATOR_CLI_TOP_VIEW_H
#define MUSTER_AGGREGATOR_CLI_TOP_VIEW_H

#include "common/base/str.h"
#include "common/base/time.h"
#include "common/base/value.h"

enum top_sort {
	TOP_CPU,
	TOP_MEMORY,
	TOP_NET,
	TOP_DISK,
	TOP_NAME,
	_TOP_SORT_COUNT,
};

bool top_sort_parse(const char *name, enum top_sort *ret); /* "cpu", "memory", ... */

/* The series that are asked for. */
#define TOP_SERIES                                                                                 \
	"cpu_avg,loadavg,memory_total_kib,memory_free_kib,pif_aggr_rx,pif_aggr_tx,cpu_usage,"      \
	"vcpus_online,memory,vif_aggr_rx,vif_aggr_tx,vbd_aggr_read,vbd_aggr_write,"                \
	"vbd_aggr_iops_total"

struct top_view {
	enum top_sort sort; /* the most first; by name from a to z */
	bool reverse;
	const char *host;   /* id: it and its VMs; NULL: all */
	const char *text;   /* in the name, without regard to case; NULL or "": all */
	const char *status; /* the first line's end */
	/* A screen: lines are cut, and what does not fit is counted. 0: no bounds. */
	size_t width;
	size_t height;
};

/* Lines, each with its end. `stats` may be NULL: there is nothing yet. Memory of the arena. */
void top_draw(struct mu_str *out, struct mu_arena *a, const struct top_view *v,
	      const struct mu_value *stats);

#endif
