/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on VDIs: `check` on the loop decides whether it may be, given who uses the VDI and
 * what else runs, and copies what the thread needs; `run` is a call of disk.h.
 *
 * A disk that a VM writes can be snapshotted where that is instant, and grown. Whatever reads it at
 * length, or changes its data, is refused.
 */
#include "agent/storage/storage_priv.h"

#include "common/base/assert.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_text(struct sr_vdi *vdi, const struct storage_text *text, struct mu_error *err)
{
	if (text->has_name)
		memcpy(vdi->name, text->name, sizeof vdi->name);
	if (text->has_description)
		memcpy(vdi->description, text->description, sizeof vdi->description);
	return text->has_tags ? text_apply_tags(text, &vdi->n_tags, vdi->tags, err) : 0;
}

/* The VDI that the operation is about, as t->source. */
static int get_source(struct storage_task *t, enum use_mode mode, bool *ret_held, bool *ret_written,
		      struct mu_error *err)
{
	struct entry *e;

	if (entry_get(t->s, &t->in.object, &e, err) < 0)
		return MU_FAILED;
	t->source = e->vdi;
	task_use(t, &t->in.object, mode);
	*ret_held = storage_is_held(t->s, &t->in.object, ret_written);
	return 0;
}

static int in_use(const struct storage_task *t, const char *hint, struct mu_error *err)
{
	return mu_error_set(err, MU_E_STATE, "VDI %s is in use by a VM; hint: %s", t->source.name,
			    hint);
}

static int must_be_unused(struct storage_task *t, struct mu_error *err)
{
	bool held, written;

	if (get_source(t, USE_CHANGE, &held, &written, err) < 0)
		return MU_FAILED;
	return held ? in_use(t, "shut the VM down, or take the disk out of it", err) : 0;
}

/* What is made of t->source, with its name unless another was given. */
static int like_source(struct storage_task *t, struct mu_error *err)
{
	t->vdi = t->source;
	t->vdi.id = t->in.id;
	t->vdi.snapshot_of = (struct mu_uuid){{0}};
	t->vdi.snapshot_at = 0;
	t->vdi.readonly = false;
	t->vdi.parent = (struct mu_uuid){{0}};
	return set_text(&t->vdi, &t->in.text, err);
}

/* Make */

static int slot_is_plugged(const struct slot *slot, struct mu_error *err)
{
	if (!slot->attached)
		return mu_error_set(err, MU_E_STATE, "storage repository %s is not plugged",
				    slot->file.name);
	return 0;
}

static int check_new(struct storage_task *t, struct mu_error *err)
{
	char text[MU_UUID_TEXT];

	if (slot_is_plugged(t->slot, err) < 0)
		return MU_FAILED;
	if (entry_find(t->s, &t->in.id))
		return mu_error_set(err, MU_E_EXISTS, "there is a VDI %s already",
				    mu_uuid_format(&t->in.id, text));
	t->vdi = (struct sr_vdi){.id = t->in.id,
				 .size_bytes = t->in.size_bytes,
				 .type = t->in.type,
				 .readonly = t->in.readonly};
	return set_text(&t->vdi, &t->in.text, err);
}

static int run_create(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	return disk_create(&e, t->slot->sr, &t->vdi, err);
}

static int check_import(struct storage_task *t, struct mu_error *err)
{
	if (check_new(t, err) < 0)
		return MU_FAILED;
	if (!t->in.use_fd && !t->in.path)
		return mu_error_set(err, MU_E_INVALID, "there is nothing to import");
	if (t->in.size_bytes < 0 || (t->in.use_fd && t->in.size_bytes == 0))
		return mu_error_set(err, MU_E_INVALID, "virtual_size: must be given for a stream");
	t->copies = true;
	return 0;
}

static int run_import(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	if (t->in.use_fd)
		return disk_receive(&e, t->slot->sr, &t->vdi, t->in.fd, err);
	return disk_import(&e, t->slot->sr, &t->vdi, t->in.path, &t->in.part, t->in.format, err);
}

/* Edit, delete */

static int check_edit(struct storage_task *t, struct mu_error *err)
{
	bool held, written;

	if (get_source(t, USE_CHANGE, &held, &written, err) < 0)
		return MU_FAILED;
	t->vdi = t->source;
	return set_text(&t->vdi, &t->in.text, err);
}

static int run_edit(struct storage_task *t, struct mu_error *err)
{
	const struct storage_text *text = &t->in.text;

	if (t->in.size_bytes != 0 &&
	    sr_vdi_resize(t->slot->sr, &t->source, t->in.size_bytes, err) < 0)
		return MU_FAILED;
	if (!text->has_name && !text->has_description && !text->has_tags)
		return 0;
	return sr_vdi_set(t->slot->sr, &t->vdi, err);
}

/* A disk whose data is missing can be deleted as well. */
static int check_delete(struct storage_task *t, struct mu_error *err)
{
	const struct entry *e = entry_find(t->s, &t->in.object);

	if (e && e->vdi.missing) {
		task_use(t, &t->in.object, USE_CHANGE);
		return slot_is_plugged(t->slot, err);
	}
	return must_be_unused(t, err);
}

static int run_delete(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	return disk_delete(&e, t->slot->sr, &t->in.object, err);
}

/* Snapshot, clone, revert */

static int check_snapshot(struct storage_task *t, struct mu_error *err)
{
	bool held, written;

	if (get_source(t, USE_READ, &held, &written, err) < 0)
		return MU_FAILED;
	t->copies = !t->slot->caps.instant_clone;
	t->writes = written;
	return like_source(t, err);
}

static int run_snapshot(struct storage_task *t, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct disk_snapshots *set = mu_xcalloc(1, sizeof *set);
	struct disk_env e = task_env(t);

	set->n = 1;
	set->list[0] =
	    (struct disk_snapshot){.clone = {.sr = t->slot->sr, .source = t->source, .vdi = t->vdi},
				   .may_copy = !t->writes};
	if (disk_snapshots_prepare(&e, set, err) < 0)
		return MU_FAILED;
	if (disk_snapshots_take(set, err) < 0) {
		(void)disk_snapshots_abort(&e, set, NULL);
		return MU_FAILED;
	}
	return disk_snapshots_finish(&e, set, err);
}

static int check_clone(struct storage_task *t, struct mu_error *err)
{
	bool held, written;

	if (get_source(t, USE_READ, &held, &written, err) < 0 ||
	    (t->other && slot_is_plugged(t->other, err) < 0))
		return MU_FAILED;
	t->copies = t->other || !t->slot->caps.instant_clone;
	if (t->copies && written)
		return in_use(t, "clone a snapshot of it", err);
	return like_source(t, err);
}

static int run_clone(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	if (t->other)
		return disk_copy(&e, t->slot->sr, &t->source, t->other->sr, &t->vdi, err);
	return disk_clone(&e, t->slot->sr, &t->source, &t->vdi, err);
}

static int check_revert(struct storage_task *t, struct mu_error *err)
{
	struct entry *snapshot;

	if (must_be_unused(t, err) < 0 || entry_get(t->s, &t->in.other, &snapshot, err) < 0)
		return MU_FAILED;
	if (snapshot->slot != t->slot || !mu_uuid_equal(&snapshot->vdi.snapshot_of, &t->in.object))
		return mu_error_set(err, MU_E_INVALID, "VDI %s is no snapshot of %s",
				    snapshot->vdi.name, t->source.name);
	task_use(t, &t->in.other, USE_READ);
	t->copies = !t->slot->caps.instant_clone;
	t->vdi = t->source;
	t->source = snapshot->vdi;
	return 0;
}

static int run_revert(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	return disk_revert(&e, t->slot->sr, &t->vdi, &t->source, err);
}

/* Move, export */

static int check_migrate(struct storage_task *t, struct mu_error *err)
{
	if (must_be_unused(t, err) < 0)
		return MU_FAILED;
	if (!t->other)
		return mu_error_set(err, MU_E_INVALID,
				    "VDI %s is in that storage repository already", t->source.name);
	if (slot_is_plugged(t->other, err) < 0)
		return MU_FAILED;
	if (t->slot->caps.read_only)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "storage repository %s is read-only; hint: copy the VDI",
				    t->slot->file.name);
	t->copies = true;
	if (like_source(t, err) < 0)
		return MU_FAILED;
	t->vdi.readonly = t->source.readonly;
	t->vdi.snapshot_of = t->source.snapshot_of;
	t->vdi.snapshot_at = t->source.snapshot_at;
	return 0;
}

static int run_migrate(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	if (disk_copy(&e, t->slot->sr, &t->source, t->other->sr, &t->vdi, err) < 0)
		return MU_FAILED;
	if (disk_delete(&e, t->slot->sr, &t->source.id, err) == 0)
		return 0;
	(void)disk_delete(&e, t->other->sr, &t->vdi.id, NULL); /* rather the old one than two */
	return mu_error_prefix(err, "removing the original");
}

static int check_export(struct storage_task *t, struct mu_error *err)
{
	bool held, written;

	if (get_source(t, USE_READ, &held, &written, err) < 0)
		return MU_FAILED;
	if (!t->in.path)
		return mu_error_set(err, MU_E_INVALID, "there is no path to export to");
	t->copies = true;
	return written ? in_use(t, "export a snapshot of it", err) : 0;
}

static int run_export(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	return disk_export(&e, t->slot->sr, &t->source, t->in.path, t->in.format, err);
}

static int check_give(struct storage_task *t, struct mu_error *err)
{
	bool held, written;

	if (get_source(t, USE_READ, &held, &written, err) < 0)
		return MU_FAILED;
	t->copies = true;
	(void)storage_tag(t->s, &t->in.object, t->tag);
	return written ? in_use(t, "download a snapshot of it", err) : 0;
}

static int run_give(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	return disk_give(&e, t->slot->sr, &t->source, t->in.fd, t->tag, err);
}

static int check_overwrite(struct storage_task *t, struct mu_error *err)
{
	if (must_be_unused(t, err) < 0)
		return MU_FAILED;
	if (!t->in.path)
		return mu_error_set(err, MU_E_INVALID, "there is nothing to write");
	t->copies = true;
	return storage_check_overwrite(t->s, &t->in.object, 0, err);
}

static int run_overwrite(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	return disk_overwrite(&e, t->slot->sr, &t->source, t->in.path, t->in.format, err);
}

/* Use by VMs */

static int check_hold(struct storage_task *t, struct mu_error *err)
{
	bool held, written;

	if (get_source(t, t->in.readonly ? USE_READ : USE_CHANGE, &held, &written, err) < 0)
		return MU_FAILED;
	if (hold_check(t->s, &t->in.object, &t->in.holder, t->in.readonly, err) < 0)
		return mu_error_prefix(err, "VDI %s", t->source.name);
	return 0;
}

static int run_hold(struct storage_task *t, struct mu_error *err)
{
	return sr_activate(t->slot->sr, &t->source, t->in.readonly, &t->path, err);
}

static void apply_hold(struct storage_task *t)
{
	hold_add(t->s, &t->in.object, &t->in.holder, t->in.readonly);
}

/* Is `holder` the only one that needs it active? Nil: does nobody? */
static bool nobody_else(const struct storage *s, const struct entry *e,
			const struct mu_uuid *holder)
{
	mu_list_each(it, &s->holds)
	{
		const struct hold *h = MU_CONTAINER_OF(it, struct hold, link);

		if (mu_uuid_equal(&h->vdi, &e->vdi.id) && !mu_uuid_equal(&h->holder, holder))
			return false;
	}
	return e->n_reads == 0;
}

static int check_release(struct storage_task *t, struct mu_error *err)
{
	const struct entry *e = entry_find(t->s, &t->in.object);

	(void)err;
	t->last_use = e && t->slot->attached && nobody_else(t->s, e, &t->in.holder);
	if (t->last_use)
		task_use(t, &t->in.object, USE_CHANGE);
	return 0;
}

static int run_release(struct storage_task *t, struct mu_error *err)
{
	return t->last_use ? sr_deactivate(t->slot->sr, &t->in.object, err) : 0;
}

/* The VM is gone, whatever became of the rest. */
static void end_release(struct storage_task *t)
{
	struct hold *h = hold_find(t->s, &t->in.object, &t->in.holder);

	if (h)
		hold_remove(h);
}

#define SHORT MU_SEC(120)

const struct task_rule storage_vdi_rules[] = {
    [STORAGE_VDI_CREATE - STORAGE_VDI_CREATE] = {.name = "vdi.create",
						 .deadline = SHORT,
						 .check = check_new,
						 .run = run_create},
    [STORAGE_VDI_EDIT - STORAGE_VDI_CREATE] = {.name = "vdi.edit",
					       .deadline = SHORT,
					       .check = check_edit,
					       .run = run_edit},
    [STORAGE_VDI_DELETE - STORAGE_VDI_CREATE] = {.name = "vdi.delete",
						 .deadline = SHORT,
						 .check = check_delete,
						 .run = run_delete},
    [STORAGE_VDI_SNAPSHOT - STORAGE_VDI_CREATE] = {.name = "vdi.snapshot",
						   .check = check_snapshot,
						   .run = run_snapshot},
    [STORAGE_VDI_CLONE -
	STORAGE_VDI_CREATE] = {.name = "vdi.clone", .check = check_clone, .run = run_clone},
    [STORAGE_VDI_REVERT -
	STORAGE_VDI_CREATE] = {.name = "vdi.revert", .check = check_revert, .run = run_revert},
    [STORAGE_VDI_MIGRATE -
	STORAGE_VDI_CREATE] = {.name = "vdi.migrate", .check = check_migrate, .run = run_migrate},
    [STORAGE_VDI_IMPORT -
	STORAGE_VDI_CREATE] = {.name = "vdi.import", .check = check_import, .run = run_import},
    [STORAGE_VDI_EXPORT - STORAGE_VDI_CREATE] = {.name = "vdi.export",
						 .quiet = true,
						 .check = check_export,
						 .run = run_export},
    [STORAGE_VDI_GIVE - STORAGE_VDI_CREATE] = {.name = "vdi.download",
					       .quiet = true,
					       .given = true,
					       .check = check_give,
					       .run = run_give},
    [STORAGE_VDI_OVERWRITE - STORAGE_VDI_CREATE] = {.name = "vdi.overwrite",
						    .check = check_overwrite,
						    .run = run_overwrite},
    [STORAGE_HOLD - STORAGE_VDI_CREATE] = {.name = "vdi.hold",
					   .deadline = SHORT,
					   .quiet = true,
					   .check = check_hold,
					   .run = run_hold,
					   .apply = apply_hold},
    [STORAGE_RELEASE - STORAGE_VDI_CREATE] = {.name = "vdi.release",
					      .deadline = SHORT,
					      .quiet = true,
					      .check = check_release,
					      .run = run_release,
					      .end = end_release},
};

/* After a copy: nobody may need its source active any more. */
static int check_rest(struct storage_task *t, struct mu_error *err)
{
	static const struct mu_uuid nobody = {{0}};
	struct entry *e;

	if (entry_get(t->s, &t->in.object, &e, err) < 0)
		return MU_FAILED;
	if (!nobody_else(t->s, e, &nobody))
		return mu_error_set(err, MU_E_STATE, "it is in use again");
	task_use(t, &t->in.object, USE_CHANGE);
	return 0;
}

static int run_rest(struct storage_task *t, struct mu_error *err)
{
	return sr_deactivate(t->slot->sr, &t->in.object, err);
}

const struct task_rule storage_rest_rule = {
    .name = "vdi.rest", .quiet = true, .check = check_rest, .run = run_rest};
