/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/stats.h"

#include <math.h>

enum {
	FRESH_S = 60,  /* an object that was heard of in this time goes on */
	SETTLE_S = 10, /* after this a row that has ended is made, and on the disk */
};

/* The newest row worth showing: an object that is still heard of ends where its samples do. */
static uint32_t newest_row(enum archive_level level, int64_t now, uint32_t last)
{
	int64_t heard = archive_row_end(ARCHIVE_STEPS, last);
	int64_t at = level == ARCHIVE_STEPS ? now : now - SETTLE_S;

	if (heard >= now - FRESH_S && heard < at)
		at = heard;
	/* A clock that is a little ahead of ours. */
	if (level == ARCHIVE_STEPS && heard > now && heard <= now + FRESH_S)
		at = heard;
	return archive_row_ended(level, at);
}

int stats_rows(const struct stats_query *q, int64_t now, uint32_t last, uint32_t n_kept,
	       uint32_t *ret_first, uint32_t *ret_n, struct mu_error *err)
{
	const struct archive_level_info *info = &archive_levels[q->level];
	uint32_t newest = newest_row(q->level, now, last);
	uint32_t to = q->end ? archive_row_ended(q->level, q->end) : newest;
	uint32_t from = q->start ? archive_row_of(q->level, q->start) : 0;
	uint32_t n = q->start || q->end ? n_kept : info->n_rows;
	uint32_t oldest = newest >= n ? newest - n + 1 : 1;

	if (to > newest)
		to = newest;
	if (from < oldest)
		from = oldest;
	if (q->start && q->end && q->start > q->end)
		return mu_error_set(err, MU_E_INVALID, "start: is later than end");
	if (to < from)
		return mu_error_set(err, MU_E_INVALID,
				    "there are no %s of that time; hint: rows of %u s, of which "
				    "the last %u are kept, each from its end on",
				    info->name, info->seconds, n_kept);
	*ret_first = from;
	*ret_n = to - from + 1;
	return 0;
}

void stats_mask(enum archive_level level, uint32_t born, uint32_t first, uint32_t n, float *values)
{
	uint32_t steps = archive_levels[level].seconds / ARCHIVE_STEP_S;

	for (uint32_t k = 0; k < n && (uint64_t)(first + k) * steps < born; k++)
		values[k] = NAN;
}

void stats_frame(const struct catalogue_object *o, const struct stats_query *q, uint32_t first,
		 uint32_t n, struct mu_arena *arena, struct stats_result *ret, float **ret_values)
{
	struct stats_series *series = mu_arena_calloc(arena, o->n_series + 1, sizeof *series);
	float *values = mu_arena_calloc(arena, o->n_series * n + 1, sizeof *values);

	for (size_t i = 0; i < o->n_series; i++) {
		const struct catalogue_metric *m = catalogue_metric(o, i);

		/* Copied: the object may be forgotten before the answer is read. */
		series[i] = (struct stats_series){mu_arena_strdup(arena, m->name),
						  mu_arena_strdup(arena, m->unit), values + i * n};
	}
	*ret = (struct stats_result){
	    .end = archive_row_end(q->level, first + n - 1),
	    .n_rows = n,
	    .n_series = o->n_series,
	    .series = series,
	};
	*ret_values = values;
}

void stats_read(const struct archive *a, const struct catalogue_object *o,
		const struct stats_query *q, uint32_t first, uint32_t n, struct mu_arena *arena,
		struct stats_result *ret)
{
	float *values;

	stats_frame(o, q, first, n, arena, ret, &values);
	for (size_t i = 0; i < o->n_series; i++, values += n) {
		const struct catalogue_series *s = &o->series[i];

		archive_read(a, q->level, q->cf, s->column, first, n, values);
		stats_mask(q->level, s->born, first, n, values);
	}
}

void stats_at(const struct archive *a, const struct catalogue_object *o, uint32_t step, float *ret)
{
	for (size_t i = 0; i < o->n_series; i++) {
		const struct catalogue_series *s = &o->series[i];

		archive_read(a, ARCHIVE_STEPS, ARCHIVE_AVERAGE, s->column, step, 1, &ret[i]);
		stats_mask(ARCHIVE_STEPS, s->born, step, 1, &ret[i]);
	}
}
