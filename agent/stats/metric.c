/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/metric.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

static const char *const unit_names[_METRIC_UNIT_COUNT] = {
    [METRIC_RATIO] = "ratio",
    [METRIC_COUNT] = "count",
    [METRIC_BYTES] = "bytes",
    [METRIC_KIB] = "KiB",
    [METRIC_SECONDS] = "s",
    [METRIC_BYTES_PER_S] = "bytes/s",
    [METRIC_PACKETS_PER_S] = "packets/s",
    [METRIC_ERRORS_PER_S] = "errors/s",
    [METRIC_DROPS_PER_S] = "drops/s",
    [METRIC_REQUESTS_PER_S] = "requests/s",
    [METRIC_REQUESTS] = "requests",
    [METRIC_CELSIUS] = "celsius",
};

const char *metric_unit_name(enum metric_unit unit)
{
	mu_assert((unsigned)unit < _METRIC_UNIT_COUNT);
	return unit_names[unit];
}

void metric_list_reset(struct metric_list *l)
{
	l->n = 0;
	l->n_left_out = 0;
}

void metric_list_deinit(struct metric_list *l)
{
	free(l->series);
	free(l->value);
	free(l->count);
	*l = (struct metric_list)METRIC_LIST_INIT;
}

void metric_list_add(struct metric_list *l, const struct mu_uuid *object, const char *name,
		     enum metric_kind kind, enum metric_unit unit, double value)
{
	struct metric_series *s;
	size_t len = strlen(name);

	mu_assert(len <= METRIC_NAME_MAX);
	if (l->n == METRIC_LIST_MAX) {
		l->n_left_out++;
		return;
	}
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->series = mu_xrealloc(l->series, l->cap, sizeof *l->series);
		l->value = mu_xrealloc(l->value, l->cap, sizeof *l->value);
		l->count = mu_xrealloc(l->count, l->cap, sizeof *l->count);
	}
	s = &l->series[l->n];
	*s = (struct metric_series){.object = *object, .kind = kind, .unit = unit};
	memcpy(s->name, name, len + 1);
	l->value[l->n] = (float)value;
	l->n++;
}

void metric_list_count(struct metric_list *l, uint64_t count, mu_msec since)
{
	mu_assert(l->n > 0 && since > 0);
	if (l->n_left_out > 0)
		return;
	l->series[l->n - 1].since = since;
	l->count[l->n - 1] = count <= INT64_MAX ? count : METRIC_COUNT_UNKNOWN;
}

bool metric_series_equal(const struct metric_series *a, const struct metric_series *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!mu_uuid_equal(&a[i].object, &b[i].object) ||
		    strcmp(a[i].name, b[i].name) != 0 || a[i].kind != b[i].kind ||
		    a[i].unit != b[i].unit || a[i].since != b[i].since)
			return false;
	}
	return true;
}
