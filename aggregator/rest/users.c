/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users. Everybody may look at himself and change his password; the rest takes privileges. Only
 * administrators make, change or delete an administrator: whoever could set his password would be
 * one.
 */
#include "aggregator/core/totp.h"
#include "aggregator/rest/access.h"
#include "aggregator/rest/rows.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 256 };

static struct http_reply *refuse(struct http_request *r, const struct mu_error *err)
{
	return rest_refuse_list(r, err);
}

/* --- looking --- */

ADMIN_HANDLER(users_list)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u;
	struct rows rows;

	(void)user, (void)id;
	if (rows_begin(&rows, r, "users", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (u = access_user_next(access, &i));)
		rows_add(&rows, user_value(r->arena, access, u));
	return rows_end(&rows);
}

/* He himself, or who may read users. */
static const struct access_user *see(const struct admin_ops *ops, const struct rest_user *user,
				     const char *id, struct mu_error *err)
{
	const struct access_user *u = user_need(ops, user, id, err);

	if (u && !user_is(ops, user, u) && need_right(ops, user, "user", "read", err) < 0)
		return NULL;
	return u;
}

ADMIN_OBJECT(user_shown)
{
	const struct admin_ops *ops = ctx;
	const struct access_user *u = see(ops, user, id, NULL);

	return u ? user_value(r->arena, ops->access(ops->ctx), u) : NULL;
}

ADMIN_HANDLER(users_get)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = see(ops, user, id, &err);

	if (!u)
		return refuse(r, &err);
	return rest_reply_tagged(r, user_value(r->arena, ops->access(ops->ctx), u));
}

ADMIN_HANDLER(users_groups)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = see(ops, user, id, &err);
	const struct access_link *l;
	struct rows rows;

	if (!u || rows_begin(&rows, r, "groups", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (l = access_link_next(access, &i));)
		if (l->kind == ACCESS_MEMBER && mu_uuid_equal(&l->to, &u->id))
			rows_add(&rows,
				 group_value(r->arena, access, access_group_find(access, &l->of)));
	return rows_end(&rows);
}

/* What he has by all his roles. */
ADMIN_HANDLER(users_privileges)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = see(ops, user, id, &err);
	const struct access_privilege *p;
	const struct access_role *role;
	struct rows rows;

	if (!u || rows_begin(&rows, r, "acl-privileges", &err) < 0)
		return refuse(r, &err);
	for (size_t k = 0; (role = access_role_next(access, &k));) {
		if (!access_has_role(access, &u->id, &role->id))
			continue;
		for (size_t i = 0; (p = access_privilege_next(access, &i));)
			if (mu_uuid_equal(&p->role, &role->id))
				rows_add(&rows, privilege_value(r->arena, p));
	}
	return rows_end(&rows);
}

/* --- changing --- */

static int check_password(const char *password, struct mu_error *err)
{
	size_t len = strlen(password);

	if (len < PASSWORD_MIN || len > PASSWORD_MAX)
		return mu_error_set(err, MU_E_INVALID, "body.password: from %d to %d bytes",
				    PASSWORD_MIN, PASSWORD_MAX);
	return 0;
}

static int take_permission(const char *text, bool *ret, struct mu_error *err)
{
	if (strcmp(text, "admin") != 0 && strcmp(text, "none") != 0)
		return mu_error_set(err, MU_E_INVALID, "body.permission: admin or none");
	*ret = text[0] == 'a';
	return 0;
}

static int need_admin_for(const struct rest_user *user, const struct access_user *u,
			  struct mu_error *err)
{
	if (user->admin || !u->admin)
		return 0;
	return mu_error_set(err, MU_E_DENIED,
			    "only administrators may do this to an administrator");
}

ADMIN_HANDLER(users_create)
{
	const struct admin_ops *ops = ctx;
	struct access_change c = {.verb = ACCESS_USER_PUT};
	const char *name = NULL, *password = NULL, *permission = "none";
	const struct body_field fields[] = {
	    {"name", MU_VALUE_STRING, true, &name},
	    {"password", MU_VALUE_STRING, false, &password},
	    {"permission", MU_VALUE_STRING, false, &permission},
	};
	struct mu_error err = MU_ERROR_INIT;

	(void)id;
	c.user.id = mu_random_uuid();
	if (body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0 ||
	    take_text(c.user.name, sizeof c.user.name, "name", name, &err) < 0 ||
	    take_permission(permission, &c.user.admin, &err) < 0 ||
	    (password && check_password(password, &err) < 0) ||
	    need_admin_for(user, &c.user, &err) < 0)
		return refuse(r, &err);
	return access_answer(ops, r, user, &c, password, "user.create",
			     mu_arena_printf(r->arena, "%s permission=%s", name, permission),
			     "users", &c.user.id);
}

struct edit {
	const char *name;
	const char *password;
	const char *old_password;
	const char *otp;
	const char *permission;
};

/* Does the user have what each property takes? His own password takes the old one. */
static int check_edit(const struct admin_ops *ops, const struct rest_user *user,
		      const struct access_user *u, const struct edit *e, bool *ret_own,
		      struct mu_error *err)
{
	bool own = user_is(ops, user, u);

	if (!e->name && !e->password && !e->permission)
		return mu_error_set(err, MU_E_INVALID,
				    "body: nothing to change; hint: name, password or permission");
	*ret_own = own && e->password && !ops->may(ops->ctx, user, "user", "update:password");
	if ((e->name && need_right(ops, user, "user", "update:name", err) < 0) ||
	    (e->permission && need_right(ops, user, "user", "update:permission", err) < 0))
		return MU_FAILED;
	if (e->password && !own && need_right(ops, user, "user", "update:password", err) < 0)
		return MU_FAILED;
	if (e->permission && own && !mu_uuid_is_nil(&user->account))
		return mu_error_set(err, MU_E_DENIED, "nobody changes his own permission");
	if (*ret_own && !e->old_password)
		return mu_error_set(err, MU_E_INVALID, "body.oldPassword: is missing");
	return own ? 0 : need_admin_for(user, u, err);
}

static const char *edit_detail(struct mu_arena *a, const struct access_user *before,
			       const struct access_user *after, const struct edit *e)
{
	struct mu_str text = MU_STR_INIT;
	char *copy;

	if (e->name)
		mu_str_printf(&text, "name %s -> %s ", before->name, after->name);
	if (e->permission)
		mu_str_printf(&text, "permission %s -> %s ", before->admin ? "admin" : "none",
			      after->admin ? "admin" : "none");
	if (e->password)
		mu_str_add(&text, "password");
	copy = mu_arena_strdup(a, text.data ? text.data : "");
	mu_str_deinit(&text);
	return copy;
}

/* A password that waits for the old one to be looked at. */
struct own_password {
	struct pending *pending;
	const struct admin_ops *ops;
	struct access_change change;
	char password[PASSWORD_MAX + 1];
	struct rest_user user;
};

static void on_old_password(void *arg, const struct rest_user *user, const struct mu_error *err)
{
	struct own_password *o = arg;
	struct http_request *r = pending_take(o->pending);
	struct admin_asker who;
	struct mu_error denied = MU_ERROR_INIT;
	struct pending *p;

	(void)user;
	if (r && err) {
		/* 401 would be about this request. */
		denied = *err;
		denied.code = err->code == MU_E_UNAUTHENTICATED ? MU_E_DENIED : err->code;
		http_request_finish(r, http_reply_error(r, &denied, NULL));
	} else if (r) {
		who = asker_of(r, &o->user);
		pending_again(r, &p);
		o->ops->access_change(o->ops->ctx, &o->change, o->password, &who, "user.update",
				      "password", pending_done_empty, p);
	}
	explicit_bzero(o, sizeof *o);
	free(o);
}

static struct http_reply *change_own(const struct admin_ops *ops, struct http_request *r,
				     const struct rest_user *user, const struct access_change *c,
				     const struct edit *e)
{
	const struct rest_sign_in in = {user->name, e->old_password, e->otp};
	struct own_password *o = mu_xcalloc(1, sizeof *o);
	struct http_reply *reply = pending_new(r, &o->pending);

	o->ops = ops;
	o->change = *c;
	o->user = *user;
	(void)snprintf(o->password, sizeof o->password, "%s", e->password);
	ops->sign_in(ops->ctx, &in, r->peer.address, on_old_password, o);
	return reply;
}

ADMIN_HANDLER(users_update)
{
	const struct admin_ops *ops = ctx;
	struct access_change c = {.verb = ACCESS_USER_PUT};
	struct edit e = {.name = NULL};
	const struct body_field fields[] = {
	    {"name", MU_VALUE_STRING, false, &e.name},
	    {"password", MU_VALUE_STRING, false, &e.password},
	    {"oldPassword", MU_VALUE_STRING, false, &e.old_password},
	    {"otp", MU_VALUE_STRING, false, &e.otp},
	    {"permission", MU_VALUE_STRING, false, &e.permission},
	};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = user_need(ops, user, id, &err);
	bool own_password = false;

	if (!u || body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0)
		return refuse(r, &err);
	c.user = *u;
	if (check_edit(ops, user, u, &e, &own_password, &err) < 0 ||
	    (e.name && take_text(c.user.name, sizeof c.user.name, "name", e.name, &err) < 0) ||
	    (e.permission && take_permission(e.permission, &c.user.admin, &err) < 0) ||
	    (e.password && check_password(e.password, &err) < 0) ||
	    need_admin_for(user, &c.user, &err) < 0)
		return refuse(r, &err);
	if (own_password && !rest_is_trial(r)) /* whether the old one is right is not for trying */
		return change_own(ops, r, user, &c, &e);
	return access_answer(ops, r, user, &c, e.password, "user.update",
			     edit_detail(r->arena, u, &c.user, &e), NULL, NULL);
}

ADMIN_HANDLER(users_delete)
{
	const struct admin_ops *ops = ctx;
	struct access_change c = {.verb = ACCESS_USER_DELETE};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = user_need(ops, user, id, &err);

	if (!u || need_admin_for(user, u, &err) < 0)
		return refuse(r, &err);
	c.id = u->id;
	return access_answer(ops, r, user, &c, NULL, "user.delete",
			     mu_arena_strdup(r->arena, u->name), NULL, NULL);
}

/* --- one-time codes --- */

/* A secret to put into an authenticator; it counts when a code of it comes back. */
ADMIN_HANDLER(users_otp_new)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = user_need(ops, user, id, &err);
	MU_CLEANUP(mu_str_deinit) struct mu_str uri = MU_STR_INIT;
	uint8_t secret[TOTP_SECRET_BYTES];
	char text[TOTP_SECRET_TEXT];
	struct mu_value *v;

	if (u && !user_is(ops, user, u))
		(void)mu_error_set(&err, MU_E_DENIED,
				   "one-time codes are for their user to set up");
	if (err.code != MU_E_NONE)
		return refuse(r, &err);
	mu_random_bytes(secret, sizeof secret);
	totp_base32(secret, text);
	v = mu_value_object(r->arena);
	mu_value_set_string(r->arena, v, "secret", text);
	totp_uri(&uri, u->name, text);
	mu_value_set_string(r->arena, v, "uri", uri.data);
	return http_reply_json(r, 200, v);
}

enum { RECOVERY_CODES = 8, RECOVERY_BYTES = 5 };

struct otp_answer {
	struct pending *pending;
	char codes[RECOVERY_CODES][2 * RECOVERY_BYTES + 1];
};

static void on_otp_set(void *arg, const struct mu_error *err)
{
	struct otp_answer *an = arg;
	struct http_request *r = pending_take(an->pending);
	struct mu_value *v, *list;

	if (r && err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
	} else if (r) {
		v = mu_value_object(r->arena);
		list = mu_value_set(r->arena, v, "recoveryCodes", mu_value_list(r->arena));
		for (int i = 0; i < RECOVERY_CODES; i++)
			mu_value_push(list, mu_value_string(r->arena, an->codes[i]));
		http_request_finish(r, http_reply_json(r, 200, v));
	}
	explicit_bzero(an, sizeof *an);
	free(an);
}

static void make_recovery(const struct admin_ops *ops, struct otp_answer *an, struct access_user *u)
{
	unsigned char bytes[RECOVERY_BYTES];
	char hash[ACCESS_HASH_MAX + 1];
	size_t at = 0;

	for (int i = 0; i < RECOVERY_CODES; i++) {
		mu_random_bytes(bytes, sizeof bytes);
		mu_hex_encode(an->codes[i], bytes, sizeof bytes);
		ops->hash(an->codes[i], hash);
		at += (size_t)snprintf(u->recovery + at, sizeof u->recovery - at, "%s%s",
				       i ? " " : "", hash);
	}
}

ADMIN_HANDLER(users_otp_put)
{
	const struct admin_ops *ops = ctx;
	struct access_change c = {.verb = ACCESS_USER_PUT};
	struct admin_asker who = asker_of(r, user);
	const char *secret = NULL, *code = NULL;
	const struct body_field fields[] = {
	    {"secret", MU_VALUE_STRING, true, &secret},
	    {"code", MU_VALUE_STRING, true, &code},
	};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = user_need(ops, user, id, &err);
	struct http_reply *reply;
	struct otp_answer *an;

	if (u && !user_is(ops, user, u))
		(void)mu_error_set(&err, MU_E_DENIED,
				   "one-time codes are for their user to set up");
	if (err.code != MU_E_NONE || body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0)
		return refuse(r, &err);
	c.user = *u;
	if (!ops->otp_check(ops->ctx, secret, code, &c.user.otp_used)) {
		(void)mu_error_set(
		    &err, MU_E_INVALID,
		    "body.code: not the secret's code now; hint: is the clock right");
		return refuse(r, &err);
	}
	if (take_text(c.user.otp, sizeof c.user.otp, "secret", secret, &err) < 0)
		return refuse(r, &err);
	an = mu_xcalloc(1, sizeof *an);
	memset(c.user.recovery, 0, sizeof c.user.recovery);
	make_recovery(ops, an, &c.user);
	reply = pending_new(r, &an->pending);
	ops->access_change(ops->ctx, &c, NULL, &who, "user.otp-set", "", on_otp_set, an);
	return reply;
}

ADMIN_HANDLER(users_otp_delete)
{
	const struct admin_ops *ops = ctx;
	struct access_change c = {.verb = ACCESS_USER_PUT};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_user *u = user_need(ops, user, id, &err);

	if (!u || (!user_is(ops, user, u) &&
		   (need_right(ops, user, "user", "update:password", &err) < 0 ||
		    need_admin_for(user, u, &err) < 0)))
		return refuse(r, &err);
	c.user = *u;
	memset(c.user.otp, 0, sizeof c.user.otp);
	memset(c.user.recovery, 0, sizeof c.user.recovery);
	return access_answer(ops, r, user, &c, NULL, "user.otp-delete", "", NULL, NULL);
}
