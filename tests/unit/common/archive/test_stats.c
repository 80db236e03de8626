/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/stats.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#define NOW INT64_C(1790000008)
#define LAST UINT32_C(358000001) /* the step that ends at NOW - 3 */

/* "first+n", or the error. */
static const char *rows(enum archive_level level, int64_t now, uint32_t last, int64_t start,
			int64_t end)
{
	static char text[MU_ERROR_TEXT_MAX];
	const struct stats_query q = {.level = level, .start = start, .end = end};
	struct mu_error err = MU_ERROR_INIT;
	uint32_t first, n;

	if (stats_rows(&q, now, last, level == ARCHIVE_MINUTES ? 480 : archive_levels[level].n_rows,
		       &first, &n, &err) < 0)
		(void)snprintf(text, sizeof text, "%s", err.text);
	else
		(void)snprintf(text, sizeof text, "%u+%u", first, n);
	return text;
}

Test(stats, the_whole_archive)
{
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST, 0, 0), "357999882+120");
	cr_assert_str_eq(rows(ARCHIVE_MINUTES, NOW, LAST, 0, 0), "29833214+120");
	cr_assert_str_eq(rows(ARCHIVE_HOURS, NOW, LAST, 0, 0), "497055+168");
	cr_assert_str_eq(rows(ARCHIVE_DAYS, NOW, LAST, 0, 0), "20352+366");
}

Test(stats, the_newest_row)
{
	/* Its samples come every 5 s, or a little later than ours. */
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST - 5, 0, 0), "357999877+120");
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST + 2, 0, 0), "357999884+120");
	/* It is off: time goes on without it. */
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST - 50, 0, 0), "357999882+120");
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST + 50, 0, 0), "357999882+120");
	/* A minute that has just ended is not made yet. */
	cr_assert_str_eq(rows(ARCHIVE_MINUTES, 1789999980 + 9, LAST, 0, 0), "29833213+120");
	cr_assert_str_eq(rows(ARCHIVE_MINUTES, 1789999980 + 10, LAST, 0, 0), "29833214+120");
}

Test(stats, from_and_to)
{
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST, NOW - 20, NOW - 10), "357999998+2");
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST, NOW - 20, 0), "357999998+4");
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST, NOW - 20, NOW + 1000), "357999998+4");
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST, 1000, 0), "357999882+120", "cut");
	cr_assert_str_eq(rows(ARCHIVE_STEPS, NOW, LAST, 0, 1000),
			 "there are no seconds of that time; hint: rows of 5 s, of which the last "
			 "120 are kept, each from its end on");
	cr_assert_str_eq(rows(ARCHIVE_DAYS, NOW, LAST, NOW - 20, NOW - 10),
			 "there are no days of that time; hint: rows of 86400 s, of which the last "
			 "366 are kept, each from its end on");
	cr_assert_str_eq(rows(ARCHIVE_DAYS, NOW, LAST, NOW - 10, NOW - 20),
			 "start: is later than end");
	cr_assert_str_eq(rows(ARCHIVE_MINUTES, NOW, LAST, 1000, 0), "29832854+480", "all there is");
	cr_assert_str_eq(rows(ARCHIVE_DAYS, 86400 + 10, 0, 0, 0), "1+1", "long ago");
}

Test(stats, what_is_older_than_its_series_is_not_shown)
{
	float v[] = {1, 2, 3};

	stats_mask(ARCHIVE_MINUTES, 25, 1, 3, v);
	cr_assert(isnan(v[0]) && isnan(v[1]));
	cr_assert_eq(v[2], 3);
	stats_mask(ARCHIVE_MINUTES, 37, 1, 3, v);
	cr_assert(isnan(v[2]));
}

Test(stats, rows_of_an_object)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *arena = mu_arena_new();
	MU_CLEANUP(catalogue_free) struct catalogue *c = catalogue_new(10);
	MU_CLEANUP(archive_free) struct archive *a = archive_new(NULL);
	const struct catalogue_want want[] = {{{{1}}, "x", "s", false},
					      {{{1}}, "y", "bytes", true}};
	const struct stats_query q = {.object = {{1}}, .level = ARCHIVE_STEPS};
	struct catalogue_map map;
	struct stats_result r;
	float now[2];

	catalogue_map(c, arena, &want[0].object, want, 2, LAST, &map);
	archive_reserve(a, 2);
	archive_tick(a, NOW);
	for (uint32_t step = LAST - 1; step <= LAST; step++)
		cr_assert_eq(archive_put(a, step, map.runs, map.n_runs, (const float[]){1, 2}),
			     ARCHIVE_TAKEN);
	stats_read(a, catalogue_find(c, &q.object), &q, LAST - 1, 2, arena, &r);
	cr_assert_eq(r.end, (int64_t)LAST * 5);
	cr_assert_eq(r.n_rows, 2);
	cr_assert_eq(r.n_series, 2);
	cr_assert_str_eq(r.series[1].name, "y");
	cr_assert_str_eq(r.series[1].unit, "bytes");
	cr_assert(isnan(r.series[1].values[0]), "from before it was born");
	cr_assert_eq(r.series[1].values[1], 2);
	stats_at(a, catalogue_find(c, &q.object), LAST, now);
	cr_assert(now[0] == 1 && now[1] == 2);
	stats_at(a, catalogue_find(c, &q.object), LAST - 1, now);
	cr_assert(isnan(now[0]) && isnan(now[1]), "from before it was born");
	stats_at(a, catalogue_find(c, &q.object), LAST + 1, now);
	cr_assert(isnan(now[0]), "not yet");
}
