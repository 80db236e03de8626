/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts in order of dependency: the app, then its doors. They are stopped the other way round,
 * each in the callback of the one before.
 */
#include "agent/app/run.h"

#include "agent/admin/admin.h"
#include "agent/app/agent.h"
#include "agent/app/metrics.h"
#include "agent/app/state_dir.h"
#include "agent/link/link.h"
#include "common/log/log.h"
#include "common/os/file.h"

#include <libgen.h>
#include <unistd.h>

/* A driver that does not let go must not hold up the host's shutdown; the journal knows. */
#define STOP_PATIENCE MU_SEC(20)

struct run {
	struct mu_loop *loop;
	struct mu_timer *patience;
	struct mu_signals *signals;
	struct app *app;
	struct admin *admin; /* NULL: no socket wanted */
	struct metrics *metrics;
	struct link *link;
	char tls_dir[STATE_PATH_MAX + 1];
	bool stopping;
};

static void on_app_stopped(void *ctx)
{
	struct run *run = ctx;

	run->app = NULL;
	run->admin = admin_free(run->admin);
	run->signals = mu_signals_free(run->signals);
	run->patience = mu_timer_free(run->patience);
	mu_loop_stop(run->loop);
}

static void on_metrics_stopped(void *ctx)
{
	struct run *run = ctx;

	run->metrics = metrics_free(run->metrics);
	app_stop(run->app, on_app_stopped, run);
}

static void on_admin_stopped(void *ctx)
{
	struct run *run = ctx;

	metrics_stop(run->metrics, on_metrics_stopped, run);
}

static void on_link_stopped(void *ctx)
{
	struct run *run = ctx;

	run->link = NULL;
	if (run->admin)
		admin_stop(run->admin, on_admin_stopped, run);
	else
		on_admin_stopped(run);
}

static void on_impatient(void *ctx)
{
	(void)ctx;
	mu_log_warning("operations did not end when asked, leaving them to the next start");
	_exit(0);
}

static void on_stop(void *ctx)
{
	struct run *run = ctx;

	if (run->stopping)
		return;
	run->stopping = true;
	mu_log_info("stopping, guests go on");
	run->patience = mu_timer_new(run->loop, on_impatient, run);
	mu_timer_set(run->patience, STOP_PATIENCE);
	if (run->link)
		link_stop(run->link, on_link_stopped, run);
	else
		on_link_stopped(run);
}

static void on_sample(void *ctx)
{
	struct run *run = ctx;

	if (run->link)
		link_metrics_added(run->link);
}

static void start_link(struct run *run, const struct agent_config *config)
{
	struct link_options options = {
	    .tls_dir = state_dir_file(app_state_dir(run->app), "tls", run->tls_dir),
	    .aggregator = config->aggregator,
	    .boot_id = app_boot_id(run->app),
	    .host = *app_host_id(run->app),
	    .window = metrics_window(run->metrics),
	    .history = metrics_history(run->metrics),
	};

	run->link = link_new(run->loop, run->app, &options);
}

/* The folder is the service manager's to make, but need not be. */
static int open_socket(struct run *run, const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(path);

	if (mu_file_mkdirs(dirname(copy), 0755, err) < 0)
		return mu_error_prefix(err, "admin socket %s", path);
	return admin_new(run->loop, run->app, path, &run->admin, err);
}

int run_agent(const struct agent_config *config, struct mu_error *err)
{
	MU_CLEANUP(mu_loop_free) struct mu_loop *loop = mu_loop_new();
	MU_CLEANUP(mu_free) char *stats_dir = NULL;
	struct run run = {.loop = loop};
	int r = 0;

	if (app_new(loop, config, &run.app, err) < 0)
		return MU_FAILED;
	run.signals = mu_signals_new(loop, on_stop, NULL, &run);
	app_on_restart(run.app, on_stop, &run);
	stats_dir = *config->socket ? mu_xasprintf("%s.stats", config->socket) : NULL;
	run.metrics =
	    metrics_new(loop, run.app, config->sample_interval, stats_dir, on_sample, &run);
	if (*config->socket)
		r = open_socket(&run, config->socket, err);
	if (r < 0)
		on_stop(&run);
	else
		start_link(&run, config);
	mu_loop_run(loop);
	return r;
}
