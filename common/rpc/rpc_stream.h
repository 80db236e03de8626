/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server and a channel need of a stream beyond rpc.h; for this folder only.
 */
#ifndef MUSTER_RPC_STREAM_H
#define MUSTER_RPC_STREAM_H

#include "common/base/list.h"
#include "common/rpc/rpc.h"

#include <grpc/grpc.h>

struct rpc_stream_init {
	struct rpc *rpc;
	grpc_call *call; /* the stream's from now on */
	size_t send_max;
	/* The stream is about to be freed: its owner forgets it. */
	void (*on_gone)(struct rpc_stream *s, void *owner);
	void *owner;
	struct rpc_peer peer; /* server's */
};

/* A call made by us, and one that came in. Their operations start at once. */
struct rpc_stream *rpc_stream_new_client(const struct rpc_stream_init *init,
					 const struct rpc_stream_ops *ops, void *ctx);
struct rpc_stream *rpc_stream_new_server(const struct rpc_stream_init *init);
/* The server's decision about a new stream: serve it, or send it away. */
void rpc_stream_accept(struct rpc_stream *s, const struct rpc_stream_ops *ops, void *ctx);
void rpc_stream_refuse(struct rpc_stream *s, const struct mu_error *err);
/* From now on an end that nobody asked for is the server's stopping, and is reported as such. */
void rpc_stream_set_stopping(struct rpc_stream *s);
/* The owner's list of its streams. */
struct mu_link *rpc_stream_link(struct rpc_stream *s);
struct rpc_stream *rpc_stream_from_link(struct mu_link *link);

#endif
