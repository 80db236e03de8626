/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's storage: opened before the driver, as a VM that runs uses disks of it; what it knows
 * is shown like everything else; it ends after the calls, which use it, and before the driver.
 */
#include "agent/app/app_priv.h"
#include "agent/app/disks.h"
#include "agent/storage/drivers.h"

/* How long verdicts wait for an SR that neither comes nor fails. */
#define VERDICT_PATIENCE MU_SEC(120)

/* Simulated hosts have them too: a directory is one anywhere. */
static const struct sr_ops *const drivers[] = {&sr_lvmthin_ops, &sr_dir_ops, NULL};

static void on_changed(const struct model_object *o, void *ctx)
{
	app_object_set(ctx, o);
	disks_look_soon(ctx);
}

static void on_removed(const struct mu_uuid *id, void *ctx)
{
	app_object_remove(ctx, id);
	disks_look_soon(ctx);
}

int app_storage_open(struct app *app, struct mu_error *err)
{
	struct storage_options options = {
	    .loop = app->loop,
	    .state_dir = app->dir.path,
	    .host = app->id,
	    .drivers = drivers,
	    .listener = {.changed = on_changed, .removed = on_removed, .ctx = app},
	};

	return storage_new(&options, &app->storage, err);
}

static void on_patience(void *ctx)
{
	startup_judge_late(ctx, true);
}

void app_storage_start(struct app *app)
{
	app->verdict_timer = mu_timer_new(app->loop, on_patience, app);
	mu_timer_set(app->verdict_timer, VERDICT_PATIENCE);
	storage_start(app->storage);
	startup_judge_late(app, false);
}

void app_storage_close(struct app *app, mu_loop_cb done, void *arg)
{
	struct storage *s = app->storage;

	app->verdict_timer = mu_timer_free(app->verdict_timer);
	disks_stop(app);
	app->storage = NULL;
	storage_free(s, done, arg);
}
