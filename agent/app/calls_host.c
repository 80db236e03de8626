/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on the host itself: maintenance.c and host_power.c do them.
 *
 * A shutdown or reboot has ended well when the system has been told and said yes. Then the agent is
 * stopped like everything else, and stopping writes the result before it lets go. Where the host
 * was quicker than that, its next boot is the proof.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "common/base/mem.h"
#include "common/log/log.h"

#include <stdio.h>
#include <string.h>

static void succeeded(struct journal_verdict *v)
{
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
}

static void failed(struct journal_verdict *v, const char *what)
{
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE, "interrupted by a restart of the agent: %s",
			   what);
}

/* Maintenance */

static void on_enabled(void *arg, const struct mu_error *err)
{
	app_call_finish(arg, err, NULL);
}

static void set_enabled(struct app_call *c, bool enabled)
{
	app_host_set_enabled(c->app, enabled, app_call_user(c), on_enabled, c);
}

static void start_enable(struct app_call *c)
{
	set_enabled(c, true);
}

static void start_disable(struct app_call *c)
{
	set_enabled(c, false);
}

static void verdict_enable(struct app *app, const struct journal_entry *e,
			   const struct mu_value *arguments, struct journal_verdict *v)
{
	(void)e;
	(void)arguments;
	if (app->maintenance.on)
		failed(v, "the host is still in maintenance; hint: ask again");
	else
		succeeded(v);
}

static void verdict_disable(struct app *app, const struct journal_entry *e,
			    const struct mu_value *arguments, struct journal_verdict *v)
{
	(void)e;
	(void)arguments;
	if (app->maintenance.on)
		succeeded(v);
	else
		failed(v, "the host is not in maintenance; hint: ask again");
}

/* Shutdown, reboot */

static void on_power_progress(struct app_host_power *op, int percent)
{
	app_call_progress(op->ctx, percent);
}

static void on_power(struct app_host_power *op)
{
	app_call_finish(op->ctx, &op->err, NULL);
}

static void start_power(struct app_call *c, bool reboot)
{
	struct app_host_power *op = mu_arena_calloc(c->arena, 1, sizeof *op);
	const char *vms = mu_value_as_string(mu_value_get(c->arguments, "vms"));
	const struct mu_value *force = mu_value_get(c->arguments, "force");
	const struct mu_value *timeout = mu_value_get(c->arguments, "vmTimeout");
	const struct mu_value *resume = mu_value_get(c->arguments, "resume");
	struct mu_error err;

	c->state = op;
	op->reboot = reboot;
	op->vms = HOST_POWER_KEEP;
	if (vms)
		(void)host_power_vms_parse(vms, &op->vms);
	op->force = force && force->boolean;
	op->resume = resume && resume->boolean;
	op->vm_deadline = timeout ? MU_SEC(timeout->integer) : 0;
	(void)snprintf(op->user, sizeof op->user, "%s", app_call_user(c));
	op->progress = on_power_progress;
	op->done = on_power;
	op->ctx = c;
	if (op->resume && op->vms != HOST_POWER_SUSPEND) {
		(void)mu_error_set(&err, MU_E_INVALID,
				   "resume: of VMs that are suspended; hint: vms: suspend");
		app_call_finish(c, &err, NULL);
		return;
	}
	app_host_power_start(c->app, op);
}

static void start_shutdown(struct app_call *c)
{
	start_power(c, false);
}

static void start_reboot(struct app_call *c)
{
	start_power(c, true);
}

static void cancel_power(struct app_call *c)
{
	app_host_power_cancel(c->app, c->state);
}

static void verdict_power(struct app *app, const struct journal_entry *e,
			  const struct mu_value *arguments, struct journal_verdict *v)
{
	(void)arguments;
	if (strcmp(e->boot_id, app->boot_id) != 0)
		succeeded(v);
	else
		failed(v, "the host has not gone down; hint: ask again");
}

/* Restart of the agent */

/* The process ends and whoever keeps it running starts the next one; guests go on. The call stays
 * open over that: that there is a next one is its success. */
static void start_restart(struct app_call *c)
{
	struct app *app = c->app;
	struct mu_error err;

	if (!app->restart) {
		(void)mu_error_set(&err, MU_E_STATE, "the agent is stopping already");
		app_call_finish(c, &err, NULL);
		return;
	}
	mu_log_info("asked to restart");
	mu_loop_post(app->loop, app->restart, app->restart_arg);
	app->restart = NULL;
}

static void verdict_restart(struct app *app, const struct journal_entry *e,
			    const struct mu_value *arguments, struct journal_verdict *v)
{
	(void)app;
	(void)e;
	(void)arguments;
	succeeded(v);
}

const struct app_call_handler calls_host[] = {
    {.method = "host.enable", .start = start_enable, .verdict = verdict_enable},
    {.method = "host.disable", .start = start_disable, .verdict = verdict_disable},
    {.method = "host.shutdown",
     .start = start_shutdown,
     .cancel = cancel_power,
     .verdict = verdict_power},
    {.method = "host.reboot",
     .start = start_reboot,
     .cancel = cancel_power,
     .verdict = verdict_power},
    {.method = "host.restart_agent",
     .start = start_restart,
     .verdict = verdict_restart,
     .outlives = true},
};
const size_t n_calls_host = MU_ARRAY_SIZE(calls_host);
