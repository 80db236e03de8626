/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor driver's own types: no libxl here. Sizes in bytes, CPU time in ns.
 */
#ifndef MUSTER_AGENT_HV_TYPES_H
#define MUSTER_AGENT_HV_TYPES_H

#include "agent/hv/hv_config.h"
#include "common/base/id.h"
#include "common/base/time.h"
#include "common/model/host.h"
#include "common/model/object.h"
#include "common/model/vm.h"

enum {
	HV_PIFS_MAX = 32,
	HV_DOMAINS_MAX = 4096, /* one host */
};

/* This boot's number of a domain; never an identity. */
struct hv_domid {
	uint32_t value;
};

/* Why a domain stopped (xen/include/public/sched.h SHUTDOWN_*). */
enum hv_shutdown {
	HV_SHUTDOWN_NONE, /* it runs */
	HV_SHUTDOWN_POWEROFF,
	HV_SHUTDOWN_REBOOT,
	HV_SHUTDOWN_SUSPEND,
	HV_SHUTDOWN_CRASH,
	HV_SHUTDOWN_WATCHDOG,
	_HV_SHUTDOWN_COUNT,
};

/* What a driver can be asked to do. */
enum hv_op_kind {
	HV_CREATE,   /* config -> domid, running (or paused if `paused`) */
	HV_RESTORE,  /* config + path of a save file -> domid, running (or paused if `paused`) */
	HV_SHUTDOWN, /* ask the guest; done when it has stopped and its domain is gone */
	HV_REBOOT,   /* the same for a reboot: the caller then starts it anew from its definition,
			as the domain id changes */
	HV_DESTROY,  /* done when the domain is gone; a domain that is gone already is success */
	HV_PAUSE,    /* a domain that is paused already is success */
	HV_UNPAUSE,  /* a domain that runs already is success */
	HV_SAVE,     /* suspend to file `path`, then the domain is gone; on failure it lives on */
	/* Its memory to file `path`, while it runs on; then it stands still (HV_SHUTDOWN_SUSPEND)
	 * until HV_UNPAUSE, for disks to be of the same moment. The file is whole, but durable only
	 * when it is synced. On failure it runs on, and there is no file. */
	HV_CHECKPOINT,
	/* `device` of a running or paused domain (hv_device.h). Attached: its backend is there, the
	 * guest has been told. Detached: the guest has let go of it. */
	HV_DISK_ATTACH,
	HV_DISK_DETACH,
	HV_DISK_RESIZE, /* what is behind it has grown: the guest is told. UNSUPPORTED for qcow2 */
	HV_CD_INSERT,   /* of a drive that is there; what was in it is taken out */
	HV_CD_EJECT,    /* a drive that is empty already is success */
	HV_NIC_ATTACH,  /* -> ret_number, which is its `device` */
	HV_NIC_DETACH,
	HV_NIC_RATE, /* its rate limit becomes that of device->nic */
	HV_PCI_ATTACH,
	HV_PCI_DETACH,
	HV_USB_ATTACH, /* makes a controller if no port is free */
	HV_USB_DETACH,
	/* `device` of the host, no domain */
	HV_PCI_ASSIGN,  /* dom0 gives it up, so that it can be attached; done already is success */
	HV_PCI_RELEASE, /* dom0 gets it back; done already is success */
	/* `resources` of a domain */
	HV_SET_VCPUS,  /* the guest was asked; hv_list() tells when it has done so */
	HV_SET_MEMORY, /* the same */
	HV_SET_SCHED,
	HV_SET_AFFINITY,
	HV_SET_NAME, /* EXISTS: another domain has it */
	_HV_OP_KIND_COUNT,
};

struct hv_domain {
	struct hv_domid domid;
	struct vm_id id;
	char name[MODEL_NAME_MAX + 1];
	enum vm_type type;
	bool paused;
	bool dying; /* being torn down: not to be operated, not a VM any more */
	/* Its building has not ended: a create or restore is under way, or died half-way. One of
	 * ours that no operation of this process is building is a leftover: destroy it. */
	bool incomplete;
	bool ours; /* built by this driver, in this run or in one before */
	enum hv_shutdown shutdown;
	uint32_t vcpus_online;
	uint32_t vcpus_max;
	int64_t memory_bytes;
	int64_t memory_max_bytes;
	uint64_t cpu_time_ns;
	mu_msec created_at; /* wall clock, 0 = unknown */
};

#endif
