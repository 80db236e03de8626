/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU pools: who has which CPUs and domains, by hypercall on the loop thread. Their names are
 * libxl's and stand in xenstore (/local/pool/N/name): the store thread reads them when they change
 * and hands them over as a value.
 */
#ifndef MUSTER_AGENT_HV_XEN_CPUPOOL_H
#define MUSTER_AGENT_HV_XEN_CPUPOOL_H

#include "agent/hv/hv_cpupool.h"
#include "common/base/error.h"

#include <xenctrl.h>

#define XEN_CPUPOOL_DIR "/local/pool"

struct xs_handle;

struct xen_cpupool_names {
	size_t n;
	struct {
		uint32_t id;
		char name[MODEL_NAME_MAX + 1];
	} pools[HV_CPUPOOLS_MAX];
};

/* Waits for xenstored. */
void xen_cpupool_names_read(struct xs_handle *xs, struct xen_cpupool_names *ret);
int xen_cpupool_read(xc_interface *xch, const struct xen_cpupool_names *names,
		     struct hv_cpupool *ret_pools, size_t max, size_t *ret_n, struct mu_error *err);

/* xen_cpupool_change.c: as hv_ops.cpupool_change; blocks, on any thread. */
int xen_cpupool_change(void *impl, const struct hv_cpupool_change *change, struct mu_error *err);

#endif
