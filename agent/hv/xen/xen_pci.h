/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's PCI devices as sysfs shows them (never waits: any thread), and who has them, which is
 * in xenstore and so comes from the store thread.
 */
#ifndef MUSTER_AGENT_HV_XEN_PCI_H
#define MUSTER_AGENT_HV_XEN_PCI_H

#include "agent/hv/hv_device.h"
#include "common/base/error.h"

/* In xenstore: what libxl notes of devices, by address with '-' for ':' and '.'; `domid` says which
 * domain has it. (Before Xen 4.15 it was elsewhere.) */
#define XEN_PCI_NOTES "/libxl/pci"

/* Sorted by address; domid is 0 in all. */
int xen_pci_list(struct hv_host_pci *ret_devices, size_t max, size_t *ret_n, struct mu_error *err);
/* MU_E_NOT_FOUND */
int xen_pci_find(const char *address, struct hv_host_pci *ret, struct mu_error *err);
/* MU_E_STATE when dom0 needs it: a network card of it is up, or it has disks. */
int xen_pci_check_idle(const struct hv_host_pci *device, struct mu_error *err);
/* MU_E_STATE when a guest cannot have it as it is: it is dom0's, and not to be seized, or needed.
 */
int xen_pci_check_given(const struct hv_host_pci *device, bool seize, struct mu_error *err);
/* MU_E_UNSUPPORTED when the driver that devices are given away by is not loaded. */
int xen_pci_check_pciback(struct mu_error *err);

struct xen_pci_owners;

struct xen_pci_owners *xen_pci_owners_new(void);
struct xen_pci_owners *xen_pci_owners_free(struct xen_pci_owners *o);
/* `name` as libxl writes it into xenstore, "0000-03-00-0"; another form is ignored. */
void xen_pci_owners_add(struct xen_pci_owners *o, const char *name, uint32_t domid);
/* Fills in domid; `o` may be NULL. */
void xen_pci_join(const struct xen_pci_owners *o, struct hv_host_pci *devices, size_t n);

#endif
