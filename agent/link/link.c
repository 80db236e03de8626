/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     WAITING --timer--> LOADING --read--> HELLO --Welcome--> LIVE
 *        ^                  | not enrolled   | ended           | ended
 *        +------------------+----------------+-----------------+
 *
 * The identity is read anew for every attempt (on a work thread), so that an enrolment or a renewed
 * certificate needs no restart; and every attempt has a channel of its own, so that gRPC's back-off
 * does not add to ours.
 */
#include "agent/link/link_priv.h"

#include "common/base/assert.h"
#include "common/base/cut.h"
#include "common/base/map.h"
#include "common/log/log.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_ENROLLED_RETRY MU_SEC(5)
#define HELLO_PATIENCE MU_SEC(15)
#define KEEPALIVE MU_SEC(20)
#define KEEPALIVE_TIMEOUT MU_SEC(10)
#define PATH "/muster.v1.Fleet/Connect"
enum { SEND_MAX = WIRE_MESSAGE_MAX + (1 << 20) };

#define TO(s) (1u << (s))

static const struct {
	const char *name;
	unsigned next;
} states[_LINK_STATE_COUNT] = {
    [LINK_WAITING] = {"waiting", TO(LINK_LOADING) | TO(LINK_STOPPING)},
    [LINK_LOADING] = {"loading", TO(LINK_WAITING) | TO(LINK_HELLO) | TO(LINK_STOPPING)},
    [LINK_HELLO] = {"hello", TO(LINK_LIVE) | TO(LINK_WAITING) | TO(LINK_STOPPING)},
    [LINK_LIVE] = {"live", TO(LINK_WAITING) | TO(LINK_STOPPING)},
    [LINK_STOPPING] = {"stopping", 0},
};

static void move(struct link *link, enum link_state to)
{
	mu_assert(states[link->state].next & TO(to));
	mu_log_debug("link %s -> %s", states[link->state].name, states[to].name);
	link->state = to;
}

static void on_timer(void *ctx);
static void run_load(struct mu_work *work);
static void load_done(struct mu_work *work);

struct link *link_new(struct mu_loop *loop, struct app *app, const struct link_options *options)
{
	struct link *link = mu_xcalloc(1, sizeof *link);

	link->loop = loop;
	link->app = app;
	link->options = *options;
	link->rpc = rpc_new(loop);
	link->timer = mu_timer_new(loop, on_timer, link);
	link->load.run = run_load;
	link->load.done = load_done;
	link->arena = mu_arena_new();
	link->sync = sync_new(mu_random_u64());
	link->metric_epoch = mu_random_u64();
	link->backfill = backfill_new(options->history);
	link->sent = mu_map_new();
	mu_link_init(&link->reads);
	backoff_init(&link->backoff, mu_random_u64());
	renew_init(link);
	tunnels_init(link);
	pump_listen(link);
	mu_timer_set(link->timer, 0);
	return link;
}

/* Attempts */

static void wait_for(struct link *link, mu_msec delay)
{
	move(link, LINK_WAITING);
	mu_timer_set(link->timer, delay);
}

/* Once per reason: an aggregator that is away for a day is one line. */
static void log_trouble(struct link *link, const char *what, const char *why)
{
	if (!strcmp(link->last_trouble, why))
		return;
	(void)snprintf(link->last_trouble, sizeof link->last_trouble, "%s", why);
	mu_log_warning("%s err=\"%s\"", what, why);
}

/* Not a trouble: a host can be managed over its admin socket alone. */
static void log_not_enrolled(struct link *link)
{
	static const char text[] = "not enrolled";

	if (!strcmp(link->last_trouble, text))
		return;
	memcpy(link->last_trouble, text, sizeof text);
	mu_log_info("not enrolled, admin socket only; hint: muster-agent enrol --server URL "
		    "--token TOKEN");
}

static void on_timer(void *ctx)
{
	struct link *link = ctx;

	if (link->state == LINK_HELLO) {
		link_break(link, "no answer to Hello");
		return;
	}
	mu_assert(link->state == LINK_WAITING);
	link->channel = rpc_channel_free(link->channel);
	move(link, LINK_LOADING);
	link->loading = true;
	mu_work_start(&link->load, link->loop);
}

static void run_load(struct mu_work *work)
{
	struct link *link = MU_CONTAINER_OF(work, struct link, load);

	identity_deinit(&link->id);
	mu_error_clear(&link->load_err);
	(void)identity_load(link->options.tls_dir, &link->id, &link->load_err);
}

static void dial(struct link *link);

static void load_done(struct mu_work *work)
{
	struct link *link = MU_CONTAINER_OF(work, struct link, load);

	link->loading = false;
	if (link->state == LINK_STOPPING) {
		link_check_stopped(link);
	} else if (link->load_err.code == MU_E_NOT_FOUND) {
		log_not_enrolled(link);
		wait_for(link, NOT_ENROLLED_RETRY);
	} else if (link->load_err.code != MU_E_NONE) {
		log_trouble(link, "identity not usable", link->load_err.text);
		wait_for(link, NOT_ENROLLED_RETRY);
	} else {
		dial(link);
	}
}

static void on_message(struct rpc_stream *s, const void *data, size_t len, void *ctx);
static void on_writable(struct rpc_stream *s, void *ctx);
static void on_end(struct rpc_stream *s, int grpc_status, const char *text, void *ctx);

static const struct rpc_stream_ops stream_ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_end = on_end,
};

static void say_hello(struct link *link)
{
	struct message_hello hello = {
	    .host = &link->options.host,
	    .boot_id = link->options.boot_id,
	    .state_epoch = sync_epoch(link->sync),
	    .acked_seq = sync_acked(link->sync),
	    .metric_epoch = link->metric_epoch,
	};

	mu_arena_reset(link->arena);
	(void)pump_send(link, message_hello(link->arena, &hello));
}

static void dial(struct link *link)
{
	const char *target = link->options.aggregator ? link->options.aggregator : link->id.address;
	struct rpc_channel_options options = {
	    .target = target,
	    .tls = {.ca = link->id.ca, .cert = link->id.cert, .key = link->id.key},
	    .message_max = WIRE_MESSAGE_MAX,
	    .send_max = SEND_MAX,
	    .keepalive = KEEPALIVE,
	    .keepalive_timeout = KEEPALIVE_TIMEOUT,
	};
	struct mu_error err = MU_ERROR_INIT;

	if (rpc_channel_new(link->rpc, &options, &link->channel, &err) < 0) {
		log_trouble(link, "aggregator cannot be dialled", err.text);
		wait_for(link, backoff_next(&link->backoff, 0));
		return;
	}
	move(link, LINK_HELLO);
	link->live_since = 0;
	pump_reset(link);
	link->stream = rpc_channel_open(link->channel, PATH, &stream_ops, link);
	mu_timer_set(link->timer, HELLO_PATIENCE);
	say_hello(link);
}

/* A stream */

static void on_message(struct rpc_stream *s, const void *data, size_t len, void *ctx)
{
	struct link *link = ctx;

	(void)s;
	if (link->state == LINK_HELLO || link->state == LINK_LIVE)
		inbound_message(link, data, len);
}

static void on_writable(struct rpc_stream *s, void *ctx)
{
	(void)s;
	pump(ctx);
}

void link_welcomed(struct link *link)
{
	const char *target = link->options.aggregator ? link->options.aggregator : link->id.address;

	move(link, LINK_LIVE);
	mu_timer_cancel(link->timer);
	link->live_since = mu_loop_now(link->loop);
	link->last_trouble[0] = '\0';
	mu_log_info("connected aggregator=%s", target);
	renew_begin(link);
}

void link_break(struct link *link, const char *why)
{
	log_trouble(link, "stream ended by us", why);
	if (link->stream)
		rpc_stream_cancel(link->stream);
}

static void on_end(struct rpc_stream *s, int grpc_status, const char *text, void *ctx)
{
	struct link *link = ctx;
	mu_msec lived = 0;
	char why[MU_ERROR_TEXT_MAX];

	(void)s;
	link->stream = NULL;
	renew_end(link);
	pump_reset(link);
	reads_drop_all(link);
	if (link->state == LINK_STOPPING) {
		link_check_stopped(link);
		return;
	}
	if (link->state == LINK_LIVE)
		lived = mu_loop_now(link->loop) - link->live_since + 1;
	(void)snprintf(why, sizeof why, "%.*s (gRPC status %d)", (int)mu_cut_fit(text, 300), text,
		       grpc_status);
	log_trouble(link, lived ? "disconnected" : "aggregator not reachable", why);
	wait_for(link, backoff_next(&link->backoff, lived));
}

/* The end */

static void finish_stop(void *ctx)
{
	struct link *link = ctx;
	mu_loop_cb stopped = link->stopped;
	void *stopped_ctx = link->stopped_ctx;

	rpc_channel_free(link->channel);
	rpc_free(link->rpc);
	mu_timer_free(link->timer);
	renew_deinit(link);
	identity_deinit(&link->id);
	sync_free(link->sync);
	backfill_free(link->backfill);
	mu_map_free(link->sent);
	mu_arena_free(link->arena);
	free(link);
	stopped(stopped_ctx);
}

void link_check_stopped(struct link *link)
{
	if (link->state != LINK_STOPPING || link->stream || link->loading ||
	    link->renewal.working || link->pumping_soon || link->n_reads || link->tunnels.n > 0)
		return;
	mu_loop_post(link->loop, finish_stop, link);
}

void link_stop(struct link *link, mu_loop_cb done, void *ctx)
{
	link->stopped = done;
	link->stopped_ctx = ctx;
	app_unlisten(&link->listener);
	mu_timer_cancel(link->timer);
	move(link, LINK_STOPPING);
	if (link->stream)
		rpc_stream_cancel(link->stream);
	tunnels_cancel(link);
	link_check_stopped(link);
}
