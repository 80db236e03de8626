/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of start: state directory and its lock, CA, database, memory; then metrics, rpc, REST,
 * HTTPS, the Unix socket. Order of stop: HTTP, agents, remote_write, metrics, database; each ends
 * with a callback that begins the next, so that everything that was accepted is stored before the
 * process ends.
 */
#include "aggregator/app/app.h"
#include "aggregator/app/https.h"

#include "aggregator/app/refusals.h"
#include "aggregator/app/sign_in.h"
#include "aggregator/app/users.h"

#include "aggregator/notify/notifier.h"
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/os/random.h"
#include "common/rest/xo_socket.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	HELLO_TIMEOUT_MS = 10 * 1000,
	BODY_MAX = 1 << 20,
	EVENTS_MAX = 4 << 20,
	CONNECTIONS_MAX = 1024,
	PER_SOURCE_MAX = 512,
	WEBSOCKETS_MAX = 512,
	IDLE_TIMEOUT_MS = 60 * 1000,
	DAILY_MS = 24 * 3600 * 1000,
};

void app_storing(struct app *app, enum app_storing what, const struct mu_error *err)
{
	static const char *const fails[_APP_STORING_COUNT] = {"storing fails",
							      "storing metrics fails"};
	const char *first = NULL;

	(void)snprintf(app->trouble[what], sizeof app->trouble[what], "%s%s%s",
		       err ? fails[what] : "", err ? ": " : "", err ? err->text : "");
	for (unsigned i = 0; i < _APP_STORING_COUNT && !first; i++)
		first = app->trouble[i][0] ? app->trouble[i] : NULL;
	app->pool.trouble = first;
	app_alarms_forget(app, &app->pool.id);
}

static void on_health(void *ctx, const struct mu_error *err)
{
	app_storing(ctx, APP_STORING_STATE, err);
	if (err)
		mu_log_error("storing fails, nothing new is acknowledged err=\"%s\"", err->text);
	else
		mu_log_info("storing works again");
}

static int open_store(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/muster.db", app->options->state);
	struct store_options options = {.path = path, .on_health = on_health, .ctx = app};

	return store_open(app->loop, &options, &app->store, err);
}

/* The state directory is ours alone: it holds the CA's key. */
static int open_state(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *lock = mu_xasprintf("%s/lock", app->options->state);

	if (mu_file_mkdirs(app->options->state, 0700, err) < 0)
		return MU_FAILED;
	if (mu_file_lock(lock, err) < 0)
		return mu_error_prefix(err, "another muster-aggregator runs on %s",
				       app->options->state);
	if (ca_open(app->options->state, mu_clock_wall(), &app->ca, err) < 0)
		return MU_FAILED;
	return open_store(app, err);
}

static void app_free(void *ctx)
{
	struct app *app = ctx;

	ca_free(app->ca);
	inventory_free(app->inventory);
	inventory_changes_deinit(&app->changes);
	tasks_free(app->tasks);
	mu_arena_free(app->arena);
	mu_map_free(app->resync);
	app_metrics_free(app);
	app_alarms_free(app);
	sign_ins_free(app->sign_ins);
	refused_free(app->refused);
	users_free(app->users);
	tags_free(app->tags);
	app_access_free(app);
	free(app->fleet_address);
	mu_timer_free(app->task_timer);
	mu_timer_free(app->daily);
	https_free(app->https);
	mu_signals_free(app->signals);
	mu_loop_stop(app->loop);
}

static void run_out(struct app *app)
{
	struct mu_loop *loop = app->loop;

	mu_loop_run(loop);
	mu_loop_free(loop);
	free(app);
}

void app_close(struct app *app)
{
	if (app->store)
		store_close(app->store, app_free, app);
	else
		mu_loop_post(app->loop, app_free, app);
	run_out(app);
}

int app_open(const struct app_options *options, struct app **ret_app, struct mu_error *err)
{
	struct app *app = mu_xcalloc(1, sizeof *app);

	/* A file size limit is a full disk, not a reason to die. */
	signal(SIGXFSZ, SIG_IGN);
	mu_map_seed(mu_random_u64());
	app->options = options;
	app->loop = mu_loop_new();
	app->inventory = inventory_new();
	inventory_changes_init(&app->changes);
	app->tasks = tasks_new(TASKS_HISTORY);
	app->arena = mu_arena_new();
	app->resync = mu_map_new();
	app->metric_marks = mu_map_new();
	app->certs = mu_map_new();
	app->joins = mu_map_new();
	app->tokens = mu_map_new();
	app->users = users_new(app);
	app->sign_ins = sign_ins_new(app);
	app->refused = refused_new(app);
	app->tags = tags_new();
	app->enrolling = mu_map_new();
	app_admin_ops(app, &app->admin);
	if (open_state(app, err) < 0 || app_load(app, err) < 0) {
		app_close(app);
		return MU_FAILED;
	}
	*ret_app = app;
	return 0;
}

/* --- serving --- */

static int serve_fleet(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(https_files_deinit) struct https_files files = {0};
	struct fleet_backend backend;
	struct fleet_options options = {
	    .listen = app->options->fleet_listen,
	    .backend = &backend,
	    .hello_timeout = HELLO_TIMEOUT_MS,
	};

	if (https_own_files(app, "fleet", &files, NULL, err) < 0)
		return MU_FAILED;
	options.tls = (struct rpc_tls){ca_cert(app->ca), files.cert, files.key};
	app_fleet_backend(app, &backend);
	app->rpc = rpc_new(app->loop);
	if (fleet_new(app->loop, app->rpc, &options, &app->fleet, err) < 0)
		return MU_FAILED;
	app->fleet_address = options_fleet_address(app->options, fleet_port(app->fleet));
	return app_load_marks(app, err);
}

/* The Unix socket is for its owner; every peer's uid is checked on top. */
static int listen_unix(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = options_socket(app->options);
	MU_CLEANUP(mu_free) char *dir = mu_xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (slash && slash != dir) {
		*slash = '\0';
		if (mu_file_mkdirs(dir, 0755, err) < 0)
			return MU_FAILED;
	}
	return http_listen_unix(app->http, path, 0600, err);
}

static int serve_http(struct app *app, int *ret_port, struct mu_error *err)
{
	MU_CLEANUP(https_files_deinit) struct https_files files = {0};
	struct http_server_options options = {
	    .handle = rest_handle,
	    .streams = rest_streams,
	    .body_max = BODY_MAX,
	    .events_max = EVENTS_MAX,
	    .connections_max = CONNECTIONS_MAX,
	    .per_source_max = PER_SOURCE_MAX,
	    .websockets_max = WEBSOCKETS_MAX,
	    .idle_timeout = IDLE_TIMEOUT_MS,
	};

	app_rest_backend(app, &app->backend);
	app->rest = rest_new(app->loop, &app->backend);
	admin_routes_add(app->rest, &app->admin);
	app_alarm_ops(app, &app->alarm_ops);
	alarm_routes_add(app->rest, &app->alarm_ops);
	app_exposition_ops(app, &app->exposition_ops);
	app->exposition = exposition_new(app->loop, &app->exposition_ops);
	exposition_routes_add(app->rest, app->exposition);
	contract_routes_add(app->rest);
	xo_socket_routes_add(app->rest);
	options.ctx = app->rest;
	https_watch(app);
	if (app_keys_load(app, err) < 0 || https_files(app, &files, NULL, err) < 0 ||
	    http_server_new(app->loop, &options, &app->http, err) < 0 ||
	    http_listen_tls(app->http, app->options->listen, files.cert_path, files.key_path,
			    ret_port, err) < 0)
		return MU_FAILED;
	return listen_unix(app, err);
}

/* --- daily --- */

static void renew_fleet(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(https_files_deinit) struct https_files files = {0};
	struct rpc_tls tls;
	bool issued;

	if (https_own_files(app, "fleet", &files, &issued, err) < 0 || !issued)
		return;
	tls = (struct rpc_tls){ca_cert(app->ca), files.cert, files.key};
	fleet_set_tls(app->fleet, &tls);
	mu_log_info("certificate renewed name=fleet");
}

/* New connections get the new certificates; those that are open go on. */
static void renew_servers(void *ctx)
{
	struct app *app = ctx;
	struct mu_error err = MU_ERROR_INIT;

	if (app->stopping)
		return;
	renew_fleet(app, &err);
	if (err.code == MU_E_NONE)
		https_renew(app, &err);
	if (err.code != MU_E_NONE)
		mu_log_error("renewing certificates err=\"%s\"", err.text);
}

static void on_daily(void *ctx)
{
	struct app *app = ctx;

	renew_servers(app);
	app_access_trim(app);
	app_audit_daily(app);
	app_metrics_expire(app);
	app_tasks_trim(app);
	app->n_conflicts = 0;
	mu_timer_set(app->daily, DAILY_MS);
}

/* --- the end --- */

static void on_store_closed(void *ctx)
{
	struct app *app = ctx;

	exposition_free(app->exposition);
	rest_free(app->rest);
	if (app->rpc)
		rpc_free(app->rpc);
	app_free(app);
}

static void on_notifier_closed(void *ctx)
{
	struct app *app = ctx;

	store_close(app->store, on_store_closed, app);
}

static void on_metrics_closed(void *ctx)
{
	struct app *app = ctx;

	app->metrics = NULL;
	if (app->notifier)
		notifier_close(MU_TAKE(app->notifier), on_notifier_closed, app);
	else
		on_notifier_closed(app);
}

static void on_remote_closed(void *ctx)
{
	struct app *app = ctx;

	app->remote = NULL;
	if (app->metrics)
		metrics_close(app->metrics, on_metrics_closed, app);
	else
		on_metrics_closed(app);
}

static void on_fleet_stopped(void *ctx)
{
	struct app *app = ctx;

	app->fleet = NULL;
	if (app->remote)
		remote_close(app->remote, on_remote_closed, app);
	else
		on_remote_closed(app);
}

static void on_users_stopped(void *ctx)
{
	struct app *app = ctx;

	if (app->fleet)
		fleet_stop(app->fleet, on_fleet_stopped, app);
	else
		on_fleet_stopped(app);
}

static void on_http_stopped(void *ctx)
{
	struct app *app = ctx;

	app->http = NULL;
	users_stop(app->users, on_users_stopped, app);
}

static void app_stop(void *ctx)
{
	struct app *app = ctx;

	if (app->stopping)
		return;
	app->stopping = true;
	mu_log_info("stopping");
	/* Both store something, which a store that is closing has to know in time. */
	mu_timer_cancel(app->daily);
	app->https = https_free(app->https);
	mu_timer_cancel(app->task_timer);
	refused_stop(app->refused);
	app_alarms_stop(app);
	if (app->http)
		http_server_stop(app->http, on_http_stopped, app);
	else
		on_http_stopped(app);
}

int app_serve(struct app *app, struct mu_error *err)
{
	int port = 0;

	app->started_at = mu_clock_wall();
	app->task_timer = mu_timer_new(app->loop, app_on_task_timer, app);
	app->daily = mu_timer_new(app->loop, on_daily, app);
	if (app_metrics_open(app, err) < 0 || app_alarms_open(app, err) < 0 ||
	    serve_fleet(app, err) < 0 || serve_http(app, &port, err) < 0) {
		mu_loop_post(app->loop, app_stop, app);
		run_out(app);
		return MU_FAILED;
	}
	app_remote_open(app);
	app->signals = mu_signals_new(app->loop, app_stop, renew_servers, app);
	app_access_trim(app);
	app_audit_daily(app);
	app_tasks_end_orphans(app);
	app_task_groups_step(app);
	app_tasks_trim(app);
	app_tasks_arm(app);
	app_alarms_start(app);
	mu_timer_set(app->daily, DAILY_MS);
	mu_log_info("serving version=%s https=%s port=%d fleet_port=%d agents_dial=%s",
		    MUSTER_VERSION, app->options->listen, port, fleet_port(app->fleet),
		    app->fleet_address);
	return 0;
}

void app_run(struct app *app)
{
	run_out(app);
}
