/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes up, in order of weight: state, results, what was read, metrics, metrics of before.
 * Nothing is queued here: state is coalesced in core/sync, results stand in the journal, metrics in
 * the window; a message is made when the stream has room. So a slow aggregator costs no memory but
 * one message.
 */
#include "agent/link/link_priv.h"

#include "common/base/map.h"
#include "common/log/log.h"

#include <stdlib.h>
#include <string.h>

bool pump_send(struct link *link, struct message m)
{
	if (link->n_stalled)
		return false;
	if (m.len > WIRE_MESSAGE_MAX)
		mu_log_error("message over the protocol's bound bytes=%zu", m.len);
	if (rpc_stream_send(link->stream, m.data, m.len) == RPC_FULL) {
		link->stalled = mu_xmemdup(m.data, m.len);
		link->n_stalled = m.len;
	}
	return true;
}

static void drop_stalled(struct link *link)
{
	free(link->stalled);
	link->stalled = NULL;
	link->n_stalled = 0;
}

void pump_reset(struct link *link)
{
	drop_stalled(link);
	mu_map_free(link->sent);
	link->sent = mu_map_new();
	backfill_end(link->backfill);
}

static bool unstall(struct link *link)
{
	if (link->n_stalled &&
	    rpc_stream_send(link->stream, link->stalled, link->n_stalled) == RPC_FULL)
		return false;
	drop_stalled(link);
	return true;
}

static bool pump_state(struct link *link)
{
	MU_CLEANUP(mu_free) struct sync_delta *delta = mu_xmalloc(sizeof *delta);

	while (!link->n_stalled && sync_next(link->sync, delta)) {
		mu_arena_reset(link->arena);
		(void)pump_send(link, message_delta(link->arena, link->app, delta));
	}
	return !link->n_stalled;
}

/* All that was said of it: what the aggregator has of that is passed over there. */
static void send_lines(struct link *link, const struct mu_uuid *task)
{
	const struct task_lines *lines = app_task_lines(link->app, task);

	if (!lines || !lines->n)
		return;
	mu_arena_reset(link->arena);
	(void)pump_send(link, message_lines(link->arena, task, lines));
}

static bool pump_results(struct link *link)
{
	const struct journal_entry *e;

	for (size_t i = 0; !link->n_stalled && (e = app_result_next(link->app, &i));) {
		if (mu_map_find(link->sent, e->task.bytes, sizeof e->task.bytes))
			continue;
		send_lines(link, &e->task);
		if (link->n_stalled)
			break;
		/* Only that it is there counts. */
		mu_map_put(link->sent, e->task.bytes, sizeof e->task.bytes, link);
		mu_arena_reset(link->arena);
		(void)pump_send(link, message_result(link->arena, e));
	}
	return !link->n_stalled;
}

/* True: all that is new is sent. */
static bool pump_metrics(struct link *link)
{
	struct window_dictionary dictionary;
	struct window_batches batches;

	while (!link->n_stalled) {
		mu_arena_reset(link->arena);
		switch (window_next(link->options.window, &dictionary, &batches)) {
		case WINDOW_NOTHING:
			return true;
		case WINDOW_DICTIONARY:
			(void)pump_send(link, message_dictionary(link->arena, &dictionary));
			break;
		case WINDOW_BATCHES:
			(void)pump_send(link, message_batches(link->arena, &batches));
			break;
		}
	}
	return false;
}

static void pump_backfill(struct link *link)
{
	struct backfill_dictionary dictionary;
	struct backfill_row row;

	while (!link->n_stalled) {
		mu_arena_reset(link->arena);
		switch (backfill_next(link->backfill, &dictionary, &row)) {
		case BACKFILL_NOTHING:
			return;
		case BACKFILL_DICTIONARY:
			(void)pump_send(link, message_row_dictionary(link->arena, &dictionary));
			break;
		case BACKFILL_ROW:
			(void)pump_send(link, message_row(link->arena, &row));
			break;
		}
	}
}

void pump(struct link *link)
{
	if (link->state != LINK_LIVE || !link->stream || !unstall(link))
		return;
	if (pump_state(link) && pump_results(link) && reads_pump(link) && pump_metrics(link))
		pump_backfill(link);
}

void link_metrics_added(struct link *link)
{
	pump(link);
}

/* From the app */

static void on_soon(void *ctx)
{
	struct link *link = ctx;

	link->pumping_soon = false;
	pump(link);
	link_check_stopped(link);
}

/* From the next loop turn, once however often it is asked for: changes come in flocks, and the view
 * is in the middle of telling them. */
void pump_soon(struct link *link)
{
	if (link->pumping_soon)
		return;
	link->pumping_soon = true;
	mu_loop_post(link->loop, on_soon, link);
}

static void on_host(void *ctx, const struct model_host *h)
{
	struct link *link = ctx;

	(void)h;
	sync_host_changed(link->sync);
	pump_soon(link);
}

static void on_vm(void *ctx, enum app_change what, const struct model_vm *vm)
{
	struct link *link = ctx;

	if (what == APP_REMOVED)
		sync_removed(link->sync, &vm->id.uuid);
	else
		sync_changed(link->sync, &vm->id.uuid);
	pump_soon(link);
}

static void on_object(void *ctx, enum app_change what, const struct model_object *o)
{
	struct link *link = ctx;

	if (what == APP_REMOVED)
		sync_removed(link->sync, &o->id);
	else
		sync_changed(link->sync, &o->id);
	pump_soon(link);
}

static void on_task(void *ctx, enum app_change what, const struct model_task *t)
{
	struct link *link = ctx;

	if (link->state != LINK_LIVE || what != APP_UPDATED || t->status != TASK_PENDING ||
	    !app_task_is_remote(link->app, &t->id))
		return;
	/* Progress is for show: where there is no room, it is left out. */
	mu_arena_reset(link->arena);
	(void)pump_send(link, message_progress(link->arena, &t->id, t->progress));
}

/* Where there is no room they come with the next ones, or with the result. */
static void on_said(void *ctx, const struct model_task *t)
{
	struct link *link = ctx;

	if (link->state == LINK_LIVE && app_task_is_remote(link->app, &t->id))
		send_lines(link, &t->id);
}

static void on_result(void *ctx, const struct journal_entry *e)
{
	struct link *link = ctx;

	/* Told again: the aggregator has asked again. */
	mu_map_remove(link->sent, e->task.bytes, sizeof e->task.bytes);
	pump_soon(link);
}

void pump_listen(struct link *link)
{
	const struct model_object *o;
	const struct model_vm *vm;

	link->listener = (struct app_listener){
	    .host = on_host,
	    .vm = on_vm,
	    .object = on_object,
	    .task = on_task,
	    .said = on_said,
	    .result = on_result,
	    .ctx = link,
	};
	app_listen(link->app, &link->listener);
	sync_host_changed(link->sync);
	for (size_t i = 0; (vm = app_vm_next(link->app, &i));)
		sync_changed(link->sync, &vm->id.uuid);
	for (size_t i = 0; (o = app_object_next(link->app, _OBJECT_KIND_COUNT, &i));)
		sync_changed(link->sync, &o->id);
}
