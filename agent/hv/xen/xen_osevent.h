/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl's file descriptors, timeouts and children on a libuv loop. One per libxl_ctx, on the
 * thread that runs the loop and makes every call into that ctx.
 */
#ifndef MUSTER_AGENT_HV_XEN_OSEVENT_H
#define MUSTER_AGENT_HV_XEN_OSEVENT_H

#include "common/loop/loop.h"

#include <libxl.h>

struct xen_osevent;

/* Registers the hooks: before any other use of `ctx`. */
struct xen_osevent *xen_osevent_new(struct mu_loop *loop, libxl_ctx *ctx);
/* After libxl_ctx_free(); takes NULL; returns NULL. The memory goes once the loop has run. */
struct xen_osevent *xen_osevent_free(struct xen_osevent *e);

#endif
