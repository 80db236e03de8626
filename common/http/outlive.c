/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are carried through without their peer, and who is told of their answers. */
#include "common/base/assert.h"
#include "common/http/message.h"

#include <string.h>

void http_request_outlive(struct http_request *r,
			  void (*told)(void *ctx, struct http_request *r,
				       const struct http_reply *reply),
			  void *ctx)
{
	struct http_exchange *x = MU_CONTAINER_OF(r, struct http_exchange, request);
	char *body;

	mu_assert(!x->told);
	x->told = told;
	x->told_ctx = ctx;
	/* The body's bytes are the connection's. */
	body = mu_arena_calloc(r->arena, 1, r->body_len + 1);
	memcpy(body, r->body, r->body_len);
	r->body = body;
}

void http_request_release(struct http_request *r)
{
	MU_CONTAINER_OF(r, struct http_exchange, request)->on_gone = NULL;
}

void http_exchange_tell(struct http_exchange *x, const struct http_reply *reply)
{
	void (*told)(void *ctx, struct http_request *r, const struct http_reply *reply) = x->told;

	x->told = NULL;
	if (told)
		told(x->told_ctx, &x->request, reply);
}

void http_exchange_replied(struct http_exchange *x, struct http_reply *reply)
{
	mu_assert(reply && reply->exchange == x);
	x->reply = reply;
	if (reply->kind == HTTP_REPLY_NOW)
		http_exchange_tell(x, reply);
}

static void on_orphan_finished(struct http_exchange *x)
{
	mu_list_remove(&x->orphan);
	http_exchange_free(x);
}

static void on_orphan_changed(struct http_exchange *x)
{
	(void)x;
}

bool http_exchange_orphan(struct http_exchange *x, struct mu_link *orphans)
{
	static const struct http_transport none = {
	    .finished = on_orphan_finished,
	    .events_changed = on_orphan_changed,
	    .out_changed = on_orphan_changed,
	    .in_changed = on_orphan_changed,
	};

	if (!x->told || !x->reply || x->reply->kind != HTTP_REPLY_PENDING)
		return false;
	x->transport = &none;
	mu_list_push_back(orphans, &x->orphan);
	return true;
}

void http_orphans_drop(struct mu_link *orphans)
{
	mu_list_each(it, orphans)
	{
		struct http_exchange *x = MU_CONTAINER_OF(it, struct http_exchange, orphan);

		mu_list_remove(&x->orphan);
		http_exchange_gone(x);
		http_exchange_free(x);
	}
}
