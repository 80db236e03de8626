/* SPDX-License-Identifier: Apache-2.0 */
/* POST /auth/login: a token for a name and a password, as a cookie too. POST /auth/logout ends it.
 */
#include "aggregator/rest/access.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* As long as Xen Orchestra's sessions. */
#define SESSION_MS MU_SEC(36000)

struct login {
	struct pending *pending;
	const struct admin_ops *ops;
	char from[64];
};

static void on_token(void *arg, const struct admin_token *t, const char *text,
		     const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct http_reply *reply;
	struct mu_value *v, *token;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	v = mu_value_object(r->arena);
	token = mu_value_set(r->arena, v, "token", token_value(r->arena, t));
	mu_value_set_string(r->arena, token, "id", text);
	reply = http_reply_json(r, 201, v);
	http_reply_header(reply, "set-cookie",
			  mu_arena_printf(r->arena,
					  "authenticationToken=%s; Path=/; Max-Age=%lld; HttpOnly; "
					  "Secure; SameSite=Strict",
					  text, (long long)SESSION_MS / 1000));
	http_request_finish(r, reply);
}

static void on_signed_in(void *arg, const struct rest_user *user, const struct mu_error *err)
{
	struct login *l = arg;
	struct http_request *r = pending_take(l->pending);
	struct admin_token in = {.description = "signed in"};
	struct admin_asker who;
	struct pending *p;

	if (r && err) {
		http_request_finish(r, err->code == MU_E_EXHAUSTED
					   ? http_reply_error_status(r, 429, err, NULL)
					   : http_reply_error(r, err, NULL));
	} else if (r) {
		who = (struct admin_asker){user->name, l->from};
		in.user_id = user->account;
		pending_again(r, &p);
		l->ops->token_create(l->ops->ctx, &in, SESSION_MS, &who, on_token, p);
	}
	free(l);
}

ADMIN_HANDLER(auth_login)
{
	const struct admin_ops *ops = ctx;
	struct rest_sign_in in = {.otp = NULL};
	const struct body_field fields[] = {
	    {"username", MU_VALUE_STRING, true, &in.name},
	    {"password", MU_VALUE_STRING, true, &in.password},
	    {"otp", MU_VALUE_STRING, false, &in.otp},
	};
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct login *l;

	(void)user, (void)id;
	if (body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0)
		return http_reply_error(r, &err, NULL);
	l = mu_xcalloc(1, sizeof *l);
	l->ops = ops;
	memcpy(l->from, r->peer.address, sizeof l->from);
	reply = pending_new(r, &l->pending);
	ops->sign_in(ops->ctx, &in, r->peer.address, on_signed_in, l);
	return reply;
}

static void on_logged_out(void *arg, const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct http_reply *reply;

	if (!r)
		return;
	reply = err ? http_reply_error(r, err, NULL) : http_reply_empty(r, 204);
	http_reply_header(reply, "set-cookie",
			  "authenticationToken=; Path=/; Max-Age=0; HttpOnly; Secure; "
			  "SameSite=Strict");
	http_request_finish(r, reply);
}

ADMIN_HANDLER(auth_logout)
{
	const struct admin_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct http_reply *reply;
	struct pending *p;

	(void)id;
	if (mu_uuid_is_nil(&user->token))
		return http_reply_empty(r, 204);
	reply = pending_new(r, &p);
	ops->token_delete(ops->ctx, &user->token, &who, on_logged_out, p);
	return reply;
}
