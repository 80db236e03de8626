/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply, without a transport: what server.c (sockets) and testing.c (a test's
 * request) share. An exchange owns its arena, and through it everything but the reply's body and
 * the bytes of an event stream, which may be large and are freed by http_exchange_free().
 */
#ifndef MUSTER_HTTP_MESSAGE_H
#define MUSTER_HTTP_MESSAGE_H

#include "common/base/list.h"
#include "common/http/http.h"

struct http_exchange;

struct http_header {
	const char *name; /* lower case */
	const char *value;
	struct http_header *next;
};

enum http_reply_kind {
	HTTP_REPLY_NOW,
	HTTP_REPLY_PENDING,
	HTTP_REPLY_EVENTS,
	HTTP_REPLY_WEBSOCKET,
	HTTP_REPLY_STREAM,
	_HTTP_REPLY_KIND_COUNT,
};

struct http_reply {
	enum http_reply_kind kind;
	int status;
	const char *type; /* NULL: no body */
	struct mu_str body;
	struct http_header *headers;
	struct http_exchange *exchange;
};

struct http_events {
	struct http_exchange *exchange;
	struct mu_str out; /* bytes from `sent` on wait for the peer */
	size_t sent;
	size_t max;
	bool closing; /* end the stream when `out` is empty */
	bool cut;     /* soon, whether it was sent or not */
};

/* A reply in pieces: `left` bytes are still to come from its maker. */
struct http_out {
	struct http_exchange *exchange;
	struct mu_str out; /* bytes from `sent` on wait for the peer */
	size_t sent;
	uint64_t length;
	uint64_t left;
	bool full; /* its maker waits for on_writable */
	bool ended;
	bool end_said;          /* to a peer of HTTP/2 */
	mu_loop_cb on_writable; /* with gone_ctx */
};

/* A request's body in pieces. */
struct http_in {
	const struct http_body_ops *ops; /* NULL: nobody reads it (any more) */
	void *ctx;
	bool paused;
	bool complete;      /* all of it has come from the peer */
	struct mu_str held; /* came while paused */
};

/* What the layer below does when something happens on this side. */
struct http_transport {
	/* A pending request got its reply: exchange->reply. */
	void (*finished)(struct http_exchange *x);
	/* There are bytes to send, or `closing` or `cut` was set. */
	void (*events_changed)(struct http_exchange *x);
	/* The same for a reply in pieces: bytes, or `ended`. */
	void (*out_changed)(struct http_exchange *x);
	/* in.paused has changed. */
	void (*in_changed)(struct http_exchange *x);
};

struct http_exchange {
	struct http_request request;
	const struct http_transport *transport;
	void *transport_data;
	struct http_header *headers; /* of the request */
	struct http_reply *reply;    /* set when the handler returned and again on finish */
	struct http_events *events;
	struct http_out *out; /* with a reply in pieces */
	struct http_in in;
	size_t events_max;
	bool chunked; /* how the peer wants a reply whose length is not known */
	bool wants_websocket;
	struct http_ws *ws; /* made by the handler; the transport takes it over */
	mu_loop_cb on_gone; /* cleared when called or when the reply is finished */
	void *gone_ctx;
	void (*told)(void *ctx, struct http_request *r, const struct http_reply *reply);
	void *told_ctx;
	struct mu_link orphan; /* in the server's list, when it has outlived its peer */
};

/* `target` is the path and query as sent; bounded by the caller. MU_E_INVALID when it cannot be
 * decoded: no leading slash, a bad %-escape, bytes that are not UTF-8, control characters. */
struct http_exchange *http_exchange_new(const struct http_transport *transport, size_t events_max);
int http_exchange_target(struct http_exchange *x, const char *target, struct mu_error *err);
void http_exchange_header(struct http_exchange *x, const char *name, const char *value);
/* A piece of the body, or its end, for whoever reads it. */
void http_in_data(struct http_exchange *x, const void *data, size_t len);
void http_in_end(struct http_exchange *x);
/* Some of it was sent: there may be room again. */
void http_out_sent(struct http_out *o, size_t n);
/* Drop bytes that were sent, when they are most of the buffer. */
void http_events_compact(struct http_events *e);
/* Tell a pending or streaming handler that the peer went away; at most once. */
void http_exchange_gone(struct http_exchange *x);
/* Who asked by http_request_outlive(), at most once. */
void http_exchange_tell(struct http_exchange *x, const struct http_reply *reply);
/* What the handler returned. */
void http_exchange_replied(struct http_exchange *x, struct http_reply *reply);
/* The peer went away, and the request goes on without it: the exchange is in `orphans` from now on,
 * and is freed when it is answered. False: it does not, http_exchange_gone() is due. */
bool http_exchange_orphan(struct http_exchange *x, struct mu_link *orphans);
/* Nobody waits any more. */
void http_orphans_drop(struct mu_link *orphans);
/* Takes NULL; returns NULL. Does not call on_gone. */
struct http_exchange *http_exchange_free(struct http_exchange *x);

/* "GET" -> HTTP_GET; "HEAD" -> HTTP_GET with *ret_head. */
enum http_method http_method_parse(const char *name, bool *ret_head);

#endif
