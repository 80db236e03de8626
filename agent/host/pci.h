/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI devices of dom0, out of sysfs. Blocking, for a work thread; plain data comes out.
 */
#ifndef MUSTER_AGENT_HOST_PCI_H
#define MUSTER_AGENT_HOST_PCI_H

#include "agent/host/pci_names.h"
#include "common/base/error.h"

enum { HOST_PCI_MAX = 4096 };

struct host_pci {
	struct model_pci pci; /* `vm` stays nil: who has it is not in sysfs */
	uint32_t class_code;  /* 0x060000 */
	uint32_t vendor, device;
	int iommu_group; /* -1 = none, or the hypervisor has the IOMMU */
	int node;        /* NUMA, -1 = unknown */
};

/* By address. `sysfs` is "/sys"; `names` may be NULL. *ret (heap) is the caller's. */
int host_pci_read(const char *sysfs, struct pci_names *names, struct host_pci **ret, size_t *ret_n,
		  struct mu_error *err);
/* What it is called, by its modalias ("pci:v00008086d..."), else by its numbers. */
void host_pci_name(struct host_pci *p, struct pci_names *names, const char *modalias);
/* As others see it. */
void host_pci_object(const struct host_pci *p, const struct host_id *host,
		     struct model_object *ret);

#endif
