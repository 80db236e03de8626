/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/agent.h"

#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disks.h"
#include "agent/hv/drivers.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the model: the same host, the same seed. */
static uint64_t sim_seed(const struct agent_config *c, const struct app *app)
{
	uint64_t seed = (uint64_t)c->sim_seed;

	if (!seed)
		memcpy(&seed, app->id.uuid.bytes, sizeof seed);
	return seed;
}

static int open_sim(struct mu_loop *loop, const struct agent_config *c, const struct app *app,
		    const struct hv_ops **ret_ops, void **ret_impl, struct mu_error *err)
{
	char dir[STATE_PATH_MAX + 1];
	struct hv_sim_options options = {
	    .name = c->name,
	    .state_dir = state_dir_file(&app->dir, "sim", dir),
	    .seed = sim_seed(c, app),
	    .cpus = (unsigned)c->sim_cpus,
	    .memory_bytes = c->sim_memory_mib << 20,
	    .n_foreign = (unsigned)c->sim_foreign,
	    .create_ms = c->sim_create,
	    .shutdown_ms = c->sim_shutdown,
	    .save_ms = c->sim_save,
	    .restore_ms = c->sim_restore,
	};

	return hv_sim_new(loop, &options, ret_ops, ret_impl, err);
}

/* A driver that will not be used: freeing it takes the loop. */
static void drop_driver(struct app *app, const struct hv_ops *ops, void *impl)
{
	ops->free(impl, (mu_loop_cb)mu_loop_stop, app->loop);
	mu_loop_run(app->loop);
}

static int open_driver(struct app *app, const struct agent_config *c, struct mu_error *err)
{
	const struct hv_ops *under_ops;
	const struct hv_ops *ops;
	void *under_impl;
	void *impl;
	int r;

	if (!strcmp(c->hypervisor, "sim"))
		r = open_sim(app->loop, c, app, &under_ops, &under_impl, err);
	else
		r = hv_xen_new(app->loop, &under_ops, &under_impl, err);
	if (r < 0)
		return mu_error_prefix(err, "--hypervisor=%s", c->hypervisor);
	if (!c->fault) {
		app->hv = hv_new(app->loop, under_ops, under_impl);
		return 0;
	}
	if (hv_fault_new(app->loop, c->fault, under_ops, under_impl, &ops, &impl, err) < 0) {
		drop_driver(app, under_ops, under_impl);
		return mu_error_prefix(err, "--fault");
	}
	app->hv = hv_new(app->loop, ops, impl);
	return 0;
}

static int open_state(struct app *app, const struct agent_config *c, struct mu_error *err)
{
	char path[STATE_PATH_MAX + 1];

	if (state_dir_open(&app->dir, c->state, err) < 0 ||
	    state_dir_host_id(&app->dir, &app->id, err) < 0 ||
	    state_dir_boot_id(app->boot_id, err) < 0)
		return MU_FAILED;
	return writer_new(app->loop, state_dir_file(&app->dir, "journal", path), &app->writer, err);
}

/* What never ran is freed by the loop as well. */
static void drop_storage(struct app *app)
{
	if (app->transfers) {
		transfers_close(app, (mu_loop_cb)mu_loop_stop, app->loop);
		mu_loop_run(app->loop);
	}
	if (!app->storage)
		return;
	app_storage_close(app, (mu_loop_cb)mu_loop_stop, app->loop);
	mu_loop_run(app->loop);
}

static void app_free(struct app *app)
{
	host_power_free(app);
	resuming_deinit(app);
	pcis_deinit(app);
	startup_deinit(app);
	calls_deinit(app);
	ops_deinit(app);
	tasks_deinit(app);
	disks_deinit(app);
	objects_deinit(app);
	facts_deinit(app);
	writer_free(app->writer);
	free(app);
}

static void name_host(struct app *app, const char *name)
{
	char host[MODEL_NAME_MAX + 1] = "";

	if (!name && gethostname(host, sizeof host - 1) == 0)
		name = host;
	(void)snprintf(app->name, sizeof app->name, "%s", name ? name : "");
}

int app_new(struct mu_loop *loop, const struct agent_config *config, struct app **ret_app,
	    struct mu_error *err)
{
	struct app *app = mu_xcalloc(1, sizeof *app);
	char uuid[MU_UUID_TEXT];
	int r;

	app->loop = loop;
	mu_link_init(&app->listeners);
	mu_link_init(&app->calls);
	mu_link_init(&app->thaws);
	mu_link_init(&app->reads);
	resuming_init(app);
	name_host(app, config->name);
	r = open_state(app, config, err);
	facts_init(app);
	objects_init(app);
	disks_init(app);
	ops_init(app);
	tasks_init(app);
	if (r < 0 || startup_load(app, err) < 0 || app_storage_open(app, err) < 0 ||
	    transfers_open(app, config->transfer_dir, err) < 0 ||
	    open_driver(app, config, err) < 0) {
		drop_storage(app);
		app_free(app);
		return MU_FAILED;
	}
	app->simulated = !strcmp(config->hypervisor, "sim");
	app->sysfs = app->simulated ? config->sim_sysfs : "/sys";
	app->power_program = app->simulated ? config->sim_power : "systemctl";
	host_learn(app);
	networks_init(app, sim_seed(config, app));
	pcis_init(app);
	consoles_init(app);
	hv_watch(app->hv, &app->watch);
	startup_resume(app);
	app_storage_start(app);
	facts_start(app);
	mu_log_info("agent started version=%s host=%s name=%s driver=%s", MUSTER_VERSION,
		    mu_uuid_format(&app->id.uuid, uuid), app->host.name, hv_driver_name(app->hv));
	*ret_app = app;
	return 0;
}

void app_on_restart(struct app *app, mu_loop_cb restart, void *arg)
{
	app->restart = restart;
	app->restart_arg = arg;
}

/* Stopping: calls, storage and readings of the host end while there still is a driver, the driver
 * lets go of every operation, then the journal has the last word. */

static void on_drained(void *arg)
{
	struct app *app = arg;
	mu_loop_cb stopped = app->stopped;
	void *stopped_arg = app->stopped_arg;

	mu_log_info("agent stopped");
	app_free(app);
	stopped(stopped_arg);
}

static void on_driver_freed(void *arg)
{
	struct app *app = arg;

	app->hv = NULL;
	writer_drain(app->writer, on_drained, app);
}

void app_host_stopped(struct app *app)
{
	hv_free(app->hv, on_driver_freed, app);
}

static void on_storage_closed(void *arg)
{
	host_stop(arg);
}

static void on_transfers_closed(void *arg)
{
	app_storage_close(arg, on_storage_closed, arg);
}

static void on_calls_stopped(void *arg)
{
	transfers_close(arg, on_transfers_closed, arg);
}

void app_stop(struct app *app, mu_loop_cb done, void *arg)
{
	app->stopping = true;
	app->restart = NULL;
	app->stopped = done;
	app->stopped_arg = arg;
	consoles_deinit(app);
	hv_watch(app->hv, NULL);
	mu_timer_cancel(app->look);
	mu_timer_cancel(app->wake);
	calls_stop(app, on_calls_stopped, app);
}

struct hv *app_hv(struct app *app)
{
	return app->hv;
}

const struct host_id *app_host_id(const struct app *app)
{
	return &app->id;
}

const char *app_boot_id(const struct app *app)
{
	return app->boot_id;
}

const struct state_dir *app_state_dir(const struct app *app)
{
	return &app->dir;
}
