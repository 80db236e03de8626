/* SPDX-License-Identifier: Apache-2.0 */
/* What server and client do alike on the library's side of a WebSocket; for this folder only. */
#ifndef MUSTER_HTTP_WS_LWS_H
#define MUSTER_HTTP_WS_LWS_H

#include "common/http/ws.h"

#include <libwebsockets.h>

/* libwebsockets sends nothing at all of a larger piece on HTTP/2; the same bound serves here. */
enum { HTTP_WS_PIECE_MAX = 16384, HTTP_WS_NOTHING = 1 };

/* Write the next piece through `buf` (LWS_PRE + HTTP_WS_PIECE_MAX bytes) and ask to be called
 * again. HTTP_WS_NOTHING: there was none. Negative: the connection is broken. */
int http_ws_write_piece(struct http_ws *ws, struct lws *wsi, unsigned char *buf);
int http_ws_write_ping(struct lws *wsi);
/* Our close frame, with the code and reason of `ws`. */
int http_ws_write_close(const struct http_ws *ws, struct lws *wsi);
/* What came, to the user; too much of it begins the end. */
void http_ws_take_piece(struct http_ws *ws, struct lws *wsi, const void *data, size_t len);
/* The payload of the peer's close frame. */
void http_ws_take_close(struct http_ws *ws, const unsigned char *data, size_t len);

#endif
