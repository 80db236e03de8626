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

int admin_new(struct mu_loop *loop, struct app *app, const char *socket_path,
	      struct admin **ret_admin, struct mu_error *err);
/* Ends connections, then done(ctx) from the loop; freed by then. */
void admin_stop(struct admin *admin, mu_loop_cb done, void *ctx);

#endif
