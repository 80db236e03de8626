/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream is one request and its reply on libwebsockets: a transaction of an HTTP/1.1 connection,
 * or a stream of an HTTP/2 one. stream.c moves it on, intake.c reads the request out of the
 * library, write.c sends the reply.
 */
#ifndef MUSTER_HTTP_STREAM_H
#define MUSTER_HTTP_STREAM_H

#include "common/http/message.h"
#include "common/http/server.h"

enum http_stage {
	HTTP_STAGE_READING,
	HTTP_STAGE_TAKING, /* the body, in pieces */
	HTTP_STAGE_WAITING,
	HTTP_STAGE_HEADERS,
	HTTP_STAGE_BODY,
	HTTP_STAGE_EVENTS,
	HTTP_STAGE_STREAM,
	HTTP_STAGE_LINGER, /* replied before the body was read: let the peer read the reply */
	_HTTP_STAGE_COUNT,
};

struct http_stream {
	struct mu_link link; /* server's streams */
	struct http_server *server;
	struct lws *wsi;
	struct http_exchange *x;
	enum http_stage stage;
	bool h2;
	bool muted;
	bool close_after;
	bool in_pieces;    /* the body: whoever handles it takes it so */
	bool body_follows; /* bytes that were announced and are not read yet */
	bool linger;
	bool kick;    /* bytes of its may wait inside the library */
	bool writing; /* events wait to be written */
	unsigned early_input;
	struct mu_str body; /* of the request */
	uint64_t body_len;  /* as announced */
	uint64_t body_came; /* of one in pieces */
	size_t sent;        /* of the reply's body */
	mu_msec started_at;
	mu_msec progress_at;
};

/* The library's memory of a transaction, zeroed by it. */
struct http_session {
	struct http_stream *stream;
};

extern const struct lws_protocols http_protocols[];

/* Cut streams whose peer is gone or has not taken or sent anything for idle_timeout. */
void http_streams_sweep(struct http_server *s);

struct http_stream *http_stream_new(struct http_server *server, struct lws *wsi);
void http_stream_free(struct http_stream *s);
/* The peer did something: its time begins anew. */
void http_stream_touch(struct http_stream *s);
/* Stop looking at the input of an HTTP/1.1 connection. */
void http_stream_mute(struct http_stream *s);
/* The reply is sent; the transaction or the connection ends. The stream is freed, or lingers. For
 * the library: negative closes the connection. */
int http_stream_end(struct http_session *session);

/* Take method, path, query and headers over, and see what body there will be. 0, or the HTTP status
 * to refuse it with, and `err` the text. */
int http_intake(struct http_stream *s, const char *path, size_t path_len, struct mu_error *err);

/* Send the whole of a short reply, from inside a callback of the library's that leaves no other
 * chance. For the library: negative closes the connection. */
int http_write_at_once(struct http_stream *s);
/* Send the next piece, when the library says that it can be written. For the library: negative
 * closes the connection. */
int http_write(struct http_session *session);

#endif
