/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and replies on libwebsockets.
 *
 *	READING --body whole--> handler --pending--> WAITING --finish--+
 *	   |                       |                                   v
 *	   |                       +-------------reply----------> HEADERS --> BODY --> (next)
 *	   +--error: 400, 411, 413 --------------------------------^   +----> EVENTS, STREAM
 *
 * A body that is taken in pieces: handler --pending--> TAKING --all of it--> WAITING, and from both
 * to HEADERS; before all of it was read the connection ends with the reply.
 *
 * What the library wants, found in its source and by trying (docs/design/http.md):
 * - an HTTP/1.1 connection that is not reading (WAITING and later) would spin while unread input
 *   or an end of file waits on its socket, so input is muted then, and the sweep asks the kernel
 *   whether the peer is still there. A muted connection gets no WRITEABLE either: it is unmuted
 *   to write, and a peer that sends but does not read is cut;
 * - it decodes %0A in a URL before it looks for the end of the line: intake.c;
 * - a POST without a Content-Length would swallow what follows on the connection as its body: it
 *   is taken as empty and the connection closed after the reply.
 */
#include "common/http/stream.h"

#include "common/base/assert.h"
#include "common/http/ws_server.h"
#include "common/log/log.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A pipelining client is rare, one that floods is cut. */
	EARLY_INPUT_MAX = 16,
	LINGER_SECONDS = 2,
	CUT_SECONDS = 5, /* to take the last event */
	/* Of a body in pieces, what may come after it was paused. */
	HELD_MAX = 256 << 10,
};

static void on_finished(struct http_exchange *x);
static void on_events_changed(struct http_exchange *x);
static void on_out_changed(struct http_exchange *x);
static void on_in_changed(struct http_exchange *x);

static const struct http_transport transport = {
    .finished = on_finished,
    .events_changed = on_events_changed,
    .out_changed = on_out_changed,
    .in_changed = on_in_changed,
};

void http_stream_touch(struct http_stream *s)
{
	s->progress_at = mu_loop_now(s->server->loop);
}

static void kill_wsi(struct http_stream *s)
{
	lws_set_timeout(s->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
	/* Its timers are looked at after its own events only. */
	lws_cancel_service(s->server->lws);
}

void http_stream_mute(struct http_stream *s)
{
	if (s->h2 || s->muted)
		return;
	s->muted = true;
	(void)lws_rx_flow_control(s->wsi, 0);
}

static void want_write(struct http_stream *s)
{
	if (s->muted) {
		s->muted = false;
		(void)lws_rx_flow_control(s->wsi, 1);
	}
	(void)lws_callback_on_writable(s->wsi);
}

struct http_stream *http_stream_new(struct http_server *server, struct lws *wsi)
{
	struct http_stream *s = mu_xcalloc(1, sizeof *s);

	s->server = server;
	s->wsi = wsi;
	s->h2 = lws_get_network_wsi(wsi) != wsi;
	s->x = http_exchange_new(&transport, server->options.events_max);
	s->x->transport_data = s;
	s->started_at = mu_loop_now(server->loop);
	mu_list_push_back(&server->streams, &s->link);
	http_stream_touch(s);
	return s;
}

void http_stream_free(struct http_stream *s)
{
	mu_list_remove(&s->link);
	mu_str_deinit(&s->body);
	http_exchange_free(s->x);
	free(s);
}

/* The reply */

static struct http_stream *first_to_kick(struct http_server *server)
{
	mu_list_each(it, &server->streams)
	{
		struct http_stream *s = MU_CONTAINER_OF(it, struct http_stream, link);

		if (s->kick)
			return s;
	}
	return NULL;
}

static void kick_streams(void *ctx)
{
	struct http_server *server = ctx;
	struct http_stream *s;

	while ((s = first_to_kick(server))) {
		struct lws_pollfd p = {
		    .fd = lws_get_socket_fd(s->wsi), .events = POLLIN, .revents = POLLIN};

		s->kick = false;
		(void)lws_service_fd(server->lws, &p);
	}
}

/* Go on hearing a body that was held back, or hold it back. What TLS has decrypted already is not
 * on the socket any more, so the kernel does not tell of it, nor does the library: it is asked to
 * look. */
static void hear(struct http_stream *s, bool on)
{
	(void)lws_rx_flow_control(s->wsi, on);
	if (!on || !lws_is_ssl(s->wsi) || s->kick)
		return;
	s->kick = true;
	mu_loop_post(s->server->loop, kick_streams, s->server);
}

/* Is some of a body that comes in pieces still to be read? */
static bool unread(const struct http_stream *s)
{
	return s->in_pieces && s->body_came < s->body_len;
}

/* Start sending what x->reply says, or wait. */
static void apply_reply(struct http_stream *s)
{
	http_stream_touch(s);
	switch (s->x->reply->kind) {
	case HTTP_REPLY_PENDING:
		s->stage = unread(s) ? HTTP_STAGE_TAKING : HTTP_STAGE_WAITING;
		if (s->stage == HTTP_STAGE_WAITING)
			http_stream_mute(s);
		else if (s->x->in.paused)
			on_in_changed(s->x);
		return;
	case HTTP_REPLY_NOW:
	case HTTP_REPLY_STREAM:
	case HTTP_REPLY_EVENTS:
		s->server->n_replies[s->x->reply->status / 100]++;
		if (unread(s)) {
			s->close_after = true;
			s->linger = true;
			if (s->x->in.paused)
				hear(s, true);
		}
		s->stage = HTTP_STAGE_HEADERS;
		want_write(s);
		return;
	case HTTP_REPLY_WEBSOCKET: /* only who asked gets one: http_ws_upgrade() */
	case _HTTP_REPLY_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static void on_finished(struct http_exchange *x)
{
	apply_reply(x->transport_data);
}

static void on_events_changed(struct http_exchange *x)
{
	struct http_stream *s = x->transport_data;

	if (x->events->cut)
		lws_set_timeout(s->wsi, PENDING_TIMEOUT_HTTP_CONTENT, CUT_SECONDS);
	if (s->stage != HTTP_STAGE_EVENTS)
		return;
	if (s->x->events->sent == 0 && !s->writing)
		http_stream_touch(s); /* nothing was waiting: the peer's time begins now */
	s->writing = true;
	want_write(s);
}

static void on_out_changed(struct http_exchange *x)
{
	struct http_stream *s = x->transport_data;

	if (s->stage != HTTP_STAGE_STREAM)
		return;
	if (!s->writing)
		http_stream_touch(s);
	s->writing = true;
	want_write(s);
}

static void on_in_changed(struct http_exchange *x)
{
	struct http_stream *s = x->transport_data;

	if (s->stage != HTTP_STAGE_TAKING)
		return;
	http_stream_touch(s);
	hear(s, !x->in.paused);
}

/* From here on the sweep watches the time. On HTTP/2 the library would otherwise end the whole
 * connection while a reply is under way. */
static void take_over_time(struct http_stream *s)
{
	lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
	if (s->h2)
		(void)lws_http_mark_sse(s->wsi);
}

static void dispatch(struct http_stream *s)
{
	struct http_exchange *x = s->x;

	take_over_time(s);
	mu_str_add_char(&s->body, '\0');
	x->request.body = s->body.data;
	x->request.body_len = s->body.len - 1;
	http_exchange_replied(x, s->server->options.handle(&x->request, s->server->options.ctx));
	apply_reply(s);
}

int http_stream_end(struct http_session *session)
{
	struct http_stream *s = session->stream;
	struct lws *wsi = s->wsi;
	bool close_after = s->close_after;

	if (s->linger) {
		s->stage = HTTP_STAGE_LINGER;
		lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, LINGER_SECONDS);
		return 0;
	}
	session->stream = NULL;
	http_stream_free(s);
	if (close_after)
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* The request */

/* Answer without asking the handler; what is left of the request is not read. */
static int refuse(struct http_stream *s, int status, const struct mu_error *err)
{
	s->x->reply = http_reply_error_status(&s->x->request, status, err, NULL);
	s->close_after = !s->h2;
	s->linger = !s->h2 && s->body_follows;
	take_over_time(s);
	apply_reply(s);
	return 0;
}

static int on_http(struct http_server *server, struct lws *wsi, struct http_session *session,
		   const char *path, size_t path_len)
{
	struct http_conn *conn = lws_get_opaque_user_data(lws_get_network_wsi(wsi));
	struct mu_error err = MU_ERROR_INIT;
	struct http_stream *s;
	int status;

	mu_assert(!session->stream);
	if (!conn)
		return -1;
	s = session->stream = http_stream_new(server, wsi);
	s->x->request.peer = conn->peer;
	status = http_intake(s, path, path_len, &err);
	if (status)
		return refuse(s, status, &err);
	if (s->body_len == 0 || s->in_pieces)
		dispatch(s);
	return 0;
}

static int on_piece(struct http_stream *s, const void *data, size_t len)
{
	if (len > s->body_len - s->body_came)
		return -1;
	s->body_came += len;
	http_stream_touch(s);
	if (s->stage == HTTP_STAGE_TAKING)
		http_in_data(s->x, data, len);
	return s->x->in.held.len > HELD_MAX ? -1 : 0;
}

static int on_body(struct http_stream *s, const void *data, size_t len)
{
	if (s && s->in_pieces)
		return on_piece(s, data, len);
	if (!s || s->stage != HTTP_STAGE_READING)
		return 0;
	if (s->body.len + len > s->body_len)
		return -1;
	mu_str_add_bytes(&s->body, data, len);
	http_stream_touch(s);
	return 0;
}

static int on_body_complete(struct http_stream *s)
{
	if (!s)
		return 0;
	if (s->stage == HTTP_STAGE_READING) {
		dispatch(s);
		return 0;
	}
	if (s->stage == HTTP_STAGE_TAKING) {
		s->stage = HTTP_STAGE_WAITING;
		http_stream_mute(s);
		take_over_time(s);
		http_in_end(s->x);
		return 0;
	}
	if (s->stage == HTTP_STAGE_LINGER)
		return -1;
	return ++s->early_input > EARLY_INPUT_MAX ? -1 : 0;
}

static void on_dropped(struct http_session *session)
{
	struct http_stream *s = session->stream;

	if (!s)
		return;
	session->stream = NULL;
	if (http_exchange_orphan(s->x, &s->server->orphans))
		s->x = NULL;
	else
		http_exchange_gone(s->x);
	http_stream_free(s);
}

/* Not HTTP: say so in HTTP, for whoever looks at the wire. */
static int answer_raw(struct lws *wsi)
{
	static const char body[] = "{\"error\":\"this is not an HTTP request that can be "
				   "understood\"}";
	unsigned char buf[LWS_PRE + 256];
	int n = snprintf((char *)buf + LWS_PRE, sizeof buf - LWS_PRE,
			 "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
			 "content-length: %zu\r\nconnection: close\r\n\r\n%s",
			 sizeof body - 1, body);

	(void)lws_write(wsi, buf + LWS_PRE, (size_t)n, LWS_WRITE_RAW);
	return -1;
}

static void on_wsi_destroyed(struct lws *wsi)
{
	struct http_conn *conn = lws_get_opaque_user_data(wsi);

	if (conn && conn->wsi == wsi) {
		if (conn->ws)
			http_ws_gone(conn);
		lws_set_opaque_user_data(wsi, NULL);
		http_server_conn_closed(conn);
	}
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len)
{
	struct http_session *session = user;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
	/* A hundred reasons of the library's, most of them not ours. */
	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		http_server_tls(user, in);
		return 0;
	case LWS_CALLBACK_HTTP:
		return on_http(lws_context_user(lws_get_context(wsi)), wsi, session, in, len);
	case LWS_CALLBACK_HTTP_BODY:
		return on_body(session->stream, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return on_body_complete(session->stream);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return http_write(session);
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED_HTTP:
		if (session)
			on_dropped(session);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return http_ws_upgrade(lws_context_user(lws_get_context(wsi)), wsi);
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_RECEIVE_PONG:
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return http_ws_event(wsi, reason, in, len);
	case LWS_CALLBACK_RAW_RX:
		(void)lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_RAW_WRITEABLE:
		return answer_raw(wsi);
	case LWS_CALLBACK_WSI_DESTROY:
		on_wsi_destroyed(wsi);
		return 0;
	default:
		return 0;
	}
#pragma GCC diagnostic pop
}

const struct lws_protocols http_protocols[] = {
    {.name = "http", .callback = on_lws, .per_session_data_size = sizeof(struct http_session)},
    /* The one subprotocol: what clients of consoles call a plain stream of bytes. */
    {.name = HTTP_WS_SUBPROTOCOL,
     .callback = on_lws,
     .per_session_data_size = sizeof(struct http_session)},
    {.name = NULL},
};

/* The sweep */

static bool is_stuck(const struct http_stream *s, mu_msec now)
{
	mu_msec limit = s->server->options.idle_timeout;

	switch (s->stage) {
	case HTTP_STAGE_READING: /* a trickle of bytes must not hold it for ever */
		return now - s->progress_at > limit || now - s->started_at > 4 * limit;
	case HTTP_STAGE_HEADERS:
	case HTTP_STAGE_BODY:
		return now - s->progress_at > limit;
	case HTTP_STAGE_TAKING:
		return !s->x->in.paused && now - s->progress_at > limit;
	case HTTP_STAGE_STREAM:
		return s->x->out->out.len > 0 && now - s->progress_at > limit;
	case HTTP_STAGE_EVENTS:
		return s->x->events->out.len > 0 && now - s->progress_at > limit;
	case HTTP_STAGE_WAITING:
	case HTTP_STAGE_LINGER:
		return false;
	case _HTTP_STAGE_COUNT:
		break;
	}
	mu_assert_unreachable();
}

/* The peer left, or sends more while it does not read what it asked for: the library would look at
 * that input again and again. */
static bool is_lost(const struct http_stream *s)
{
	struct pollfd p = {.fd = lws_get_socket_fd(s->wsi), .events = POLLRDHUP | POLLIN | POLLOUT};
	bool blocked;

	if (s->h2 || s->stage == HTTP_STAGE_READING || s->stage == HTTP_STAGE_LINGER || p.fd < 0)
		return false;
	if (s->stage == HTTP_STAGE_TAKING && !s->x->in.paused)
		return false;
	if (poll(&p, 1, 0) < 0)
		return false;
	blocked = !s->muted && (p.revents & (POLLIN | POLLOUT)) == POLLIN;
	return blocked || (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void http_streams_sweep(struct http_server *server)
{
	mu_msec now = mu_loop_now(server->loop);

	mu_list_each(it, &server->streams)
	{
		struct http_stream *s = MU_CONTAINER_OF(it, struct http_stream, link);

		/* The library sets its own limit anew with each piece. */
		if (s->stage == HTTP_STAGE_TAKING)
			take_over_time(s);
		if (is_stuck(s, now) || is_lost(s))
			kill_wsi(s);
	}
}
