/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and replies on libwebsockets.
 *
 *	READING --body whole--> handler --pending--> WAITING --finish--+
 *	   |                       |                                   v
 *	   |                       +-------------reply----------> HEADERS --> BODY --> (next)
 *	   +--error: 400, 411, 413 --------------------------------^   +----> EVENTS
 *
 * What the library wants, found in its source and by trying (docs/design/http.md):
 * - it writes only from its WRITEABLE callback, one piece of at most HTTP_PIECE_MAX a call, and on
 *   HTTP/2 no more than the peer's window allows;
 * - an HTTP/1.1 connection that is not reading (WAITING and later) would spin while unread input
 *   or an end of file waits on its socket, so input is muted then, and the sweep asks the kernel
 *   whether the peer is still there. A muted connection gets no WRITEABLE either: it is unmuted
 *   first;
 * - it decodes %0A in a URL before it looks for the end of the line: check_version();
 * - a POST without a Content-Length would swallow what follows on the connection as its body: it
 *   is taken as empty and the connection closed after the reply.
 */
#include "common/http/stream.h"

#include "common/base/assert.h"
#include "common/log/log.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum stage {
	STAGE_READING,
	STAGE_WAITING,
	STAGE_HEADERS,
	STAGE_BODY,
	STAGE_EVENTS,
	STAGE_LINGER, /* replied before the body was read: let the peer read the reply */
	_STAGE_COUNT,
};

enum {
	/* A pipelining client is rare, one that floods is cut. */
	EARLY_INPUT_MAX = 16,
	LINGER_SECONDS = 2,
};

struct stream {
	struct mu_link link; /* server's streams */
	struct http_server *server;
	struct lws *wsi;
	struct http_exchange *x;
	enum stage stage;
	bool h2;
	bool head;
	bool muted;
	bool immortal;
	bool close_after;
	bool linger;
	bool writing; /* events wait to be written */
	unsigned early_input;
	struct mu_str body; /* of the request */
	size_t body_len;    /* as announced */
	size_t sent;        /* of the reply's body */
	mu_msec started_at;
	mu_msec progress_at;
};

/* The library's memory of a transaction, zeroed by it. */
struct session {
	struct stream *stream;
	bool raw;
};

static void on_finished(struct http_exchange *x);
static void on_events_changed(struct http_exchange *x);

static const struct http_transport transport = {
    .finished = on_finished,
    .events_changed = on_events_changed,
};

static void touch(struct stream *s)
{
	s->progress_at = mu_loop_now(s->server->loop);
}

static void kill_wsi(struct stream *s)
{
	lws_set_timeout(s->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
	/* Its timers are looked at after its own events only. */
	lws_cancel_service(s->server->lws);
}

static void mute(struct stream *s)
{
	if (s->h2 || s->muted)
		return;
	s->muted = true;
	(void)lws_rx_flow_control(s->wsi, 0);
}

static void want_write(struct stream *s)
{
	if (s->muted) {
		s->muted = false;
		(void)lws_rx_flow_control(s->wsi, 1);
	}
	(void)lws_callback_on_writable(s->wsi);
}

static struct stream *stream_new(struct http_server *server, struct lws *wsi)
{
	struct stream *s = mu_xcalloc(1, sizeof *s);

	s->server = server;
	s->wsi = wsi;
	s->h2 = lws_get_network_wsi(wsi) != wsi;
	s->x = http_exchange_new(&transport, server->options.events_max);
	s->x->transport_data = s;
	s->started_at = mu_loop_now(server->loop);
	mu_list_push_back(&server->streams, &s->link);
	touch(s);
	return s;
}

static void stream_free(struct stream *s)
{
	mu_list_remove(&s->link);
	mu_str_deinit(&s->body);
	http_exchange_free(s->x);
	free(s);
}

/* The reply */

/* Start sending what x->reply says, or wait. */
static void apply_reply(struct stream *s)
{
	touch(s);
	switch (s->x->reply->kind) {
	case HTTP_REPLY_PENDING:
		s->stage = STAGE_WAITING;
		mute(s);
		return;
	case HTTP_REPLY_NOW:
	case HTTP_REPLY_EVENTS:
		s->stage = STAGE_HEADERS;
		want_write(s);
		return;
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
	struct stream *s = x->transport_data;

	if (x->events->cut) {
		kill_wsi(s);
		return;
	}
	if (s->stage != STAGE_EVENTS)
		return;
	if (s->x->events->sent == 0 && !s->writing)
		touch(s); /* nothing was waiting: the peer's time begins now */
	s->writing = true;
	want_write(s);
}

static void dispatch(struct stream *s)
{
	struct http_exchange *x = s->x;

	lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
	/* Keeps the library from timing the whole HTTP/2 connection out while a reply is under
	 * way; ours is the sweep. */
	if (s->h2 && !s->immortal) {
		s->immortal = true;
		(void)lws_http_mark_sse(s->wsi);
	}
	mu_str_add_char(&s->body, '\0');
	x->request.body = s->body.data;
	x->request.body_len = s->body.len - 1;
	x->reply = s->server->options.handle(&x->request, s->server->options.ctx);
	mu_assert(x->reply && x->reply->exchange == x);
	apply_reply(s);
}

static int add_header(struct stream *s, const char *name, const char *value, unsigned char **p,
		      unsigned char *end)
{
	char colon[72];

	(void)snprintf(colon, sizeof colon, "%s:", name);
	return lws_add_http_header_by_name(s->wsi, (const unsigned char *)colon,
					   (const unsigned char *)value, (int)strlen(value), p,
					   end);
}

static bool has_body(const struct http_reply *reply)
{
	return reply->kind == HTTP_REPLY_EVENTS || reply->body.len > 0;
}

static int build_headers(struct stream *s, unsigned char **p, unsigned char *end)
{
	struct http_reply *reply = s->x->reply;
	int r = lws_add_http_header_status(s->wsi, (unsigned)reply->status, p, end);

	if (!r && reply->type)
		r = add_header(s, "content-type", reply->type, p, end);
	if (!r && reply->kind == HTTP_REPLY_NOW && reply->status != 204 && reply->status != 304)
		r = lws_add_http_header_content_length(s->wsi, reply->body.len, p, end);
	if (!r && reply->kind == HTTP_REPLY_EVENTS)
		r = add_header(s, "cache-control", "no-store", p, end);
	if (!r && !s->h2 && (s->close_after || reply->kind == HTTP_REPLY_EVENTS))
		r = add_header(s, "connection", "close", p, end);
	for (const struct http_header *h = reply->headers; h && !r; h = h->next)
		r = add_header(s, h->name, h->value, p, end);
	if (!r)
		r = lws_finalize_http_header(s->wsi, p, end);
	return r;
}

static int end_reply(struct session *session)
{
	struct stream *s = session->stream;
	struct lws *wsi = s->wsi;
	bool close_after = s->close_after;

	if (s->linger) {
		s->stage = STAGE_LINGER;
		lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, LINGER_SECONDS);
		return 0;
	}
	session->stream = NULL;
	stream_free(s);
	if (close_after)
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int write_headers(struct session *session)
{
	struct stream *s = session->stream;
	struct http_reply *reply = s->x->reply;
	unsigned char *start = s->server->piece + LWS_PRE;
	unsigned char *p = start;
	bool body = has_body(reply) && !s->head;
	int flags = LWS_WRITE_HTTP_HEADERS | (body ? 0 : LWS_WRITE_H2_STREAM_END);

	if (build_headers(s, &p, s->server->piece + sizeof s->server->piece)) {
		mu_log_warning("a reply's headers do not fit path=%s", s->x->request.path);
		return -1;
	}
	if (lws_write(s->wsi, start, (size_t)(p - start), (enum lws_write_protocol)flags) < 0)
		return -1;
	touch(s);
	if (!body)
		return end_reply(session);
	s->stage = reply->kind == HTTP_REPLY_EVENTS ? STAGE_EVENTS : STAGE_BODY;
	(void)lws_callback_on_writable(s->wsi);
	return 0;
}

/* How many of `n` bytes may be written now. */
static size_t piece_size(struct stream *s, size_t n)
{
	lws_fileofs_t window = lws_get_peer_write_allowance(s->wsi);

	if (n > HTTP_PIECE_MAX)
		n = HTTP_PIECE_MAX;
	if (window >= 0 && (size_t)window < n)
		n = (size_t)window;
	return n;
}

static int write_piece(struct stream *s, const char *data, size_t n, bool final)
{
	unsigned char *start = s->server->piece + LWS_PRE;

	memcpy(start, data, n);
	if (lws_write(s->wsi, start, n, final ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
		return -1;
	touch(s);
	return 0;
}

static int write_body(struct session *session)
{
	struct stream *s = session->stream;
	const struct mu_str *body = &s->x->reply->body;
	size_t n = piece_size(s, body->len - s->sent);

	if (n > 0 && write_piece(s, body->data + s->sent, n, s->sent + n == body->len) < 0)
		return -1;
	s->sent += n;
	if (s->sent == body->len)
		return end_reply(session);
	(void)lws_callback_on_writable(s->wsi);
	return 0;
}

static int write_events(struct session *session)
{
	struct stream *s = session->stream;
	struct http_events *e = s->x->events;
	size_t n = piece_size(s, e->out.len - e->sent);

	if (n > 0 && write_piece(s, e->out.data + e->sent, n, false) < 0)
		return -1;
	e->sent += n;
	if (e->sent < e->out.len) {
		http_events_compact(e);
		(void)lws_callback_on_writable(s->wsi);
		return 0;
	}
	mu_str_reset(&e->out);
	e->sent = 0;
	s->writing = false;
	if (!e->closing) {
		mute(s);
		return 0;
	}
	/* HTTP/2 wants its end said in a frame, HTTP/1.1 is closed. */
	if (s->h2)
		(void)write_piece(s, "", 0, true);
	return -1;
}

static int on_writeable(struct session *session)
{
	struct stream *s = session->stream;

	if (!s)
		return 0;
	switch (s->stage) {
	case STAGE_HEADERS:
		return write_headers(session);
	case STAGE_BODY:
		return write_body(session);
	case STAGE_EVENTS:
		return write_events(session);
	case STAGE_READING:
	case STAGE_WAITING:
	case STAGE_LINGER:
		return 0;
	case _STAGE_COUNT:
		break;
	}
	mu_assert_unreachable();
}

/* The request */

/* Answer without asking the handler; what is left of the request is not read. */
static int refuse(struct stream *s, int status, const struct mu_error *err)
{
	s->x->reply = http_reply_error_status(&s->x->request, status, err, NULL);
	s->close_after = !s->h2;
	s->linger = !s->h2;
	if (s->h2 && !s->immortal) {
		s->immortal = true;
		(void)lws_http_mark_sse(s->wsi);
	}
	lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
	apply_reply(s);
	return 0;
}

static char *copy_token(struct stream *s, enum lws_token_indexes token)
{
	int len = lws_hdr_total_length(s->wsi, token);
	char *text;

	if (len <= 0)
		return NULL;
	text = mu_arena_alloc(s->x->request.arena, (size_t)len + 1);
	return lws_hdr_copy(s->wsi, text, len + 1, token) < 0 ? NULL : text;
}

static void copy_headers(struct stream *s)
{
	static const struct {
		enum lws_token_indexes token;
		const char *name;
	} known[] = {
	    {WSI_TOKEN_HTTP_AUTHORIZATION, "authorization"},
	    {WSI_TOKEN_HTTP_COOKIE, "cookie"},
	    {WSI_TOKEN_HTTP_ACCEPT, "accept"},
	    {WSI_TOKEN_HTTP_CONTENT_TYPE, "content-type"},
	    {WSI_TOKEN_HTTP_IF_NONE_MATCH, "if-none-match"},
	    {WSI_TOKEN_HTTP_USER_AGENT, "user-agent"},
	};
	char value[64];

	for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++) {
		const char *text = copy_token(s, known[i].token);

		if (text)
			http_exchange_header(s->x, known[i].name, text);
	}
	if (lws_hdr_custom_copy(s->wsi, value, sizeof value,
				"last-event-id:", (int)strlen("last-event-id:")) > 0)
		http_exchange_header(s->x, "last-event-id", value);
}

static void encode(struct mu_str *out, const char *text, size_t len, const char *keep)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c && (isalnum(c) || strchr(keep, c)))
			mu_str_add_char(out, (char)c);
		else
			mu_str_printf(out, "%%%02X", c);
	}
}

/* The library hands out the path and each "name=value" decoded; put them together again so that
 * one decoder, ours, is in charge of what is acceptable. */
static int copy_target(struct stream *s, const char *path, size_t path_len, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str target = MU_STR_INIT;
	char pair[HTTP_HEADERS_MAX];

	encode(&target, path, path_len, "/-._~");
	for (int i = 0; lws_hdr_fragment_length(s->wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
		int n =
		    lws_hdr_copy_fragment(s->wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i);
		size_t name_len;

		if (n < 0)
			break;
		name_len = strcspn(pair, "=");
		mu_str_add_char(&target, i == 0 ? '?' : '&');
		encode(&target, pair, name_len, "-._~");
		if (pair[name_len] == '=') {
			mu_str_add_char(&target, '=');
			encode(&target, pair + name_len + 1, (size_t)n - name_len - 1, "-._~");
		}
	}
	return http_exchange_target(s->x, target.data ? target.data : "", err);
}

static const char *method_name(struct lws *wsi)
{
	static const struct {
		enum lws_token_indexes token;
		const char *name;
	} table[] = {
	    {WSI_TOKEN_GET_URI, "GET"},         {WSI_TOKEN_HEAD_URI, "HEAD"},
	    {WSI_TOKEN_POST_URI, "POST"},       {WSI_TOKEN_PUT_URI, "PUT"},
	    {WSI_TOKEN_PATCH_URI, "PATCH"},     {WSI_TOKEN_DELETE_URI, "DELETE"},
	    {WSI_TOKEN_OPTIONS_URI, "OPTIONS"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++)
		if (lws_hdr_total_length(wsi, table[i].token) > 0)
			return table[i].name;
	return "";
}

/* Decide about the body: 0, or an HTTP status to refuse with. */
static int plan_body(struct stream *s, const char *method, struct mu_error *err)
{
	const char *length = copy_token(s, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	bool may_have = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
			strcmp(method, "PATCH") == 0;
	uint64_t n = 0;

	if (lws_hdr_total_length(s->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
	    (s->h2 && may_have && !length && http_request_header(&s->x->request, "content-type"))) {
		(void)mu_error_set(err, MU_E_INVALID,
				   "a body without Content-Length is not accepted; hint: send its "
				   "length");
		return 411;
	}
	if (length && !mu_parse_u64(length, &n)) {
		(void)mu_error_set(err, MU_E_INVALID, "the Content-Length is not a number");
		return 400;
	}
	if (n > s->server->options.body_max) {
		(void)mu_error_set(err, MU_E_TOO_LARGE,
				   "the body has %llu bytes, more than the %zu that are accepted",
				   (unsigned long long)n, s->server->options.body_max);
		return 413;
	}
	s->body_len = (size_t)n;
	s->close_after = may_have && !length && !s->h2;
	return 0;
}

/* The library decodes %0A in the request line and takes it for its end: what follows would be a
 * header that whoever made the URL chose. Such a line has lost its version. */
static int check_version(struct stream *s, struct mu_error *err)
{
	const char *version = s->h2 ? NULL : copy_token(s, WSI_TOKEN_HTTP);

	if (s->h2 || (version && mu_str_has_prefix(version, "HTTP/1.")))
		return 0;
	return mu_error_set(err, MU_E_INVALID, "the request line is malformed");
}

static int on_http(struct http_server *server, struct lws *wsi, struct session *session,
		   const char *path, size_t path_len)
{
	struct http_conn *conn = lws_get_opaque_user_data(lws_get_network_wsi(wsi));
	const char *method = method_name(wsi);
	struct mu_error err = MU_ERROR_INIT;
	struct stream *s;
	int status;

	mu_assert(!session->stream);
	if (!conn)
		return -1;
	s = session->stream = stream_new(server, wsi);
	s->x->request.peer = conn->peer;
	s->x->request.method = http_method_parse(method, &s->head);
	copy_headers(s);
	if (check_version(s, &err) < 0 || copy_target(s, path, path_len, &err) < 0)
		return refuse(s, 400, &err);
	status = plan_body(s, method, &err);
	if (status)
		return refuse(s, status, &err);
	if (s->body_len == 0)
		dispatch(s);
	return 0;
}

static int on_body(struct stream *s, const void *data, size_t len)
{
	if (!s || s->stage != STAGE_READING)
		return 0;
	if (s->body.len + len > s->body_len)
		return -1;
	mu_str_add_bytes(&s->body, data, len);
	touch(s);
	return 0;
}

static int on_body_complete(struct stream *s)
{
	if (!s)
		return 0;
	if (s->stage == STAGE_READING) {
		dispatch(s);
		return 0;
	}
	if (s->stage == STAGE_LINGER)
		return -1;
	return ++s->early_input > EARLY_INPUT_MAX ? -1 : 0;
}

static void on_dropped(struct session *session)
{
	struct stream *s = session->stream;

	if (!s)
		return;
	session->stream = NULL;
	http_exchange_gone(s->x);
	stream_free(s);
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
		lws_set_opaque_user_data(wsi, NULL);
		http_server_conn_closed(conn);
	}
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len)
{
	struct session *session = user;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
	/* A hundred reasons of the library's, most of them not ours. */
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return on_http(lws_context_user(lws_get_context(wsi)), wsi, session, in, len);
	case LWS_CALLBACK_HTTP_BODY:
		return on_body(session->stream, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return on_body_complete(session->stream);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return on_writeable(session);
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED_HTTP:
		if (session)
			on_dropped(session);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		(void)lws_return_http_status(wsi, 400, "no protocol to upgrade to is offered");
		return 1;
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
    {.name = "http", .callback = on_lws, .per_session_data_size = sizeof(struct session)},
    {.name = NULL},
};

/* The sweep */

static bool is_stuck(const struct stream *s, mu_msec now)
{
	mu_msec limit = s->server->options.idle_timeout;

	switch (s->stage) {
	case STAGE_READING: /* a trickle of bytes must not hold it for ever */
		return now - s->progress_at > limit || now - s->started_at > 4 * limit;
	case STAGE_HEADERS:
	case STAGE_BODY:
		return now - s->progress_at > limit;
	case STAGE_EVENTS:
		return s->x->events->out.len > 0 && now - s->progress_at > limit;
	case STAGE_WAITING:
	case STAGE_LINGER:
		return false;
	case _STAGE_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static bool peer_is_gone(const struct stream *s)
{
	struct pollfd p = {.fd = lws_get_socket_fd(s->wsi), .events = POLLRDHUP};

	if (s->h2 || s->stage == STAGE_READING || s->stage == STAGE_LINGER || p.fd < 0)
		return false;
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void http_streams_sweep(struct http_server *server)
{
	mu_msec now = mu_loop_now(server->loop);

	mu_list_each(it, &server->streams)
	{
		struct stream *s = MU_CONTAINER_OF(it, struct stream, link);

		if (is_stuck(s, now) || peer_is_gone(s))
			kill_wsi(s);
	}
}
