/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The completion queue and its hand-over to the loop; for this folder only.
 *
 * Every operation started on gRPC carries a tag, which is embedded in the object that started it.
 * When gRPC has finished with it, the tag's `done` runs on the loop thread: in the order in which
 * the queue gave them out, and never inside the call that started the operation.
 */
#ifndef MUSTER_RPC_LOOP_H
#define MUSTER_RPC_LOOP_H

#include "common/base/list.h"
#include "common/loop/loop.h"

#include <grpc/grpc.h>

struct rpc;

struct rpc_tag {
	void (*done)(struct rpc_tag *tag, bool ok);
	/* private */
	struct rpc_tag *next;
	bool ok;
};

struct mu_loop *rpc_loop(const struct rpc *rpc);
grpc_completion_queue *rpc_queue(const struct rpc *rpc);
/* To be called right before `tag` is given to gRPC; returns it. */
void *rpc_arm(struct rpc_tag *tag);
/* Servers and channels count themselves: rpc_free() asserts that none is left. */
void rpc_use(struct rpc *rpc);
void rpc_unuse(struct rpc *rpc);
/* Memory that gRPC's threads may still look at: freed by rpc_free() when they have ended. */
void rpc_keep(struct rpc *rpc, void *p, void (*free_it)(void *p));

/* Wants to be called on the loop, soon, when gRPC reports that an accept failed (it does not say
 * on which port). */
struct rpc_accept_watch {
	struct mu_link link;
	mu_loop_cb failed;
	void *ctx;
};

void rpc_watch_accepts(struct rpc *rpc, struct rpc_accept_watch *watch);
void rpc_unwatch_accepts(struct rpc_accept_watch *watch);

#endif
