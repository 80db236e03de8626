/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending replies. The library may be written to only from its WRITEABLE callback, one piece of at
 * most HTTP_PIECE_MAX bytes a call, and on HTTP/2 no more than the peer's window allows.
 */
#include "common/base/assert.h"
#include "common/http/stream.h"
#include "common/log/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int add_header(struct http_stream *s, const char *name, const char *value, unsigned char **p,
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
	return reply->kind == HTTP_REPLY_EVENTS || reply->kind == HTTP_REPLY_STREAM ||
	       reply->body.len > 0;
}

/* Of a reply in pieces. Without one, and without chunks, its end is that of the connection. */
static int add_length(struct http_stream *s, unsigned char **p, unsigned char *end)
{
	if (s->x->out->length != HTTP_LENGTH_UNKNOWN)
		return lws_add_http_header_content_length(s->wsi, s->x->out->length, p, end);
	if (s->x->chunked)
		return add_header(s, "transfer-encoding", "chunked", p, end);
	s->close_after = !s->h2;
	return 0;
}

static bool says(const struct http_reply *reply, const char *name)
{
	return http_reply_header_of(reply, name) != NULL;
}

/* What browsers are to keep from doing; a reply that says something else about it is believed. */
static int add_security(struct http_stream *s, unsigned char **p, unsigned char *end)
{
	const struct http_reply *reply = s->x->reply;
	int r = add_header(s, "x-content-type-options", "nosniff", p, end);

	if (!r && !says(reply, "content-security-policy"))
		r = add_header(s, "content-security-policy",
			       "default-src 'none'; frame-ancestors 'none'", p, end);
	if (!r)
		r = add_header(s, "referrer-policy", "no-referrer", p, end);
	/* What has an ETag may be kept, but is asked for again. */
	if (!r && !says(reply, "cache-control"))
		r = add_header(s, "cache-control",
			       says(reply, "etag") ? "private, no-cache" : "no-store", p, end);
	if (!r && lws_is_ssl(lws_get_network_wsi(s->wsi)))
		r = add_header(s, "strict-transport-security", "max-age=31536000", p, end);
	return r;
}

static int build_headers(struct http_stream *s, unsigned char **p, unsigned char *end)
{
	struct http_reply *reply = s->x->reply;
	int r = lws_add_http_header_status(s->wsi, (unsigned)reply->status, p, end);

	if (!r && reply->type)
		r = add_header(s, "content-type", reply->type, p, end);
	if (!r)
		r = add_security(s, p, end);
	if (!r && reply->kind == HTTP_REPLY_NOW && reply->status != 204 && reply->status != 304)
		r = lws_add_http_header_content_length(s->wsi, reply->body.len, p, end);
	if (!r && reply->kind == HTTP_REPLY_STREAM)
		r = add_length(s, p, end);
	if (!r && !s->h2 && (s->close_after || reply->kind == HTTP_REPLY_EVENTS))
		r = add_header(s, "connection", "close", p, end);
	for (const struct http_header *h = reply->headers; h && !r; h = h->next)
		r = add_header(s, h->name, h->value, p, end);
	if (!r)
		r = lws_finalize_http_header(s->wsi, p, end);
	return r;
}

static int write_headers(struct http_session *session)
{
	struct http_stream *s = session->stream;
	struct http_reply *reply = s->x->reply;
	unsigned char *start = s->server->piece + LWS_PRE;
	unsigned char *p = start;
	bool body = has_body(reply) && !s->x->request.head;
	int flags = LWS_WRITE_HTTP_HEADERS | (body ? 0 : LWS_WRITE_H2_STREAM_END);

	if (build_headers(s, &p, s->server->piece + sizeof s->server->piece)) {
		mu_log_warning("a reply's headers do not fit path=%s", s->x->request.path);
		return -1;
	}
	if (lws_write(s->wsi, start, (size_t)(p - start), (enum lws_write_protocol)flags) < 0)
		return -1;
	http_stream_touch(s);
	if (!body) {
		if (reply->kind == HTTP_REPLY_STREAM) /* HEAD: it has all there is */
			http_exchange_gone(s->x);
		return http_stream_end(session);
	}
	switch (reply->kind) {
	case HTTP_REPLY_EVENTS:
		s->stage = HTTP_STAGE_EVENTS;
		break;
	case HTTP_REPLY_STREAM:
		s->stage = HTTP_STAGE_STREAM;
		break;
	case HTTP_REPLY_NOW:
	case HTTP_REPLY_PENDING:
	case HTTP_REPLY_WEBSOCKET:
	case _HTTP_REPLY_KIND_COUNT:
		s->stage = HTTP_STAGE_BODY;
	}
	(void)lws_callback_on_writable(s->wsi);
	return 0;
}

int http_write_at_once(struct http_stream *s)
{
	const struct mu_str *body = &s->x->reply->body;
	unsigned char *start = s->server->piece + LWS_PRE;
	unsigned char *end = s->server->piece + sizeof s->server->piece;
	unsigned char *p = start;

	if (build_headers(s, &p, end) || body->len > (size_t)(end - p)) {
		mu_log_warning("a reply does not fit into one piece path=%s", s->x->request.path);
		return -1;
	}
	if (body->len > 0)
		memcpy(p, body->data, body->len);
	p += body->len;
	return lws_write(s->wsi, start, (size_t)(p - start), LWS_WRITE_HTTP_HEADERS) < 0 ? -1 : 0;
}

/* How many of `n` bytes may be written now. */
static size_t piece_size(struct http_stream *s, size_t n)
{
	lws_fileofs_t window = lws_get_peer_write_allowance(s->wsi);

	if (n > HTTP_PIECE_MAX)
		n = HTTP_PIECE_MAX;
	if (window >= 0 && (size_t)window < n)
		n = (size_t)window;
	return n;
}

static int write_piece(struct http_stream *s, const char *data, size_t n, bool final)
{
	unsigned char *start = s->server->piece + LWS_PRE;

	memcpy(start, data, n);
	if (lws_write(s->wsi, start, n, final ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
		return -1;
	http_stream_touch(s);
	return 0;
}

static int write_body(struct http_session *session)
{
	struct http_stream *s = session->stream;
	const struct mu_str *body = &s->x->reply->body;
	size_t n = piece_size(s, body->len - s->sent);

	if (n > 0 && write_piece(s, body->data + s->sent, n, s->sent + n == body->len) < 0)
		return -1;
	s->sent += n;
	if (s->sent == body->len)
		return http_stream_end(session);
	(void)lws_callback_on_writable(s->wsi);
	return 0;
}

static int write_events(struct http_session *session)
{
	struct http_stream *s = session->stream;
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
		http_stream_mute(s);
		return 0;
	}
	/* HTTP/2 wants its end said in a frame, HTTP/1.1 is closed. */
	if (s->h2)
		(void)write_piece(s, "", 0, true);
	return -1;
}

static int write_stream(struct http_session *session)
{
	struct http_stream *s = session->stream;
	struct http_out *o = s->x->out;
	size_t waiting = o->out.len - o->sent;
	size_t n = piece_size(s, waiting);

	if (n > 0) {
		bool final = o->left == 0 && n == waiting;

		if (write_piece(s, o->out.data + o->sent, n, final) < 0)
			return -1;
		o->end_said = final;
		http_out_sent(o, n);
	}
	if (o->sent < o->out.len) {
		(void)lws_callback_on_writable(s->wsi);
		return 0;
	}
	if (o->left == 0 && o->ended) {
		/* An end that no piece could carry. */
		if (s->h2 && !o->end_said)
			(void)write_piece(s, "", 0, true);
		return http_stream_end(session);
	}
	if (o->ended) {
		/* The library ends a stream of HTTP/2 without a word to its peer. */
		if (s->h2)
			(void)shutdown(lws_get_socket_fd(lws_get_network_wsi(s->wsi)), SHUT_RDWR);
		return -1;
	}
	s->writing = false;
	http_stream_mute(s);
	return 0;
}

int http_write(struct http_session *session)
{
	struct http_stream *s = session->stream;

	if (!s)
		return 0;
	switch (s->stage) {
	case HTTP_STAGE_HEADERS:
		return write_headers(session);
	case HTTP_STAGE_BODY:
		return write_body(session);
	case HTTP_STAGE_EVENTS:
		return write_events(session);
	case HTTP_STAGE_STREAM:
		return write_stream(session);
	case HTTP_STAGE_TAKING:
	case HTTP_STAGE_READING:
	case HTTP_STAGE_WAITING:
	case HTTP_STAGE_LINGER:
		return 0;
	case _HTTP_STAGE_COUNT:
		break;
	}
	mu_assert_unreachable();
}
