/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"
#include "common/rest/access.h"
#include "common/rest/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct model_task *task(const void *object)
{
	return object;
}

static struct mu_value *task_id(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &task(object)->id);
}

static struct mu_value *task_status(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, task_status_name(task(object)->status));
}

static struct mu_value *time_or_absent(struct rest_render *r, mu_msec at)
{
	return at ? mu_value_int(r->arena, at) : NULL;
}

static struct mu_value *task_start(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, task(object)->start);
}

static struct mu_value *task_updated(struct rest_render *r, const void *object)
{
	return time_or_absent(r, task(object)->updated);
}

static struct mu_value *task_end(struct rest_render *r, const void *object)
{
	return time_or_absent(r, task(object)->end);
}

static struct mu_value *task_abort(struct rest_render *r, const void *object)
{
	return time_or_absent(r, task(object)->abort_requested);
}

static const char *object_type(const struct model_task *t)
{
	const struct call_method *m = call_find(t->method);

	if (t->n_parts)
		return "pool";
	return m ? call_target_name(m->target) : "VM";
}

static struct mu_value *task_properties(struct rest_render *r, const void *object)
{
	const struct model_task *t = object;
	struct mu_value *v = mu_value_object(r->arena);
	char name[80];
	int len;

	if (t->method[0])
		len = snprintf(name, sizeof name, "REST API: %s", t->method);
	else
		len = snprintf(name, sizeof name, "REST API: %s VM", vm_op_name(t->op));
	if (t->n_parts)
		(void)snprintf(name + len, sizeof name - (size_t)len, ", %u times", t->n_parts);
	mu_value_set_string(r->arena, v, "name", name);
	mu_value_set_string(r->arena, v, "type", "xo:rest-api:action");
	mu_value_set_string(r->arena, v, "method", task_what(t));
	mu_value_set(r->arena, v, "objectId", rest_uuid(r->arena, task_object(t)));
	mu_value_set_string(r->arena, v, "objectType", object_type(t));
	if (!t->n_parts)
		mu_value_set(r->arena, v, "hostId", rest_uuid(r->arena, &t->host.uuid));
	if (!mu_uuid_is_nil(&t->parent))
		mu_value_set(r->arena, v, "parentId", rest_uuid(r->arena, &t->parent));
	mu_value_set_string(r->arena, v, "userId", t->user);
	if (t->deadline)
		mu_value_set_int(r->arena, v, "deadline", t->deadline);
	return v;
}

static struct mu_value *task_progress(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, task(object)->progress);
}

struct mu_value *rest_task_value(struct mu_arena *a, const struct model_task *t)
{
	struct mu_value *v;

	if (t->status != TASK_SUCCESS || !t->value[0] ||
	    mu_json_read(a, t->value, strlen(t->value), &v, NULL) < 0)
		return NULL;
	return v;
}

static struct mu_value *task_result(struct rest_render *r, const void *object)
{
	const struct model_task *t = object;
	struct mu_value *v;

	if (t->status == TASK_PENDING)
		return NULL;
	if (t->status == TASK_SUCCESS)
		return rest_task_value(r->arena, t);
	v = mu_value_object(r->arena);
	mu_value_set_string(r->arena, v, "name", "Error");
	mu_value_set_string(r->arena, v, "code", mu_error_name(t->err.code));
	mu_value_set_string(r->arena, v, "message", t->err.text);
	return v;
}

struct parts {
	struct rest_render *render;
	struct mu_value *list;
};

static bool add_part(const struct model_task *t, void *arg)
{
	struct parts *p = arg;

	mu_value_push(p->list, rest_render_object(p->render, &rest_type_task, t, NULL));
	return true;
}

/* Of a group. A part is no group, so this goes no deeper. */
static struct mu_value *task_parts(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct model_task *t = object;
	struct parts p = {r, NULL};

	if (!t->n_parts || !b->each_part)
		return NULL;
	p.list = mu_value_list(r->arena);
	b->each_part(b->ctx, &t->id, add_part, &p);
	return p.list;
}

/* XO's {message, data}; `data` has when. */
static struct mu_value *said(struct rest_render *r, const struct model_task *t, bool warnings)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct task_lines *l = b->task_lines ? b->task_lines(b->ctx, &t->id) : NULL;
	struct mu_value *list = NULL;

	for (size_t i = 0; l && i < l->n; i++) {
		struct mu_value *v, *data;

		if (l->lines[i].warning != warnings)
			continue;
		list = list ? list : mu_value_list(r->arena);
		v = mu_value_push(list, mu_value_object(r->arena));
		mu_value_set_string(r->arena, v, "message", l->lines[i].text);
		data = mu_value_set(r->arena, v, "data", mu_value_object(r->arena));
		mu_value_set_int(r->arena, data, "at", l->lines[i].at);
	}
	return list;
}

static struct mu_value *task_infos(struct rest_render *r, const void *object)
{
	return said(r, object, false);
}

static struct mu_value *task_warnings(struct rest_render *r, const void *object)
{
	return said(r, object, true);
}

static const struct rest_field fields[] = {
    {"id", task_id},
    {"status", task_status},
    {"start", task_start},
    {"updatedAt", task_updated},
    {"end", task_end},
    {"abortionRequestedAt", task_abort},
    {"properties", task_properties},
    {"progress", task_progress},
    {"result", task_result},
    {"infos", task_infos},
    {"warnings", task_warnings},
    {"tasks", task_parts},
};

static const struct mu_uuid *task_uuid(const void *object)
{
	return &task(object)->id;
}

struct each {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool each_task(const struct model_task *t, void *arg)
{
	struct each *e = arg;

	return e->each(t, e->arg);
}

static void walk(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		 void *arg)
{
	struct each e = {each, arg};

	b->each_task(b->ctx, each_task, &e);
}

static void find_task(struct rest *rest, const struct mu_uuid *id,
		      void (*found)(const void *object, void *arg), void *arg)
{
	const struct model_task *t = rest->backend.task_find(rest->backend.ctx, id);

	if (t)
		found(t, arg);
}

const struct rest_type rest_type_task = {
    .name = "task",
    .collection = "tasks",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = task_uuid,
    .each = walk,
    .find = find_task,
};

struct http_reply *rest_get_tasks(struct rest_call *c)
{
	struct mu_error err = MU_ERROR_INIT;
	bool watch = false;

	if (rest_query_bool(c, "watch", &watch, &err) < 0)
		return rest_bad_request(c, &err);
	if (watch)
		return rest_watch_tasks(c, NULL);
	return rest_list(c, &rest_type_task, NULL, NULL);
}

static const struct model_task *find(struct rest_call *c, struct mu_uuid *id)
{
	const struct rest_backend *b = &c->rest->backend;

	return mu_uuid_parse(c->id, id) ? b->task_find(b->ctx, id) : NULL;
}

struct http_reply *rest_get_task(struct rest_call *c)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct model_task *t;
	struct mu_uuid id;
	bool wait = false;
	bool watch = false;

	if (rest_query_bool(c, "wait", &wait, &err) < 0 ||
	    rest_query_bool(c, "watch", &watch, &err) < 0)
		return rest_bad_request(c, &err);
	if (wait && watch) {
		(void)mu_error_set(&err, MU_E_PROTOCOL, "wait, watch: one of them only");
		return rest_bad_request(c, &err);
	}
	t = find(c, &id);
	if (!t)
		return rest_not_found(c, "task", c->id);
	if (watch)
		return rest_watch_tasks(c, t);
	if (wait && t->status == TASK_PENDING)
		return rest_wait(c->rest, c->request, &id, REST_WAIT_TASK);
	return rest_single(c, &rest_type_task, t);
}

/* NULL, or the refusal. */
static struct http_reply *abort_it(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid id;

	if (!find(c, &id))
		return rest_not_found(c, "task", c->id);
	if (b->task_abort(b->ctx, &id, &c->user, c->request->peer.address, &err) < 0)
		return rest_error(c, &err);
	return NULL;
}

struct http_reply *rest_post_task_abort(struct rest_call *c)
{
	struct http_reply *refusal = abort_it(c);

	return refusal ? refusal : http_reply_empty(c->request, 204);
}

struct http_reply *rest_post_task_abort_told(struct rest_call *c)
{
	struct http_reply *refusal = abort_it(c);
	struct mu_value *v;

	if (refusal)
		return refusal;
	v = mu_value_object(c->arena);
	mu_value_set_bool(c->arena, v, "success", true);
	return http_reply_json(c->request, 200, v);
}

/* ---- forgetting ---- */

struct deletion {
	struct http_request *request; /* NULL: the peer left */
};

static void on_deleted(void *arg, const struct mu_error *err)
{
	struct deletion *d = arg;
	struct http_request *r = d->request;

	if (r)
		http_request_finish(r, err ? http_reply_error(r, err, NULL)
					   : http_reply_empty(r, 204));
	free(d);
}

static void on_peer_gone(void *ctx)
{
	struct deletion *d = ctx;

	d->request = NULL;
}

static struct http_reply *delete_tasks(struct rest_call *c, const struct mu_uuid *ids, size_t n)
{
	const struct rest_backend *b = &c->rest->backend;
	struct deletion *d = mu_xcalloc(1, sizeof *d);
	struct http_reply *pending = http_reply_pending(c->request, on_peer_gone, d);

	d->request = c->request;
	b->tasks_delete(b->ctx, ids, n, &c->user, c->request->peer.address, on_deleted, d);
	return pending;
}

struct http_reply *rest_delete_task(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid id;

	if (!find(c, &id))
		return rest_not_found(c, "task", c->id);
	if (!b->tasks_delete)
		return rest_unsupported(c, "to delete a task");
	if (b->task_check_delete(b->ctx, &id, &err) < 0)
		return rest_error(c, &err);
	return delete_tasks(c, &id, 1);
}

struct clearing {
	struct rest_viewer viewer;
	const struct rest_backend *backend;
	struct mu_uuid *ids;
	size_t n;
};

/* Whatever is over, and his to delete. */
static bool add_deletable(const struct model_task *t, void *arg)
{
	struct clearing *cl = arg;

	if (cl->backend->task_check_delete(cl->backend->ctx, &t->id, NULL) < 0 ||
	    !rest_viewer_sees(&cl->viewer, t))
		return true;
	cl->ids = mu_xrealloc(cl->ids, cl->n + 1, sizeof *cl->ids);
	cl->ids[cl->n++] = t->id;
	return true;
}

struct http_reply *rest_delete_tasks(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct clearing cl = {.backend = b};
	struct http_reply *reply;

	if (!b->tasks_delete)
		return rest_unsupported(c, "to delete tasks");
	rest_viewer_init(&cl.viewer, c, &rest_type_task, "delete");
	b->each_task(b->ctx, add_deletable, &cl);
	rest_viewer_deinit(&cl.viewer);
	reply = delete_tasks(c, cl.ids, cl.n);
	free(cl.ids);
	return reply;
}
