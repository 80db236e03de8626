/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maintenance flag is a file (docs/formats/agent-state-dir.md): there or not there is what
 * counts, so a damaged one still keeps VMs away.
 */
#include "agent/app/app_priv.h"

#include "common/base/cut.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_MAX = 4096 };
#define FILE_NAME "maintenance.json"

struct change {
	struct app *app;
	bool on;
	mu_msec since;
	char by[MODEL_NAME_MAX + 1];
	void (*done)(void *arg, const struct mu_error *err);
	void *arg;
};

static int decode(struct app *app, const struct mu_str *text, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *since;
	struct mu_value *v;
	const char *by;

	if (mu_json_read(a, text->data ? text->data : "", text->len, &v, err) < 0)
		return MU_FAILED;
	since = mu_value_get(v, "since");
	by = mu_value_as_string(mu_value_get(v, "by"));
	if (since && since->kind == MU_VALUE_INT && since->integer > 0)
		app->maintenance.since = since->integer;
	if (by)
		(void)snprintf(app->maintenance.by, sizeof app->maintenance.by, "%.*s",
			       (int)mu_cut_fit(by, MODEL_NAME_MAX), by);
	return 0;
}

void maintenance_load(struct app *app)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[STATE_PATH_MAX + 1];
	struct mu_error err = MU_ERROR_INIT;
	int r = mu_file_read(state_dir_file(&app->dir, FILE_NAME, path), TEXT_MAX, &text, &err);

	if (r < 0 && err.code == MU_E_NOT_FOUND)
		return;
	app->maintenance.on = true;
	if (r < 0 || decode(app, &text, &err) < 0)
		mu_log_warning("maintenance is on, but not since when path=%s err=\"%s\"", path,
			       err.text);
	mu_log_info("host is in maintenance by=\"%s\"", app->maintenance.by);
}

int maintenance_admits(const struct app *app, enum vm_op op, bool anyway, struct mu_error *err)
{
	char since[32] = "some time ago";
	time_t seconds = app->maintenance.since / 1000;
	struct tm tm;

	if (op != VM_OP_START && op != VM_OP_RESUME)
		return 0;
	if (app->power)
		return mu_error_set(err, MU_E_STATE, "the host is about to go down");
	if (!app->maintenance.on || anyway)
		return 0;
	if (seconds && gmtime_r(&seconds, &tm))
		(void)strftime(since, sizeof since, "%Y-%m-%d %H:%M UTC", &tm);
	return mu_error_set(err, MU_E_STATE,
			    "the host is in maintenance (since %s, by %s); hint: enable the host, "
			    "or start with force on its own socket",
			    since, app->maintenance.by[0] ? app->maintenance.by : "?");
}

static void on_changed(void *arg, const struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct change *c = arg;
	struct app *app = c->app;

	if (!err) {
		app->maintenance.on = c->on;
		app->maintenance.since = c->since;
		(void)snprintf(app->maintenance.by, sizeof app->maintenance.by, "%s", c->by);
		mu_log_info("maintenance %s by=\"%s\"", c->on ? "begins" : "ends", c->by);
		facts_relist(app); /* tells everybody */
	}
	c->done(c->arg, err);
}

void app_host_set_enabled(struct app *app, bool enabled, const char *user,
			  void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_value *v = mu_value_object(a);
	struct change *c = mu_xcalloc(1, sizeof *c);
	char path[STATE_PATH_MAX + 1];

	*c = (struct change){
	    .app = app, .on = !enabled, .since = mu_clock_wall(), .done = done, .arg = arg};
	(void)snprintf(c->by, sizeof c->by, "%s", user);
	state_dir_file(&app->dir, FILE_NAME, path);
	if (enabled) {
		writer_remove(app->writer, path, on_changed, c);
		return;
	}
	mu_value_set_int(a, v, "since", c->since);
	mu_value_set_string(a, v, "by", c->by);
	mu_json_write(&text, v, true);
	writer_replace(app->writer, path, &text, 0600, on_changed, c);
}
