/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals that are written down, and those that are counted. */
#include "aggregator/core/refusals.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct refusals *r;

static void setup(void)
{
	r = refusals_new();
}

static void teardown(void)
{
	r = refusals_free(r);
}

TestSuite(refusals, .init = setup, .fini = teardown);

static bool note(const char *who, const char *what, int64_t at)
{
	return refusals_note(r, who, what, false, MU_SEC(at));
}

static void expect_due(int64_t at, const char *who, const char *what, uint64_t n, int64_t within)
{
	struct refusal out = {.n = 0};

	cr_assert(refusals_due(r, MU_SEC(at), &out), "at %d s", (int)at);
	cr_expect_str_eq(out.who, who);
	cr_expect_str_eq(out.what, what);
	cr_expect_eq(out.n, n);
	cr_expect_eq(out.within, MU_SEC(within));
}

static void expect_nothing(int64_t at)
{
	struct refusal out;

	cr_expect_not(refusals_due(r, MU_SEC(at), &out), "at %d s", (int)at);
}

Test(refusals, the_first_and_how_many_more)
{
	cr_expect_eq(refusals_next(r), -1);
	cr_expect(note("ann", "GET /a", 0));
	cr_expect_not(note("ann", "GET /a", 1));
	cr_expect_not(note("ann", "GET /a", 59));
	cr_expect(note("ann", "GET /b", 2), "another kind");
	cr_expect(note("bob", "GET /a", 3), "another user");
	cr_expect_eq(refusals_next(r), MU_SEC(60));
	expect_nothing(59);
	expect_due(60, "ann", "GET /a", 2, 60);
	expect_nothing(60);
}

/* Polled for a day: some thirty rows. */
Test(refusals, who_goes_on_is_told_of_ever_more_seldom)
{
	size_t n_rows = note("ann", "GET /a", 0);
	uint64_t n = 1;
	struct refusal out;

	for (int64_t at = 1; at <= 86400; at++) {
		cr_assert_not(note("ann", "GET /a", at));
		while (refusals_due(r, MU_SEC(at), &out)) {
			n_rows++;
			n += out.n;
			cr_assert_leq(out.within, MU_SEC(3600));
		}
	}
	cr_expect_leq(n_rows, 30);
	cr_expect_geq(n, 86401 - 3600);
}

Test(refusals, one_after_a_quiet_time_is_told_at_once)
{
	cr_expect(note("ann", "GET /a", 0));
	expect_nothing(60);
	cr_expect(note("ann", "GET /a", 61));
	cr_expect_not(note("ann", "GET /a", 62));
	expect_nothing(120);
	expect_due(181, "ann", "GET /a", 1, 120);
	expect_nothing(421); /* quiet from here on */
	cr_expect_eq(refusals_next(r), MU_SEC(421 + 3600));
	expect_nothing(421 + 3600);
	cr_expect_eq(refusals_next(r), -1, "forgotten");
	cr_expect(note("ann", "GET /a", 9000));
	cr_expect_eq(refusals_next(r), MU_SEC(9060), "as if for the first time");
}

Test(refusals, nobody_fills_the_table)
{
	char what[32];
	size_t n_told = 0;

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(what, sizeof what, "GET /%d", i);
		n_told += note("ann", what, 0);
	}
	cr_expect_eq(n_told, REFUSALS_EACH_MAX + 1);
	cr_expect(note("bob", "GET /a", 0));
	for (int i = 0; i < REFUSALS_EACH_MAX; i++)
		expect_nothing(59);
	expect_due(60, "ann", "other requests", 1000 - REFUSALS_EACH_MAX - 1, 60);
}

Test(refusals, nor_do_many)
{
	char who[32];
	size_t n_told = 0;

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(who, sizeof who, "user %d", i);
		n_told += note(who, "GET /a", 0);
	}
	cr_expect_eq(n_told, REFUSALS_MAX);
	expect_due(60, "others", "others", 1000 - REFUSALS_MAX, 60);
}

Test(refusals, each_change_as_long_as_they_are_few)
{
	mu_msec again = REFUSALS_EVERY_MS;

	for (int i = 0; i < REFUSALS_BURST; i++)
		cr_expect(refusals_note(r, "ann", "PUT /a", true, 0), "%d", i);
	cr_expect_eq(refusals_next(r), -1, "nothing is only counted");
	cr_expect(refusals_note(r, "ann", "PUT /a", true, 1), "the first of its kind");
	cr_expect_not(refusals_note(r, "ann", "PUT /a", true, again - 1));
	cr_expect(refusals_note(r, "ann", "PUT /a", true, again), "one more");
	cr_expect_not(refusals_note(r, "ann", "PUT /a", true, again + 1));
	expect_due(61, "ann", "PUT /a", 2, 60);
	for (int i = 0; i < REFUSALS_BURST; i++)
		cr_expect(refusals_note(r, "bob", "PUT /a", true, 2 * REFUSALS_BURST * again),
			  "a pause fills it: %d", i);
}
