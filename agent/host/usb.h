/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USB devices of dom0, hubs too, out of sysfs. Blocking, for a work thread; plain data comes
 * out.
 */
#ifndef MUSTER_AGENT_HOST_USB_H
#define MUSTER_AGENT_HOST_USB_H

#include "agent/host/pci_names.h"
#include "common/base/error.h"
#include "common/model/vm.h"

enum { HOST_USB_MAX = 2048 };

struct host_usb {
	uint32_t bus, address; /* as lsusb shows them */
	char port[32];         /* "usb1" (a root hub), "1-2.1" */
	uint32_t vendor, product;
	char vendor_name[MODEL_NAME_MAX + 1];
	char device_name[MODEL_NAME_MAX + 1];
	char serial[MODEL_NAME_MAX + 1];
	uint32_t class_code; /* its own, or its first interface's */
	const char *class_name;
	bool hub;
	uint32_t speed_kbps; /* 0 = unknown */
	char controller[32]; /* "0000:00:1d.0" */
	struct vm_id vm;     /* that has it; nil: none that is known here */
};

/* A VM that has a device. */
struct host_usb_owner {
	uint32_t bus, address;
	struct vm_id vm;
};

/* By bus and address. `sysfs` is "/sys"; `names` may be NULL. *ret (heap) is the caller's. */
int host_usb_read(const char *sysfs, struct pci_names *names, struct host_usb **ret, size_t *ret_n,
		  struct mu_error *err);
void host_usb_set_owners(struct host_usb *list, size_t n, const struct host_usb_owner *owners,
			 size_t n_owners);

#endif
