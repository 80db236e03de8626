/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A knock at a TCP port; for this folder only. Connects, says goodbye at once (half-closes), and
 * waits for whatever comes back: bytes or the other end's close prove that somebody accepted the
 * connection and noticed. It costs the server no cryptography.
 */
#ifndef MUSTER_RPC_PROBE_H
#define MUSTER_RPC_PROBE_H

#include "common/loop/loop.h"
#include "common/rpc/rpc_guard.h"

#include <sys/socket.h>

struct rpc_probe;
typedef void (*rpc_probe_cb)(enum rpc_probe_result result, void *ctx);

/* `done` comes exactly once, from the loop; the probe is gone then. */
struct rpc_probe *rpc_probe_start(struct mu_loop *loop, const struct sockaddr *address,
				  mu_msec limit, rpc_probe_cb done, void *ctx);
/* `done` still comes, with RPC_PROBE_CANCELLED. */
void rpc_probe_cancel(struct rpc_probe *p);

#endif
