/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Join tokens (for hosts) and API tokens (for people and programs). A token's text is in the
 * answer that creates it and nowhere else.
 */
#include "aggregator/rest/access.h"
#include "aggregator/rest/rows.h"
#include "common/rest/rest.h"

#include <string.h>

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
	struct rows *rows = arg;

	rows_add(rows, join_value(rows->request->arena, j));
}

struct http_reply *admin_joins_list(struct http_request *r, const struct rest_user *user,
				    const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct rows rows;

	(void)user, (void)id;
	if (rows_begin_whole(&rows, r, NULL, &err) < 0)
		return rest_refuse_list(r, &err);
	ops->join_each(ops->ctx, join_listed, &rows);
	return rows_end(&rows);
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

/* Xen Orchestra's. A host's owner has none: what he makes is for programs that nobody looks after.
 */
#define TOKEN_LIFETIME MU_SEC(30 * 86400)
#define TOKEN_LIFETIME_MAX MU_SEC(183 * 86400)

struct mu_value *token_value(struct mu_arena *a, const struct admin_token *t)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *uses, *use;

	value_set_uuid(a, v, "uuid", &t->id);
	value_set_uuid(a, v, "user_id", &t->user_id);
	mu_value_set_string(a, v, "description", t->description);
	if (t->client[0])
		mu_value_set_string(a, mu_value_set(a, v, "client", mu_value_object(a)), "id",
				    t->client);
	mu_value_set_int(a, v, "created_at", t->created_at);
	if (t->expires_at)
		mu_value_set_int(a, v, "expiration", t->expires_at);
	uses = mu_value_set(a, v, "last_uses", mu_value_object(a));
	if (t->used_at) {
		use = mu_value_set(a, uses, t->used_from, mu_value_object(a));
		mu_value_set_int(a, use, "timestamp", t->used_at);
	}
	return v;
}

struct token_listing {
	struct rows rows;
	const struct mu_uuid *user;
};

static void token_listed(const struct admin_token *t, void *arg)
{
	struct token_listing *tl = arg;

	if (mu_uuid_equal(&t->user_id, tl->user))
		rows_add(&tl->rows, token_value(tl->rows.request->arena, t));
}

/* His own; administrators, anybody's. */
static const struct access_user *owner_need(const struct admin_ops *ops,
					    const struct rest_user *user, const char *id,
					    struct mu_error *err)
{
	const struct access_user *u = user_need(ops, user, id, err);

	if (!u || user->admin || user_is(ops, user, u))
		return u;
	(void)mu_error_set(err, MU_E_DENIED, "the tokens of others are for administrators");
	return NULL;
}

struct http_reply *admin_tokens_list(struct http_request *r, const struct rest_user *user,
				     const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = owner_need(ops, user, id, &err);
	struct token_listing tl;

	if (!u)
		return http_reply_error(r, &err, NULL);
	if (rows_begin_whole(&tl.rows, r, NULL, &err) < 0)
		return rest_refuse_list(r, &err);
	tl.user = &u->id;
	ops->token_each(ops->ctx, token_listed, &tl);
	return rows_end(&tl.rows);
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

static int read_token(struct http_request *r, struct admin_token *in, mu_msec *lifetime,
		      struct mu_error *err)
{
	struct mu_value *body;

	if (body_parse(r, &body, err) < 0)
		return MU_FAILED;
	mu_value_each(v, body)
	{
		const char *text = mu_value_as_string(v);

		if (strcmp(v->name, "description") == 0 && text)
			in->description = text;
		else if (strcmp(v->name, "client") == 0 &&
			 mu_value_as_string(mu_value_get(v, "id")))
			in->client = mu_value_as_string(mu_value_get(v, "id"));
		else if (strcmp(v->name, "expiresIn") != 0)
			return mu_error_set(
			    err, MU_E_INVALID,
			    "body.%.60s: there is no such field, or it is of another "
			    "kind",
			    v->name);
		else if (body_lifetime(v, lifetime, err) < 0)
			return MU_FAILED;
	}
	if (*lifetime && (*lifetime < LIFETIME_MIN_MS || *lifetime > TOKEN_LIFETIME_MAX))
		return mu_error_set(err, MU_E_INVALID, "body.expiresIn: from a minute to 183 days");
	return 0;
}

struct http_reply *admin_tokens_create(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct admin_token in = {.description = "", .client = ""};
	struct admin_asker who = asker_of(r, user);
	mu_msec lifetime = mu_uuid_is_nil(&user->account) ? 0 : TOKEN_LIFETIME;
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = owner_need(ops, user, id, &err);
	struct pending *p;
	struct http_reply *reply;

	if (!u || read_token(r, &in, &lifetime, &err) < 0)
		return http_reply_error(r, &err, NULL);
	in.user_id = u->id;
	reply = pending_new(r, &p);
	ops->token_create(ops->ctx, &in, lifetime, &who, token_created, p);
	return reply;
}

struct token_search {
	const struct mu_uuid *user;
	const struct mu_uuid *token;
	bool found;
};

static void token_sought(const struct admin_token *t, void *arg)
{
	struct token_search *s = arg;

	s->found =
	    s->found || (mu_uuid_equal(&t->id, s->token) && mu_uuid_equal(&t->user_id, s->user));
}

struct http_reply *admin_tokens_delete(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid;
	struct token_search search = {.token = &uuid};
	const struct access_user *u = owner_need(ops, user, id, &err);
	struct pending *p;
	struct http_reply *reply;

	if (!u || id_read(path_last(r), "token", &uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	search.user = &u->id;
	ops->token_each(ops->ctx, token_sought, &search);
	if (!search.found) {
		(void)mu_error_set(&err, MU_E_NOT_FOUND, "no such token: %.60s", path_last(r));
		return http_reply_error(r, &err, NULL);
	}
	reply = pending_new(r, &p);
	ops->token_delete(ops->ctx, &uuid, &who, pending_done_empty, p);
	return reply;
}
