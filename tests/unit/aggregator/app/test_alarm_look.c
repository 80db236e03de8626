/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules read of objects, out of real archives under a clock of its own (--wrap, see
 * meson.build): windows, several series, what is not there, and that a change is seen.
 */
#include "aggregator/app/alarm_look.h"
#include "common/os/clock.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST UINT32_C(357989761)

static const struct mu_uuid host = {{1}}, vm = {{2}};
static const char *const names[] = {"cpu_usage", "vbd_xvda_read", "vbd_xvdb_read", "memory"};
static mu_msec wall;
static char dir[] = "/tmp/muster-alarm-look-XXXXXX";
static struct mu_loop *loop;
static struct metrics *metrics;
static struct alarms *alarms;
static struct alarm_look *look;
static struct alarm_rule rule;
static size_t n_asked;
static bool does_match;

mu_msec __wrap_mu_clock_wall(void);
mu_msec __wrap_mu_clock_wall(void)
{
	return wall;
}

/* --- a fleet of one VM --- */

struct storing {
	metrics_done done;
	void *arg;
};

static void stored(void *ctx)
{
	struct storing *s = ctx;

	s->done(s->arg, NULL);
	free(s);
}

static void store(void *ctx, struct catalogue *c, metrics_done done, void *arg)
{
	struct storing *s = mu_xcalloc(1, sizeof *s);

	(void)ctx;
	while (catalogue_next_changed(c))
		;
	*s = (struct storing){done, arg};
	mu_loop_post(loop, stored, s);
}

static bool matches(void *ctx, enum alarm_of of, const struct mu_uuid *id,
		    const struct query_filter *filter, struct mu_arena *a)
{
	(void)ctx, (void)of, (void)id, (void)filter, (void)a;
	n_asked++;
	return does_match;
}

static void map(size_t n)
{
	struct catalogue_want want[MU_ARRAY_SIZE(names)];

	for (size_t i = 0; i < n; i++)
		want[i] = (struct catalogue_want){vm, names[i], "bytes/s", true};
	metrics_map(metrics, &host, want, n);
}

static void setup(void)
{
	struct metrics_options options = {.pool = {{9}}, .store = store};
	struct alarm_look_options look_options = {.matches = matches};
	const struct mu_uuid id = {{3}};

	wall = (mu_msec)FIRST * 5000;
	cr_assert_not_null(mkdtemp(dir));
	loop = mu_loop_new();
	options.loop = loop;
	options.dir = dir;
	metrics = metrics_new(&options);
	map(MU_ARRAY_SIZE(names));
	alarms = alarms_new();
	look_options.alarms = alarms;
	look_options.metrics = metrics;
	look = alarm_look_new(&look_options);
	alarm_rule_init(&rule, &id);
	rule.limits[ALARM_WARNING] = (struct alarm_limit){true, 1};
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

static void stop(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

static void teardown(void)
{
	alarm_look_free(look);
	alarms_free(alarms);
	metrics_close(metrics, stop, NULL);
	mu_loop_run(loop);
	mu_loop_free(loop);
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(alarm_look, .init = setup, .fini = teardown);

static void acked(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	cr_assert_null(err);
	mu_loop_stop(loop);
}

/* The next step: NAN is a sample that is missing. */
static void say_of(size_t n, float a, float b, float c, float d)
{
	static uint64_t seq;
	const float values[] = {a, b, c, d};
	struct metrics_batch batch = {.host = host, .epoch = 1, .seq = ++seq, .values = values};

	wall += 5000;
	batch.at = wall;
	batch.n_values = n;
	metrics_put(metrics, &batch, 1, acked, NULL);
	mu_loop_run(loop);
}

static void say(float cpu)
{
	say_of(MU_ARRAY_SIZE(names), cpu, 10, 20, NAN);
}

/* --- rules --- */

static void put(const char *series)
{
	(void)snprintf(rule.series, sizeof rule.series, "%s", series);
	cr_assert_eq(alarms_rule_put(alarms, &rule, NULL), 0);
	alarm_look_rules_changed(look);
}

static void on_reading(void *arg, size_t slot, const struct alarm_reading *reading)
{
	char *text = arg;
	size_t len = strlen(text);

	if (reading->known)
		(void)snprintf(text + len, 80 - len, "%zu:%g%s ", slot, reading->value,
			       reading->unit ? reading->unit : "");
	else
		(void)snprintf(text + len, 80 - len, "%zu:? ", slot);
}

static size_t cost; /* of the last look */
static bool off;    /* the VM is */

static const char *seen_as(enum alarm_of of, const struct mu_uuid *id,
			   const struct model_object *sr)
{
	static char text[80];

	text[0] = '\0';
	cost = alarm_look_at(look, of, id, off, sr, on_reading, text);
	return text;
}

static const char *seen(void)
{
	return seen_as(ALARM_OF_VM, &vm, NULL);
}

Test(alarm_look, the_newest_sample)
{
	put("cpu_usage");
	cr_expect_str_eq(seen(), "0:? ", "nothing yet");
	say(3);
	cr_expect_str_eq(seen(), "0:3bytes/s ");
	say(4);
	cr_expect_str_eq(seen(), "0:4bytes/s ");
	say(NAN);
	cr_expect_str_eq(seen(), "0:? ", "absent is not zero");
	wall += MU_SEC(METRICS_FRESH_S + 10);
	cr_expect_str_eq(seen(), "0:? ", "what is old is not known");
}

Test(alarm_look, windows)
{
	rule.window_s = 20;
	put("cpu_usage");
	say(8);
	say(2);
	cr_expect_str_eq(seen(), "0:5bytes/s ", "half of it is known");
	say(NAN);
	say(NAN);
	cr_expect_str_eq(seen(), "0:5bytes/s ");
	say(NAN);
	cr_expect_str_eq(seen(), "0:? ", "less than half");
	say(1);
	say(6);
	cr_expect_str_eq(seen(), "0:3.5bytes/s ");
	rule.aggregate = ALARM_MAXIMUM;
	put("cpu_usage");
	cr_expect_str_eq(seen(), "0:6bytes/s ");
	rule.aggregate = ALARM_MINIMUM;
	put("cpu_usage");
	cr_expect_str_eq(seen(), "0:1bytes/s ");
}

Test(alarm_look, the_worst_of_several_series)
{
	put("vbd_*_read");
	say(3);
	cr_expect_str_eq(seen(), "0:20bytes/s ");
	rule.below = true;
	put("vbd_*_read");
	cr_expect_str_eq(seen(), "0:10bytes/s ");
	put("nothing*");
	cr_expect_str_eq(seen(), "0:? ");
}

Test(alarm_look, a_series_that_comes_later)
{
	map(2);
	put("vbd_*_read");
	say_of(2, 3, 10, 0, 0);
	cr_expect_str_eq(seen(), "0:10bytes/s ");
	map(3);
	say_of(3, 3, 10, 20, 0);
	cr_expect_str_eq(seen(), "0:20bytes/s ");
}

Test(alarm_look, absent_data)
{
	rule.condition = ALARM_ABSENT;
	put("memory");
	cr_expect_str_eq(seen(), "0:1 ");
	say(3);
	cr_expect_str_eq(seen(), "0:1 ", "others have come");
	put("cpu*");
	cr_expect_str_eq(seen(), "0:0 ");
	wall += MU_SEC(METRICS_FRESH_S + 10);
	cr_expect_str_eq(seen(), "0:1 ");
}

/* What it did last is no news of it, and that nothing comes is as it should be. */
Test(alarm_look, a_vm_that_is_off)
{
	struct alarm_rule other = rule;

	put("cpu_usage");
	say(3);
	other.id.bytes[1] = 1;
	other.condition = ALARM_ABSENT;
	(void)snprintf(other.series, sizeof other.series, "memory");
	cr_assert_eq(alarms_rule_put(alarms, &other, NULL), 0);
	other.id.bytes[1] = 2;
	other.condition = ALARM_EXPRESSION;
	(void)snprintf(other.expression, sizeof other.expression, "a:b");
	cr_assert_eq(alarms_rule_put(alarms, &other, NULL), 0);
	alarm_look_rules_changed(look);
	does_match = true;
	cr_expect_str_eq(seen(), "0:3bytes/s 1:1 2:1 ");
	off = true;
	cr_expect_str_eq(seen(), "2:1 ");
	off = false;
	say(4);
	cr_expect_str_eq(seen(), "0:4bytes/s 1:1 2:1 ");
}

Test(alarm_look, expressions_are_asked_once)
{
	rule.condition = ALARM_EXPRESSION;
	(void)snprintf(rule.expression, sizeof rule.expression, "a:b");
	put("");
	does_match = true;
	cr_expect_str_eq(seen(), "0:1 ");
	cr_expect_str_eq(seen(), "0:1 ");
	cr_expect_eq(n_asked, 1);
	does_match = false;
	alarm_look_forget(look, &vm);
	cr_expect_str_eq(seen(), "0:0 ", "it has changed");
	cr_expect_eq(n_asked, 2);
}

Test(alarm_look, which_rules_mean_it)
{
	struct alarm_rule other = rule;

	put("cpu_usage");
	say(3);
	other.id.bytes[1] = 1;
	other.of = ALARM_OF_HOST;
	(void)snprintf(other.series, sizeof other.series, "cpu_usage");
	cr_assert_eq(alarms_rule_put(alarms, &other, NULL), 0);
	other.id.bytes[1] = 2;
	other.of = ALARM_OF_VM;
	(void)snprintf(other.filter, sizeof other.filter, "a:b");
	cr_assert_eq(alarms_rule_put(alarms, &other, NULL), 0);
	alarm_look_rules_changed(look);
	cr_expect_str_eq(seen(), "0:3bytes/s ", "the filter does not match");
	does_match = true;
	alarm_look_forget(look, &vm);
	cr_expect_str_eq(seen(), "0:3bytes/s 2:3bytes/s ");
	rule.enabled = false;
	put("cpu_usage");
	cr_expect_str_eq(seen(), "2:3bytes/s ");
	cr_expect_str_eq(seen_as(ALARM_OF_HOST, &host, NULL), "1:? ");
}

Test(alarm_look, how_full_an_sr_is)
{
	struct model_object sr;

	model_object_init(&sr, OBJECT_SR);
	sr.id = vm;
	rule.of = ALARM_OF_SR;
	put("data_percent");
	cr_expect_str_eq(seen_as(ALARM_OF_SR, &sr.id, &sr), "0:? ");
	sr.sr.data_percent = 85;
	sr.sr.metadata_percent = 91;
	cr_expect_str_eq(seen_as(ALARM_OF_SR, &sr.id, &sr), "0:85percent ");
	put("*_percent");
	cr_expect_str_eq(seen_as(ALARM_OF_SR, &sr.id, &sr), "0:91percent ");
}

/* So that a slice is a piece of work, whatever rules there are. */
Test(alarm_look, what_it_costs)
{
	put("cpu_usage");
	cr_expect_str_eq(seen_as(ALARM_OF_HOST, &host, NULL), "");
	cr_expect_eq(cost, ALARM_LOOK_COST, "no rule");
	(void)seen();
	cr_expect_eq(cost, ALARM_LOOK_COST + 1, "one, of which nothing has come");
	say(3);
	(void)seen();
	cr_expect_eq(cost, ALARM_LOOK_COST + 2);
	rule.window_s = ALARM_WINDOW_MAX_S;
	put("vbd_*_read");
	say(3);
	(void)seen();
	cr_expect_eq(cost, ALARM_LOOK_COST + 1 + 2 * ALARM_WINDOW_MAX_S / 5);
}

/* A host can report a VM with the id of somebody's SR. */
Test(alarm_look, an_id_that_two_have)
{
	struct model_object sr;

	model_object_init(&sr, OBJECT_SR);
	sr.id = vm;
	sr.sr.data_percent = 85;
	rule.of = ALARM_OF_SR;
	put("data_percent");
	cr_expect_str_eq(seen(), "", "no rule means the VM");
	cr_expect_str_eq(seen_as(ALARM_OF_SR, &sr.id, &sr), "0:85percent ");
	(void)snprintf(rule.filter, sizeof rule.filter, "a:b");
	put("data_percent");
	does_match = true;
	cr_expect_str_eq(seen(), "");
	cr_expect_str_eq(seen_as(ALARM_OF_SR, &sr.id, &sr), "0:85percent ");
	does_match = false;
	alarm_look_forget(look, &vm);
	cr_expect_str_eq(seen_as(ALARM_OF_SR, &sr.id, &sr), "", "it changed, not the VM");
}
