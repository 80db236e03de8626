/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/testing.h"

#include "common/base/assert.h"
#include "common/http/message.h"

#include <stdio.h>
#include <string.h>

enum { TEST_EVENTS_MAX = 1 << 20 };

static struct http_exchange *exchange_of(const struct http_request *r)
{
	return (struct http_exchange *)(uintptr_t)((const char *)r -
						   offsetof(struct http_exchange, request));
}

static void ignore(struct http_exchange *x)
{
	(void)x;
}

static const struct http_transport transport = {
    .finished = ignore, .events_changed = ignore, .out_changed = ignore, .in_changed = ignore};

/* Requests that outlive their peer are answered sooner or later: each test ends them all. */
static struct mu_link orphans = {&orphans, &orphans};

void http_request_for_test_stop(void)
{
	http_orphans_drop(&orphans);
}

struct http_request *http_request_for_test(enum http_method method, const char *target,
					   const char *body)
{
	struct http_exchange *x = http_exchange_new(&transport, TEST_EVENTS_MAX);

	mu_assert(http_exchange_target(x, target, NULL) == 0);
	x->request.method = method;
	x->request.body = mu_arena_strdup(x->request.arena, body ? body : "");
	x->request.body_len = strlen(x->request.body);
	(void)snprintf(x->request.peer.address, sizeof x->request.peer.address, "192.0.2.1");
	return &x->request;
}

void http_request_for_test_header(struct http_request *r, const char *name, const char *value)
{
	http_exchange_header(exchange_of(r), name, value);
}

void http_request_for_test_upgrade(struct http_request *r)
{
	exchange_of(r)->wants_websocket = true;
}

struct http_ws *http_request_for_test_ws(const struct http_request *r)
{
	return exchange_of(r)->ws;
}

struct http_request *http_request_for_test_free(struct http_request *r)
{
	if (r && !http_exchange_orphan(exchange_of(r), &orphans)) {
		http_exchange_gone(exchange_of(r));
		http_exchange_free(exchange_of(r));
	}
	return NULL;
}

void http_request_for_test_replied(struct http_request *r, struct http_reply *reply)
{
	http_exchange_replied(exchange_of(r), reply);
}

int http_request_for_test_status(const struct http_request *r)
{
	return exchange_of(r)->reply->status;
}

const char *http_request_for_test_type(const struct http_request *r)
{
	return exchange_of(r)->reply->type;
}

const char *http_request_for_test_body(const struct http_request *r)
{
	const struct http_exchange *x = exchange_of(r);
	const struct mu_str *text = x->events ? &x->events->out
				    : x->out  ? &x->out->out
					      : &x->reply->body;

	return text->data ? text->data : "";
}

const char *http_request_for_test_reply_header(const struct http_request *r, const char *name)
{
	return http_reply_header_of(exchange_of(r)->reply, name);
}
