/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as they leave the host: series (whose, name, kind, unit) and one value each. PURE.
 * All names, units and sources: docs/design/metrics.md.
 */
#ifndef MUSTER_AGENT_STATS_METRIC_H
#define MUSTER_AGENT_STATS_METRIC_H

#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/time.h"

#include <stddef.h>

enum {
	METRIC_NAME_MAX = 47,
	/* As many as the aggregator keeps of a host; a dictionary of them always fits a message. */
	METRIC_LIST_MAX = 32768,
};

/* Of a counter. What is known is at most INT64_MAX. */
#define METRIC_COUNT_UNKNOWN UINT64_MAX

enum metric_kind {
	METRIC_GAUGE, /* as it is at the moment */
	METRIC_RATE,  /* from a counter, over the time since the sample before */
	_METRIC_KIND_COUNT,
};

enum metric_unit {
	METRIC_RATIO, /* 0..1 */
	METRIC_COUNT,
	METRIC_BYTES,
	METRIC_KIB,
	METRIC_SECONDS,
	METRIC_BYTES_PER_S,
	METRIC_PACKETS_PER_S,
	METRIC_ERRORS_PER_S,
	METRIC_DROPS_PER_S,
	METRIC_REQUESTS_PER_S,
	METRIC_REQUESTS,
	METRIC_CELSIUS,
	_METRIC_UNIT_COUNT,
};

struct metric_series {
	struct mu_uuid object; /* VM or host */
	char name[METRIC_NAME_MAX + 1];
	enum metric_kind kind;
	enum metric_unit unit;
	mu_msec since; /* its counter has counted up from 0 since then (wall); 0: it has none */
};

/* value[i] belongs to series[i]; NaN = unknown. So does count[i], of those that have one. */
struct metric_list {
	size_t n;
	size_t cap;
	struct metric_series *series;
	float *value;
	uint64_t *count;
	size_t n_left_out; /* beyond METRIC_LIST_MAX */
};

#define METRIC_LIST_INIT                                                                           \
	{                                                                                          \
		0, 0, NULL, NULL, NULL, 0                                                          \
	}

/* "bytes/s", ... as on the wire. */
const char *metric_unit_name(enum metric_unit unit);

/* Forget the values, keep the memory. */
void metric_list_reset(struct metric_list *l);
void metric_list_deinit(struct metric_list *l);
static inline void metric_list_deinit_cleanup(struct metric_list *l)
{
	metric_list_deinit(l);
}
/* Of a list that is full: counts it, no more. So does metric_list_count() for it. */
void metric_list_add(struct metric_list *l, const struct mu_uuid *object, const char *name,
		     enum metric_kind kind, enum metric_unit unit, double value);
/* What the rate that was added last is made of: the counter as it stands; time in ns. */
void metric_list_count(struct metric_list *l, uint64_t count, mu_msec since);
/* The same series in the same order? */
bool metric_series_equal(const struct metric_series *a, const struct metric_series *b, size_t n);

#endif
