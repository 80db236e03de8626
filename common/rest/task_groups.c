/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked of many, as one task: made when all of them are tasks, or refused, so that it says
 * how many there are. One that was asked alone needs none.
 */
#include "common/rest/render.h"

#include <stdlib.h>

void rest_group_add(struct rest_group_ids *ids, struct rest_task_group *group,
		    const struct mu_uuid *task, const struct mu_error *refusal)
{
	group->n_asked++;
	if (mu_uuid_is_nil(task)) {
		if (group->refusal.code == MU_E_NONE)
			group->refusal = *refusal;
		return;
	}
	ids->tasks = mu_xrealloc(ids->tasks, group->n_tasks + 1, sizeof *ids->tasks);
	ids->tasks[group->n_tasks++] = *task;
}

bool rest_group_make(struct rest *rest, struct rest_group_ids *ids, struct rest_task_group *group,
		     const struct rest_user *user, const char *from,
		     void (*done)(void *arg, const struct mu_uuid *task,
				  const struct mu_error *err),
		     void *arg)
{
	const struct rest_backend *b = &rest->backend;
	bool made = b->task_group && group->n_asked > 1 && group->n_tasks > 0;

	group->tasks = ids->tasks;
	if (made)
		b->task_group(b->ctx, group, user, from, done, arg);
	group->tasks = NULL;
	free(ids->tasks);
	return made;
}

struct http_reply *rest_reply_group(struct http_request *r, struct mu_value *tasks,
				    const struct mu_uuid *task)
{
	struct mu_value *v = mu_value_object(r->arena);
	bool is_task = !mu_uuid_is_nil(task);
	struct http_reply *reply;
	char text[MU_UUID_TEXT];

	if (is_task)
		mu_value_set_string(r->arena, v, "taskId", mu_uuid_format(task, text));
	mu_value_set(r->arena, v, "tasks", tasks);
	reply = http_reply_json(r, 202, v);
	if (is_task)
		http_reply_header(reply, "location",
				  mu_arena_printf(r->arena, "/rest/v0/tasks/%s", text));
	return reply;
}
