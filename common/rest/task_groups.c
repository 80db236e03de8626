/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked of many, as one task: made when all of them are tasks, or refused, so that it says
 * how many there are. One that was asked alone needs none.
 */
#include "common/rest/render.h"

#include <stdlib.h>

void rest_together_add(struct rest_together *t, const struct mu_uuid *object,
		       const struct mu_uuid *task, const struct mu_error *refusal)
{
	if (mu_uuid_is_nil(task)) {
		t->refused = mu_xrealloc(t->refused, t->n_refused + 1, sizeof *t->refused);
		t->refused[t->n_refused++] = (struct rest_refused){*object, *refusal};
	} else {
		t->tasks = mu_xrealloc(t->tasks, t->n_tasks + 1, sizeof *t->tasks);
		t->tasks[t->n_tasks++] = *task;
	}
}

bool rest_together_make(
    struct rest *rest, struct rest_together *t, const struct call_method *method, enum vm_op op,
    const struct rest_user *user, const char *from,
    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err), void *arg)
{
	const struct rest_backend *b = &rest->backend;
	const struct rest_task_group group = {
	    .op = method ? _VM_OP_COUNT : op,
	    .method = method,
	    .tasks = t->tasks,
	    .n_tasks = t->n_tasks,
	    .refused = t->refused,
	    .n_refused = t->n_refused,
	};
	bool made = b->task_group && t->n_tasks > 0 && t->n_tasks + t->n_refused > 1;

	if (made)
		b->task_group(b->ctx, &group, user, from, done, arg);
	free(t->tasks);
	free(t->refused);
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
