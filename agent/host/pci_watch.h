/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps an eye on the host's PCI devices: reads them at the beginning, once a minute and when asked
 * to, on a work thread, and tells what is new, changed (another driver: given up by dom0, taken
 * back) or gone. Loop thread.
 */
#ifndef MUSTER_AGENT_HOST_PCI_WATCH_H
#define MUSTER_AGENT_HOST_PCI_WATCH_H

#include "common/loop/loop.h"
#include "common/model/object.h"

struct host_pci_watch;

struct host_pci_listener {
	void (*set)(void *ctx, const struct model_object *o); /* new, or changed */
	void (*removed)(void *ctx, const struct mu_uuid *id);
	void (*failed)(void *ctx, const struct mu_error *err); /* the last list stays */
	void *ctx;
};

/* `sysfs` ("/sys") must live as long. */
struct host_pci_watch *host_pci_watch_new(struct mu_loop *loop, const char *sysfs,
					  const struct host_id *host,
					  const struct host_pci_listener *listener);
/* Look soon: something has just been bound. */
void host_pci_watch_look(struct host_pci_watch *w);
/* Nothing is told any more; done(ctx) from the loop, freed by then. */
void host_pci_watch_stop(struct host_pci_watch *w, mu_loop_cb done, void *ctx);

#endif
