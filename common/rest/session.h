/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays open after its request was answered: consoles, event streams. Whoever asked for one is
 * asked for again every few seconds, as a request of his would be: a token that was deleted or has
 * expired, a user who is gone or may do less by now, ends it. Embedded in its user. Loop thread.
 */
#ifndef MUSTER_REST_SESSION_H
#define MUSTER_REST_SESSION_H

#include "common/rest/call.h"

struct rest_session {
	/* inputs */
	const char *right; /* that it takes, NULL = none; static */
	struct mu_uuid object;
	/* Once at most, from the loop: rest_session_end() was called. */
	void (*over)(struct rest_session *s, const struct mu_error *why);
	/* results */
	struct rest_user user; /* as he was when asked for last */
	/* private */
	struct mu_link link;
	struct rest *rest;
	char *token; /* NULL: the request had none */
	struct http_peer peer;
};

/* As the call was authenticated. */
void rest_session_begin(struct rest_session *s, const struct rest_call *c);
/* Of somebody who signed in later than by his request. `token` NULL: by his password. */
void rest_session_begin_as(struct rest_session *s, struct rest *rest, const struct rest_user *user,
			   const char *token, const struct http_peer *peer);
/* Again and again without harm, from zero too. */
void rest_session_end(struct rest_session *s);

#endif
