/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts in order of dependency: the app, then its doors. They are stopped the other way round,
 * each in the callback of the one before.
 */
#include "agent/app/run.h"

#include "agent/admin/admin.h"
#include "agent/app/agent.h"
#include "common/log/log.h"

struct run {
	struct mu_loop *loop;
	struct mu_signals *signals;
	struct app *app;
	struct admin *admin; /* NULL: no socket wanted */
	bool stopping;
};

static void on_app_stopped(void *ctx)
{
	struct run *run = ctx;

	run->app = NULL;
	run->signals = mu_signals_free(run->signals);
	mu_loop_stop(run->loop);
}

static void on_admin_stopped(void *ctx)
{
	struct run *run = ctx;

	run->admin = NULL;
	app_stop(run->app, on_app_stopped, run);
}

static void on_stop(void *ctx)
{
	struct run *run = ctx;

	if (run->stopping)
		return;
	run->stopping = true;
	mu_log_info("stopping, guests go on");
	if (run->admin)
		admin_stop(run->admin, on_admin_stopped, run);
	else
		app_stop(run->app, on_app_stopped, run);
}

int run_agent(const struct agent_config *config, struct mu_error *err)
{
	MU_CLEANUP(mu_loop_free) struct mu_loop *loop = mu_loop_new();
	struct run run = {.loop = loop};
	int r = 0;

	if (app_new(loop, config, &run.app, err) < 0)
		return MU_FAILED;
	run.signals = mu_signals_new(loop, on_stop, NULL, &run);
	if (*config->socket)
		r = admin_new(loop, run.app, config->socket, &run.admin, err);
	if (r < 0)
		on_stop(&run);
	mu_loop_run(loop);
	return r;
}
