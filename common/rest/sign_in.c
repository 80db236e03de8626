/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks: a token, in a header or a cookie; or a name and a password, which takes a while to look
 * at. Whoever is not known learns nothing, so this comes before everything else.
 */
#include "common/http/websocket.h"
#include "common/rest/call.h"
#include "common/rest/credentials.h"

#include <stdlib.h>

static struct http_reply *not_known(struct rest_call *c, const struct mu_error *err)
{
	struct http_reply *reply = err->code == MU_E_EXHAUSTED
				       ? http_reply_error_status(c->request, 429, err, NULL)
				       : rest_error(c, err);

	c->rest->counts.n_refused++;
	if (err->code == MU_E_UNAUTHENTICATED)
		http_reply_header(reply, "www-authenticate",
				  "Bearer realm=\"muster\", Basic realm=\"muster\"");
	return reply;
}

/* A request that waits for a password to be looked at. */
struct signing {
	struct rest *rest;
	struct http_request *request; /* NULL: the peer left */
	rest_next next;
};

static void on_signed_in(void *arg, const struct rest_user *user, const struct mu_error *err)
{
	struct signing *s = arg;
	struct http_request *r = s->request;
	struct rest_call c = {.rest = s->rest, .request = r};
	rest_next next = s->next;
	struct http_reply *reply;

	free(s);
	if (!r)
		return;
	http_request_release(r);
	c.arena = r->arena;
	if (user)
		c.user = *user;
	reply = user ? next(&c) : not_known(&c, err); /* which the backend knows */
	if (http_reply_status(reply))
		http_request_finish(r, reply);
}

static void on_signing_gone(void *ctx)
{
	struct signing *s = ctx;

	s->request = NULL;
}

static struct http_reply *sign_in(struct rest_call *c, const struct rest_credentials *who,
				  rest_next next)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct rest_sign_in in = {who->name, who->token,
					http_request_query(c->request, "otp")};
	struct mu_error err = MU_ERROR_INIT;
	struct signing *s;

	if (b->signed_in(b->ctx, &in, &c->user))
		return next(c);
	if (c->request->body_total > c->request->body_len ||
	    http_request_wants_websocket(c->request)) {
		(void)mu_error_set(&err, MU_E_UNAUTHENTICATED,
				   "this takes a token in the place of the password; hint: POST "
				   "/rest/v0/auth/login");
		return rest_tell_refusal(c, NULL, not_known(c, &err));
	}
	s = mu_xcalloc(1, sizeof *s);
	s->rest = c->rest;
	s->request = c->request;
	s->next = next;
	b->sign_in(b->ctx, &in, c->request->peer.address, on_signed_in, s);
	return http_reply_pending(c->request, on_signing_gone, s);
}

struct http_reply *rest_authenticate(struct rest_call *c, rest_next next)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_error err = MU_ERROR_INIT;
	struct rest_credentials who;

	if (rest_credentials_read(c->arena, http_request_header(c->request, "authorization"),
				  http_request_header(c->request, "cookie"), &who, &err) < 0)
		return rest_tell_refusal(c, NULL, not_known(c, &err));
	if (b->authenticate(b->ctx, who.token, &c->request->peer, &c->user, &err) == 0) {
		c->token = who.token;
		return next(c);
	}
	if (who.name && b->sign_in && err.code == MU_E_UNAUTHENTICATED)
		return sign_in(c, &who, next);
	return rest_tell_refusal(c, NULL, not_known(c, &err));
}
