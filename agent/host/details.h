/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the host in detail, as JSON's tree: docs/design/host.md has the document. */
#ifndef MUSTER_AGENT_HOST_DETAILS_H
#define MUSTER_AGENT_HOST_DETAILS_H

#include "agent/host/pci.h"
#include "agent/host/usb.h"
#include "agent/hv/hv_host.h"
#include "common/base/value.h"

/* Into `doc`: cpu, numa, memory, memoryMap, xen, dom0. Texts that are not known are left out. */
void host_details_add(struct mu_arena *a, struct mu_value *doc, const struct hv_host_details *d);
struct mu_value *host_details_pools(struct mu_arena *a, const struct hv_cpupool *pools, size_t n);
struct mu_value *host_details_pcis(struct mu_arena *a, const struct host_id *host,
				   const struct host_pci *pcis, size_t n);
struct mu_value *host_details_usbs(struct mu_arena *a, const struct host_usb *usbs, size_t n);
struct mu_value *host_details_bios(struct mu_arena *a, const struct model_bios *bios);

#endif
