/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Join tokens (for hosts) and API tokens (for people and programs). A token's text is in the
 * answer that creates it and nowhere else.
 */
#include "aggregator/rest/reply.h"

/* Bounds as Xen Orchestra has them: a minute at least; a year here. */
enum { LIFETIME_MIN_MS = 60 * 1000 };
#define LIFETIME_MAX_MS (MU_SEC(86400) * 366)

static int lifetime_check(int64_t lifetime, struct mu_error *err)
{
	if (lifetime == 0 || (lifetime >= LIFETIME_MIN_MS && lifetime <= LIFETIME_MAX_MS))
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "body.expiresIn: must be from %d to %lld milliseconds", LIFETIME_MIN_MS,
			    (long long)LIFETIME_MAX_MS);
}

struct listing {
	struct mu_arena *arena;
	struct mu_value *list;
};

/* --- join tokens --- */

static struct mu_value *join_value(struct mu_arena *a, const struct admin_join *j)
{
	struct mu_value *v = mu_value_object(a);

	value_set_uuid(a, v, "id", &j->id);
	mu_value_set_string(a, v, "name", j->name);
	mu_value_set_int(a, v, "created_at", j->created_at);
	mu_value_set_string(a, v, "created_by", j->created_by);
	mu_value_set_int(a, v, "expiration", j->expires_at);
	if (j->used_at)
		mu_value_set_int(a, v, "used_at", j->used_at);
	value_set_uuid(a, v, "used_by", &j->used_by.uuid);
	value_set_uuid(a, v, "replace", &j->replaces.uuid);
	return v;
}

static void join_listed(const struct admin_join *j, void *arg)
{
	struct listing *l = arg;

	mu_value_push(l->list, join_value(l->arena, j));
}

struct http_reply *admin_joins_list(struct http_request *r, const struct rest_user *user,
				    const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct listing l = {r->arena, mu_value_list(r->arena)};

	(void)user, (void)id;
	ops->join_each(ops->ctx, join_listed, &l);
	return http_reply_json(r, 200, l.list);
}

static void join_created(void *arg, const struct admin_join *j, const char *text,
			 const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_value *v;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	v = join_value(r->arena, j);
	mu_value_set_string(r->arena, v, "token", text);
	http_request_finish(r, http_reply_json(r, 201, v));
}

struct http_reply *admin_joins_create(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct admin_join in = {.name = ""};
	struct admin_asker who = asker_of(r, user);
	const char *replace = NULL;
	int64_t lifetime = 0;
	const struct body_field fields[] = {
	    {"name", MU_VALUE_STRING, false, &in.name},
	    {"expiresIn", MU_VALUE_INT, false, &lifetime},
	    {"replace", MU_VALUE_STRING, false, &replace},
	};
	struct mu_error err = MU_ERROR_INIT;
	struct pending *p;
	struct http_reply *reply;

	(void)id;
	if (body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0 ||
	    lifetime_check(lifetime, &err) < 0)
		return http_reply_error(r, &err, NULL);
	if (replace && !mu_uuid_parse(replace, &in.replaces.uuid)) {
		mu_error_set(&err, MU_E_INVALID, "body.replace: must be the id of a host (UUID)");
		return http_reply_error(r, &err, NULL);
	}
	reply = pending_new(r, &p);
	ops->join_create(ops->ctx, &in, lifetime, &who, join_created, p);
	return reply;
}

struct http_reply *admin_joins_delete(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid;
	struct pending *p;
	struct http_reply *reply;

	if (id_read(id, "join token", &uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->join_delete(ops->ctx, &uuid, &who, pending_done_empty, p);
	return reply;
}

/* --- API tokens --- */

static struct mu_value *token_value(struct mu_arena *a, const struct admin_token *t)
{
	struct mu_value *v = mu_value_object(a);

	value_set_uuid(a, v, "uuid", &t->id);
	mu_value_set_string(a, v, "user_id", t->user);
	mu_value_set_string(a, v, "description", t->description);
	mu_value_set_int(a, v, "created_at", t->created_at);
	if (t->expires_at)
		mu_value_set_int(a, v, "expiration", t->expires_at);
	return v;
}

struct token_listing {
	struct listing l;
	const char *user;
};

static void token_listed(const struct admin_token *t, void *arg)
{
	struct token_listing *tl = arg;

	if (mu_str_equal(t->user, tl->user))
		mu_value_push(tl->l.list, token_value(tl->l.arena, t));
}

/* Local users act for the administrator: there is one account in this version. */
static const char *account_of(const struct rest_user *user)
{
	return user->admin ? "admin" : user->name;
}

struct http_reply *admin_tokens_list(struct http_request *r, const struct rest_user *user,
				     const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct token_listing tl = {{r->arena, mu_value_list(r->arena)}, account_of(user)};

	(void)id;
	ops->token_each(ops->ctx, token_listed, &tl);
	return http_reply_json(r, 200, tl.l.list);
}

static void token_created(void *arg, const struct admin_token *t, const char *text,
			  const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_value *v;
	struct mu_value *token;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	/* Clients of Xen Orchestra take token.id for the secret. */
	v = mu_value_object(r->arena);
	token = token_value(r->arena, t);
	mu_value_set_string(r->arena, token, "id", text);
	mu_value_set(r->arena, v, "token", token);
	http_request_finish(r, http_reply_json(r, 201, v));
}

struct http_reply *admin_tokens_create(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct admin_token in = {.user = account_of(user), .description = ""};
	struct admin_asker who = asker_of(r, user);
	int64_t lifetime = 0;
	const struct body_field fields[] = {
	    {"description", MU_VALUE_STRING, false, &in.description},
	    {"expiresIn", MU_VALUE_INT, false, &lifetime},
	};
	struct mu_error err = MU_ERROR_INIT;
	struct pending *p;
	struct http_reply *reply;

	(void)id;
	if (body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0 ||
	    lifetime_check(lifetime, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->token_create(ops->ctx, &in, lifetime, &who, token_created, p);
	return reply;
}

struct http_reply *admin_tokens_delete(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid;
	struct pending *p;
	struct http_reply *reply;

	if (id_read(id, "token", &uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->token_delete(ops->ctx, &uuid, &who, pending_done_empty, p);
	return reply;
}
