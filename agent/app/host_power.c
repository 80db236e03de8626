/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes what core/host_power orders: operations of VMs, as if somebody had asked for each (they
 * are tasks that show in the list), and at last systemctl, which tells systemd or logind and comes
 * back at once. Then this agent is stopped like everything else; VMs are gone by then.
 *
 * A VM's operation is over when its task is; in between the VMs' changes are listened to.
 */
#include "agent/app/app_priv.h"

#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/loop/process.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM_DEADLINE MU_SEC(60)
enum { OUTPUT_MAX = 4096 };

/* Of one VM, until its task has ended. */
struct power_vm {
	struct mu_link link;
	struct power_run *run;
	struct vm_id vm;
	struct mu_uuid task; /* nil: not accepted yet */
	bool cancelled;      /* before it was */
};

struct power_run {
	struct app *app;
	struct app_host_power *op; /* NULL: was told */
	struct host_power plan;
	struct app_listener listener;
	struct mu_link vms;
	bool looking; /* a look is posted */
	bool over;    /* op->done is on its way, or was called */
	struct mu_error err;
	struct mu_process process;
	const char *argv[4];
};

static void send_event(struct power_run *run, struct host_power_event *e);

/* ---- the VMs as they are ---- */

static bool has_passed(const struct app *app, const struct vm_id *id)
{
	const struct vm_entry *e = vm_view_find(app->view, id);
	const struct vm_spec *spec = e ? vm_entry_built(e) : NULL;

	return spec && (spec->config.n_pci || spec->config.n_usb_devices);
}

static struct host_power_vm *list_vms(const struct app *app, size_t *ret_n)
{
	struct host_power_vm *list = NULL;
	const struct model_vm *vm;
	size_t n = 0;

	for (size_t i = 0; (vm = app_vm_next(app, &i));) {
		if (vm->power != VM_RUNNING && vm->power != VM_PAUSED)
			continue;
		list = mu_xrealloc(list, n + 1, sizeof *list);
		list[n] = (struct host_power_vm){
		    .id = vm->id,
		    .order = vm->start_order,
		    .paused = vm->power == VM_PAUSED,
		    .managed = vm->managed,
		    .passed = has_passed(app, &vm->id),
		};
		(void)snprintf(list[n].name, sizeof list[n].name, "%s", vm->name);
		n++;
	}
	*ret_n = n;
	return list;
}

/* ---- the end ---- */

static void run_free(struct power_run *run)
{
	if (!run)
		return;
	mu_list_each(it, &run->vms) free(MU_CONTAINER_OF(it, struct power_vm, link));
	host_power_deinit(&run->plan);
	mu_process_deinit(&run->process);
	free(run);
}

/* When the host goes down, `run` stays as the sign of it, so that nothing is started meanwhile. */
static void end(void *ctx)
{
	struct power_run *run = ctx;
	struct app_host_power *op = MU_TAKE(run->op);
	struct app *app = run->app;

	app_unlisten(&run->listener);
	op->err = run->err;
	op->run = NULL;
	if (run->err.code == MU_E_NONE)
		mu_log_info("host goes down kind=%s", op->reboot ? "reboot" : "poweroff");
	else
		mu_log_warning("host stays up err=\"%s\"", run->err.text);
	if (run->err.code != MU_E_NONE) {
		if (app->power == run) {
			app->power = NULL;
			if (run->plan.noted)
				resuming_now(app);
		}
		run_free(run);
	}
	op->done(op);
}

static void finish(struct power_run *run, const struct mu_error *err)
{
	if (run->over)
		return;
	run->over = true;
	run->err = *err;
	mu_loop_post(run->app->loop, end, run);
}

/* ---- orders: VMs ---- */

static void vm_over(struct power_vm *v, const struct mu_error *err)
{
	struct power_run *run = v->run;
	struct host_power_event e = {.kind = HOST_POWER_EV_VM_DONE, .vm = v->vm, .err = err};

	mu_list_remove(&v->link);
	free(v);
	send_event(run, &e);
}

/* An operation that has not begun when the agent stops never ends in this run: it is not waited
 * for. */
static void vm_left(struct power_vm *v)
{
	struct mu_error err;

	(void)mu_error_set(&err, MU_E_CANCELLED, "the agent is stopping");
	vm_over(v, &err);
}

static void on_accepted(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct power_vm *v = arg;
	struct app *app = v->run->app;

	if (err) {
		vm_over(v, err);
		return;
	}
	v->task = *task;
	if (!v->cancelled)
		return;
	(void)app_task_abort(app, task, NULL);
	if (app->stopping)
		vm_left(v);
}

static void ask_vm(struct power_run *run, const struct host_power_action *a)
{
	struct power_vm *v = mu_xcalloc(1, sizeof *v);
	mu_msec until = a->deadline ? mu_clock_wall() + a->deadline : 0;

	v->run = run;
	v->vm = a->vm;
	mu_list_push_back(&run->vms, &v->link);
	app_vm_op(run->app, &a->vm, a->op, until, run->op->user, on_accepted, v);
}

static struct power_vm *left(struct power_run *run)
{
	mu_list_each(it, &run->vms)
	{
		struct power_vm *v = MU_CONTAINER_OF(it, struct power_vm, link);

		if (v->cancelled && !mu_uuid_is_nil(&v->task))
			return v;
	}
	return NULL;
}

static void on_left(void *ctx)
{
	struct power_run *run = ctx;
	struct power_vm *v;

	while (!run->over && (v = left(run)))
		vm_left(v);
}

static void cancel_vm(struct power_run *run, const struct vm_id *vm)
{
	if (run->app->stopping)
		mu_loop_post(run->app->loop, on_left, run);
	mu_list_each(it, &run->vms)
	{
		struct power_vm *v = MU_CONTAINER_OF(it, struct power_vm, link);

		if (!mu_uuid_equal(&v->vm.uuid, &vm->uuid))
			continue;
		v->cancelled = true;
		if (!mu_uuid_is_nil(&v->task))
			(void)app_task_abort(run->app, &v->task, NULL);
	}
}

static void on_task(void *ctx, enum app_change what, const struct model_task *t)
{
	struct power_run *run = ctx;

	if (what == APP_REMOVED || t->status == TASK_PENDING)
		return;
	mu_list_each(it, &run->vms)
	{
		struct power_vm *v = MU_CONTAINER_OF(it, struct power_vm, link);

		if (!mu_uuid_equal(&v->task, &t->id))
			continue;
		vm_over(v, t->status == TASK_SUCCESS ? NULL : &t->err);
		return;
	}
}

/* ---- orders: what is to go on ---- */

static void on_noted(void *arg, const struct mu_error *err)
{
	struct power_run *run = arg;
	struct host_power_event e = {.kind = HOST_POWER_EV_NOTED, .err = err};

	send_event(run, &e);
}

/* ---- orders: the system ---- */

static void on_system(struct mu_process *p)
{
	struct power_run *run = MU_CONTAINER_OF(p, struct power_run, process);
	struct host_power_event e = {.kind = HOST_POWER_EV_HOST_DONE, .err = &p->err};
	char said[200] = "";

	if (p->err.code != MU_E_NONE && p->errout.len) {
		mu_utf8_sanitize(said, sizeof said - 1, p->errout.data,
				 strcspn(p->errout.data, "\n"));
		(void)mu_error_prefix(&p->err, "%s", said);
	}
	send_event(run, &e);
}

static void go(struct power_run *run)
{
	run->argv[0] = run->app->power_program;
	run->argv[1] = run->op->reboot ? "reboot" : "poweroff";
	run->process = (struct mu_process){
	    .argv = run->argv,
	    .deadline = SYSTEM_DEADLINE,
	    .output_max = OUTPUT_MAX,
	    .done = on_system,
	};
	mu_log_info("no VM runs, telling the system command=\"%s %s\"", run->argv[0], run->argv[1]);
	mu_process_start(&run->process, run->app->loop);
}

/* ---- events ---- */

static void execute(struct power_run *run, const struct host_power_event *e,
		    const struct host_power_action *a)
{
	switch (a->kind) {
	case HOST_POWER_ASK_VM:
		ask_vm(run, a);
		return;
	case HOST_POWER_CANCEL_VM:
		cancel_vm(run, &a->vm);
		return;
	case HOST_POWER_GO:
		go(run);
		return;
	case HOST_POWER_PROGRESS:
		if (run->op->progress)
			run->op->progress(run->op, a->percent);
		return;
	case HOST_POWER_NOTE:
		resuming_note(run->app, e->vms, e->n_vms, run->op->user, on_noted, run);
		return;
	case HOST_POWER_SEAL:
		resuming_seal(run->app, on_noted, run);
		return;
	case HOST_POWER_FINISH:
		finish(run, &a->err);
		return;
	}
	mu_assert_unreachable();
}

/* Orders only begin things: nothing in them comes back here before the loop's next turn. */
static void send_event(struct power_run *run, struct host_power_event *e)
{
	MU_CLEANUP(mu_free) struct host_power_vm *vms = NULL;
	const struct host_power_action *actions;
	size_t n;

	if (run->over)
		return;
	vms = list_vms(run->app, &e->n_vms);
	e->vms = vms;
	host_power_step(&run->plan, e, &actions, &n);
	for (size_t i = 0; i < n; i++)
		execute(run, e, &actions[i]);
}

static void on_look(void *ctx)
{
	struct power_run *run = ctx;
	struct host_power_event e = {.kind = HOST_POWER_EV_LOOK};

	run->looking = false;
	send_event(run, &e);
}

static void on_vm(void *ctx, enum app_change what, const struct model_vm *vm)
{
	struct power_run *run = ctx;

	(void)what;
	(void)vm;
	if (run->looking || run->over)
		return;
	run->looking = true;
	mu_loop_post(run->app->loop, on_look, run);
}

/* ---- start ---- */

static void begin(void *ctx)
{
	struct power_run *run = ctx;
	struct host_power_event e = {.kind = HOST_POWER_EV_BEGIN};

	run->looking = false;
	if (run->err.code == MU_E_NONE)
		send_event(run, &e);
	else
		finish(run, &run->err);
}

static int check(const struct app *app, const struct app_host_power *op, struct mu_error *err)
{
	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (app->power)
		return mu_error_set(err, MU_E_STATE, "the host is about to go down already");
	if (op->resume && resuming_check(app, err) < 0)
		return MU_FAILED;
	if (!app->power_program)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a simulated host cannot go down; hint: --sim-power");
	return 0;
}

void app_host_power_start(struct app *app, struct app_host_power *op)
{
	struct power_run *run = mu_xcalloc(1, sizeof *run);

	run->app = app;
	run->op = op;
	op->run = run;
	mu_error_clear(&op->err);
	mu_link_init(&run->vms);
	host_power_init(&run->plan);
	run->plan.vms = op->vms;
	run->plan.resume = op->resume;
	run->plan.force = op->force;
	run->plan.vm_deadline = op->vm_deadline;
	run->listener = (struct app_listener){.vm = on_vm, .task = on_task, .ctx = run};
	if (check(app, op, &run->err) == 0) {
		app->power = run;
		mu_log_info("asked for %s vms=%s user=\"%s\"", op->reboot ? "reboot" : "shutdown",
			    host_power_vms_name(op->vms), op->user);
	}
	app_listen(app, &run->listener);
	run->looking = true;
	mu_loop_post(app->loop, begin, run);
}

void app_host_power_cancel(struct app *app, struct app_host_power *op)
{
	struct host_power_event e = {.kind = HOST_POWER_EV_CANCEL};

	(void)app;
	if (!op->run)
		return;
	if (op->run->plan.state == HOST_POWER_IDLE)
		(void)mu_error_set(&op->run->err, MU_E_CANCELLED, "cancelled before it began");
	else
		send_event(op->run, &e);
}

void host_power_free(struct app *app)
{
	run_free(app->power);
	app->power = NULL;
}
