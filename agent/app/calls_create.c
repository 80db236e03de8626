/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.create and vm.import. The disks first, then the definition, as in calls_snapshot.c:
 *
 *     create     [seed image] - disks - [grow clones] - definition - [start, as a task of its own]
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disk_set.h"
#include "agent/app/seed.h"
#include "agent/core/vm_new.h"
#include "agent/import/import.h"
#include "common/base/cut.h"

#include <stdio.h>
#include <string.h>

struct creating {
	struct app_call *call;
	struct vm_new plan;
	struct seed seed;
	struct disk_set disks;
	struct storage_op grow;
	size_t n_grown;
	struct mu_error err;
};

static const char *text_of(const struct app_call *c, const char *name)
{
	return mu_value_as_string(mu_value_get(c->arguments, name));
}

static struct vm_id id_of(const struct mu_value *arguments, const struct mu_uuid *task)
{
	struct vm_id id = {mu_uuid_derive(task, "vm")};
	const char *text = mu_value_as_string(mu_value_get(arguments, "id"));

	if (text)
		(void)mu_uuid_parse(text, &id.uuid);
	return id;
}

static struct mu_value *id_value(struct mu_arena *a, const struct vm_id *id)
{
	struct mu_value *v = mu_value_object(a);
	char text[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&id->uuid, text));
	return v;
}

/* ---- planning ---- */

static const char *bridge_of(const struct mu_uuid *network, void *ctx)
{
	const struct model_object *o = app_object_find(ctx, network);

	return o && o->kind == OBJECT_NETWORK ? o->network.bridge : NULL;
}

/* Where disks go that nobody has said it of: where the template's are, or the only SR there is. */
static struct mu_uuid default_sr(struct app *app, const struct vm_spec *template)
{
	const struct model_object *o, *found = NULL;

	for (size_t i = 0; template && i < template->config.n_disks; i++) {
		o = app_object_find(app, &template->config.disks[i].vdi);
		if (o && o->kind == OBJECT_VDI && !template->config.disks[i].cdrom)
			return o->vdi.sr;
	}
	for (size_t i = 0; (o = app_object_next(app, OBJECT_SR, &i));) {
		if (o->sr.iso)
			continue;
		if (found)
			return (struct mu_uuid){{0}};
		found = o;
	}
	return found ? found->id : (struct mu_uuid){{0}};
}

static int find_template(struct app_call *c, struct vm_new_request *q, struct mu_error *err)
{
	const char *text = text_of(c, "template");
	const struct vm_entry *e;
	struct vm_id id;

	if (!text)
		return 0;
	if (mu_value_get(c->arguments, "definition"))
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: definition: not together with a template");
	(void)mu_uuid_parse(text, &id.uuid);
	if ((q->builtin = builtin_find(&id.uuid)))
		return 0;
	e = vm_view_find(c->app->view, &id);
	if (!e || !e->spec || e->spec->kind != VM_KIND_TEMPLATE)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "arguments: template: there is no such template on this host");
	q->template = e->spec;
	return 0;
}

static int plan(struct creating *k, struct mu_error *err)
{
	struct app_call *c = k->call;
	struct vm_new_request q = {.args = c->arguments,
				   .id = id_of(c->arguments, &c->task),
				   .bridge = bridge_of,
				   .ctx = c->app};
	const struct vm_entry *e = vm_view_find(c->app->view, &q.id);

	if (e && (e->spec || e->present))
		return mu_error_set(err, MU_E_EXISTS,
				    "arguments: id: there is a VM of this id already");
	if (find_template(c, &q, err) < 0)
		return MU_FAILED;
	if (!text_of(c, "srId") || !mu_uuid_parse(text_of(c, "srId"), &q.sr))
		q.sr = default_sr(c->app, q.template);
	if (vm_new_plan(&q, &k->plan, err) < 0 ||
	    (q.builtin && hv_can_build(c->app->hv, &k->plan.spec.config, err) < 0))
		return MU_FAILED;
	return define_check_name(c->app, &k->plan.spec, err) < 0
		   ? MU_FAILED
		   : define_check_macs(c->app, &k->plan.spec, err);
}

/* ---- doing ---- */

static void end(struct creating *k, const struct mu_error *err)
{
	seed_drop(&k->seed);
	app_call_finish(k->call, err,
			err ? NULL : id_value(k->call->arena, &k->plan.spec.config.id));
}

static void on_undone(struct disk_set *set, const struct mu_error *err)
{
	struct creating *k = set->ctx;

	(void)err;
	end(k, &k->err);
}

static void undo(struct creating *k, const struct mu_error *err)
{
	k->err = *err;
	k->disks.done = on_undone;
	disk_set_undo(&k->disks);
}

static void on_start_asked(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	(void)arg, (void)task, (void)err; /* a task of its own tells what became of it */
}

static void on_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct creating *k = arg;

	if (err) {
		undo(k, err);
		return;
	}
	if (k->plan.start)
		app_vm_op(k->call->app, vm, VM_OP_START, 0, "vm.create", on_start_asked, NULL);
	end(k, NULL);
}

static void grow_next(struct creating *k);

static void on_grown(struct storage_op *op)
{
	struct creating *k = op->ctx;

	if (op->r < 0)
		undo(k, &op->err);
	else
		grow_next(k);
}

static bool is_to_grow(const struct app *app, const struct vm_new_disk *d)
{
	const struct model_object *o = app_object_find(app, &d->to);

	if (mu_uuid_is_nil(&d->from) || d->size_bytes == 0)
		return false;
	return !d->at_least || !o || o->kind != OBJECT_VDI || o->vdi.size_bytes < d->size_bytes;
}

static void grow_next(struct creating *k)
{
	while (k->n_grown < k->plan.n_disks) {
		const struct vm_new_disk *d = &k->plan.disks[k->n_grown++];

		if (!is_to_grow(k->call->app, d))
			continue;
		k->grow = (struct storage_op){.kind = STORAGE_VDI_EDIT,
					      .object = d->to,
					      .size_bytes = d->size_bytes,
					      .done = on_grown,
					      .ctx = k};
		storage_op_start(k->call->app->storage, &k->grow);
		return;
	}
	define_store(k->call->app, &k->plan.spec, on_stored, k);
}

static void on_disks(struct disk_set *set, const struct mu_error *err)
{
	struct creating *k = set->ctx;

	if (err)
		end(k, err);
	else
		grow_next(k);
}

static void on_progress(struct disk_set *set, int percent)
{
	const struct creating *k = set->ctx;

	app_call_progress(k->call, percent);
}

static void make_disks(struct creating *k)
{
	struct disk_set *set = &k->disks;

	set->app = k->call->app;
	set->call = k->call;
	set->done = on_disks;
	set->progress = on_progress;
	set->ctx = k;
	for (size_t i = 0; i < k->plan.n_disks; i++) {
		const struct vm_new_disk *d = &k->plan.disks[i];
		struct disk_set_item *item = &set->items[set->n++];

		*item = (struct disk_set_item){.kind = STORAGE_VDI_CREATE,
					       .object = d->sr,
					       .id = d->to,
					       .size_bytes = d->size_bytes};
		if (!mu_uuid_is_nil(&d->from)) {
			item->kind = STORAGE_VDI_CLONE;
			item->object = d->from;
			item->sr = d->sr;
		}
		memcpy(item->name, d->name, sizeof item->name);
	}
	if (k->plan.seed) {
		struct disk_set_item *item = &set->items[set->n++];

		*item = (struct disk_set_item){.kind = STORAGE_VDI_IMPORT,
					       .object = k->plan.seed_sr,
					       .id = k->plan.seed_vdi,
					       .path = k->seed.path};
		(void)snprintf(item->name, sizeof item->name, "cloud-init of %.*s",
			       (int)mu_cut_fit(k->plan.spec.config.name, MODEL_NAME_MAX - 16),
			       k->plan.spec.config.name);
	}
	disk_set_start(set);
}

static void on_seed(struct seed *seed, const struct mu_error *err)
{
	struct creating *k = seed->ctx;

	if (err)
		end(k, err);
	else
		make_disks(k);
}

static void start_create(struct app_call *c)
{
	struct creating *k = mu_arena_calloc(c->arena, 1, sizeof *k);
	struct mu_error err = MU_ERROR_INIT;

	k->call = c;
	c->state = k;
	if (plan(k, &err) < 0) {
		end(k, &err);
	} else if (k->plan.seed) {
		k->seed = (struct seed){.app = c->app,
					.vm = k->plan.spec.config.id,
					.hostname = k->plan.spec.config.name,
					.user_data = text_of(c, "cloud_config"),
					.network_config = text_of(c, "network_config"),
					.done = on_seed,
					.ctx = k};
		seed_start(&k->seed);
	} else {
		make_disks(k);
	}
}

static void cancel_create(struct app_call *c)
{
	struct creating *k = c->state;

	disk_set_cancel(&k->disks);
}

/* ---- import ---- */

static int read_import(struct app_call *c, struct vm_spec *spec, struct mu_error *err)
{
	const char *text = text_of(c, "text");
	const char *format = text_of(c, "format");
	const struct vm_entry *e;

	if (import_text(format ? format : "xl", text, strlen(text), spec, err) < 0)
		return MU_FAILED;
	if (mu_value_get(c->arguments, "id"))
		spec->config.id = id_of(c->arguments, &c->task);
	e = vm_view_find(c->app->view, &spec->config.id);
	if (e && (e->spec || e->present))
		return mu_error_set(
		    err, MU_E_EXISTS,
		    "there is a VM of this id already; hint: adopt it if it runs, or "
		    "choose another id");
	return define_check_name(c->app, spec, err) < 0 ? MU_FAILED
							: define_check_macs(c->app, spec, err);
}

static void on_imported(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct app_call *c = arg;

	app_call_finish(c, err, err ? NULL : id_value(c->arena, vm));
}

static void start_import(struct app_call *c)
{
	struct vm_spec *spec = mu_arena_calloc(c->arena, 1, sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	if (read_import(c, spec, &err) < 0)
		app_call_finish(c, &err, NULL);
	else
		define_store(c->app, spec, on_imported, c);
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct vm_id id = id_of(arguments, &e->task);
	const struct vm_entry *entry = vm_view_find(app->view, &id);

	if (!arguments)
		return;
	if (entry && entry->spec) {
		v->status = TASK_SUCCESS;
		mu_error_clear(&v->err);
		calls_value_text(id_value(a, &id), v->value);
		return;
	}
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
			   "interrupted by a restart of the agent: there is no such VM; hint: ask "
			   "again");
}

const struct app_call_handler calls_create[] = {
    {.method = "vm.create", .start = start_create, .cancel = cancel_create, .verdict = verdict},
    {.method = "vm.import", .start = start_import, .verdict = verdict},
};
const size_t n_calls_create = MU_ARRAY_SIZE(calls_create);
