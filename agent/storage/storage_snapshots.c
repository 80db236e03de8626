/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of several disks at one moment, for a VM. Each step is a task, so its thread can block;
 * the disks stay marked as read from prepare to end, so nothing deletes or reverts one in between.
 * The tasks run in the SR of the first disk; disks in other SRs are reached through their struct
 * sr, whose slots are kept by n_tasks.
 *
 *   prepare: intent, room, empty targets    -> done
 *   take:    the short step, measured       -> done
 *   end:     made whole, or all removed     -> done
 */
#include "agent/storage/storage_priv.h"
#include "common/base/assert.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct storage_snapshot_run {
	struct storage *s;
	struct storage_snapshots *user;
	struct disk_snapshots set;
	struct slot *slots[STORAGE_SNAPSHOTS_MAX];
	bool wants_pause;
	bool prepared;
	bool taken;
	bool wanted; /* not to be thrown away */
};

/* The disks and their SRs are kept, from prepare to end: nothing deletes a disk or unplugs an SR.
 */
static void keep(struct storage_snapshot_run *run)
{
	run->s->n_snapshot_runs++;
	for (size_t i = 0; i < run->set.n; i++) {
		struct entry *e = entry_find(run->s, &run->set.list[i].clone.source.id);

		e->n_reads++;
		run->slots[i]->n_tasks++;
		run->slots[i]->n_snapshots++;
	}
}

static void let_go(struct storage_snapshot_run *run)
{
	run->s->n_snapshot_runs--;
	for (size_t i = 0; i < run->set.n; i++) {
		struct entry *e = entry_find(run->s, &run->set.list[i].clone.source.id);

		if (e && e->n_reads > 0)
			e->n_reads--;
		run->slots[i]->n_snapshots--;
		queue_kick(run->slots[i]);
		slot_unref(run->slots[i]);
	}
}

static void tell(struct storage_snapshot_run *run, int r, const struct mu_error *err)
{
	struct storage_snapshots *user = run->user;

	user->r = r;
	user->err = r < 0 ? *err : (struct mu_error)MU_ERROR_INIT;
	user->done(user);
}

/* It is over: tell, with the user's struct free for the next. */
static void over(struct storage_snapshot_run *run, int r, const struct mu_error *err)
{
	run->user->priv = NULL;
	tell(run, r, err);
	free(run);
}

static int add_disk(struct storage_snapshot_run *run, size_t i, struct mu_error *err)
{
	struct storage_snapshots *user = run->user;
	struct disk_snapshot *one = &run->set.list[i];
	struct entry *e;
	bool written;

	if (entry_get(run->s, &user->list[i].vdi, &e, err) < 0)
		return MU_FAILED;
	if (e->changing)
		return mu_error_set(err, MU_E_STATE, "VDI %s is busy; hint: try again",
				    e->vdi.name);
	if (mu_uuid_is_nil(&user->list[i].id))
		user->list[i].id = mu_random_uuid();
	(void)storage_is_held(run->s, &user->list[i].vdi, &written);
	one->clone.sr = e->slot->sr;
	one->clone.source = e->vdi;
	one->may_copy = !written;
	one->clone.vdi = e->vdi;
	one->clone.vdi.id = user->list[i].id;
	if (user->list[i].name[0])
		memcpy(one->clone.vdi.name, user->list[i].name, sizeof one->clone.vdi.name);
	run->slots[i] = e->slot;
	run->set.n = i + 1;
	return sr_check_text("name_label", one->clone.vdi.name, MODEL_NAME_MAX, err);
}

/* SRs that hold the writers of all disks that are written make it one moment by themselves. */
static bool wants_pause(const struct storage_snapshot_run *run)
{
	bool pause = false;

	for (size_t i = 0; i < run->set.n; i++)
		pause = pause || (!run->set.list[i].may_copy &&
				  !sr_caps_of(run->set.list[i].clone.sr).holds_writers);
	return pause;
}

static int run_prepare(struct storage_task *t, struct mu_error *err)
{
	struct disk_env e = task_env(t);

	t->run->wants_pause = wants_pause(t->run); /* here, as sr_caps_of() may wait */
	return disk_snapshots_prepare(&e, &t->run->set, err);
}

static void end_prepare(struct storage_task *t)
{
	struct storage_snapshot_run *run = t->run;

	run->prepared = t->r == 0;
	if (run->prepared) {
		run->user->ret_pause = run->wants_pause;
		tell(run, 0, NULL);
		return;
	}
	let_go(run);
	over(run, t->r, &t->err);
}

static int64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int run_take(struct storage_task *t, struct mu_error *err)
{
	int64_t begin = now_us();
	int r = disk_snapshots_take(&t->run->set, err);

	t->took_us = now_us() - begin;
	return r;
}

static void end_take(struct storage_task *t)
{
	t->run->taken = t->r == 0;
	t->run->user->ret_take_us = t->took_us;
	tell(t->run, t->r, &t->err);
}

static int run_end(struct storage_task *t, struct mu_error *err)
{
	struct storage_snapshot_run *run = t->run;
	struct disk_env e = task_env(t);

	if (run->wanted && run->taken)
		return disk_snapshots_finish(&e, &run->set, err);
	return disk_snapshots_abort(&e, &run->set, err);
}

static const struct task_rule look_again = {.name = "vm.snapshot"};

/* The first SR was scanned by this task; the others are now. */
static void scan_others(struct storage_snapshot_run *run)
{
	for (size_t i = 1; i < run->set.n; i++) {
		struct storage_task *t;
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen = seen || run->slots[k] == run->slots[i];
		if (seen)
			continue;
		t = task_new(run->s, &look_again);
		t->slot = run->slots[i];
		task_submit(t);
	}
}

static void end_end(struct storage_task *t)
{
	struct storage_snapshot_run *run = t->run;

	slot_take_over(t->slot, &t->scans[0]); /* the user is to find them there */
	scan_others(run);
	let_go(run);
	over(run, t->r, &t->err);
}

static const struct task_rule prepare_rule = {
    .name = "vm.snapshot", .quiet = true, .run = run_prepare, .end = end_prepare};
static const struct task_rule take_rule = {
    .name = "vm.snapshot", .quiet = true, .urgent = true, .run = run_take, .end = end_take};
static const struct task_rule end_rule = {
    .name = "vm.snapshot", .urgent = true, .run = run_end, .end = end_end};

static void submit(struct storage_snapshot_run *run, const struct task_rule *rule)
{
	struct storage_task *t = task_new(run->s, rule);

	t->slot = run->slots[0];
	t->run = run;
	task_submit(t);
}

static void on_not_possible(void *ctx)
{
	struct storage_snapshot_run *run = ctx;
	struct mu_error err = run->user->err;

	over(run, MU_FAILED, &err);
}

void storage_snapshots_prepare(struct storage *s, struct storage_snapshots *ss)
{
	struct storage_snapshot_run *run = mu_xcalloc(1, sizeof *run);
	int r = 0;

	mu_assert(!ss->priv && ss->n > 0 && ss->n <= STORAGE_SNAPSHOTS_MAX && ss->done);
	ss->priv = run;
	run->s = s;
	run->user = ss;
	for (size_t i = 0; r == 0 && i < ss->n; i++)
		r = add_disk(run, i, &ss->err);
	if (r < 0) {
		mu_loop_post(s->loop, on_not_possible, run);
		return;
	}
	keep(run);
	submit(run, &prepare_rule);
}

void storage_snapshots_take(struct storage_snapshots *ss)
{
	mu_assert(ss->priv && ss->priv->prepared && !ss->priv->taken);
	submit(ss->priv, &take_rule);
}

void storage_snapshots_end(struct storage_snapshots *ss, bool keep)
{
	mu_assert(ss->priv && ss->priv->prepared);
	ss->priv->wanted = keep;
	submit(ss->priv, &end_rule);
}
