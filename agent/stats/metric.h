/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as they leave the host: series (whose, name, kind, unit) and one value each. PURE.
 * All names, units and sources: docs/design/metrics.md.
 */
#ifndef MUSTER_AGENT_STATS_METRIC_H
#define MUSTER_AGENT_STATS_METRIC_H

#include "common/base/id.h"
#include "common/base/mem.h"

#include <stddef.h>

enum { METRIC_NAME_MAX = 47 };

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
};

/* value[i] belongs to series[i]; NaN = unknown. */
struct metric_list {
	size_t n;
	size_t cap;
	struct metric_series *series;
	float *value;
};

#define METRIC_LIST_INIT                                                                           \
	{                                                                                          \
		0, 0, NULL, NULL                                                                   \
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
void metric_list_add(struct metric_list *l, const struct mu_uuid *object, const char *name,
		     enum metric_kind kind, enum metric_unit unit, double value);
/* The same series in the same order? */
bool metric_series_equal(const struct metric_series *a, const struct metric_series *b, size_t n);

#endif
