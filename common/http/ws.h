/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebSocket without a transport: its queue, its state, what arrived of a message. Shared by the
 * server (ws_server.c), the client (ws_client.c) and testing.c. For this folder only.
 */
#ifndef MUSTER_HTTP_WS_H
#define MUSTER_HTTP_WS_H

#include "common/base/list.h"
#include "common/http/websocket.h"

struct http_ws_message {
	struct mu_link link;
	size_t len;
	size_t sent;
	bool text;
	char data[];
};

struct http_ws_transport {
	/* There is something to send, or `closing` was set, or `paused` has changed. */
	void (*changed)(struct http_ws *ws);
};

struct http_ws {
	const struct http_ws_transport *transport;
	void *transport_data;
	struct http_ws_limits limits;
	const struct http_ws_ops *ops;
	void *ctx;
	/* out */
	struct mu_link queue;
	size_t queued_bytes;
	bool full; /* HTTP_WS_FULL was said */
	/* in */
	struct mu_str incoming;
	bool text;
	bool paused;
	/* end */
	bool closing;
	int code; /* ours, when closing, else the peer's */
	char reason[HTTP_WS_REASON_MAX + 1];
};

struct http_ws *http_ws_new(const struct http_ws_transport *transport,
			    const struct http_ws_limits *limits, const struct http_ws_ops *ops,
			    void *ctx);
/* The next piece of at most `max` bytes; NULL when nothing waits. */
const char *http_ws_next(const struct http_ws *ws, size_t max, size_t *ret_len, bool *ret_text,
			 bool *ret_first, bool *ret_last);
/* It was sent. May call on_writable(). */
void http_ws_sent(struct http_ws *ws, size_t len);
/* A piece of a message came: on_message() when it is whole. False when it is longer than allowed.
 */
bool http_ws_received(struct http_ws *ws, const void *data, size_t len, bool text, bool first,
		      bool last);
/* The peer's code and reason, unless we are closing ourselves. */
void http_ws_peer_closes(struct http_ws *ws, int code, const void *reason, size_t len);
/* on_close(), and frees it. */
void http_ws_over(struct http_ws *ws);

#endif
