/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local admin socket: the REST dialect for this host alone, with or without an aggregator.
 * Whoever owns the process may use it: root, or the user that runs a simulated agent. Loop thread.
 */
#ifndef MUSTER_AGENT_ADMIN_ADMIN_H
#define MUSTER_AGENT_ADMIN_ADMIN_H

#include "agent/app/app.h"
#include "common/loop/loop.h"

struct admin;

/* *ret_admin is there (to be stopped and freed) also when only the socket could not be opened. */
int admin_new(struct mu_loop *loop, struct app *app, const char *socket_path,
	      struct admin **ret_admin, struct mu_error *err);
/* Ends connections and listens to the app no more, then done(ctx) from the loop. */
void admin_stop(struct admin *admin, mu_loop_cb done, void *ctx);
/* Stopped, and the app is gone: what was asked of it is answered until then. Takes NULL; returns
 * NULL. */
struct admin *admin_free(struct admin *admin);

#endif
