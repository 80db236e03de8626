/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread with a loop of its own. libxl and xenstore are asked there, because both can keep their
 * caller waiting (building a domain, a busy xenstored): the agent's loop thread never waits for
 * them. Everything crosses over by mu_loop_post_from_thread(), nothing is shared.
 */
#ifndef MUSTER_AGENT_HV_XEN_THREAD_H
#define MUSTER_AGENT_HV_XEN_THREAD_H

#include "common/loop/loop.h"

#include <pthread.h>

struct xen_thread {
	struct mu_loop *loop;
	pthread_t id;
	struct mu_loop *home; /* who started it */
	mu_loop_cb ended;     /* on `home` */
	void *ctx;
	bool running;
};

/* Makes the loop; what lives on it may be set up by the caller until xen_thread_start(). */
void xen_thread_init(struct xen_thread *t, struct mu_loop *home);
int xen_thread_start(struct xen_thread *t, const char *name, struct mu_error *err);
/* Runs cb(ctx) there. */
void xen_thread_post(struct xen_thread *t, mu_loop_cb cb, void *ctx);
/* Runs last(ctx) there as its last order, which closes all handles; then ended(ctx) at home. Also
 * serves a thread that was never started. */
void xen_thread_stop(struct xen_thread *t, mu_loop_cb last, mu_loop_cb ended, void *ctx);
/* Inside `ended`, or for a thread that was never started and has no open handle. */
void xen_thread_deinit(struct xen_thread *t);

#endif
