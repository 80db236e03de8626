/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call on many hosts, for what a pool has on all of them: a network. Each host gets a task of
 * its own, or the reason why not, and nothing is undone where it worked: with half of the hosts
 * done, asking again does the other half. Waited for, it worked when it worked everywhere. Where
 * the backend has groups, one task has all of them as its parts.
 */
#include "common/rest/render.h"

#include "common/base/assert.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host_group;

struct part {
	struct host_group *group;
	struct host_id host;
	struct mu_uuid task; /* nil: refused, `err` says why */
	bool over;
	struct mu_error err; /* once it is over */
};

struct host_group {
	struct mu_link link; /* in rest->host_groups, while tasks are waited for */
	struct rest *rest;
	struct http_request *request; /* NULL: the peer left */
	struct rest_user user;
	char from[64];
	const struct call_method *method;
	struct mu_uuid task; /* of all together; nil: there is none */
	bool sync;
	size_t n;
	size_t n_asked; /* not answered yet */
	size_t n_open;  /* not over yet */
	struct part *parts;
	struct model_task ended; /* one that worked */
};

static void group_free(struct host_group *g)
{
	mu_list_remove(&g->link);
	free(g->parts);
	free(g);
}

/* ---- what comes of it ---- */

static void add_error(struct mu_arena *a, struct mu_value *v, const struct mu_error *err)
{
	struct mu_value *error = mu_value_set(a, v, "error", mu_value_object(a));

	mu_value_set_string(a, error, "code", mu_error_name(err->code));
	mu_value_set_string(a, error, "message", err->text);
}

static struct mu_value *tasks_value(struct mu_arena *a, const struct host_group *g)
{
	struct mu_value *list = mu_value_list(a);
	char text[MU_UUID_TEXT];

	for (size_t i = 0; i < g->n; i++) {
		const struct part *p = &g->parts[i];
		struct mu_value *v = mu_value_push(list, mu_value_object(a));

		mu_value_set_string(a, v, "id", mu_uuid_format(&p->host.uuid, text));
		if (!mu_uuid_is_nil(&p->task))
			mu_value_set_string(a, v, "taskId", mu_uuid_format(&p->task, text));
		if (p->over && p->err.code != MU_E_NONE)
			add_error(a, v, &p->err);
	}
	return list;
}

static const struct part *first_failed(const struct host_group *g, size_t *ret_n)
{
	const struct part *first = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < g->n; i++) {
		if (!g->parts[i].over || g->parts[i].err.code == MU_E_NONE)
			continue;
		first = first ? first : &g->parts[i];
		++*ret_n;
	}
	return first;
}

static struct http_reply *reply_failed(struct host_group *g, const struct part *p, size_t n_failed)
{
	const struct rest_backend *b = &g->rest->backend;
	const struct model_host *h = b->host_find(b->ctx, &p->host);
	struct http_request *r = g->request;
	struct mu_error err = p->err;
	struct mu_value *data;

	if (g->n == 1)
		return http_reply_error(r, &err, NULL);
	data = mu_value_object(r->arena);
	mu_value_set(r->arena, data, "tasks", tasks_value(r->arena, g));
	(void)mu_error_prefix(&err, "%zu of %zu hosts failed: host %s", n_failed, g->n,
			      h ? h->name : "(unknown)");
	return http_reply_error(r, &err, data);
}

static struct http_reply *reply_accepted(const struct host_group *g)
{
	struct http_request *r = g->request;

	/* What there is to ask about, where nobody thinks of several. */
	return rest_reply_group(r, tasks_value(r->arena, g),
				g->n == 1 ? &g->parts[0].task : &g->task);
}

static struct http_reply *reply(struct host_group *g)
{
	size_t n_failed;
	const struct part *failed = first_failed(g, &n_failed);

	if (failed && (g->sync || g->n == 1))
		return reply_failed(g, failed, n_failed);
	return g->sync ? rest_reply_ended(g->rest, g->request, &g->ended) : reply_accepted(g);
}

static void finish(struct host_group *g)
{
	struct http_request *r = g->request;

	if (r)
		http_request_finish(r, reply(g));
	group_free(g);
}

/* ---- waiting ---- */

static void end_part(struct part *p, const struct model_task *t)
{
	p->over = true;
	p->group->n_open--;
	if (t->status == TASK_SUCCESS)
		p->group->ended = *t;
	else
		p->err = t->err;
}

void rest_host_groups_task_changed(struct rest *rest, const struct model_task *t)
{
	if (t->status == TASK_PENDING)
		return;
	mu_list_each(it, &rest->host_groups)
	{
		struct host_group *g = MU_CONTAINER_OF(it, struct host_group, link);

		for (size_t i = 0; i < g->n; i++) {
			if (!g->parts[i].over && mu_uuid_equal(&g->parts[i].task, &t->id))
				end_part(&g->parts[i], t);
		}
		if (g->n_open == 0)
			finish(g);
	}
}

/* All are asked: those that have ended already are not told any more. */
static void wait_for_all(struct host_group *g)
{
	const struct rest_backend *b = &g->rest->backend;

	for (size_t i = 0; i < g->n; i++) {
		const struct model_task *t =
		    g->parts[i].over ? NULL : b->task_find(b->ctx, &g->parts[i].task);

		if (t && t->status != TASK_PENDING)
			end_part(&g->parts[i], t);
	}
	if (g->n_open == 0)
		finish(g);
	else
		mu_list_push_back(&g->rest->host_groups, &g->link);
}

/* ---- asking ---- */

static void all_asked(struct host_group *g)
{
	g->n_asked = 0;
	if (g->request && g->sync)
		wait_for_all(g);
	else
		finish(g);
}

static void on_grouped(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct host_group *g = arg;

	(void)err; /* they go on for themselves */
	if (task)
		g->task = *task;
	all_asked(g);
}

static void on_asked(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct rest_together together = {0};
	struct part *p = arg;
	struct host_group *g = p->group;

	if (task) {
		p->task = *task;
	} else {
		p->err = *err;
		p->over = true;
		g->n_open--;
	}
	if (g->n_asked > 1) {
		g->n_asked--;
		return;
	}
	for (size_t i = 0; i < g->n; i++)
		rest_together_add(&together, &g->parts[i].host.uuid, &g->parts[i].task,
				  &g->parts[i].err);
	if (!rest_together_make(g->rest, &together, g->method, _VM_OP_COUNT, &g->user, g->from,
				on_grouped, g))
		all_asked(g);
}

static void on_gone(void *ctx)
{
	struct host_group *g = ctx;

	g->request = NULL;
	if (g->n_asked == 0)
		group_free(g);
}

static struct http_reply *ask_all(struct rest_call *c, const struct rest_ask *like,
				  struct host_group *g)
{
	const struct rest_backend *b = &c->rest->backend;
	struct http_reply *pending = http_reply_pending(c->request, on_gone, g);

	g->request = c->request;
	g->user = c->user;
	(void)snprintf(g->from, sizeof g->from, "%s", c->request->peer.address);
	g->method = like->method;
	g->n_asked = g->n_open = g->n;
	for (size_t i = 0; i < g->n; i++) {
		struct rest_ask ask = *like;

		g->parts[i].group = g;
		ask.host = g->parts[i].host;
		ask.object = ask.host.uuid;
		b->call(b->ctx, &ask, &c->user, c->request->peer.address, on_asked, &g->parts[i]);
	}
	return pending;
}

/* ---- which hosts ---- */

static void add_host(struct host_group *g, const struct host_id *host)
{
	g->parts = mu_xrealloc(g->parts, g->n + 1, sizeof *g->parts);
	memset(&g->parts[g->n], 0, sizeof g->parts[g->n]);
	g->parts[g->n++].host = *host;
}

static bool add_connected(const struct model_host *h, void *arg)
{
	if (h->connected)
		add_host(arg, &h->id);
	return true;
}

static bool add_reporting(const struct model_object *o, void *arg)
{
	struct host_group *g = arg;
	const struct rest_backend *b = &g->rest->backend;
	const struct model_host *h = b->host_find(b->ctx, &o->host);

	if (h && h->connected)
		add_host(g, &o->host);
	return true;
}

/* ["id", ...]: these, connected or not, so that one that is away is told of. */
static int add_named(struct host_group *g, const struct mu_value *hosts, struct mu_error *err)
{
	const struct rest_backend *b = &g->rest->backend;
	struct host_id id;
	size_t at = 0;

	if (hosts->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_INVALID, "body: hosts: a list of ids is expected");
	mu_value_each(it, hosts)
	{
		if (it->kind != MU_VALUE_STRING || !mu_uuid_parse(it->string, &id.uuid) ||
		    !b->host_find(b->ctx, &id))
			return mu_error_set(err, MU_E_INVALID, "body: hosts[%zu]: no such host",
					    at);
		for (size_t i = 0; i < g->n; i++)
			if (mu_uuid_equal(&g->parts[i].host.uuid, &id.uuid))
				return mu_error_set(err, MU_E_INVALID,
						    "body: hosts[%zu]: the same host twice", at);
		add_host(g, &id);
		at++;
	}
	return 0;
}

/* A card's device instead of its id, as each host has a card of its own. */
static struct http_reply *take_pif(struct rest_call *c, struct mu_value *body)
{
	const struct model_object *pif;
	const char *text;
	struct http_reply *refusal = rest_body_id(c, body, "pif", &text);

	if (refusal || (refusal = rest_object_need(c, OBJECT_PIF, text, &pif)))
		return refusal;
	rest_body_replace(c->arena, body, "pif", pif->pif.device);
	return NULL;
}

/* NULL: the body is the call's arguments, and the hosts are known. */
static struct http_reply *choose(struct rest_call *c, const struct rest_call_route *route,
				 struct mu_value *body, struct host_group *g)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct mu_value *hosts = mu_value_get(body, "hosts");
	const struct model_object *network = NULL;
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *refusal;

	if (hosts && add_named(g, hosts, &err) < 0)
		return rest_error(c, &err);
	rest_body_replace(c->arena, body, "hosts", NULL);
	if (route->source == REST_FROM_NETWORK)
		refusal = rest_object_need(c, OBJECT_NETWORK, c->id, &network);
	else if (!(refusal = rest_check_pool(c)) && route->source == REST_FROM_POOL_PIF)
		refusal = take_pif(c, body);
	if (refusal)
		return refusal;
	if (network)
		mu_value_set_string(c->arena, body, "bridge", network->network.bridge);
	if (!hosts && network)
		b->each_report(b->ctx, &network->id, add_reporting, g);
	else if (!hosts)
		b->each_host(b->ctx, add_connected, g);
	if (g->n)
		return NULL;
	(void)mu_error_set(&err, hosts ? MU_E_INVALID : MU_E_UNAVAILABLE,
			   hosts     ? "body: hosts: no host is named"
			   : network ? "no host that has the network is connected"
				     : "no host is connected");
	return rest_error(c, &err);
}

struct http_reply *rest_call_on_hosts(struct rest_call *c, const struct rest_call_route *route,
				      struct mu_value *body, bool sync, mu_msec deadline)
{
	struct rest_ask ask = {
	    .method = call_find(route->method), .arguments = body, .deadline = deadline};
	struct host_group *g = mu_xcalloc(1, sizeof *g);
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *refusal;

	mu_link_init(&g->link);
	g->rest = c->rest;
	g->sync = sync;
	refusal = choose(c, route, body, g);
	if (!refusal && call_check(ask.method, body, &err) < 0)
		refusal = rest_error(c, &err);
	if (!refusal && !c->rest->backend.call)
		refusal = rest_unsupported(c, ask.method->name);
	if (!refusal && !rest_is_trial(c->request))
		return ask_all(c, &ask, g);
	if (!refusal)
		refusal = http_reply_empty(c->request, 204);
	group_free(g);
	return refusal;
}
