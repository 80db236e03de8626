/* SPDX-License-Identifier: Apache-2.0 */
/* struct rest_backend over the agent's use cases: translation only, decisions are app's. */
#include "agent/admin/admin.h"

#include "agent/console/console.h"
#include "agent/core/vm_spec.h"
#include "agent/transfer/transfer.h"
#include "common/log/log.h"
#include "common/rest/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BODY_MAX = VM_SPEC_TEXT_MAX,
	EVENTS_MAX = 4 << 20,
	CONNECTIONS_MAX = 64,
	WEBSOCKETS_MAX = 32,
};
#define IDLE_TIMEOUT MU_SEC(60)

struct admin {
	struct app *app;
	struct rest_backend backend;
	struct rest *rest;
	struct http_server *server;
	struct app_listener listener;
	mu_loop_cb stopped;
	void *stopped_ctx;
};

/* Who may */

static int authenticate(void *ctx, const char *token, const struct http_peer *peer,
			struct rest_user *ret_user, struct mu_error *err)
{
	(void)ctx;
	(void)token;
	if (!peer->local || (peer->uid != 0 && peer->uid != geteuid()))
		return mu_error_set(err, MU_E_UNAUTHENTICATED,
				    "the admin socket is for root; hint: use sudo, or ask the "
				    "aggregator");
	(void)snprintf(ret_user->name, sizeof ret_user->name, "uid %u (local)",
		       (unsigned)peer->uid);
	if (peer->uid == 0)
		(void)snprintf(ret_user->name, sizeof ret_user->name, "root (local)");
	ret_user->admin = true;
	return 0;
}

/* Looking */

static void each_host(void *ctx, bool (*each)(const struct model_host *h, void *arg), void *arg)
{
	const struct admin *admin = ctx;

	(void)each(app_host(admin->app), arg);
}

static void each_vm(void *ctx, bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	const struct admin *admin = ctx;
	const struct model_vm *vm;

	for (size_t i = 0; (vm = app_vm_next(admin->app, &i));) {
		if (!each(vm, arg))
			return;
	}
}

static void each_task(void *ctx, bool (*each)(const struct model_task *t, void *arg), void *arg)
{
	const struct admin *admin = ctx;
	const struct model_task *t;

	for (size_t i = 0; (t = app_task_next(admin->app, &i));) {
		if (!each(t, arg))
			return;
	}
}

static const struct model_host *host_find(void *ctx, const struct host_id *id)
{
	const struct admin *admin = ctx;
	const struct model_host *h = app_host(admin->app);

	return mu_uuid_equal(&h->id.uuid, &id->uuid) ? h : NULL;
}

static const struct model_vm *vm_find(void *ctx, const struct vm_id *id)
{
	const struct admin *admin = ctx;

	return app_vm_find(admin->app, id);
}

static void each_object(void *ctx, enum object_kind kind,
			bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	const struct admin *admin = ctx;
	const struct model_object *o;

	for (size_t i = 0; (o = app_object_next(admin->app, kind, &i));) {
		if (!each(o, arg))
			return;
	}
}

static const struct model_object *object_find(void *ctx, const struct mu_uuid *id)
{
	const struct admin *admin = ctx;

	return app_object_find(admin->app, id);
}

/* There is one host, and so one view of each object. */
static void each_report(void *ctx, const struct mu_uuid *id,
			bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	const struct admin *admin = ctx;
	const struct model_object *o = app_object_find(admin->app, id);

	if (o)
		(void)each(o, arg);
}

static const struct model_task *task_find(void *ctx, const struct mu_uuid *id)
{
	const struct admin *admin = ctx;

	return app_task_find(admin->app, id);
}

/* A host by itself is a pool of one, as in XAPI. */
static void pool(void *ctx, struct rest_pool *ret_pool)
{
	const struct admin *admin = ctx;
	const struct model_host *h = app_host(admin->app);

	*ret_pool = (struct rest_pool){.id = mu_uuid_derive(&h->id.uuid, "pool")};
	(void)snprintf(ret_pool->name, sizeof ret_pool->name, "%s", h->name);
}

/* Asking */

static void vm_op(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
		  const struct rest_user *user, const char *from,
		  void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		  void *arg)
{
	const struct admin *admin = ctx;
	char uuid[MU_UUID_TEXT];

	mu_log_info("asked op=%s vm=%s user=\"%s\" from=\"%s\"", vm_op_name(op),
		    mu_uuid_format(&vm->uuid, uuid), user->name, from);
	app_vm_op(admin->app, vm, op, deadline, user->name, done, arg);
}

static void vm_op_anyway(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
			 const struct rest_user *user, const char *from,
			 void (*done)(void *arg, const struct mu_uuid *task,
				      const struct mu_error *err),
			 void *arg)
{
	const struct admin *admin = ctx;
	char uuid[MU_UUID_TEXT];

	mu_log_info("asked op=%s vm=%s force=true user=\"%s\" from=\"%s\"", vm_op_name(op),
		    mu_uuid_format(&vm->uuid, uuid), user->name, from);
	app_vm_op_anyway(admin->app, vm, op, deadline, user->name, done, arg);
}

static void vm_define(void *ctx, const struct host_id *host, const struct mu_value *definition,
		      const struct rest_user *user, const char *from,
		      void (*done)(void *arg, const struct vm_id *vm, const struct mu_error *err),
		      void *arg)
{
	const struct admin *admin = ctx;

	(void)host; /* there is one */
	mu_log_info("asked op=define user=\"%s\" from=\"%s\"", user->name, from);
	app_define(admin->app, definition, done, arg);
}

static void call(void *ctx, const struct rest_ask *ask, const struct rest_user *user,
		 const char *from,
		 void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		 void *arg)
{
	const struct admin *admin = ctx;
	char uuid[MU_UUID_TEXT];

	mu_log_info("asked op=%s object=%s user=\"%s\" from=\"%s\"", ask->method->name,
		    mu_uuid_format(&ask->object, uuid), user->name, from);
	app_call_ask(admin->app, ask->method->name, &ask->object, ask->arguments, ask->deadline,
		     user->name, done, arg);
}

static void host_read(void *ctx, struct host_read_op *op)
{
	const struct admin *admin = ctx;

	app_host_read(admin->app, op);
}

static void host_read_cancel(void *ctx, struct host_read_op *op)
{
	const struct admin *admin = ctx;

	app_host_read_cancel(admin->app, op);
}

static int task_abort(void *ctx, const struct mu_uuid *id, const struct rest_user *user,
		      const char *from, struct mu_error *err)
{
	const struct admin *admin = ctx;
	char uuid[MU_UUID_TEXT];

	mu_log_info("asked op=abort task=%s user=\"%s\" from=\"%s\"", mu_uuid_format(id, uuid),
		    user->name, from);
	return app_task_abort(admin->app, id, err);
}

static int task_check_delete(void *ctx, const struct mu_uuid *id, struct mu_error *err)
{
	const struct admin *admin = ctx;

	return app_task_check_delete(admin->app, id, err);
}

static const struct task_lines *task_lines(void *ctx, const struct mu_uuid *id)
{
	const struct admin *admin = ctx;

	return app_task_lines(admin->app, id);
}

static void tasks_delete(void *ctx, const struct mu_uuid *ids, size_t n,
			 const struct rest_user *user, const char *from,
			 void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	const struct admin *admin = ctx;

	mu_log_info("asked op=task.delete tasks=%zu user=\"%s\" from=\"%s\"", n, user->name, from);
	app_tasks_delete(admin->app, ids, n, done, arg);
}

static void stats(void *ctx, const struct stats_query *q,
		  void (*done)(void *arg, const struct stats_result *r, const struct mu_error *err),
		  void *arg)
{
	const struct admin *admin = ctx;

	app_stats(admin->app, q, done, arg);
}

static size_t newest(void *ctx, const struct mu_uuid *id,
		     void (*each)(void *arg, const char *name, float value), void *arg)
{
	const struct admin *admin = ctx;

	return app_stats_newest(admin->app, id, each, arg);
}

static int console_open(void *ctx, const struct rest_console *rq, const struct rest_user *user,
			const char *from, struct mu_pipe near, struct mu_pipe *ret_far,
			struct mu_error *err)
{
	const struct admin *admin = ctx;
	const struct console_request request = {
	    .vm = rq->vm,
	    .kind = rq->kind == REST_CONSOLE_VNC ? HV_CONSOLE_VNC : HV_CONSOLE_SERIAL,
	    .write = rq->write,
	    .take = rq->take,
	    .user = user->name,
	    .from = from,
	};

	return app_console_open(admin->app, &request, near, ret_far, err);
}

static int transfer_open(void *ctx, const struct rest_transfer *rq, const struct rest_user *user,
			 const char *from, struct mu_pipe near, struct mu_pipe *ret_far,
			 struct mu_error *err)
{
	const struct admin *admin = ctx;
	const struct transfer_request request = {
	    .object = rq->object, .arguments = rq->arguments, .user = user->name, .from = from};

	return app_transfer_open(admin->app, &request, near, ret_far, err);
}

/* Changes, for events and waiting requests */

static enum rest_change change_of(enum app_change what)
{
	switch (what) {
	case APP_ADDED:
		return REST_ADD;
	case APP_UPDATED:
		return REST_UPDATE;
	case APP_REMOVED:
		break;
	}
	return REST_REMOVE;
}

static void on_host(void *ctx, const struct model_host *h)
{
	const struct admin *admin = ctx;

	rest_host_changed(admin->rest, REST_UPDATE, h);
}

static void on_vm(void *ctx, enum app_change what, const struct model_vm *vm)
{
	const struct admin *admin = ctx;

	rest_vm_changed(admin->rest, change_of(what), vm);
}

static void on_object(void *ctx, enum app_change what, const struct model_object *o)
{
	const struct admin *admin = ctx;

	rest_report_changed(admin->rest, change_of(what), o);
	rest_object_changed(admin->rest, change_of(what), o);
}

static void on_task(void *ctx, enum app_change what, const struct model_task *t)
{
	const struct admin *admin = ctx;

	rest_task_changed(admin->rest, change_of(what), t);
}

static void on_said(void *ctx, const struct model_task *t)
{
	on_task(ctx, APP_UPDATED, t);
}

/* Life */

static void on_server_stopped(void *ctx)
{
	struct admin *admin = ctx;

	app_unlisten(&admin->listener);
	admin->stopped(admin->stopped_ctx);
}

struct admin *admin_free(struct admin *admin)
{
	if (!admin)
		return NULL;
	rest_free(admin->rest);
	free(admin);
	return NULL;
}

int admin_new(struct mu_loop *loop, struct app *app, const char *socket_path,
	      struct admin **ret_admin, struct mu_error *err)
{
	struct admin *admin = mu_xcalloc(1, sizeof *admin);
	struct http_server_options options = {
	    .handle = rest_handle,
	    .streams = rest_streams,
	    .body_max = BODY_MAX,
	    .events_max = EVENTS_MAX,
	    .connections_max = CONNECTIONS_MAX,
	    .websockets_max = WEBSOCKETS_MAX,
	    .idle_timeout = IDLE_TIMEOUT,
	};

	admin->app = app;
	admin->backend = (struct rest_backend){
	    .ctx = admin,
	    .authenticate = authenticate,
	    .each_host = each_host,
	    .each_vm = each_vm,
	    .each_object = each_object,
	    .each_report = each_report,
	    .each_task = each_task,
	    .host_find = host_find,
	    .vm_find = vm_find,
	    .object_find = object_find,
	    .task_find = task_find,
	    .pool = pool,
	    .vm_op = vm_op,
	    .vm_op_anyway = vm_op_anyway,
	    .vm_define = vm_define,
	    .call = call,
	    .host_read = host_read,
	    .host_read_cancel = host_read_cancel,
	    .task_abort = task_abort,
	    .task_check_delete = task_check_delete,
	    .tasks_delete = tasks_delete,
	    .task_lines = task_lines,
	    .stats = stats,
	    .newest = newest,
	    .console_open = console_open,
	    .transfer_open = transfer_open,
	};
	admin->rest = rest_new(loop, &admin->backend);
	admin->listener = (struct app_listener){
	    .host = on_host,
	    .vm = on_vm,
	    .object = on_object,
	    .task = on_task,
	    .said = on_said,
	    .ctx = admin,
	};
	app_listen(app, &admin->listener);
	options.ctx = admin->rest;
	if (http_server_new(loop, &options, &admin->server, err) < 0) {
		app_unlisten(&admin->listener);
		admin_free(admin);
		return MU_FAILED;
	}
	*ret_admin = admin;
	if (http_listen_unix(admin->server, socket_path, 0600, err) < 0)
		return mu_error_prefix(err, "admin socket %s", socket_path);
	mu_log_info("admin socket open path=%s", socket_path);
	return 0;
}

void admin_stop(struct admin *admin, mu_loop_cb done, void *ctx)
{
	admin->stopped = done;
	admin->stopped_ctx = ctx;
	http_server_stop(admin->server, on_server_stopped, admin);
}
