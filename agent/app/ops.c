/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes what the VMs' queues (core/vm_queue) order: driver operations, file steps, calls,
 * journal records. Every result goes back as an event, after a fresh look at the domains, so that
 * the next decision is made on what is there.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disks.h"
#include "common/base/assert.h"
#include "common/log/log.h"

#include <stdlib.h>
#include <string.h>

/* One step of one VM, from its start until its result: also when it was abandoned meanwhile. */
struct app_step {
	struct app *app;
	struct vm_id vm;
	uint32_t serial;
	enum vm_step step;
	struct mu_uuid task;
	mu_msec deadline;
	bool cancelled; /* before there was an operation to cancel */
	struct hv_op op;
	struct hv_vm_config config;
	struct disks_use disks; /* CREATE, RESTORE: before `op` */
	mu_msec disks_from;
	char path[STATE_PATH_MAX + 1];
};

struct record {
	struct app *app;
	struct vm_id vm;
	struct mu_uuid task;
};

static void on_wake(void *ctx);

void ops_init(struct app *app)
{
	app->vms = mu_map_new();
	app->wake = mu_timer_new(app->loop, on_wake, app);
	app->wake_at = MU_MSEC_NEVER;
}

void ops_deinit(struct app *app)
{
	struct app_vm *vm;

	app->wake = mu_timer_free(app->wake);
	for (size_t i = 0; (vm = mu_map_next(app->vms, &i, NULL, NULL));)
		free(vm);
	app->vms = mu_map_free(app->vms);
}

static struct app_vm *find(const struct app *app, const struct vm_id *id)
{
	return mu_map_find(app->vms, id->uuid.bytes, sizeof id->uuid.bytes);
}

static struct app_vm *need(struct app *app, const struct vm_id *id)
{
	struct app_vm *vm = find(app, id);

	if (vm)
		return vm;
	vm = mu_xcalloc(1, sizeof *vm);
	vm->id = *id;
	vm_queue_init(&vm->queue);
	mu_map_put(app->vms, id->uuid.bytes, sizeof id->uuid.bytes, vm);
	return vm;
}

static struct vm_facts facts_of(const struct app *app, const struct vm_id *id)
{
	return vm_entry_facts(vm_view_find(app->view, id));
}

bool ops_idle(const struct app *app, const struct vm_id *id)
{
	const struct app_vm *vm = find(app, id);

	return !vm || vm_queue_idle(&vm->queue);
}

/* Events in, actions out */

static void execute(struct app *app, struct app_vm *vm, const struct vm_queue_action *a);

static void set_wake(struct app *app, mu_msec at)
{
	mu_msec now = mu_loop_now(app->loop);

	if (at >= app->wake_at)
		return;
	app->wake_at = at;
	mu_timer_set(app->wake, at > now ? at - now : 0);
}

static void send_event(struct app *app, struct app_vm *vm, struct vm_queue_event *event)
{
	struct vm_facts facts = facts_of(app, &vm->id);
	struct vm_queue_actions *actions = mu_xmalloc(sizeof *actions);

	event->now = mu_loop_now(app->loop);
	event->facts = &facts;
	actions->n = 0;
	vm_queue_step(&vm->queue, event, actions);
	set_wake(app, vm_queue_wake_at(&vm->queue));
	/* The last one may be the end of `vm`: it shows that nothing runs any more. */
	for (size_t i = 0; i < actions->n; i++)
		execute(app, vm, &actions->items[i]);
	free(actions);
}

static void on_wake(void *ctx)
{
	struct vm_queue_event event;
	struct app *app = ctx;
	mu_msec now = mu_loop_now(app->loop);
	struct app_vm *vm;

	app->wake_at = MU_MSEC_NEVER;
	for (size_t i = 0; (vm = mu_map_next(app->vms, &i, NULL, NULL));) {
		if (vm_queue_wake_at(&vm->queue) > now) {
			set_wake(app, vm_queue_wake_at(&vm->queue));
			continue;
		}
		event = (struct vm_queue_event){.kind = VM_EVENT_FACTS};
		send_event(app, vm, &event);
	}
}

int ops_check(struct app *app, const struct vm_id *id, const struct vm_request *request,
	      struct mu_error *err)
{
	struct vm_facts facts = facts_of(app, id);

	if (!app_vm_find(app, id))
		return mu_error_set(err, MU_E_NOT_FOUND, "no such VM on this host");
	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	return vm_queue_accepts(&need(app, id)->queue, &facts, request, err);
}

void ops_submit(struct app *app, const struct vm_id *id, const struct vm_request *request)
{
	struct vm_queue_event event = {.kind = VM_EVENT_SUBMIT, .request = request};

	send_event(app, need(app, id), &event);
}

void ops_cancel(struct app *app, const struct vm_id *id, const struct mu_uuid *task)
{
	struct vm_queue_event event = {.kind = VM_EVENT_CANCEL, .task = *task};
	struct app_vm *vm = find(app, id);

	if (vm)
		send_event(app, vm, &event);
}

void ops_continue(struct app *app, const struct vm_id *id, enum vm_queue_event_kind how)
{
	struct vm_queue_event event = {.kind = how};

	send_event(app, need(app, id), &event);
}

void ops_facts(struct app *app, const struct vm_id *id)
{
	struct vm_queue_event event = {.kind = VM_EVENT_FACTS};
	struct app_vm *vm = find(app, id);

	if (app->stopping)
		return;
	if (!app_vm_find(app, id)) {
		if (vm && vm_queue_idle(&vm->queue)) {
			mu_map_remove(app->vms, id->uuid.bytes, sizeof id->uuid.bytes);
			free(vm);
		}
		return;
	}
	send_event(app, need(app, id), &event);
}

/* Records */

static void on_recorded(void *arg, const struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct record *rec = arg;
	struct vm_queue_event event = {.kind = VM_EVENT_RECORDED, .task = rec->task, .err = err};
	struct app_vm *vm = find(rec->app, &rec->vm);

	/* While stopping nothing new begins; the next run says so. */
	if (vm && !rec->app->stopping)
		send_event(rec->app, vm, &event);
}

static void record(struct app *app, struct app_vm *vm, const struct vm_queue_action *a)
{
	struct record *rec = mu_xcalloc(1, sizeof *rec);
	struct vm_facts facts = facts_of(app, &vm->id);

	rec->app = app;
	rec->vm = vm->id;
	rec->task = a->task;
	tasks_start(app, &a->task, &facts, on_recorded, rec);
}

/* Steps */

static void step_over(struct app_step *s, const struct mu_error *err)
{
	struct vm_queue_event event = {.kind = VM_EVENT_STEP_DONE, .serial = s->serial, .err = err};
	struct app *app = s->app;
	struct app_vm *vm = find(app, &s->vm);

	app->n_steps--;
	if (vm && vm->step == s)
		vm->step = NULL;
	facts_relist(app);
	disks_use_end(&s->disks);
	if (vm)
		send_event(app, vm, &event);
	free(s);
}

static void on_hv_done(struct hv_op *op)
{
	struct app_step *s = op->ctx;

	step_over(s, op->r < 0 ? &op->err : NULL);
}

static void on_hv_progress(struct hv_op *op, int percent)
{
	struct app_step *s = op->ctx;

	if (!mu_uuid_is_nil(&s->task))
		tasks_progress(s->app, &s->task, percent);
}

static void on_save_kept(void *arg, const struct mu_error *err)
{
	struct app_step *s = arg;

	if (!err)
		vm_view_set_saved(s->app->view, &s->vm, true);
	step_over(s, err);
}

static void on_save_dropped(void *arg, const struct mu_error *err)
{
	struct app_step *s = arg;

	if (!err)
		vm_view_set_saved(s->app->view, &s->vm, false);
	step_over(s, err);
}

static void on_adopted(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	(void)vm;
	step_over(arg, err);
}

/* One that was given up meanwhile has its end already, without a value. */
static void on_call_over(struct app_call *c, const struct mu_error *err)
{
	struct app_step *s = c->arg;
	const struct app_vm *vm = find(s->app, &s->vm);

	if (!err && vm && vm->step == s)
		tasks_set_value(s->app, &s->task, c->value);
	step_over(s, err);
}

/* A save file goes on as what it was built from, whatever the definition says by now. */
static const struct vm_spec *spec_for(const struct vm_entry *e, enum hv_op_kind kind)
{
	return kind == HV_RESTORE && e->built ? e->built : e->spec;
}

static void start_hv(struct app_step *s, enum hv_op_kind kind)
{
	const struct vm_entry *e = vm_view_find(s->app->view, &s->vm);

	s->op.kind = kind;
	s->op.deadline = s->deadline;
	s->op.done = on_hv_done;
	s->op.progress = on_hv_progress;
	s->op.ctx = s;
	s->op.path = s->path;
	s->op.config = &s->config;
	if (e && e->present)
		s->op.domid = e->domain.domid;
	hv_op_start(s->app->hv, &s->op);
}

static void give_up(struct app_step *s, const char *why)
{
	struct mu_error err;

	(void)mu_error_set(&err, MU_E_CANCELLED, "%s", why);
	step_over(s, &err);
}

static void on_refused(void *ctx)
{
	give_up(ctx, "the agent is stopping");
}

static void build(struct app_step *s, const struct mu_error *err)
{
	if (err)
		step_over(s, err);
	else if (s->app->stopping)
		on_refused(s);
	else if (s->cancelled)
		give_up(s, "cancelled before it was built");
	else
		start_hv(s, s->step == VM_STEP_RESTORE ? HV_RESTORE : HV_CREATE);
}

/* What the disks took counts for the step's deadline. */
static void on_disks(struct disks_use *u, const struct mu_error *err)
{
	struct app_step *s = MU_CONTAINER_OF(u, struct app_step, disks);
	mu_msec took = mu_loop_now(s->app->loop) - s->disks_from;

	if (s->deadline)
		s->deadline = s->deadline > took ? s->deadline - took : 1;
	build(s, err);
}

/* Its disks first, into this step's copy of the configuration. */
static void hold_disks(struct app_step *s, enum hv_op_kind kind)
{
	const struct vm_entry *e = vm_view_find(s->app->view, &s->vm);

	if (e && e->spec)
		s->config = spec_for(e, kind)->config;
	s->disks_from = mu_loop_now(s->app->loop);
	s->disks = (struct disks_use){.app = s->app,
				      .vm = s->vm,
				      .disks = s->config.disks,
				      .n_disks = s->config.n_disks,
				      .deadline = s->deadline,
				      .done = on_disks};
	disks_use_start(&s->disks);
}

static void on_build(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct app_step *s = arg;

	(void)vm;
	if (err || s->app->stopping || s->cancelled)
		build(s, err);
	else
		hold_disks(s, HV_CREATE);
}

static void run_step(struct app_step *s)
{
	char partial[STATE_PATH_MAX + 1];
	struct app *app = s->app;

	switch (s->step) {
	case VM_STEP_CREATE:
		if (!define_build(app, &s->vm, on_build, s))
			hold_disks(s, HV_CREATE);
		return;
	case VM_STEP_RESTORE:
		state_dir_save(&app->dir, &s->vm, s->path);
		hold_disks(s, HV_RESTORE);
		return;
	case VM_STEP_SHUTDOWN:
		start_hv(s, HV_SHUTDOWN);
		return;
	case VM_STEP_REBOOT:
		start_hv(s, HV_REBOOT);
		return;
	case VM_STEP_DESTROY:
		start_hv(s, HV_DESTROY);
		return;
	case VM_STEP_PAUSE:
		start_hv(s, HV_PAUSE);
		return;
	case VM_STEP_UNPAUSE:
		start_hv(s, HV_UNPAUSE);
		return;
	case VM_STEP_SAVE:
		state_dir_partial_save(&app->dir, &s->vm, s->path);
		start_hv(s, HV_SAVE);
		return;
	case VM_STEP_KEEP_SAVE:
		state_dir_save(&app->dir, &s->vm, s->path);
		state_dir_partial_save(&app->dir, &s->vm, partial);
		writer_keep(app->writer, partial, s->path, on_save_kept, s);
		return;
	case VM_STEP_DROP_SAVE:
		state_dir_save(&app->dir, &s->vm, s->path);
		writer_remove(app->writer, s->path, on_save_dropped, s);
		return;
	case VM_STEP_ADOPT:
		define_adopt(app, &s->vm, on_adopted, s);
		return;
	case VM_STEP_CALL:
		calls_start(app, &s->task, s->deadline, on_call_over, s);
		return;
	case _VM_STEP_COUNT:
		break;
	}
	mu_assert_unreachable();
}

/* Files are put in order to the end; no new work on domains is begun. */
static bool refused_while_stopping(enum vm_step step)
{
	return step != VM_STEP_KEEP_SAVE && step != VM_STEP_DROP_SAVE;
}

static void start_step(struct app *app, struct app_vm *vm, const struct vm_queue_action *a)
{
	struct app_step *s = mu_xcalloc(1, sizeof *s);

	s->app = app;
	s->vm = vm->id;
	s->serial = a->serial;
	s->step = a->step;
	s->task = a->task;
	s->deadline = a->deadline;
	vm->step = s;
	app->n_steps++;
	if (app->stopping && refused_while_stopping(a->step))
		mu_loop_post(app->loop, on_refused, s);
	else
		run_step(s);
}

/* What libxl cannot abort, and what is over before anybody could ask. */
static bool goes_on(const struct app_step *s)
{
	return s->op.done &&
	       (s->op.kind == HV_DESTROY || s->op.kind == HV_PAUSE || s->op.kind == HV_UNPAUSE);
}

bool ops_goes_on(const struct app *app, const struct vm_id *id, const struct mu_uuid *task)
{
	const struct app_vm *vm = find(app, id);
	const struct app_step *s = vm ? vm->step : NULL;

	if (!s || !mu_uuid_equal(&s->task, task))
		return false;
	if (s->step == VM_STEP_CALL)
		return calls_goes_on(app, task);
	/* Of more steps, those that follow need not begin. */
	return goes_on(s) && vm->queue.step + 1 == vm->queue.n_steps;
}

static void cancel_step(struct app_vm *vm, uint32_t serial)
{
	struct app_step *s = vm->step;

	if (!s || s->serial != serial)
		return;
	if (s->step == VM_STEP_CALL) {
		calls_cancel(s->app, &s->task);
	} else if (s->op.done) {
		if (goes_on(s))
			tasks_say(s->app, &s->task, true,
				  "this cannot be stopped once it has begun: it goes on to its "
				  "end");
		hv_op_cancel(&s->op);
	} else {
		disks_use_cancel(&s->disks);
	}
	s->cancelled = true;
}

static void report(const struct app_vm *vm, const struct mu_error *err)
{
	char uuid[MU_UUID_TEXT];

	mu_log_error("operation failed vm=%s err=\"%s\"", mu_uuid_format(&vm->id.uuid, uuid),
		     err->text);
}

static void execute(struct app *app, struct app_vm *vm, const struct vm_queue_action *a)
{
	switch (a->kind) {
	case VM_ACTION_RECORD:
		record(app, vm, a);
		return;
	case VM_ACTION_STEP:
		start_step(app, vm, a);
		return;
	case VM_ACTION_CANCEL_STEP:
		cancel_step(vm, a->serial);
		return;
	case VM_ACTION_ABANDON:
		vm->step = NULL; /* lives until the driver lets go of it */
		return;
	case VM_ACTION_FINISH:
		tasks_finish(app, &a->task, a->err.code == MU_E_NONE ? TASK_SUCCESS : TASK_FAILURE,
			     &a->err);
		return;
	case VM_ACTION_SHOW:
		vm_view_set_op(app->view, &vm->id, a->op,
			       mu_uuid_is_nil(&a->task) ? NULL : &a->task);
		facts_publish(app);
		return;
	case VM_ACTION_REPORT:
		report(vm, &a->err);
		return;
	}
	mu_assert_unreachable();
}
