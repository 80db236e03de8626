/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server on the loop, over TLS and over Unix sockets, for REST and server-sent events.
 * libwebsockets is hidden in this folder; everything is called on the loop thread.
 *
 * A request arrives whole (bounded by body_max) at the one handler; the handler returns proof of
 * a reply: http_reply_*() now, or http_reply_pending() and http_request_finish() later, from any
 * later loop turn. A peer that goes away first is told through `on_gone` of a pending request.
 *
 * What is too large to be held comes and goes piece by piece, with back-pressure: the body of a
 * request that `streams` picks (http_request_read_body()), and http_reply_stream().
 */
#ifndef MUSTER_HTTP_HTTP_H
#define MUSTER_HTTP_HTTP_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/value.h"
#include "common/loop/loop.h"

#include <stdint.h>
#include <sys/types.h>

struct http_server;
struct http_events;
struct http_out;
struct http_reply;

enum http_method {
	HTTP_GET,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OTHER,
	_HTTP_METHOD_COUNT
};

/* How the peer came in; the handler decides what it may do. */
struct http_peer {
	bool local; /* Unix socket: uid, gid, pid are SO_PEERCRED's */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	char address[64]; /* "192.0.2.1" or "unix:pid=12" */
};

struct http_request {
	struct mu_arena *arena; /* lives until the reply is sent */
	enum http_method method;
	const char *path;  /* decoded, no query; "/rest/v0/vms" */
	const char *query; /* percent-encoded, "" when absent; http_request_query() decodes */
	const char *body;  /* NUL behind its end */
	size_t body_len;
	uint64_t body_total; /* as announced; more than body_len when it comes in pieces */
	bool head;           /* HEAD, told as HTTP_GET: the reply's body is not sent */
	struct http_peer peer;
	void *priv;
};

/* Decoded value of a query parameter, NULL when absent; "" for a bare "name". */
const char *http_request_query(const struct http_request *r, const char *name);
/* Header value (name in lower case), NULL when absent. Known: authorization, cookie, accept,
 * content-type, if-match, if-none-match, idempotency-key (HTTP/1.1 only), last-event-id,
 * user-agent, origin, host, range, if-range, tus-resumable, upload-length, upload-offset,
 * upload-metadata. */
const char *http_request_header(const struct http_request *r, const char *name);

/* The body is copied. `type` e.g. "application/json". */
struct http_reply *http_reply_text(struct http_request *r, int status, const char *type,
				   const void *body, size_t len);
/* The same with the body handed over (`body` is empty afterwards): for large ones. */
struct http_reply *http_reply_take(struct http_request *r, int status, const char *type,
				   struct mu_str *body);
struct http_reply *http_reply_json(struct http_request *r, int status, const struct mu_value *v);
/* 204 */
struct http_reply *http_reply_empty(struct http_request *r, int status);
/* {"error": text, "data": data?} with the status of err's code. */
struct http_reply *http_reply_error(struct http_request *r, const struct mu_error *err,
				    struct mu_value *data);
/* The same with another status, for what has no code of its own. */
struct http_reply *http_reply_error_status(struct http_request *r, int status,
					   const struct mu_error *err, struct mu_value *data);
/* Add a header to a reply before it is returned or finished. */
void http_reply_header(struct http_reply *reply, const char *name, const char *value);

/* The reply comes later through http_request_finish(). If the peer leaves before that, on_gone(ctx)
 * is called once and the request must not be touched again. */
struct http_reply *http_reply_pending(struct http_request *r, mu_loop_cb on_gone, void *ctx);
void http_request_finish(struct http_request *r, struct http_reply *reply);
/* Another one is to be told when the peer of a pending request leaves. */
void http_request_watch(struct http_request *r, mu_loop_cb on_gone, void *ctx);

/* Whoever sent the request may be gone and come back to ask what became of it: the request is then
 * carried through without its peer, as if it were there. told(ctx, r, reply) comes once, when it is
 * answered; not for a server that stops first. Only for replies that are no stream. */
void http_request_outlive(struct http_request *r,
			  void (*told)(void *ctx, struct http_request *r,
				       const struct http_reply *reply),
			  void *ctx);
/* The handler begins again with a request that is pending: whoever was to be told that the peer
 * leaves is not any more. */
void http_request_release(struct http_request *r);
/* What a reply says. Status 0: it is pending. */
int http_reply_status(const struct http_reply *reply);
const char *http_reply_type(const struct http_reply *reply); /* NULL: no body */
const struct mu_str *http_reply_body(const struct http_reply *reply);
const char *http_reply_header_of(const struct http_reply *reply, const char *name);

/* Server-sent events: the reply is a stream that stays open. The events object belongs to the
 * caller until on_gone(ctx), after which it must not be touched. */
struct http_reply *http_reply_events(struct http_request *r, struct http_events **ret_events,
				     mu_loop_cb on_gone, void *ctx);
/* Send one event. id 0 = no "id:" line. Returns false when more than `events_max` bytes wait: they
 * are dropped, the peer is sent a last event `cut` if it reads on, and the connection ends (on_gone
 * follows): a slow client re-lists instead of losing silently. */
bool http_events_send(struct http_events *e, const char *event, uint64_t id, const char *data);
/* Bytes that may still be queued before the connection is cut. */
size_t http_events_room(const struct http_events *e);
void http_events_close(struct http_events *e);

/* The body of a request that options.streams picked, in pieces: only from inside the handler, and
 * only if body_total is not 0. Whoever replies before its end gets no more of it, and the
 * connection ends with the reply. Its end is told by end(); a peer that leaves before, by on_gone
 * alone. */
struct http_body_ops {
	void (*data)(void *ctx, const void *data, size_t len); /* 16 KiB at most */
	void (*end)(void *ctx);
};
void http_request_read_body(struct http_request *r, const struct http_body_ops *ops, void *ctx);
/* Back-pressure: while paused nothing is told, and the peer is held back by TCP. Not inside data()
 * to go on: what waits is told at once. */
void http_request_pause_body(struct http_request *r, bool paused);

/* A reply of exactly `length` bytes that come later, now or to finish a pending request. Until all
 * of them are sent, on_gone(ctx) says that the peer left; `out` is dead then, and after
 * http_out_end() or http_out_finish(). `on_writable` after HTTP_OUT_FULL, when there is room again.
 */
enum { HTTP_OUT_FULL = 1, HTTP_OUT_MAX = 128 << 10 };
#define HTTP_LENGTH_UNKNOWN UINT64_MAX
struct http_reply *http_reply_stream(struct http_request *r, int status, const char *type,
				     uint64_t length, mu_loop_cb on_writable, mu_loop_cb on_gone,
				     void *ctx, struct http_out **ret_out);
/* All of it, copied, or HTTP_OUT_FULL. More than was announced is a bug. */
int http_out_send(struct http_out *out, const void *data, size_t len);
/* No more comes, and nobody is told anything any more. If bytes are missing the connection is cut,
 * so that the peer sees that it has not got all. */
void http_out_end(struct http_out *out);
/* The same for a reply of HTTP_LENGTH_UNKNOWN that is complete: only then does the peer take it for
 * whole. */
void http_out_finish(struct http_out *out);

struct http_server_options {
	struct http_reply *(*handle)(struct http_request *r, void *ctx);
	/* Is the body of this request for http_request_read_body()? body_max does not count then.
	 * Everything but the body is known. NULL: of none. */
	bool (*streams)(struct http_request *r, void *ctx);
	void *ctx;
	size_t body_max;
	size_t events_max;
	unsigned connections_max; /* further ones wait in the kernel's queue */
	unsigned per_source_max;  /* of these, over TLS; further ones are closed at once; 0: any */
	unsigned websockets_max;  /* of these; further ones are refused with 503; 0: none */
	mu_msec idle_timeout;     /* keep-alive and slow requests */
	/* Offer HTTP/2 before HTTP/1.1: a peer that resets a stream is then noticed only when its
	 * connection ends. */
	bool http2_first;
};

int http_server_new(struct mu_loop *loop, const struct http_server_options *options,
		    struct http_server **ret_server, struct mu_error *err);
/* Ends every connection, then done(ctx) from the loop; freed by then. */
void http_server_stop(struct http_server *s, mu_loop_cb done, void *ctx);

struct http_counts {
	uint64_t n_replies[6]; /* by the first digit of their status; WebSockets are not counted */
	unsigned n_connections;
	unsigned n_websockets; /* of these */
};
void http_server_counts(const struct http_server *s, struct http_counts *ret);

/* TLS on "ADDR:PORT" (PORT 0 picks one); paths of PEM files. */
int http_listen_tls(struct http_server *s, const char *address, const char *cert_path,
		    const char *key_path, int *ret_port, struct mu_error *err);
/* New connections get what is in these files now; those that are open go on. After an error the
 * old certificate stays. */
int http_tls_renewed(struct http_server *s, const char *cert_path, const char *key_path,
		     struct mu_error *err);
/* Unix socket with the given mode; a stale socket file is replaced, a live one is MU_E_EXISTS. */
int http_listen_unix(struct http_server *s, const char *path, mode_t mode, struct mu_error *err);

#endif
