/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on common/http for test_http*.py: every path is one behaviour to be looked at over a
 * real socket. Prints "port N" when it listens, "gone PATH" when a pending peer left; ends on
 * SIGTERM with "stopped", after which a leak fails the run.
 */
#include "common/base/assert.h"
#include "common/http/websocket.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PINGS = 3 };

struct probe {
	struct mu_loop *loop;
	struct mu_signals *signals;
	struct http_server *server;
};

struct later {
	struct probe *probe;
	struct mu_timer *timer;
	struct http_request *request;
	struct http_events *events;
	unsigned n_sent;
};

static void later_free(struct later *l)
{
	l->timer = mu_timer_free(l->timer);
	free(l);
}

static void on_gone(void *ctx)
{
	struct later *l = ctx;

	printf("gone %s\n", l->request->path);
	(void)fflush(stdout);
	later_free(l);
}

static void finish_later(void *ctx)
{
	struct later *l = ctx;
	struct http_request *r = l->request;

	http_request_finish(r, http_reply_text(r, 200, "text/plain", "later", 5));
	later_free(l);
}

static void send_event(void *ctx)
{
	struct later *l = ctx;

	if (l->n_sent == PINGS) {
		http_events_close(l->events);
		return;
	}
	l->n_sent++;
	if (http_events_send(l->events, "ping", l->n_sent, "{\"n\":1}"))
		mu_timer_set(l->timer, 20);
}

static void flood_events(void *ctx)
{
	struct later *l = ctx;
	char data[4001];

	memset(data, 'x', sizeof data - 1);
	data[sizeof data - 1] = '\0';
	if (http_events_send(l->events, "flood", 0, data))
		mu_timer_set(l->timer, 0);
}

static struct later *later_new(struct probe *p, struct http_request *r, mu_loop_cb cb)
{
	struct later *l = mu_xcalloc(1, sizeof *l);

	l->probe = p;
	l->request = r;
	l->timer = mu_timer_new(p->loop, cb, l);
	return l;
}

static struct http_reply *reply_pending(struct probe *p, struct http_request *r, mu_msec delay)
{
	struct later *l = later_new(p, r, finish_later);

	printf("asked %s\n", r->path);
	(void)fflush(stdout);
	mu_timer_set(l->timer, delay);
	return http_reply_pending(r, on_gone, l);
}

static struct http_reply *reply_events(struct probe *p, struct http_request *r, mu_loop_cb cb)
{
	struct later *l = later_new(p, r, cb);

	mu_timer_set(l->timer, 0);
	return http_reply_events(r, &l->events, on_gone, l);
}

static struct http_reply *reply_large(struct http_request *r)
{
	const char *text = http_request_query(r, "n");
	uint64_t n = 0;
	struct mu_str body = MU_STR_INIT;

	if (!text || !mu_parse_u64(text, &n) || n > 64 * 1024 * 1024)
		n = 1024;
	for (uint64_t i = 0; i < n; i++)
		mu_str_add_char(&body, (char)('a' + i % 26));
	return http_reply_take(r, 200, "text/plain", &body);
}

static struct http_reply *reply_echo(struct http_request *r)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "other"};
	struct mu_value *v = mu_value_object(r->arena);
	struct http_reply *reply;

	mu_value_set_string(r->arena, v, "method", methods[r->method]);
	mu_value_set_string(r->arena, v, "path", r->path);
	mu_value_set_string(r->arena, v, "q", http_request_query(r, "q"));
	mu_value_set_string(r->arena, v, "authorization", http_request_header(r, "authorization"));
	mu_value_set_string(r->arena, v, "host", http_request_header(r, "host"));
	mu_value_set_string(r->arena, v, "lastEventId", http_request_header(r, "last-event-id"));
	mu_value_set_string(r->arena, v, "peer", r->peer.address);
	mu_value_set_bool(r->arena, v, "local", r->peer.local);
	mu_value_set_int(r->arena, v, "uid", r->peer.uid);
	mu_value_set_int(r->arena, v, "length", (int64_t)r->body_len);
	mu_value_set_string(r->arena, v, "body", r->body);
	reply = http_reply_json(r, 200, v);
	http_reply_header(reply, "x-probe", "yes");
	return reply;
}

/* /ws echoes; "close CODE REASON" closes, "flood" sends for ever, "pause" reads no more, "slow"
 * reads no more for a moment after each message. */
struct talk {
	struct probe *probe;
	struct http_ws *ws;
	struct mu_timer *timer;
	bool flooding;
	bool slow;
};

static void flood_more(struct talk *t)
{
	char data[4000];

	memset(data, 'x', sizeof data);
	while (t->flooding && http_ws_send(t->ws, data, sizeof data, false) == 0)
		;
}

static void on_ws_message(struct http_ws *ws, const void *data, size_t len, bool text, void *ctx)
{
	struct talk *t = ctx;
	const char *words = data;

	if (text && mu_str_has_prefix(words, "close ")) {
		http_ws_close(ws, (int)strtol(words + 6, NULL, 10), words + 11);
	} else if (text && strcmp(words, "flood") == 0) {
		t->flooding = true;
		mu_timer_set(t->timer, 0);
	} else if (text && strcmp(words, "pause") == 0) {
		http_ws_pause(ws, true);
	} else if (text && strcmp(words, "slow") == 0) {
		t->slow = true;
	} else if (http_ws_send(ws, data, len, text) == HTTP_WS_FULL) {
		printf("full\n");
		(void)fflush(stdout);
	}
	if (t->slow) {
		http_ws_pause(ws, true);
		mu_timer_set(t->timer, 2);
	}
}

static void on_ws_writable(struct http_ws *ws, void *ctx)
{
	(void)ws;
	flood_more(ctx);
}

static void on_ws_close(struct http_ws *ws, int code, const char *reason, void *ctx)
{
	struct talk *t = ctx;

	(void)ws;
	printf("closed %d %s\n", code, reason);
	(void)fflush(stdout);
	t->timer = mu_timer_free(t->timer);
	free(t);
}

static void on_talk_timer(void *ctx)
{
	struct talk *t = ctx;

	if (t->slow)
		http_ws_pause(t->ws, false);
	flood_more(t);
}

static struct http_reply *reply_websocket(struct probe *p, struct http_request *r)
{
	static const struct http_ws_ops ops = {
	    .on_message = on_ws_message, .on_writable = on_ws_writable, .on_close = on_ws_close};
	static const struct http_ws_limits limits = {.message_max = 100000, .send_max = 200000};
	struct mu_error err = MU_ERROR_INIT;
	struct talk *t;

	if (!http_request_wants_websocket(r) || http_request_query(r, "refuse")) {
		(void)mu_error_set(&err, MU_E_DENIED, "no WebSocket for you");
		return http_reply_error(r, &err, NULL);
	}
	if (!http_request_is_same_origin(r)) {
		(void)mu_error_set(&err, MU_E_DENIED, "another origin");
		return http_reply_error(r, &err, NULL);
	}
	t = mu_xcalloc(1, sizeof *t);
	t->probe = p;
	t->timer = mu_timer_new(p->loop, on_talk_timer, t);
	return http_reply_websocket(r, &limits, &ops, t, &t->ws);
}

/* /pieces: a GET gives `n` bytes of a pattern (only half of them with `short`), anything else
 * counts its body: refused after `refuse` bytes, not read for ever after the first piece with
 * `hold`, and only now and then with `slow`. */
struct pieces {
	struct http_request *request;
	struct mu_timer *timer;
	struct http_out *out;
	uint64_t n, end, refuse;
	uint32_t sum;
	bool hold, slow;
};

static uint64_t query_number(struct http_request *r, const char *name)
{
	const char *text = http_request_query(r, name);
	uint64_t n = 0;

	return text && mu_parse_u64(text, &n) ? n : 0;
}

static void pieces_free(struct pieces *s)
{
	s->timer = mu_timer_free(s->timer);
	free(s);
}

static void on_pieces_gone(void *ctx)
{
	struct pieces *s = ctx;

	printf("gone /pieces %llu\n", (unsigned long long)s->n);
	(void)fflush(stdout);
	pieces_free(s);
}

static void send_pieces(void *ctx)
{
	struct pieces *s = ctx;
	char piece[10000];

	while (s->n < s->end) {
		size_t len = s->end - s->n < sizeof piece ? (size_t)(s->end - s->n) : sizeof piece;

		for (size_t i = 0; i < len; i++)
			piece[i] = (char)((s->n + i) % 251);
		if (http_out_send(s->out, piece, len) == HTTP_OUT_FULL)
			return;
		s->n += len;
	}
	http_out_end(s->out);
	pieces_free(s);
}

static void on_piece(void *ctx, const void *data, size_t len)
{
	struct pieces *s = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		s->sum = s->sum * 31 + p[i];
	s->n += len;
	if (s->refuse && s->n >= s->refuse) {
		(void)mu_error_set(&err, MU_E_STATE, "no more of this");
		http_request_finish(s->request, http_reply_error(s->request, &err, NULL));
		pieces_free(s);
	} else if (s->hold || s->slow) {
		http_request_pause_body(s->request, true);
		if (s->slow)
			mu_timer_set(s->timer, 2);
	}
}

static void on_pieces_end(void *ctx)
{
	struct pieces *s = ctx;
	char text[64];
	int n = snprintf(text, sizeof text, "%llu %u", (unsigned long long)s->n, s->sum);

	http_request_finish(s->request,
			    http_reply_text(s->request, 200, "text/plain", text, (size_t)n));
	pieces_free(s);
}

static void go_on(void *ctx)
{
	struct pieces *s = ctx;

	http_request_pause_body(s->request, false);
}

static struct http_reply *reply_pieces(struct probe *p, struct http_request *r)
{
	static const struct http_body_ops ops = {.data = on_piece, .end = on_pieces_end};
	struct pieces *s;
	struct http_reply *reply;

	if (http_request_query(r, "never"))
		return http_reply_text(r, 403, "text/plain", "never", 5);
	s = mu_xcalloc(1, sizeof *s);
	s->request = r;
	s->refuse = query_number(r, "refuse");
	s->hold = http_request_query(r, "hold");
	s->slow = http_request_query(r, "slow");
	if (r->method != HTTP_GET) {
		s->timer = mu_timer_new(p->loop, go_on, s);
		http_request_read_body(r, &ops, s);
		return http_reply_pending(r, on_pieces_gone, s);
	}
	s->end = query_number(r, "n");
	reply = http_reply_stream(r, 200, "application/octet-stream", s->end, send_pieces,
				  on_pieces_gone, s, &s->out);
	s->timer = mu_timer_new(p->loop, send_pieces, s);
	if (http_request_query(r, "short"))
		s->end /= 2;
	mu_timer_set(s->timer, 0);
	return reply;
}

static bool streams(struct http_request *r, void *ctx)
{
	(void)ctx;
	return strcmp(r->path, "/pieces") == 0;
}

static struct http_reply *handle(struct http_request *r, void *ctx)
{
	struct probe *p = ctx;

	if (strcmp(r->path, "/pieces") == 0)
		return reply_pieces(p, r);
	if (strcmp(r->path, "/ws") == 0)
		return reply_websocket(p, r);
	if (strcmp(r->path, "/large") == 0)
		return reply_large(r);
	if (strcmp(r->path, "/later") == 0)
		return reply_pending(p, r, 50);
	if (strcmp(r->path, "/never") == 0)
		return reply_pending(p, r, MU_SEC(600));
	if (strcmp(r->path, "/events") == 0)
		return reply_events(p, r, send_event);
	if (strcmp(r->path, "/flood") == 0)
		return reply_events(p, r, flood_events);
	if (strcmp(r->path, "/empty") == 0)
		return http_reply_empty(r, 204);
	return reply_echo(r);
}

static void on_stopped(void *ctx)
{
	mu_loop_stop(ctx);
}

static void on_stop(void *ctx)
{
	struct probe *p = ctx;

	http_server_stop(p->server, on_stopped, p->loop);
}

static int serve(struct probe *p, char **argv, struct mu_error *err)
{
	struct http_server_options options = {
	    .handle = handle,
	    .streams = streams,
	    .ctx = p,
	    .body_max = 100000,
	    .events_max = 200000,
	    .connections_max = (unsigned)strtoul(argv[4], NULL, 10),
	    .per_source_max = (unsigned)strtoul(argv[7], NULL, 10),
	    .websockets_max = 20,
	    .idle_timeout = (mu_msec)strtol(argv[5], NULL, 10),
	    .http2_first = strcmp(argv[6], "h2") == 0,
	};
	int port = 0;

	if (http_server_new(p->loop, &options, &p->server, err) < 0 ||
	    http_listen_tls(p->server, "127.0.0.1:0", argv[1], argv[2], &port, err) < 0 ||
	    http_listen_unix(p->server, argv[3], 0600, err) < 0)
		return MU_FAILED;
	printf("port %d\n", port);
	(void)fflush(stdout);
	mu_loop_run(p->loop);
	return 0;
}

int main(int argc, char **argv)
{
	struct probe p = {0};
	struct mu_error err = MU_ERROR_INIT;

	if (argc != 8) {
		(void)fprintf(stderr, "usage: http_probe CERT KEY SOCKET CONNECTIONS IDLE_MS h2|h1 "
				      "PER_SOURCE\n");
		return 2;
	}
	if (getenv("HTTP_PROBE_DEBUG"))
		mu_log_set_level(MU_LOG_DEBUG);
	p.loop = mu_loop_new();
	p.signals = mu_signals_new(p.loop, on_stop, NULL, &p);
	if (serve(&p, argv, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	p.signals = mu_signals_free(p.signals);
	mu_loop_free(p.loop);
	printf("stopped\n");
	return 0;
}
