/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on SRs. Each is alone in its SR. The SR's file says what is going on (phase), so that
 * a start after a crash goes on with it: an SR that was being made is made, one that was being
 * destroyed is destroyed.
 */
#include "agent/storage/storage_priv.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

static int no_vdi_in_use(struct storage_task *t, struct mu_error *err)
{
	const struct entry *e;
	bool written;

	for (size_t i = 0; (e = mu_map_next(t->s->entries, &i, NULL, NULL));) {
		if (e->slot == t->slot && storage_is_held(t->s, &e->vdi.id, &written))
			return mu_error_set(err, MU_E_STATE,
					    "VDI %s is in use; hint: shut its VM down first",
					    e->vdi.name);
	}
	return 0;
}

static int must_be_plugged(struct storage_task *t, struct mu_error *err)
{
	if (!t->slot->attached)
		return mu_error_set(err, MU_E_STATE, "storage repository %s is not plugged",
				    t->slot->file.name);
	return 0;
}

static int attach_and_sweep(struct storage_task *t, struct mu_error *err)
{
	size_t n_swept;

	if (sr_attach(t->slot->sr, err) < 0)
		return MU_FAILED;
	return intent_recover(t->s->state_dir, t->slot->sr, &n_swept, err);
}

/* The file as it is to be from now on. */
static int write_file(struct storage_task *t, bool plugged, enum sr_phase phase,
		      struct mu_error *err)
{
	t->file.plugged = plugged;
	t->file.phase = phase;
	return sr_file_write(t->s->state_dir, &t->file, err);
}

static void apply_file(struct storage_task *t)
{
	t->slot->file = t->file;
	slot_show(t->slot);
}

static int take_file(struct storage_task *t, struct mu_error *err)
{
	(void)err;
	t->file = t->slot->file;
	return 0;
}

/* Create */

static int set_text(struct sr_file *f, const struct storage_text *text, struct mu_error *err)
{
	if (text->has_name)
		memcpy(f->name, text->name, sizeof f->name);
	if (text->has_description)
		memcpy(f->description, text->description, sizeof f->description);
	return text->has_tags ? text_apply_tags(text, &f->n_tags, f->tags, err) : 0;
}

static int make_slot(struct storage_task *t, struct mu_error *err)
{
	struct sr_file file = {.config = t->in.config, .plugged = true, .phase = SR_MAKING};
	char text[MU_UUID_TEXT];
	struct sr *sr;

	file.config.id = t->in.id;
	if (set_text(&file, &t->in.text, err) < 0)
		return MU_FAILED;
	if (slot_find(t->s, &t->in.id))
		return mu_error_set(err, MU_E_EXISTS, "there is a storage repository %s already",
				    mu_uuid_format(&t->in.id, text));
	if (sr_new(t->s->drivers, &file.config, t->s->state_dir, &sr, err) < 0)
		return MU_FAILED;
	t->slot = slot_new(t->s, &file, sr);
	return 0;
}

/* Again and again, until it is ready. */
static int make(struct storage_task *t, struct mu_error *err)
{
	size_t n_swept;

	if (write_file(t, true, SR_MAKING, err) < 0 || sr_create(t->slot->sr, err) < 0 ||
	    intent_recover(t->s->state_dir, t->slot->sr, &n_swept, err) < 0)
		return MU_FAILED;
	return write_file(t, true, SR_READY, err);
}

static int run_create(struct storage_task *t, struct mu_error *err)
{
	if (make(t, err) == 0)
		return 0;
	(void)sr_detach(t->slot->sr, NULL);
	(void)sr_file_remove(t->s->state_dir, &t->file.config.id, NULL);
	return MU_FAILED;
}

static void apply_create(struct storage_task *t)
{
	t->slot->visible = true;
	t->slot->attached = true;
	t->slot->file = t->file;
}

static void end_create(struct storage_task *t)
{
	if (t->r < 0)
		slot_leave(t->slot);
}

/* Edit, scan */

static int check_edit(struct storage_task *t, struct mu_error *err)
{
	if (take_file(t, err) < 0)
		return MU_FAILED;
	return set_text(&t->file, &t->in.text, err);
}

static int run_edit(struct storage_task *t, struct mu_error *err)
{
	return sr_file_write(t->s->state_dir, &t->file, err);
}

/* Plug, unplug */

static int go_on_destroying(struct storage_task *t, struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;

	if (sr_attach(t->slot->sr, &why) == 0) {
		if (sr_destroy(t->slot->sr, err) < 0)
			return MU_FAILED;
	} else if (why.code != MU_E_NOT_FOUND) {
		*err = why;
		return MU_FAILED;
	}
	return sr_file_remove(t->s->state_dir, &t->file.config.id, err);
}

static int run_plug(struct storage_task *t, struct mu_error *err)
{
	if (t->file.phase == SR_DESTROYING)
		return go_on_destroying(t, err);
	if (t->file.phase == SR_MAKING)
		return make(t, err);
	if (attach_and_sweep(t, err) < 0)
		return MU_FAILED;
	return t->file.plugged ? 0 : write_file(t, true, SR_READY, err);
}

static void apply_plug(struct storage_task *t)
{
	if (t->file.phase == SR_DESTROYING) {
		slot_leave(t->slot);
		return;
	}
	t->slot->attached = true;
	apply_file(t);
}

static void end_plug(struct storage_task *t)
{
	if (t->r < 0 && !t->refused)
		slot_detached(t->slot, t->err.text);
}

static int check_unplug(struct storage_task *t, struct mu_error *err)
{
	return no_vdi_in_use(t, err) < 0 ? MU_FAILED : take_file(t, err);
}

static int run_unplug(struct storage_task *t, struct mu_error *err)
{
	if (sr_detach(t->slot->sr, err) < 0)
		return MU_FAILED;
	return write_file(t, false, t->file.phase, err);
}

static void apply_unplug(struct storage_task *t)
{
	t->slot->file = t->file;
	slot_detached(t->slot, "");
}

/* Forget, destroy */

static int run_forget(struct storage_task *t, struct mu_error *err)
{
	if (sr_detach(t->slot->sr, err) < 0)
		return MU_FAILED;
	return sr_file_remove(t->s->state_dir, &t->file.config.id, err);
}

static int check_destroy(struct storage_task *t, struct mu_error *err)
{
	return must_be_plugged(t, err) < 0 ? MU_FAILED : check_unplug(t, err);
}

static int run_destroy(struct storage_task *t, struct mu_error *err)
{
	if (write_file(t, true, SR_DESTROYING, err) < 0)
		return MU_FAILED;
	if (sr_destroy(t->slot->sr, err) < 0) {
		(void)write_file(t, true, SR_READY, NULL);
		return MU_FAILED;
	}
	return sr_file_remove(t->s->state_dir, &t->file.config.id, err);
}

static void apply_gone(struct storage_task *t)
{
	slot_leave(t->slot);
}

/* A periodic look: the scan is what it is for. */
static void end_look(struct storage_task *t)
{
	t->slot->look_since = 0;
}

#define SHORT MU_SEC(120)
#define LONG MU_SEC(600)

const struct task_rule storage_sr_rules[] = {
    [STORAGE_SR_CREATE] = {.name = "sr.create",
			   .deadline = LONG,
			   .exclusive = true,
			   .check = take_file,
			   .run = run_create,
			   .apply = apply_create,
			   .end = end_create},
    [STORAGE_SR_EDIT] = {.name = "sr.edit",
			 .deadline = SHORT,
			 .exclusive = true,
			 .quiet = true,
			 .check = check_edit,
			 .run = run_edit,
			 .apply = apply_file},
    [STORAGE_SR_SCAN] = {.name = "sr.scan", .deadline = SHORT, .check = must_be_plugged},
    [STORAGE_SR_PLUG] = {.name = "sr.plug",
			 .deadline = LONG,
			 .exclusive = true,
			 .check = take_file,
			 .run = run_plug,
			 .apply = apply_plug,
			 .end = end_plug},
    [STORAGE_SR_UNPLUG] = {.name = "sr.unplug",
			   .deadline = SHORT,
			   .exclusive = true,
			   .quiet = true,
			   .check = check_unplug,
			   .run = run_unplug,
			   .apply = apply_unplug},
    [STORAGE_SR_FORGET] = {.name = "sr.forget",
			   .deadline = SHORT,
			   .exclusive = true,
			   .quiet = true,
			   .check = check_unplug,
			   .run = run_forget,
			   .apply = apply_gone},
    [STORAGE_SR_DESTROY] = {.name = "sr.destroy",
			    .deadline = LONG,
			    .exclusive = true,
			    .quiet = true,
			    .check = check_destroy,
			    .run = run_destroy,
			    .apply = apply_gone},
};

const struct task_rule storage_look_rule = {
    .name = "sr.look", .check = must_be_plugged, .end = end_look};

/* Where an operation goes */

static int route_vdi(struct storage_task *t, struct mu_error *err)
{
	const struct entry *e = entry_find(t->s, &t->in.object);
	char text[MU_UUID_TEXT];

	if (!e)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no VDI %s",
				    mu_uuid_format(&t->in.object, text));
	t->slot = e->slot;
	if (t->in.kind != STORAGE_VDI_MIGRATE &&
	    (t->in.kind != STORAGE_VDI_CLONE || mu_uuid_is_nil(&t->in.other)))
		return 0;
	t->other = slot_find(t->s, &t->in.other);
	if (!t->other)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no storage repository %s",
				    mu_uuid_format(&t->in.other, text));
	if (t->other == t->slot)
		t->other = NULL;
	return 0;
}

int storage_route(struct storage_task *t, struct mu_error *err)
{
	char text[MU_UUID_TEXT];

	if (t->in.kind == STORAGE_SR_CREATE)
		return make_slot(t, err);
	if (t->in.kind > STORAGE_VDI_CREATE && t->in.kind != STORAGE_VDI_IMPORT)
		return route_vdi(t, err);
	t->slot = slot_find(t->s, &t->in.object);
	if (!t->slot)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no storage repository %s",
				    mu_uuid_format(&t->in.object, text));
	return 0;
}
