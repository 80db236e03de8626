/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the agent, from either door, on its way to the journal and the queues. */
#include "agent/app/app_priv.h"

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
	if (maintenance_admits(app, op, anyway, &q->err) < 0 ||
	    ops_check(app, vm, op, &q->err) < 0 ||
	    tasks_accept(app, &e, deadline, on_accepted, q, &q->err) < 0) {
		mu_loop_post(app->loop, on_refused, q);
		return;
	}
	request = request_of(app, &e.task, op, deadline);
	ops_submit(app, vm, &request);
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
	    ops_check(app, &e->vm, e->op, &err) < 0)
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
