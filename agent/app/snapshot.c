/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     prepare   disks: room, checks, intent                                     the guest runs
 *     freeze    quiesce.h: its file systems, if asked for
 *     stop      HV_PAUSE, or HV_CHECKPOINT: its memory to a partial file first
 *     take      all disks                                                       it stands still
 *     go on     HV_UNPAUSE
 *     thaw
 *     keep      the memory's file: synced and renamed
 *     end       disks: made whole, or removed                                   the guest runs
 *
 * Disks whose SRs hold their writers themselves need no stop. A guest that is paused, stopped or
 * suspended stands still anyway; the memory of a suspended one is its save file, which nobody
 * writes again, so both names are of one file.
 */
#include "agent/app/snapshot.h"

#include "agent/app/app_priv.h"
#include "common/base/cut.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static void over(void *ctx)
{
	struct snapshot *s = ctx;

	s->running = false;
	s->done(s, s->err.code == MU_E_NONE ? NULL : &s->err);
}

static void note_error(struct snapshot *s, const struct mu_error *err)
{
	if (s->err.code == MU_E_NONE)
		s->err = *err;
}

/* ---- the end ---- */

static void on_memory_dropped(void *arg, const struct mu_error *err)
{
	if (err)
		mu_log_warning("a snapshot's memory is left behind err=\"%s\"", err->text);
	over(arg);
}

/* Both names: which one there is depends on how far it came. */
static void finish(struct snapshot *s)
{
	if (s->err.code == MU_E_NONE || !s->memory) {
		over(s);
		return;
	}
	writer_remove(s->app->writer, s->partial, NULL, NULL);
	writer_remove(s->app->writer, s->path, on_memory_dropped, s);
}

static void on_ended(struct storage_snapshots *disks)
{
	struct snapshot *s = disks->ctx;

	if (disks->r < 0)
		note_error(s, &disks->err);
	finish(s);
}

static void end_disks(struct snapshot *s)
{
	if (s->copy->n_disks == 0) {
		finish(s);
		return;
	}
	s->disks.done = on_ended;
	storage_snapshots_end(&s->disks, s->err.code == MU_E_NONE);
}

static void on_memory_kept(void *arg, const struct mu_error *err)
{
	struct snapshot *s = arg;
	struct stat st;

	if (err)
		note_error(s, err);
	else if (stat(s->path, &st) == 0)
		s->memory_bytes = st.st_size;
	end_disks(s);
}

static void keep_memory(struct snapshot *s)
{
	char save[STATE_PATH_MAX + 1];

	if (!s->memory || s->err.code != MU_E_NONE)
		end_disks(s);
	else if (s->has_memory)
		writer_keep(s->app->writer, s->partial, s->path, on_memory_kept, s);
	else
		writer_link(s->app->writer, state_dir_save(&s->app->dir, &s->vm, save), s->path,
			    on_memory_kept, s);
}

/* ---- while it stands still ---- */

static void on_thawed(struct quiesce *guest, const struct mu_error *err)
{
	struct snapshot *s = guest->ctx;

	s->frozen = false;
	if (err)
		note_error(s, err);
	keep_memory(s);
}

static void thaw(struct snapshot *s)
{
	if (!s->frozen) {
		keep_memory(s);
		return;
	}
	s->guest.done = on_thawed;
	quiesce_thaw(&s->guest);
}

static void on_going(struct hv_op *op)
{
	struct snapshot *s = op->ctx;

	s->stopped = false;
	s->stopped_ms = mu_clock_monotonic() - s->stopped_at;
	/* A guest that is gone meanwhile stands still no longer. */
	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND)
		note_error(s, &op->err);
	thaw(s);
}

static void go_on(struct snapshot *s)
{
	if (!s->stopped) {
		thaw(s);
		return;
	}
	s->op =
	    (struct hv_op){.kind = HV_UNPAUSE, .domid = s->op.domid, .done = on_going, .ctx = s};
	hv_op_start(s->app->hv, &s->op);
}

static void on_taken(struct storage_snapshots *disks)
{
	struct snapshot *s = disks->ctx;

	if (disks->r < 0)
		note_error(s, &disks->err);
	go_on(s);
}

static void take(struct snapshot *s)
{
	if (s->copy->n_disks == 0) {
		go_on(s);
		return;
	}
	s->disks.done = on_taken;
	storage_snapshots_take(&s->disks);
}

/* ---- stopping it ---- */

static void on_paused(struct hv_op *op)
{
	struct snapshot *s = op->ctx;

	s->stopped = op->r == 0;
	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND) {
		note_error(s, &op->err);
		go_on(s);
		return;
	}
	take(s);
}

/* A guest that could not be saved is asked to go on all the same: a driver that was given up may
 * have come further than it could tell. Not one that was paused by somebody. */
static void on_checkpoint(struct hv_op *op)
{
	struct snapshot *s = op->ctx;

	s->stopped = op->r == 0 || op->err.code != MU_E_STATE;
	s->has_memory = op->r == 0;
	s->stopped_at = mu_clock_monotonic() - op->ret_stopped;
	if (op->r < 0)
		note_error(s, &op->err);
	if (s->cancelled && op->r == 0)
		(void)mu_error_set(&s->err, MU_E_CANCELLED, "cancelled");
	if (s->err.code == MU_E_NONE)
		take(s);
	else
		go_on(s);
}

static void on_hv_progress(struct hv_op *op, int percent)
{
	struct snapshot *s = op->ctx;

	s->progress(s, percent);
}

static void stop(struct snapshot *s)
{
	const struct vm_entry *e = vm_view_find(s->app->view, &s->vm);
	bool runs = e && e->present && !e->domain.paused;

	if (s->memory && e && e->present) {
		s->op = (struct hv_op){.kind = HV_CHECKPOINT,
				       .domid = e->domain.domid,
				       .path = s->partial,
				       .progress = on_hv_progress,
				       .done = on_checkpoint,
				       .ctx = s};
		hv_op_start(s->app->hv, &s->op);
	} else if (runs && s->disks.ret_pause) {
		s->stopped_at = mu_clock_monotonic();
		s->op = (struct hv_op){
		    .kind = HV_PAUSE, .domid = e->domain.domid, .done = on_paused, .ctx = s};
		hv_op_start(s->app->hv, &s->op);
	} else {
		take(s);
	}
}

/* ---- the beginning ---- */

static void on_frozen(struct quiesce *guest, const struct mu_error *err)
{
	struct snapshot *s = guest->ctx;

	s->frozen = !err;
	if (err)
		note_error(s, err);
	else if (s->cancelled)
		(void)mu_error_set(&s->err, MU_E_CANCELLED, "cancelled");
	if (s->err.code == MU_E_NONE)
		stop(s);
	else
		go_on(s);
}

static void prepared(void *ctx)
{
	struct snapshot *s = ctx;

	if (s->cancelled) {
		(void)mu_error_set(&s->err, MU_E_CANCELLED, "cancelled");
		end_disks(s);
	} else if (s->quiesce) {
		s->guest.loop = s->app->loop;
		s->guest.done = on_frozen;
		s->guest.ctx = s;
		quiesce_freeze(&s->guest);
	} else {
		stop(s);
	}
}

static void on_prepared(struct storage_snapshots *disks)
{
	struct snapshot *s = disks->ctx;

	if (disks->r < 0) {
		s->err = disks->err;
		over(s);
		return;
	}
	prepared(s);
}

void snapshot_start(struct snapshot *s)
{
	const struct vm_copy *copy = s->copy;

	s->running = true;
	state_dir_partial_memory(&s->app->dir, &copy->spec.config.id, s->partial);
	state_dir_memory(&s->app->dir, &copy->spec.config.id, s->path);
	if (copy->n_disks == 0) {
		mu_loop_post(s->app->loop, prepared, s);
		return;
	}
	s->disks.n = copy->n_disks;
	for (size_t i = 0; i < copy->n_disks; i++) {
		s->disks.list[i].vdi = copy->disks[i].from;
		s->disks.list[i].id = copy->disks[i].to;
		(void)snprintf(s->disks.list[i].name, sizeof s->disks.list[i].name, "%.*s %s",
			       (int)mu_cut_fit(copy->spec.config.name,
					       MODEL_NAME_MAX - sizeof copy->disks[i].vdev),
			       copy->spec.config.name, copy->disks[i].vdev);
	}
	s->disks.done = on_prepared;
	s->disks.ctx = s;
	storage_snapshots_prepare(s->app->storage, &s->disks);
}

void snapshot_cancel(struct snapshot *s)
{
	if (!s->running)
		return;
	s->cancelled = true;
	if (s->op.kind == HV_CHECKPOINT)
		hv_op_cancel(&s->op);
}
