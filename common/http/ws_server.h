/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets on the server's connections; for this folder only. */
#ifndef MUSTER_HTTP_WS_SERVER_H
#define MUSTER_HTTP_WS_SERVER_H

#include "common/http/server.h"

#define HTTP_WS_SUBPROTOCOL "binary"

/* A request for an upgrade. For the library: 0 goes on with it, 1 means that it was answered,
 * negative closes the connection. */
int http_ws_upgrade(struct http_server *server, struct lws *wsi);
/* What happens on a connection that was upgraded. For the library: other than 0 closes it. */
int http_ws_event(struct lws *wsi, enum lws_callback_reasons reason, const void *in, size_t len);
/* The connection is no more. */
void http_ws_gone(struct http_conn *conn);
/* Say goodbye to all of them. */
void http_websockets_close(struct http_server *s);
/* Ping those who are silent, cut those who do not answer or do not read. */
void http_websockets_sweep(struct http_server *s);

#endif
