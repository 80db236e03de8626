/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: a queue per SR, first come first served. A task begins when its SR has a thread free,
 * nobody is alone in it, and no other task uses the same VDI in a way that excludes it. Meeting a
 * short one it waits; meeting one that copies for an hour it is refused, with the reason.
 *
 *   submit -> waiting -> [check] -> running (thread) -> taken over (loop) -> answered
 *                |          |            |
 *          cancel, deadline: answered at once; a thread that runs is asked to stop, its results are
 *          taken over all the same
 */
#include "agent/storage/storage_priv.h"
#include "common/base/assert.h"
#include "common/os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_deadline(void *ctx);
static void run_task(struct mu_job *job);
static void task_done(struct mu_job *job);
static void task_progress(struct mu_job *job, int percent);

struct storage_task *task_new(struct storage *s, const struct task_rule *rule)
{
	struct storage_task *t = mu_xcalloc(1, sizeof *t);

	t->s = s;
	t->rule = rule;
	t->in.fd = -1;
	t->job = (struct mu_job){.run = run_task, .done = task_done, .progress = task_progress};
	mu_link_init(&t->link);
	return t;
}

static void task_free(struct storage_task *t)
{
	mu_timer_free(t->deadline);
	free((char *)(uintptr_t)t->in.path);
	if (t->in.use_fd)
		copy_close(&t->in.fd);
	for (size_t i = 0; i < 2; i++)
		sr_vdis_deinit(&t->scans[i].vdis);
	free(t);
}

/* The user is told once; afterwards the task is on its own. `err` NULL: success. */
static void answer(struct storage_task *t, const struct mu_error *err)
{
	struct storage_op *op = t->op;

	if (!op)
		return;
	t->op = NULL;
	op->priv = NULL;
	op->r = err ? MU_FAILED : 0;
	op->err = err ? *err : (struct mu_error)MU_ERROR_INIT;
	op->ret_id = t->in.id;
	if (!err)
		op->ret_path = t->path;
	op->done(op);
}

void slot_unref(struct slot *slot)
{
	if (slot && --slot->n_tasks == 0 && slot->leaving)
		slot_free(slot);
}

static void finish(struct storage_task *t)
{
	struct slot *slot = t->slot, *other = t->other;
	struct storage *s = t->s;

	answer(t, t->r < 0 ? &t->err : NULL);
	task_free(t);
	slot_unref(other);
	slot_unref(slot);
	storage_close_if_idle(s);
}

static void on_refused(void *ctx)
{
	struct storage_task *t = ctx;

	if (t->rule->end && t->slot)
		t->rule->end(t);
	mu_list_remove(&t->link);
	finish(t);
}

static void task_refuse(struct storage_task *t, const struct mu_error *err)
{
	mu_assert(!t->refused);
	t->refused = true;
	t->r = MU_FAILED;
	t->err = *err;
	mu_timer_cancel(t->deadline);
	mu_list_push_back(&t->s->running,
			  &t->link); /* keeps the service there until it is answered */
	mu_loop_post(t->s->loop, on_refused, t);
}

static void leave_queue(struct storage_task *t)
{
	mu_list_remove(&t->link);
	t->slot->n_waiting--;
}

void task_use(struct storage_task *t, const struct mu_uuid *vdi, enum use_mode mode)
{
	mu_assert(t->n_uses < STORAGE_USES_MAX);
	t->uses[t->n_uses].vdi = *vdi;
	t->uses[t->n_uses++].mode = mode;
}

/* Outcomes between 0 and refused. */
enum { WAITS_FOR_VDI = 1, WAITS_FOR_COPIES = 2 };

static int check_uses(struct storage_task *t, struct mu_error *err)
{
	for (size_t i = 0; i < t->n_uses; i++) {
		const struct entry *e = entry_find(t->s, &t->uses[i].vdi);

		if (!e || (!e->changing && (t->uses[i].mode == USE_READ || e->n_reads == 0)))
			continue;
		if (!e->long_task)
			return WAITS_FOR_VDI;
		return mu_error_set(err, MU_E_STATE,
				    "VDI %s is busy: %s; hint: wait for it, or cancel it",
				    e->vdi.name, e->what);
	}
	return 0;
}

static void mark_uses(struct storage_task *t)
{
	for (size_t i = 0; i < t->n_uses; i++) {
		struct entry *e = entry_find(t->s, &t->uses[i].vdi);

		if (!e)
			continue;
		e->changing = e->changing || t->uses[i].mode == USE_CHANGE;
		/* Letting it rest writes nothing. */
		e->n_writers += t->uses[i].mode == USE_CHANGE && t->rule != &storage_rest_rule;
		e->n_reads += t->uses[i].mode == USE_READ;
		if (t->copies) {
			e->long_task = true;
			e->what = t->rule->name;
		}
	}
}

static void unmark_uses(struct storage_task *t)
{
	for (size_t i = 0; i < t->n_uses; i++) {
		struct entry *e = entry_find(t->s, &t->uses[i].vdi);

		if (!e)
			continue;
		if (t->uses[i].mode == USE_CHANGE)
			e->changing = false;
		else if (e->n_reads > 0)
			e->n_reads--;
		e->long_task = e->long_task && (e->changing || e->n_reads > 0);
	}
}

static bool has_room(const struct storage_task *t)
{
	const struct slot *slot = t->slot, *other = t->other;

	if (slot->exclusive ||
	    (t->rule->exclusive && slot->n_running + slot->n_given + slot->n_snapshots > 0))
		return false;
	if (t->rule->given)
		return true;
	return slot->n_running < STORAGE_SLOT_THREADS && !(other && other->exclusive);
}

static void begin(struct storage_task *t)
{
	struct mu_error err = MU_ERROR_INIT;

	leave_queue(t);
	if (mu_job_start(&t->job, t->s->loop, &err) < 0) {
		task_refuse(t, &err);
		return;
	}
	t->running = true;
	mark_uses(t);
	if (t->rule->given) {
		t->slot->n_given++;
	} else {
		t->slot->n_running++;
		t->slot->n_copying += t->copies;
	}
	t->slot->exclusive = t->slot->exclusive || t->rule->exclusive;
	if (t->other)
		t->other->n_running++;
	mu_list_push_back(&t->s->running, &t->link);
}

static int may_begin(struct storage_task *t, struct mu_error *err)
{
	int r;

	t->n_uses = 0;
	t->copies = false;
	r = t->rule->check ? t->rule->check(t, err) : 0;
	/* What runs now may be the end of the very use that it is refused for. */
	if (r < 0)
		return check_uses(t, NULL) == WAITS_FOR_VDI ? WAITS_FOR_VDI : r;
	if (t->rule->given && t->slot->n_given >= STORAGE_SLOT_GIVEN)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d disks of storage repository %s are being downloaded, "
				    "the most; hint: try again when one has ended",
				    STORAGE_SLOT_GIVEN, t->slot->file.name);
	if (t->copies && !t->rule->given && t->slot->n_copying >= STORAGE_SLOT_COPIES)
		return WAITS_FOR_COPIES;
	return check_uses(t, err);
}

/* In order, but for one thing: what would copy lets the others pass while enough copies run. */
void queue_kick(struct slot *slot)
{
	mu_list_each(it, &slot->waiting)
	{
		struct storage_task *t = MU_CONTAINER_OF(it, struct storage_task, link);
		struct mu_error err = MU_ERROR_INIT;
		int r;

		if (!has_room(t))
			return;
		r = may_begin(t, &err);
		if (r == WAITS_FOR_VDI)
			return;
		if (r == 0) {
			begin(t);
		} else if (r < 0) {
			leave_queue(t);
			task_refuse(t, &err);
		}
	}
}

void queue_refuse_all(struct slot *slot, const struct mu_error *err)
{
	while (!mu_list_empty(&slot->waiting)) {
		struct storage_task *t = mu_list_first(&slot->waiting, struct storage_task, link);

		leave_queue(t);
		task_refuse(t, err);
	}
}

void task_submit(struct storage_task *t)
{
	mu_msec deadline = t->in.deadline ? t->in.deadline : t->rule->deadline;
	struct mu_error err = MU_ERROR_INIT;

	t->deadline = mu_timer_new(t->s->loop, on_deadline, t);
	t->slot->n_tasks++;
	if (t->other)
		t->other->n_tasks++;
	if (t->s->closing) {
		mu_error_set(&err, MU_E_CANCELLED, "the agent is stopping");
		task_refuse(t, &err);
		return;
	}
	if (t->slot->n_waiting >= STORAGE_QUEUE_MAX) {
		mu_error_set(&err, MU_E_EXHAUSTED,
			     "%d operations wait for storage repository %s already",
			     STORAGE_QUEUE_MAX, t->slot->file.name);
		task_refuse(t, &err);
		return;
	}
	mu_list_push_back(&t->slot->waiting, &t->link);
	t->slot->n_waiting++;
	if (deadline)
		mu_timer_set(t->deadline, deadline);
	if (t->rule->urgent)
		begin(t);
	else
		queue_kick(t->slot);
}

/* On the task's thread */

static void scan(struct slot *slot, struct scan_result *ret)
{
	ret->seq = atomic_fetch_add(&slot->scan_seq, 1) + 1;
	ret->caps = sr_caps_of(slot->sr);
	ret->valid = sr_scan(slot->sr, &ret->vdis, &ret->err) == 0 &&
		     sr_usage(slot->sr, &ret->usage, &ret->err) == 0;
}

static void report(void *ctx, int percent)
{
	mu_job_report(ctx, percent);
}

struct disk_env task_env(struct storage_task *t)
{
	return (struct disk_env){
	    .state_dir = t->s->state_dir,
	    .watch = {.cancel = &t->job.cancel, .progress = report, .ctx = &t->job}};
}

static void run_task(struct mu_job *job)
{
	struct storage_task *t = MU_CONTAINER_OF(job, struct storage_task, job);

	t->r = t->rule->run ? t->rule->run(t, &t->err) : 0;
	if (t->rule->quiet)
		return;
	scan(t->slot, &t->scans[0]);
	if (t->other)
		scan(t->other, &t->scans[1]);
}

/* Back on the loop */

static void task_progress(struct mu_job *job, int percent)
{
	struct storage_task *t = MU_CONTAINER_OF(job, struct storage_task, job);

	if (t->op && t->op->progress)
		t->op->progress(t->op, percent);
}

/* A source that was read is active, though nobody may use it any more. */
static void let_rest(struct storage *s, const struct mu_uuid *vdi)
{
	struct entry *e = entry_find(s, vdi);
	struct storage_task *t;
	bool written;

	if (!e || e->n_reads || e->changing || storage_is_held(s, vdi, &written) || s->closing)
		return;
	t = task_new(s, &storage_rest_rule);
	t->slot = e->slot;
	t->in.object = *vdi;
	task_submit(t);
}

static void task_done(struct mu_job *job)
{
	struct storage_task *t = MU_CONTAINER_OF(job, struct storage_task, job);
	struct slot *slot = t->slot, *other = t->other;

	mu_timer_cancel(t->deadline);
	unmark_uses(t);
	if (t->rule->given) {
		slot->n_given--;
	} else {
		slot->n_running--;
		slot->n_copying -= t->copies;
	}
	slot->exclusive = slot->exclusive && !t->rule->exclusive;
	if (other)
		other->n_running--;
	if (t->r == 0 && t->rule->apply)
		t->rule->apply(t);
	if (t->rule->end)
		t->rule->end(t);
	if (!t->rule->quiet && !slot->leaving)
		slot_take_over(slot, &t->scans[0]);
	if (!t->rule->quiet && other)
		slot_take_over(other, &t->scans[1]);
	for (size_t i = 0; t->copies && i < t->n_uses; i++)
		let_rest(t->s, &t->uses[i].vdi);
	queue_kick(slot);
	if (other)
		queue_kick(other);
	mu_list_remove(&t->link);
	finish(t);
}

/* Users */

static void give_up(struct storage_task *t, const struct mu_error *err)
{
	struct slot *slot = t->slot;

	if (t->refused)
		return;
	if (t->running) {
		mu_job_cancel(&t->job);
		return;
	}
	leave_queue(t);
	task_refuse(t, err);
	queue_kick(slot);
}

static void on_deadline(void *ctx)
{
	struct storage_task *t = ctx;
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(
	    &err, MU_E_TIMEOUT,
	    "%s: not done in time; hint: look at the storage repository before trying again",
	    t->rule->name);
	if (t->running)
		answer(t, &err); /* its thread may never come back */
	give_up(t, &err);
}

void storage_op_cancel(struct storage_op *op)
{
	struct storage_task *t = op->priv;
	struct mu_error err = MU_ERROR_INIT;

	if (!t || t->cancelled)
		return;
	t->cancelled = true;
	mu_error_set(&err, MU_E_CANCELLED, "%s: cancelled", t->rule->name);
	give_up(t, &err);
}

static int check_text(const struct storage_text *text, struct mu_error *err)
{
	if ((text->has_name && sr_check_text("name_label", text->name, MODEL_NAME_MAX, err) < 0) ||
	    (text->has_description &&
	     sr_check_text("name_description", text->description, MODEL_TEXT_MAX, err) < 0))
		return MU_FAILED;
	if (text->has_tags && text->n_tags > MODEL_OBJECT_TAGS_MAX)
		return mu_error_set(err, MU_E_INVALID, "tags: more than %d", MODEL_OBJECT_TAGS_MAX);
	for (size_t i = 0; text->has_tags && i < text->n_tags; i++) {
		if (sr_check_text("tags", text->tags[i], MODEL_TAG_MAX, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* Among `n` tags, one behind the other. */
static bool has_tag(const char *tags, size_t n, const char *tag)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(tags + i * (MODEL_TAG_MAX + 1), tag) == 0)
			return true;
	}
	return false;
}

int text_apply_tags(const struct storage_text *text, size_t *n_tags,
		    char (*tags)[MODEL_TAG_MAX + 1], struct mu_error *err)
{
	char next[2 * MODEL_OBJECT_TAGS_MAX][MODEL_TAG_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < *n_tags && text->tags_are != STORAGE_TAGS_SET; i++) {
		if (text->tags_are == STORAGE_TAGS_ADD ||
		    !has_tag(text->tags[0], text->n_tags, tags[i]))
			memcpy(next[n++], tags[i], sizeof *next);
	}
	for (size_t i = 0; i < text->n_tags && text->tags_are != STORAGE_TAGS_REMOVE; i++) {
		if (text->tags_are == STORAGE_TAGS_SET || !has_tag(next[0], n, text->tags[i]))
			memcpy(next[n++], text->tags[i], sizeof *next);
	}
	if (n > MODEL_OBJECT_TAGS_MAX)
		return mu_error_set(err, MU_E_INVALID, "tags: more than %d", MODEL_OBJECT_TAGS_MAX);
	memcpy(tags, next, n * sizeof *next);
	*n_tags = n;
	return 0;
}

static int copy_inputs(struct storage_task *t, const struct storage_op *op, struct mu_error *err)
{
	t->in = *op;
	t->in.path = op->path ? mu_xstrdup(op->path) : NULL;
	t->in.fd = -1;
	if (mu_uuid_is_nil(&t->in.id))
		t->in.id = mu_random_uuid();
	if (op->use_fd) {
		t->in.fd = fcntl(op->fd, F_DUPFD_CLOEXEC, 0);
		if (t->in.fd < 0)
			return mu_error_errno(err, errno, "descriptor");
	}
	return check_text(&op->text, err);
}

void storage_op_start(struct storage *s, struct storage_op *op)
{
	const struct task_rule *rule = op->kind < STORAGE_VDI_CREATE
					   ? &storage_sr_rules[op->kind]
					   : &storage_vdi_rules[op->kind - STORAGE_VDI_CREATE];
	struct storage_task *t = task_new(s, rule);
	struct mu_error err = MU_ERROR_INIT;

	mu_assert(!op->priv && op->done && op->kind < _STORAGE_OP_COUNT);
	op->priv = t;
	t->op = op;
	if (copy_inputs(t, op, &err) == 0 && storage_route(t, &err) == 0) {
		task_submit(t);
		return;
	}
	t->slot = t->other = NULL;
	t->deadline = mu_timer_new(s->loop, on_deadline, t);
	if (op->kind == STORAGE_RELEASE)
		rule->end(t); /* the VM is gone, wherever the VDI is */
	task_refuse(t, &err);
}

const char *storage_op_name(enum storage_op_kind kind)
{
	mu_assert(kind < _STORAGE_OP_COUNT);
	return kind < STORAGE_VDI_CREATE ? storage_sr_rules[kind].name
					 : storage_vdi_rules[kind - STORAGE_VDI_CREATE].name;
}

void storage_free(struct storage *s, mu_loop_cb done, void *ctx)
{
	struct mu_error err = MU_ERROR_INIT;

	s->closing = true;
	s->closed = done;
	s->closed_ctx = ctx;
	mu_timer_cancel(s->tick);
	mu_error_set(&err, MU_E_CANCELLED, "the agent is stopping");
	mu_list_each(it, &s->slots) queue_refuse_all(MU_CONTAINER_OF(it, struct slot, link), &err);
	mu_list_each(it, &s->running)
	{
		struct storage_task *t = MU_CONTAINER_OF(it, struct storage_task, link);

		if (t->running)
			mu_job_cancel(&t->job);
	}
	storage_close_if_idle(s);
}
