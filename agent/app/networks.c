/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks of this host: agent/network finds them, here they become objects. A host without
 * them (netlink refused, records that cannot be read) still runs its VMs. A simulated host has
 * cards and bridges of its own model, never this machine's.
 */
#include "agent/app/app_priv.h"

#include "agent/network/network.h"
#include "common/log/log.h"

static void on_changed(void *ctx, const struct model_object *o)
{
	app_object_set(ctx, o);
}

static void on_removed(void *ctx, const struct mu_uuid *id)
{
	app_object_remove(ctx, id);
}

void networks_init(struct app *app, uint64_t seed)
{
	char records[STATE_PATH_MAX + 1];
	const struct network_settings settings = {
	    .loop = app->loop,
	    .host = app->id,
	    .records =
		state_dir_file(&app->dir, app->simulated ? "sim/networks" : "networks", records),
	    .modelled = app->simulated,
	    .seed = seed,
	    .listener = {.changed = on_changed, .removed = on_removed, .ctx = app},
	};

	app->network = network_new(&settings, &app->network_err);
	if (!app->network)
		mu_log_error("networks are not shown err=\"%s\"", app->network_err.text);
	else if (!app->simulated)
		network_set_management(app->network, app->address);
}

void networks_set_address(struct app *app)
{
	if (app->network && !app->simulated)
		network_set_management(app->network, app->address);
}

static void on_stopped(void *ctx)
{
	struct app *app = ctx;

	app->network = NULL;
	host_check_stopped(app);
}

void networks_stop(struct app *app)
{
	if (app->network)
		network_stop(app->network, on_stopped, app);
}
