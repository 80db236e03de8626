/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store thread: watches xenstore and libxl's directory, reads what changed and tells the loop
 * thread. Nobody else reads xenstore, so a busy xenstored holds up nothing but news.
 */
#ifndef MUSTER_AGENT_HV_XEN_STORE_H
#define MUSTER_AGENT_HV_XEN_STORE_H

#include "agent/hv/xen/xen_cpupool.h"
#include "agent/hv/xen/xen_facts.h"
#include "agent/hv/xen/xen_pci.h"
#include "common/loop/loop.h"

struct xen_store;

struct xen_store_listener {
	/* On the loop thread; `changed` tells what of it is news. */
	void (*facts)(void *ctx, const struct xen_facts *facts, bool domain_news, bool guest_news);
	/* On the loop thread: some domain came, went or stopped, or may have. */
	void (*domains)(void *ctx);
	/* On the loop thread: the CPU pools' names, all of them. */
	void (*pools)(void *ctx, const struct xen_cpupool_names *names);
	/* On the loop thread: who has PCI devices now; taken over. */
	void (*pci_owners)(void *ctx, struct xen_pci_owners *owners);
	void *ctx;
};

/* Connects, and reads all that is there now; facts() and pools() are called before it returns. */
int xen_store_new(struct mu_loop *home, const struct xen_store_listener *listener,
		  struct xen_store **ret, struct mu_error *err);
/* Look now, at this domain's facts as well; then cb(ctx) on the loop thread, after the news. */
void xen_store_sync(struct xen_store *s, struct hv_domid domid, mu_loop_cb cb, void *ctx);
/* Takes back a request to stop that the guest has not read yet. */
void xen_store_withdraw(struct xen_store *s, struct hv_domid domid);
int xen_store_start(struct xen_store *s, struct mu_error *err);
/* Ends the thread and frees; then done(ctx) at home. Nothing is told any more from now on. */
void xen_store_free(struct xen_store *s, mu_loop_cb done, void *ctx);

#endif
