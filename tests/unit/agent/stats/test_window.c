/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/window.h"
#include "common/base/rand.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct mu_uuid object = {{1}};

/* One sample of `n` series whose names begin with `kind`; values are the time and the number. */
static bool add(struct window *w, mu_msec time, char kind, size_t n)
{
	MU_CLEANUP(metric_list_deinit) struct metric_list l = METRIC_LIST_INIT;

	for (size_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof name, "%c%zu", kind, i);
		metric_list_add(&l, &object, name, METRIC_GAUGE, METRIC_COUNT,
				(double)time + (double)i);
	}
	return window_add(w, time, &l);
}

static struct window_batches next_batches(struct window *w)
{
	struct window_dictionary d;
	struct window_batches b = {0};

	cr_assert_eq(window_next(w, &d, &b), WINDOW_BATCHES);
	cr_assert(b.n > 0 && b.n <= WINDOW_BATCHES_MAX);
	return b;
}

/* The only one that waits. */
static struct window_batch next_batch(struct window *w)
{
	struct window_batches b = next_batches(w);

	cr_assert_eq(b.n, 1);
	return b.batch[0];
}

/* All that wait, of one dictionary: from `first` to `last`. */
static void expect_batches(struct window *w, uint64_t first, uint64_t last)
{
	struct window_batches b = next_batches(w);

	cr_assert_eq(b.n, last - first + 1, "%zu", b.n);
	for (size_t i = 0; i < b.n; i++)
		cr_assert_eq(b.batch[i].seq, first + i);
}

static struct window_dictionary next_dictionary(struct window *w)
{
	struct window_dictionary d = {0};
	struct window_batches b;

	cr_assert_eq(window_next(w, &d, &b), WINDOW_DICTIONARY);
	return d;
}

static void expect_nothing(struct window *w)
{
	struct window_dictionary d;
	struct window_batches b;

	cr_assert_eq(window_next(w, &d, &b), WINDOW_NOTHING);
}

Test(window, dictionary_once_then_batches)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});
	struct window_dictionary d;
	struct window_batches b;

	cr_assert_null(window_free(NULL));
	expect_nothing(w);
	cr_assert(add(w, 5000, 'a', 3));
	cr_assert(add(w, 10000, 'a', 3));
	d = next_dictionary(w);
	cr_assert_eq(d.n, 3);
	cr_assert_str_eq(d.series[2].name, "a2");
	b = next_batches(w);
	cr_assert_eq(b.generation, d.generation);
	cr_assert_eq(b.n, 2);
	cr_assert_eq(b.batch[0].seq, 1);
	cr_assert_eq(b.batch[0].time, 5000);
	cr_assert_eq(b.batch[0].n, 3);
	cr_assert_float_eq(b.batch[0].value[2], 5002, 0.1);
	cr_assert_eq(b.batch[1].seq, 2);
	cr_assert_float_eq(b.batch[1].value[0], 10000, 0.1);
	expect_nothing(w);
	cr_assert(add(w, 15000, 'a', 3));
	cr_assert_eq(next_batch(w).seq, 3);
	expect_nothing(w);
}

Test(window, series_that_change_make_a_new_generation)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});
	uint32_t first, second;
	struct window_batches b;

	add(w, 5000, 'a', 3);
	add(w, 10000, 'a', 4);
	add(w, 15000, 'b', 4);
	first = next_dictionary(w).generation;
	b = next_batches(w);
	cr_assert(b.generation == first && b.n == 1);
	second = next_dictionary(w).generation;
	cr_assert_neq(first, second);
	cr_assert_eq(next_batch(w).n, 4);
	cr_assert_neq(next_dictionary(w).generation, second);
	cr_assert_eq(next_batch(w).seq, 3);
	expect_nothing(w);
}

Test(window, what_goes_together_is_bounded)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});
	MU_CLEANUP(window_free) struct window *v = window_new(&(struct window_limits){0});
	MU_CLEANUP(window_free) struct window *u = window_new(&(struct window_limits){0});

	for (mu_msec t = 1; t <= WINDOW_BATCHES_MAX + 1; t++) {
		add(w, t * 5000, 'a', 1);
		add(v, t * 5000, 'a', WINDOW_NUMBERS_MAX / 4);
		add(u, t * 5000, 'a', WINDOW_NUMBERS_MAX + 1);
	}
	(void)next_dictionary(w);
	expect_batches(w, 1, WINDOW_BATCHES_MAX);
	cr_assert_eq(next_batch(w).seq, WINDOW_BATCHES_MAX + 1);
	(void)next_dictionary(v);
	expect_batches(v, 1, 4);
	expect_batches(v, 5, 8);
	/* One alone is as large as it is. */
	(void)next_dictionary(u);
	cr_assert_eq(next_batch(u).seq, 1);
	cr_assert_eq(next_batch(u).seq, 2);
}

Test(window, same_grid_point_is_refused)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});
	struct window_status st;

	cr_assert(add(w, 5000, 'a', 1));
	cr_assert_not(add(w, 5000, 'a', 1));
	window_status(w, &st);
	cr_assert_eq(st.last_seq, 1);
	/* Somebody set the clock back: kept, under its number. */
	cr_assert(add(w, 1000, 'a', 1));
}

Test(window, acknowledged_is_forgotten)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});
	struct window_status st;

	for (int i = 1; i <= 10; i++)
		add(w, 5000 * i, 'a', 2);
	window_ack(w, 4);
	window_ack(w, 3);
	window_ack(w, 11);
	window_status(w, &st);
	cr_assert_eq(st.n_batches, 6);
	cr_assert_eq(st.acked_seq, 4);
	cr_assert_eq(st.lost, 0);
	(void)next_dictionary(w);
	expect_batches(w, 5, 10);
	window_ack(w, 10);
	expect_nothing(w);
	window_status(w, &st);
	cr_assert_eq(st.n_batches, 0);
}

Test(window, new_stream_replays_what_the_other_side_lacks)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});

	for (int i = 1; i <= 6; i++)
		add(w, 5000 * i, 'a', 2);
	(void)next_dictionary(w);
	expect_batches(w, 1, 6);
	window_ack(w, 2);
	/* The last acknowledgement was lost with the stream. */
	window_rewind(w, 3);
	(void)next_dictionary(w);
	expect_batches(w, 4, 6);
	expect_nothing(w);
	/* An aggregator that forgot everything. */
	window_rewind(w, 0);
	(void)next_dictionary(w);
	expect_batches(w, 4, 6);
}

Test(window, bounded_in_number_and_bytes)
{
	const struct window_limits few = {.max_batches = 5};
	const struct window_limits small = {.max_bytes = 10000};
	MU_CLEANUP(window_free) struct window *w = window_new(&few);
	MU_CLEANUP(window_free) struct window *v = window_new(&small);
	struct window_status st;

	for (int i = 1; i <= 12; i++)
		add(w, 5000 * i, 'a', 2);
	window_status(w, &st);
	cr_assert_eq(st.n_batches, 5);
	cr_assert_eq(st.lost, 7);
	(void)next_dictionary(w);
	expect_batches(w, 8, 12); /* the gap in the numbers tells what was lost */
	for (int i = 1; i <= 100; i++) {
		add(v, 5000 * i, 'a', 50);
		window_status(v, &st);
		cr_assert_leq(st.bytes, 10000);
	}
	cr_assert_gt(st.n_batches, 1);
	/* One sample that is over the limit alone is kept: better than none. */
	add(v, 1000000, 'a', 5000);
	window_status(v, &st);
	cr_assert_eq(st.n_batches, 1);
}

/* How many of them are new. */
static uint64_t receive(uint8_t *has, const struct window_batches *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		cr_assert(i == 0 || b->batch[i].seq > b->batch[i - 1].seq);
		n += !has[b->batch[i].seq];
		has[b->batch[i].seq] = 1;
	}
	return n;
}

/* Against a list that keeps everything: whatever happens, the other side gets each number at most
 * once per stream, in order, with the dictionary it needs, and at the end everything that was not
 * counted as lost. */
Test(window, no_sample_is_missing_whatever_the_stream_does)
{
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct mu_rand rand = {.state = seed};
		bool roomy = seed % 2 == 0;
		const struct window_limits limits = {
		    .max_batches = roomy ? 2000 : 1 + mu_rand_below(&rand, 40)};
		MU_CLEANUP(window_free) struct window *w = window_new(&limits);
		static uint8_t has[2048];
		uint64_t got = 0, last_on_stream = 0, n_has = 0;
		uint32_t generation = 0;
		mu_msec time = 0;
		struct window_status st;

		memset(has, 0, sizeof has);
		for (int i = 0; i < 1000; i++) {
			struct window_dictionary d;
			struct window_batches b;

			switch (mu_rand_below(&rand, i % 100 < 50 ? 4 : 3)) {
			case 0:
				time += 5000;
				add(w, time, (char)('a' + mu_rand_below(&rand, 2)),
				    1 + (size_t)i / 400);
				break;
			case 1:
			case 2: {
				enum window_item item = window_next(w, &d, &b);

				if (item == WINDOW_DICTIONARY)
					generation = d.generation;
				if (item != WINDOW_BATCHES)
					break;
				cr_assert_eq(b.generation, generation);
				cr_assert_gt(b.batch[0].seq, last_on_stream);
				last_on_stream = b.batch[b.n - 1].seq;
				n_has += receive(has, &b);
				got = last_on_stream > got ? last_on_stream : got;
				if (mu_rand_below(&rand, 3) == 0)
					window_ack(w, b.batch[mu_rand_below(&rand, b.n)].seq);
				break;
			}
			default:
				window_rewind(w, mu_rand_below(&rand, 2) ? got : 0);
				generation = 0;
				last_on_stream = 0;
				break;
			}
		}
		window_rewind(w, got);
		for (;;) {
			struct window_dictionary d;
			struct window_batches b;
			enum window_item item = window_next(w, &d, &b);

			if (item == WINDOW_NOTHING)
				break;
			if (item == WINDOW_BATCHES)
				n_has += receive(has, &b);
		}
		window_status(w, &st);
		cr_assert_geq(n_has + st.lost, st.last_seq, "seed %lu: %lu + %lu of %lu", seed,
			      n_has, st.lost, st.last_seq);
		if (roomy) {
			cr_assert_eq(st.lost, 0);
			cr_assert_eq(n_has, st.last_seq, "seed %lu", seed);
		}
	}
}

Test(window, what_is_too_old_for_a_stream_is_left_out)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});
	struct window_status st;

	cr_assert_eq(window_oldest(w), 0);
	for (mu_msec t = 1; t <= 4; t++)
		add(w, t * 5000, 'a', 1);
	cr_assert_eq(window_oldest(w), 5000);
	window_skip(w, 15000);
	cr_assert_eq(window_oldest(w), 15000);
	(void)next_dictionary(w);
	expect_batches(w, 3, 4);
	window_skip(w, 0);
	expect_nothing(w); /* what was sent is not sent again */
	window_skip(w, 30000);
	window_status(w, &st);
	cr_assert(st.n_batches == 4 && st.lost == 0, "kept until they are acknowledged");
	window_rewind(w, 0);
	cr_assert_eq(window_oldest(w), 5000);
}

Test(window, every_twelfth_batch_asks_for_an_acknowledgement)
{
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});

	add(w, 1, 'a', 1);
	(void)next_dictionary(w);
	cr_assert(next_batches(w).ack_later);
	for (uint64_t seq = 2; seq <= 25; seq++) {
		add(w, (mu_msec)seq * 5000, 'a', 1);
		cr_assert_eq(next_batches(w).ack_later, seq != 12 && seq != 24);
	}
	/* Of several it is enough that one does. */
	for (uint64_t seq = 26; seq <= 35; seq++)
		add(w, (mu_msec)seq * 5000, 'a', 1);
	cr_assert(next_batches(w).ack_later);
	for (uint64_t seq = 36; seq <= 38; seq++)
		add(w, (mu_msec)seq * 5000, 'a', 1);
	cr_assert_not(next_batches(w).ack_later);
}

/* ---- counters ---- */

/* Of two series the second has a counter. */
static void add_count(struct window *w, mu_msec time, uint64_t count, mu_msec since)
{
	MU_CLEANUP(metric_list_deinit) struct metric_list l = METRIC_LIST_INIT;

	metric_list_add(&l, &object, "memory", METRIC_GAUGE, METRIC_BYTES, 1);
	metric_list_add(&l, &object, "vif_0_rx", METRIC_RATE, METRIC_BYTES_PER_S, 2);
	metric_list_count(&l, count, since);
	cr_assert(window_add(w, time, &l));
}

static void expect_counted(const struct window_batch *b, bool base, int64_t counted)
{
	cr_assert_eq(b->base, base);
	cr_assert_eq(b->n_counted, 1);
	cr_assert_eq(b->counted[0], counted, "%lld", (long long)b->counted[0]);
}

static void expect_lane(struct window *w, bool base, int64_t counted)
{
	struct window_batch b = next_batch(w);

	expect_counted(&b, base, counted);
}

Test(window, counters_go_as_differences_between_bases)
{
	static const uint64_t counts[] = {
	    1000, 1007, METRIC_COUNT_UNKNOWN, (uint64_t)INT64_MAX + 1, 2000, 1999, 1999};
	static const struct {
		bool base;
		int64_t counted;
	} lanes[] = {
	    {true, 1000}, {false, 7}, {true, WINDOW_UNKNOWN}, {false, 0}, {true, 2000},
	    {true, 1999}, {false, 0},
	};
	MU_CLEANUP(window_free) struct window *w = window_new(&(struct window_limits){0});
	struct window_batches b;

	for (size_t i = 0; i < MU_ARRAY_SIZE(counts); i++)
		add_count(w, (mu_msec)i + 1, counts[i], 77);
	cr_assert_eq(next_dictionary(w).series[1].since, 77);
	b = next_batches(w);
	cr_assert_eq(b.n, MU_ARRAY_SIZE(lanes));
	for (size_t i = 0; i < b.n; i++)
		expect_counted(&b.batch[i], lanes[i].base, lanes[i].counted);
	/* And from one message to the next. */
	add_count(w, 8, 2010, 77);
	expect_lane(w, false, 11);
}

Test(window, counters_begin_with_a_base)
{
	const struct window_limits few = {.max_batches = 2};
	MU_CLEANUP(window_free) struct window *w = window_new(&few);
	struct window_batches two;

	add_count(w, 1, 10, 77);
	(void)next_dictionary(w);
	expect_lane(w, true, 10);
	/* One that is lost in between. */
	for (mu_msec t = 2; t <= 4; t++)
		add_count(w, t, 10 * (uint64_t)t, 77);
	two = next_batches(w);
	cr_assert_eq(two.n, 2);
	expect_counted(&two.batch[0], true, 30);
	expect_counted(&two.batch[1], false, 10);
	/* Another stream. */
	window_rewind(w, 3);
	(void)next_dictionary(w);
	expect_lane(w, true, 40);
	/* They began anew: another dictionary. */
	add_count(w, 5, 50, 78);
	cr_assert_eq(next_dictionary(w).series[1].since, 78);
	expect_lane(w, true, 50);
	add(w, 6, 'a', 3);
	(void)next_dictionary(w);
	cr_assert_eq(next_batch(w).n_counted, 0);
}

/* How it stands after a batch, before which it stood so. */
static uint64_t add_up(const struct window_batch *b, uint64_t before, uint64_t last)
{
	uint64_t now = (uint64_t)b->counted[0];

	cr_assert(b->base || (last + 1 == b->seq && b->counted[0] >= 0));
	if (b->base)
		return b->counted[0] == WINDOW_UNKNOWN ? METRIC_COUNT_UNKNOWN : now;
	return before == METRIC_COUNT_UNKNOWN ? before : before + now;
}

/* As the other side reads it: whatever a stream does, what it adds up to is what was counted. */
Test(window, counters_add_up_whatever_the_stream_does)
{
	static uint64_t truth[1024];

	for (uint64_t seed = 0; seed < 100; seed++) {
		struct mu_rand rand = {.state = seed};
		const struct window_limits limits = {.max_batches = 1 + mu_rand_below(&rand, 10)};
		MU_CLEANUP(window_free) struct window *w = window_new(&limits);
		uint64_t count = 0, n_added = 0, last = 0, sum = 0, n_bases = 0;

		for (int i = 0; i < 1000; i++) {
			struct window_dictionary d;
			struct window_batches b;

			switch (mu_rand_below(&rand, 10)) {
			case 0:
				window_rewind(w, mu_rand_below(&rand, 2) ? last : 0);
				last = 0;
				break;
			case 1:
			case 2:
			case 3:
			case 4:
				count +=
				    mu_rand_below(&rand, UINT64_C(1) << mu_rand_below(&rand, 50));
				if (mu_rand_below(&rand, 20) == 0)
					count = 0;
				truth[++n_added] =
				    mu_rand_below(&rand, 20) ? count : METRIC_COUNT_UNKNOWN;
				add_count(w, (mu_msec)n_added, truth[n_added],
					  1 + (mu_msec)n_added / 50);
				break;
			default:
				switch (window_next(w, &d, &b)) {
				case WINDOW_NOTHING:
					break;
				case WINDOW_DICTIONARY:
					last = 0;
					break;
				case WINDOW_BATCHES:
					for (size_t k = 0; k < b.n; k++) {
						const struct window_batch *one = &b.batch[k];

						sum = add_up(one, sum, last);
						cr_assert_eq(sum, truth[one->seq]);
						last = one->seq;
						n_bases += one->base;
					}
					break;
				}
				break;
			}
		}
		cr_assert_gt(n_bases, 0);
	}
}
