/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a domain beyond the hypervisor's own list: from xenstore and libxl's files.
 * Read on the store thread, handed over by value, kept on the loop thread.
 */
#ifndef MUSTER_AGENT_HV_XEN_FACTS_H
#define MUSTER_AGENT_HV_XEN_FACTS_H

#include "agent/hv/hv_device.h"

/* Where libxl keeps what it records about domains. */
#define XEN_LIBXL_DIR "/var/lib/xen"
/* Where it puts the sockets of the QEMUs that it starts. */
#define XEN_RUN_DIR "/run/xen"

struct xs_handle;

struct xen_facts {
	struct hv_domid domid;
	struct vm_id id;
	bool gone; /* the domain is no more; nothing else is set */
	char name[MODEL_NAME_MAX + 1];
	bool type_known;
	enum vm_type type;
	bool complete; /* libxl has recorded its configuration, the last act of building it */
	bool ours;
	mu_msec created_at;          /* wall clock, 0 = unknown */
	int64_t memory_target_bytes; /* -1 = unknown */
	int64_t memory_static_bytes; /* -1 = unknown */
	struct hv_console console;   /* all of it; tty "", port 0: it has none */
	struct vm_guest guest;
};

/* Reads them all; padding is zero, so that two can be compared as bytes. Waits for xenstored. */
void xen_facts_read(struct xs_handle *xs, struct hv_domid domid, const struct vm_id *id,
		    struct xen_facts *ret);

#endif
