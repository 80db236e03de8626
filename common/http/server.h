/* SPDX-License-Identifier: Apache-2.0 */
/* The server's state, as its life (server.c) and its requests (stream.c) see it. */
#ifndef MUSTER_HTTP_SERVER_H
#define MUSTER_HTTP_SERVER_H

#include "common/base/list.h"
#include "common/http/listen.h"
#include "common/http/pair.h"
#include "common/http/sources.h"

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
	struct http_ws_conn *ws; /* it is a WebSocket: ws_server.h */
};

struct http_vhost {
	struct mu_link link;
	struct http_server *server;
	struct lws_vhost *lws;
	struct http_listener *listener;
	bool tls;
	struct http_pair *pair; /* with TLS */
};

struct http_server {
	struct mu_loop *loop;
	struct http_server_options options;
	struct lws_context *lws;
	int fd_end;                   /* its tables end there */
	struct http_sources *sources; /* NULL: not counted */
	struct mu_link vhosts;
	struct mu_link streams;    /* stream.h */
	struct mu_link orphans;    /* exchanges whose peer is gone: message.h */
	struct mu_link websockets; /* ws_server.h */
	unsigned n_websockets;
	unsigned n_conns;
	uint64_t n_replies[6];
	unsigned n_vhosts;
	struct mu_timer *sweep;
	bool stopping;
	bool stop_begun;
	unsigned stop_turns;
	mu_loop_cb on_stopped;
	void *stopped_ctx;
	unsigned char piece[LWS_PRE + HTTP_PIECE_MAX]; /* what is being written */
};

/* A vhost is being made: its SSL_CTX. */
void http_server_tls(void *ssl_ctx, struct lws_vhost *vhost);
/* A connection ended. */
void http_server_conn_closed(struct http_conn *conn);
/* The last WebSocket ended: a server that is stopping goes on. */
void http_server_websockets_gone(struct http_server *s);

#endif
