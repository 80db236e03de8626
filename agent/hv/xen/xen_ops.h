/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations: struct hv_op on the loop thread, libxl on a thread of its own with one libxl_ctx.
 */
#ifndef MUSTER_AGENT_HV_XEN_OPS_H
#define MUSTER_AGENT_HV_XEN_OPS_H

#include "agent/hv/hv.h"

struct xen_facts;
struct xen_ops;

/* What operations want from xenstore, which is another thread's; on the loop thread. */
struct xen_ops_hooks {
	/* Runs cb(ctx) on the loop thread when listings show what has just been built or renamed.
	 */
	void (*settle)(void *hooks_ctx, struct hv_domid domid, mu_loop_cb cb, void *ctx);
	/* Takes back a request to stop that the guest has not read yet. */
	void (*withdraw)(void *hooks_ctx, struct hv_domid domid);
	void *ctx;
};

int xen_ops_new(struct mu_loop *home, const struct xen_ops_hooks *hooks, struct xen_ops **ret,
		struct mu_error *err);
/* As hv_ops.op_start and op_cancel. `facts` of its domain: NULL if there are none. */
void xen_ops_start(struct xen_ops *ops, struct hv_op *op, const struct xen_facts *facts);
void xen_ops_cancel(struct xen_ops *ops, struct hv_op *op);
/* Some domain came, stopped or went. */
void xen_ops_domains_changed(struct xen_ops *ops);
/* Cancels what runs and forgets it; frees when libxl has let go (after a while without that, the
 * thread is left behind); then done(ctx). */
void xen_ops_free(struct xen_ops *ops, mu_loop_cb done, void *ctx);

#endif
