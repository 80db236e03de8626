/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/session.h"

#include "common/base/mem.h"
#include "common/rest/access.h"

#include <stdlib.h>
#include <string.h>

/* False with *err: it is to end. */
static bool may_go_on(struct rest_session *s, struct mu_error *err)
{
	const struct rest_backend *b = &s->rest->backend;
	struct rest_user user = {.admin = false};

	if (!s->token && !mu_uuid_is_nil(&s->user.account)) {
		user = s->user;
		if (b->refresh(b->ctx, &user, err) < 0)
			return false;
	} else if (b->authenticate(b->ctx, s->token, &s->peer, &user, err) < 0) {
		return false;
	}
	if (s->user.admin && !user.admin && !s->right) {
		(void)mu_error_set(err, MU_E_DENIED, "%s is no administrator by now", user.name);
		return false;
	}
	s->user = user;
	if (!s->right || rest_may(s->rest, &user, s->right, &s->object))
		return true;
	(void)mu_error_set(err, MU_E_DENIED, "%s has no privilege %s by now", user.name, s->right);
	return false;
}

static void arm(struct rest *rest)
{
	if (mu_list_empty(&rest->sessions))
		mu_timer_cancel(rest->session_timer);
	else
		mu_timer_set(rest->session_timer, rest->session_every);
}

void rest_sessions_check(void *ctx)
{
	struct rest *rest = ctx;

	mu_list_each(it, &rest->sessions)
	{
		struct rest_session *s = MU_CONTAINER_OF(it, struct rest_session, link);
		struct mu_error err = MU_ERROR_INIT;

		if (may_go_on(s, &err))
			continue;
		rest_session_end(s);
		s->over(s, &err);
	}
	arm(rest);
}

void rest_session_begin_as(struct rest_session *s, struct rest *rest, const struct rest_user *user,
			   const char *token, const struct http_peer *peer)
{
	bool first = mu_list_empty(&rest->sessions);

	s->rest = rest;
	s->token = token ? mu_xstrdup(token) : NULL;
	s->peer = *peer;
	s->user = *user;
	mu_list_push_back(&rest->sessions, &s->link);
	if (first)
		arm(rest);
}

void rest_session_begin(struct rest_session *s, const struct rest_call *c)
{
	rest_session_begin_as(s, c->rest, &c->user, c->token, &c->request->peer);
}

void rest_session_end(struct rest_session *s)
{
	if (!s->rest)
		return;
	mu_list_remove(&s->link);
	if (s->token)
		explicit_bzero(s->token, strlen(s->token));
	free(s->token);
	s->token = NULL;
	s->rest = NULL;
}
