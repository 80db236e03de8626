/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on a VM's devices. What is to be done is planned by core/vm_devices; here it is done, in
 * the order that a crash may cut anywhere:
 *
 *   a VDI is held in its SR -> noted beside the definition -> the domain is changed
 *                                             -> the definition is stored -> what is unused is let
 * go
 *
 * The note (define.c's "built") tells the next run which VDI a disk is that the domain has got and
 * the definition not yet: it stays held, and can be taken out. Other devices need none.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disks.h"
#include "agent/core/vm_devices.h"
#include "common/base/mem.h"
#include "common/log/log.h"

#include <string.h>

struct work {
	struct app_call *call;
	struct vm_devices_plan plan;
	struct vm_spec before; /* the definition, and what the domain was built from */
	struct vm_spec built_before;
	bool lives; /* there is a domain */
	bool noted;
	struct hv_domid domid;
	struct hv_vm_config config; /* of the domain */
	struct disks_use disks;
	struct hv_op op;
	struct hv_device device;
	struct mu_error err; /* why the domain refused */
};

/* Looking */

struct vms {
	const struct model_vm **list;
	size_t n;
};

static struct vms vms_of(const struct app *app, struct mu_arena *a)
{
	struct vms all = {mu_arena_calloc(a, vm_view_size(app->view) + 1, sizeof *all.list), 0};
	const struct model_vm *vm;

	for (size_t i = 0; (vm = app_vm_next(app, &i));)
		all.list[all.n++] = vm;
	return all;
}

/* The bridge of the network that is asked for. */
static int find_bridge(const struct app *app, const struct mu_value *args, const char **ret,
		       struct mu_error *err)
{
	const char *text = mu_value_as_string(mu_value_get(args, "networkId"));
	const struct model_object *o;
	struct mu_uuid id;

	*ret = NULL;
	if (!text)
		return 0;
	(void)mu_uuid_parse(text, &id);
	o = app_object_find(app, &id);
	if (!o || o->kind != OBJECT_NETWORK)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "arguments: networkId: this host has no such network");
	*ret = o->network.bridge;
	return 0;
}

static int check_vdi(const struct app *app, const struct mu_value *args, struct mu_error *err)
{
	const char *text = mu_value_as_string(mu_value_get(args, "VDI"));
	struct model_object vdi;
	struct mu_uuid id;

	if (!text)
		return 0;
	(void)mu_uuid_parse(text, &id);
	if (app->storage && storage_find(app->storage, &id, &vdi) && vdi.kind == OBJECT_VDI)
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND,
			    "arguments: VDI: no storage repository of this host has it");
}

/* `config` is filled for a VM that has a domain; `*ret` points into it and the view. */
static int look(const struct app *app, const struct vm_id *id, struct hv_vm_config *config,
		struct vm_devices_world *ret, struct mu_error *err)
{
	const struct vm_entry *e = vm_view_find(app->view, id);

	*ret = (struct vm_devices_world){.spec = e ? e->spec : NULL};
	if (!ret->spec)
		return mu_error_set(err, MU_E_NOT_FOUND, "the VM has no definition here any more");
	if (!e->present)
		return 0;
	if (!app->hv)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (hv_config(app->hv, e->domain.domid, config, err) < 0)
		return MU_FAILED;
	ret->built = vm_entry_built(e);
	ret->domain = config;
	return 0;
}

static int plan(struct work *w, struct mu_error *err)
{
	struct app_call *c = w->call;
	const struct vm_entry *e = vm_view_find(c->app->view, &c->vm);
	struct vms vms = vms_of(c->app, c->arena);
	struct vm_devices_world now;
	const char *bridge;

	if (check_vdi(c->app, c->arguments, err) < 0 ||
	    find_bridge(c->app, c->arguments, &bridge, err) < 0 ||
	    look(c->app, &c->vm, &w->config, &now, err) < 0)
		return MU_FAILED;
	now.bridge = bridge;
	now.vms = vms.list;
	now.n_vms = vms.n;
	w->before = *now.spec;
	w->lives = now.domain != NULL;
	if (w->lives) {
		w->domid = e->domain.domid;
		w->built_before = *now.built;
	}
	return vm_devices_plan(c->method->name, &now, c->arguments, &w->plan, err);
}

/* Doing */

static void finish(struct work *w, const struct mu_error *err)
{
	struct app_call *c = w->call;
	struct mu_value *value = mu_value_object(c->arena);
	char id[MU_UUID_TEXT];

	disks_use_end(&w->disks);
	if (!mu_uuid_is_nil(&w->plan.made))
		mu_value_set_string(c->arena, value, "id", mu_uuid_format(&w->plan.made, id));
	app_call_finish(c, err, err ? NULL : value);
}

/* The disk that was to be given is not in use. */
static void drop_hold(struct work *w)
{
	if (w->disks.n_disks > 0 && !mu_uuid_is_nil(&w->plan.disk.vdi))
		disks_let_go(w->call->app, &w->call->vm, &w->plan.disk.vdi);
}

static void on_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct work *w = arg;

	(void)vm;
	if (!err && !mu_uuid_is_nil(&w->plan.let_go))
		disks_let_go(w->call->app, &w->call->vm, &w->plan.let_go);
	finish(w, err);
}

static void on_refusal_noted(void *arg, const struct vm_id *vm, const struct mu_error *err);

static void store(struct work *w)
{
	struct app *app = w->call->app;

	if (define_is(app, &w->before)) {
		define_store_changed(app, &w->plan.spec, w->lives ? &w->plan.built : NULL,
				     on_stored, w);
		return;
	}
	(void)mu_error_set(&w->err, MU_E_STATE,
			   "the definition was replaced meanwhile: the domain was changed, the new "
			   "definition was not; hint: ask again");
	define_note(app, &w->call->vm, &w->plan.built, on_refusal_noted, w);
}

static void on_refusal_noted(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct work *w = arg;

	(void)vm;
	(void)err; /* it is corrected by what the domain has when the agent starts */
	finish(w, &w->err);
}

static void refused(struct work *w, const struct mu_error *err)
{
	w->err = *err;
	drop_hold(w);
	if (w->noted)
		define_note(w->call->app, &w->call->vm, &w->built_before, on_refusal_noted, w);
	else
		finish(w, &w->err);
}

static void on_changed(struct hv_op *op)
{
	struct work *w = op->ctx;

	if (op->r < 0)
		refused(w, &op->err);
	else
		store(w);
}

/* The kinds of devices follow each other in enum hv_op_kind. */
static void fill_device(struct hv_device *device, const struct vm_devices_plan *p)
{
	if (p->order <= HV_CD_EJECT)
		device->disk = p->disk;
	else if (p->order <= HV_NIC_RATE)
		device->nic = p->nic;
	else if (p->order <= HV_PCI_DETACH)
		device->pci = p->pci;
	else
		device->usb = p->usb;
}

static void give_order(struct work *w)
{
	struct vm_devices_plan *p = &w->plan;
	struct mu_error err;

	if (w->call->cancelled || !w->call->app->hv) {
		(void)mu_error_set(&err, MU_E_CANCELLED, "cancelled before the domain was changed");
		refused(w, &err);
		return;
	}
	fill_device(&w->device, p);
	w->op = (struct hv_op){.kind = p->order,
			       .domid = w->domid,
			       .device = &w->device,
			       .done = on_changed,
			       .ctx = w};
	hv_op_start(w->call->app->hv, &w->op);
}

static void on_noted(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct work *w = arg;

	(void)vm;
	w->noted = true;
	if (err)
		refused(w, err);
	else
		give_order(w);
}

static void on_held(struct disks_use *u, const struct mu_error *err)
{
	struct work *w = MU_CONTAINER_OF(u, struct work, disks);

	if (err)
		refused(w, err);
	else if (w->plan.order == HV_DISK_ATTACH)
		define_note(w->call->app, &w->call->vm, &w->plan.built, on_noted, w);
	else
		give_order(w);
}

static bool needs_hold(const struct vm_devices_plan *p)
{
	return (p->order == HV_DISK_ATTACH || p->order == HV_CD_INSERT) &&
	       !mu_uuid_is_nil(&p->disk.vdi);
}

static void start(struct app_call *c)
{
	struct work *w = mu_arena_calloc(c->arena, 1, sizeof *w);
	struct mu_error err = MU_ERROR_INIT;

	c->state = w;
	w->call = c;
	if (plan(w, &err) < 0) {
		finish(w, &err);
	} else if (needs_hold(&w->plan)) {
		w->disks = (struct disks_use){.app = c->app,
					      .vm = c->vm,
					      .disks = &w->plan.disk,
					      .n_disks = 1,
					      .done = on_held};
		disks_use_start(&w->disks);
	} else if (w->plan.order != _HV_OP_KIND_COUNT) {
		give_order(w);
	} else {
		store(w);
	}
}

static void cancel(struct app_call *c)
{
	struct work *w = c->state;

	disks_use_cancel(&w->disks);
	hv_op_cancel(&w->op);
}

/* After a crash */

static void say_not_done(const struct vm_devices_world *now, struct journal_verdict *v)
{
	char stray[64];

	v->status = TASK_FAILURE;
	vm_devices_stray(now, stray, sizeof stray);
	if (stray[0])
		(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
				   "interrupted by a restart of the agent: the domain has %s, "
				   "which the definition lacks; hint: delete that, then ask again",
				   stray);
	else
		(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
				   "interrupted by a restart of the agent: it was not done; hint: "
				   "ask again");
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *config = mu_xmalloc(sizeof *config);
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *value = mu_value_object(a);
	struct mu_uuid made = {{0}};
	struct vm_devices_world now;
	char id[MU_UUID_TEXT];

	if (!arguments || look(app, &e->vm, config, &now, NULL) < 0)
		return;
	switch (vm_devices_look(e->method, &now, arguments, &made)) {
	case VM_DEVICES_DONE:
		v->status = TASK_SUCCESS;
		mu_error_clear(&v->err);
		if (!mu_uuid_is_nil(&made))
			mu_value_set_string(a, value, "id", mu_uuid_format(&made, id));
		calls_value_text(value, v->value);
		return;
	case VM_DEVICES_NOT_DONE:
		say_not_done(&now, v);
		return;
	case VM_DEVICES_UNKNOWN:
		return;
	}
}

void calls_devices_look(struct app *app)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *config = mu_xmalloc(sizeof *config);
	MU_CLEANUP(mu_free) struct vm_spec *built = mu_xmalloc(sizeof *built);
	struct mu_error err = MU_ERROR_INIT;
	struct vm_devices_world now;
	const struct vm_entry *e;
	char id[MU_UUID_TEXT];

	for (size_t i = 0; (e = vm_view_next(app->view, &i));) {
		if (!e->spec || !e->present || e->domain.incomplete)
			continue;
		if (look(app, &e->id, config, &now, &err) < 0) {
			mu_log_warning("devices of a domain cannot be read vm=%s err=\"%s\"",
				       mu_uuid_format(&e->id.uuid, id), err.text);
			continue;
		}
		*built = *now.built;
		if (vm_devices_reconcile(e->spec, config, built))
			vm_view_set_built(app->view, &e->id, mu_xmemdup(built, sizeof *built));
	}
}

#define HANDLER(name)                                                                              \
	{                                                                                          \
		.method = name, .start = start, .cancel = cancel, .verdict = verdict               \
	}

const struct app_call_handler calls_devices[] = {
    HANDLER("vbd.create"),     HANDLER("vbd.delete"),     HANDLER("vbd.connect"),
    HANDLER("vbd.disconnect"), HANDLER("vbd.insert"),     HANDLER("vbd.eject"),
    HANDLER("vif.create"),     HANDLER("vif.edit"),       HANDLER("vif.delete"),
    HANDLER("vif.connect"),    HANDLER("vif.disconnect"), HANDLER("pci.attach"),
    HANDLER("pci.detach"),     HANDLER("usb.attach"),     HANDLER("usb.detach"),
};
const size_t n_calls_devices = MU_ARRAY_SIZE(calls_devices);
