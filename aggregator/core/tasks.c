/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All tasks in order of start, those pending in a second list, one index by id.
 *
 * Two questions decide what may be said of a pending task when things break: was its command ever
 * handed to a stream (`maybe_sent`, true for everything read from the store), and was it handed
 * to the present one (`sent`)? Only a command that never left can be declared failed here; of any
 * other the host's journal has the truth.
 */
#include "aggregator/core/tasks_priv.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

struct tasks *tasks_new(size_t history)
{
	struct tasks *t = mu_xcalloc(1, sizeof *t);

	t->by_id = mu_map_new();
	t->history = history;
	mu_link_init(&t->all);
	mu_link_init(&t->pending);
	mu_link_init(&t->changed);
	return t;
}

struct tasks *tasks_free(struct tasks *t)
{
	if (t) {
		mu_list_each(it, &t->all)
		{
			struct task_item *item = MU_CONTAINER_OF(it, struct task_item, link);

			free(item->arguments);
			task_lines_deinit(&item->lines);
			free(item);
		}
		mu_map_free(t->by_id);
		free(t);
	}
	return NULL;
}

struct task_item *task_item_find(const struct tasks *t, const struct mu_uuid *id)
{
	return mu_map_find(t->by_id, id, sizeof *id);
}

static bool of_host(const struct task_item *item, const struct host_id *host)
{
	return mu_uuid_equal(&item->task.host.uuid, &host->uuid);
}

static struct task_item *item_add(struct tasks *t, const struct model_task *task,
				  const char *arguments)
{
	struct task_item *item = mu_xcalloc(1, sizeof *item);

	item->task = *task;
	mu_link_init(&item->pending);
	mu_link_init(&item->parts);
	mu_link_init(&item->part);
	mu_link_init(&item->changed);
	mu_list_push_back(&t->all, &item->link);
	mu_map_put(t->by_id, &task->id, sizeof task->id, item);
	if (task->status == TASK_PENDING) {
		mu_list_push_back(&t->pending, &item->pending);
		t->n_pending++;
		item->arguments = arguments ? mu_xstrdup(arguments) : NULL;
		t->n_argument_bytes += arguments ? strlen(arguments) : 0;
	} else {
		t->n_finished++;
	}
	return item;
}

/* It will not be sent again. */
static void forget_arguments(struct tasks *t, struct task_item *item)
{
	if (!item->arguments)
		return;
	t->n_argument_bytes -= strlen(item->arguments);
	free(item->arguments);
	item->arguments = NULL;
}

static void item_remove(struct tasks *t, struct task_item *item)
{
	forget_arguments(t, item);
	task_group_forget(item);
	if (item->task.status == TASK_PENDING)
		t->n_pending--;
	else
		t->n_finished--;
	mu_list_remove(&item->pending);
	mu_list_remove(&item->link);
	mu_map_remove(t->by_id, &item->task.id, sizeof item->task.id);
	t->n_lines -= item->lines.n;
	task_lines_deinit(&item->lines);
	free(item);
}

const struct model_task *task_item_finish(struct tasks *t, struct task_item *item,
					  enum task_status status, mu_msec now)
{
	item->task.status = status;
	item->task.updated = now;
	item->task.end = now;
	forget_arguments(t, item);
	mu_list_remove(&item->pending);
	t->n_pending--;
	t->n_finished++;
	task_group_touch(t, item->group);
	return &item->task;
}

void tasks_load(struct tasks *t, const struct model_task *task, const char *arguments)
{
	struct task_item *item;

	if (task_item_find(t, &task->id))
		return;
	item = item_add(t, task, arguments);
	item->visible = true;
	item->maybe_sent = true;
	task_group_load(t, item);
}

int tasks_begin(struct tasks *t, const struct model_task *task, const char *arguments,
		struct mu_error *err)
{
	size_t len = arguments ? strlen(arguments) : 0;
	size_t n_of_host = 0;

	if (task_item_find(t, &task->id))
		return mu_error_set(err, MU_E_EXISTS, "there is a task of that id already");
	mu_list_each(it, &t->pending)
	{
		if (of_host(MU_CONTAINER_OF(it, struct task_item, pending), &task->host))
			n_of_host++;
	}
	if (n_of_host >= TASKS_PENDING_PER_HOST)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d tasks are pending on this host already; hint: wait for "
				    "some of them to end, or abort them",
				    TASKS_PENDING_PER_HOST);
	if (t->n_argument_bytes + len > TASKS_ARGUMENTS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "calls with %zu bytes of arguments are pending already; hint: "
				    "wait for some of them to end, or abort them",
				    t->n_argument_bytes);
	item_add(t, task, arguments);
	return 0;
}

const struct model_task *tasks_confirm(struct tasks *t, const struct mu_uuid *id)
{
	struct task_item *item = task_item_find(t, id);

	if (!item)
		return NULL;
	item->visible = true;
	return &item->task;
}

void tasks_drop(struct tasks *t, const struct mu_uuid *id)
{
	struct task_item *item = task_item_find(t, id);

	if (item && !item->visible)
		item_remove(t, item);
}

const struct model_task *tasks_find(const struct tasks *t, const struct mu_uuid *id)
{
	const struct task_item *item = task_item_find(t, id);

	return item && item->visible ? &item->task : NULL;
}

size_t tasks_n_pending(const struct tasks *t)
{
	return t->n_pending;
}

void tasks_each(const struct tasks *t, bool (*each)(const struct model_task *task, void *arg),
		void *arg)
{
	mu_list_each(it, &t->all)
	{
		const struct task_item *item = MU_CONTAINER_OF(it, struct task_item, link);

		if (item->visible && !each(&item->task, arg))
			return;
	}
}

/* --- commands --- */

bool tasks_next_command(const struct tasks *t, const struct host_id *host, mu_msec now,
			struct tasks_command *ret)
{
	mu_list_each(it, &t->pending)
	{
		const struct task_item *item = MU_CONTAINER_OF(it, struct task_item, pending);
		mu_msec left = item->task.deadline ? item->task.deadline - now : 0;

		if (!item->visible || item->sent || !of_host(item, host))
			continue;
		if (item->task.deadline && left < 1) {
			if (!item->maybe_sent)
				continue; /* tasks_expire() ends it */
			left = 1;         /* the agent answers from its journal, or fails it */
		}
		*ret = (struct tasks_command){
		    .id = item->task.id,
		    .vm = item->task.vm,
		    .op = item->task.op,
		    .method = item->task.method[0] ? item->task.method : NULL,
		    .object = item->task.object,
		    .arguments = item->arguments ? item->arguments : "{}",
		    .left = left,
		};
		return true;
	}
	return false;
}

void tasks_sent(struct tasks *t, const struct mu_uuid *id)
{
	struct task_item *item = task_item_find(t, id);

	if (item) {
		item->sent = true;
		item->maybe_sent = true;
	}
}

void tasks_host_away(struct tasks *t, const struct host_id *host)
{
	mu_list_each(it, &t->pending)
	{
		struct task_item *item = MU_CONTAINER_OF(it, struct task_item, pending);

		if (of_host(item, host))
			item->sent = false;
	}
}

/* --- what becomes of them --- */

static struct task_item *pending_find(const struct tasks *t, const struct mu_uuid *id)
{
	struct task_item *item = task_item_find(t, id);

	return item && item->visible && item->task.status == TASK_PENDING ? item : NULL;
}

const struct model_task *tasks_progress(struct tasks *t, const struct host_id *host,
					const struct mu_uuid *id, int percent, mu_msec now)
{
	struct task_item *item = pending_find(t, id);

	if (percent < 0)
		percent = 0;
	if (percent > 100)
		percent = 100;
	if (!item || !of_host(item, host) || item->task.progress == percent)
		return NULL;
	item->task.progress = percent;
	item->task.updated = now;
	task_group_touch(t, item->group);
	return &item->task;
}

bool tasks_end(struct tasks *t, const struct host_id *host, const struct mu_uuid *id,
	       enum task_status status, const struct mu_error *err, const char *value, mu_msec now,
	       struct model_task *ret)
{
	struct task_item *item = pending_find(t, id);

	if (!item || item->ending || !of_host(item, host) || status == TASK_PENDING)
		return false;
	item->ending = true;
	*ret = item->task;
	ret->status = status;
	ret->updated = now;
	ret->end = now;
	if (status == TASK_SUCCESS) {
		ret->progress = 100;
		mu_assert(strlen(value) <= CALL_VALUE_MAX);
		memcpy(ret->value, value, strlen(value) + 1);
	} else {
		ret->err = *err;
	}
	return true;
}

const struct model_task *tasks_ended(struct tasks *t, const struct model_task *end)
{
	struct task_item *item = pending_find(t, &end->id);

	if (!item)
		return NULL;
	item->task.progress = end->progress;
	item->task.err = end->err;
	memcpy(item->task.value, end->value, sizeof item->task.value);
	return task_item_finish(t, item, end->status, end->end);
}

const struct model_task *tasks_abort(struct tasks *t, const struct mu_uuid *id, bool connected,
				     mu_msec now, bool *ret_cancel)
{
	struct task_item *item = pending_find(t, id);

	*ret_cancel = false;
	if (!item || item->ending)
		return NULL;
	item->task.abort_requested = now;
	item->task.updated = now;
	if (item->task.n_parts)
		return &item->task;
	if (!item->maybe_sent) {
		mu_error_set(&item->task.err, MU_E_CANCELLED,
			     "aborted before it was sent to the host");
		return task_item_finish(t, item, TASK_FAILURE, now);
	}
	if (!connected) {
		mu_error_set(&item->task.err, MU_E_CANCELLED,
			     "aborted while its host was away: whether it ran is not known");
		return task_item_finish(t, item, TASK_INTERRUPTED, now);
	}
	*ret_cancel = true;
	return &item->task;
}

const struct model_task *tasks_expire(struct tasks *t, mu_msec now)
{
	mu_list_each(it, &t->pending)
	{
		struct task_item *item = MU_CONTAINER_OF(it, struct task_item, pending);

		if (!item->visible || item->maybe_sent || !item->task.deadline ||
		    item->task.deadline > now)
			continue;
		mu_error_set(&item->task.err, MU_E_TIMEOUT,
			     "the deadline passed before the command could be sent to the host; "
			     "hint: see whether its agent is connected");
		return task_item_finish(t, item, TASK_FAILURE, now);
	}
	return NULL;
}

const struct model_task *tasks_forget_host(struct tasks *t, const struct host_id *host, mu_msec now)
{
	mu_list_each(it, &t->pending)
	{
		struct task_item *item = MU_CONTAINER_OF(it, struct task_item, pending);

		if (!item->visible || !of_host(item, host))
			continue;
		mu_error_set(&item->task.err, MU_E_CANCELLED,
			     "its host was removed while the task was pending: the outcome is not "
			     "known");
		return task_item_finish(t, item, TASK_INTERRUPTED, now);
	}
	return NULL;
}

mu_msec tasks_next_expiry(const struct tasks *t)
{
	mu_msec next = MU_MSEC_NEVER;

	mu_list_each(it, &t->pending)
	{
		const struct task_item *item = MU_CONTAINER_OF(it, struct task_item, pending);

		if (item->visible && !item->maybe_sent && item->task.deadline &&
		    item->task.deadline < next)
			next = item->task.deadline;
	}
	return next;
}

/* --- what is said of them --- */

const struct task_lines *tasks_lines(const struct tasks *t, const struct mu_uuid *id)
{
	const struct task_item *item = task_item_find(t, id);

	return item && item->visible ? &item->lines : NULL;
}

const struct task_line *tasks_say(struct tasks *t, const struct mu_uuid *id,
				  const struct task_line *line)
{
	struct task_item *item = task_item_find(t, id);
	const struct task_line *new =
	    item && item->visible ? task_lines_add(&item->lines, line) : NULL;

	if (new)
		t->n_lines++;
	return new;
}

const struct task_line *tasks_host_says(struct tasks *t, const struct host_id *host,
					const struct mu_uuid *id, size_t number,
					const struct task_line *line)
{
	const struct task_item *item = pending_find(t, id);

	if (!item || !of_host(item, host) || number < item->lines.n_from_host)
		return NULL;
	return tasks_say(t, id, line);
}

/* --- how they go --- */

/* A group is told by its parts as long as it is pending. */
static bool is_needed(const struct task_item *item)
{
	return item->task.status == TASK_PENDING ||
	       (item->group && item->group->task.status == TASK_PENDING);
}

bool tasks_evict(struct tasks *t, mu_msec now, struct model_task *ret)
{
	mu_list_each(it, &t->all)
	{
		struct task_item *item = MU_CONTAINER_OF(it, struct task_item, link);

		if (is_needed(item))
			continue;
		if (t->n_finished <= t->history && t->n_lines <= TASKS_LINES_MAX &&
		    item->task.end > now - TASKS_KEEP)
			return false;
		*ret = item->task;
		item_remove(t, item);
		return true;
	}
	return false;
}

int tasks_check_delete(const struct tasks *t, const struct mu_uuid *id, struct mu_error *err)
{
	const struct task_item *item = task_item_find(t, id);

	if (!item || !item->visible)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such task");
	if (item->task.status == TASK_PENDING)
		return mu_error_set(err, MU_E_STATE,
				    "the task has not ended; hint: abort it, or wait for it");
	if (is_needed(item))
		return mu_error_set(err, MU_E_STATE,
				    "the task is a part of one that has not ended; hint: delete "
				    "that when it has");
	return 0;
}

bool tasks_delete(struct tasks *t, const struct mu_uuid *id, struct model_task *ret)
{
	struct task_item *item = task_item_find(t, id);

	if (!item || is_needed(item))
		return false;
	*ret = item->task;
	item_remove(t, item);
	return true;
}
