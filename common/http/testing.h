/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests without a socket, for the tests of handlers: make one, call the handler, look at what it
 * replied, now or later. Only tests link this.
 */
#ifndef MUSTER_HTTP_TESTING_H
#define MUSTER_HTTP_TESTING_H

#include "common/http/http.h"

/* `target` as on the wire: "/rest/v0/vms?fields=id"; `body` may be NULL. The peer is a TCP one,
 * 192.0.2.1. Asserts that the target is well-formed. */
struct http_request *http_request_for_test(enum http_method method, const char *target,
					   const char *body);
void http_request_for_test_header(struct http_request *r, const char *name, const char *value);
/* It asks for a WebSocket. */
void http_request_for_test_upgrade(struct http_request *r);
/* What the handler made of that, to be driven with common/http/ws.h; NULL: it refused. */
struct http_ws *http_request_for_test_ws(const struct http_request *r);
/* The peer leaves, if it has not been answered; then everything is freed. Returns NULL. */
struct http_request *http_request_for_test_free(struct http_request *r);

/* The server stops: those that have outlived their peers are not answered any more. */
void http_request_for_test_stop(void);

/* What the handler returned. */
void http_request_for_test_replied(struct http_request *r, struct http_reply *reply);
/* 0 while it is pending. */
int http_request_for_test_status(const struct http_request *r);
const char *http_request_for_test_type(const struct http_request *r);
/* The body so far; of an event stream, all that was sent. "" when there is none. */
const char *http_request_for_test_body(const struct http_request *r);
/* A header of the reply, NULL when absent. */
const char *http_request_for_test_reply_header(const struct http_request *r, const char *name);

#endif
