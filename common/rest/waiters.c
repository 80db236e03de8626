/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for a task: ?sync=true on an action, ?wait=true on a task. They are few (one
 * for each client that waits), so a list does. */
#include "common/rest/render.h"

#include <stdlib.h>

struct waiter {
	struct mu_link link;
	struct http_request *request;
	struct mu_uuid task;
	enum rest_wait_for what;
};

/* A VM may have been asked for as a template. */
static const char *collection_of(struct rest *rest, const char *makes, const struct mu_uuid *id)
{
	const struct vm_id vm_id = {*id};
	const struct model_vm *vm = rest->backend.vm_find(rest->backend.ctx, &vm_id);

	return vm && vm->kind == VM_KIND_TEMPLATE ? "vm-templates" : makes;
}

/* What a call gives back: 201 for something new, 200 for anything else, 204 for nothing, and for
 * PUT and DELETE. */
static struct http_reply *reply_value(struct rest *rest, struct http_request *r,
				      const struct model_task *t)
{
	const struct call_method *m = call_find(t->method);
	const struct mu_value *v = rest_task_value(r->arena, t);
	const char *text = mu_value_as_string(mu_value_get(v, "id"));
	struct mu_uuid id;

	if (!v || v->n_children == 0 || r->method == HTTP_PUT || r->method == HTTP_DELETE)
		return http_reply_empty(r, 204);
	if (m && m->makes && text && mu_uuid_parse(text, &id))
		return rest_created(r, collection_of(rest, m->makes, &id), &id);
	return http_reply_json(r, 200, v);
}

static struct http_reply *reply_ended(struct rest *rest, struct http_request *r,
				      const struct model_task *t, enum rest_wait_for what)
{
	struct rest_call c = {.rest = rest, .request = r, .arena = r->arena};
	struct mu_value *data;

	if (what == REST_WAIT_TASK)
		return rest_single(&c, &rest_type_task, t);
	if (t->status == TASK_SUCCESS)
		return reply_value(rest, r, t);
	data = mu_value_object(r->arena);
	mu_value_set_string(r->arena, data, "code", mu_error_name(t->err.code));
	mu_value_set_string(r->arena, data, "status", task_status_name(t->status));
	return http_reply_error(r, &t->err, data);
}

struct http_reply *rest_reply_ended(struct rest *rest, struct http_request *r,
				    const struct model_task *t)
{
	return reply_ended(rest, r, t, REST_WAIT_ACTION);
}

static void waiter_free(struct waiter *w)
{
	mu_list_remove(&w->link);
	free(w);
}

static void on_gone(void *ctx)
{
	waiter_free(ctx);
}

static struct waiter *waiter_new(struct rest *rest, struct http_request *r,
				 const struct mu_uuid *task, enum rest_wait_for what)
{
	struct waiter *w = mu_xcalloc(1, sizeof *w);

	w->request = r;
	w->task = *task;
	w->what = what;
	mu_list_push_back(&rest->waiters, &w->link);
	return w;
}

struct http_reply *rest_wait(struct rest *rest, struct http_request *r, const struct mu_uuid *task,
			     enum rest_wait_for what)
{
	const struct model_task *t = rest->backend.task_find(rest->backend.ctx, task);

	if (t && t->status != TASK_PENDING)
		return reply_ended(rest, r, t, what);
	return http_reply_pending(r, on_gone, waiter_new(rest, r, task, what));
}

void rest_wait_more(struct rest *rest, struct http_request *r, const struct mu_uuid *task,
		    enum rest_wait_for what)
{
	const struct model_task *t = rest->backend.task_find(rest->backend.ctx, task);

	if (t && t->status != TASK_PENDING)
		http_request_finish(r, reply_ended(rest, r, t, what));
	else
		http_request_watch(r, on_gone, waiter_new(rest, r, task, what));
}

void rest_waiters_task_changed(struct rest *rest, const struct model_task *t)
{
	if (t->status == TASK_PENDING)
		return;
	mu_list_each(it, &rest->waiters)
	{
		struct waiter *w = MU_CONTAINER_OF(it, struct waiter, link);
		struct http_request *r = w->request;
		enum rest_wait_for what = w->what;

		if (!mu_uuid_equal(&w->task, &t->id))
			continue;
		waiter_free(w);
		http_request_finish(r, reply_ended(rest, r, t, what));
	}
}
