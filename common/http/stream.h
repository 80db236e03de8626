/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What server.c (life cycle, listeners) and stream.c (requests and replies on libwebsockets) share.
 * A stream is one request and its reply: a transaction of an HTTP/1.1 connection, or a stream of an
 * HTTP/2 one.
 */
#ifndef MUSTER_HTTP_STREAM_H
#define MUSTER_HTTP_STREAM_H

#include "common/base/list.h"
#include "common/http/listen.h"
#include "common/http/message.h"

#include <libwebsockets.h>

enum {
	/* libwebsockets sends nothing at all of a larger piece on HTTP/2. */
	HTTP_PIECE_MAX = 16384,
	HTTP_HEADERS_MAX = 8192, /* of a request, all together */
};

struct http_conn {
	struct http_server *server;
	struct lws *wsi;
	struct http_peer peer;
};

struct http_vhost {
	struct mu_link link;
	struct http_server *server;
	struct lws_vhost *lws;
	struct http_listener *listener;
	bool tls;
};

struct http_server {
	struct mu_loop *loop;
	struct http_server_options options;
	struct lws_context *lws;
	struct uv_loop_s *uv;
	struct mu_link vhosts;
	struct mu_link streams;
	unsigned n_conns;
	unsigned n_vhosts;
	struct mu_timer *sweep;
	bool stopping;
	unsigned stop_turns;
	mu_loop_cb on_stopped;
	void *stopped_ctx;
	unsigned char piece[LWS_PRE + HTTP_PIECE_MAX];
};

extern const struct lws_protocols http_protocols[];

/* Cut streams whose peer is gone or has not taken or sent anything for idle_timeout. */
void http_streams_sweep(struct http_server *s);
/* A connection ended. */
void http_server_conn_closed(struct http_conn *conn);

#endif
