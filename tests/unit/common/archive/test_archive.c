/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/rand.h"
#include "tests/unit/common/archive/keeper.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* The first step of an hour, and of a day. */
#define FIRST UINT32_C(357989761)

static struct keeper k;

static void init(void)
{
	keeper_init(&k);
}

static void deinit(void)
{
	keeper_deinit(&k);
}

TestSuite(archive, .init = init, .fini = deinit);

static int64_t at(uint32_t step)
{
	return (int64_t)step * ARCHIVE_STEP_S;
}

static enum archive_verdict put_column(uint32_t column, uint32_t step, float v)
{
	const struct archive_run run = {.slot = 0, .column = column, .n = 1};

	return archive_put(k.archive, step, &run, 1, &v);
}

static void put(uint32_t step, float v)
{
	cr_assert_eq(put_column(0, step, v), ARCHIVE_TAKEN);
}

static float read_at(enum archive_level level, enum archive_cf cf, uint32_t row)
{
	return keeper_read(&k, level, cf, 0, row);
}

Test(archive, levels_and_rows)
{
	enum archive_level level;
	enum archive_cf cf;

	cr_assert_null(archive_free(NULL));
	cr_assert(archive_level_parse("hours", &level));
	cr_assert_eq(level, ARCHIVE_HOURS);
	cr_assert_not(archive_level_parse("weeks", &level));
	cr_assert(archive_cf_parse("MAX", &cf));
	cr_assert_eq(cf, ARCHIVE_MAX);
	cr_assert_not(archive_cf_parse("LAST", &cf));
	cr_assert_eq(archive_row_of(ARCHIVE_MINUTES, 60), 1);
	cr_assert_eq(archive_row_of(ARCHIVE_MINUTES, 61), 2);
	cr_assert_eq(archive_row_ended(ARCHIVE_MINUTES, 119), 1);
	cr_assert_eq(archive_row_end(ARCHIVE_MINUTES, 2), 120);
	cr_assert_eq(archive_row_of(ARCHIVE_STEPS, 0), 0);
	cr_assert_eq(archive_row_of(ARCHIVE_STEPS, -5), 0);
	cr_assert_eq(archive_row_of(ARCHIVE_STEPS, INT64_MAX), 0);
	cr_assert_eq(archive_row_ended(ARCHIVE_DAYS, INT64_MAX), 0);
}

Test(archive, a_minute_of_steps)
{
	uint32_t minute = (FIRST - 1) / 12 + 1;

	archive_tick(k.archive, at(FIRST));
	for (uint32_t i = 0; i < 12; i++)
		put(FIRST + i, (float)i);
	keeper_tick(&k, at(FIRST + 11));
	cr_assert(isnan(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute)), "it is not over");
	keeper_tick(&k, at(FIRST + 12));
	cr_assert_eq(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, FIRST + 3), 3);
	cr_assert_eq(read_at(ARCHIVE_STEPS, ARCHIVE_MAX, FIRST + 3), 3);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), 5.5f);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_MIN, minute), 0);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_MAX, minute), 11);
	cr_assert(isnan(keeper_read(&k, ARCHIVE_MINUTES, ARCHIVE_AVERAGE, 1, minute)));
	cr_assert(isnan(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, 0)), "there is no row 0");
}

Test(archive, what_is_not_finite_is_unknown)
{
	archive_tick(k.archive, at(FIRST));
	put(FIRST, INFINITY);
	put(FIRST + 1, -INFINITY);
	put(FIRST + 2, NAN);
	put(FIRST + 3, FLT_MAX);
	for (uint32_t i = 0; i < 3; i++)
		cr_assert(isnan(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, FIRST + i)));
	cr_assert_eq(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, FIRST + 3), FLT_MAX);
	keeper_tick(&k, at(FIRST + 12));
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, (FIRST - 1) / 12 + 1), FLT_MAX);
}

Test(archive, what_is_known_stays)
{
	archive_tick(k.archive, at(FIRST));
	put(FIRST, 1);
	put(FIRST, 2);
	put(FIRST, NAN);
	cr_assert_eq(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, FIRST), 1);
	put(FIRST + 1, NAN);
	put(FIRST + 1, 7);
	cr_assert_eq(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, FIRST + 1), 7);
}

Test(archive, times_that_cannot_be)
{
	cr_assert_eq(put_column(0, 0, 1), ARCHIVE_TOO_NEW);
	archive_tick(k.archive, at(FIRST));
	cr_assert_eq(put_column(0, FIRST - 131, 1), ARCHIVE_TAKEN, "the oldest place");
	cr_assert_eq(put_column(0, FIRST - 132, 1), ARCHIVE_TOO_OLD);
	cr_assert_eq(put_column(0, FIRST + ARCHIVE_AHEAD, 1), ARCHIVE_TAKEN);
	cr_assert_eq(put_column(0, FIRST + ARCHIVE_AHEAD + 1, 1), ARCHIVE_TOO_NEW);
	cr_assert_eq(put_column(0, FIRST - 120, 1), ARCHIVE_TOO_OLD, "its place is taken");
	cr_assert_eq(put_column(0, 1, 1), ARCHIVE_TOO_OLD);
	cr_assert_eq(put_column(0, UINT32_MAX, 1), ARCHIVE_TOO_NEW);
}

/* Ten minutes cut off: all of it comes at once, and its minutes and hour are as if in time. */
Test(archive, late_steps_lead_to_the_same_rows)
{
	struct mu_rand rand = {1};
	uint32_t begin = FIRST + 720 - 60; /* over the end of an hour */
	float want[120];

	for (uint32_t i = 0; i < 120; i++)
		want[i] = (float)mu_rand_unit(&rand);
	for (uint32_t i = 0; i < 120; i++) {
		keeper_tick(&k, at(begin + i));
		if (i % 7 == 0)
			put(begin + i, want[i]);
	}
	for (uint32_t i = 120; i-- > 0;)
		put(begin + i, want[i]);
	keeper_tick(&k, at(begin + 120));
	for (uint32_t minute = 0; minute < 10; minute++) {
		double sum = 0;

		for (uint32_t i = 0; i < 12; i++)
			sum += (double)want[12 * minute + i];
		cr_assert_float_eq(
		    read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, (begin - 1) / 12 + 1 + minute),
		    sum / 12, 1e-7);
	}
	double sum = 0;

	for (uint32_t i = 0; i < 60; i++)
		sum += (double)want[i];
	cr_assert_float_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, (begin - 1) / 720 + 1), sum / 60,
			   1e-7);
}

/* A host that was away for ten minutes, and is back some seconds later: the oldest places are of a
 * minute that is not whole any more, and the newest of one that has not ended. */
Test(archive, every_place_is_filled_late)
{
	uint32_t newest = FIRST + 5, oldest = newest - ARCHIVE_STEPS_KEPT + 1;
	uint32_t minute = (oldest - 1) / 12 + 1, known = minute * 12 - oldest + 1;

	keeper_tick(&k, at(newest));
	for (uint32_t step = newest; step >= oldest; step--)
		cr_assert_eq(put_column(0, step, (float)(step - oldest)), ARCHIVE_TAKEN);
	keeper_tick(&k, at(newest));
	for (uint32_t step = oldest; step <= newest; step++)
		cr_assert_eq(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, step), (float)(step - oldest));
	cr_assert_neq(known, 12);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), (float)(known - 1) / 2);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_MAX, minute + 1), (float)known + 11);
	put(newest + 7, 0);
	keeper_tick(&k, at(newest + 8));
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_MAX, minute + 11), ARCHIVE_STEPS_KEPT - 1);
}

/* Hours weigh minutes by what is known of them. */
Test(archive, counts_are_carried_upwards)
{
	uint32_t hour = (FIRST - 1) / 720 + 1, day = (hour - 1) / 24 + 1;

	archive_tick(k.archive, at(FIRST));
	for (uint32_t i = 0; i < 12; i++)
		put(FIRST + i, 1);
	keeper_tick(&k, at(FIRST + 24));
	put(FIRST + 24, 14);
	keeper_tick(&k, at(FIRST + 720));
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, hour), 2, "(12 * 1 + 14) / 13");
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_MIN, hour), 1);
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_MAX, hour), 14);
	keeper_tick(&k, at(FIRST + 720 * 23));
	for (uint32_t i = 0; i < 13; i++)
		put(FIRST + 720 * 23 + i - 12, 8);
	keeper_tick(&k, at(FIRST + 720 * 24));
	cr_assert_eq(read_at(ARCHIVE_DAYS, ARCHIVE_AVERAGE, day), 5, "(13 * 2 + 13 * 8) / 26");
	cr_assert_eq(read_at(ARCHIVE_DAYS, ARCHIVE_MAX, day), 14);
}

Test(archive, a_clock_that_was_ahead)
{
	uint32_t wrong = FIRST + 1000000;

	archive_tick(k.archive, at(FIRST));
	put(FIRST, 1);
	keeper_tick(&k, at(wrong));
	put(wrong, 99);
	keeper_tick(&k, at(wrong + 12));
	keeper_tick(&k, at(FIRST + 1));
	cr_assert_eq(read_at(ARCHIVE_STEPS, ARCHIVE_AVERAGE, FIRST), 1, "it was not in the way");
	for (uint32_t i = 1; i < 1000; i++) {
		keeper_tick(&k, at(FIRST + i));
		put(FIRST + i, 1);
	}
	keeper_tick(&k, at(FIRST + 1000));
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_MAX, (FIRST + 900) / 12), 1);
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_MAX, (FIRST - 1) / 720 + 1), 1);
}

Test(archive, many_shards)
{
	const struct archive_run runs[] = {
	    {.slot = 1, .column = 3 * ARCHIVE_COLUMNS + 7, .n = 2},
	    {.slot = 0, .column = 1, .n = 1},
	};
	const float values[] = {1, 2, 3};
	struct archive_change change;
	size_t n = 0;
	float v;

	archive_reserve(k.archive, 4 * ARCHIVE_COLUMNS);
	cr_assert_eq(archive_n_shards(k.archive), 4);
	archive_tick(k.archive, at(FIRST));
	cr_assert_eq(archive_put(k.archive, FIRST, runs, 2, values), ARCHIVE_TAKEN);
	archive_read(k.archive, ARCHIVE_STEPS, ARCHIVE_AVERAGE, 3 * ARCHIVE_COLUMNS + 8, FIRST, 1,
		     &v);
	cr_assert_eq(v, 3);
	archive_tick(k.archive, at(FIRST + 12));
	while (archive_next(k.archive, &change)) {
		cr_assert(change.shard == 0 || change.shard == 3);
		n++;
	}
	cr_assert_eq(n, 2, "a minute of each");
}

static size_t n_changes(enum archive_level level)
{
	struct archive_change change;
	size_t n = 0;

	while (archive_next(k.archive, &change))
		n += change.level == level;
	return n;
}

Test(archive, all_of_a_shard_comes_again)
{
	archive_reserve(k.archive, 2 * ARCHIVE_COLUMNS);
	archive_tick(k.archive, at(FIRST + 720));
	put(FIRST + 650, 1);
	put(FIRST + 719, 1);
	cr_assert_eq(put_column(ARCHIVE_COLUMNS, FIRST + 719, 1), ARCHIVE_TAKEN);
	cr_assert_eq(n_changes(ARCHIVE_MINUTES), 3);
	archive_again_all(k.archive, 0);
	cr_assert_eq(n_changes(ARCHIVE_MINUTES), 2);
	archive_again_all(k.archive, 0);
	cr_assert_eq(n_changes(ARCHIVE_HOURS), 1);
	cr_assert_eq(n_changes(ARCHIVE_HOURS), 0);
}

Test(archive, what_could_not_be_written_comes_again)
{
	struct archive_change minute, hour, again;

	archive_tick(k.archive, at(FIRST + 719));
	put(FIRST + 719, 1);
	archive_tick(k.archive, at(FIRST + 720));
	cr_assert(archive_next(k.archive, &minute));
	cr_assert(archive_next(k.archive, &hour));
	cr_assert_eq(hour.level, ARCHIVE_HOURS);
	cr_assert_not(archive_next(k.archive, &again));
	archive_again(k.archive, &hour);
	cr_assert(archive_next(k.archive, &again));
	cr_assert_eq(again.row, hour.row);
	archive_again(k.archive, &minute);
	cr_assert(archive_next(k.archive, &again));
	cr_assert_eq(again.row, minute.row);
	/* It is not in the ring any more: nothing to write. */
	minute.row -= 120;
	archive_again(k.archive, &minute);
	cr_assert_not(archive_next(k.archive, &again));
}

Test(archive, minutes_survive_a_restart)
{
	uint32_t minute = (FIRST - 1) / 12 + 1;

	archive_tick(k.archive, at(FIRST));
	for (uint32_t i = 0; i < 12; i++)
		put(FIRST + i, (float)i);
	put(FIRST + 12, 100);
	keeper_tick(&k, at(FIRST + 24));
	keeper_restart(&k);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), 5.5f);
	/* Of the minute before only one step is there again: what the file had is more. */
	archive_tick(k.archive, at(FIRST + 24));
	put(FIRST + 11, 11);
	put(FIRST + 13, 200);
	put(FIRST + 12, 100);
	keeper_tick(&k, at(FIRST + 25));
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), 5.5f);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute + 1), 150, "this is more");
	/* And the hour is made of them all. */
	keeper_tick(&k, at(FIRST + 720));
	cr_assert_float_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, (FIRST - 1) / 720 + 1),
			   (66.0 + 300.0) / 14, 1e-5);
}

/* An hour is written again with what is known now; less does not replace more. */
Test(archive, an_hour_does_not_lose_what_it_had)
{
	uint32_t hour = (FIRST - 1) / 720 + 1;

	archive_tick(k.archive, at(FIRST));
	for (uint32_t i = 0; i < 12; i++)
		put(FIRST + i, 4);
	keeper_tick(&k, at(FIRST + 720));
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, hour), 4);
	memset(k.file + TILE_FILE_MINUTES_AT, 0, 120 * ARCHIVE_MINUTE_BYTES);
	keeper_restart(&k);
	archive_tick(k.archive, at(FIRST + 720));
	put(FIRST + 719, 8);
	keeper_tick(&k, at(FIRST + 730));
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, hour), 4);
}

Test(archive, damaged_minutes_are_not_taken)
{
	uint32_t minute = (FIRST - 1) / 12 + 1;
	uint8_t *bytes = k.file + tile_file_minute_at(minute);

	archive_tick(k.archive, at(FIRST));
	put(FIRST, 1);
	keeper_tick(&k, at(FIRST + 12));
	cr_assert(archive_restore_minute(k.archive, 0, bytes));
	archive_reserve(k.archive, 2 * ARCHIVE_COLUMNS);
	cr_assert_not(archive_restore_minute(k.archive, 1, bytes), "of another shard");
	for (size_t i = 0; i < ARCHIVE_MINUTE_BYTES; i += 97) {
		bytes[i] ^= 1;
		cr_assert_not(archive_restore_minute(k.archive, 0, bytes), "byte %zu", i);
		bytes[i] ^= 1;
	}
	memset(bytes, 0, ARCHIVE_MINUTE_BYTES);
	cr_assert_not(archive_restore_minute(k.archive, 0, bytes));
}

/* Random steps, restarts at any time: every row is what the steps say. */
Test(archive, any_order_and_any_restart, .timeout = 60)
{
	enum { N = 720 };
	struct mu_rand rand = {7};

	for (int round = 0; round < 5; round++) {
		float known[N];
		uint32_t begin = FIRST + (uint32_t)round * 72000;

		for (size_t i = 0; i < N; i++)
			known[i] = NAN;
		for (uint32_t i = 0; i < N; i++) {
			keeper_tick(&k, at(begin + i));
			for (int n = 0; n < 3; n++) {
				uint32_t back = (uint32_t)mu_rand_below(&rand, 100);
				float v = (float)(1 + mu_rand_below(&rand, 1000));

				if (back > i)
					continue;
				put(begin + i - back, v);
				if (isnan(known[i - back]))
					known[i - back] = v;
			}
		}
		keeper_tick(&k, at(begin + N + 12));
		double sum = 0, n = 0;

		for (size_t i = 0; i < N; i++)
			if (!isnan(known[i])) {
				sum += (double)known[i];
				n++;
			}
		cr_assert_float_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, (begin - 1) / 720 + 1),
				   sum / n, 1e-3);
	}
}

/* --- minutes that were made elsewhere --- */

static bool changed;

static enum archive_verdict put_minute(uint32_t minute, float average, float known)
{
	static const struct archive_run run = {.slot = 0, .column = 0, .n = 2};
	/* the second column's of no step */
	const float values[] = {average, NAN, average - 1, NAN, average + 1, NAN, known, 0};

	return archive_put_minute(k.archive, minute, &run, 1, values, 2, &changed);
}

static uint8_t known_at(uint32_t minute)
{
	uint8_t known;

	archive_read_known(k.archive, 0, minute, 1, &known);
	return known;
}

Test(archive, minutes_of_elsewhere_where_they_know_more)
{
	uint32_t minute = (FIRST - 1) / 12 + 1;

	archive_tick(k.archive, at(FIRST));
	for (uint32_t i = 0; i < 6; i++)
		put(FIRST + i, 1);
	keeper_tick(&k, at(FIRST + 12));
	cr_assert_eq(known_at(minute), 6);
	cr_assert_eq(put_minute(minute, 9, 6), ARCHIVE_TAKEN);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), 1, "as much is no more");
	cr_assert_eq(put_minute(minute, 9, 13), ARCHIVE_TAKEN);
	cr_assert_eq(put_minute(minute, INFINITY, 12), ARCHIVE_TAKEN);
	cr_assert_eq(put_minute(minute, 9, NAN), ARCHIVE_TAKEN);
	cr_assert_eq(known_at(minute), 6, "what makes no sense changes nothing");
	cr_assert_not(changed);
	k.n_minutes = 0;
	keeper_tick(&k, at(FIRST + 12));
	cr_assert_eq(k.n_minutes, 0);
	cr_assert_eq(put_minute(minute, 9, 12), ARCHIVE_TAKEN);
	cr_assert(changed);
	keeper_tick(&k, at(FIRST + 12));
	cr_assert_eq(k.n_minutes, 1, "it is written");
	cr_assert_eq(known_at(minute), 12);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), 9);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_MIN, minute), 8);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_MAX, minute), 10);
	cr_assert(isnan(keeper_read(&k, ARCHIVE_MINUTES, ARCHIVE_AVERAGE, 1, minute)));
	/* Steps that come afterwards do not take it back. */
	put(FIRST + 6, 1);
	keeper_tick(&k, at(FIRST + 13));
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), 9);
	cr_assert_eq(known_at(minute + 1), 0);
}

Test(archive, minutes_of_elsewhere_make_a_closed_hour_anew)
{
	uint32_t minute = (FIRST - 1) / 12 + 1;
	uint32_t hour = (FIRST - 1) / 720 + 1, now = FIRST + 719 + 300;

	/* Half of the hour came in time; then it is over. */
	for (uint32_t i = 0; i < 360; i++) {
		keeper_tick(&k, at(FIRST + i));
		put(FIRST + i, 2);
	}
	keeper_tick(&k, at(now));
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, hour), 2);
	k.n_hours = 0;
	for (uint32_t m = 30; m < 60; m++)
		cr_assert_eq(put_minute(minute + m, 4, 12), ARCHIVE_TAKEN);
	keeper_tick(&k, at(now));
	cr_assert_eq(k.n_hours, 0, "more may come");
	keeper_tick(&k, at(now + 12));
	cr_assert_eq(k.n_hours, 1);
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_AVERAGE, hour), 3);
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_MIN, hour), 2);
	cr_assert_eq(read_at(ARCHIVE_HOURS, ARCHIVE_MAX, hour), 5);
}

Test(archive, minutes_of_elsewhere_that_cannot_be)
{
	uint32_t minute = (FIRST - 1) / 12;

	archive_tick(k.archive, at(FIRST));
	cr_assert_eq(put_minute(0, 1, 12), ARCHIVE_TOO_NEW);
	cr_assert_eq(put_minute(minute + 1, 1, 12), ARCHIVE_TOO_NEW, "it has not ended");
	cr_assert_eq(put_minute(minute, 1, 12), ARCHIVE_TAKEN);
	cr_assert_eq(put_minute(minute - 118, 1, 12), ARCHIVE_TAKEN);
	cr_assert_eq(put_minute(minute - 119, 1, 12), ARCHIVE_TOO_OLD);
}

/* The one change there is. */
static struct archive_change next_minute(void)
{
	struct archive_change change = {0}, other;

	cr_assert(archive_next(k.archive, &change));
	cr_assert_eq(change.level, ARCHIVE_MINUTES);
	cr_assert_not(archive_next(k.archive, &other));
	return change;
}

Test(archive, a_row_that_steps_cannot_make_again)
{
	uint32_t minute = (FIRST - 1) / 12 + 1;
	struct archive_change change;

	archive_tick(k.archive, at(FIRST + 24));
	put(FIRST + 12, 1);
	cr_assert_not(next_minute().late);
	put(FIRST + 13, 1);
	cr_assert_not(next_minute().late, "only steps came");
	cr_assert_eq(put_minute(minute, 1, 3), ARCHIVE_TAKEN);
	cr_assert_not(next_minute().late, "there was none");
	cr_assert_eq(put_minute(minute, 1, 4), ARCHIVE_TAKEN);
	cr_assert_eq(put_minute(minute, 1, 5), ARCHIVE_TAKEN);
	change = next_minute();
	cr_assert(change.late);
	archive_again(k.archive, &change);
	cr_assert(next_minute().late);
	cr_assert_eq(put_minute(minute, 1, 5), ARCHIVE_TAKEN);
	cr_assert_not(archive_next(k.archive, &change), "it knew as much");
}

Test(archive, a_row_is_made_again_of_its_image)
{
	uint32_t minute = (FIRST - 1) / 12 + 1;
	uint8_t image[ARCHIVE_MINUTE_BYTES];
	struct archive_change change;

	archive_tick(k.archive, at(FIRST + 12));
	put(FIRST, 1);
	cr_assert_eq(put_column(1, FIRST + 1, 4), ARCHIVE_TAKEN);
	change = next_minute();
	archive_encode_minute(k.archive, &change, image);
	keeper_restart(&k);
	archive_tick(k.archive, at(FIRST + 24));
	cr_assert_eq(put_minute(minute, 9, 5), ARCHIVE_TAKEN);
	cr_assert(archive_merge_minute(k.archive, image));
	keeper_tick(&k, at(FIRST + 24));
	keeper_restart(&k);
	cr_assert_eq(read_at(ARCHIVE_MINUTES, ARCHIVE_AVERAGE, minute), 9, "it knew more");
	cr_assert_eq(keeper_read(&k, ARCHIVE_MINUTES, ARCHIVE_MAX, 1, minute), 4);
	image[100] ^= 1;
	cr_assert_not(archive_merge_minute(k.archive, image));
	image[100] ^= 1;
	archive_reserve(k.archive, 2 * ARCHIVE_COLUMNS);
	archive_tick(k.archive, at(FIRST + 12));
	cr_assert_eq(put_column(ARCHIVE_COLUMNS, FIRST, 1), ARCHIVE_TAKEN);
	change = next_minute();
	cr_assert_eq(change.shard, 1);
	archive_encode_minute(k.archive, &change, image);
	keeper_restart(&k);
	cr_assert_not(archive_merge_minute(k.archive, image), "there is no such shard");
}

/* Hosts that send for long, one after the other. */
Test(archive, minutes_of_elsewhere_do_not_put_an_hour_off_for_long)
{
	uint32_t minute = (FIRST - 1) / 12 + 1, now = FIRST + 719 + 300;

	for (uint32_t i = 0; i < 24; i++) {
		keeper_tick(&k, at(now + i * 10));
		cr_assert_eq(put_minute(minute + i, 4, 12), ARCHIVE_TAKEN);
	}
	cr_assert_eq(k.n_hours, 1);
	keeper_tick(&k, at(now + 242));
	cr_assert_eq(k.n_hours, 2);
}

Test(archive, an_hour_that_is_due_is_not_put_off)
{
	archive_tick(k.archive, at(FIRST + 719));
	put(FIRST + 700, 1);
	keeper_tick(&k, at(FIRST + 719));
	cr_assert_eq(put_minute((FIRST - 1) / 12 + 3, 4, 12), ARCHIVE_TAKEN);
	keeper_tick(&k, at(FIRST + 720));
	cr_assert_eq(k.n_hours, 1);
}
