/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/rest/access.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
	struct pending *pending;
	const char *collection; /* NULL: 204 */
	struct mu_uuid id;
};

static void on_changed(void *arg, const struct mu_error *err)
{
	struct answer *an = arg;
	struct http_request *r = pending_take(an->pending);
	char text[MU_UUID_TEXT];
	struct http_reply *reply;
	struct mu_value *v;

	if (r && err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
	} else if (r && !an->collection) {
		http_request_finish(r, http_reply_empty(r, 204));
	} else if (r) {
		v = mu_value_object(r->arena);
		mu_value_set_string(r->arena, v, "id", mu_uuid_format(&an->id, text));
		reply = http_reply_json(r, 201, v);
		http_reply_header(
		    reply, "location",
		    mu_arena_printf(r->arena, "/rest/v0/%s/%s", an->collection, text));
		http_request_finish(r, reply);
	}
	free(an);
}

struct http_reply *access_answer(const struct admin_ops *ops, struct http_request *r,
				 const struct rest_user *user, const struct access_change *c,
				 const char *password, const char *action, const char *detail,
				 const char *collection, const struct mu_uuid *id)
{
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct answer *an;

	if (rest_is_trial(r))
		return access_check(ops->access(ops->ctx), c, &err) < 0
			   ? http_reply_error(r, &err, NULL)
			   : http_reply_empty(r, 204);
	an = mu_xcalloc(1, sizeof *an);
	reply = pending_new(r, &an->pending);
	an->collection = collection;
	if (id)
		an->id = *id;
	ops->access_change(ops->ctx, c, password, &who, action, detail, on_changed, an);
	return reply;
}

const char *path_last(const struct http_request *r)
{
	const char *slash = strrchr(r->path, '/');

	return slash ? slash + 1 : r->path;
}

static const char *named(struct mu_arena *a, const char *what, const char *name,
			 const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];

	(void)mu_uuid_format(id, text);
	return name ? mu_arena_printf(a, "%s %s (%s)", what, name, text)
		    : mu_arena_printf(a, "%s %s", what, text);
}

static const char *user_in_words(struct mu_arena *a, const struct access *access,
				 const struct mu_uuid *id)
{
	const struct access_user *u = access_user_find(access, id);

	return named(a, "user", u ? u->name : NULL, id);
}

static const char *group_in_words(struct mu_arena *a, const struct access *access,
				  const struct mu_uuid *id)
{
	const struct access_group *g = access_group_find(access, id);

	return named(a, "group", g ? g->name : NULL, id);
}

const char *link_in_words(struct mu_arena *a, const struct access *access,
			  const struct access_link *l, const char *between)
{
	const struct access_role *role = access_role_find(access, &l->of);
	bool member = l->kind == ACCESS_MEMBER;
	const char *of = member ? group_in_words(a, access, &l->of)
				: named(a, "role", role ? role->name : NULL, &l->of);
	const char *to = l->kind == ACCESS_ROLE_GROUP ? group_in_words(a, access, &l->to)
						      : user_in_words(a, access, &l->to);

	return member ? mu_arena_printf(a, "%s %s %s", to, between, of)
		      : mu_arena_printf(a, "%s %s %s", of, between, to);
}

static const struct access_user *account_of(const struct admin_ops *ops,
					    const struct rest_user *user)
{
	const struct access *access = ops->access(ops->ctx);
	const struct access_user *u;

	if (!mu_uuid_is_nil(&user->account))
		return access_user_find(access, &user->account);
	for (size_t i = 0; (u = access_user_next(access, &i));)
		if (u->admin)
			return u;
	return NULL;
}

const struct access_user *user_need(const struct admin_ops *ops, const struct rest_user *user,
				    const char *id, struct mu_error *err)
{
	const struct access_user *u = NULL;
	struct mu_uuid uuid;

	if (strcmp(id, "me") == 0)
		u = account_of(ops, user);
	else if (mu_uuid_parse(id, &uuid))
		u = access_user_find(ops->access(ops->ctx), &uuid);
	if (!u)
		(void)mu_error_set(err, MU_E_NOT_FOUND, "no such user: %.60s", id);
	return u;
}

bool user_is(const struct admin_ops *ops, const struct rest_user *user,
	     const struct access_user *who)
{
	return account_of(ops, user) == who;
}

int need_right(const struct admin_ops *ops, const struct rest_user *user, const char *resource,
	       const char *action, struct mu_error *err)
{
	if (ops->may(ops->ctx, user, resource, action))
		return 0;
	return mu_error_set(err, MU_E_DENIED, "%s has no privilege %s:%s", user->name, resource,
			    action);
}

int take_text(char *dst, size_t size, const char *name, const char *text, struct mu_error *err)
{
	if (strlen(text) >= size)
		return mu_error_set(err, MU_E_INVALID, "body.%s: longer than %zu bytes", name,
				    size - 1);
	memset(dst, 0, size);
	memcpy(dst, text, strlen(text));
	return 0;
}

int body_lifetime(const struct mu_value *v, mu_msec *ret, struct mu_error *err)
{
	static const struct {
		const char *name;
		mu_msec ms;
	} units[] = {{"ms", 1},
		     {"s", MU_SEC(1)},
		     {"second", MU_SEC(1)},
		     {"m", MU_SEC(60)},
		     {"minute", MU_SEC(60)},
		     {"h", MU_SEC(3600)},
		     {"hour", MU_SEC(3600)},
		     {"d", MU_SEC(86400)},
		     {"day", MU_SEC(86400)},
		     {"w", MU_SEC(7 * 86400)},
		     {"week", MU_SEC(7 * 86400)}};
	const char *text = mu_value_as_string(v);
	char unit[16] = "";
	char digits[8] = "";
	int64_t n = 0;

	if (v->kind == MU_VALUE_INT) {
		*ret = v->integer;
		return 0;
	}
	if (text && sscanf(text, "%7[0-9] %15[a-z]", digits, unit) == 2 &&
	    mu_parse_i64(digits, &n)) {
		if (strlen(unit) > 2 && unit[strlen(unit) - 1] == 's')
			unit[strlen(unit) - 1] = '\0';
		for (size_t i = 0; i < MU_ARRAY_SIZE(units); i++) {
			if (strcmp(units[i].name, unit) == 0) {
				*ret = n * units[i].ms;
				return 0;
			}
		}
	}
	return mu_error_set(err, MU_E_INVALID,
			    "body.expiresIn: milliseconds or a text like \"30 days\" are expected");
}

/* --- values --- */

static void add_id(struct mu_arena *a, struct mu_value *list, const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];

	mu_value_push(list, mu_value_string(a, mu_uuid_format(id, text)));
}

/* What is linked to it: its members, its holders. */
static void add_linked(struct mu_arena *a, struct mu_value *v, const char *name,
		       const struct access *access, enum access_link_kind kind,
		       const struct mu_uuid *of, const struct mu_uuid *to)
{
	struct mu_value *list = mu_value_set(a, v, name, mu_value_list(a));
	const struct access_link *l;

	for (size_t i = 0; (l = access_link_next(access, &i));) {
		if (l->kind != kind)
			continue;
		if (of && mu_uuid_equal(&l->of, of))
			add_id(a, list, &l->to);
		if (to && mu_uuid_equal(&l->to, to))
			add_id(a, list, &l->of);
	}
}

struct mu_value *user_value(struct mu_arena *a, const struct access *access,
			    const struct access_user *u)
{
	struct mu_value *v = mu_value_object(a);

	value_set_uuid(a, v, "id", &u->id);
	mu_value_set_string(a, v, "email", u->name);
	mu_value_set_string(a, v, "name", u->name);
	mu_value_set_string(a, v, "permission", u->admin ? "admin" : "none");
	add_linked(a, v, "groups", access, ACCESS_MEMBER, NULL, &u->id);
	mu_value_set(a, v, "preferences", mu_value_object(a));
	mu_value_set_bool(a, v, "hasPassword", u->password[0] != '\0');
	mu_value_set_bool(a, v, "hasOtp", u->otp[0] != '\0');
	return v;
}

struct mu_value *group_value(struct mu_arena *a, const struct access *access,
			     const struct access_group *g)
{
	struct mu_value *v = mu_value_object(a);

	value_set_uuid(a, v, "id", &g->id);
	mu_value_set_string(a, v, "name", g->name);
	add_linked(a, v, "users", access, ACCESS_MEMBER, &g->id, NULL);
	add_linked(a, v, "aclRoleIds", access, ACCESS_ROLE_GROUP, NULL, &g->id);
	return v;
}

struct mu_value *role_value(struct mu_arena *a, const struct access *access,
			    const struct access_role *role)
{
	struct mu_value *v = mu_value_object(a);
	const struct access_privilege *p;
	struct mu_value *list;

	value_set_uuid(a, v, "id", &role->id);
	mu_value_set_string(a, v, "name", role->name);
	mu_value_set_string(a, v, "description", role->description);
	if (role->builtin)
		mu_value_set_bool(a, v, "isTemplate", true);
	list = mu_value_set(a, v, "privilegeIds", mu_value_list(a));
	for (size_t i = 0; (p = access_privilege_next(access, &i));)
		if (mu_uuid_equal(&p->role, &role->id))
			add_id(a, list, &p->id);
	add_linked(a, v, "userIds", access, ACCESS_ROLE_USER, &role->id, NULL);
	add_linked(a, v, "groupIds", access, ACCESS_ROLE_GROUP, &role->id, NULL);
	return v;
}

struct mu_value *privilege_value(struct mu_arena *a, const struct access_privilege *p)
{
	struct mu_value *v = mu_value_object(a);

	value_set_uuid(a, v, "id", &p->id);
	value_set_uuid(a, v, "roleId", &p->role);
	mu_value_set_string(a, v, "resource", p->resource);
	mu_value_set_string(a, v, "action", p->action);
	mu_value_set_string(a, v, "effect", p->deny ? "deny" : "allow");
	if (p->selector[0])
		mu_value_set_string(a, v, "selector", p->selector);
	return v;
}
