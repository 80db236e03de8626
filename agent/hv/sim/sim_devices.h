/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated host's own PCI and USB devices, and who has them. Private to the model. */
#ifndef MUSTER_AGENT_HV_SIM_DEVICES_H
#define MUSTER_AGENT_HV_SIM_DEVICES_H

#include "agent/hv/hv_device.h"
#include "common/base/error.h"
#include "common/base/value.h"

enum { SIM_PCI_COUNT = 7, SIM_USB_COUNT = 2 };

struct sim_devices {
	bool pci_assignable[SIM_PCI_COUNT];
	uint32_t pci_domid[SIM_PCI_COUNT]; /* 0 = no domain has it */
	uint32_t usb_domid[SIM_USB_COUNT];
};

size_t sim_devices_list(const struct sim_devices *d, struct hv_host_pci *ret, size_t max);
/* PCI_ATTACH to a domain of `type`, PCI_DETACH, PCI_ASSIGN, PCI_RELEASE, USB_ATTACH, USB_DETACH.
 * Positive: there was nothing to do. */
int sim_devices_change(struct sim_devices *d, enum hv_op_kind kind, struct hv_domid domid,
		       enum vm_type type, const struct hv_device *device, struct mu_error *err);
/* What the domain has by now is in its configuration. */
void sim_devices_show(const struct sim_devices *d, struct hv_domid domid,
		      struct hv_vm_config *config);
/* The domain is gone. */
void sim_devices_drop(struct sim_devices *d, struct hv_domid domid);
struct mu_value *sim_devices_encode(struct mu_arena *a, const struct sim_devices *d);
/* What is damaged or unknown reads as free. */
void sim_devices_decode(const struct mu_value *v, struct sim_devices *ret);

#endif
