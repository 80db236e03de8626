/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/copying.h"

#include "common/base/cut.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copying *copying_begin(struct app_call *c)
{
	struct copying *k = mu_arena_calloc(c->arena, 1, sizeof *k);

	k->call = c;
	c->state = k;
	return k;
}

void copying_fail(struct copying *k, const struct mu_error *err)
{
	app_call_finish(k->call, err, NULL);
}

void copying_cancel(struct app_call *c)
{
	struct copying *k = c->state;

	snapshot_cancel(&k->snapshot);
	disk_set_cancel(&k->disks);
}

const struct vm_spec *copying_spec(const struct app *app, const struct vm_id *id,
				   struct mu_error *err)
{
	const struct vm_entry *e = vm_view_find(app->view, id);

	if (e && e->spec)
		return e->spec;
	(void)mu_error_set(err, MU_E_NOT_FOUND, "there is no such VM on this host");
	return NULL;
}

struct vm_id copying_new_id(const struct mu_value *arguments, const struct mu_uuid *task)
{
	const char *text = mu_value_as_string(mu_value_get(arguments, "id"));
	struct vm_id id = {mu_uuid_derive(task, "vm")};

	if (text)
		(void)mu_uuid_parse(text, &id.uuid);
	return id;
}

bool copying_flag(const struct app_call *c, const char *name)
{
	const struct mu_value *v = mu_value_get(c->arguments, name);

	return v && v->boolean;
}

struct mu_value *copying_value(struct mu_arena *a, const struct vm_id *id)
{
	struct mu_value *v = mu_value_object(a);
	char text[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&id->uuid, text));
	return v;
}

/* ---- copies of disks ---- */

static void on_copy_progress(struct disk_set *set, int percent)
{
	const struct copying *k = set->ctx;

	app_call_progress(k->call, percent);
}

void copying_disks(struct copying *k, const struct mu_uuid *sr,
		   void (*done)(struct disk_set *set, const struct mu_error *err))
{
	struct disk_set *set = &k->disks;

	set->app = k->call->app;
	set->call = k->call;
	set->n = k->copy.n_disks;
	set->done = done;
	set->progress = on_copy_progress;
	set->ctx = k;
	for (size_t i = 0; i < set->n; i++) {
		struct disk_set_item *item = &set->items[i];

		*item = (struct disk_set_item){.kind = STORAGE_VDI_CLONE,
					       .object = k->copy.disks[i].from,
					       .id = k->copy.disks[i].to};
		if (sr)
			item->sr = *sr;
		(void)snprintf(item->name, sizeof item->name, "%.*s %s",
			       (int)mu_cut_fit(k->copy.spec.config.name,
					       MODEL_NAME_MAX - sizeof k->copy.disks[i].vdev),
			       k->copy.spec.config.name, k->copy.disks[i].vdev);
	}
	disk_set_start(set);
}

static void on_undone(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	(void)err;
	copying_fail(k, &k->err);
}

void copying_undo(struct copying *k, const struct mu_error *err)
{
	k->err = *err;
	k->disks.done = on_undone;
	disk_set_undo(&k->disks);
}

/* ---- after a crash ---- */

void copying_go_on(struct app *app, const struct journal_entry *e)
{
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);

	if (entry && entry->present && e->power_before == VM_RUNNING &&
	    (entry->domain.paused || entry->domain.shutdown == HV_SHUTDOWN_SUSPEND) &&
	    !strcmp(e->boot_id, app->boot_id))
		ops_continue(app, &e->vm, VM_EVENT_CONTINUE);
}

void copying_verdict(struct app *app, const struct mu_value *arguments,
		     const struct journal_entry *e, const char *what, struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct vm_id id = copying_new_id(arguments, &e->task);

	if (!copying_spec(app, &id, NULL)) {
		v->status = TASK_FAILURE;
		(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
				   "interrupted by a restart of the agent: there is no %s; hint: "
				   "ask again",
				   what);
		return;
	}
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
	calls_value_text(copying_value(a, &id), v->value);
}

static void on_removed(struct storage_op *op)
{
	char id[MU_UUID_TEXT];

	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND)
		mu_log_warning("disk of a passing snapshot left behind vdi=%s err=\"%s\"",
			       mu_uuid_format(&op->object, id), op->err.text);
	free(op);
}

void copying_remove_between(struct app *app, const struct vm_copy *between)
{
	for (size_t i = 0; app->storage && i < between->n_disks; i++) {
		struct storage_op *op = mu_xcalloc(1, sizeof *op);

		op->kind = STORAGE_VDI_DELETE;
		op->object = between->disks[i].to;
		op->done = on_removed;
		storage_op_start(app->storage, op);
	}
}
