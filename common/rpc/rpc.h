/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of messages between processes: gRPC over mutual TLS, hidden.
 *
 * One kind of call is enough for Muster: a bidirectional stream opened by the client on a path
 * ("/muster.v1.Fleet/Connect"), bytes in, bytes out. Messages are byte strings here; common/wire
 * turns them into protobuf. Every callback comes on the loop thread; nothing is called back inside
 * the call that caused it. The completion queue's thread is private to this folder.
 *
 * A stream ends exactly once with on_end(); its handle is dead when that returns. Sending is
 * bounded: rpc_stream_send() says RPC_FULL when `send_max` bytes wait, and on_writable() follows.
 */
#ifndef MUSTER_RPC_RPC_H
#define MUSTER_RPC_RPC_H

#include "common/base/error.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct rpc; /* the library, its thread; one per process */
struct rpc_server;
struct rpc_channel; /* a client's connection to one target */
struct rpc_stream;

/* PEM texts. The server asks for and verifies a client certificate against `ca`, always. */
struct rpc_tls {
	const char *ca;
	const char *cert;
	const char *key;
};

struct rpc_peer {
	char address[64];      /* "ipv4:10.0.0.1:1234" */
	char common_name[128]; /* subject CN of the verified certificate */
	char fingerprint[65];  /* lower-case hex SHA-256 of its DER */
};

struct rpc_stream_ops {
	/* A message; `data` is valid during the call. */
	void (*on_message)(struct rpc_stream *s, const void *data, size_t len, void *ctx);
	/* After RPC_FULL: there is room again. May be NULL. */
	void (*on_writable)(struct rpc_stream *s, void *ctx);
	/* Server: the client will send no more. A cancelled call can look like that for a moment,
	 * before on_end(). NULL: finish with OK. */
	void (*on_half_close)(struct rpc_stream *s, void *ctx);
	/* Over. grpc_status 0 = OK. `text` is the peer's or the library's. */
	void (*on_end)(struct rpc_stream *s, int grpc_status, const char *text, void *ctx);
};

enum { RPC_FULL = 1 };

struct rpc *rpc_new(struct mu_loop *loop);
/* Every server, channel and stream must be gone. Blocks until the library's threads have ended. */
struct rpc *rpc_free(struct rpc *rpc);

/* Server */
struct rpc_server_options {
	const char *listen; /* "127.0.0.1:0", "[::]:8443"; numeric */
	struct rpc_tls tls;
	size_t message_max;        /* bytes of one received message; more ends the stream (8) */
	size_t send_max;           /* bytes queued per stream before RPC_FULL */
	mu_msec keepalive;         /* silent peers are pinged this often ... */
	mu_msec keepalive_timeout; /* ... and given up after this */
	mu_msec probe_interval;    /* self-probe of the listener (rpc_guard.h); 0 = off */
	/* A new stream. Return its ops and *ret_ctx, or NULL after filling err (its code becomes
	 * the gRPC status, its text the message). rpc_stream_peer() is valid. */
	const struct rpc_stream_ops *(*on_stream)(struct rpc_stream *s, const char *path,
						  void *server_ctx, void **ret_ctx,
						  struct mu_error *err);
	void *ctx;
};

/* Also raises the process's soft limit of descriptors to the hard one. */
int rpc_server_new(struct rpc *rpc, const struct rpc_server_options *options,
		   struct rpc_server **ret_server, struct mu_error *err);
int rpc_server_port(const struct rpc_server *server);
/* For new connections; live streams go on. A pair that does not fit is not taken (and logged). */
void rpc_server_set_tls(struct rpc_server *server, const struct rpc_tls *tls);
/* End all streams, stop listening, then done(ctx) from the loop; the server is freed by then. */
void rpc_server_stop(struct rpc_server *server, mu_loop_cb done, void *ctx);

/* Client */
struct rpc_channel_options {
	const char *target;      /* "host:port" */
	const char *server_name; /* expected in the certificate; NULL = host part of target */
	struct rpc_tls tls;
	size_t message_max;
	size_t send_max;
	mu_msec keepalive;
	mu_msec keepalive_timeout;
};

int rpc_channel_new(struct rpc *rpc, const struct rpc_channel_options *options,
		    struct rpc_channel **ret_channel, struct mu_error *err);
/* Every stream of it must have ended. Takes NULL; returns NULL. */
struct rpc_channel *rpc_channel_free(struct rpc_channel *c);
/* Never NULL: a call that cannot be made ends through on_end(). Fails at once (UNAVAILABLE) when
 * the target is down; the caller retries with its own jitter. */
struct rpc_stream *rpc_channel_open(struct rpc_channel *c, const char *path,
				    const struct rpc_stream_ops *ops, void *ctx);

/* Stream, both sides */
/* Queue a copy. 0, or RPC_FULL: nothing was queued (a message alone in the queue is never refused).
 * Dropped silently on an ended or finishing stream: on_end() tells. */
int rpc_stream_send(struct rpc_stream *s, const void *data, size_t len);
/* Another bound than the server's or channel's, for what is queued from now on. */
void rpc_stream_set_send_max(struct rpc_stream *s, size_t send_max);
size_t rpc_stream_queued(const struct rpc_stream *s); /* bytes waiting */
/* Back-pressure: while paused no on_message comes and the peer is held back by flow control. A
 * client with unread messages hears of the end behind them, when it goes on (or cancels). */
void rpc_stream_pause(struct rpc_stream *s, bool paused);
void rpc_stream_half_close(struct rpc_stream *s); /* client: no more messages from here */
/* Server: send what is queued, then this status. code MU_E_NONE = OK. */
void rpc_stream_finish(struct rpc_stream *s, enum mu_error_code code, const char *text);
void rpc_stream_cancel(struct rpc_stream *s); /* at once; on_end(1 = CANCELLED) follows */
const struct rpc_peer *rpc_stream_peer(const struct rpc_stream *s); /* server side */

#endif
