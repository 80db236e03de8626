/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sent, and what is lost, under a clock of its own (--wrap, see meson.build): outages that
 * are longer than what is kept.
 */
#include "aggregator/remote/gather.h"
#include "common/os/clock.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST UINT32_C(357989761)

static const struct mu_uuid host = {{1}}, vm = {{2}};
static uint32_t now;
static char dir[] = "/tmp/muster-gather-XXXXXX";
static struct mu_loop *loop;
static struct metrics *metrics;
static struct remote_options options;
static struct gather *gather;

mu_msec __wrap_mu_clock_wall(void);
mu_msec __wrap_mu_clock_wall(void)
{
	return (mu_msec)now * 5000;
}

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

static void on_mark(void *ctx, const struct mu_uuid *id, uint64_t epoch, uint64_t seq, mu_msec at)
{
	(void)ctx, (void)id, (void)epoch, (void)seq, (void)at;
}

static void each_object(void *ctx, void (*each)(void *arg, const struct mu_uuid *id), void *arg)
{
	(void)ctx;
	each(arg, &host);
	each(arg, &vm);
}

static bool object(void *ctx, const struct mu_uuid *id, enum expose_names names,
		   struct expose_remote *request)
{
	const struct expose_label label = {"uuid", "x"};
	const struct expose_object o = {mu_uuid_equal(id, &host) ? EXPOSE_HOST : EXPOSE_VM, &label,
					1, NULL, 0};

	(void)ctx, (void)names;
	expose_remote_object(request, &o);
	return true;
}

static size_t own(void *ctx, const struct mu_uuid *id, enum expose_names names, uint32_t step,
		  struct remote_own ret[REMOTE_OWN_MAX])
{
	(void)ctx, (void)id, (void)names, (void)step;
	ret[0] = (struct remote_own){EXPOSE_UP, 1};
	return 1;
}

static void map(bool with_vm)
{
	const struct catalogue_want want[] = {
	    {host, "loadavg", "", false}, {vm, "memory", "B", false}, {vm, "cpu_usage", "", false}};

	metrics_map(metrics, &host, want, with_vm ? 3 : 1);
}

static void setup(void)
{
	struct metrics_options mo = {.pool = {{9}}, .store = store};
	struct mu_error err = MU_ERROR_INIT;

	now = FIRST;
	cr_assert_not_null(mkdtemp(dir));
	loop = mu_loop_new();
	mo.loop = loop;
	mo.dir = dir;
	metrics = metrics_new(&mo);
	cr_assert_eq(metrics_load(metrics, on_mark, NULL, &err), 0, "%s", err.text);
	map(true);
	options = (struct remote_options){
	    .loop = loop, .metrics = metrics, .each = each_object, .object = object, .own = own};
	gather = gather_new(&options, now);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void on_closed(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

static void teardown(void)
{
	gather_free(gather);
	metrics_close(metrics, on_closed, NULL);
	mu_loop_run(loop);
	mu_loop_free(loop);
	cr_assert_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(gather, .init = setup, .fini = teardown);

static void taken(void *ctx, const struct mu_error *err)
{
	(void)ctx, (void)err;
}

/* The next step, with a value for each series. */
static void feed(size_t n_values)
{
	const float values[] = {1, 2, 3};
	struct metrics_batch b = {
	    .host = host, .epoch = 1, .seq = now, .values = values, .n_values = n_values};

	b.at = (mu_msec)++now * 5000;
	metrics_put(metrics, &b, 1, taken, NULL);
}

static enum gather_state turns(void)
{
	enum gather_state state;

	do
		state = gather_turn(gather);
	while (state == GATHER_GOES_ON);
	return state;
}

/* All requests of a pass; how many samples. */
static size_t pass(void)
{
	size_t n = 0;

	gather_begin(gather, now);
	while (turns() == GATHER_FULL) {
		n += gather_n_samples(gather);
		gather_commit(gather);
	}
	return n;
}

/* Passes until there is nothing more. */
static size_t passes(void)
{
	size_t n = 0;

	do
		n += pass();
	while (gather_more(gather));
	return n;
}

enum { PER_STEP = 3 + 2 /* and what is said of each object */ };

Test(gather, a_step_and_many)
{
	feed(3);
	cr_assert_eq(pass(), PER_STEP);
	cr_assert_not(gather_more(gather));
	cr_assert_eq(pass(), 0);
	for (size_t i = 0; i < 30; i++)
		feed(3);
	cr_assert_eq(pass(), 12 * PER_STEP);
	cr_assert(gather_more(gather));
	cr_assert_eq(pass(), 12 * PER_STEP);
	cr_assert_eq(pass(), 6 * PER_STEP);
	cr_assert_not(gather_more(gather));
	cr_assert_eq(gather_n_lost(gather), 0);
}

/* Twenty minutes without an answer: ten of them are lost, counted once, and nothing grew. */
Test(gather, an_outage)
{
	size_t n_bytes;

	feed(3);
	(void)pass();
	feed(3);
	gather_begin(gather, now);
	cr_assert_eq(turns(), GATHER_FULL);
	n_bytes = gather_bytes(gather)->len;
	for (size_t i = 0; i < 240; i++)
		feed(3);
	cr_assert_eq(gather_bytes(gather)->len, n_bytes);
	cr_assert_eq(gather_n_samples(gather), PER_STEP);
	gather_commit(gather);
	cr_assert_eq(turns(), GATHER_OVER);
	cr_assert_eq(passes(), METRICS_STEPS * PER_STEP);
	/* Of the 240, of three series each. */
	cr_assert_eq(gather_n_lost(gather), (240 - METRICS_STEPS) * 3);
	feed(3);
	cr_assert_eq(pass(), PER_STEP);
}

/* Nobody spoke for long: nothing is lost. */
Test(gather, silence)
{
	feed(3);
	(void)pass();
	now += 500;
	cr_assert_eq(pass(), 2);
	cr_assert_eq(pass(), 0);
	feed(3);
	cr_assert_eq(passes(), PER_STEP);
	cr_assert_eq(gather_n_lost(gather), 0);
}

/* A VM that its host goes on without is ended once; its state is said now and then. */
Test(gather, an_end)
{
	feed(3);
	(void)pass();
	map(false);
	for (size_t i = 0; i < 11; i++)
		feed(1);
	cr_assert_eq(pass(), 11 * 2);
	feed(1);
	cr_assert_eq(pass(), 2 + 2); /* two markers */
	feed(1);
	cr_assert_eq(pass(), 2 + 1);
	feed(1);
	cr_assert_eq(pass(), 2);
	/* It comes back. */
	map(true);
	feed(3);
	cr_assert_eq(passes(), PER_STEP);
}

/* From the mark on, step by step. */
Test(gather, a_restart)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str mark = MU_STR_INIT;
	uint32_t at = now;

	feed(3);
	(void)pass();
	gather_mark(gather, now, &mark);
	cr_assert_eq(mark.len, 16 + 2 * 28);
	for (size_t i = 0; i < 3; i++)
		feed(3);
	gather_free(gather);
	gather = gather_new(&options, now);
	gather_restore(gather, &host, &(struct cursor){at + 1, at + 1, at + 1});
	gather_restore(gather, &vm, &(struct cursor){at + 1, at + 1, at + 1});
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(pass(), PER_STEP, "%zu", i);
	cr_assert_eq(pass(), 0);
}

/* An hour ahead for a minute, and right again: it goes on at once. */
Test(gather, a_clock_that_was_ahead)
{
	feed(3);
	(void)pass();
	now += 720;
	for (size_t i = 0; i < 12; i++)
		feed(3);
	cr_assert_eq(passes(), 12 * PER_STEP);
	now -= 720;
	cr_assert_eq(passes(), 2, "the state of the two");
	for (size_t i = 0; i < 3; i++) {
		feed(3);
		cr_assert_eq(passes(), PER_STEP, "%zu", i);
	}
}

/* It became right while nothing ran: the mark is of then, and so is what the catalogue says. */
Test(gather, a_restart_after_a_clock_that_was_ahead)
{
	now += 720;
	feed(3);
	now -= 721;
	gather_free(gather);
	gather = gather_new(&options, now);
	cr_assert_eq(pass(), 2);
	cr_assert_not(gather_more(gather), "it does not look at them over and over");
	for (size_t i = 0; i < 3; i++) {
		feed(3);
		cr_assert_eq(passes(), PER_STEP, "%zu", i);
	}
}
