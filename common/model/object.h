/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host has besides its VMs: storage repositories, disks, networks, cards. One tagged struct,
 * so that the way from the agent to REST (state on the wire, inventory, store, lists, events) is
 * written once for all kinds. docs/design/objects.md is the description.
 *
 * The same id may be reported by several hosts: a shared SR and its VDIs, a network (its id comes
 * from its bridge's name). Each report is one host's view. Plain data with inline strings: copied
 * by assignment, no ownership. Sizes in bytes, -1 = unknown; times in ms since 1970 UTC, 0 = none;
 * an id that is all zero = none.
 */
#ifndef MUSTER_MODEL_OBJECT_H
#define MUSTER_MODEL_OBJECT_H

#include "common/model/vm.h"

enum object_kind {
	OBJECT_SR,
	OBJECT_VDI,
	OBJECT_NETWORK,
	OBJECT_PIF,
	OBJECT_PCI,
	OBJECT_CONTROLLER,
	_OBJECT_KIND_COUNT,
};

enum {
	MODEL_PATH_MAX = 255,
	MODEL_OBJECT_TAGS_MAX = 8,
	MODEL_DEVICE_MAX = 15, /* IFNAMSIZ - 1 */
	MODEL_MAC_MAX = 17,
	MODEL_PIF_SLAVES_MAX = 8,
};

/* A storage repository as this host sees it. */
struct model_sr {
	char type[16]; /* "lvmthin", "dir", "nfs", "iso" */
	bool iso;      /* holds read-only images for CD drives */
	bool shared;
	bool thin;
	bool attached;                     /* plugged on this host */
	char location[MODEL_PATH_MAX + 1]; /* "vg0/pool", "/srv/images", "server:/export" */
	char trouble[MODEL_TEXT_MAX + 1];  /* why it is not well (full, not mounted); "" = it is */
	int64_t size_bytes;
	int64_t used_bytes;       /* on the disk */
	int64_t allocated_bytes;  /* promised to its VDIs; may exceed the size */
	int32_t data_percent;     /* lvmthin: of the pool, -1 = unknown */
	int32_t metadata_percent; /* the same */
};

enum vdi_type { VDI_USER, VDI_ISO, VDI_MEMORY, _VDI_TYPE_COUNT }; /* MEMORY: of a VM snapshot */

struct model_vdi {
	struct mu_uuid sr;
	enum vdi_type type;
	char format[8];     /* "raw", "qcow2" */
	int64_t size_bytes; /* what a guest sees */
	int64_t used_bytes;
	bool readonly;
	bool missing;               /* known, but its data is not there */
	struct mu_uuid snapshot_of; /* a snapshot */
	mu_msec snapshot_at;        /* the same */
	struct mu_uuid parent;      /* shares blocks with it, as far as that is known */
};

/* A bridge. Its id: object_network_id(). */
struct model_network {
	char bridge[MODEL_DEVICE_MAX + 1];
	int32_t mtu;
	bool managed; /* made by us: may be deleted */
};

/* A network card, VLAN or bond of the host. Its id: object_pif_id(). */
struct model_pif {
	char device[MODEL_DEVICE_MAX + 1]; /* "eth0", "eth0.100" */
	char bridge[MODEL_DEVICE_MAX + 1]; /* that it is a port of, "" = none */
	char mac[MODEL_MAC_MAX + 1];
	int32_t mtu;
	int32_t vlan;                           /* -1 = none */
	char vlan_device[MODEL_DEVICE_MAX + 1]; /* a VLAN: the card below */
	char mode[8];                           /* "DHCP", "Static", "None" */
	char ip[MODEL_ADDR_MAX + 1];            /* its own, or its bridge's */
	char netmask[MODEL_ADDR_MAX + 1];
	char gateway[MODEL_ADDR_MAX + 1];
	char dns[MODEL_TEXT_MAX + 1]; /* "," between */
	char ipv6[MODEL_ADDR_MAX + 1];
	bool attached; /* up */
	bool carrier;
	bool physical;
	bool management;    /* the agent's way to the aggregator */
	int32_t speed_mbps; /* -1 = unknown */
	bool bond_master;
	char bond[MODEL_DEVICE_MAX + 1]; /* a slave's master */
};

/* Its id: object_pci_id(). */
struct model_pci {
	char address[16]; /* "0000:03:00.0" */
	char class_name[MODEL_NAME_MAX + 1];
	char vendor_name[MODEL_NAME_MAX + 1];
	char device_name[MODEL_NAME_MAX + 1];
	char driver[32];   /* of dom0 that uses it, "" = none */
	bool assignable;   /* given up by dom0 (bound to pciback) */
	struct mu_uuid vm; /* has it now */
};

/* Domain 0, which has no id of its own that others would not have too. Its id:
 * object_controller_id(). */
struct model_controller {
	bool pvh; /* else PV */
	uint32_t vcpus_online;
	uint32_t vcpus_max;
	int64_t memory_bytes;        /* that it has */
	int64_t memory_target_bytes; /* that it shall have; -1 = nobody has said */
	int64_t memory_max_bytes;    /* -1 = no limit */
};

struct model_object {
	enum object_kind kind;
	struct mu_uuid id;
	struct host_id host; /* whose report this is */
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	size_t n_tags;
	char tags[MODEL_OBJECT_TAGS_MAX][MODEL_TAG_MAX + 1];
	union {
		struct model_sr sr;
		struct model_vdi vdi;
		struct model_network network;
		struct model_pif pif;
		struct model_pci pci;
		struct model_controller controller;
	};
};

/* All fields of the kind zero or "unknown". */
void model_object_init(struct model_object *o, enum object_kind kind);
/* Field by field, as model_vm_equal(). */
bool model_object_equal(const struct model_object *a, const struct model_object *b);
/* "sr", "vdi", ... */
const char *object_kind_name(enum object_kind kind);
/* "user", "iso", "memory". */
const char *vdi_type_name(enum vdi_type t);
bool vdi_type_parse(const char *name, enum vdi_type *ret);

/* The same name gives the same network on every host of the fleet. */
struct mu_uuid object_network_id(const char *bridge);
struct mu_uuid object_pif_id(const struct host_id *host, const char *device);
struct mu_uuid object_pci_id(const struct host_id *host, const char *address);
struct mu_uuid object_controller_id(const struct host_id *host);
/* Parts that have no object of their own: an SR on a host, a disk and a card of a VM. */
struct mu_uuid object_pbd_id(const struct host_id *host, const struct mu_uuid *sr);
struct mu_uuid object_vbd_id(const struct vm_id *vm, const char *vdev);
struct mu_uuid object_vif_id(const struct vm_id *vm, size_t device);

#endif
