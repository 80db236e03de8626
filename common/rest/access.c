/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights, as routes state them (docs/design/access.md): the dispatcher asks here before any handler
 * runs. Lists are another matter: render.c leaves out of them what is not to be seen.
 *
 * Whoever is no administrator has {id} looked up as an object of the right's resource, whatever the
 * handler makes of it: what is none is not there.
 */
#include "common/rest/access.h"

#include "common/base/assert.h"
#include "common/json/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REST_TYPE_ENTRY(name) &rest_type_##name,
static const struct rest_type *const types[] = {REST_NAMED_TYPES(REST_TYPE_ENTRY)
						    REST_OTHER_TYPES(REST_TYPE_ENTRY)};

/* NULL: the resource has no objects here. */
static const struct rest_type *type_of_resource(const char *resource)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(types); i++)
		if (strcasecmp(types[i]->name, resource) == 0)
			return types[i];
	return NULL;
}

/* --- what a user may see of a type --- */

/* What the account has; who has none may nothing. */
static const struct rights *rights_of(const struct rest *rest, const struct rest_user *user)
{
	const struct rest_backend *b = &rest->backend;

	if (user->admin)
		return NULL;
	return b->rights ? b->rights(b->ctx, &user->account) : rights_nothing();
}

void rest_sight_init(struct rest_sight *s, struct rest *rest, const struct rest_user *user,
		     const struct rest_type *type, const char *action, struct mu_arena *a)
{
	char resource[RIGHTS_RESOURCE_MAX + 1] = "";

	mu_assert(strlen(type->name) < sizeof resource && type->n_fields <= REST_FIELDS_MAX);
	for (size_t i = 0; type->name[i]; i++)
		resource[i] = (char)tolower((unsigned char)type->name[i]);
	memset(s, 0, sizeof *s);
	s->type = type;
	s->own = type == &rest_type_task && !user->admin ? user->name : NULL;
	rights_check_init(&s->check, rights_of(rest, user), resource, action, a);
	for (size_t i = 0; s->check.verdict == RIGHTS_SOME && i < type->n_fields; i++)
		s->used[i] = rights_check_uses(&s->check, type->fields[i].name);
}

bool rest_sight_sees(const struct rest_sight *s, struct rest_render *r, const void *object)
{
	if (s->check.verdict == RIGHTS_ALL)
		return true;
	/* A task is its user's too. */
	if (s->own && strcmp(((const struct model_task *)object)->user, s->own) == 0)
		return true;
	return s->check.verdict == RIGHTS_SOME &&
	       rights_check_object(&s->check, rest_render_chosen(r, s->type, object, s->used));
}

void rest_viewer_init(struct rest_viewer *v, struct rest_call *c, const struct rest_type *type,
		      const char *action)
{
	rest_sight_init(&v->sight, c->rest, &c->user, type, action, c->arena);
	rest_render_init(&v->render, c->rest, mu_arena_new());
}

void rest_viewer_deinit(struct rest_viewer *v)
{
	mu_arena_free(v->render.arena);
}

bool rest_viewer_sees(struct rest_viewer *v, const void *object)
{
	mu_arena_reset(v->render.arena);
	return rest_sight_sees(&v->sight, &v->render, object);
}

/* --- one object --- */

struct looking {
	struct rest *rest;
	const struct rest_sight *sight;
	struct mu_arena *arena;
	bool found;
	bool seen;
};

static void found(const void *object, void *arg)
{
	struct looking *l = arg;
	struct rest_render r;

	rest_render_init(&r, l->rest, l->arena);
	l->found = true;
	l->seen = rest_sight_sees(l->sight, &r, object);
}

/* May the action be done with this object? *ret_found: is there one? */
static bool allowed(struct rest *rest, const struct rest_user *user, const struct rest_type *type,
		    const char *action, const struct mu_uuid *id, struct mu_arena *a,
		    bool *ret_found)
{
	struct rest_sight sight;
	struct looking l = {.rest = rest, .sight = &sight, .arena = a};

	rest_sight_init(&sight, rest, user, type, action, a);
	type->find(rest, id, found, &l);
	*ret_found = l.found;
	return l.seen;
}

bool rest_may(struct rest *rest, const struct rest_user *user, const char *right,
	      const struct mu_uuid *id)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char resource[RIGHTS_RESOURCE_MAX + 1];
	const struct rest_type *type;
	const char *action;
	bool is_there;

	if (user->admin)
		return true;
	rights_split(right, resource, &action);
	type = type_of_resource(resource);
	mu_assert(type);
	return allowed(rest, user, type, action, id, a, &is_there);
}

const char *rest_access_host_name(struct rest_call *c, const struct model_host *h)
{
	char *text;

	if (!h)
		return "(unknown)";
	if (rest_may(c->rest, &c->user, "host:read", &h->id.uuid))
		return h->name;
	text = mu_arena_alloc(c->arena, MU_UUID_TEXT);
	return mu_uuid_format(&h->id.uuid, text);
}

/* --- refusals --- */

struct http_reply *rest_denied(struct rest_call *c, const char *resource, const char *action,
			       const char *id)
{
	struct mu_arena *a = c->arena;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *data = mu_value_object(a);
	struct mu_value *list = mu_value_set(a, data, "missingPrivileges", mu_value_list(a));
	struct mu_value *missing = mu_value_push(list, mu_value_object(a));

	(void)mu_error_set(&err, MU_E_DENIED, "%s has no privilege %s:%s%s%s", c->user.name,
			   resource, action, id ? " for " : "", id ? id : "");
	mu_value_set_string(a, missing, "action", action);
	mu_value_set_string(a, missing, "resource", resource);
	if (id)
		mu_value_set_string(a, missing, "objectId", id);
	return http_reply_error(c->request, &err, data);
}

struct http_reply *rest_access_admins(struct rest_call *c)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_DENIED, "only administrators may do this, %s is none",
			   c->user.name);
	return rest_error(c, &err);
}

struct http_reply *rest_access_need(struct rest_call *c, const char *right,
				    const struct mu_uuid *id)
{
	char resource[RIGHTS_RESOURCE_MAX + 1];
	const struct rest_type *type;
	struct rights_check check;
	bool is_there = true, may;
	const char *action;
	char *text = NULL;

	if (c->user.admin)
		return NULL;
	rights_split(right, resource, &action);
	type = type_of_resource(resource);
	mu_assert(type);
	if (id) {
		text = mu_arena_alloc(c->arena, MU_UUID_TEXT);
		(void)mu_uuid_format(id, text);
		may = allowed(c->rest, &c->user, type, action, id, c->arena, &is_there);
	} else {
		rights_check_init(&check, rights_of(c->rest, &c->user), resource, action, c->arena);
		may = rights_check_object(&check, NULL);
	}
	if (!is_there)
		return rest_not_found(c, type->name, text);
	return may ? NULL : rest_denied(c, resource, action, text);
}

/* --- a request --- */

struct asking {
	struct rest_call *call;
	char resource[RIGHTS_RESOURCE_MAX + 1];
	const struct rest_type *type; /* NULL: the resource has no objects here */
	const char *id_text;          /* NULL: the route is about none */
	struct mu_uuid id;
};

static bool may(const struct asking *q, const char *action, bool *ret_is_there)
{
	struct rest_call *c = q->call;
	struct rights_check check;

	*ret_is_there = true;
	if (q->type && q->id_text)
		return allowed(c->rest, &c->user, q->type, action, &q->id, c->arena, ret_is_there);
	rights_check_init(&check, rights_of(c->rest, &c->user), q->resource, action, c->arena);
	return rights_check_object(&check, NULL);
}

/* NULL, or the refusal. */
static struct http_reply *ask(const struct asking *q, const char *action)
{
	struct rest_call *c = q->call;
	bool is_there;

	if (may(q, action, &is_there))
		return NULL;
	return is_there ? rest_denied(c, q->resource, action, q->id_text)
			: rest_not_found(c, q->type->name, q->id_text);
}

/* Tags can be given one by one, too. */
static const char *property_of(const char *name)
{
	return strcmp(name, "addTags") == 0 || strcmp(name, "removeTags") == 0 ? "tags" : name;
}

/* PATCH: of each property that is in the body, unless all may be changed. What is wrong with the
 * body is the handler's to say: it changes nothing then. */
static struct http_reply *ask_update(const struct asking *q)
{
	struct rest_call *c = q->call;
	struct http_reply *refusal = NULL;
	struct mu_value *body = NULL;
	bool is_there;

	if (may(q, "update", &is_there))
		return NULL;
	if (!is_there ||
	    mu_json_read(c->arena, c->request->body, c->request->body_len, &body, NULL) < 0 ||
	    body->kind != MU_VALUE_OBJECT || !body->first)
		return ask(q, "update");
	for (const struct mu_value *v = body->first; v && !refusal; v = v->next)
		refusal = ask(q, mu_arena_printf(c->arena, "update:%s", property_of(v->name)));
	return refusal;
}

const char *rest_action_right(const char *verb)
{
	static const struct {
		const char *verb;
		const char *right;
	} odd[] = {
	    {"clean_shutdown", "shutdown:clean"},   {"hard_shutdown", "shutdown:hard"},
	    {"clean_reboot", "reboot:clean"},       {"hard_reboot", "reboot:hard"},
	    {"revert_snapshot", "revert-snapshot"}, {"convert_to_template", "convert-to-template"},
	    {"move_to_cpupool", "update:cpupool"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(odd); i++)
		if (strcmp(odd[i].verb, verb) == 0)
			return odd[i].right;
	return verb;
}

struct http_reply *rest_access_check(struct rest_call *c, const struct rest_route_info *info,
				     const char *const vars[2])
{
	struct asking q = {.call = c};
	bool lists = info->method == HTTP_GET && !strchr(info->pattern, '{');
	const char *action;

	if (c->user.admin)
		return NULL;
	if (!info->right || strcmp(info->right, REST_ADMIN) == 0)
		return rest_access_admins(c);
	if (strcmp(info->right, REST_SIGNED_IN) == 0)
		return NULL;
	rights_split(info->right, q.resource, &action);
	q.type = type_of_resource(q.resource);
	if (lists && q.type && strcmp(action, "read") == 0) /* what is not to be seen is left out */
		return NULL;
	if (strstr(info->pattern, "{id}")) {
		q.id_text = vars[0];
		if (!mu_uuid_parse(vars[0], &q.id))
			q.id = (struct mu_uuid){{0}};
	}
	if (strcmp(action, "{action}") == 0) {
		action = rest_action_right(vars[q.id_text ? 1 : 0]);
		/* A list of objects: each is asked for. */
		if (!q.id_text &&
		    rights_look(rights_of(c->rest, &c->user), q.resource, action) != RIGHTS_NONE)
			return NULL;
	}
	return info->method == HTTP_PATCH && strcmp(action, "update") == 0 ? ask_update(&q)
									   : ask(&q, action);
}
