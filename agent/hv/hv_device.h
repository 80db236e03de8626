/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be given to a domain while it runs, taken from it, or changed: inputs of operations
 * (hv_types.h has their kinds), and what is told about devices and consoles. Plain data.
 */
#ifndef MUSTER_AGENT_HV_DEVICE_H
#define MUSTER_AGENT_HV_DEVICE_H

#include "agent/hv/hv_types.h"

enum {
	HV_HOST_PCI_MAX = 1024,
	HV_WEIGHT_MAX = 65535,
	HV_AS_IT_IS = -1, /* hv_resources.cap */
};

/* Input of operations on devices; the operation's kind says which members count. */
struct hv_device {
	/* *_DETACH: take it away even if the guest does not let go of it. */
	bool force;
	/* DISK_RESIZE: what the guest shall see; a multiple of 512. */
	int64_t size_bytes;
	union {
		struct hv_disk disk; /* DISK_ATTACH, CD_INSERT: all of it; else vdev says which */
		struct hv_nic nic;   /* NIC_ATTACH: all of it; else `device` says which */
		struct hv_pci pci;   /* PCI_ATTACH: all of it; else `address` says which */
		struct hv_usb_device usb; /* USB_ATTACH: all; USB_DETACH: bus and address */
	};
};

/* Input of operations on resources; the operation's kind says which members count. */
struct hv_resources {
	uint32_t vcpus;       /* SET_VCPUS: online, 1 to the domain's maximum */
	int64_t memory_bytes; /* SET_MEMORY: at most the domain's maximum */
	uint32_t weight;      /* SET_SCHED: 1 to HV_WEIGHT_MAX, 0 = as it is */
	int32_t cap;          /* SET_SCHED: percent of one CPU, 0 = none, or HV_AS_IT_IS */
	/* SET_AFFINITY: CPU lists (hv_cpus.h), "" = all CPUs. Both replace what was. */
	char cpus_hard[HV_PATH_MAX + 1]; /* where its vCPUs may run */
	char cpus_soft[HV_PATH_MAX + 1]; /* where they would rather run */
	char name[MODEL_NAME_MAX + 1];   /* SET_NAME */
};

/* One of the host's PCI devices. */
struct hv_host_pci {
	char address[16]; /* "0000:03:00.0" */
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t class_code;   /* 0x020000: Ethernet */
	char driver[32];       /* dom0's that has it, "" = none */
	bool assignable;       /* dom0 has given it up (xen-pciback has it) */
	struct hv_domid domid; /* has it now, 0 = none */
};

enum hv_console_kind {
	HV_CONSOLE_SERIAL, /* a terminal: PV and PVH guests' console, HVM guests' serial port */
	HV_CONSOLE_VNC,
	_HV_CONSOLE_KIND_COUNT,
};

/* Where a domain's console is. */
struct hv_console {
	char tty[64];      /* SERIAL: "/dev/pts/3" */
	char host[64];     /* VNC: where it listens, "127.0.0.1" */
	uint16_t port;     /* VNC */
	char password[64]; /* VNC; "" = none */
};

#endif
