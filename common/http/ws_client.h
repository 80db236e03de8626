/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebSocket to a server, for the command line: the same struct http_ws as the server's side
 * (websocket.h), on the caller's loop, over https or a Unix socket. No proxy is used, whatever the
 * environment says. A refusal by the server shows as a connection that could not be opened: who
 * wants the server's words asks with a plain GET before (client.h). Loop thread.
 */
#ifndef MUSTER_HTTP_WS_CLIENT_H
#define MUSTER_HTTP_WS_CLIENT_H

#include "common/http/websocket.h"

struct http_ws_client;

struct http_ws_client_options {
	const char *url;           /* "https://host:port/path?query" */
	const char *unix_path;     /* a Unix socket; the URL's host is then only a name */
	const char *authorization; /* the header's value; NULL: none */
	const char *ca_file;       /* PEM; NULL: the system's authorities */
	bool insecure;             /* trust anybody */
	mu_msec timeout;           /* until it is open */
	mu_msec idle_timeout; /* a server that is silent for so long is pinged, then given up */
	struct http_ws_limits limits;
	const struct http_ws_ops *ops;
	void (*on_open)(struct http_ws *ws, void *ctx);
	void *ctx;
};

/* Begins to connect; on_open() or on_close() follows, the latter with HTTP_WS_ABNORMAL and why as
 * the reason when there was no connection. The strings must live until then. */
int http_ws_client_new(struct mu_loop *loop, const struct http_ws_client_options *options,
		       struct http_ws_client **ret_client, struct http_ws **ret_ws,
		       struct mu_error *err);
/* Ends what is left of it, then done(ctx) from the loop; freed by then. Not inside a callback of
 * its own. */
void http_ws_client_stop(struct http_ws_client *c, mu_loop_cb done, void *ctx);

#endif
