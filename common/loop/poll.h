/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching a descriptor that is not ours to wrap in a stream: a terminal, a pty, a socket. The
 * descriptor stays its owner's, who may close it as soon as mu_poll_free() has returned. Loop
 * thread.
 */
#ifndef MUSTER_LOOP_POLL_H
#define MUSTER_LOOP_POLL_H

#include "common/loop/loop.h"

struct mu_poll;

enum { MU_POLL_IN = 1, MU_POLL_OUT = 2 };

/* Nothing is watched before mu_poll_set(). MU_E_UNSUPPORTED: a file that cannot be waited for. */
int mu_poll_new(struct mu_loop *loop, int fd, void (*cb)(void *ctx, unsigned events), void *ctx,
		struct mu_poll **ret_poll, struct mu_error *err);
/* Takes NULL; returns NULL. Allowed inside its own callback. */
struct mu_poll *mu_poll_free(struct mu_poll *p);
/* Which events to tell from now on; 0 = none. A broken descriptor is told as all that were asked
 * for: reading or writing says what it is. */
void mu_poll_set(struct mu_poll *p, unsigned events);

#endif
