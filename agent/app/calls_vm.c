/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on a VM that need its definition only. Each is one replaced or removed file, so a crash
 * leaves the old or the new state, and the verdict is a look at which.
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

static int plan_edit(struct app_call *c, struct vm_edit *edit, struct mu_error *err)
{
	const struct vm_entry *e = need_spec(c->app, &c->vm, err);

	if (!e || vm_edit_plan(e->spec, vm_entry_built(e), c->arguments, edit, err) < 0)
		return MU_FAILED;
	return define_check_name(c->app, &edit->spec, err);
}

static void on_edited(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct app_call *c = arg;

	(void)vm;
	app_call_finish(c, err, err ? NULL : edit_value(c->arena, c->state));
}

static void start_edit(struct app_call *c)
{
	struct vm_edit *edit = mu_arena_alloc(c->arena, sizeof *edit);
	struct mu_error err = MU_ERROR_INIT;

	c->state = edit;
	if (plan_edit(c, edit, &err) < 0)
		app_call_finish(c, &err, NULL);
	else
		define_store(c->app, &edit->spec, on_edited, c);
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

/* vm.delete: first the disks, while there is a definition that names them. */

static void on_disks_deleted(void *arg, const struct mu_error *err)
{
	struct app_call *c = arg;

	if (err)
		app_call_finish(c, err, NULL);
	else
		define_remove(c->app, &c->vm, on_stored, c);
}

static void start_delete(struct app_call *c)
{
	const struct mu_value *disks = mu_value_get(c->arguments, "disks");
	struct mu_error err = MU_ERROR_INIT;
	const struct vm_entry *e = need_spec(c->app, &c->vm, &err);

	if (!e)
		app_call_finish(c, &err, NULL);
	else if (c->app->delete_disks && (!disks || disks->boolean))
		c->app->delete_disks(c->app, e->spec, on_disks_deleted, c);
	else
		define_remove(c->app, &c->vm, on_stored, c);
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
    {.method = "vm.edit", .start = start_edit, .verdict = verdict_edit},
    {.method = "vm.to_template", .start = start_to_template, .verdict = verdict_to_template},
    {.method = "vm.delete", .start = start_delete, .verdict = verdict_delete},
};
const size_t n_calls_vm = MU_ARRAY_SIZE(calls_vm);
