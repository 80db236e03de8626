/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a domain beyond the hypervisor's own list: from xenstore and libxl's files.
 * Read on the store thread, handed over by value, kept on the loop thread.
 */
#ifndef MUSTER_AGENT_HV_XEN_FACTS_H
#define MUSTER_AGENT_HV_XEN_FACTS_H

#include "agent/hv/hv_types.h"

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
	struct vm_guest guest;
};

#endif
