/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles: what the hub needs to know of VMs, and the use case that opens one. */
#include "agent/app/app_priv.h"

#include "agent/console/console.h"

#include <string.h>

static bool look(void *ctx, const struct vm_id *id, struct console_vm *ret)
{
	const struct app *app = ctx;
	const struct model_vm *vm = app_vm_find(app, id);

	if (!vm)
		return false;
	*ret = (struct console_vm){.running = vm->domid >= 0};
	memcpy(ret->name, vm->name, sizeof ret->name);
	if (ret->running)
		ret->domid.value = (uint32_t)vm->domid;
	return true;
}

static void on_vm(void *ctx, enum app_change what, const struct model_vm *vm)
{
	struct app *app = ctx;

	if (what == APP_REMOVED)
		console_hub_vm_gone(app->consoles, &vm->id);
	else
		console_hub_vm_changed(app->consoles, &vm->id);
}

void consoles_init(struct app *app)
{
	const struct console_hub_options options = {.hv = app->hv, .look = look, .ctx = app};

	app->consoles = console_hub_new(app->loop, &options);
	app->console_listener = (struct app_listener){.vm = on_vm, .ctx = app};
	app_listen(app, &app->console_listener);
}

void consoles_deinit(struct app *app)
{
	if (app->consoles)
		app_unlisten(&app->console_listener);
	app->consoles = console_hub_free(app->consoles);
}

int app_console_open(struct app *app, const struct console_request *rq, struct mu_pipe near,
		     struct mu_pipe *ret_far, struct mu_error *err)
{
	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the host's agent is stopping");
	return console_hub_open(app->consoles, rq, near, ret_far, err);
}
