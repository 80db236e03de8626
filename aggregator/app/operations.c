/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people ask of VMs. A task is stored together with its audit record; only then is the asker
 * answered, is the task seen by others, and may its command leave for the host.
 */
#include "aggregator/app/app.h"
#include "aggregator/store/audit.h"
#include "aggregator/store/tasks.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct task_request {
	struct app *app;
	struct mu_uuid task;
	struct host_id host;
	struct mu_error err;
	void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err);
	void *arg;
};

static void finished(struct app *app, const struct model_task *t);

void app_task_changed(struct app *app, enum rest_change what, const struct model_task *t)
{
	if (app->rest)
		rest_task_changed(app->rest, what, t);
}

void app_task_groups_step(struct app *app)
{
	const struct model_task *g;

	while ((g = tasks_group_changed(app->tasks, mu_clock_wall()))) {
		if (g->status == TASK_PENDING)
			app_task_changed(app, REST_UPDATE, g);
		else
			finished(app, g);
	}
}

/* The same, and what that means for a group. */
static void task_changed(struct app *app, enum rest_change what, const struct model_task *t)
{
	app_task_changed(app, what, t);
	app_task_groups_step(app);
}

/* "vm.start", "vdi.edit": for the audit log. */
static const char *action_name(const struct model_task *t, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%s", t->method[0] ? "" : "vm.", task_what(t));
	return buf;
}

/* --- asking --- */

static int check_vm_op(struct app *app, const struct vm_id *id, enum vm_op op,
		       const struct model_vm **ret_vm, struct mu_error *err)
{
	const struct model_vm *vm = inventory_vm_find(app->inventory, id);
	const struct model_host *h = vm ? inventory_host_find(app->inventory, &vm->host) : NULL;
	char text[MU_UUID_TEXT];

	if (!vm || !h)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such VM: %s",
				    mu_uuid_format(&id->uuid, text));
	if (!h->connected)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "host '%s' of this VM is away; hint: see whether its agent "
				    "runs and can reach the aggregator",
				    h->name);
	if (!vm_op_allowed(op, vm->power))
		return mu_error_set(err, MU_E_STATE, "the VM is %s; %s needs it %s",
				    vm_power_name(vm->power), vm_op_name(op), vm_op_expected(op));
	*ret_vm = vm;
	return 0;
}

static void task_refused(void *ctx)
{
	struct task_request *req = ctx;

	req->done(req->arg, NULL, &req->err);
	free(req);
}

static struct task_request *request_new(struct app *app,
					void (*done)(void *arg, const struct mu_uuid *task,
						     const struct mu_error *err),
					void *arg)
{
	struct task_request *req = mu_xcalloc(1, sizeof *req);

	*req = (struct task_request){.app = app, .done = done, .arg = arg};
	return req;
}

void app_task_refuse(struct app *app, const struct mu_error *err,
		     void (*done)(void *arg, const struct mu_uuid *task,
				  const struct mu_error *err),
		     void *arg)
{
	struct task_request *req = request_new(app, done, arg);

	req->err = *err;
	mu_loop_post(app->loop, task_refused, req);
}

static void task_stored(void *ctx, const struct mu_error *err)
{
	struct task_request *req = ctx;
	struct app *app = req->app;

	if (err) {
		tasks_drop(app->tasks, &req->task);
		req->done(req->arg, NULL, err);
	} else {
		task_changed(app, REST_ADD, tasks_confirm(app->tasks, &req->task));
		req->done(req->arg, &req->task, NULL);
		/* The host may have been removed while the task was being stored. */
		if (!inventory_host_find(app->inventory, &req->host))
			app_tasks_forget_host(app, &req->host);
		fleet_pump(app->fleet, &req->host);
		app_tasks_arm(app);
	}
	free(req);
}

/* Of a VM that is operated: as REST shows it. Calls have their arguments. */
static const char *state_before(struct app *app, const struct model_task *t, char buf[static 64])
{
	const struct model_vm *vm = t->method[0] ? NULL : inventory_vm_find(app->inventory, &t->vm);

	if (!vm)
		return NULL;
	(void)snprintf(buf, 64, "{\"power_state\":\"%s\"}", vm_power_name(vm->power));
	return buf;
}

static void store_task(struct task_request *req, const struct model_task *task,
		       const char *arguments, const struct admin_asker *who)
{
	struct store_tx *tx = store_begin(req->app->store);
	char action[64];
	char before[64];
	char detail[STORE_AUDIT_TEXT];
	char id[MU_UUID_TEXT];
	MU_CLEANUP(mu_free)
	char *text =
	    mu_xasprintf("task %s %s", mu_uuid_format(&task->id, id), arguments ? arguments : "");

	mu_utf8_sanitize(detail, sizeof detail - 1, text, strlen(text));
	store_tasks_put(tx, task, arguments);
	app_audit_change(req->app, tx, who, action_name(task, action, sizeof action),
			 task_object(task), "requested", detail,
			 state_before(req->app, task, before), arguments);
	store_commit(tx, STORE_OR_FAIL, task_stored, req);
}

void app_task_start(struct app *app, const struct model_task *task, const char *arguments,
		    const struct admin_asker *who,
		    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		    void *arg)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_task t = *task;
	struct task_request *req;
	char action[64];

	mu_utf8_sanitize(t.user, sizeof t.user - 1, who->user, strlen(who->user));
	if (tasks_begin(app->tasks, &t, arguments, &err) < 0) {
		app_audit_refusal(app, who, action_name(&t, action, sizeof action), task_object(&t),
				  &err);
		app_task_refuse(app, &err, done, arg);
		return;
	}
	req = request_new(app, done, arg);
	req->task = t.id;
	req->host = t.host;
	store_task(req, &t, arguments, who);
}

void app_vm_op(struct app *app, const struct vm_id *vm_id, enum vm_op op, mu_msec deadline,
	       const struct admin_asker *who,
	       void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
	       void *arg)
{
	struct mu_error err = MU_ERROR_INIT;
	mu_msec now = mu_clock_wall();
	const struct model_vm *vm;
	struct model_task task;
	char action[64];

	if (check_vm_op(app, vm_id, op, &vm, &err) < 0) {
		(void)snprintf(action, sizeof action, "vm.%s", vm_op_name(op));
		app_audit_refusal(app, who, action, &vm_id->uuid, &err);
		app_task_refuse(app, &err, done, arg);
		return;
	}
	task = (struct model_task){
	    .id = mu_random_uuid(),
	    .status = TASK_PENDING,
	    .op = op,
	    .vm = *vm_id,
	    .host = vm->host,
	    .start = now,
	    .updated = now,
	    .deadline = deadline,
	};
	app_task_start(app, &task, NULL, who, done, arg);
}

/* --- what came of it --- */

static void evict(struct app *app, struct store_tx *tx)
{
	struct model_task old;

	while (tasks_evict(app->tasks, mu_clock_wall(), &old)) {
		store_tasks_delete(tx, &old.id);
		app_task_changed(app, REST_REMOVE, &old);
	}
}

void app_tasks_trim(struct app *app)
{
	struct store_tx *tx = store_begin(app->store);

	evict(app, tx);
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
}

/* The end of a task and its audit record. */
static void store_end(struct app *app, struct store_tx *tx, const struct model_task *t)
{
	struct admin_asker who = {.user = t->user, .from = ""};
	char action[64];

	store_tasks_put(tx, t, NULL);
	if (t->n_parts) /* its parts have records of their own */
		return;
	app_audit(app, tx, &who, action_name(t, action, sizeof action), task_object(t),
		  task_status_name(t->status), t->err.text);
}

/* An end that was decided here (a deadline, a removed host). */
static void finished(struct app *app, const struct model_task *t)
{
	struct store_tx *tx = store_begin(app->store);

	store_end(app, tx, t);
	task_changed(app, REST_UPDATE, t);
	evict(app, tx);
	store_commit(tx, STORE_KEEP, NULL, NULL);
}

struct result_stored {
	struct app *app;
	struct host_id host;
	struct mu_uuid task;
	bool ends;
	struct model_task end;
};

static void result_take_effect(struct app *app, const struct model_task *end)
{
	const struct model_task *t = tasks_ended(app->tasks, end);
	struct store_tx *tx;

	if (!t)
		return;
	task_changed(app, REST_UPDATE, t);
	tx = store_begin(app->store);
	evict(app, tx);
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
}

static void result_stored(void *ctx, const struct mu_error *err)
{
	struct result_stored *rs = ctx;

	if (!err && rs->ends)
		result_take_effect(rs->app, &rs->end);
	if (!err)
		fleet_result_stored(rs->app->fleet, &rs->host, &rs->task);
	free(rs);
}

/* What clients are shown has to be an object; a task that succeeded did so all the same. */
static const char *checked_value(const struct host_id *host, const struct fleet_result *r)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	char text[MU_UUID_TEXT];
	struct mu_value *v;

	if (!r->value[0])
		return "";
	if (mu_json_read(a, r->value, strlen(r->value), &v, &err) == 0 &&
	    v->kind == MU_VALUE_OBJECT)
		return r->value;
	mu_log_warning("result without a usable value host=%s err=\"%s\"",
		       mu_uuid_format(&host->uuid, text),
		       err.code == MU_E_NONE ? "no object" : err.text);
	return "";
}

/* Also a result that is known already, or whose task is not, is acknowledged behind everything
 * that was stored before: its first copy may still be on the way to the disk. */
void app_task_result(struct app *app, const struct host_id *host, const struct fleet_result *r)
{
	struct store_tx *tx = store_begin(app->store);
	struct result_stored *rs = mu_xcalloc(1, sizeof *rs);
	const char *value = checked_value(host, r);

	*rs = (struct result_stored){.app = app, .host = *host, .task = r->id};
	rs->ends = tasks_end(app->tasks, host, &r->id, r->status, &r->err, value, mu_clock_wall(),
			     &rs->end);
	if (rs->ends)
		store_end(app, tx, &rs->end);
	store_commit(tx, STORE_KEEP, result_stored, rs);
}

void app_task_progress(struct app *app, const struct host_id *host, const struct mu_uuid *id,
		       int percent)
{
	const struct model_task *t = tasks_progress(app->tasks, host, id, percent, mu_clock_wall());

	if (t)
		task_changed(app, REST_UPDATE, t);
}

void app_tasks_forget_host(struct app *app, const struct host_id *host)
{
	const struct model_task *t;

	while ((t = tasks_forget_host(app->tasks, host, mu_clock_wall())))
		finished(app, t);
}

struct orphan {
	const struct app *app;
	bool found;
	struct host_id host;
};

static bool is_no_orphan(const struct model_task *t, void *arg)
{
	struct orphan *o = arg;

	if (t->status != TASK_PENDING || t->n_parts ||
	    inventory_host_find(o->app->inventory, &t->host))
		return true;
	o->found = true;
	o->host = t->host;
	return false;
}

void app_tasks_end_orphans(struct app *app)
{
	struct orphan o;

	do {
		o = (struct orphan){.app = app};
		tasks_each(app->tasks, is_no_orphan, &o);
		if (o.found)
			app_tasks_forget_host(app, &o.host);
	} while (o.found);
}

struct part_ids {
	struct mu_uuid *ids;
	size_t n;
};

static bool add_pending(const struct model_task *t, void *arg)
{
	struct part_ids *parts = arg;

	if (t->status != TASK_PENDING)
		return true;
	parts->ids = mu_xrealloc(parts->ids, parts->n + 1, sizeof *parts->ids);
	parts->ids[parts->n++] = t->id;
	return true;
}

/* Whichever ends before it is asked is over, as it wanted to be. */
static void abort_parts(struct app *app, const struct mu_uuid *group, const struct admin_asker *who)
{
	struct part_ids parts = {0};

	tasks_each_part(app->tasks, group, add_pending, &parts);
	for (size_t i = 0; i < parts.n; i++)
		(void)app_task_abort(app, &parts.ids[i], who, NULL);
	free(parts.ids);
}

int app_task_abort(struct app *app, const struct mu_uuid *id, const struct admin_asker *who,
		   struct mu_error *err)
{
	const struct model_task *t = tasks_find(app->tasks, id);
	bool group = t && t->n_parts;
	struct store_tx *tx;
	bool cancel;

	if (!t)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such task");
	if (t->status != TASK_PENDING)
		return mu_error_set(err, MU_E_STATE, "the task is over (%s)",
				    task_status_name(t->status));
	t = tasks_abort(app->tasks, id, fleet_is_connected(app->fleet, &t->host), mu_clock_wall(),
			&cancel);
	if (!t)
		return mu_error_set(err, MU_E_STATE,
				    "the task is over, its result is being stored; hint: ask for "
				    "the task again");
	tx = store_begin(app->store);
	app_audit(app, tx, who, "task.abort", id, "requested", "");
	if (cancel || group)
		store_tasks_put(tx, t, NULL);
	store_commit(tx, STORE_KEEP, NULL, NULL); /* the request stands before the end it brings */
	if (group) {
		app_task_say(app, id, false, "abort asked for by %s", who->user);
		abort_parts(app, id, who);
	} else if (cancel) {
		app_task_say(app, id, false, "abort asked for by %s", who->user);
		fleet_cancel(app->fleet, &t->host, id);
	} else {
		finished(app, t);
	}
	return 0;
}

/* --- deadlines of what could not be sent --- */

void app_tasks_arm(struct app *app)
{
	mu_msec next = tasks_next_expiry(app->tasks);
	mu_msec now = mu_clock_wall();

	if (!app->task_timer)
		return;
	/* Nothing may come to a store that has closed; the next run ends them. */
	if (next == MU_MSEC_NEVER || app->stopping)
		mu_timer_cancel(app->task_timer);
	else
		mu_timer_set(app->task_timer, next > now ? next - now : 0);
}

void app_on_task_timer(void *ctx)
{
	struct app *app = ctx;
	const struct model_task *t;

	while ((t = tasks_expire(app->tasks, mu_clock_wall())))
		finished(app, t);
	app_tasks_arm(app);
}

/* --- definitions --- */

struct define_request {
	struct app *app;
	struct host_id host;
	const char *action;
	char user[MODEL_NAME_MAX + 1];
	char from[64];
	fleet_defined done;
	void *arg;
};

static struct define_request *define_new(struct app *app, const char *action,
					 const struct host_id *host, const struct admin_asker *who,
					 fleet_defined done, void *arg)
{
	struct define_request *req = mu_xcalloc(1, sizeof *req);

	req->app = app;
	req->host = *host;
	req->action = action;
	req->done = done;
	req->arg = arg;
	mu_utf8_sanitize(req->user, sizeof req->user - 1, who->user, strlen(who->user));
	mu_utf8_sanitize(req->from, sizeof req->from - 1, who->from, strlen(who->from));
	return req;
}

static void defined(void *ctx, const struct vm_id *vm, const struct mu_error *err)
{
	struct define_request *req = ctx;
	struct admin_asker who = {.user = req->user, .from = req->from};
	struct store_tx *tx = store_begin(req->app->store);

	app_audit(req->app, tx, &who, req->action, vm ? &vm->uuid : &req->host.uuid,
		  err ? "failure" : "success", err ? err->text : "");
	store_commit(tx, STORE_KEEP, NULL, NULL);
	req->done(req->arg, vm, err);
	free(req);
}

void app_vm_define(struct app *app, const struct host_id *host, const struct mu_value *definition,
		   const struct admin_asker *who, fleet_defined done, void *arg)
{
	struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, definition, false);
	fleet_define(app->fleet, host, text.data, defined,
		     define_new(app, "vm.define", host, who, done, arg));
	mu_str_deinit(&text);
}
