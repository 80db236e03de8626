/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tunnel (proto/muster/v1/tunnel.proto) on a stream, as one side of a struct mu_pipe: what its
 * user sends comes out of the user's pipe at the other end, with ends and errors, and with gRPC's
 * flow control as back-pressure. What it is for is its user's business.
 *
 * Both programs embed it in what they know of a tunnel: how it is asked for and who may have it is
 * in agent/link/tunnel.c and aggregator/fleet/tunnel.c. Loop thread.
 */
#ifndef MUSTER_TUNNEL_TUNNEL_H
#define MUSTER_TUNNEL_TUNNEL_H

#include "common/base/arena.h"
#include "common/base/pipe.h"
#include "common/base/str.h"
#include "common/rpc/rpc.h"

enum tunnel_side { TUNNEL_AGENT, TUNNEL_AGGREGATOR };

enum {
	TUNNEL_DATA_MAX = 65536,      /* bytes of one send() */
	TUNNEL_QUEUE_MAX = 4 * 65536, /* on the way out, before MU_PIPE_FULL */
};

struct tunnel {
	enum tunnel_side side;
	struct rpc_stream *stream; /* NULL: not yet, or not any more */
	struct mu_pipe near;       /* leads to the user; ops NULL: has closed */
	/* private */
	struct mu_arena *arena;
	struct mu_str held; /* arrived, not taken by the user */
	bool waits;         /* the user was told MU_PIPE_FULL */
	bool ended;         /* the user sends no more */
	bool peer_ended;    /* nor does the other end */
};

void tunnel_init(struct tunnel *t, enum tunnel_side side);
void tunnel_deinit(struct tunnel *t);
/* The user's end: give it {&tunnel_pipe, t}. Before there is a stream it takes nothing. */
extern const struct mu_pipe_ops tunnel_pipe;
/* The stream is there; the agent's hello was sent, the aggregator has seen it. May call the user's
 * writable(). */
void tunnel_attach(struct tunnel *t, struct rpc_stream *stream);

/* To be called from the stream's callbacks. May close the user's pipe. */
void tunnel_on_message(struct tunnel *t, const void *data, size_t len);
void tunnel_on_writable(struct tunnel *t);
/* Aggregator: the agent has closed its end, or its connection was lost. */
void tunnel_on_half_close(struct tunnel *t);
/* The stream is gone. `text` says why, unless it ended as it should (grpc_status 0). */
void tunnel_on_end(struct tunnel *t, int grpc_status, const char *text);

/* As the user's close(), by somebody else: the user is told why, and so is the other end. */
void tunnel_fail(struct tunnel *t, const struct mu_error *why);

#endif
