/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations. Each has a socket pair: the loop passes on between its one end and the pipe
 * (bridge.c), a thread talks at the other. A conversation is freed when its pipe is closed and its
 * thread has ended, in whichever order that happens:
 *
 *   the thread ends    what it has written goes out, then the pipe is closed, with its error
 *   the pipe closes    the thread sees the end of what comes, and that nobody reads; it is told to
 *                      stop, and what it had of an upload stays
 */
#include "agent/transfer/transfer_priv.h"

#include "agent/storage/stream.h"
#include "common/base/assert.h"
#include "common/json/json.h"
#include "common/log/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK MU_SEC(15)

struct upload_place transfer_place(const struct transfer_hub *hub)
{
	return (struct upload_place){
	    .state_dir = hub->state_dir, .dir = hub->dir, .boot_id = hub->boot_id};
}

static void report(void *ctx, int percent)
{
	mu_job_report(ctx, percent);
}

struct copy_watch transfer_watch(struct transfer *t)
{
	return (struct copy_watch){.cancel = &t->job.cancel, .progress = report, .ctx = &t->job};
}

/* Life */

static void stop_if_idle(struct transfer_hub *hub)
{
	mu_loop_cb stopped = hub->stopped;
	void *ctx = hub->stopped_ctx;

	if (!hub->stopping || hub->n_transfers > 0)
		return;
	uploads_deinit(hub);
	exports_deinit(hub);
	mu_timer_free(hub->tick);
	free(hub->dir);
	free(hub->state_dir);
	free(hub);
	stopped(ctx);
}

/* Posted by whatever may have been the last to need it. */
static void reap(void *ctx)
{
	struct transfer *t = ctx;
	struct transfer_hub *hub = t->hub;

	mu_list_remove(&t->link);
	bridge_deinit(&t->bridge);
	copy_close(&t->fd);
	mu_str_deinit(&t->reply);
	free(t);
	hub->n_transfers--;
	stop_if_idle(hub);
}

static void cancel(struct transfer *t)
{
	t->cancelled = true;
	mu_job_cancel(&t->job);
	if (t->op.priv)
		storage_op_cancel(&t->op);
	if (t->vm.done)
		t->hub->vms.cancel(t->hub->vms.ctx, &t->vm);
}

static void on_pipe_closed(void *ctx)
{
	struct transfer *t = ctx;

	t->open = false;
	if (t->running)
		cancel(t);
	else
		mu_loop_post(t->hub->loop, reap, t);
}

/* However it ended: t->r and t->err. */
static void over(struct transfer *t)
{
	void (*cb)(struct transfer * t) = t->over;

	t->running = false;
	t->over = NULL;
	if (cb)
		cb(t);
	if (t->running) /* a second step */
		return;
	copy_close(&t->fd);
	if (t->open)
		bridge_finish(&t->bridge, t->r < 0 ? &t->err : NULL);
	else
		mu_loop_post(t->hub->loop, reap, t);
}

static void run_job(struct mu_job *job)
{
	struct transfer *t = MU_CONTAINER_OF(job, struct transfer, job);

	t->r = t->run(t, &t->err);
}

static void job_done(struct mu_job *job)
{
	over(MU_CONTAINER_OF(job, struct transfer, job));
}

static void job_progress(struct mu_job *job, int percent)
{
	struct transfer *t = MU_CONTAINER_OF(job, struct transfer, job);

	/* To the percent: what is really there is known at the end. */
	if (t->entry)
		t->entry->upload.offset = (int64_t)((double)t->upload.size_bytes * percent / 100);
}

static void op_done(struct storage_op *op)
{
	struct transfer *t = MU_CONTAINER_OF(op, struct transfer, op);

	t->r = op->r;
	t->err = op->err;
	over(t);
}

static void on_failed(void *ctx)
{
	over(ctx);
}

void transfer_fail(struct transfer *t, const struct mu_error *err)
{
	t->r = MU_FAILED;
	t->err = *err;
	t->running = true;
	mu_loop_post(t->hub->loop, on_failed, t);
}

void transfer_start(struct transfer *t)
{
	struct mu_error err = MU_ERROR_INIT;

	t->job = (struct mu_job){.run = run_job, .done = job_done, .progress = job_progress};
	if (mu_job_start(&t->job, t->hub->loop, &err) < 0) {
		transfer_fail(t, &err);
		return;
	}
	t->running = true;
	if (t->cancelled)
		mu_job_cancel(&t->job);
}

void transfer_start_op(struct transfer *t)
{
	t->op.done = op_done;
	t->running = true;
	storage_op_start(t->hub->storage, &t->op);
}

static void on_vm_done(struct transfer_vm *v)
{
	struct transfer *t = MU_CONTAINER_OF(v, struct transfer, vm);

	v->done = NULL;
	t->r = v->r;
	t->err = v->err;
	over(t);
}

void transfer_start_vm(struct transfer *t)
{
	t->vm.done = on_vm_done;
	t->running = true;
	t->hub->vms.make(t->hub->vms.ctx, &t->vm);
}

struct transfer *transfer_new(struct transfer_hub *hub)
{
	struct transfer *t = mu_xcalloc(1, sizeof *t);

	t->hub = hub;
	t->fd = -1;
	mu_list_push_back(&hub->transfers, &t->link);
	hub->n_transfers++;
	return t;
}

/* Replies */

void transfer_reply(struct transfer *t, const struct mu_value *v)
{
	mu_str_reset(&t->reply);
	mu_json_write(&t->reply, v, false);
	mu_str_add_char(&t->reply, '\n');
}

int transfer_run_reply(struct transfer *t, struct mu_error *err)
{
	return stream_write(&t->job.cancel, t->fd, t->reply.data, t->reply.len, err);
}

/* Asking */

int transfer_number(const struct mu_value *args, const char *name, int64_t min, int64_t max,
		    int64_t *ret, struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(args, name);

	if (!v || v->kind != MU_VALUE_INT || v->integer < min || v->integer > max)
		return mu_error_set(err, MU_E_INVALID,
				    "%s: a number from %" PRId64 " to %" PRId64 " is needed", name,
				    min, max);
	*ret = v->integer;
	return 0;
}

int transfer_format(const struct mu_value *args, enum image_format *ret, struct mu_error *err)
{
	const char *text = mu_value_as_string(mu_value_get(args, "format"));

	if (!text || !image_format_parse(text, ret))
		return mu_error_set(err, MU_E_INVALID,
				    "format: it is raw, qcow2, vhd, vmdk or ova");
	return 0;
}

typedef void (*begin_function)(struct transfer *t, const struct transfer_request *rq,
			       const struct mu_value *args);

static begin_function function_of(const struct mu_value *args)
{
	static const struct {
		const char *op;
		begin_function begin;
	} table[] = {
	    {"download", exports_download},    {"download.vm", exports_download_vm},
	    {"upload.create", uploads_create}, {"upload.list", uploads_list},
	    {"upload.status", uploads_status}, {"upload.write", uploads_write},
	    {"upload.remove", uploads_remove},
	};
	const char *op = mu_value_as_string(mu_value_get(args, "op"));

	for (size_t i = 0; op && i < MU_ARRAY_SIZE(table); i++) {
		if (strcmp(table[i].op, op) == 0)
			return table[i].begin;
	}
	return NULL;
}

static int read_arguments(struct mu_arena *a, const struct transfer_request *rq,
			  struct mu_value **ret, begin_function *ret_begin, struct mu_error *err)
{
	size_t len = strlen(rq->arguments);

	if (len > TRANSFER_ARGUMENTS_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "arguments of %zu bytes, %d at most", len,
				    TRANSFER_ARGUMENTS_MAX);
	if (mu_json_read(a, rq->arguments, len, ret, err) < 0)
		return MU_FAILED;
	*ret_begin = function_of(*ret);
	if (!*ret_begin)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "agent %s does not know this transfer; hint: upgrade it",
				    MUSTER_VERSION);
	return 0;
}

int transfer_hub_open(struct transfer_hub *hub, const struct transfer_request *rq,
		      struct mu_pipe near, struct mu_pipe *ret_far, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	begin_function begin = NULL;
	struct mu_value *args;
	char text[MU_UUID_TEXT];
	struct transfer *t;

	if (hub->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the host's agent is stopping");
	if (hub->n_transfers >= TRANSFERS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d transfers run on this host, the most; hint: try again when "
				    "one has ended",
				    TRANSFERS_MAX);
	if (read_arguments(a, rq, &args, &begin, err) < 0)
		return MU_FAILED;
	t = transfer_new(hub);
	t->bridge.near = near;
	t->bridge.closed = on_pipe_closed;
	t->bridge.ctx = t;
	if (bridge_init(&t->bridge, hub->loop, &t->fd, err) < 0) {
		mu_loop_post(hub->loop, reap, t);
		return MU_FAILED;
	}
	t->open = true;
	mu_log_info("transfer op=%s object=%s user=\"%s\" from=\"%s\"",
		    mu_value_as_string(mu_value_get(args, "op")), mu_uuid_format(&rq->object, text),
		    rq->user, rq->from);
	*ret_far = (struct mu_pipe){.ops = &bridge_pipe, .side = &t->bridge};
	begin(t, rq, args);
	bridge_start(&t->bridge);
	return 0;
}

/* The hub */

static void on_tick(void *ctx)
{
	struct transfer_hub *hub = ctx;

	uploads_sweep(hub);
	exports_sweep(hub);
	mu_timer_set(hub->tick, TICK);
}

int transfer_hub_new(const struct transfer_hub_options *options, struct transfer_hub **ret_hub,
		     struct mu_error *err)
{
	struct transfer_hub *hub = mu_xcalloc(1, sizeof *hub);

	hub->loop = options->loop;
	hub->storage = options->storage;
	hub->vms = options->vms;
	hub->state_dir = mu_xstrdup(options->state_dir);
	hub->dir = mu_xstrdup(options->dir);
	(void)snprintf(hub->boot_id, sizeof hub->boot_id, "%s", options->boot_id);
	mu_link_init(&hub->transfers);
	mu_link_init(&hub->uploads);
	mu_link_init(&hub->exports);
	if (uploads_init(hub, err) < 0) {
		uploads_deinit(hub);
		free(hub->dir);
		free(hub->state_dir);
		free(hub);
		return MU_FAILED;
	}
	hub->tick = mu_timer_new(hub->loop, on_tick, hub);
	mu_timer_set(hub->tick, TICK);
	*ret_hub = hub;
	return 0;
}

static void on_stop(void *ctx)
{
	struct transfer_hub *hub = ctx;

	hub->n_transfers--;
	stop_if_idle(hub);
}

void transfer_hub_free(struct transfer_hub *hub, mu_loop_cb done, void *ctx)
{
	struct mu_error why = MU_ERROR_INIT;

	hub->stopping = true;
	hub->stopped = done;
	hub->stopped_ctx = ctx;
	mu_timer_cancel(hub->tick);
	(void)mu_error_set(&why, MU_E_UNAVAILABLE, "the host's agent is stopping");
	mu_list_each(it, &hub->transfers)
	{
		struct transfer *t = MU_CONTAINER_OF(it, struct transfer, link);

		if (t->running)
			cancel(t);
		if (t->open)
			bridge_finish(&t->bridge, &why);
	}
	hub->n_transfers++; /* until then */
	mu_loop_post(hub->loop, on_stop, hub);
}
