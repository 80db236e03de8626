/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what and when: targets, queues, tries, limits. */
#include "aggregator/core/notify.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct notify *n;
static struct mu_arena *arena;
static mu_msec now;
static const struct mu_uuid target_a = {{0xa}};
static const struct mu_uuid target_b = {{0xb}};

/* What is remembered. */
static struct notify_kept kept[2 * NOTIFY_QUEUE_MAX];
static size_t n_kept;

static size_t kept_at(const struct mu_uuid *target, const struct mu_uuid *alarm)
{
	size_t i = 0;

	while (i < n_kept && !(mu_uuid_equal(&kept[i].target, target) &&
			       mu_uuid_equal(&kept[i].notice.alarm.id, alarm)))
		i++;
	return i;
}

static void keep(void *ctx, const struct notify_kept *k)
{
	size_t i = kept_at(&k->target, &k->notice.alarm.id);

	cr_assert_eq(ctx, &n);
	cr_assert_lt(i, MU_ARRAY_SIZE(kept));
	kept[i] = *k;
	n_kept += i == n_kept;
}

static void forget(void *ctx, const struct mu_uuid *target, const struct mu_uuid *alarm)
{
	size_t i = kept_at(target, alarm);

	cr_assert_eq(ctx, &n);
	cr_assert_lt(i, n_kept, "what is forgotten was kept");
	kept[i] = kept[--n_kept];
}

static const struct notify_keeper keeper = {keep, forget, &n};

static void setup(void)
{
	n = notify_new(&keeper);
	arena = mu_arena_new();
	now = 1000000;
}

static void teardown(void)
{
	notify_free(n);
	mu_arena_free(arena);
}

TestSuite(notify, .init = setup, .fini = teardown);

/* --- targets --- */

static int read_target(struct notify_target *t, const char *json, struct mu_error *err)
{
	struct mu_value *v;

	cr_assert_eq(mu_json_read(arena, json, strlen(json), &v, err), 0, "%s", err->text);
	return notify_target_read(t, &target_a, v, err);
}

static const char *text_of(const struct notify_target *t, bool secrets)
{
	struct mu_str s = MU_STR_INIT;
	const char *text;

	mu_json_write(&s, notify_target_value(arena, t, secrets), false);
	text = mu_arena_strdup(arena, s.data);
	mu_str_deinit(&s);
	return text;
}

#define HOOK "\"name\":\"n\",\"type\":\"webhook\",\"url\":\"http://h\""
#define MAIL "\"name\":\"n\",\"type\":\"mail\",\"url\":\"smtp://h\""

Test(notify, targets_are_read_and_shown)
{
	static const char hook[] = "{\"type\":\"webhook\",\"level\":\"critical\",\"name\":\"hook\","
				   "\"url\":\"https://example.org/x\",\"secret\":\"s3cret\","
				   "\"ca\":\"a\\nb\"}";
	static const char mail[] = "{\"type\":\"mail\",\"level\":\"warning\",\"name\":\"mail\","
				   "\"url\":\"smtp://localhost\",\"user\":\"u\","
				   "\"from\":\"muster@example.org\","
				   "\"to\":[\"a@example.org\",\"b@example.org\"]}";
	struct mu_error err = MU_ERROR_INIT;
	struct notify_target t;

	cr_assert_eq(read_target(&t, hook, &err), 0, "%s", err.text);
	cr_expect_str_eq(text_of(&t, true), hook);
	cr_expect_str_eq(
	    text_of(&t, false),
	    "{\"type\":\"webhook\",\"level\":\"critical\",\"name\":\"hook\","
	    "\"url\":\"https://example.org/...\",\"hasSecret\":true,\"ca\":\"a\\nb\"}");
	cr_assert_eq(read_target(&t, mail, &err), 0, "%s", err.text);
	cr_expect_str_eq(text_of(&t, true), mail);
	cr_expect(strstr(text_of(&t, false), "\"hasSecret\":false"));
	cr_expect(strstr(text_of(&t, false), "\"url\":\"smtp://localhost\""));
}

/* One that was stored before that was refused is read and sent to, and its user is not shown. */
Test(notify, no_user_in_a_new_url)
{
	static const char *const cases[][2] = {
	    {"{" HOOK "}", NULL},
	    {"{\"name\":\"n\",\"url\":\"https://u:p4ss@h/\"}", "path or query"},
	    {"{\"name\":\"n\",\"type\":\"mail\",\"url\":\"smtps://u:p4ss@h\",\"from\":\"a@b\","
	     "\"to\":[\"a@b\"]}",
	     "'user' and 'secret' sign in"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;
		struct notify_target t;

		cr_assert_eq(read_target(&t, cases[i][0], &err), 0, "%s", err.text);
		cr_expect_null(strstr(text_of(&t, false), "p4ss"));
		cr_expect_eq(notify_target_check_new(&t, &err) < 0, cases[i][1] != NULL);
		cr_expect(!cases[i][1] || strstr(err.text, cases[i][1]), "%s", err.text);
		cr_expect_null(strstr(err.text, "p4ss"));
	}
}

Test(notify, targets_that_cannot_be)
{
	static const struct {
		const char *json;
		const char *why;
	} cases[] = {
	    {"{}", "body.name: is missing"},
	    {"{\"name\":1}", "body.name: must be a string, is integer"},
	    {"{" HOOK ",\"x\":1}", "body.x: there is no such field"},
	    {"{\"type\":\"pager\"}", "body.type: must be one of 'webhook', 'mail'"},
	    {"{\"level\":\"none\"}", "body.level: must be one of"},
	    {"{\"level\":1}", "body.level: must be one of"},
	    {"{\"name\":\"n\",\"url\":\"ftp://h\"}", "begins with https:// or http://"},
	    {"{\"name\":\"a\\nb\"}", "body.name: has a control character in it"},
	    {"{" HOOK ",\"from\":\"a@b\"}", "body.from: has no meaning with a webhook"},
	    {"{" HOOK ",\"user\":\"a\"}", "body.user: has no meaning with a webhook"},
	    {"{" HOOK ",\"to\":[\"a@b\"]}", "body.to: has no meaning with a webhook"},
	    {"{" MAIL "}", "body.to: is missing"},
	    {"{" MAIL ",\"to\":\"a@b\"}", "body.to: must be a list of at most 8"},
	    {"{" MAIL ",\"to\":[1]}", "body.to: must be a string"},
	    {"{" MAIL ",\"to\":[\"a@b\"]}", "body.from: '' is not a mail address"},
	    {"{" MAIL ",\"to\":[\"a@b>\\r\\nX: y\"]}", "is not a mail address"},
	    {"{" MAIL ",\"to\":[\"@b\"]}", "is not a mail address"},
	    {"{" MAIL ",\"to\":[\"a@\"]}", "is not a mail address"},
	};
	char *json = mu_arena_alloc(arena, 400);

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;
		struct notify_target t;

		cr_expect_lt(read_target(&t, cases[i].json, &err), 0, "%s", cases[i].json);
		cr_expect_eq(err.code, MU_E_INVALID);
		cr_expect(strstr(err.text, cases[i].why), "%s: %s", cases[i].json, err.text);
	}
	(void)snprintf(json, 400, "{\"secret\":\"%0300d\"}", 0);
	for (int i = 0; i < 1; i++) {
		struct mu_error err = MU_ERROR_INIT;
		struct notify_target t;

		cr_expect_lt(read_target(&t, json, &err), 0);
		cr_expect_str_eq(err.text, "body.secret: is longer than 255 bytes");
	}
}

static void add(const struct mu_uuid *id, enum alarm_level level)
{
	const struct notify_target t = {.id = *id, .name = "t", .level = level};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(notify_target_add(n, &t, &err), 0, "%s", err.text);
}

Test(notify, targets_come_and_go)
{
	struct mu_error err = MU_ERROR_INIT;
	struct notify_target t = {.name = "t"};
	size_t i = 0;

	add(&target_a, ALARM_WARNING);
	cr_expect_str_eq(notify_target_find(n, &target_a)->name, "t");
	cr_expect_null(notify_target_find(n, &target_b));
	cr_expect(mu_uuid_equal(&notify_target_next(n, &i)->id, &target_a));
	cr_expect_null(notify_target_next(n, &i));
	for (int k = 1; k < NOTIFY_TARGETS_MAX; k++) {
		t.id.bytes[1] = (uint8_t)k;
		cr_assert_eq(notify_target_add(n, &t, &err), 0);
	}
	cr_expect_lt(notify_target_add(n, &t, &err), 0);
	cr_expect_str_eq(err.text, "there are 16 targets; hint: delete some");
	notify_target_remove(n, &target_a);
	notify_target_remove(n, &target_a);
	cr_expect_null(notify_target_find(n, &target_a));
	cr_expect_null(notify_free(NULL));
}

/* --- notices --- */

static void put(int alarm, enum alarms_what what, enum alarm_level before, enum alarm_level level)
{
	struct alarms_change c = {.what = what, .notify = true, .before = before};
	const struct mu_uuid delivery = {{(uint8_t)alarm, (uint8_t)what}};

	memcpy(c.alarm.id.bytes, &alarm, sizeof alarm);
	c.alarm.level = level;
	notify_put(n, &c, &delivery, now, 5);
}

static void raised(int alarm)
{
	put(alarm, ALARMS_RAISED, ALARM_NONE, ALARM_WARNING);
}

static void cleared(int alarm)
{
	put(alarm, ALARMS_CLEARED, ALARM_WARNING, ALARM_WARNING);
}

/* What is sent now: "a:raised:7", or "". */
static const char *sent(enum notify_outcome outcome)
{
	static char text[80];
	struct notify_notice notice;
	struct mu_uuid target;
	int alarm;

	if (!notify_next(n, now, &target, &notice))
		return "";
	memcpy(&alarm, notice.alarm.id.bytes, sizeof alarm);
	(void)snprintf(text, sizeof text, "%x:%s:%d%s", target.bytes[0],
		       notify_what_name(notice.what), alarm, notice.n_dropped ? "+" : "");
	cr_expect_eq(notify_result(n, &target, outcome, now), outcome != NOTIFY_NEVER);
	return text;
}

static const char *next_try(enum notify_outcome outcome)
{
	now += notify_wait(n, now);
	return sent(outcome);
}

Test(notify, in_order_and_once)
{
	add(&target_a, ALARM_WARNING);
	cr_expect_eq(notify_wait(n, now), -1);
	raised(1);
	raised(2);
	cleared(3);
	cr_expect_eq(notify_wait(n, now), 0);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:2");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:3");
	cr_expect_str_eq(sent(NOTIFY_SENT), "");
}

Test(notify, who_is_told_what)
{
	struct alarms_change c = {.what = ALARMS_RAISED, .alarm = {.level = ALARM_CRITICAL}};

	add(&target_a, ALARM_WARNING);
	add(&target_b, ALARM_CRITICAL);
	put(1, ALARMS_RAISED, ALARM_NONE, ALARM_WARNING);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:1");
	put(1, ALARMS_LEVEL, ALARM_WARNING, ALARM_CRITICAL);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:changed:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "b:raised:1");
	put(1, ALARMS_LEVEL, ALARM_CRITICAL, ALARM_WARNING);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:changed:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "b:cleared:1");
	put(1, ALARMS_CLEARED, ALARM_WARNING, ALARM_WARNING);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "");
	put(1, ALARMS_VALUE, ALARM_WARNING, ALARM_WARNING);
	put(1, ALARMS_ACKNOWLEDGED, ALARM_WARNING, ALARM_WARNING);
	notify_put(n, &c, &target_a, now, 5);
	cr_expect_str_eq(sent(NOTIFY_SENT), "", "its rule does not want it told");
	c.notify = true;
	c.what = ALARMS_LEVEL;
	c.before = ALARM_WARNING;
	c.alarm.acknowledged_at = 5;
	notify_put(n, &c, &target_a, now, 5);
	cr_expect_str_eq(sent(NOTIFY_SENT), "", "it is known");
	c.what = ALARMS_CLEARED;
	notify_put(n, &c, &target_a, now, 5);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:0");
}

Test(notify, what_silence_kept_back)
{
	add(&target_b, ALARM_CRITICAL);
	put(1, ALARMS_ANNOUNCED, ALARM_NONE, ALARM_WARNING);
	cr_expect_str_eq(sent(NOTIFY_SENT), "");
	put(1, ALARMS_ANNOUNCED, ALARM_NONE, ALARM_CRITICAL);
	cr_expect_str_eq(sent(NOTIFY_SENT), "b:raised:1");
}

Test(notify, what_waits_becomes_what_is)
{
	add(&target_a, ALARM_WARNING);
	raised(1);
	put(1, ALARMS_LEVEL, ALARM_WARNING, ALARM_CRITICAL);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "");
	raised(2);
	cleared(2);
	cr_expect_str_eq(sent(NOTIFY_SENT), "", "it came and went");
	cleared(1);
	raised(1);
	cleared(1);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:1");
}

Test(notify, tries)
{
	add(&target_a, ALARM_WARNING);
	raised(1);
	raised(2);
	cr_expect_str_eq(sent(NOTIFY_LATER), "a:raised:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "", "it waits");
	cr_expect_eq(notify_wait(n, now), 1000);
	now += 1000;
	cr_expect_str_eq(sent(NOTIFY_LATER), "a:raised:1");
	cr_expect_eq(notify_wait(n, now), 2000);
	for (int i = 2; i < NOTIFY_TRIES_FIRST; i++)
		cr_expect_str_eq(next_try(NOTIFY_LATER), "a:raised:1");
	for (int i = 0; i < NOTIFY_TRIES_FIRST; i++)
		cr_expect_str_eq(next_try(NOTIFY_LATER), "a:raised:2", "it is away");
	cr_expect_eq(notify_wait(n, now), NOTIFY_RETRY_MAX_MS, "whichever is tried");
	cr_expect_str_eq(next_try(NOTIFY_LATER), "a:raised:1", "in turn");
	cr_expect_str_eq(next_try(NOTIFY_LATER), "a:raised:2");
	cr_expect_str_eq(next_try(NOTIFY_NEVER), "a:raised:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:2+", "one was dropped");
	raised(3);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:3", "that has been said");
}

Test(notify, given_up)
{
	struct notify_notice notice;
	struct mu_uuid target;

	add(&target_a, ALARM_WARNING);
	raised(1);
	cr_assert(notify_next(n, now, &target, &notice));
	cr_expect_not(notify_next(n, now, &target, &notice), "one at a time");
	now += NOTIFY_GIVE_UP_MS;
	cr_expect_not(notify_result(n, &target, NOTIFY_LATER, now));
	cr_expect_eq(notify_wait(n, now), -1);
}

Test(notify, news_while_it_is_being_sent)
{
	struct notify_notice notice;
	struct mu_uuid target;

	add(&target_a, ALARM_WARNING);
	raised(1);
	cr_assert(notify_next(n, now, &target, &notice));
	cleared(1);
	cr_expect(notify_result(n, &target, NOTIFY_LATER, now));
	now += 1000;
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:1", "it may have arrived");
	cr_expect_str_eq(sent(NOTIFY_SENT), "");
	raised(2);
	cr_assert(notify_next(n, now, &target, &notice));
	put(2, ALARMS_LEVEL, ALARM_WARNING, ALARM_CRITICAL);
	cr_expect(notify_result(n, &target, NOTIFY_LATER, now));
	now += 1000;
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:2");
	raised(3);
	cr_assert(notify_next(n, now, &target, &notice));
	notify_target_remove(n, &target_a);
	cr_expect(notify_result(n, &target, NOTIFY_SENT, now), "nobody waits for it");
}

Test(notify, not_too_many)
{
	add(&target_a, ALARM_WARNING);
	for (int i = 0; i < NOTIFY_QUEUE_MAX + 5; i++)
		raised(i);
	for (int i = 0; i < NOTIFY_BURST; i++)
		cr_expect_str_neq(sent(NOTIFY_SENT), "");
	cr_expect_str_eq(sent(NOTIFY_SENT), "", "that is enough for now");
	now += notify_wait(n, now);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:30");
	cr_expect_str_eq(sent(NOTIFY_SENT), "");
	cr_expect_geq(notify_wait(n, now), NOTIFY_EVERY_MS - 10);
}

/* --- a restart --- */

static int by_seq(const void *a, const void *b)
{
	const struct notify_kept *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* The program ends, or is killed, and begins `later` afterwards with what was kept. */
static void restart(mu_msec later)
{
	static struct notify_kept before[MU_ARRAY_SIZE(kept)];
	size_t n_before = n_kept;

	memcpy(before, kept, n_before * sizeof *before);
	qsort(before, n_before, sizeof *before, by_seq);
	notify_free(n);
	n = notify_new(&keeper);
	now = 50; /* another clock */
	add(&target_a, ALARM_WARNING);
	for (size_t i = 0; i < n_before; i++)
		cr_assert(notify_restore(n, &before[i], now, 5 + later));
}

Test(notify, what_waits_outlives_a_restart)
{
	add(&target_a, ALARM_WARNING);
	raised(3);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:3");
	cr_assert_eq(n_kept, 0, "what was told is not");
	raised(1);
	raised(2);
	cleared(3);
	cr_assert_eq(n_kept, 3);
	cr_expect_str_eq(sent(NOTIFY_LATER), "a:raised:1");
	restart(0);
	cr_expect_str_eq(sent(NOTIFY_LATER), "a:raised:1", "no waiting after a restart");
	cr_expect_eq(notify_wait(n, now), 2000, "but the tries count on");
	now += 2000;
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:2");
	raised(4);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:3");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:4");
	cr_assert_eq(n_kept, 0);
}

/* Nobody knows whether it had arrived: its end is told. Of the others none had been sent. */
Test(notify, killed_while_it_is_being_sent)
{
	struct notify_notice notice;
	struct mu_uuid target, delivery;

	add(&target_a, ALARM_WARNING);
	raised(1);
	raised(2);
	cr_assert(notify_next(n, now, &target, &notice));
	delivery = notice.delivery;
	restart(0);
	cr_assert(notify_next(n, now, &target, &notice));
	cr_expect(mu_uuid_equal(&notice.delivery, &delivery), "it can be known again");
	restart(0);
	cleared(1);
	cleared(2);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:1");
	cr_expect_str_eq(sent(NOTIFY_SENT), "");
	cr_assert_eq(n_kept, 0);
}

Test(notify, killed_with_news_of_what_is_being_sent)
{
	struct notify_notice notice;
	struct mu_uuid target;

	add(&target_a, ALARM_WARNING);
	raised(1);
	cr_assert(notify_next(n, now, &target, &notice));
	cleared(1);
	cr_assert(notify_result(n, &target, NOTIFY_SENT, now));
	restart(0);
	cr_assert(notify_next(n, now, &target, &notice));
	cr_assert_eq(notice.what, ALARMS_CLEARED);
	raised(1);
	cleared(1); /* came and went, while the end of the one before is being sent */
	restart(0);
	cr_expect_str_eq(sent(NOTIFY_NEVER), "a:cleared:1");
	cr_assert_eq(n_kept, 0);
}

/* One that a target cannot take holds up the others for some tries, and not again. */
Test(notify, one_that_is_never_taken)
{
	add(&target_a, ALARM_WARNING);
	raised(1);
	for (int i = 0; i < NOTIFY_TRIES_FIRST; i++)
		cr_expect_str_eq(next_try(NOTIFY_LATER), "a:raised:1");
	raised(2);
	raised(3);
	cr_expect_str_eq(next_try(NOTIFY_SENT), "a:raised:2");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:3", "at once");
	cr_expect_str_eq(sent(NOTIFY_LATER), "a:raised:1");
	cr_expect_eq(notify_wait(n, now), 1000, "the others were taken: it is not away");
	raised(4);
	restart(0);
	raised(5);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:4", "it knows its tries");
	cleared(4);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:5");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:4");
	cleared(1);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:1", "with what is so by now");
	cr_assert_eq(n_kept, 0);
}

Test(notify, killed_while_another_than_the_oldest_is_sent)
{
	struct notify_notice notice;
	struct mu_uuid target;

	add(&target_a, ALARM_WARNING);
	raised(1);
	for (int i = 0; i < NOTIFY_TRIES_FIRST; i++)
		cr_expect_str_eq(next_try(NOTIFY_LATER), "a:raised:1");
	raised(2);
	raised(3);
	now += notify_wait(n, now);
	cr_assert(notify_next(n, now, &target, &notice));
	restart(0);
	cleared(2);
	cleared(3);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:cleared:2", "it may have arrived");
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:1");
	cr_assert_eq(n_kept, 0);
}

Test(notify, a_day_goes_on_over_a_restart)
{
	add(&target_a, ALARM_WARNING);
	raised(1);
	raised(2);
	restart(NOTIFY_GIVE_UP_MS);
	cr_expect_str_eq(sent(NOTIFY_SENT), "a:raised:1", "it has a last try");
	restart(-7); /* the clock was set back */
	cr_expect_str_eq(sent(NOTIFY_LATER), "a:raised:2");
}

Test(notify, nobody_to_be_told_any_more)
{
	struct notify_kept k = {.target = target_b, .notice = {.what = ALARMS_RAISED}};

	add(&target_a, ALARM_WARNING);
	cr_expect_not(notify_restore(n, &k, now, 5));
	k.target = target_a;
	for (unsigned i = 0; i < NOTIFY_QUEUE_MAX; i++) {
		k.seq = i;
		memcpy(k.notice.alarm.id.bytes, &i, sizeof i);
		cr_assert(notify_restore(n, &k, now, 5));
	}
	cr_expect_not(notify_restore(n, &k, now, 5), "there is no room");
}

Test(notify, names_of_what_is_told)
{
	static const enum alarms_what told[] = {ALARMS_RAISED, ALARMS_LEVEL, ALARMS_CLEARED};
	enum alarms_what what;

	for (size_t i = 0; i < MU_ARRAY_SIZE(told); i++) {
		cr_assert(notify_what_parse(notify_what_name(told[i]), &what));
		cr_expect_eq(what, told[i]);
	}
	cr_expect_not(notify_what_parse("test", &what));
}
