/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One action on many VMs: POST /vms/actions/{action} with {"ids": [...]} or ?filter=. Each VM gets
 * a task of its own, or the reason why not; the reply lists them in order. What an action needs is
 * checked by the backend for each, as one that cannot be done must not hold up the others. Where
 * the backend has groups, one task has all of them as its parts.
 */
#include "common/rest/access.h"

#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_MAX = 500 };

struct group;

struct member {
	struct group *group;
	struct vm_id vm;
	struct mu_uuid task; /* when err is MU_E_NONE */
	struct mu_error err;
};

struct group {
	struct rest *rest;
	struct http_request *request; /* NULL: the peer left */
	struct rest_user user;
	char from[64];
	const struct call_method *method;
	enum vm_op op;
	struct mu_uuid task; /* of all together; nil: there is none */
	size_t n;
	size_t n_open; /* not answered yet */
	struct member members[GROUP_MAX];
};

/* Who is in it */

static int too_many(struct mu_error *err)
{
	return mu_error_set(err, MU_E_TOO_LARGE, "more than %d VMs; hint: at most %d at once",
			    GROUP_MAX, GROUP_MAX);
}

static int add(struct group *g, const struct vm_id *vm, struct mu_error *err)
{
	if (g->n == GROUP_MAX)
		return too_many(err);
	g->members[g->n].group = g;
	g->members[g->n++].vm = *vm;
	return 0;
}

static int add_ids(struct group *g, const struct mu_value *ids, struct mu_error *err)
{
	size_t at = 0;
	struct vm_id vm;

	if (!ids || ids->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_INVALID,
				    "body: ids: a list of ids is expected; hint: or ?filter=");
	mu_value_each(it, ids)
	{
		if (it->kind != MU_VALUE_STRING || !mu_uuid_parse(it->string, &vm.uuid))
			return mu_error_set(err, MU_E_INVALID, "body: ids[%zu]: not a UUID", at);
		for (size_t i = 0; i < g->n; i++)
			if (mu_uuid_equal(&g->members[i].vm.uuid, &vm.uuid))
				return mu_error_set(err, MU_E_INVALID,
						    "body: ids[%zu]: the same VM twice", at);
		if (add(g, &vm, err) < 0)
			return MU_FAILED;
		at++;
	}
	return 0;
}

struct filtering {
	struct rest_render render;
	struct rest_sight sight; /* only what may be seen is found */
	const struct query_filter *filter;
	bool used[REST_FIELDS_MAX];
	struct group *group;
	bool full;
	struct mu_error *err;
};

static bool add_matching(const struct model_vm *vm, void *arg)
{
	struct filtering *f = arg;

	if (vm->kind != VM_KIND_VM)
		return true;
	mu_arena_reset(f->render.arena);
	if (rest_sight_sees(&f->sight, &f->render, vm) &&
	    query_filter_match(f->filter,
			       rest_render_chosen(&f->render, &rest_type_vm, vm, f->used)))
		f->full = add(f->group, &vm->id, f->err) < 0;
	return !f->full;
}

static int add_filtered(struct rest_call *c, struct group *g, const char *text,
			struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct rest_backend *b = &c->rest->backend;
	struct filtering f = {.group = g, .err = err};
	struct query_filter *filter = NULL;

	if (query_filter_parse(c->arena, text, &filter, err) < 0)
		return MU_FAILED;
	f.filter = filter;
	rest_render_init(&f.render, c->rest, a);
	rest_sight_init(&f.sight, c->rest, &c->user, &rest_type_vm, "read", c->arena);
	rest_render_choose_for(&rest_type_vm, filter, f.used);
	b->each_vm(b->ctx, add_matching, &f);
	return f.full ? MU_FAILED : query_filter_check(filter, err);
}

static int fill(struct rest_call *c, struct group *g, struct mu_value *body, struct mu_error *err)
{
	const char *filter = http_request_query(c->request, "filter");
	const struct mu_value *ids = mu_value_get(body, "ids");

	if (filter && ids)
		return mu_error_set(err, MU_E_INVALID, "body: ids, and ?filter=: not both");
	if (filter)
		return add_filtered(c, g, filter, err);
	if (add_ids(g, ids, err) < 0)
		return MU_FAILED;
	rest_body_replace(c->arena, body, "ids", NULL);
	return 0;
}

/* What comes of it */

static struct mu_value *member_value(struct mu_arena *a, const struct member *m)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *error;
	char text[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&m->vm.uuid, text));
	if (m->err.code == MU_E_NONE) {
		mu_value_set_string(a, v, "taskId", mu_uuid_format(&m->task, text));
		return v;
	}
	error = mu_value_set(a, v, "error", mu_value_object(a));
	mu_value_set_string(a, error, "code", mu_error_name(m->err.code));
	mu_value_set_string(a, error, "message", m->err.text);
	return v;
}

static struct http_reply *reply(struct http_request *r, const struct group *g)
{
	struct mu_value *list = mu_value_list(r->arena);

	for (size_t i = 0; i < g->n; i++)
		mu_value_push(list, member_value(r->arena, &g->members[i]));
	return rest_reply_group(r, list, &g->task);
}

static void finish(struct group *g)
{
	if (g->request)
		http_request_finish(g->request, reply(g->request, g));
	free(g);
}

static void on_grouped(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct group *g = arg;

	(void)err; /* they go on for themselves */
	if (task)
		g->task = *task;
	finish(g);
}

static void on_member(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct rest_together together = {0};
	struct member *m = arg;
	struct group *g = m->group;

	if (task)
		m->task = *task;
	else
		m->err = *err;
	if (--g->n_open)
		return;
	for (size_t i = 0; i < g->n; i++)
		rest_together_add(&together, &g->members[i].vm.uuid, &g->members[i].task,
				  &g->members[i].err);
	if (!rest_together_make(g->rest, &together, g->method, g->op, &g->user, g->from, on_grouped,
				g))
		finish(g);
}

static void on_gone(void *ctx)
{
	struct group *g = ctx;

	g->request = NULL;
}

/* Asking */

struct action {
	enum vm_op op;
	const struct call_method *method; /* NULL: `op` */
	struct mu_value *arguments;
	mu_msec deadline;
};

static void ask_call(struct rest_call *c, const struct action *action, struct member *m)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_value *arguments = mu_value_copy(c->arena, action->arguments);
	struct rest_ask ask = {.method = action->method,
			       .object = m->vm.uuid,
			       .arguments = arguments,
			       .deadline = action->deadline};

	rest_call_choose_id(c, action->method, arguments);
	b->call(b->ctx, &ask, &c->user, c->request->peer.address, on_member, m);
}

/* Those that the user may not do it with are over at once. */
static void check_rights(struct rest_call *c, struct group *g)
{
	const char *action = rest_action_right(c->id);
	char right[RIGHTS_TEXT_MAX + 64];

	(void)snprintf(right, sizeof right, "vm:%s", action);
	for (size_t i = 0; i < g->n; i++) {
		struct member *m = &g->members[i];

		if (rest_may(c->rest, &c->user, right, &m->vm.uuid))
			g->n_open++;
		else
			(void)mu_error_set(&m->err, MU_E_DENIED, "%s has no privilege %s",
					   c->user.name, right);
	}
}

static struct http_reply *ask_all(struct rest_call *c, const struct action *action, struct group *g)
{
	const struct rest_backend *b = &c->rest->backend;

	g->rest = c->rest;
	g->request = c->request;
	g->user = c->user;
	(void)snprintf(g->from, sizeof g->from, "%s", c->request->peer.address);
	g->method = action->method;
	g->op = action->op;
	for (size_t i = 0; i < g->n; i++) {
		if (g->members[i].err.code != MU_E_NONE)
			continue;
		if (action->method)
			ask_call(c, action, &g->members[i]);
		else
			b->vm_op(b->ctx, &g->members[i].vm, action->op, action->deadline, &c->user,
				 c->request->peer.address, on_member, &g->members[i]);
	}
	return http_reply_pending(c->request, on_gone, g);
}

static int read_action(struct rest_call *c, struct action *action, struct group *g,
		       struct mu_error *err)
{
	const struct mu_value *given = NULL;
	int64_t timeout = 0;

	if (http_request_query(c->request, "sync"))
		return mu_error_set(err, MU_E_PROTOCOL,
				    "sync: not for several VMs; hint: wait for their tasks");
	if (rest_query_seconds(c, "timeout", &timeout, err) < 0 ||
	    rest_body(c, NULL, &given, err) < 0)
		return MU_FAILED;
	action->deadline = timeout ? mu_clock_wall() + MU_SEC(timeout) : 0;
	action->arguments = mu_value_copy(c->arena, given);
	if (fill(c, g, action->arguments, err) < 0)
		return MU_FAILED;
	if (action->method)
		return call_check(action->method, action->arguments, err);
	if (action->arguments->first)
		return mu_error_set(err, MU_E_INVALID, "body: unknown property \"%s\"",
				    action->arguments->first->name);
	return 0;
}

struct http_reply *rest_post_vm_group(struct rest_call *c)
{
	struct action action = {.method = rest_call_of_vm(c->id)};
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *answer;
	struct group *g;

	if (!action.method && !vm_op_parse(c->id, &action.op))
		return rest_not_found(c, "action", c->id);
	if (action.method && !c->rest->backend.call)
		return rest_unsupported(c, action.method->name);
	g = mu_xcalloc(1, sizeof *g);
	if (read_action(c, &action, g, &err) < 0) {
		answer = rest_error(c, &err);
		free(g);
		return answer;
	}
	answer = rest_access_named(c, action.arguments);
	if (!answer && action.method)
		answer = rest_access_arguments(c, &(struct rest_target){.method = action.method},
					       action.arguments);
	if (answer) {
		free(g);
		return answer;
	}
	check_rights(c, g);
	if (g->n_open)
		return ask_all(c, &action, g);
	answer = reply(c->request, g);
	free(g);
	return answer;
}
