/* SPDX-License-Identifier: Apache-2.0 */
/* From readings to alarms: the triggers by scripts and by random walks, then all of them together.
 */
#include "aggregator/core/alarms.h"
#include "common/base/mem.h"
#include "common/base/rand.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct alarm_rule rule;
static struct alarms *alarms;
static struct alarms_changes out;

static void setup(void)
{
	const struct mu_uuid id = {{1}};

	alarm_rule_init(&rule, &id);
	(void)snprintf(rule.name, sizeof rule.name, "full");
	rule.of = ALARM_OF_SR;
	rule.limits[ALARM_WARNING] = (struct alarm_limit){true, 80};
	rule.limits[ALARM_CRITICAL] = (struct alarm_limit){true, 90};
	rule.hysteresis = 2;
	alarms = alarms_new();
	out = (struct alarms_changes){0};
}

static void teardown(void)
{
	alarms_free(alarms);
	alarms_changes_deinit(&out);
}

TestSuite(alarms, .init = setup, .fini = teardown);

/* --- one rule, one object --- */

/* A reading every 5 s: a number, "?" (not known), "!" (nobody looked for 10 minutes). The levels
 * after each but "!": "." "w" "c". */
static void play(const char *script, const char *want)
{
	char *words = mu_xstrdup(script);
	char *rest = words;
	char *word;
	char got[64] = "";
	size_t n = 0;
	mu_msec now = 1000;
	struct alarm_state s = {0};

	while ((word = strsep(&rest, " "))) {
		struct alarm_reading r = {.known = word[0] != '?', .value = atof(word)};

		now += word[0] == '!' ? MU_SEC(600) : MU_SEC(5);
		if (word[0] == '!')
			continue;
		alarm_state_step(&s, &rule, &r, now);
		got[n++] = ".wc"[alarm_state_level(&s)];
	}
	cr_expect_str_eq(got, want, "%s: got %s", script, got);
	free(words);
}

Test(alarms, levels_and_hysteresis)
{
	play("79 80 79 78.1 78 79 80", ".www..w");
	play("79 90 89 88 79 78 100", ".ccww.c");
	rule.hysteresis = 0;
	play("80 79.9 80", "w.w");
	rule.limits[ALARM_CRITICAL].set = false;
	play("95 79", "w.");
}

Test(alarms, below)
{
	rule.below = true;
	rule.limits[ALARM_WARNING].at = 20;
	rule.limits[ALARM_CRITICAL].at = 10;
	play("21 20 21 21.9 22 10 11 12 22", ".www.ccw.");
}

Test(alarms, it_has_to_last)
{
	rule.hold = MU_SEC(10);
	play("85 85 85 85", "..ww");
	play("85 85 79 85 85 85", ".....w");
	play("85 95 95 85 85 95 95 95", "..wwwwwc");
	rule.release = MU_SEC(10);
	play("85 85 85 70 70 70", "..www.");
	play("85 85 85 70 70 79 70 70 70", "..wwwwww.");
	play("95 95 95 85 85 85 70 70 70", "..cccwww.");
}

Test(alarms, what_is_not_known_is_not_zero)
{
	play("85 ? ? ? 85 70", "wwwww.");
	play("? ?", "..");
	rule.hold = MU_SEC(10);
	rule.release = MU_SEC(10);
	/* 5 s, a hole that does not count, 5 s */
	play("85 85 ? ? 85 85 85", ".....ww");
	play("85 85 ! 85 85 85", "...ww");
	play("85 85 85 70 70 ? ? 70 70", "..wwwwww.");
	play("85 85 85 70 ! 70 70 70", "..wwww.");
}

/* Time that goes back counts for nothing. */
Test(alarms, a_clock_that_goes_back)
{
	struct alarm_state s = {0};
	const struct alarm_reading r = {.known = true, .value = 85};

	rule.hold = MU_SEC(5);
	alarm_state_step(&s, &rule, &r, MU_SEC(100));
	alarm_state_step(&s, &rule, &r, MU_SEC(90));
	cr_expect_eq(alarm_state_level(&s), ALARM_NONE);
	alarm_state_step(&s, &rule, &r, MU_SEC(95));
	cr_expect_eq(alarm_state_level(&s), ALARM_WARNING);
}

Test(alarms, verdicts)
{
	cr_expect_eq(alarm_state_verdict(&rule, 79), ALARM_NONE);
	cr_expect_eq(alarm_state_verdict(&rule, 80), ALARM_WARNING);
	cr_expect_eq(alarm_state_verdict(&rule, 90), ALARM_CRITICAL);
}

/* --- random walks --- */

struct walk {
	struct mu_rand rand;
	mu_msec now;
	mu_msec over;   /* known time without a break over the limit */
	mu_msec behind; /* and behind limit and hysteresis */
	bool known;
};

static struct alarm_reading next_reading(struct walk *w, mu_msec *ret_passed)
{
	struct alarm_reading r = {.known = mu_rand_below(&w->rand, 5) > 0,
				  .value = 70 + (double)mu_rand_below(&w->rand, 20)};
	mu_msec gap = mu_rand_below(&w->rand, 20) == 0 ? MU_SEC(100) : MU_SEC(5);

	w->now += gap;
	*ret_passed = w->known && r.known && gap <= ALARM_GAP_MS ? gap : 0;
	w->known = r.known;
	return r;
}

static void count(bool is_so, mu_msec passed, mu_msec *for_how_long)
{
	if (!is_so)
		*for_how_long = -1;
	else
		*for_how_long = *for_how_long < 0 ? 0 : *for_how_long + passed;
}

/* A trigger changes only for a reason that is known, and never later than it has one. */
Test(alarms, walks)
{
	rule.limits[ALARM_CRITICAL].set = false;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct walk w = {.rand = {seed}, .now = 1000, .over = -1, .behind = -1};
		struct alarm_state s = {0};

		rule.hysteresis = (double)(seed % 4);
		rule.hold = MU_SEC(seed % 5 * 5);
		rule.release = MU_SEC(seed % 3 * 5);
		for (int i = 0; i < 500; i++) {
			enum alarm_level before = alarm_state_level(&s);
			mu_msec passed;
			struct alarm_reading r = next_reading(&w, &passed);
			bool over = r.value >= 80;
			bool behind = !over && r.value <= 80 - rule.hysteresis;

			if (r.known) {
				count(over, passed, &w.over);
				count(behind, passed, &w.behind);
			}
			alarm_state_step(&s, &rule, &r, w.now);
			if (!r.known)
				cr_assert_eq(alarm_state_level(&s), before, "unknown is no reason");
			else if (before == ALARM_NONE)
				cr_assert_eq(alarm_state_level(&s) != ALARM_NONE,
					     over && w.over >= rule.hold, "seed %d step %d",
					     (int)seed, i);
			else
				cr_assert_eq(alarm_state_level(&s) == ALARM_NONE,
					     behind && w.behind >= rule.release, "seed %d step %d",
					     (int)seed, i);
		}
	}
}

/* --- all together --- */

static const struct mu_uuid sr_a = {{0xa}};
static const struct mu_uuid sr_b = {{0xb}};

static void put(void)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(alarms_rule_put(alarms, &rule, &err), 0, "%s", err.text);
}

/* What came out since the last time: "raised:warning:85". */
static const char *told(void)
{
	static const char *const names[_ALARMS_WHAT_COUNT] = {
	    [ALARMS_RAISED] = "raised",       [ALARMS_LEVEL] = "level",
	    [ALARMS_VALUE] = "value",         [ALARMS_ACKNOWLEDGED] = "acknowledged",
	    [ALARMS_ANNOUNCED] = "announced", [ALARMS_CLEARED] = "cleared",
	};
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < out.n_items && len < sizeof text; i++) {
		const struct alarms_change *c = &out.items[i];

		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s:%s:%g", i ? " " : "",
					names[c->what], alarm_level_name(c->alarm.level),
					c->alarm.value);
	}
	alarms_changes_reset(&out);
	return text;
}

/* A round in which A reads this, at this second; NAN: not known; -1: it is not there. */
static size_t look(double value, int second)
{
	const struct alarm_reading r = {value >= 0, value >= 0 ? value : 0, "percent"};

	alarms_round_begin(alarms);
	if (!(value < 0))
		alarms_step(alarms, 0, &sr_a, &r, MU_SEC(second), 1000000 + MU_SEC(second), &out);
	return alarms_round_end(alarms, &out);
}

static bool remember(const struct alarm *a, void *arg)
{
	*(struct alarm *)arg = *a;
	return false;
}

Test(alarms, an_episode)
{
	struct alarm found = {.level = ALARM_NONE};
	struct mu_uuid id;

	put();
	look(70, 0);
	cr_expect_str_eq(told(), "");
	look(85, 5);
	cr_expect_str_eq(told(), "raised:warning:85");
	alarms_each(alarms, remember, &found);
	cr_expect_str_eq(found.name, "full");
	cr_expect_str_eq(found.unit, "percent");
	cr_expect_eq(found.of, ALARM_OF_SR);
	cr_expect_eq(found.since, 1000000 + MU_SEC(5));
	cr_expect(found.measured);
	id = alarm_id(&sr_a, rule.key);
	cr_expect(mu_uuid_equal(&found.id, &id));
	cr_expect_eq(alarms_find(alarms, &id)->level, ALARM_WARNING);
	look(86, 10);
	cr_expect_str_eq(told(), "", "a value is told once a minute");
	look(86, 65);
	cr_expect_str_eq(told(), "value:warning:86");
	look(86, 200);
	cr_expect_str_eq(told(), "", "the same one is not");
	look(95, 205);
	cr_expect_str_eq(told(), "level:critical:95");
	cr_expect_eq(alarms_find(alarms, &id)->since, 1000000 + MU_SEC(5));
	look(70, 210);
	cr_expect_str_eq(told(), "cleared:critical:70");
	cr_expect_null(alarms_find(alarms, &id));
	look(70, 215);
	look(85, 220);
	cr_expect_str_eq(told(), "raised:warning:85", "another one");
}

/* Raised for one limit, pending for another: one entry, and it ends once. */
Test(alarms, cleared_but_still_pending)
{
	rule.limits[ALARM_WARNING].at = 50;
	rule.hold = MU_SEC(10);
	put();
	for (int i = 0; i < 4; i++)
		look(60, i * 5);
	cr_expect_str_eq(told(), "raised:warning:60");
	rule.limits[ALARM_WARNING].at = 85;
	rule.limits[ALARM_CRITICAL].at = 86;
	put();
	look(70, 20);
	cr_expect_str_eq(told(), "cleared:warning:70");
	look(87, 25);
	cr_expect_str_eq(told(), "");
	look(70, 30);
	cr_expect_str_eq(told(), "");
}

Test(alarms, what_is_gone_is_over)
{
	put();
	look(85, 0);
	(void)told();
	look(-1, 5);
	cr_expect_str_eq(told(), "cleared:warning:85");
	rule.hold = MU_SEC(60);
	put();
	look(85, 10);
	look(-1, 15);
	cr_expect_str_eq(told(), "", "it was never raised");
}

/* Which of what came out is to be told, as "1" and "0". */
static const char *audible(void)
{
	static char text[32];
	size_t n = out.n_items < sizeof text ? out.n_items : sizeof text - 1;

	for (size_t i = 0; i < n; i++)
		text[i] = out.items[i].notify ? '1' : '0';
	text[n] = '\0';
	return text;
}

Test(alarms, silence)
{
	rule.silent_until = 1000000 + MU_SEC(100);
	put();
	look(85, 0);
	look(95, 5);
	look(85, 10);
	cr_expect_str_eq(audible(), "000");
	(void)told();
	look(70, 15);
	cr_expect_str_eq(audible(), "0", "nobody knows that it began");
	(void)told();
	look(85, 20);
	look(85, 95);
	(void)told();
	look(85, 100);
	cr_expect_str_eq(audible(), "1");
	cr_expect_str_eq(told(), "announced:warning:85", "it is so when silence is over");
	look(85, 105);
	cr_expect_str_eq(told(), "");
	rule.silent_until = 1000000 + MU_SEC(200);
	put();
	look(95, 110);
	cr_expect_str_eq(audible(), "0");
	(void)told();
	look(70, 115);
	cr_expect_str_eq(audible(), "1", "who knows that it began is told that it is over");
	(void)told();
}

Test(alarms, silence_and_what_is_known)
{
	struct mu_uuid id = alarm_id(&sr_a, rule.key);

	rule.notify = false;
	put();
	look(85, 0);
	cr_expect(alarms_acknowledge(alarms, &id, "admin", 5, &out));
	rule.notify = true;
	put();
	(void)told();
	look(85, 5);
	cr_expect_str_eq(told(), "", "it is known already");
	look(70, 10);
	cr_expect_str_eq(audible(), "0");
	(void)told();
}

/* Its host is away, say. */
Test(alarms, what_is_raised_stays_while_nothing_is_known)
{
	const struct alarm_reading unknown = {.known = false};
	struct mu_uuid id = alarm_id(&sr_a, rule.key);

	put();
	look(85, 0);
	(void)told();
	for (int i = 1; i < 100; i++) {
		alarms_round_begin(alarms);
		alarms_step(alarms, 0, &sr_a, &unknown, MU_SEC(i), MU_SEC(i), &out);
		alarms_round_end(alarms, &out);
	}
	cr_expect_str_eq(told(), "");
	cr_expect_eq(alarms_find(alarms, &id)->level, ALARM_WARNING);
	alarms_step(alarms, 0, &sr_b, &unknown, 0, 0, &out);
	cr_expect_str_eq(told(), "", "nothing is made of nothing");
}

Test(alarms, rules_come_and_go)
{
	struct mu_error err = MU_ERROR_INIT;
	struct alarm_rule other = rule;

	put();
	cr_expect_str_eq(alarms_rule_find(alarms, &rule.id)->name, "full");
	cr_expect_eq(alarms_rule_at(alarms, 0)->id.bytes[0], 1);
	cr_expect_null(alarms_rule_at(alarms, 1));
	for (int i = 1; i < ALARMS_RULES_MAX; i++) {
		other.id.bytes[1] = (uint8_t)i;
		cr_assert_eq(alarms_rule_put(alarms, &other, &err), 0);
	}
	other.id.bytes[1] = ALARMS_RULES_MAX;
	cr_expect_lt(alarms_rule_put(alarms, &other, &err), 0);
	cr_expect_eq(err.code, MU_E_EXHAUSTED);
	cr_expect_str_eq(err.text, "there are 64 rules; hint: delete some");
	look(85, 0);
	(void)told();
	alarms_rule_remove(alarms, &rule.id, &out);
	cr_expect_str_eq(told(), "cleared:warning:85");
	cr_expect_null(alarms_rule_find(alarms, &rule.id));
	cr_expect_lt(alarms_rule_check(alarms, &other.id, 1, &err), 0, "it will be taken");
	cr_expect_eq(alarms_rule_check(alarms, &alarms_rule_at(alarms, 1)->id, 1, &err), 0);
	alarms_rule_remove(alarms, &rule.id, &out);
	cr_expect_eq(out.n_items, 0);
	cr_expect_eq(alarms_rule_put(alarms, &other, &err), 0, "there is room again");
	cr_expect_null(alarms_free(NULL));
}

Test(alarms, a_rule_that_asks_something_else)
{
	put();
	look(85, 0);
	(void)told();
	rule.limits[ALARM_WARNING].at = 84;
	put();
	look(83, 5);
	cr_expect_str_eq(told(), "", "another limit: hysteresis holds");
	(void)snprintf(rule.series, sizeof rule.series, "metadata_percent");
	put();
	look(86, 10);
	cr_expect_str_eq(told(), "", "it is so of the other one, too");
	rule.window_s = 60;
	put();
	look(83, 15);
	cr_expect_str_eq(told(), "cleared:warning:83", "no hysteresis of what was not asked");
	look(85, 20);
	(void)told();
	(void)snprintf(rule.series, sizeof rule.series, "no such series");
	put();
	look(NAN, 25);
	cr_expect_str_eq(told(), "cleared:warning:85", "nothing is known of this one");
}

Test(alarms, a_restart)
{
	struct alarm a = {.rule = rule.id, .object = sr_a, .level = ALARM_CRITICAL, .value = 95};
	struct mu_uuid id = alarm_id(&sr_a, rule.key);

	cr_expect_not(alarms_restore(alarms, &a), "its rule is gone");
	put();
	a.since = 77;
	cr_expect(alarms_restore(alarms, &a));
	cr_expect_not(alarms_restore(alarms, &a), "twice");
	cr_expect_eq(alarms_find(alarms, &id)->since, 77);
	look(95, 0);
	cr_expect_str_eq(told(), "", "it is not raised again");
	look(85, 5);
	cr_expect_str_eq(told(), "level:warning:85");
	look(70, 10);
	cr_expect_str_eq(told(), "cleared:warning:70");
	a.object = sr_b;
	a.level = ALARM_NONE;
	cr_expect_not(alarms_restore(alarms, &a));
}

Test(alarms, acknowledged)
{
	struct mu_uuid id = alarm_id(&sr_a, rule.key);

	put();
	cr_expect_not(alarms_acknowledge(alarms, &id, "admin", 5, &out));
	look(85, 0);
	(void)told();
	cr_expect(alarms_acknowledge(alarms, &id, "admin", 5, &out));
	cr_expect_str_eq(told(), "acknowledged:warning:85");
	cr_expect_eq(alarms_find(alarms, &id)->acknowledged_at, 5);
	cr_expect_str_eq(alarms_find(alarms, &id)->acknowledged_by, "admin");
	look(70, 5);
	look(85, 10);
	cr_expect_eq(alarms_find(alarms, &id)->acknowledged_at, 0, "another one");
}

Test(alarms, too_many)
{
	const struct alarm_reading r = {true, 85, NULL};
	struct mu_uuid object = {{0}};
	struct alarm more = {.rule = rule.id, .object = {{0xff}}, .level = ALARM_WARNING};

	put();
	alarms_round_begin(alarms);
	for (int i = 0; i < ALARMS_STATES_MAX + 3; i++) {
		memcpy(object.bytes, &i, sizeof i);
		alarms_step(alarms, 0, &object, &r, 0, 0, &out);
	}
	cr_expect_eq(alarms_round_end(alarms, &out), 3);
	cr_expect_eq(out.n_items, ALARMS_STATES_MAX);
	cr_expect_not(alarms_restore(alarms, &more));
	alarms_round_begin(alarms);
	cr_expect_eq(alarms_round_end(alarms, &out), 0);
	cr_expect_eq(out.n_items, 2 * ALARMS_STATES_MAX, "all are over");
}
