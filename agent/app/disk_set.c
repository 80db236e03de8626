/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/disk_set.h"

#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "common/log/log.h"

#include <stdio.h>
#include <string.h>

static void next(struct disk_set *set);

static void over(void *ctx)
{
	struct disk_set *set = ctx;

	set->running = false;
	set->done(set, set->err.code == MU_E_NONE ? NULL : &set->err);
}

/* Backwards, from the last that was made. */
static void on_undone(struct storage_op *op)
{
	struct disk_set *set = op->ctx;
	char id[MU_UUID_TEXT];

	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND)
		mu_log_warning("disk left behind vdi=%s err=\"%s\"",
			       mu_uuid_format(&op->object, id), op->err.text);
	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND && set->call)
		app_call_say(set->call, true, "a disk was left behind: %s: %s", id, op->err.text);
	next(set);
}

static void undo_next(struct disk_set *set)
{
	while (set->at > 0 && set->items[set->at - 1].kind == STORAGE_VDI_DELETE)
		set->at--;
	if (set->at == 0) {
		over(set);
		return;
	}
	set->at--;
	set->op = (struct storage_op){.kind = STORAGE_VDI_DELETE,
				      .object = set->items[set->at].id,
				      .done = on_undone,
				      .ctx = set};
	storage_op_start(set->app->storage, &set->op);
}

static void say_made(const struct disk_set *set)
{
	const struct disk_set_item *item = &set->items[set->at];
	char id[MU_UUID_TEXT];

	if (set->call && item->kind == STORAGE_VDI_DELETE)
		app_call_say(set->call, false, "disk %zu of %zu deleted: %s", set->at + 1, set->n,
			     mu_uuid_format(&item->object, id));
	else if (set->call)
		app_call_say(set->call, false, "disk %zu of %zu made: %s (%s)", set->at + 1, set->n,
			     item->name, mu_uuid_format(&item->id, id));
}

static void on_made(struct storage_op *op)
{
	struct disk_set *set = op->ctx;

	if (op->r < 0) {
		set->err = op->err;
		(void)mu_error_prefix(&set->err, "disk %s", set->items[set->at].name);
		set->undoing = true;
	} else {
		say_made(set);
		set->at++;
	}
	next(set);
}

static void on_progress(struct storage_op *op, int percent)
{
	struct disk_set *set = op->ctx;

	if (set->progress)
		set->progress(set, (int)((set->at * 100 + (size_t)percent) / set->n));
}

static void make_next(struct disk_set *set)
{
	const struct disk_set_item *item = &set->items[set->at];

	set->op = (struct storage_op){
	    .kind = item->kind,
	    .object = item->object,
	    .id = item->id,
	    .other = item->sr,
	    .size_bytes = item->size_bytes,
	    .type = item->type,
	    .path = item->path,
	    .part = item->part,
	    .format = item->format,
	    .done = on_made,
	    .progress = on_progress,
	    .ctx = set,
	};
	if (item->kind != STORAGE_VDI_DELETE) {
		set->op.text.has_name = true;
		(void)snprintf(set->op.text.name, sizeof set->op.text.name, "%s", item->name);
	}
	storage_op_start(set->app->storage, &set->op);
}

static void next(struct disk_set *set)
{
	if (!set->undoing && set->cancelled && set->at < set->n) {
		(void)mu_error_set(&set->err, MU_E_CANCELLED, "cancelled");
		set->undoing = true;
	}
	if (set->undoing)
		undo_next(set);
	else if (set->at == set->n)
		over(set);
	else
		make_next(set);
}

static void on_begin(void *ctx)
{
	next(ctx);
}

void disk_set_start(struct disk_set *set)
{
	set->at = 0;
	set->undoing = set->cancelled = false;
	set->running = true;
	mu_error_clear(&set->err);
	mu_loop_post(set->app->loop, on_begin, set);
}

void disk_set_cancel(struct disk_set *set)
{
	if (!set->running || set->undoing)
		return;
	set->cancelled = true;
	storage_op_cancel(&set->op);
}

void disk_set_undo(struct disk_set *set)
{
	set->undoing = set->running = true;
	mu_error_clear(&set->err);
	mu_loop_post(set->app->loop, on_begin, set);
}
