/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain is built from. Plain data: copied by assignment, no ownership
 * (docs/decisions/0005-passthrough-in-place.md). Sizes in bytes.
 */
#ifndef MUSTER_AGENT_HV_CONFIG_H
#define MUSTER_AGENT_HV_CONFIG_H

#include "common/base/id.h"
#include "common/model/vm.h"

enum {
	HV_DISKS_MAX = 16,
	HV_NICS_MAX = 8,
	HV_PATH_MAX = 1023,
	HV_VCPUS_MAX = 128,
	HV_CPUS_MAX = 1024, /* physical ones, in a CPU list */
	HV_PCI_MAX = 16,
	HV_USB_MAX = 8,            /* controllers, and devices */
	HV_XENSTORE_MAX = 8,       /* pairs of a configuration */
	HV_TEXT_MAX = 127,         /* scripts, addresses, passwords */
	HV_DEVICE_EXTRA_MAX = 511, /* hv_disk.extra and friends */
	HV_EXTRA_MAX = 8191,       /* hv_vm_config.extra */
};

/* A switch that the hypervisor has a default of its own for. */
enum hv_flag { HV_UNSET, HV_OFF, HV_ON, _HV_FLAG_COUNT };

/*
 * `extra`, here and below: settings of libxl's that no member says, as the text of a JSON object
 * in libxl's own form (docs/design/passthrough.md); "" = none. They are kept as they are. Text
 * inside the struct, so that a device and what belongs to it are copied, moved and dropped in one.
 */
struct hv_disk {
	char vdev[16];      /* "xvda" */
	struct mu_uuid vdi; /* nil = `path` is its own; else whoever builds it fills that in */
	char path[HV_PATH_MAX + 1];
	char format[8]; /* "raw", "qcow2", "vhd", "qcow", "qed" */
	bool readonly;
	bool cdrom;
	bool bootable;   /* a bootloader looks at the first of these, or else at the first disk */
	char backend[8]; /* "phy", "qdisk", "tap"; "" = the hypervisor's choice */
	enum hv_flag discard;
	char script[HV_TEXT_MAX + 1]; /* hotplug script */
	char extra[HV_DEVICE_EXTRA_MAX + 1];
};

struct hv_nic {
	char mac[18]; /* "" = the driver makes one from the VM's id and number */
	char bridge[16];
	bool has_device; /* `device` is said; else its place in the list */
	uint32_t device;
	char model[16];     /* HVM: the emulated card, "e1000" */
	int64_t rate_bytes; /* per second, from the guest; 0 = no limit */
	uint32_t mtu;       /* 0 = the bridge's */
	char ifname[16];    /* of the backend; "" = vifD.N */
	char ip[HV_TEXT_MAX + 1];
	char script[HV_TEXT_MAX + 1];
	char extra[HV_DEVICE_EXTRA_MAX + 1];
};

struct hv_pci {
	char address[16]; /* "0000:03:00.0" */
	bool permissive;
	bool msitranslate;
	bool power_mgmt;
	bool seize; /* take it from its driver in dom0 */
	char extra[HV_DEVICE_EXTRA_MAX + 1];
};

struct hv_usb_controller {
	bool has_device; /* as in struct hv_nic */
	uint32_t device;
	char type[16];    /* "pv", "devicemodel", "qusb"; "" = the hypervisor's choice */
	uint32_t version; /* 1, 2, 3; 0 = default */
	uint32_t ports;   /* 0 = default */
};

struct hv_usb_device {
	uint32_t bus; /* of the host */
	uint32_t address;
	bool has_port; /* `controller` and `port` are said; else the first that is free */
	uint32_t controller;
	uint32_t port;
};

/* Written below the domain's xenstore directory, for the guest to read. */
struct hv_pair {
	char key[64]; /* "vm-data/role" */
	char value[256];
};

enum hv_on_event { HV_ON_DESTROY, HV_ON_RESTART, HV_ON_PRESERVE, _HV_ON_COUNT };

struct hv_vm_config {
	struct vm_id id;
	char name[MODEL_NAME_MAX + 1];
	enum vm_type type;
	uint32_t vcpus;
	uint32_t vcpus_max;
	uint32_t cores_per_socket;       /* 0 = not said */
	uint32_t threads_per_core;       /* 0 = not said */
	uint32_t cpu_weight;             /* 0 = the scheduler's default */
	uint32_t cpu_cap;                /* percent of one CPU, 0 = none */
	char cpus_hard[HV_PATH_MAX + 1]; /* "0-3" for all vCPUs, or one list per vCPU, each ended by
					    ';'; "" = any CPU */
	char cpus_soft[HV_PATH_MAX + 1]; /* the same, preferred only */
	char cpuid[256];                 /* in xl.cfg's form, "host,tm=0" */
	int64_t memory_bytes;
	int64_t memory_max_bytes;
	char kernel[HV_PATH_MAX + 1];
	char ramdisk[HV_PATH_MAX + 1];
	char cmdline[HV_PATH_MAX + 1];
	char bootloader[HV_PATH_MAX + 1];      /* "pygrub" */
	char bootloader_args[HV_PATH_MAX + 1]; /* each ended by '\n' */
	char firmware[8];                      /* HVM: "bios", "uefi" */
	char boot_order[8];                    /* HVM: letters of "acdn" */
	enum hv_flag hap;
	enum hv_flag nested;
	enum hv_flag viridian; /* HVM: the Hyper-V interface */
	enum hv_flag acpi;
	enum hv_flag localtime;
	int32_t clock_offset_s; /* of the guest's clock from UTC */
	bool vtpm;
	bool vnc;
	char vnc_listen[HV_TEXT_MAX + 1]; /* "" = 127.0.0.1 */
	uint32_t vnc_display;             /* 5900 + it is the port */
	enum hv_flag vnc_unused;          /* look for a free one from there on; unset: yes */
	char vnc_password[HV_TEXT_MAX + 1];
	bool spice; /* HVM */
	char spice_listen[HV_TEXT_MAX + 1];
	uint32_t spice_port;
	uint32_t spice_tls_port;
	char spice_password[HV_TEXT_MAX + 1];
	char vga[8];                  /* HVM: "std", "cirrus", "qxl", "none"; "" = default */
	int64_t video_bytes;          /* 0 = default */
	char serial[HV_TEXT_MAX + 1]; /* HVM: "pty" */
	enum hv_on_event on_poweroff;
	enum hv_on_event on_reboot;
	enum hv_on_event on_crash;
	enum hv_on_event on_watchdog;
	size_t n_disks;
	struct hv_disk disks[HV_DISKS_MAX];
	size_t n_nics;
	struct hv_nic nics[HV_NICS_MAX];
	size_t n_pci;
	struct hv_pci pci[HV_PCI_MAX];
	size_t n_usb_controllers;
	struct hv_usb_controller usb_controllers[HV_USB_MAX];
	size_t n_usb_devices;
	struct hv_usb_device usb_devices[HV_USB_MAX];
	size_t n_xenstore;
	struct hv_pair xenstore[HV_XENSTORE_MAX];
	char extra[HV_EXTRA_MAX + 1];
};

#endif
