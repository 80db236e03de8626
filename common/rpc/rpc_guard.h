/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to give a listener up; for this folder only. PURE: results of probes go in, what to do
 * next comes out.
 *
 * In gRPC core 1.51 one accept() that fails for want of file descriptors (or of memory, or by
 * a packet filter's verdict) takes the listener out of the event loop for ever: connections then
 * wait in the kernel's backlog until they time out, and nothing but a log line tells. So the server
 * knocks at its own port, and makes a new listener when nobody answers.
 *
 *     probe alive ------------------------> calm: next probe after `interval`
 *     probe refused ----------------------> re-create now
 *     probe silent, accept had failed ----> re-create now
 *     probe silent twice in a row --------> re-create now (once may be a storm of handshakes)
 *     probe could not be made ------------> look again soon: no descriptors, no knowledge
 *
 * Re-creations that do not help come further and further apart, up to `interval`.
 */
#ifndef MUSTER_RPC_GUARD_H
#define MUSTER_RPC_GUARD_H

#include "common/base/time.h"

#include <stdbool.h>

enum rpc_probe_result {
	RPC_PROBE_ALIVE,     /* it was accepted, and answered or closed */
	RPC_PROBE_REFUSED,   /* nobody listens */
	RPC_PROBE_SILENT,    /* connected, but nobody is there */
	RPC_PROBE_UNKNOWN,   /* the probe itself failed */
	RPC_PROBE_CANCELLED, /* by us: no news */
	_RPC_PROBE_RESULT_COUNT,
};

struct rpc_guard {
	mu_msec interval;
	bool suspect;             /* gRPC reported a failed accept since the last answer */
	unsigned int n_silent;    /* in a row */
	unsigned int n_recreated; /* since the last answer */
};

struct rpc_guard_step {
	bool recreate;
	bool recovered; /* first answer after trouble */
	mu_msec wait;   /* until the next probe */
};

void rpc_guard_init(struct rpc_guard *g, mu_msec interval);
/* gRPC says that an accept failed. True: probe now. */
bool rpc_guard_accept_failed(struct rpc_guard *g);
/* How long a probe may take. */
mu_msec rpc_guard_patience(const struct rpc_guard *g);
struct rpc_guard_step rpc_guard_probed(struct rpc_guard *g, enum rpc_probe_result result);

#endif
