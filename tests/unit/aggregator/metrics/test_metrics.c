/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of metrics under a clock of its own (--wrap, see meson.build): what is kept of objects
 * that are gone, and what a column's next owner sees of it.
 */
#include "aggregator/metrics/metrics.h"
#include "aggregator/metrics/shard_file.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first step of an hour. */
#define FIRST UINT32_C(357989761)
#define DAY ((mu_msec)86400 * 1000)

static const struct mu_uuid host = {{1}}, vm = {{2}}, other = {{3}};
static mu_msec wall;
static char dir[] = "/tmp/muster-metrics-XXXXXX";
static struct mu_loop *loop;
static struct metrics *metrics;
static bool store_fails;
static size_t n_stored;

mu_msec __wrap_mu_clock_wall(void);
mu_msec __wrap_mu_clock_wall(void)
{
	return wall;
}

mu_msec __wrap_mu_clock_monotonic(void);
mu_msec __wrap_mu_clock_monotonic(void)
{
	return wall;
}

static unsigned n_timer_set;

/* Nothing is waited for. */
void __real_mu_timer_set(struct mu_timer *t, mu_msec delay);
void __wrap_mu_timer_set(struct mu_timer *t, mu_msec delay);
void __wrap_mu_timer_set(struct mu_timer *t, mu_msec delay)
{
	(void)delay;
	n_timer_set++;
	__real_mu_timer_set(t, 0);
}

static bool shard_sync_fails;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	struct stat st;

	if (shard_sync_fails && fstat(fd, &st) == 0 && st.st_size == TILE_FILE_BYTES) {
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}

struct storing {
	metrics_done done;
	void *arg;
	bool fails;
};

static void stored(void *ctx)
{
	struct storing *s = ctx;
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_EXHAUSTED, "the disk is full");
	s->done(s->arg, s->fails ? &err : NULL);
	free(s);
}

static void store(void *ctx, struct catalogue *c, metrics_done done, void *arg)
{
	struct storing *s = mu_xcalloc(1, sizeof *s);
	struct catalogue_object *o = NULL;

	(void)ctx;
	*s = (struct storing){done, arg, store_fails};
	while (!store_fails && (o = catalogue_next_changed(c)))
		n_stored++;
	mu_loop_post(loop, stored, s);
}

static size_t n_bad, n_good;

static void on_health(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	n_bad += err != NULL;
	n_good += err == NULL;
	if (err)
		mu_loop_stop(loop);
}

static void on_mark(void *ctx, const struct mu_uuid *id, uint64_t epoch, uint64_t seq, mu_msec at)
{
	(void)ctx, (void)id, (void)epoch, (void)seq, (void)at;
}

static void open_metrics(void)
{
	struct metrics_options options = {.pool = {{9}}, .store = store, .health = on_health};

	options.loop = loop;
	options.dir = dir;
	metrics = metrics_new(&options);
}

static void setup(void)
{
	struct mu_error err = MU_ERROR_INIT;

	wall = (mu_msec)FIRST * 5000;
	cr_assert_not_null(mkdtemp(dir));
	loop = mu_loop_new();
	open_metrics();
	catalogue_restored(metrics_catalogue(metrics));
	cr_assert_eq(metrics_load(metrics, on_mark, NULL, &err), 0, "%s", err.text);
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

static void stop_loop(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

static void teardown(void)
{
	metrics_close(metrics, stop_loop, NULL);
	mu_loop_run(loop);
	mu_loop_free(loop);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(metrics, .init = setup, .fini = teardown);

static void map(const struct mu_uuid *object)
{
	const struct catalogue_want want[] = {{host, "x", "s", false}, {*object, "x", "s", false}};

	metrics_map(metrics, &host, want, 2);
}

static void acked(void *ctx, const struct mu_error *err)
{
	int *failed = ctx;

	*failed = err != NULL;
	mu_loop_stop(loop);
}

static int put_values(size_t n, float v)
{
	const float values[2] = {v, v};
	const struct metrics_batch b = {
	    .host = host, .epoch = 1, .seq = 1, .at = wall, .values = values, .n_values = n};
	int failed = -1;

	metrics_put(metrics, &b, 1, acked, &failed);
	mu_loop_run(loop);
	return failed;
}

/* An hour and a little, a step a minute. */
static void an_hour(float v)
{
	for (int i = 0; i < 62; i++) {
		cr_assert_eq(put_values(2, v), 0);
		wall += 60000;
	}
	cr_assert_eq(put_values(2, v), 0); /* what has ended is written with this one */
	cr_assert_eq(put_values(2, v), 0);
}

struct seen {
	enum mu_error_code code;
	size_t n_known;
	float last;
};

static void on_rows(void *arg, const struct stats_result *r, const struct mu_error *err)
{
	struct seen *s = arg;

	*s = (struct seen){.code = err ? err->code : MU_E_NONE};
	for (uint32_t i = 0; r && i < r->n_rows; i++)
		if (!isnan(r->series[0].values[i])) {
			s->n_known++;
			s->last = r->series[0].values[i];
		}
	mu_loop_stop(loop);
}

static struct seen look(const struct mu_uuid *object, enum archive_level level)
{
	const struct stats_query q = {.object = *object, .level = level};
	struct seen s;

	metrics_query(metrics, &q, on_rows, &s);
	mu_loop_run(loop);
	return s;
}

static bool known; /* whether the inventory has it */
static struct mu_uuid forgotten[4];
static size_t n_forgotten;

static bool exists(void *ctx, const struct mu_uuid *id)
{
	(void)ctx;
	return known || mu_uuid_equal(id, &host);
}

static void forget(void *ctx, const struct mu_uuid *id)
{
	(void)ctx;
	forgotten[n_forgotten++] = *id;
}

Test(metrics, kept_for_thirty_days_and_then_given_to_another)
{
	map(&vm);
	an_hour(5);
	cr_assert_eq(look(&vm, ARCHIVE_HOURS).n_known, 1);
	wall += 31 * DAY;
	metrics_expire(metrics, exists, forget, NULL);
	cr_assert_eq(n_forgotten, 0, "its host's stream is up");
	metrics_host_away(metrics, &host);
	known = true;
	metrics_expire(metrics, exists, forget, NULL);
	cr_assert_eq(n_forgotten, 0, "it is there, halted");
	known = false;
	wall -= 2 * DAY;
	metrics_expire(metrics, exists, forget, NULL);
	cr_assert_eq(n_forgotten, 0, "it is not yet time");
	wall += 2 * DAY;
	metrics_expire(metrics, exists, forget, NULL);
	cr_assert_eq(n_forgotten, 1);
	cr_assert(mu_uuid_equal(&forgotten[0], &vm));
	metrics_forgotten(metrics, &vm);
	metrics_forgotten(metrics, &vm);
	cr_assert_eq(look(&vm, ARCHIVE_HOURS).code, MU_E_NOT_FOUND);
	/* Its column is another's: nothing of before is, nor in the rows made of it. */
	map(&other);
	cr_assert_eq(catalogue_n_columns(metrics_catalogue(metrics)), 2);
	cr_assert_eq(put_values(2, 7), 0);
	for (unsigned level = 0; level < _ARCHIVE_LEVEL_COUNT; level++) {
		struct seen s = look(&other, (enum archive_level)level);

		cr_assert(s.n_known == (level == ARCHIVE_STEPS), "%s: %zu",
			  archive_levels[level].name, s.n_known);
	}
	an_hour(7);
	cr_assert_eq(look(&other, ARCHIVE_HOURS).n_known, 1);
	cr_assert_eq(look(&other, ARCHIVE_HOURS).last, 7);
}

Test(metrics, it_came_back_while_it_was_being_forgotten)
{
	map(&vm);
	cr_assert_eq(put_values(2, 5), 0);
	metrics_host_away(metrics, &host);
	wall += 31 * DAY;
	metrics_expire(metrics, exists, forget, NULL);
	cr_assert_eq(n_forgotten, 1);
	map(&vm);
	n_stored = 0;
	metrics_forgotten(metrics, &vm);
	cr_assert_eq(put_values(2, 6), 0);
	cr_assert_geq(n_stored, 1, "it is stored again");
	cr_assert_eq(look(&vm, ARCHIVE_STEPS).last, 6);
}

Test(metrics, a_batch_shorter_than_its_dictionary)
{
	struct metrics_intake in;

	map(&vm);
	cr_assert_eq(put_values(1, 5), 0);
	cr_assert_eq(look(&host, ARCHIVE_STEPS).n_known, 1);
	cr_assert_eq(look(&vm, ARCHIVE_STEPS).n_known, 0);
	wall += 5000;
	cr_assert_eq(put_values(0, 5), 0);
	cr_assert_eq(look(&host, ARCHIVE_STEPS).n_known, 1);
	metrics_intake(metrics, &host, &in);
	cr_assert_eq(in.n_series, 2);
	cr_assert_eq(in.n_taken, 2);
	metrics_intake(metrics, &other, &in);
	cr_assert_eq(in.n_series, 0);
}

Test(metrics, newest_values_and_totals)
{
	float values[CATALOGUE_OBJECT_MAX];
	const struct catalogue_object *o;
	struct metrics_totals t;

	map(&vm);
	cr_assert_null(metrics_newest(metrics, &vm, values), "nothing was said of it yet");
	cr_assert_eq(put_values(2, 5), 0);
	o = metrics_newest(metrics, &vm, values);
	cr_assert(o && mu_uuid_equal(&o->id, &vm) && o->n_series == 1);
	cr_assert_eq(values[0], 5);
	wall += 5000;
	cr_assert_eq(put_values(1, 6), 0);
	cr_assert_not_null(metrics_newest(metrics, &vm, values));
	cr_assert(isnan(values[0]), "the newest is not known, the one before is not the newest");
	cr_assert_null(metrics_newest(metrics, &other, values));
	metrics_totals(metrics, &t);
	cr_assert_eq(t.n_series, 2);
	cr_assert_eq(t.n_taken, 2);
	cr_assert_eq(t.n_too_old + t.n_too_new, 0);
	cr_assert(!t.failing);
	wall += (METRICS_FRESH_S + 10) * 1000;
	cr_assert_null(metrics_newest(metrics, &vm, values), "it was heard of too long ago");
}

static void acked_one(void *ctx, const struct mu_error *err)
{
	unsigned *n_left = ctx;

	cr_assert_null(err);
	if (--*n_left == 0)
		mu_loop_stop(loop);
}

/* However quickly batches follow each other: the flush is set for the first of them. */
Test(metrics, batches_do_not_put_the_flush_off)
{
	const float values[2] = {3, 4};
	const struct metrics_batch b = {
	    .host = host, .epoch = 1, .seq = 1, .at = wall, .values = values, .n_values = 2};
	unsigned n_left = 100;

	map(&vm);
	n_timer_set = 0;
	for (unsigned i = 0; i < 100; i++)
		metrics_put(metrics, &b, 1, acked_one, &n_left);
	cr_assert_eq(n_timer_set, 1);
	mu_loop_run(loop);
}

static void acked_late(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	cr_assert_null(err);
	mu_loop_stop(loop);
}

/* The catalogue's place is full: nothing is acknowledged, all is shown, and it heals by itself. */
Test(metrics, a_catalogue_that_cannot_be_stored)
{
	const float values[2] = {3, 4};
	const struct metrics_batch b = {
	    .host = host, .epoch = 1, .seq = 1, .at = wall, .values = values, .n_values = 2};

	map(&vm);
	store_fails = true;
	metrics_put(metrics, &b, 1, acked_late, NULL);
	mu_loop_run(loop); /* until the health is told */
	cr_assert_eq(n_bad, 1);
	cr_assert_eq(look(&vm, ARCHIVE_STEPS).last, 4);
	store_fails = false;
	mu_loop_run(loop);
	cr_assert_eq(n_bad, 1);
	wall += 5000;
	cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(n_good, 1);
}

static void count_acked(void *ctx, const struct mu_error *err)
{
	unsigned *n = ctx;

	cr_assert_null(err);
	++*n;
	mu_loop_stop(loop);
}

/* As after a cut: what is refused in between takes nothing with it, and all is done with at once.
 */
Test(metrics, several_of_a_message)
{
	const float values[2] = {3, 4};
	struct metrics_batch batches[4];
	struct metrics_intake intake;
	unsigned n_done = 0;

	for (size_t i = 0; i < MU_ARRAY_SIZE(batches); i++)
		batches[i] = (struct metrics_batch){.host = host,
						    .epoch = 1,
						    .seq = i + 1,
						    .at = wall - 20000 + 5000 * (mu_msec)i,
						    .values = values,
						    .n_values = 2};
	batches[1].at = 5000;
	map(&vm);
	metrics_put(metrics, batches, MU_ARRAY_SIZE(batches), count_acked, &n_done);
	cr_assert_eq(n_done, 0, "never inside");
	cr_assert_eq(look(&vm, ARCHIVE_STEPS).n_known, 3);
	mu_loop_run(loop);
	cr_assert_eq(n_done, 1);
	metrics_intake(metrics, &host, &intake);
	cr_assert(intake.n_taken == 3 && intake.n_too_old == 1);
}

/* Hosts wait for a disk that fails, but not for ever: their streams carry more than metrics. */
Test(metrics, storing_fails_for_minutes)
{
	const float values[2] = {3, 4};
	struct metrics_batch b = {
	    .host = host, .epoch = 1, .seq = 1, .at = wall, .values = values, .n_values = 2};
	unsigned n_first = 0, n_second = 0;

	map(&vm);
	store_fails = true;
	metrics_put(metrics, &b, 1, count_acked, &n_first);
	mu_loop_run(loop); /* until the health is told */
	wall += 100000;
	b.at = wall;
	metrics_put(metrics, &b, 1, count_acked, &n_second);
	cr_assert_eq(look(&vm, ARCHIVE_STEPS).n_known, 2);
	cr_assert_eq(n_first + n_second, 0);
	wall += 21000;
	mu_loop_run(loop);
	cr_assert_eq(n_first, 1);
	wall += 100000;
	cr_assert_eq(look(&vm, ARCHIVE_STEPS).n_known, 2);
	cr_assert_eq(n_second, 0, "it is tried again by itself");
	store_fails = false;
	mu_loop_run(loop);
	cr_assert_eq(n_second, 1);
	cr_assert_eq(n_bad, 1);
}

/* How many minutes of the first column a start would find. */
static size_t minutes_in_file(void)
{
	const struct shard_place place = {dir, {{9}}, NULL};
	MU_CLEANUP(archive_free) struct archive *a = archive_new(NULL);
	uint32_t newest = archive_row_of(ARCHIVE_MINUTES, wall / 1000);
	struct mu_error err = MU_ERROR_INIT;
	float values[120];
	size_t n = 0;

	archive_reserve(a, 1);
	cr_assert_eq(shard_file_load(&place, 0, a, &err), 0, "%s", err.text);
	archive_read(a, ARCHIVE_MINUTES, ARCHIVE_AVERAGE, 0, newest - 119, 120, values);
	for (size_t i = 0; i < 120; i++)
		n += isnan(values[i]) ? 0 : 1;
	return n;
}

/* The kernel tells once that pages are lost; the next time it has nothing left to write. */
Test(metrics, a_shard_file_that_cannot_be_synchronised)
{
	char path[64];

	map(&vm);
	for (int i = 0; i < 5; i++, wall += 60000)
		cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(minutes_in_file(), 5);
	shard_sync_fails = true;
	wall += 10 * 60000; /* a new journal is due */
	cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(n_bad, 1);
	shard_sync_fails = false;
	(void)snprintf(path, sizeof path, "%s/shard-0000.arc", dir);
	cr_assert_eq(truncate(path, TILE_FILE_HEADER_BYTES), 0);
	wall += 60000;
	cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(n_good, 1);
	cr_assert_eq(minutes_in_file(), 7);
}

/* --- counters --- */

static const struct mu_uuid host_b = {{7}};
#define UNKNOWN METRICS_COUNT_UNKNOWN

/* Of the host one, of the VM the first and the third; the second is dropped, as it has no name. */
static void map_counted(const struct mu_uuid *from, uint32_t since)
{
	const struct catalogue_want want[] = {
	    {.object = *from, .name = "pif_eth0_rx", .unit = "bytes/s", .since = 10},
	    {.object = vm, .name = "vif_0_rx", .unit = "bytes/s", .rate = true, .since = since},
	    {.object = vm, .name = "", .unit = "", .rate = true, .since = since},
	    {.object = vm, .name = "memory", .unit = "bytes"},
	    {.object = vm, .name = "vif_0_tx", .unit = "bytes/s", .rate = true, .since = since},
	};

	metrics_map(metrics, from, want, MU_ARRAY_SIZE(want));
}

static struct metrics_batch counted(const struct mu_uuid *from, bool base, const int64_t *lane)
{
	static const float values[5] = {1, 2, 3, 4, 5};

	return (struct metrics_batch){.host = *from,
				      .epoch = 1,
				      .seq = 1,
				      .at = wall,
				      .values = values,
				      .n_values = 5,
				      .base = base,
				      .n_counted = 4,
				      .counted = lane};
}

static void put_counted(const struct mu_uuid *from, bool base, const int64_t *lane)
{
	const struct metrics_batch b = counted(from, base, lane);
	int failed = -1;

	metrics_put(metrics, &b, 1, acked, &failed);
	mu_loop_run(loop);
	cr_assert_eq(failed, 0);
}

static void expect_counts(uint64_t rx, uint64_t tx, uint32_t since)
{
	const struct catalogue_object *o = catalogue_find(metrics_catalogue(metrics), &vm);
	struct metrics_count c[CATALOGUE_OBJECT_MAX];

	metrics_counts(o, c);
	cr_assert_eq(c[0].value, rx, "rx %llu", (unsigned long long)c[0].value);
	cr_assert_eq(c[1].value, UNKNOWN, "a gauge");
	cr_assert_eq(c[2].value, tx, "tx %llu", (unsigned long long)c[2].value);
	cr_assert_eq(c[0].since, since);
}

Test(metrics, counters_are_added_up)
{
	const int64_t base[] = {1, (INT64_C(1) << 53) + 1, 7, INT64_MIN};
	const int64_t more[] = {1, 2, 3, 4};
	const int64_t far[] = {1, INT64_MAX, 0, 0};

	map_counted(&host, 77);
	expect_counts(UNKNOWN, UNKNOWN, 0);
	put_counted(&host, true, base);
	expect_counts((UINT64_C(1) << 53) + 1, UNKNOWN, 77);
	wall += 5000;
	put_counted(&host, false, more);
	expect_counts((UINT64_C(1) << 53) + 3, UNKNOWN, 77);
	wall += 5000;
	put_counted(&host, false, far);
	expect_counts(UNKNOWN, UNKNOWN, 77);
	wall += 5000;
	put_counted(&host, false, more);
	expect_counts(UNKNOWN, UNKNOWN, 77);
	wall += 5000;
	put_counted(&host, true, more);
	expect_counts(2, 4, 77);
	/* A VM that was started anew: nothing until its first batch. */
	map_counted(&host, 99);
	expect_counts(UNKNOWN, UNKNOWN, 0);
	wall += 5000;
	put_counted(&host, true, base);
	expect_counts((UINT64_C(1) << 53) + 1, UNKNOWN, 99);
	metrics_host_away(metrics, &host);
	expect_counts(UNKNOWN, UNKNOWN, 0);
}

Test(metrics, counters_of_batches_that_are_refused_or_came_before)
{
	const int64_t base[] = {0, 100, 0, 200};
	const int64_t more[] = {0, 10, 0, 20};
	struct metrics_batch b;

	map_counted(&host, 77);
	put_counted(&host, true, base);
	/* Its clock went wrong for a moment. */
	wall -= 3600000;
	b = counted(&host, false, more);
	wall += 3600000;
	int failed = -1;
	metrics_put(metrics, &b, 1, acked, &failed);
	mu_loop_run(loop);
	wall += 5000;
	put_counted(&host, false, more);
	expect_counts(120, 240, 77);
	/* Another stream repeats one that was taken: what it counts is of before. */
	map_counted(&host, 77);
	b = counted(&host, true, base);
	metrics_count_only(metrics, &b, 1);
	expect_counts(UNKNOWN, UNKNOWN, 0);
	b = counted(&host, false, more);
	metrics_count_only(metrics, &b, 1);
	wall += 5000;
	put_counted(&host, false, more);
	expect_counts(120, 240, 77);
}

/* It moved; the host that had it tells of the time before, late. */
Test(metrics, counters_are_of_who_told_of_it_last)
{
	const int64_t before[] = {0, 100, 0, 200};
	const int64_t after[] = {0, 5, 0, 6};

	map_counted(&host_b, 99);
	put_counted(&host_b, true, after);
	expect_counts(5, 6, 99);
	wall -= 60000;
	map_counted(&host, 77);
	put_counted(&host, true, before);
	wall += 60000;
	expect_counts(5, 6, 99);
	metrics_host_away(metrics, &host);
	expect_counts(5, 6, 99);
	metrics_host_away(metrics, &host_b);
	expect_counts(UNKNOWN, UNKNOWN, 0);
}

Test(metrics, counters_of_a_clock_that_was_ahead)
{
	const int64_t base[] = {0, 100, 0, 200};
	const int64_t more[] = {0, 10, 0, 20};

	map_counted(&host, 77);
	wall += DAY;
	put_counted(&host, true, base);
	map_counted(&host_b, 99);
	wall -= DAY;
	put_counted(&host_b, true, more);
	expect_counts(10, 20, 99);
}

/* A peer that names a series twice. */
Test(metrics, counters_of_a_series_that_is_there_twice)
{
	const struct catalogue_want want[] = {
	    {.object = vm, .name = "a", .unit = "", .since = 1},
	    {.object = vm, .name = "b", .unit = "", .since = 1},
	    {.object = vm, .name = "b", .unit = "", .since = 2},
	    {.object = vm, .name = "a", .unit = "", .since = 3},
	};
	const int64_t lane[] = {1, 2, 3, 4};
	struct metrics_count c[CATALOGUE_OBJECT_MAX];

	metrics_map(metrics, &host, want, MU_ARRAY_SIZE(want));
	put_counted(&host, true, lane);
	metrics_counts(catalogue_find(metrics_catalogue(metrics), &vm), c);
	cr_assert(c[0].value == 4 && c[0].since == 3 && c[1].value == 3 && c[1].since == 2);
}

/* Of a shard that no column led to at start: nobody has looked at its file yet. */
Test(metrics, a_file_of_another_version_beside_a_new_catalogue)
{
	static const uint8_t old[TILE_FILE_HEADER_BYTES] = "MUSTARC1";
	const struct shard_place place = {dir, {{9}}, NULL};
	MU_CLEANUP(mu_free) char *again = NULL;
	struct mu_error err = MU_ERROR_INIT;
	char path[64], aside[80];

	(void)snprintf(path, sizeof path, "%s/shard-0000.arc", dir);
	(void)snprintf(aside, sizeof aside, "%s.damaged-1", path);
	cr_assert_eq(mu_file_replace(path, old, sizeof old, 0600, &err), 0, "%s", err.text);
	cr_assert_eq(truncate(path, TILE_FILE_BYTES), 0);
	map(&vm);
	cr_assert_eq(put_values(2, 5), 0);
	wall += 60000;
	cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(access(aside, F_OK), 0);
	cr_assert_eq(shard_file_check(&place, 0, &again, &err), 1, "%s", err.text);
	cr_assert_null(again);
	cr_assert_eq(minutes_in_file(), 1);
}

Test(metrics, a_clock_that_was_ahead)
{
	float values[CATALOGUE_OBJECT_MAX];
	struct metrics_intake in;

	map(&vm);
	wall += DAY;
	cr_assert_eq(put_values(2, 5), 0);
	wall -= DAY;
	cr_assert_eq(put_values(2, 6), 0);
	cr_assert_not_null(metrics_newest(metrics, &vm, values));
	cr_assert_eq(values[0], 6);
	metrics_intake(metrics, &host, &in);
	cr_assert_eq(in.last, wall);
}

static size_t waiting_bytes(void)
{
	struct metrics_totals t;

	metrics_totals(metrics, &t);
	return t.waiting_bytes;
}

/* The dictionary's length does not matter, and what is known is not kept again. */
Test(metrics, a_short_row_is_a_short_record)
{
	enum { N = 2000 };
	static struct catalogue_want want[N];
	static char names[N][8];
	const float v[2] = {1, 2};
	const uint8_t n_known[2] = {12, 12};
	struct metrics_row row = {.host = host,
				  .level = ARCHIVE_MINUTES,
				  .row = (FIRST - 1) / 12 - 3,
				  .n_values = 2,
				  .average = v,
				  .min = v,
				  .max = v,
				  .known = n_known};
	unsigned n_left = 4;

	for (size_t i = 0; i < N; i++) {
		(void)snprintf(names[i], sizeof names[i], "x%zu", i);
		want[i] = (struct catalogue_want){host, names[i], "s", false};
	}
	metrics_map_rows(metrics, &host, want, N);
	metrics_put_row(metrics, &row, acked_one, &n_left);
	cr_assert_eq(waiting_bytes(), 64 + 16 + 2 * 16); /* 12 for the run */
	metrics_put_row(metrics, &row, acked_one, &n_left);
	cr_assert_eq(waiting_bytes(), 112);
	row.level = ARCHIVE_STEPS;
	row.row = FIRST - 20;
	metrics_put_row(metrics, &row, acked_one, &n_left);
	cr_assert_eq(waiting_bytes(), 112 + 64 + 24); /* 12 and 8 */
	row.n_values = 0;
	metrics_put_row(metrics, &row, acked_one, &n_left);
	cr_assert_eq(waiting_bytes(), 200);
	mu_loop_run(loop);
	cr_assert_eq(look(&host, ARCHIVE_MINUTES).last, 1);
}

/* Another's columns, with what it left in memory. */
Test(metrics, a_row_of_the_catalogue_that_was_given_up)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	uint8_t minutes[METRICS_MINUTES], steps[METRICS_STEPS];
	struct mu_error err = MU_ERROR_INIT;
	const struct catalogue_want want = {other, "y", "s", false};
	uint32_t minute, step;
	const uint8_t *bytes;
	size_t len, n = 0;

	map(&vm);
	for (int i = 0; i < 4; i++, wall += 60000)
		cr_assert_eq(put_values(2, 5), 0);
	cr_assert_eq(put_values(2, 5), 0);
	catalogue_encode(catalogue_find(metrics_catalogue(metrics), &host), a, &bytes, &len);
	metrics_close(metrics, stop_loop, NULL);
	mu_loop_run(loop);
	wall += 5000;
	open_metrics();
	cr_assert_eq(
	    catalogue_restore(metrics_catalogue(metrics), &host, &host, FIRST, bytes, len, &err), 0,
	    "%s", err.text);
	metrics_given_up(metrics);
	catalogue_restored(metrics_catalogue(metrics));
	cr_assert_eq(metrics_load(metrics, on_mark, NULL, &err), 0, "%s", err.text);
	metrics_map_rows(metrics, &other, &want, 1);
	cr_assert_eq(catalogue_find(metrics_catalogue(metrics), &other)->series[0].column, 1);
	metrics_have(metrics, &other, &minute, minutes, &step, steps);
	for (size_t i = 0; i < METRICS_MINUTES; i++)
		n += minutes[i];
	for (size_t i = 0; i < METRICS_STEPS; i++)
		n += steps[i];
	cr_assert_eq(n, 0);
	cr_assert_eq(look(&other, ARCHIVE_STEPS).n_known, 0);
	cr_assert_eq(look(&other, ARCHIVE_MINUTES).n_known, 0);
	metrics_have(metrics, &host, &minute, minutes, &step, steps);
	cr_assert_eq(minutes[METRICS_MINUTES - 1], 1, "what is its own stays");
	/* A start by a clock that was ahead hides nothing for long. */
	wall -= DAY;
	metrics_map_rows(metrics, &other, &want, 1);
	cr_assert_leq(catalogue_find(metrics_catalogue(metrics), &other)->series[0].born,
		      (uint32_t)(wall / 5000));
}

/* Of what is gone for hours a host's dictionary of rows still tells. */
Test(metrics, rows_are_no_news_of_what_they_do_not_know)
{
	const struct catalogue_want want[] = {
	    {host, "x", "s", false}, {vm, "x", "s", false}, {other, "x", "s", false}};
	const float v[] = {1, NAN, 2};
	const uint8_t n_known[] = {12, 0, 3};
	struct metrics_row row = {.host = host,
				  .level = ARCHIVE_MINUTES,
				  .row = (FIRST - 1) / 12 - 3,
				  .n_values = 3,
				  .average = v,
				  .min = v,
				  .max = v,
				  .known = n_known};
	struct catalogue *c = metrics_catalogue(metrics);
	unsigned n_left = 2;

	metrics_map_rows(metrics, &host, want, 3);
	metrics_put_row(metrics, &row, acked_one, &n_left);
	cr_assert_eq(catalogue_find(c, &host)->last, row.row * 12);
	cr_assert_eq(catalogue_find(c, &vm)->last, 0);
	cr_assert_eq(catalogue_find(c, &other)->last, row.row * 12);
	row.level = ARCHIVE_STEPS;
	row.row = FIRST - 1;
	metrics_put_row(metrics, &row, acked_one, &n_left);
	mu_loop_run(loop);
	cr_assert_eq(catalogue_find(c, &host)->last, FIRST - 1);
	cr_assert_eq(catalogue_find(c, &vm)->last, 0);
	map(&host);
	for (int i = 0; i < 2; i++, wall += 1801 * 1000) {
		cr_assert_eq(put_values(1, 1), 0);
		cr_assert_eq(catalogue_find(c, &vm)->n_maps, 1);
	}
	cr_assert_eq(put_values(1, 1), 0);
	cr_assert_eq(catalogue_find(c, &vm)->n_maps, 0, "no row has come for an hour");
}

/* Nor when they come out of the journal. */
Test(metrics, rows_that_are_replayed_are_no_news_either)
{
	static const struct mu_uuid *const ids[] = {&host, &vm, &other};
	const struct catalogue_want want[] = {
	    {host, "x", "s", false}, {vm, "x", "s", false}, {other, "x", "s", false}};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const float v[] = {1, NAN, 2};
	const uint8_t n_known[] = {12, 0, 3};
	struct metrics_row row = {.host = host,
				  .level = ARCHIVE_MINUTES,
				  .row = (FIRST - 1) / 12 - 3,
				  .n_values = 3,
				  .average = v,
				  .min = v,
				  .max = v,
				  .known = n_known};
	struct mu_error err = MU_ERROR_INIT;
	unsigned n_left = 2;
	const uint8_t *bytes[3];
	size_t len[3];
	struct catalogue *c;

	metrics_map_rows(metrics, &host, want, 3);
	metrics_put_row(metrics, &row, acked_one, &n_left);
	row.level = ARCHIVE_STEPS;
	row.row = FIRST - 1;
	row.n_values = 2;
	metrics_put_row(metrics, &row, acked_one, &n_left);
	mu_loop_run(loop);
	for (size_t i = 0; i < 3; i++)
		catalogue_encode(catalogue_find(metrics_catalogue(metrics), ids[i]), a, &bytes[i],
				 &len[i]);
	metrics_close(metrics, stop_loop, NULL);
	mu_loop_run(loop);
	open_metrics();
	c = metrics_catalogue(metrics);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(catalogue_restore(c, ids[i], &host, 7, bytes[i], len[i], &err), 0,
			     "%s", err.text);
	catalogue_restored(c);
	cr_assert_eq(metrics_load(metrics, on_mark, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(catalogue_find(c, &host)->last, FIRST - 1);
	cr_assert_eq(catalogue_find(c, &vm)->last, 7);
	cr_assert_eq(catalogue_find(c, &other)->last, ((FIRST - 1) / 12 - 3) * 12);
}
