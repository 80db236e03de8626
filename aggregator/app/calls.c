/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on their way to a host: which one, is it there, and a task like any other. Arguments were
 * checked by who asks (common/rest); the host checks them again.
 */
#include "aggregator/app/app.h"

#include "common/base/assert.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdio.h>
#include <string.h>

/* Where things are: a connected host that has `id`, as far as one is. false: there is no such
 * thing. */
static bool host_of(struct app *app, enum call_target what, const struct mu_uuid *id,
		    struct host_id *ret_host)
{
	const struct host_id host = {*id};
	const struct vm_id vm_id = {*id};
	const struct model_object *o;
	const struct model_vm *vm;

	switch (what) {
	case CALL_ON_VM:
		vm = inventory_vm_find(app->inventory, &vm_id);
		if (!vm)
			return false;
		*ret_host = vm->host;
		return true;
	case CALL_ON_HOST:
		*ret_host = host;
		return inventory_host_find(app->inventory, &host) != NULL;
	case CALL_ON_SR:
	case CALL_ON_VDI:
		o = inventory_object_find(app->inventory, id);
		if (!o || o->kind != (what == CALL_ON_SR ? OBJECT_SR : OBJECT_VDI))
			return false;
		*ret_host = o->host;
		return true;
	case _CALL_TARGET_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static int choose_host(struct app *app, const struct rest_ask *ask, struct host_id *ret_host,
		       struct mu_error *err)
{
	const struct call_method *m = ask->method;
	const struct model_host *h;
	char text[MU_UUID_TEXT];

	if (!mu_uuid_is_nil(&ask->host.uuid))
		*ret_host = ask->host;
	else if (!host_of(app, m->target, &ask->object, ret_host))
		return mu_error_set(err, MU_E_NOT_FOUND, "no such %s: %s",
				    call_target_name(m->target),
				    mu_uuid_format(&ask->object, text));
	h = inventory_host_find(app->inventory, ret_host);
	if (!h)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such host: %s",
				    mu_uuid_format(&ret_host->uuid, text));
	if (!h->connected)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "host '%s' is away; hint: see whether its agent runs and can "
				    "reach the aggregator",
				    h->name);
	return 0;
}

void app_call(struct app *app, const struct rest_ask *ask, const struct admin_asker *who,
	      void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
	      void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct model_task task = {
	    .id = mu_random_uuid(),
	    .status = TASK_PENDING,
	    .op = _VM_OP_COUNT,
	    .object = ask->object,
	    .start = mu_clock_wall(),
	    .deadline = ask->deadline,
	};

	task.updated = task.start;
	(void)snprintf(task.method, sizeof task.method, "%s", ask->method->name);
	if (ask->method->target == CALL_ON_VM)
		task.vm.uuid = ask->object;
	mu_json_write(&text, ask->arguments, false);
	if (text.len > CALL_ARGUMENTS_MAX)
		(void)mu_error_set(&err, MU_E_TOO_LARGE, "arguments of %zu bytes; hint: at most %d",
				   text.len, CALL_ARGUMENTS_MAX);
	else
		(void)choose_host(app, ask, &task.host, &err);
	if (err.code != MU_E_NONE) {
		app_audit_refusal(app, who, task.method, &ask->object, &err);
		app_task_refuse(app, &err, done, arg);
		return;
	}
	app_task_start(app, &task, text.data, who, done, arg);
}
