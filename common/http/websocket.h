/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket (RFC 6455), server side: a GET that asks for it may be answered with
 * http_reply_websocket(), after the handler has found out who asks and whether it may be. Whatever
 * else the handler replies goes out as plain HTTP and there is no WebSocket. HTTP/1.1 over TLS and
 * over Unix sockets. The client side (ws_client.h) has the same struct http_ws. Loop thread.
 *
 * Messages arrive whole, at most `message_max` bytes (more: closed with 1009). Sending is bounded
 * by `send_max` bytes: HTTP_WS_FULL then, and on_writable() when half of it has gone. A peer that
 * takes nothing for the server's idle_timeout, or does not answer a ping, is cut.
 */
#ifndef MUSTER_HTTP_WEBSOCKET_H
#define MUSTER_HTTP_WEBSOCKET_H

#include "common/http/http.h"

struct http_ws;

/* Close codes of RFC 6455 that are used here; our own are above 4000 (docs/design/http.md). */
enum http_ws_code {
	HTTP_WS_NORMAL = 1000,
	HTTP_WS_GOING_AWAY = 1001,
	HTTP_WS_NO_CODE = 1005,  /* the peer gave none; never sent */
	HTTP_WS_ABNORMAL = 1006, /* the connection was lost; never sent */
	HTTP_WS_TOO_LARGE = 1009,
	HTTP_WS_OWN = 4000, /* + the HTTP status of an error */
};

enum { HTTP_WS_FULL = 1, HTTP_WS_REASON_MAX = 123 };

struct http_ws_ops {
	/* `data` has a NUL behind its end; text is valid UTF-8. Valid during the call. */
	void (*on_message)(struct http_ws *ws, const void *data, size_t len, bool text, void *ctx);
	/* After HTTP_WS_FULL, and after a message longer than send_max: there is room again. */
	void (*on_writable)(struct http_ws *ws, void *ctx);
	/* Over, exactly once, never inside a function of this header; `ws` is dead when it
	 * returns. `code` and `reason` are the peer's, or ours if we closed. */
	void (*on_close)(struct http_ws *ws, int code, const char *reason, void *ctx);
};

struct http_ws_limits {
	size_t message_max;
	size_t send_max;
};

/* Does it ask for a WebSocket, in all that it takes? */
bool http_request_wants_websocket(const struct http_request *r);
/* The page that asks was loaded from here, or it is no page: a browser sends cookies along with
 * what any page asks for, and says in `Origin` which one it is. */
bool http_request_is_same_origin(const struct http_request *r);
/* Only for a request that wants it, and only from inside the handler. The request is gone when the
 * handler returns; `ws` lives until on_close(). */
struct http_reply *http_reply_websocket(struct http_request *r, const struct http_ws_limits *limits,
					const struct http_ws_ops *ops, void *ctx,
					struct http_ws **ret_ws);

/* Queue a copy: 0, or HTTP_WS_FULL (a message alone in the queue is never refused). Dropped
 * silently once it is closing. */
int http_ws_send(struct http_ws *ws, const void *data, size_t len, bool text);
/* Back-pressure: while paused no on_message comes and the peer is held back by TCP. Pings rest. */
void http_ws_pause(struct http_ws *ws, bool paused);
/* What is queued is sent, then the close frame; on_close() follows. `reason` is cut to
 * HTTP_WS_REASON_MAX bytes. */
void http_ws_close(struct http_ws *ws, int code, const char *reason);

#endif
