/* SPDX-License-Identifier: Apache-2.0 */
/* A host and what an aggregator is made of, in virtual time: cuts, restarts, both ends. */
#include "agent/stats/backfill.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The first step of an hour. */
#define FIRST UINT32_C(357989761)

static const struct host_id host = {{{1}}};
static const struct mu_uuid vm = {{2}};

/* the host */
static void *rows; /* of the only shard: they outlive the history */
static struct history *h;
static struct backfill *b;
/* the aggregator */
static struct archive *archive;
static struct catalogue *catalogue;
static struct catalogue_map map;
static struct mu_arena *arena;

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
	b = backfill_new(h);
	archive = archive_new(NULL);
	catalogue = catalogue_new(1000);
	arena = mu_arena_new();
}

static void deinit(void)
{
	backfill_free(b);
	history_free(h);
	archive_free(archive);
	catalogue_free(catalogue);
	mu_arena_free(arena);
	free(rows);
}

TestSuite(backfill, .init = init, .fini = deinit);

static mu_msec at(uint32_t step)
{
	return (mu_msec)step * 5000;
}

static float value_of(uint32_t step)
{
	return (float)(step % 97);
}

/* The host samples itself, and a VM from step 30 to 500 on. */
static void sample(uint32_t step)
{
	MU_CLEANUP(metric_list_deinit) struct metric_list l = METRIC_LIST_INIT;
	uint32_t k = step - FIRST;

	metric_list_add(&l, &host.uuid, "cpu_usage", METRIC_RATE, METRIC_RATIO, NAN);
	metric_list_add(&l, &host.uuid, "loadavg", METRIC_GAUGE, METRIC_COUNT,
			(double)value_of(step));
	if (k >= 30 && k < 500)
		metric_list_add(&l, &vm, "memory", METRIC_GAUGE, METRIC_BYTES,
				(double)value_of(step) * 2);
	(void)history_map(h, at(step), &l);
	history_add(h, at(step), &l);
}

static void samples(uint32_t from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sample(FIRST + from + i);
}

static void restart_agent(uint32_t now)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str objects = MU_STR_INIT;

	history_encode(h, &objects);
	backfill_free(b);
	history_free(h);
	h = history_new(&host, rows_of, NULL);
	cr_assert(history_restore(h, objects.data, objects.len, at(now)));
	b = backfill_new(h);
}

static void consolidate(uint32_t now)
{
	struct archive_change c;

	archive_tick(archive, at(now) / 1000);
	while (archive_next(archive, &c))
		;
}

static uint8_t minutes[ARCHIVE_MINUTES_KEPT], steps[129];

static struct backfill_have have(uint32_t now)
{
	const struct catalogue_object *o = catalogue_find(catalogue, &host.uuid);
	struct backfill_have have = {
	    .last_minute = archive_row_ended(ARCHIVE_MINUTES, at(now) / 1000),
	    .n_minutes = sizeof minutes,
	    .minutes = minutes,
	    .last_step = now,
	    .n_steps = sizeof steps,
	    .steps = steps,
	};

	memset(minutes, 0, sizeof minutes);
	memset(steps, 0, sizeof steps);
	consolidate(now);
	for (size_t s = 0; o && s < o->n_series; s++) {
		for (uint32_t i = 0; i < sizeof minutes; i++) {
			uint8_t known;

			archive_read_known(archive, o->series[s].column,
					   have.last_minute - (uint32_t)sizeof minutes + 1 + i, 1,
					   &known);
			minutes[i] = known > minutes[i] ? known : minutes[i];
		}
		for (uint32_t i = 0; i < sizeof steps; i++) {
			float v = NAN;

			archive_read(archive, ARCHIVE_STEPS, ARCHIVE_AVERAGE, o->series[s].column,
				     now - (uint32_t)sizeof steps + 1 + i, 1, &v);
			steps[i] |= v == v;
		}
	}
	return have;
}

static void take_dictionary(const struct backfill_dictionary *d)
{
	catalogue_map(catalogue, arena, &host.uuid, d->series, d->n, FIRST - 2000, &map);
	archive_reserve(archive, catalogue_n_columns(catalogue));
}

static enum archive_verdict take_row(const struct backfill_row *row)
{
	float *values = mu_arena_calloc(arena, 4 * row->n, sizeof *values);
	size_t bytes = row->n * sizeof *values;

	memcpy(values, row->average, bytes);
	if (row->level == ARCHIVE_STEPS)
		return archive_put(archive, row->row, map.runs, map.n_runs, values);
	memcpy(values + row->n, row->min, bytes);
	memcpy(values + 2 * row->n, row->max, bytes);
	for (size_t i = 0; i < row->n; i++)
		values[3 * row->n + i] = row->known[i];
	return archive_put_minute(archive, row->row, map.runs, map.n_runs, values, row->n,
				  &(bool){false});
}

/* Up to `n` rows of what there is to send. */
static size_t deliver(size_t n)
{
	struct backfill_dictionary d;
	struct backfill_row row;
	size_t taken = 0;

	while (taken < n) {
		switch (backfill_next(b, &d, &row)) {
		case BACKFILL_NOTHING:
			return taken;
		case BACKFILL_DICTIONARY:
			take_dictionary(&d);
			break;
		case BACKFILL_ROW:
			cr_assert_eq(take_row(&row), ARCHIVE_TAKEN, "level %d row %u", row.level,
				     row.row);
			cr_assert_eq(backfill_next(b, &d, &row), BACKFILL_NOTHING, "one at a time");
			cr_assert_not(backfill_ack(b, row.seq + 1));
			cr_assert(backfill_ack(b, row.seq));
			cr_assert_not(backfill_ack(b, row.seq));
			taken++;
			break;
		}
	}
	return taken;
}

static size_t begin(uint32_t now, uint32_t live)
{
	const struct backfill_have there = have(now);

	return backfill_begin(b, &there, at(now), live ? at(live) : 0);
}

/* Both ends have the same of an object's only known series, and it is what was sampled. */
static void expect_same(const struct mu_uuid *object, const char *name, enum archive_level level,
			uint32_t first, uint32_t n, size_t want_known)
{
	static const enum archive_cf cfs[] = {ARCHIVE_AVERAGE, ARCHIVE_MIN, ARCHIVE_MAX};
	const struct catalogue_object *there = catalogue_find(catalogue, object);
	const struct catalogue_object *here = catalogue_find(history_catalogue(h), object);
	size_t n_known = 0, i = 0;

	cr_assert(there && here && there->n_series == here->n_series);
	while (strcmp(catalogue_metric(there, i)->name, name) != 0)
		i++;
	for (size_t cf = 0; cf < MU_ARRAY_SIZE(cfs); cf++)
		for (uint32_t row = first; row < first + n; row++) {
			float x, y;

			archive_read(archive, level, cfs[cf], there->series[i].column, row, 1, &x);
			archive_read(history_archive(h), level, cfs[cf], here->series[i].column,
				     row, 1, &y);
			cr_assert(x == y || (isnan(x) && isnan(y)), "row %u: %g, %g", row,
				  (double)x, (double)y);
			n_known += x == x;
		}
	cr_assert_eq(n_known, want_known * MU_ARRAY_SIZE(cfs), "%zu", n_known);
}

Test(backfill, an_aggregator_that_was_away_for_an_hour)
{
	uint32_t now = FIRST + 719, minute = (FIRST - 1) / 12 + 1;

	cr_assert_null(backfill_free(NULL));
	samples(0, 720);
	/* 49 minutes as such, another as both, and what is newer as steps. */
	cr_assert_eq(begin(now, 0), 50 + 129);
	cr_assert_eq(deliver(1000), 179);
	consolidate(now + 1);
	expect_same(&host.uuid, "loadavg", ARCHIVE_MINUTES, minute, 59, 59);
	expect_same(&host.uuid, "loadavg", ARCHIVE_STEPS, now - 119, 120, 120);
	/* The VM was there from the middle of a minute on, and for a while. */
	expect_same(&vm, "memory", ARCHIVE_MINUTES, minute, 59, 40);
	cr_assert_eq(begin(now, 0), 0, "nothing is left");
}

Test(backfill, twice_changes_nothing_and_a_break_begins_anew)
{
	uint32_t now = FIRST + 719, minute = (FIRST - 1) / 12 + 1;

	samples(0, 720);
	begin(now, 0);
	cr_assert_eq(deliver(130), 130);
	backfill_end(b);
	cr_assert_eq(deliver(1), 0, "there is no stream");
	cr_assert_eq(begin(now, 0), 49);
	/* An aggregator that lost what it had acknowledged meanwhile asks for all of it. */
	memset(minutes, 0, sizeof minutes);
	memset(steps, 0, sizeof steps);
	{
		const struct backfill_have nothing = {
		    .last_minute = archive_row_ended(ARCHIVE_MINUTES, at(now) / 1000),
		    .n_minutes = sizeof minutes,
		    .minutes = minutes,
		    .last_step = now,
		    .n_steps = sizeof steps,
		    .steps = steps,
		};

		cr_assert_eq(backfill_begin(b, &nothing, at(now), 0), 179);
	}
	cr_assert_eq(deliver(1000), 179);
	consolidate(now + 1);
	expect_same(&host.uuid, "loadavg", ARCHIVE_MINUTES, minute, 59, 59);
	expect_same(&vm, "memory", ARCHIVE_MINUTES, minute, 59, 40);
}

Test(backfill, an_agent_that_restarts_within_a_cut)
{
	uint32_t now = FIRST + 359, minute = (FIRST - 1) / 12 + 1;

	samples(0, 300);
	restart_agent(FIRST + 301);
	samples(302, 58);
	/* What is sampled since is in its window, from step 302 on. */
	cr_assert_eq(begin(now, FIRST + 302), 20 + 69);
	cr_assert_eq(deliver(1000), 89);
	for (uint32_t k = 302; k < 360; k++) {
		const float live[] = {NAN, value_of(FIRST + k), value_of(FIRST + k) * 2};

		cr_assert_eq(archive_put(archive, FIRST + k, map.runs, map.n_runs, live),
			     ARCHIVE_TAKEN);
	}
	consolidate(now + 1);
	expect_same(&host.uuid, "loadavg", ARCHIVE_MINUTES, minute, 29, 29);
	expect_same(&host.uuid, "loadavg", ARCHIVE_STEPS, now - 119, 120, 118);
	expect_same(&vm, "memory", ARCHIVE_STEPS, now - 119, 120, 118);
}

Test(backfill, an_agent_that_is_asked_before_its_first_sample)
{
	uint32_t now = FIRST + 499, minute = (FIRST - 1) / 12 + 1;

	samples(0, 306);
	restart_agent(now);
	/* Its last minutes were steps only, which are too old to be sent as such. */
	cr_assert_eq(begin(now, 0), 26);
	cr_assert_eq(deliver(1000), 26);
	expect_same(&host.uuid, "loadavg", ARCHIVE_MINUTES, minute, 26, 26);
}

Test(backfill, no_further_back_than_the_other_side_takes)
{
	uint32_t now = FIRST + 2159,
		 minute = archive_row_ended(ARCHIVE_MINUTES, at(FIRST + 2159) / 1000);

	samples(0, 2160); /* three hours */
	begin(now, 0);
	cr_assert_geq(deliver(1000), 220);
	consolidate(now + 1);
	expect_same(&host.uuid, "loadavg", ARCHIVE_MINUTES, minute - 118, 118, 118);
}

Test(backfill, limits)
{
	struct backfill_have there = {
	    .n_minutes = 3, .minutes = minutes, .n_steps = 3, .steps = steps};

	cr_assert_eq(backfill_limit(0), 1, "a clock that stands at nothing");
	cr_assert_eq(backfill_limit(at(FIRST + 719)), at(FIRST + 719 - 128) - 4999);
	samples(0, 1);
	cr_assert_eq(backfill_begin(b, &there, 0, 0), 0);
	there.last_step = there.last_minute = UINT32_MAX;
	cr_assert_eq(backfill_begin(b, &there, at(FIRST), 0), 0);
}

/* Of those only that can be here anything is looked at: to read the others would be a fault. */
Test(backfill, an_aggregator_that_tells_of_years)
{
	enum { TOLD = 4 << 20, PAGE = 65536 };
	uint32_t now = FIRST + 719;
	uint8_t *told = mmap(NULL, TOLD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct backfill_have there = have(now);

	cr_assert_neq(told, MAP_FAILED);
	cr_assert_eq(mprotect(told + TOLD - PAGE, PAGE, PROT_READ), 0);
	samples(0, 720);
	there.minutes = there.steps = told;
	there.n_minutes = there.n_steps = TOLD;
	cr_assert_eq(backfill_begin(b, &there, at(now), 0), 50 + 129);
	cr_assert_eq(munmap(told, TOLD), 0);
}

Test(backfill, a_column_that_was_anothers_before)
{
	static const struct mu_uuid other = {{3}};
	MU_CLEANUP(metric_list_deinit) struct metric_list l = METRIC_LIST_INIT;
	uint32_t step = FIRST + 6000;

	samples(0, 100);
	for (uint32_t i = 100; i < 6600; i++) {
		metric_list_reset(&l);
		metric_list_add(&l, &host.uuid, "loadavg", METRIC_GAUGE, METRIC_COUNT, 1);
		if (i >= 6500)
			metric_list_add(&l, &other, "memory", METRIC_GAUGE, METRIC_BYTES, 5);
		(void)history_map(h, at(FIRST + i), &l);
		history_add(h, at(FIRST + i), &l);
	}
	step = FIRST + 6599;
	begin(step, 0);
	cr_assert_geq(deliver(1000), 200);
	consolidate(step + 1);
	cr_assert_null(catalogue_find(history_catalogue(h), &vm), "forgotten");
	expect_same(&other, "memory", ARCHIVE_STEPS, step - 119, 120, 100);
}
