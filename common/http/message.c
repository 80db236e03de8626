/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/message.h"

#include "common/base/assert.h"
#include "common/http/ws.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct http_exchange *exchange_of(struct http_request *r)
{
	return MU_CONTAINER_OF(r, struct http_exchange, request);
}

struct http_exchange *http_exchange_new(const struct http_transport *transport, size_t events_max)
{
	struct mu_arena *a = mu_arena_new();
	struct http_exchange *x = mu_arena_calloc(a, 1, sizeof *x);

	x->request.arena = a;
	x->request.path = "/";
	x->request.query = "";
	x->request.body = "";
	x->transport = transport;
	x->events_max = events_max;
	return x;
}

struct http_exchange *http_exchange_free(struct http_exchange *x)
{
	if (!x)
		return NULL;
	if (x->reply)
		mu_str_deinit(&x->reply->body);
	if (x->events)
		mu_str_deinit(&x->events->out);
	if (x->out)
		mu_str_deinit(&x->out->out);
	mu_str_deinit(&x->in.held);
	if (x->ws)
		http_ws_over(x->ws);
	mu_arena_free(x->request.arena);
	return NULL;
}

void http_exchange_gone(struct http_exchange *x)
{
	mu_loop_cb on_gone = x->on_gone;

	x->on_gone = NULL;
	if (on_gone)
		on_gone(x->gone_ctx);
}

enum http_method http_method_parse(const char *name, bool *ret_head)
{
	static const struct {
		const char *name;
		enum http_method method;
	} table[] = {
	    {"GET", HTTP_GET}, {"HEAD", HTTP_GET},      {"POST", HTTP_POST},
	    {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"PATCH", HTTP_PATCH},
	};

	*ret_head = strcmp(name, "HEAD") == 0;
	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].method;
	return HTTP_OTHER;
}

/* The request's target */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that "%xx" at the start of text[0..left) stands for; -1 when it is none. */
static int decode_escape(const char *text, size_t left)
{
	int high = left >= 3 ? hex_digit(text[1]) : -1;
	int low = left >= 3 ? hex_digit(text[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decode %xx (and '+' when it means a blank) of text[0..len). NULL when it is malformed or when
 * what comes out is no printable UTF-8: nothing that follows has to think of it then. */
static const char *decode(struct mu_arena *a, const char *text, size_t len, bool plus)
{
	char *out = mu_arena_alloc(a, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			c = decode_escape(text + i, len - i);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return mu_utf8_valid(out, n) ? out : NULL;
}

/* Every "name=value" must decode, so that http_request_query() cannot meet a malformed one. */
static bool query_ok(struct mu_arena *a, const char *query)
{
	return decode(a, query, strlen(query), true) != NULL;
}

int http_exchange_target(struct http_exchange *x, const char *target, struct mu_error *err)
{
	struct mu_arena *a = x->request.arena;
	const char *mark = strchr(target, '?');
	size_t path_len = mark ? (size_t)(mark - target) : strlen(target);
	const char *path = decode(a, target, path_len, false);

	if (!path || path[0] != '/')
		return mu_error_set(err, MU_E_INVALID,
				    "the request's path is malformed; hint: it begins with '/', is "
				    "UTF-8 and %%-encoded");
	if (mark && !query_ok(a, mark + 1))
		return mu_error_set(err, MU_E_INVALID,
				    "the request's query is malformed; hint: name=value pairs, "
				    "joined by '&', UTF-8 and %%-encoded");
	x->request.path = path;
	x->request.query = mark ? mu_arena_strdup(a, mark + 1) : "";
	return 0;
}

const char *http_request_query(const struct http_request *r, const char *name)
{
	const char *p = r->query;

	while (*p) {
		size_t len = strcspn(p, "&");
		size_t name_len = strcspn(p, "=&");
		const char *key = decode(r->arena, p, name_len, true);

		if (key && strcmp(key, name) == 0)
			return name_len == len
				   ? ""
				   : decode(r->arena, p + name_len + 1, len - name_len - 1, true);
		p += len;
		if (*p == '&')
			p++;
	}
	return NULL;
}

/* Headers */

void http_exchange_header(struct http_exchange *x, const char *name, const char *value)
{
	struct http_header *h = mu_arena_calloc(x->request.arena, 1, sizeof *h);

	h->name = mu_arena_strdup(x->request.arena, name);
	h->value = mu_arena_strdup(x->request.arena, value);
	h->next = x->headers;
	x->headers = h;
}

static const struct http_exchange *exchange_of_const(const struct http_request *r)
{
	return (
	    const struct http_exchange *)(const void *)((const char *)r -
							offsetof(struct http_exchange, request));
}

const char *http_request_header(const struct http_request *r, const char *name)
{
	const struct http_exchange *x = exchange_of_const(r);

	for (const struct http_header *h = x->headers; h; h = h->next)
		if (strcmp(h->name, name) == 0)
			return h->value;
	return NULL;
}

/* Replies */

static struct http_reply *reply_new(struct http_request *r, enum http_reply_kind kind, int status)
{
	struct http_reply *reply = mu_arena_calloc(r->arena, 1, sizeof *reply);

	reply->kind = kind;
	reply->status = status;
	reply->exchange = exchange_of(r);
	return reply;
}

struct http_reply *http_reply_take(struct http_request *r, int status, const char *type,
				   struct mu_str *body)
{
	struct http_reply *reply = reply_new(r, HTTP_REPLY_NOW, status);

	reply->type = type ? mu_arena_strdup(r->arena, type) : NULL;
	reply->body = *body;
	*body = (struct mu_str)MU_STR_INIT;
	return reply;
}

struct http_reply *http_reply_text(struct http_request *r, int status, const char *type,
				   const void *body, size_t len)
{
	struct mu_str copy = MU_STR_INIT;

	mu_str_add_bytes(&copy, body, len);
	return http_reply_take(r, status, type, &copy);
}

struct http_reply *http_reply_json(struct http_request *r, int status, const struct mu_value *v)
{
	struct mu_str body = MU_STR_INIT;

	mu_json_write(&body, v, false);
	return http_reply_take(r, status, "application/json", &body);
}

struct http_reply *http_reply_empty(struct http_request *r, int status)
{
	return reply_new(r, HTTP_REPLY_NOW, status);
}

struct http_reply *http_reply_error(struct http_request *r, const struct mu_error *err,
				    struct mu_value *data)
{
	return http_reply_error_status(r, mu_error_http_status(err->code), err, data);
}

struct http_reply *http_reply_error_status(struct http_request *r, int status,
					   const struct mu_error *err, struct mu_value *data)
{
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_string(r->arena, v, "error", err->text);
	if (data)
		mu_value_set(r->arena, v, "data", data);
	return http_reply_json(r, status, v);
}

void http_reply_header(struct http_reply *reply, const char *name, const char *value)
{
	struct mu_arena *a = reply->exchange->request.arena;
	struct http_header *h = mu_arena_calloc(a, 1, sizeof *h);
	struct http_header **last = &reply->headers;

	/* A value can carry text of ours that holds another's: never let it end the header. */
	mu_assert(!strpbrk(value, "\r\n") && !strpbrk(name, "\r\n: "));
	h->name = mu_arena_strdup(a, name);
	h->value = mu_arena_strdup(a, value);
	while (*last)
		last = &(*last)->next;
	*last = h;
}

int http_reply_status(const struct http_reply *reply)
{
	return reply->status;
}

const char *http_reply_type(const struct http_reply *reply)
{
	return reply->type;
}

const struct mu_str *http_reply_body(const struct http_reply *reply)
{
	return &reply->body;
}

const char *http_reply_header_of(const struct http_reply *reply, const char *name)
{
	for (const struct http_header *h = reply->headers; h; h = h->next)
		if (strcmp(h->name, name) == 0)
			return h->value;
	return NULL;
}

struct http_reply *http_reply_pending(struct http_request *r, mu_loop_cb on_gone, void *ctx)
{
	struct http_exchange *x = exchange_of(r);

	mu_assert(!x->on_gone);
	x->on_gone = on_gone;
	x->gone_ctx = ctx;
	return reply_new(r, HTTP_REPLY_PENDING, 0);
}

void http_request_watch(struct http_request *r, mu_loop_cb on_gone, void *ctx)
{
	struct http_exchange *x = exchange_of(r);

	mu_assert(x->on_gone);
	x->on_gone = on_gone;
	x->gone_ctx = ctx;
}

void http_request_finish(struct http_request *r, struct http_reply *reply)
{
	struct http_exchange *x = exchange_of(r);

	mu_assert(reply->exchange == x);
	mu_assert(x->reply && x->reply->kind == HTTP_REPLY_PENDING);
	http_exchange_tell(x, reply);
	/* A pending request may turn into a stream: its on_gone is the stream's then. */
	if (reply->kind == HTTP_REPLY_NOW)
		x->on_gone = NULL;
	x->in.ops = NULL;
	x->reply = reply;
	x->transport->finished(x);
}

/* Bodies in pieces */

void http_request_read_body(struct http_request *r, const struct http_body_ops *ops, void *ctx)
{
	struct http_in *in = &exchange_of(r)->in;

	mu_assert(!in->ops && r->body_total > 0 && r->body_len == 0);
	in->ops = ops;
	in->ctx = ctx;
}

void http_in_data(struct http_exchange *x, const void *data, size_t len)
{
	if (!x->in.ops)
		return;
	if (x->in.paused)
		mu_str_add_bytes(&x->in.held, data, len);
	else
		x->in.ops->data(x->in.ctx, data, len);
}

void http_in_end(struct http_exchange *x)
{
	x->in.complete = true;
	if (x->in.ops && !x->in.paused)
		x->in.ops->end(x->in.ctx);
}

void http_request_pause_body(struct http_request *r, bool paused)
{
	struct http_exchange *x = exchange_of(r);
	MU_CLEANUP(mu_str_deinit) struct mu_str held = MU_STR_INIT;

	if (x->in.paused == paused)
		return;
	x->in.paused = paused;
	x->transport->in_changed(x);
	if (paused)
		return;
	held = x->in.held;
	x->in.held = (struct mu_str)MU_STR_INIT;
	if (held.len > 0)
		http_in_data(x, held.data, held.len);
	if (x->in.complete)
		http_in_end(x);
}

struct http_reply *http_reply_stream(struct http_request *r, int status, const char *type,
				     uint64_t length, mu_loop_cb on_writable, mu_loop_cb on_gone,
				     void *ctx, struct http_out **ret_out)
{
	struct http_exchange *x = exchange_of(r);
	struct http_reply *reply = reply_new(r, HTTP_REPLY_STREAM, status);
	struct http_out *o = mu_arena_calloc(r->arena, 1, sizeof *o);

	mu_assert(!x->out);
	o->exchange = x;
	o->length = o->left = length;
	o->on_writable = on_writable;
	x->out = o;
	x->on_gone = on_gone;
	x->gone_ctx = ctx;
	reply->type = mu_arena_strdup(r->arena, type);
	*ret_out = o;
	return reply;
}

/* RFC 9112, 7.1; HTTP/2 has frames instead, HTTP/1.0 the end of the connection. */
static void add_chunk(struct http_out *o, const void *data, size_t len)
{
	if (o->exchange->chunked)
		mu_str_printf(&o->out, "%zx\r\n", len);
	mu_str_add_bytes(&o->out, data, len);
	if (o->exchange->chunked)
		mu_str_add(&o->out, "\r\n");
}

int http_out_send(struct http_out *o, const void *data, size_t len)
{
	mu_assert(len <= o->left && !o->ended);
	if (o->out.len - o->sent >= HTTP_OUT_MAX) {
		o->full = true;
		return HTTP_OUT_FULL;
	}
	if (o->length != HTTP_LENGTH_UNKNOWN) {
		mu_str_add_bytes(&o->out, data, len);
		o->left -= len;
	} else if (len > 0) {
		add_chunk(o, data, len);
	}
	o->exchange->transport->out_changed(o->exchange);
	return 0;
}

void http_out_sent(struct http_out *o, size_t n)
{
	size_t waiting;

	o->sent += n;
	waiting = o->out.len - o->sent;
	if (waiting == 0) {
		mu_str_reset(&o->out);
		o->sent = 0;
	} else if (o->sent >= o->out.len / 2) {
		memmove(o->out.data, o->out.data + o->sent, waiting);
		o->out.data[waiting] = '\0';
		o->out.len = waiting;
		o->sent = 0;
	}
	if (!o->full || waiting > HTTP_OUT_MAX / 2)
		return;
	o->full = false;
	if (!o->ended)
		o->on_writable(o->exchange->gone_ctx);
}

void http_out_end(struct http_out *o)
{
	mu_assert(!o->ended);
	o->ended = true;
	o->exchange->on_gone = NULL;
	o->exchange->transport->out_changed(o->exchange);
}

void http_out_finish(struct http_out *o)
{
	mu_assert(o->length == HTTP_LENGTH_UNKNOWN && !o->ended);
	if (o->exchange->chunked)
		mu_str_add(&o->out, "0\r\n\r\n");
	o->left = 0;
	http_out_end(o);
}

/* Server-sent events */

struct http_reply *http_reply_events(struct http_request *r, struct http_events **ret_events,
				     mu_loop_cb on_gone, void *ctx)
{
	struct http_exchange *x = exchange_of(r);
	struct http_reply *reply = reply_new(r, HTTP_REPLY_EVENTS, 200);
	struct http_events *e = mu_arena_calloc(r->arena, 1, sizeof *e);

	mu_assert(!x->events);
	e->exchange = x;
	e->max = x->events_max;
	x->events = e;
	x->on_gone = on_gone;
	x->gone_ctx = ctx;
	reply->type = "text/event-stream";
	*ret_events = e;
	return reply;
}

/* So many of the bytes that were sent are looked at, and kept: an event that has ended, or is about
 * to, is known by its two line breaks. */
static size_t seen_of(const struct http_events *e)
{
	return e->sent < 2 ? e->sent : 2;
}

/* Nothing more is sent: what waits is dropped, but for the rest of an event that has been begun,
 * and the peer is told, should it read on. */
static void cut_events(struct http_events *e)
{
	struct mu_str rest = MU_STR_INIT;
	const char *sent = e->out.data + e->sent;
	const char *end = e->sent ? strstr(sent - seen_of(e), "\n\n") : NULL;

	if (end && end + 2 > sent)
		mu_str_add_bytes(&rest, sent, (size_t)(end + 2 - sent));
	mu_str_add(&rest,
		   "event: cut\ndata: {\"reason\":\"events were not read: come back, and list "
		   "again\"}\n\n");
	mu_str_deinit(&e->out);
	e->out = rest;
	e->sent = 0;
	e->cut = e->closing = true;
	e->exchange->transport->events_changed(e->exchange);
}

bool http_events_send(struct http_events *e, const char *event, uint64_t id, const char *data)
{
	const char *line = data;

	if (e->closing)
		return false;
	if (e->out.len - e->sent > e->max) {
		cut_events(e);
		return false;
	}
	if (id)
		mu_str_printf(&e->out, "id: %llu\n", (unsigned long long)id);
	mu_str_add(&e->out, "event: ");
	mu_str_add(&e->out, event);
	/* A line break in the data begins a new "data:" line. JSON has none, but who knows. */
	for (;;) {
		size_t len = strcspn(line, "\n");

		mu_str_add(&e->out, "\ndata: ");
		mu_str_add_bytes(&e->out, line, len);
		if (line[len] == '\0')
			break;
		line += len + 1;
	}
	mu_str_add(&e->out, "\n\n");
	e->exchange->transport->events_changed(e->exchange);
	return true;
}

size_t http_events_room(const struct http_events *e)
{
	size_t waiting = e->out.len - e->sent;

	return waiting < e->max ? e->max - waiting : 0;
}

void http_events_close(struct http_events *e)
{
	e->closing = true;
	e->exchange->transport->events_changed(e->exchange);
}

void http_events_compact(struct http_events *e)
{
	size_t dropped = e->sent - seen_of(e);

	if (e->sent < e->out.len / 2)
		return;
	e->out.len -= dropped;
	memmove(e->out.data, e->out.data + dropped, e->out.len);
	e->out.data[e->out.len] = '\0';
	e->sent -= dropped;
}

/* WebSocket */

bool http_request_wants_websocket(const struct http_request *r)
{
	return exchange_of_const(r)->wants_websocket;
}

/* "https://host:port" of the page against "host:port" of the request; a scheme's own port may be
 * left out in both, and is then left out by both. */
bool http_request_is_same_origin(const struct http_request *r)
{
	const char *origin = http_request_header(r, "origin");
	const char *host = http_request_header(r, "host");
	const char *authority = origin ? strstr(origin, "://") : NULL;

	if (!origin)
		return true;
	return authority && host && strcasecmp(authority + 3, host) == 0;
}

static void ignore_change(struct http_ws *ws)
{
	(void)ws;
}

struct http_reply *http_reply_websocket(struct http_request *r, const struct http_ws_limits *limits,
					const struct http_ws_ops *ops, void *ctx,
					struct http_ws **ret_ws)
{
	/* Until the transport takes it over. */
	static const struct http_ws_transport none = {.changed = ignore_change};
	struct http_exchange *x = exchange_of(r);

	mu_assert(x->wants_websocket && !x->ws);
	x->ws = http_ws_new(&none, limits, ops, ctx);
	*ret_ws = x->ws;
	return reply_new(r, HTTP_REPLY_WEBSOCKET, 101);
}
