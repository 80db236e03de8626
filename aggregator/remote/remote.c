/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     IDLE --timer--> GATHERING --a request--> POSTING --taken, refused--> GATHERING
 *                         |                      |  ^
 *                         +--the pass is over    |  +--timer-- WAITING
 *                              --> IDLE          +--no answer, 5xx, 429 --^
 *
 * One request is under way at a time, so the order of what is sent is that of the steps. The
 * store's round trip bounds what goes through; a request carries some 8,000 samples.
 */
#include "aggregator/remote/remote.h"

#include "aggregator/core/sending.h"
#include "aggregator/remote/gather.h"
#include "aggregator/remote/post.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/loop/work.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>

enum {
	PASS_MS = ARCHIVE_STEP_S * 1000,
	MARK_MS = 60 * 1000,
	MARK_BYTES_MAX = 64 << 20,
};

enum state { IDLE, GATHERING, POSTING, WAITING, CLOSED };

struct remote {
	struct remote_options options;
	char *mark;
	enum state state;
	struct gather *gather;
	struct mu_timer *timer;
	struct post post;
	struct mu_rand rand;
	unsigned n_failed; /* in a row */
	bool failing;      /* the log has it */
	bool refusing;     /* the same */
	uint64_t n_lost;   /* when it began to fail */
	mu_msec began_at;  /* the pass */
	mu_msec synced_at;
	mu_msec marked_at;
	struct mu_work marking;
	struct mu_str mark_bytes;
	struct mu_error mark_err;
	bool mark_busy;
	bool mark_last;
	bool mark_failing;
	struct remote_counts counts;
	bool closing;
	mu_loop_cb closed;
	void *closed_ctx;
};

static void turn(void *ctx);
static void on_timer(void *ctx);
static void on_posted(struct post *p);
static void on_marked(struct mu_work *w);
static void run_mark(struct mu_work *w);

static uint32_t step_now(void)
{
	return archive_row_ended(ARCHIVE_STEPS, mu_clock_wall() / 1000);
}

/* --- start --- */

struct restoring {
	struct remote *rm;
	uint32_t now;
};

static void restore(void *ctx, const struct mu_uuid *id, const struct cursor *c)
{
	const struct restoring *rs = ctx;

	/* By a clock that was wrong: nothing would be sent until then. */
	if (c->sent > rs->now + ARCHIVE_AHEAD || c->told > rs->now + ARCHIVE_AHEAD)
		return;
	gather_restore(rs->rm->gather, id, c);
}

static void read_mark(struct remote *rm, uint32_t now)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str bytes = MU_STR_INIT;
	struct restoring rs = {rm, now};
	struct mu_error err = MU_ERROR_INIT;
	uint32_t step = now;

	if (mu_file_read(rm->mark, MARK_BYTES_MAX, &bytes, &err) < 0) {
		if (err.code != MU_E_NOT_FOUND)
			mu_log_warning("remote_write begins anew err=\"%s\"", err.text);
		rm->gather = gather_new(&rm->options, now);
		return;
	}
	if (mark_read(bytes.data, bytes.len, &step, NULL, NULL, &err) < 0)
		mu_log_warning("remote_write begins anew file=%s err=\"%s\"", rm->mark, err.text);
	if (step > now)
		step = now;
	rm->gather = gather_new(&rm->options, step);
	if (err.code == MU_E_NONE)
		(void)mark_read(bytes.data, bytes.len, &step, restore, &rs, &err);
	if (now - step > METRICS_STEPS)
		mu_log_warning("remote_write has a gap, nothing ran for longer than samples are "
			       "kept from_s=%lld to_s=%lld",
			       (long long)archive_row_end(ARCHIVE_STEPS, step),
			       (long long)archive_row_end(ARCHIVE_STEPS, now - METRICS_STEPS));
}

struct remote *remote_new(const struct remote_options *options)
{
	struct remote *rm = mu_xcalloc(1, sizeof *rm);

	rm->options = *options;
	rm->options.mark = rm->mark = mu_xstrdup(options->mark);
	rm->rand.state = mu_random_u64();
	rm->timer = mu_timer_new(options->loop, on_timer, rm);
	read_mark(rm, step_now());
	rm->post = (struct post){
	    .target = &rm->options.target, .bytes = gather_bytes(rm->gather), .done = on_posted};
	rm->marking = (struct mu_work){.run = run_mark, .done = on_marked};
	rm->synced_at = mu_loop_now(options->loop);
	rm->marked_at = rm->synced_at - MARK_MS; /* the first pass is marked */
	mu_timer_set(rm->timer, PASS_MS);
	return rm;
}

/* --- the mark --- */

static void begin_mark(struct remote *rm)
{
	mu_assert(!rm->mark_busy);
	gather_mark(rm->gather, step_now(), &rm->mark_bytes);
	rm->mark_last = rm->state == CLOSED;
	rm->mark_busy = true;
	rm->marked_at = mu_loop_now(rm->options.loop);
	mu_work_start(&rm->marking, rm->options.loop);
}

static void run_mark(struct mu_work *w)
{
	struct remote *rm = MU_CONTAINER_OF(w, struct remote, marking);

	mu_error_clear(&rm->mark_err);
	(void)mu_file_replace(rm->mark, rm->mark_bytes.data, rm->mark_bytes.len, 0600,
			      &rm->mark_err);
}

static void remote_free(struct remote *rm)
{
	gather_free(rm->gather);
	post_deinit(&rm->post);
	mu_str_deinit(&rm->mark_bytes);
	mu_timer_free(rm->timer);
	free(rm->mark);
	free(rm);
}

static void finish(struct remote *rm)
{
	rm->state = CLOSED;
	if (!rm->mark_busy)
		begin_mark(rm);
}

static void on_marked(struct mu_work *w)
{
	struct remote *rm = MU_CONTAINER_OF(w, struct remote, marking);
	bool failed = rm->mark_err.code != MU_E_NONE;
	mu_loop_cb closed = rm->closed;
	void *ctx = rm->closed_ctx;

	rm->mark_busy = false;
	if (failed && !rm->mark_failing)
		mu_log_error("remote_write cannot store how far it is err=\"%s\"",
			     rm->mark_err.text);
	rm->mark_failing = failed;
	if (rm->state != CLOSED)
		return;
	if (!rm->mark_last) {
		begin_mark(rm); /* that one was from before the end */
		return;
	}
	remote_free(rm);
	closed(ctx);
}

/* --- passes --- */

static void begin_pass(struct remote *rm)
{
	rm->state = GATHERING;
	rm->began_at = mu_loop_now(rm->options.loop);
	gather_begin(rm->gather, step_now());
	mu_loop_post(rm->options.loop, turn, rm);
}

static void post(struct remote *rm)
{
	struct mu_error err = MU_ERROR_INIT;

	rm->state = POSTING;
	if (post_start(&rm->post, rm->options.loop, &err) == 0)
		return;
	/* There is no thread: as if there were no answer. */
	mu_log_warning("remote_write err=\"%s\"", err.text);
	rm->state = WAITING;
	mu_timer_set(rm->timer, sending_wait(++rm->n_failed, 0, &rm->rand));
}

static void pass_over(struct remote *rm)
{
	mu_msec now = mu_loop_now(rm->options.loop);

	if (!rm->mark_busy && now - rm->marked_at >= MARK_MS)
		begin_mark(rm);
	if (gather_more(rm->gather)) {
		begin_pass(rm);
		return;
	}
	rm->synced_at = rm->began_at;
	rm->state = IDLE;
	mu_timer_set(rm->timer, PASS_MS);
}

static void turn(void *ctx)
{
	struct remote *rm = ctx;

	if (rm->closing) {
		finish(rm);
		return;
	}
	switch (gather_turn(rm->gather)) {
	case GATHER_GOES_ON:
		mu_loop_post(rm->options.loop, turn, rm);
		break;
	case GATHER_FULL:
		post_renew(&rm->post);
		post(rm);
		break;
	case GATHER_OVER:
		pass_over(rm);
		break;
	}
}

static void on_timer(void *ctx)
{
	struct remote *rm = ctx;

	if (rm->state == WAITING)
		post(rm);
	else
		begin_pass(rm);
}

/* --- answers --- */

static void failed(struct remote *rm, const struct post *p)
{
	rm->counts.n_failures++;
	rm->n_failed++;
	if (!rm->failing) {
		rm->n_lost = gather_n_lost(rm->gather);
		mu_log_error("remote_write fails, samples wait in memory url=%s status=%d "
			     "err=\"%s\" hint=\"they are kept for ten minutes\"",
			     rm->options.target.url, p->status,
			     p->status ? p->answer : p->err.text);
	}
	rm->failing = true;
	rm->state = WAITING;
	mu_timer_set(rm->timer, sending_wait(rm->n_failed, p->asked, &rm->rand));
}

static void refused(struct remote *rm, const struct post *p)
{
	rm->counts.n_refused += gather_n_samples(rm->gather);
	if (!rm->refusing)
		mu_log_warning("remote_write is refused, samples are dropped url=%s status=%d "
			       "samples=%zu err=\"%s\"",
			       rm->options.target.url, p->status, gather_n_samples(rm->gather),
			       p->answer);
	rm->refusing = true;
}

/* There was an answer that is one: on with the next. */
static void answered(struct remote *rm, bool taken)
{
	if (taken) {
		rm->counts.n_sent += gather_n_samples(rm->gather);
		rm->refusing = false;
	}
	rm->counts.n_requests++;
	rm->n_failed = 0;
	gather_commit(rm->gather);
	if (rm->failing)
		mu_log_info("remote_write works again url=%s lost=%llu", rm->options.target.url,
			    (unsigned long long)(gather_n_lost(rm->gather) - rm->n_lost));
	rm->failing = false;
	rm->state = GATHERING;
	mu_loop_post(rm->options.loop, turn, rm);
}

static void on_posted(struct post *p)
{
	struct remote *rm = MU_CONTAINER_OF(p, struct remote, post);

	switch (sending_judge(p->status)) {
	case SENDING_TAKEN:
		answered(rm, true);
		return;
	case SENDING_REFUSED:
		refused(rm, p);
		answered(rm, false);
		return;
	case SENDING_AGAIN:
		break;
	}
	if (rm->closing)
		finish(rm);
	else
		failed(rm, p);
}

/* --- the end, and figures --- */

void remote_close(struct remote *rm, mu_loop_cb done, void *ctx)
{
	mu_assert(!rm->closing);
	rm->closing = true;
	rm->closed = done;
	rm->closed_ctx = ctx;
	switch (rm->state) {
	case IDLE:
	case WAITING:
		mu_timer_cancel(rm->timer);
		finish(rm);
		break;
	case POSTING:
		post_cancel(&rm->post);
		break;
	case GATHERING: /* its turn comes */
	case CLOSED:
		break;
	}
}

void remote_counts(const struct remote *rm, struct remote_counts *ret)
{
	*ret = rm->counts;
	ret->n_lost = gather_n_lost(rm->gather);
	ret->failing = rm->failing;
	ret->lag = mu_loop_now(rm->options.loop) - rm->synced_at;
}
