/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM as everybody but the hypervisor driver sees it: what is defined, what runs and what its
 * guest says of itself, in one struct. The agent makes it, the wire carries it, the aggregator
 * keeps it, REST shows it. Plain data with inline strings: copied by assignment, compared as a
 * whole, no ownership. Sizes in bytes, times in ms since 1970 UTC.
 */
#ifndef MUSTER_MODEL_VM_H
#define MUSTER_MODEL_VM_H

#include "common/base/id.h"
#include "common/base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MODEL_NAME_MAX = 127,
	MODEL_TEXT_MAX = 255,
	MODEL_ADDR_MAX = 47,
	MODEL_VM_ADDRS_MAX = 16,
	MODEL_VM_TAGS_MAX = 16,
	MODEL_TAG_MAX = 47,
	MODEL_VM_DISKS_MAX = 16,
	MODEL_VM_NICS_MAX = 8,
};

/* What a definition on a host is for. Snapshots and templates never have a domain. */
enum vm_kind {
	VM_KIND_VM,
	VM_KIND_SNAPSHOT,
	VM_KIND_TEMPLATE,
	_VM_KIND_COUNT,
};

/* XAPI's power states, and one for what cannot be known (its host is away). */
enum vm_power {
	VM_HALTED,
	VM_RUNNING,
	VM_PAUSED,
	VM_SUSPENDED,
	VM_UNKNOWN,
	_VM_POWER_COUNT,
};

enum vm_type {
	VM_TYPE_PV,
	VM_TYPE_PVH,
	VM_TYPE_HVM,
	_VM_TYPE_COUNT,
};

/* What can be asked of a VM. Names on the wire and in REST: vm_op_name(). */
enum vm_op {
	VM_OP_START,
	VM_OP_CLEAN_SHUTDOWN,
	VM_OP_HARD_SHUTDOWN,
	VM_OP_CLEAN_REBOOT,
	VM_OP_HARD_REBOOT,
	VM_OP_PAUSE,
	VM_OP_UNPAUSE,
	VM_OP_SUSPEND,
	VM_OP_RESUME,
	VM_OP_ADOPT,
	_VM_OP_COUNT,
};

enum vm_said { VM_SAID_NOTHING, VM_SAID_NO, VM_SAID_YES, _VM_SAID_COUNT };

/* What the guest says through xenstore: bounded and sanitised, not to be trusted. Empty = unknown.
 */
struct vm_guest {
	bool agent_detected;
	bool pv_drivers_detected;
	enum vm_said balloon; /* it can give memory back */
	size_t n_addrs;
	int64_t memory_free_bytes;  /* -1 = unknown */
	int64_t memory_total_bytes; /* -1 = unknown */
	char os_major[16];
	char os_minor[16];
	char os_name[MODEL_TEXT_MAX + 1];
	char os_distro[MODEL_NAME_MAX + 1];
	char os_uname[MODEL_NAME_MAX + 1];
	char agent_version[MODEL_NAME_MAX + 1];
	struct {
		uint16_t device; /* vif number */
		bool v6;
		uint16_t index;
		char addr[MODEL_ADDR_MAX + 1];
	} addrs[MODEL_VM_ADDRS_MAX];
};

/* A disk or CD drive (VBD). Its id: object_vbd_id(). */
struct model_disk {
	char vdev[16];      /* "xvda" */
	struct mu_uuid vdi; /* nil: an empty drive, or a path that no SR of ours has */
	bool attached;      /* the running domain has it */
	bool readonly;
	bool cdrom;
	bool bootable;
};

/* A network card (VIF). Its id: object_vif_id() of its device number. */
struct model_nic {
	uint32_t device;
	char mac[18];
	char bridge[16];
	bool attached;
	uint32_t mtu;       /* 0 = the bridge's */
	uint32_t rate_kbps; /* kB/s from the guest, 0 = no limit */
};

/* What is short comes first: whoever looks at all VMs reads few lines of memory of each. */
struct model_vm {
	struct vm_id id;
	struct host_id host;
	enum vm_kind kind;
	enum vm_type type;
	enum vm_power power;
	bool managed;   /* has a definition of ours on the host */
	bool autostart; /* started at host boot */
	bool pending;   /* defined otherwise than it runs: applies at next start */
	int32_t domid;  /* -1 when there is no domain */
	uint32_t vcpus_online;
	uint32_t vcpus_max;
	int64_t memory_bytes; /* what it has now, or would start with */
	int64_t memory_static_max_bytes;
	int64_t memory_min_bytes; /* dynamic range; 0 = memory_bytes */
	int64_t start_delay_ms;   /* autostart: wait after the one before */
	int32_t start_order;
	mu_msec started_at;              /* 0 = not running or unknown */
	enum vm_op current_op;           /* _VM_OP_COUNT = none */
	char current_task[MU_UUID_TEXT]; /* task of current_op, "" = none or not ours */
	size_t n_tags;
	size_t n_disks;
	size_t n_nics;
	/* how it is built */
	uint32_t cpu_weight;       /* 0 = the scheduler's default */
	uint32_t cpu_cap;          /* percent of one CPU, 0 = none */
	uint32_t cores_per_socket; /* 0 = not said */
	char firmware[8];          /* HVM: "bios", "uefi" */
	char boot_order[8];        /* HVM: letters of "acdn" */
	/* of what it was made: the snapshot that a VM goes on from, a snapshot's predecessor, the
	 * template; nil = none */
	struct vm_id parent;
	/* VM_KIND_SNAPSHOT */
	struct vm_id snapshot_of; /* nil: the VM is gone */
	mu_msec snapshot_at;
	bool with_memory;
	int64_t memory_file_bytes; /* 0 = it has none */
	/* at length */
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	char cmdline[MODEL_TEXT_MAX + 1]; /* PV, PVH; cut to fit */
	char cpu_mask[64];                /* where it may run: "0-3,8", "" = any */
	char cpu_mask_soft[64];           /* where it would rather run */
	struct vm_guest guest;
	char tags[MODEL_VM_TAGS_MAX][MODEL_TAG_MAX + 1];
	struct model_disk disks[MODEL_VM_DISKS_MAX];
	struct model_nic nics[MODEL_VM_NICS_MAX];
};

/* "Running", ... as REST has them. */
const char *vm_power_name(enum vm_power p);
bool vm_power_parse(const char *name, enum vm_power *ret);
/* "vm", "snapshot", "template". */
const char *vm_kind_name(enum vm_kind k);
bool vm_kind_parse(const char *name, enum vm_kind *ret);
/* "pv", "pvh", "hvm". */
const char *vm_type_name(enum vm_type t);
bool vm_type_parse(const char *name, enum vm_type *ret);
/* "clean_shutdown", ...: REST's action names; "none" for _VM_OP_COUNT. */
const char *vm_op_name(enum vm_op op);
bool vm_op_parse(const char *name, enum vm_op *ret);
/* May `op` be started in state `p`? (adopt: any state of a foreign domain.) */
bool vm_op_allowed(enum vm_op op, enum vm_power p);
/* The state that a successful `op` leads to. */
enum vm_power vm_op_target(enum vm_op op);
/* "Halted or Suspended": the states that vm_op_allowed() accepts, for the error. */
const char *vm_op_expected(enum vm_op op);

/* The address of a card that has none of its own in the definition: Xen's prefix and three bytes
 * that stay the same for this VM and card, on any host. */
void vm_default_mac(const struct vm_id *id, size_t device, char ret_mac[static 18]);

/* All fields zero or "unknown". */
void model_vm_init(struct model_vm *vm);
/* Field by field; padding and bytes behind a string's end do not count. */
bool model_vm_equal(const struct model_vm *a, const struct model_vm *b);

#endif
