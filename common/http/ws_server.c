/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket on libwebsockets.
 *
 * The library asks about an upgrade in one callback, which has to decide before it returns; so
 * the handler is called right there, on a request like any other, and what it refuses is answered
 * there too. The library itself closes without a word what it finds missing in a handshake
 * afterwards, so that is looked for before the handler is asked.
 *
 * The library frees its per-session memory at the upgrade: the connection (struct http_conn)
 * remembers that it is a WebSocket.
 */
#include "common/http/ws_server.h"

#include "common/base/assert.h"
#include "common/http/stream.h"
#include "common/http/ws_lws.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 64, GOODBYE_PATIENCE_MS = 5000 };

struct http_ws_conn {
	struct mu_link link; /* server's websockets */
	struct http_server *server;
	struct http_conn *conn;
	struct http_ws *ws;
	bool open;
	bool deaf; /* the library was told to stop reading */
	bool ping_due;
	bool goodbye; /* our close frame has left: wait for the peer's */
	mu_msec pinged_at;
	mu_msec heard_at;    /* or listened again */
	mu_msec progress_at; /* of what waits to be sent, 0 = nothing */
};

static void cut(struct http_ws_conn *c)
{
	lws_set_timeout(c->conn->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
	lws_cancel_service(c->server->lws);
}

/* From this side */

static void on_changed(struct http_ws *ws)
{
	struct http_ws_conn *c = ws->transport_data;
	bool deaf = ws->paused && !ws->closing;

	if (!c->open)
		return;
	if (c->deaf != deaf) {
		c->deaf = deaf;
		c->heard_at = mu_loop_now(c->server->loop);
		(void)lws_rx_flow_control(c->conn->wsi, deaf ? 0 : 1);
		lws_cancel_service(c->server->lws); /* it may have read more than it has told */
	}
	if (mu_list_empty(&ws->queue) && !ws->closing)
		return;
	if (!c->progress_at)
		c->progress_at = mu_loop_now(c->server->loop);
	(void)lws_callback_on_writable(c->conn->wsi);
}

static const struct http_ws_transport transport = {.changed = on_changed};

/* The handshake */

static bool has_token(struct lws *wsi, enum lws_token_indexes header, const char *token)
{
	char list[256];
	char *rest = list;
	char *item;

	if (lws_hdr_copy(wsi, list, sizeof list, header) <= 0)
		return false;
	while ((item = strsep(&rest, ", \t"))) {
		if (strcasecmp(item, token) == 0)
			return true;
	}
	return false;
}

/* 0, or the HTTP status to refuse it with. */
static int check_handshake(const struct http_stream *s, struct mu_error *err)
{
	struct lws *wsi = s->wsi;
	char version[8] = "";

	(void)lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_VERSION);
	if (strcmp(version, "13") != 0)
		(void)mu_error_set(err, MU_E_INVALID,
				   "only version 13 of WebSocket is spoken here; hint: send "
				   "Sec-WebSocket-Version: 13");
	else if (s->x->request.method != HTTP_GET || s->x->request.head || s->body_len > 0)
		(void)mu_error_set(err, MU_E_INVALID, "a WebSocket begins with a GET without body");
	else if (!has_token(wsi, WSI_TOKEN_CONNECTION, "upgrade"))
		(void)mu_error_set(err, MU_E_INVALID,
				   "the header Connection does not say upgrade; hint: a proxy in "
				   "between must pass it on");
	else if (lws_hdr_total_length(wsi, WSI_TOKEN_KEY) <= 0 ||
		 lws_hdr_total_length(wsi, WSI_TOKEN_KEY) > KEY_MAX ||
		 lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0)
		(void)mu_error_set(err, MU_E_INVALID,
				   "the headers Host and Sec-WebSocket-Key are needed");
	else if (lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0 &&
		 !has_token(wsi, WSI_TOKEN_PROTOCOL, HTTP_WS_SUBPROTOCOL))
		(void)mu_error_set(err, MU_E_INVALID,
				   "no such WebSocket subprotocol; hint: \"" HTTP_WS_SUBPROTOCOL
				   "\", or none");
	else
		return 0;
	return 400;
}

static struct http_reply *ask_handler(struct http_stream *s)
{
	struct http_server *server = s->server;
	struct mu_error err = MU_ERROR_INIT;
	struct http_exchange *x = s->x;

	if (server->n_websockets >= server->options.websockets_max) {
		(void)mu_error_set(&err, MU_E_UNAVAILABLE,
				   "%u WebSockets are open, the most; hint: close one",
				   server->n_websockets);
		return http_reply_error(&x->request, &err, NULL);
	}
	x->wants_websocket = true;
	x->reply = server->options.handle(&x->request, server->options.ctx);
	mu_assert(x->reply && x->reply->exchange == x);
	if (x->reply->kind == HTTP_REPLY_WEBSOCKET ||
	    (x->reply->kind == HTTP_REPLY_NOW && x->reply->status >= 400))
		return x->reply;
	/* A path that knows nothing of upgrades: whatever it began ends here. */
	http_exchange_gone(x);
	mu_str_deinit(&x->reply->body);
	(void)mu_error_set(&err, MU_E_INVALID, "there is no WebSocket at %s", x->request.path);
	return http_reply_error_status(&x->request, 400, &err, NULL);
}

static struct http_reply *decide(struct http_stream *s)
{
	struct mu_error err = MU_ERROR_INIT;
	char *path = NULL;
	int path_len = 0;
	int status;

	if (lws_http_get_uri_and_method(s->wsi, &path, &path_len) < 0)
		(void)snprintf(err.text, sizeof err.text, "the request line is malformed");
	status = path ? http_intake(s, path, (size_t)path_len, &err) : 400;
	if (!status)
		status = check_handshake(s, &err);
	return status ? http_reply_error_status(&s->x->request, status, &err, NULL)
		      : ask_handler(s);
}

static void attach(struct http_conn *conn, struct http_ws *ws)
{
	struct http_ws_conn *c = mu_xcalloc(1, sizeof *c);
	struct http_server *server = conn->server;

	c->server = server;
	c->conn = conn;
	c->ws = ws;
	c->heard_at = mu_loop_now(server->loop);
	conn->ws = c;
	ws->transport = &transport;
	ws->transport_data = c;
	mu_list_push_back(&server->websockets, &c->link);
	server->n_websockets++;
}

int http_ws_upgrade(struct http_server *server, struct lws *wsi)
{
	struct http_conn *conn = lws_get_opaque_user_data(lws_get_network_wsi(wsi));
	struct http_stream *s;
	int r = 1;

	/* An upgrade to something else: the library has answered that already. */
	if (!has_token(wsi, WSI_TOKEN_UPGRADE, "websocket"))
		return 1;
	if (!conn || conn->wsi != wsi)
		return -1;
	s = http_stream_new(server, wsi);
	s->x->request.peer = conn->peer;
	s->close_after = true; /* the library does so when an upgrade was refused */
	s->x->reply = decide(s);
	if (s->x->reply->kind == HTTP_REPLY_WEBSOCKET) {
		attach(conn, MU_TAKE(s->x->ws));
		r = 0;
	} else if (http_write_at_once(s) < 0) {
		r = -1;
	}
	http_stream_free(s);
	return r;
}

/* A WebSocket */

static int on_writeable(struct http_ws_conn *c)
{
	struct lws *wsi = c->conn->wsi;
	mu_msec now = mu_loop_now(c->server->loop);
	int r;

	if (c->goodbye)
		return 0;
	if (c->ping_due) {
		c->ping_due = false;
		c->pinged_at = now;
		(void)lws_callback_on_writable(wsi);
		return http_ws_write_ping(wsi);
	}
	r = http_ws_write_piece(c->ws, wsi, c->server->piece);
	if (r != HTTP_WS_NOTHING) {
		c->progress_at = now;
		return r;
	}
	c->progress_at = 0;
	if (!c->ws->closing)
		return 0;
	c->goodbye = true;
	c->progress_at = now;
	return http_ws_write_close(c->ws, wsi);
}

int http_ws_event(struct lws *wsi, enum lws_callback_reasons reason, const void *in, size_t len)
{
	struct http_conn *conn = lws_get_opaque_user_data(lws_get_network_wsi(wsi));
	struct http_ws_conn *c = conn && conn->wsi == wsi ? conn->ws : NULL;

	/* Over HTTP/2 nobody was asked, so it ends. Not at the filter, though: the library would
	 * leak what it has allocated for a WebSocket that never was one. */
	if (!c)
		return reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION ? 0 : -1;
	if (reason != LWS_CALLBACK_SERVER_WRITEABLE)
		c->heard_at = mu_loop_now(c->server->loop);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		c->open = true;
		on_changed(c->ws);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		http_ws_take_piece(c->ws, wsi, in, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return on_writeable(c);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		http_ws_take_close(c->ws, in, len);
		return c->goodbye ? -1 : 0; /* was it the answer to ours? */
	default:
		return 0;
	}
#pragma GCC diagnostic pop
}

void http_ws_gone(struct http_conn *conn)
{
	struct http_ws_conn *c = MU_TAKE(conn->ws);
	struct http_server *server = c->server;

	mu_list_remove(&c->link);
	server->n_websockets--;
	http_ws_over(c->ws);
	free(c);
	if (server->stopping && server->n_websockets == 0)
		http_server_websockets_gone(server);
}

/* The sweep */

/* While nothing is read, the end of the connection is not seen either. */
static bool is_lost(const struct http_ws_conn *c)
{
	struct pollfd p = {.fd = lws_get_socket_fd(c->conn->wsi), .events = POLLRDHUP};

	return c->deaf && p.fd >= 0 && poll(&p, 1, 0) > 0;
}

static bool is_stuck(const struct http_ws_conn *c, mu_msec now)
{
	mu_msec idle = c->server->options.idle_timeout;
	bool unanswered = !c->deaf && c->pinged_at > c->heard_at && now - c->pinged_at > idle / 2;
	mu_msec limit = c->goodbye ? GOODBYE_PATIENCE_MS : idle;

	return unanswered || (c->progress_at && now - c->progress_at > limit);
}

/* Also those that we do not listen to: sending finds out whether a peer is still there whose
 * goodbye stands behind what was not read. */
static bool wants_ping(const struct http_ws_conn *c, mu_msec now)
{
	mu_msec latest = c->heard_at > c->pinged_at ? c->heard_at : c->pinged_at;

	return c->open && !c->goodbye && !c->ping_due &&
	       now - latest > c->server->options.idle_timeout / 2;
}

void http_websockets_sweep(struct http_server *server)
{
	mu_msec now = mu_loop_now(server->loop);

	mu_list_each(it, &server->websockets)
	{
		struct http_ws_conn *c = MU_CONTAINER_OF(it, struct http_ws_conn, link);

		if (is_stuck(c, now) || is_lost(c)) {
			cut(c);
		} else if (wants_ping(c, now)) {
			c->ping_due = true;
			(void)lws_callback_on_writable(c->conn->wsi);
		}
	}
}

void http_websockets_close(struct http_server *server)
{
	mu_list_each(it, &server->websockets)
	{
		http_ws_close(MU_CONTAINER_OF(it, struct http_ws_conn, link)->ws,
			      HTTP_WS_GOING_AWAY, "the server is stopping");
	}
}
