/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/history.h"
#include "common/archive/crc32c.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first step of an hour. */
#define FIRST UINT32_C(357989761)

static const struct host_id host = {{{1}}};
static const struct mu_uuid vm = {{2}};
static struct history *h;
static struct mu_arena *arena;

static void *rows; /* of the only shard: they outlive the history */

static void *rows_of(void *ctx, uint32_t shard, size_t size)
{
	(void)ctx;
	cr_assert_eq(shard, 0);
	if (!rows)
		rows = mu_xcalloc(1, size);
	return rows;
}

static void init(void)
{
	h = history_new(&host, rows_of, NULL);
	arena = mu_arena_new();
}

static void deinit(void)
{
	history_free(h);
	mu_arena_free(arena);
	free(rows);
}

TestSuite(history, .init = init, .fini = deinit);

static bool to_be_kept; /* said of the last sample */

static void add(uint32_t step, bool with_vm, float v)
{
	MU_CLEANUP(metric_list_deinit) struct metric_list l = METRIC_LIST_INIT;

	metric_list_add(&l, &host.uuid, "loadavg", METRIC_GAUGE, METRIC_COUNT, (double)v);
	if (with_vm)
		metric_list_add(&l, &vm, "cpu_usage", METRIC_RATE, METRIC_RATIO, (double)v);
	to_be_kept = history_map(h, (mu_msec)step * 5000, &l);
	history_add(h, (mu_msec)step * 5000, &l);
}

static int64_t start; /* of what is read; 0: what is shown */

static int read_rows(const struct mu_uuid *object, enum archive_level level, uint32_t step,
		     struct stats_result *ret, struct mu_error *err)
{
	const struct stats_query q = {.object = *object, .level = level, .start = start};

	return history_read(h, &q, (mu_msec)step * 5000, arena, ret, err);
}

Test(history, steps_and_minutes)
{
	struct mu_error err = MU_ERROR_INIT;
	struct stats_result r;

	cr_assert_null(history_free(NULL));
	for (uint32_t i = 0; i < 40; i++)
		add(FIRST + i, i >= 12, (float)i);
	cr_assert_eq(read_rows(&host.uuid, ARCHIVE_STEPS, FIRST + 39, &r, &err), 0, "%s", err.text);
	cr_assert_eq(r.n_rows, 120);
	cr_assert_eq(r.end, (int64_t)(FIRST + 39) * 5);
	cr_assert_eq(r.n_series, 1);
	cr_assert_eq(r.series[0].values[119], 39);
	cr_assert(isnan(r.series[0].values[79]));
	cr_assert_eq(read_rows(&vm, ARCHIVE_MINUTES, FIRST + 39, &r, &err), 0, "%s", err.text);
	cr_assert_str_eq(r.series[0].name, "cpu_usage");
	cr_assert_str_eq(r.series[0].unit, "ratio");
	cr_assert_eq(r.series[0].values[119], 29.5f);
	cr_assert_eq(r.series[0].values[118], 17.5f);
	cr_assert(isnan(r.series[0].values[117]));
}

Test(history, a_vm_that_is_gone_is_forgotten)
{
	struct mu_error err = MU_ERROR_INIT;
	struct stats_result r;

	add(FIRST, true, 1);
	add(FIRST + 1, false, 1);
	cr_assert_eq(read_rows(&vm, ARCHIVE_STEPS, FIRST + 2, &r, &err), 0);
	for (uint32_t i = 2; i < 6000; i++)
		add(FIRST + i, false, 1);
	start = (int64_t)FIRST * 5;
	cr_assert_eq(read_rows(&host.uuid, ARCHIVE_STEPS, FIRST + 5999, &r, &err), 0);
	cr_assert_eq(r.n_rows, 360);
	cr_assert_eq(r.series[0].values[0], 1);
	cr_assert_eq(read_rows(&host.uuid, ARCHIVE_MINUTES, FIRST + 5999, &r, &err), 0);
	cr_assert_eq(r.n_rows, 480);
	cr_assert_eq(r.series[0].values[0], 1);
	start = 0;
	add(FIRST + 6000, true, 2);
	cr_assert_eq(read_rows(&vm, ARCHIVE_MINUTES, FIRST + 6000, &r, &err), 0);
	for (uint32_t i = 0; i < r.n_rows; i++)
		cr_assert(isnan(r.series[0].values[i]), "of its first life");
}

Test(history, a_clock_that_was_ahead)
{
	struct mu_error err = MU_ERROR_INIT;
	struct stats_result r;

	add(FIRST + 100000, true, 1);
	add(FIRST, true, 2);
	add(FIRST + 1, true, 3);
	cr_assert_eq(read_rows(&vm, ARCHIVE_STEPS, FIRST + 1, &r, &err), 0, "%s", err.text);
	cr_assert_eq(r.series[0].values[118], 2);
	cr_assert_eq(r.series[0].values[119], 3);
}

Test(history, what_is_not_here)
{
	struct mu_error err = MU_ERROR_INIT;
	struct stats_result r;
	struct stats_query q = {.object = host.uuid, .end = 1000};
	MU_CLEANUP(metric_list_deinit) struct metric_list nothing = METRIC_LIST_INIT;

	cr_assert(history_map(h, (mu_msec)FIRST * 5000, &nothing));
	history_add(h, (mu_msec)FIRST * 5000, &nothing);
	cr_assert_lt(read_rows(&vm, ARCHIVE_STEPS, FIRST, &r, &err), 0);
	cr_assert_eq(err.code, MU_E_NOT_FOUND);
	add(FIRST + 1, false, 1);
	cr_assert_lt(read_rows(&host.uuid, ARCHIVE_DAYS, FIRST, &r, &err), 0);
	cr_assert_eq(err.code, MU_E_UNSUPPORTED);
	cr_assert_lt(history_read(h, &q, (mu_msec)FIRST * 5000, arena, &r, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
}

Test(history, newest_values_are_a_minute_old_at_most)
{
	const mu_msec now = (mu_msec)(FIRST + 1) * 5000;
	float values[CATALOGUE_OBJECT_MAX];
	const struct catalogue_object *o;

	add(FIRST, true, 1);
	add(FIRST + 1, true, 2);
	o = history_newest(h, &vm, now, values);
	cr_assert_not_null(o);
	cr_expect_eq(o->n_series, 1);
	cr_expect_str_eq(catalogue_metric(o, 0)->name, "cpu_usage");
	cr_expect_eq(values[0], 2);
	cr_expect_not_null(history_newest(h, &host.uuid, now + 60000, values));
	cr_expect_null(history_newest(h, &host.uuid, now + 61000, values));
	cr_expect_null(history_newest(h, &(struct mu_uuid){{9}}, now, values));
}

Test(history, when_objects_are_to_be_kept)
{
	add(FIRST, true, 1);
	cr_assert(to_be_kept, "they are new");
	for (uint32_t i = 1; i < 12; i++) {
		add(FIRST + i, true, 1);
		cr_assert_not(to_be_kept);
	}
	add(FIRST + 12, true, 1);
	cr_assert(to_be_kept, "when they were heard of last is a minute old");
	add(FIRST + 13, false, 1);
	cr_assert(to_be_kept, "there are others");
}

static void start_again(const struct mu_str *objects, bool whole)
{
	history_free(h);
	h = history_new(&host, rows_of, NULL);
	cr_assert_eq(history_restore(h, objects->data, objects->len, (mu_msec)FIRST * 5000), whole);
}

Test(history, it_outlives_the_agent)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str objects = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct stats_result r;

	for (uint32_t i = 0; i < 18; i++)
		add(FIRST + i, i < 6, (float)i);
	history_encode(h, &objects);
	start_again(&objects, true);
	cr_assert_eq(read_rows(&vm, ARCHIVE_STEPS, FIRST + 17, &r, &err), 0, "%s", err.text);
	cr_assert_eq(r.series[0].values[119], 5, "it was heard of a minute ago");
	for (uint32_t i = 18; i < 24; i++)
		add(FIRST + i, true, (float)i);
	add(FIRST + 24, true, 0);
	cr_assert_eq(read_rows(&host.uuid, ARCHIVE_MINUTES, FIRST + 26, &r, &err), 0);
	cr_assert_eq(r.series[0].values[119], 17.5f, "a minute of two lives");
	cr_assert_eq(read_rows(&vm, ARCHIVE_MINUTES, FIRST + 26, &r, &err), 0);
	cr_assert_eq(r.series[0].values[118], 2.5f);
	cr_assert_eq(r.series[0].values[119], 20.5f);
}

/* With a right checksum, which is at 28. */
static void expect_damaged(const struct mu_str *objects, size_t len, size_t at, uint8_t byte)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	uint32_t crc;

	mu_str_add_bytes(&s, objects->data, len);
	s.data[at] = (char)byte;
	crc = archive_crc32c(0, s.data + 32, len - 32);
	memcpy(s.data + 28, &crc, sizeof crc);
	start_again(&s, false);
}

Test(history, objects_that_are_damaged)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str objects = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct stats_result r;

	add(FIRST, true, 1);
	history_encode(h, &objects);
	start_again(&(struct mu_str){.data = objects.data, .len = 31}, false);
	expect_damaged(&objects, objects.len, 0, 'X');
	expect_damaged(&objects, objects.len, 8, 99); /* another host's */
	expect_damaged(&objects, objects.len, 24, 1); /* one object, and something behind it */
	expect_damaged(&objects, objects.len, 24, 3); /* not so many */
	expect_damaged(&objects, objects.len, 32 + 20, 200); /* longer than it is */
	expect_damaged(&objects, objects.len, 32 + 24, 9);   /* of a format that is not known */
	objects.data[objects.len - 1] ^= 1;
	start_again(&objects, false);
	cr_assert_lt(read_rows(&vm, ARCHIVE_STEPS, FIRST, &r, &err), 0);
	cr_assert_eq(err.code, MU_E_NOT_FOUND);
	/* What is in the columns from before is nobody's. */
	add(FIRST + 2, true, 7);
	cr_assert_eq(read_rows(&vm, ARCHIVE_STEPS, FIRST + 2, &r, &err), 0);
	cr_assert(isnan(r.series[0].values[117]));
	cr_assert_eq(r.series[0].values[119], 7);
}
