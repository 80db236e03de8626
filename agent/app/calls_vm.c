/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on a VM as a whole. Each is one replaced or removed file, so a crash leaves the old or the
 * new state, and the verdict is a look at which. An edit asks the domain first for what it can have
 * while it runs; where it refuses, the definition stays as it was.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/core/vm_edit.h"
#include "common/base/mem.h"

#include <string.h>

static void failed(struct journal_verdict *v, const char *what)
{
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE, "interrupted by a restart of the agent: %s",
			   what);
}

static void succeeded(struct journal_verdict *v)
{
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
}

/* The VM's definition: the queue lets no call through without one, but it may go meanwhile. */
static const struct vm_entry *need_spec(const struct app *app, const struct vm_id *id,
					struct mu_error *err)
{
	const struct vm_entry *e = vm_view_find(app->view, id);

	if (e && e->spec)
		return e;
	(void)mu_error_set(err, MU_E_NOT_FOUND, "the VM has no definition here any more");
	return NULL;
}

/* vm.edit */

static struct mu_value *edit_value(struct mu_arena *a, const struct vm_edit *edit)
{
	struct mu_value *applied = mu_value_list(a);
	struct mu_value *pending = mu_value_list(a);
	struct mu_value *v = mu_value_object(a);

	for (size_t i = 0; i < edit->n_changes; i++)
		mu_value_push(edit->changes[i].in_force ? applied : pending,
			      mu_value_string(a, edit->changes[i].argument));
	mu_value_set(a, v, "applied", applied);
	mu_value_set(a, v, "pending", pending);
	return v;
}

struct edit_work {
	struct app_call *call;
	struct vm_edit edit;
	struct vm_spec before;
	struct vm_spec built; /* what the domain has by now */
	bool lives;
	struct hv_domid domid;
	size_t n_orders, next;
	enum hv_op_kind orders[VM_EDIT_ORDERS_MAX];
	struct hv_resources resources;
	struct hv_op op;
	struct mu_error err; /* why the domain refused */
};

static int plan_edit(struct edit_work *w, struct mu_error *err)
{
	struct app_call *c = w->call;
	const struct vm_entry *e = need_spec(c->app, &c->vm, err);
	const struct vm_spec *built = e ? vm_entry_built(e) : NULL;

	if (!e || vm_edit_plan(e->spec, built, c->arguments, &w->edit, err) < 0)
		return MU_FAILED;
	w->before = *e->spec;
	w->lives = e->present && !e->domain.incomplete;
	w->domid = e->domain.domid;
	if (w->lives) {
		w->built = *built;
		w->n_orders = vm_edit_orders(&w->edit, built, w->orders);
	}
	return define_check_name(c->app, &w->edit.spec, err);
}

static void on_edited(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct edit_work *w = arg;

	(void)vm;
	app_call_finish(w->call, err, err ? NULL : edit_value(w->call->arena, &w->edit));
}

static void on_refusal_noted(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct edit_work *w = arg;

	(void)vm;
	(void)err; /* the next run shows what the domain says of itself */
	app_call_finish(w->call, &w->err, NULL);
}

/* The definition stays; what the domain has obeyed already is written down. */
static void refuse_edit(struct edit_work *w, const struct mu_error *err)
{
	w->err = *err;
	if (w->next == 0)
		app_call_finish(w->call, &w->err, NULL);
	else
		define_note(w->call->app, &w->call->vm, &w->built, on_refusal_noted, w);
}

static void store_edit(struct edit_work *w)
{
	struct mu_error err;

	if (!w->lives) {
		define_store(w->call->app, &w->edit.spec, on_edited, w);
		return;
	}
	if (!define_is(w->call->app, &w->before)) {
		(void)mu_error_set(&err, MU_E_STATE,
				   "the definition was replaced meanwhile: the domain was changed, "
				   "the new definition was not; hint: ask again");
		refuse_edit(w, &err);
		return;
	}
	vm_edit_note(&w->edit, &w->built);
	define_store_changed(w->call->app, &w->edit.spec, &w->built, on_edited, w);
}

static void next_order(struct edit_work *w);

static void on_obeyed(struct hv_op *op)
{
	struct edit_work *w = op->ctx;

	if (op->r < 0) {
		refuse_edit(w, &op->err);
		return;
	}
	vm_edit_obeyed(&w->edit, op->kind, &w->built);
	w->next++;
	next_order(w);
}

/* The scheduler's own weight: what a domain has that says none. */
enum { DEFAULT_WEIGHT = 256 };

static void next_order(struct edit_work *w)
{
	const struct hv_vm_config *to = &w->edit.spec.config;
	struct mu_error err;

	if (w->next == w->n_orders) {
		store_edit(w);
		return;
	}
	if (w->call->cancelled || !w->call->app->hv) {
		(void)mu_error_set(&err, MU_E_CANCELLED, "cancelled before all was changed");
		refuse_edit(w, &err);
		return;
	}
	w->resources = (struct hv_resources){
	    .vcpus = to->vcpus,
	    .memory_bytes = to->memory_bytes,
	    .weight = to->cpu_weight ? to->cpu_weight : DEFAULT_WEIGHT,
	    .cap = (int32_t)to->cpu_cap,
	};
	memcpy(w->resources.cpus_hard, to->cpus_hard, sizeof to->cpus_hard);
	memcpy(w->resources.cpus_soft, to->cpus_soft, sizeof to->cpus_soft);
	memcpy(w->resources.name, to->name, sizeof to->name);
	w->op = (struct hv_op){.kind = w->orders[w->next],
			       .domid = w->domid,
			       .resources = &w->resources,
			       .done = on_obeyed,
			       .ctx = w};
	hv_op_start(w->call->app->hv, &w->op);
}

static void start_edit(struct app_call *c)
{
	struct edit_work *w = mu_arena_calloc(c->arena, 1, sizeof *w);
	struct mu_error err = MU_ERROR_INIT;

	c->state = w;
	w->call = c;
	if (plan_edit(w, &err) < 0)
		app_call_finish(c, &err, NULL);
	else
		next_order(w);
}

static void cancel_edit(struct app_call *c)
{
	struct edit_work *w = c->state;

	hv_op_cancel(&w->op);
}

static bool same_text(const struct vm_spec *a, const struct vm_spec *b)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text_a = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str text_b = MU_STR_INIT;

	state_dir_vm_text(a, &text_a);
	state_dir_vm_text(b, &text_b);
	return mu_str_equal(text_a.data, text_b.data);
}

static void verdict_edit(struct app *app, const struct journal_entry *e,
			 const struct mu_value *arguments, struct journal_verdict *v)
{
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);
	MU_CLEANUP(mu_free) struct vm_edit *edit = mu_xmalloc(sizeof *edit);
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (!arguments)
		return;
	if (!entry || !entry->spec ||
	    vm_edit_plan(entry->spec, vm_entry_built(entry), arguments, edit, NULL) < 0 ||
	    !same_text(entry->spec, &edit->spec)) {
		failed(v, "the definition was not changed; hint: ask again");
		return;
	}
	succeeded(v);
	calls_value_text(edit_value(a, edit), v->value);
}

/* vm.to_template */

static void on_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	(void)vm;
	app_call_finish(arg, err, NULL);
}

static void start_to_template(struct app_call *c)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct vm_entry *e = need_spec(c->app, &c->vm, &err);
	struct vm_spec *spec;

	if (!e) {
		app_call_finish(c, &err, NULL);
		return;
	}
	spec = mu_arena_memdup(c->arena, e->spec, sizeof *e->spec);
	spec->kind = VM_KIND_TEMPLATE;
	spec->autostart = false;
	define_store(c->app, spec, on_stored, c);
}

static void verdict_to_template(struct app *app, const struct journal_entry *e,
				const struct mu_value *arguments, struct journal_verdict *v)
{
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);

	(void)arguments;
	if (entry && entry->spec && entry->spec->kind == VM_KIND_TEMPLATE)
		succeeded(v);
	else
		failed(v, "the VM is not a template; hint: ask again");
}

/* vm.delete: a VM's snapshots, then itself; of each first the disks, while there is a definition
 * that names them. A crash leaves those that were not reached. */

struct deleting {
	struct app_call *call;
	bool disks;
	size_t n, at;
	struct vm_id ids[]; /* the VM's is the last */
};

static void delete_next(struct deleting *d);

static void on_deleted(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct deleting *d = arg;

	(void)vm;
	if (err || ++d->at == d->n)
		app_call_finish(d->call, err, NULL);
	else
		delete_next(d);
}

static void on_disks_deleted(void *arg, const struct mu_error *err)
{
	struct deleting *d = arg;

	if (err)
		on_deleted(d, NULL, err);
	else
		define_remove(d->call->app, &d->ids[d->at], on_deleted, d);
}

static void delete_next(struct deleting *d)
{
	struct app *app = d->call->app;
	struct mu_error err = MU_ERROR_INIT;
	const struct vm_entry *e = need_spec(app, &d->ids[d->at], &err);

	if (!e)
		on_deleted(d, NULL, &err);
	else if (app->delete_disks && d->disks)
		app->delete_disks(app, e->spec, on_disks_deleted, d);
	else
		define_remove(app, &e->id, on_deleted, d);
}

static bool said(const struct app_call *c, const char *name, bool otherwise)
{
	const struct mu_value *v = mu_value_get(c->arguments, name);

	return v ? v->boolean : otherwise;
}

static int add_snapshots(struct deleting *d, struct mu_error *err)
{
	const struct app_call *c = d->call;
	const struct vm_entry *e;

	for (size_t i = 0; (e = vm_view_next(c->app->view, &i));) {
		if (!e->spec || e->spec->kind != VM_KIND_SNAPSHOT ||
		    !mu_uuid_equal(&e->spec->snapshot_of.uuid, &c->vm.uuid))
			continue;
		if (!ops_idle(c->app, &e->id))
			return mu_error_set(err, MU_E_STATE,
					    "its snapshot %s is in use; hint: wait for that",
					    e->spec->config.name);
		d->ids[d->n++] = e->id;
	}
	return 0;
}

static void start_delete(struct app_call *c)
{
	size_t n_max = vm_view_size(c->app->view) + 1;
	struct deleting *d = mu_arena_calloc(c->arena, 1, sizeof *d + n_max * sizeof d->ids[0]);
	struct mu_error err = MU_ERROR_INIT;

	d->call = c;
	d->disks = said(c, "disks", true);
	if (said(c, "snapshots", d->disks) && add_snapshots(d, &err) < 0) {
		app_call_finish(c, &err, NULL);
		return;
	}
	d->ids[d->n++] = c->vm;
	delete_next(d);
}

static void verdict_delete(struct app *app, const struct journal_entry *e,
			   const struct mu_value *arguments, struct journal_verdict *v)
{
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);

	(void)arguments;
	if (!entry || !entry->spec)
		succeeded(v);
	else
		failed(v, "the definition is still there; hint: ask again");
}

const struct app_call_handler calls_vm[] = {
    {.method = "vm.edit", .start = start_edit, .cancel = cancel_edit, .verdict = verdict_edit},
    {.method = "vm.to_template", .start = start_to_template, .verdict = verdict_to_template},
    {.method = "vm.delete", .start = start_delete, .verdict = verdict_delete},
};
const size_t n_calls_vm = MU_ARRAY_SIZE(calls_vm);
