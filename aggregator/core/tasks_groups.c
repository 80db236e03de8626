/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group has no life of its own: it is over when its parts are, and what became of it follows from
 * them. So nothing of it has to be told by a host, and after a crash it is reckoned anew.
 */
#include "aggregator/core/tasks_priv.h"

/* Of larger groups progress is told in steps: each change of a group is an event with all parts. */
enum { FINE_PARTS = 16, COARSE_STEP = 10 };

void task_group_touch(struct tasks *t, struct task_item *group)
{
	if (!group || group->task.status != TASK_PENDING)
		return;
	mu_list_remove(&group->changed);
	mu_list_push_back(&t->changed, &group->changed);
}

static void link_part(struct tasks *t, struct task_item *group, struct task_item *part)
{
	part->group = group;
	part->task.parent = group->task.id;
	mu_list_remove(&part->part);
	mu_list_push_back(&group->parts, &part->part);
	task_group_touch(t, group);
}

void task_group_load(struct tasks *t, struct task_item *item)
{
	struct task_item *group =
	    mu_uuid_is_nil(&item->task.parent) ? NULL : task_item_find(t, &item->task.parent);

	if (item->task.n_parts)
		task_group_touch(t, item);
	if (group)
		link_part(t, group, item);
}

void task_group_forget(struct task_item *item)
{
	mu_list_each(it, &item->parts)
	{
		struct task_item *part = MU_CONTAINER_OF(it, struct task_item, part);

		part->group = NULL;
		mu_list_remove(&part->part);
	}
	mu_list_remove(&item->part);
	mu_list_remove(&item->changed);
}

bool tasks_join(struct tasks *t, const struct mu_uuid *group_id, const struct mu_uuid *id)
{
	struct task_item *group = task_item_find(t, group_id);
	struct task_item *part = task_item_find(t, id);

	if (!group || !group->task.n_parts || !part || !part->visible || part->task.n_parts ||
	    part->group)
		return false;
	link_part(t, group, part);
	return true;
}

void tasks_each_part(const struct tasks *t, const struct mu_uuid *group_id,
		     bool (*each)(const struct model_task *task, void *arg), void *arg)
{
	const struct task_item *group = task_item_find(t, group_id);

	if (!group)
		return;
	mu_list_each(it, &group->parts)
	{
		if (!each(&MU_CONTAINER_OF(it, struct task_item, part)->task, arg))
			return;
	}
}

/* What its parts come to. */
struct sum {
	uint32_t n;
	uint32_t n_pending;
	uint32_t n_failed;
	uint32_t n_interrupted;
	int64_t progress;
	const struct model_task *failed; /* the first */
	const struct model_task *interrupted;
};

static void add(struct sum *s, const struct model_task *t)
{
	s->n++;
	s->progress += t->status == TASK_PENDING ? t->progress : 100;
	if (t->status == TASK_PENDING) {
		s->n_pending++;
	} else if (t->status == TASK_FAILURE) {
		s->n_failed++;
		s->failed = s->failed ? s->failed : t;
	} else if (t->status == TASK_INTERRUPTED) {
		s->n_interrupted++;
		s->interrupted = s->interrupted ? s->interrupted : t;
	}
}

static struct sum sum_of(const struct task_item *group)
{
	struct sum s = {0};

	mu_list_each(it, &group->parts) add(&s, &MU_CONTAINER_OF(it, struct task_item, part)->task);
	return s;
}

/* Those that were refused are no tasks; the first one's reason is the group's own error. */
static uint32_t n_refused(const struct task_item *group, const struct sum *s)
{
	return group->task.n_parts > s->n ? group->task.n_parts - s->n : 0;
}

static const struct model_task *end(struct tasks *t, struct task_item *group, const struct sum *s,
				    mu_msec now)
{
	uint32_t n_parts = group->task.n_parts;
	uint32_t n_failed = s->n_failed + n_refused(group, s);

	if (n_failed) {
		if (s->failed)
			group->task.err = s->failed->err;
		(void)mu_error_prefix(&group->task.err, "%u of %u failed, the first", n_failed,
				      n_parts);
		return task_item_finish(t, group, TASK_FAILURE, now);
	}
	if (s->interrupted) {
		group->task.err = s->interrupted->err;
		(void)mu_error_prefix(&group->task.err, "of %u of %u nothing is known, the first",
				      s->n_interrupted, n_parts);
		return task_item_finish(t, group, TASK_INTERRUPTED, now);
	}
	group->task.progress = 100;
	return task_item_finish(t, group, TASK_SUCCESS, now);
}

static bool is_progress(struct task_item *group, const struct sum *s, mu_msec now)
{
	uint32_t n_parts = group->task.n_parts;
	int64_t percent = (s->progress + 100 * (int64_t)n_refused(group, s)) / n_parts;

	if (n_parts > FINE_PARTS)
		percent -= percent % COARSE_STEP;
	if (percent == group->task.progress)
		return false;
	group->task.progress = (int32_t)percent;
	group->task.updated = now;
	return true;
}

const struct model_task *tasks_group_changed(struct tasks *t, mu_msec now)
{
	struct task_item *group;

	while ((group = mu_list_first(&t->changed, struct task_item, changed))) {
		const struct sum s = sum_of(group);

		mu_list_remove(&group->changed);
		if (s.n_pending == 0)
			return end(t, group, &s, now);
		if (is_progress(group, &s, now))
			return &group->task;
	}
	return NULL;
}
