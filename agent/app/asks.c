/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the agent, from either door, on its way to the journal and the queues. */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From this host */

struct asked {
	struct app *app;
	struct mu_uuid task;
	struct mu_error err;
	void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err);
	void *arg;
};

static void on_refused(void *ctx)
{
	MU_CLEANUP(mu_free) struct asked *q = ctx;

	q->done(q->arg, NULL, &q->err);
}

static void on_accepted(void *arg, const struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct asked *q = arg;

	q->done(q->arg, err ? NULL : &q->task, err);
}

static struct vm_request request_of(const struct app *app, const struct mu_uuid *task,
				    enum vm_op op, mu_msec deadline)
{
	struct vm_request request = {.task = *task, .op = op};

	if (deadline > 0)
		request.deadline_at = mu_loop_now(app->loop) + deadline;
	return request;
}

/* From the wall clock's time of the deadline; what has passed is 1 ms ahead. */
static mu_msec left_until(mu_msec deadline)
{
	mu_msec left = deadline ? deadline - mu_clock_wall() : 0;

	return deadline && left < 1 ? 1 : left;
}

static void vm_op(struct app *app, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
		  const char *user, bool anyway,
		  void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		  void *arg)
{
	struct journal_entry e = {.kind = JOURNAL_ACTION,
				  .op = op,
				  .vm = *vm,
				  .local = true,
				  .accepted_at = mu_clock_wall()};
	struct asked *q = mu_xcalloc(1, sizeof *q);
	struct vm_request request;

	q->app = app;
	q->task = e.task = mu_random_uuid();
	q->done = done;
	q->arg = arg;
	(void)snprintf(e.user, sizeof e.user, "%s", user);
	deadline = left_until(deadline);
	request = request_of(app, &e.task, op, deadline);
	if (maintenance_admits(app, op, anyway, &q->err) < 0 ||
	    ops_check(app, vm, &request, &q->err) < 0 ||
	    tasks_accept(app, &e, deadline, on_accepted, q, &q->err) < 0) {
		mu_loop_post(app->loop, on_refused, q);
		return;
	}
	ops_submit(app, vm, &request);
}

/* Calls, from both sides */

/* One that is not on a VM, and so in no queue. */
struct direct {
	struct app *app;
	struct mu_uuid task;
	mu_msec deadline;
};

static void on_call_over(struct app_call *c, const struct mu_error *err)
{
	if (!err)
		tasks_set_value(c->app, &c->task, c->value);
	tasks_finish(c->app, &c->task, err ? TASK_FAILURE : TASK_SUCCESS, err);
}

static void on_call_recorded(void *arg, const struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct direct *d = arg;
	const struct model_task *t = app_task_find(d->app, &d->task);
	struct mu_error cancelled;

	if (d->app->stopping) /* the next run says that nothing was done */
		return;
	if (!err && t && t->abort_requested) {
		(void)mu_error_set(&cancelled, MU_E_CANCELLED, "cancelled before it began");
		err = &cancelled;
	}
	if (err)
		tasks_finish(d->app, &d->task, TASK_FAILURE, err);
	else
		calls_start(d->app, &d->task, d->deadline, on_call_over, NULL);
}

static struct vm_request call_request(const struct app *app, const struct journal_entry *e,
				      mu_msec deadline)
{
	struct vm_request request = request_of(app, &e->task, _VM_OP_COUNT, deadline);

	request.call = call_find(e->method);
	return request;
}

static int check_call(struct app *app, const struct journal_entry *e,
		      const struct vm_request *request, struct mu_error *err)
{
	if (request->call->target == CALL_ON_VM)
		return ops_check(app, &e->vm, request, err);
	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (request->call->target == CALL_ON_HOST && !mu_uuid_equal(&e->object, &app->id.uuid))
		return mu_error_set(err, MU_E_NOT_FOUND, "this is another host");
	return 0;
}

/* It was accepted. */
static void begin_call(struct app *app, const struct journal_entry *e,
		       const struct vm_request *request, mu_msec deadline)
{
	struct direct *d;

	if (request->call->target == CALL_ON_VM) {
		ops_submit(app, &e->vm, request);
		return;
	}
	d = mu_xcalloc(1, sizeof *d);
	d->app = app;
	d->task = e->task;
	d->deadline = deadline;
	tasks_start(app, &e->task, NULL, on_call_recorded, d);
}

/* The entry of a call, as far as it can be read; `method` may be anything. */
static int read_call(struct journal_entry *e, const char *method, const struct mu_uuid *object,
		     const char *arguments, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct call_method *m;
	struct mu_value *v;

	e->kind = JOURNAL_CALL;
	e->op = _VM_OP_COUNT;
	e->object = *object;
	mu_utf8_sanitize(e->method, sizeof e->method - 1, method, strlen(method));
	if (calls_read(a, method, arguments, &m, &v, err) < 0)
		return MU_FAILED;
	if (m->target == CALL_ON_VM)
		e->vm.uuid = *object;
	return 0;
}

void app_call_ask(struct app *app, const char *method, const struct mu_uuid *object,
		  const struct mu_value *arguments, mu_msec deadline, const char *user,
		  void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		  void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct journal_entry e = {.local = true, .accepted_at = mu_clock_wall()};
	struct asked *q = mu_xcalloc(1, sizeof *q);
	struct vm_request request;

	q->app = app;
	q->task = e.task = mu_random_uuid();
	q->done = done;
	q->arg = arg;
	(void)snprintf(e.user, sizeof e.user, "%s", user);
	mu_json_write(&text, arguments, false);
	e.arguments = text.data;
	if (read_call(&e, method, object, text.data, &q->err) < 0) {
		mu_loop_post(app->loop, on_refused, q);
		return;
	}
	deadline = left_until(deadline);
	request = call_request(app, &e, deadline);
	if (check_call(app, &e, &request, &q->err) < 0 ||
	    tasks_accept(app, &e, deadline, on_accepted, q, &q->err) < 0) {
		mu_loop_post(app->loop, on_refused, q);
		return;
	}
	begin_call(app, &e, &request, deadline);
}

void app_vm_op(struct app *app, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
	       const char *user,
	       void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
	       void *arg)
{
	vm_op(app, vm, op, deadline, user, false, done, arg);
}

void app_vm_op_anyway(
    struct app *app, const struct vm_id *vm, enum vm_op op, mu_msec deadline, const char *user,
    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err), void *arg)
{
	vm_op(app, vm, op, deadline, user, true, done, arg);
}

/* From the aggregator */

static void command_call(struct app *app, struct journal_entry *e, const struct app_command *c)
{
	MU_CLEANUP(mu_free) char *arguments = mu_xstrdup(c->arguments);
	struct mu_error why = MU_ERROR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct vm_request request;

	if (read_call(e, c->method, &c->object, arguments, &why) == 0) {
		e->arguments = arguments;
		request = call_request(app, e, c->deadline);
		(void)check_call(app, e, &request, &why);
	}
	if (tasks_accept(app, e, c->deadline, NULL, NULL, &err) < 0)
		mu_log_warning("command refused err=\"%s\"", err.text);
	else if (why.code != MU_E_NONE)
		tasks_finish(app, &e->task, TASK_FAILURE, &why);
	else
		begin_call(app, e, &request, c->deadline);
}

struct definition {
	struct app *app;
	struct mu_uuid task;
	struct vm_id vm;
	struct vm_spec *spec; /* NULL: remove */
};

static void on_changed(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct definition *d = arg;

	(void)vm;
	tasks_finish(d->app, &d->task, err ? TASK_FAILURE : TASK_SUCCESS, err);
}

static void on_begun(void *arg, const struct mu_error *err)
{
	struct definition *d = arg;

	if (err) {
		free(d->spec);
		on_changed(d, NULL, err); /* frees d */
	} else if (d->spec) {
		MU_CLEANUP(mu_free) struct vm_spec *spec = d->spec;

		define_store(d->app, spec, on_changed, d);
	} else {
		define_remove(d->app, &d->vm, on_changed, d);
	}
}

static int read_definition(struct app *app, const char *text, struct vm_spec *spec,
			   struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v;

	if (strlen(text) > VM_SPEC_TEXT_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "a definition of more than %d bytes",
				    VM_SPEC_TEXT_MAX);
	if (mu_json_read(a, text, strlen(text), &v, err) < 0)
		return MU_FAILED;
	return define_decode(app, v, spec, err);
}

static void begin_definition(struct app *app, const struct journal_entry *e, struct vm_spec *spec)
{
	struct definition *d = mu_xcalloc(1, sizeof *d);
	const struct vm_facts none = {.power = VM_HALTED};

	d->app = app;
	d->task = e->task;
	d->vm = e->vm;
	d->spec = spec;
	tasks_start(app, &e->task, &none, on_begun, d);
}

static void command_define(struct app *app, struct journal_entry *e, const struct app_command *c)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	struct mu_error why = MU_ERROR_INIT;
	struct mu_error err = MU_ERROR_INIT;

	if (read_definition(app, c->definition, spec, &why) == 0)
		e->vm = spec->config.id;
	if (tasks_accept(app, e, c->deadline, NULL, NULL, &err) < 0)
		mu_log_warning("command refused err=\"%s\"", err.text);
	else if (why.code != MU_E_NONE)
		tasks_finish(app, &e->task, TASK_FAILURE, &why);
	else
		begin_definition(app, e, MU_TAKE(spec));
}

static void command_undefine(struct app *app, const struct journal_entry *e)
{
	struct mu_error err = MU_ERROR_INIT;

	if (define_removable(app, &e->vm, &err) < 0)
		tasks_finish(app, &e->task, TASK_FAILURE, &err);
	else
		begin_definition(app, e, NULL);
}

static void command_action(struct app *app, const struct journal_entry *e, mu_msec deadline)
{
	struct vm_request request = request_of(app, &e->task, e->op, deadline);
	struct mu_error err = MU_ERROR_INIT;

	if (maintenance_admits(app, e->op, false, &err) < 0 ||
	    ops_check(app, &e->vm, &request, &err) < 0)
		tasks_finish(app, &e->task, TASK_FAILURE, &err);
	else
		ops_submit(app, &e->vm, &request);
}

void app_command(struct app *app, const struct app_command *c)
{
	struct journal_entry e = {.task = c->id,
				  .kind = c->kind,
				  .op = c->kind == JOURNAL_ACTION ? c->op : _VM_OP_COUNT,
				  .vm = c->vm,
				  .user = "aggregator",
				  .accepted_at = mu_clock_wall()};
	struct mu_error err = MU_ERROR_INIT;

	if (app->stopping || tasks_tell_known(app, &c->id))
		return;
	if (c->kind == JOURNAL_DEFINE) {
		command_define(app, &e, c);
		return;
	}
	if (c->kind == JOURNAL_CALL) {
		command_call(app, &e, c);
		return;
	}
	if (tasks_accept(app, &e, c->deadline, NULL, NULL, &err) < 0) {
		/* It stays pending there and is sent again on the next stream. */
		mu_log_warning("command refused err=\"%s\"", err.text);
		return;
	}
	if (c->kind == JOURNAL_UNDEFINE)
		command_undefine(app, &e);
	else
		command_action(app, &e, c->deadline);
}
