/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC's own log lines, into ours; for this folder only. Any thread.
 */
#ifndef MUSTER_RPC_LOG_H
#define MUSTER_RPC_LOG_H

/* Take over the library's log. `accept_failed` runs, on the thread that logged it, when a listener
 * reports that accept() failed; never after rpc_log_detach(). */
void rpc_log_attach(void (*accept_failed)(void *ctx), void *ctx);
void rpc_log_detach(void);

#endif
