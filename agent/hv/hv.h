/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor driver contract: struct hv_ops, and hv.c which checks, bounds and logs in front
 * of every driver. Drivers: xen (libxl), sim (a simulated host), fault (a layer over either).
 *
 * Everything is asynchronous and called on the loop thread. An operation is a struct hv_op in its
 * user; its callback comes exactly once, from the loop, never inside hv_op_start(). What hv.c
 * guarantees to its user is tested for all drivers by tests/unit/agent/hv/contract.c.
 *
 * Operations on one domain are serialised by the caller (agent/core/vm_queue); operations on
 * different domains run concurrently, and one that hangs holds up no other, no listing and no
 * statistics.
 */
#ifndef MUSTER_AGENT_HV_H
#define MUSTER_AGENT_HV_H

#include "agent/hv/hv_cpupool.h"
#include "agent/hv/hv_device.h"
#include "agent/hv/hv_host.h"
#include "agent/hv/hv_stats.h"
#include "agent/hv/hv_types.h"
#include "common/base/error.h"
#include "common/base/str.h"
#include "common/loop/loop.h"

struct hv;
struct hv_op;

/* How long before they are read statistics are prepared: time for those who keep counters. */
#define HV_STATS_AHEAD MU_SEC(2)

/*
 * Errors that callers rely on, of every driver:
 *   MU_E_INVALID    the configuration or the operation's arguments (hv.c), before anything starts
 *   MU_E_NOT_FOUND  no such domain, or device of it or of the host; or a kernel, ramdisk, disk,
 *                   bridge or save file that is not there
 *   MU_E_EXISTS     a domain of that id or name exists; the domain has such a device already
 *   MU_E_EXHAUSTED  not enough memory on the host, or no free device number
 *   MU_E_STATE      the device is in use: by dom0 (with its driver's name) or another domain; or
 *                   the guest has stopped
 *   MU_E_UNSUPPORTED  this type of domain, or this host, cannot have or do that
 *   MU_E_TIMEOUT    the deadline passed; the driver was asked to stop, the outcome is unknown
 *   MU_E_CANCELLED  hv_op_cancel() or hv_free()
 * A create or restore that fails leaves no domain behind, an attach that fails no device. What an
 * attach, detach or change has done is in hv_config() when its callback comes.
 *
 * HV_PAUSE and HV_UNPAUSE take milliseconds whatever other operations are under way, so that they
 * can bracket a snapshot of disks (except the first unpause of an HVM domain that was created
 * paused, or was suspended).
 */

struct hv_op {
	/* inputs */
	enum hv_op_kind kind;
	struct hv_domid domid;             /* all but CREATE, RESTORE, PCI_ASSIGN, PCI_RELEASE */
	const struct hv_vm_config *config; /* CREATE, RESTORE: valid until the callback */
	const char *path;                  /* SAVE, CHECKPOINT, RESTORE: valid until the callback */
	bool paused;                       /* CREATE, RESTORE: leave it paused */
	const struct hv_device *device;    /* DISK_*, CD_*, NIC_*, PCI_*, USB_*: copied by start */
	const struct hv_resources *resources; /* SET_*: copied by start */
	mu_msec deadline;                     /* from start, 0 = hv_op_default_deadline(kind) */
	void (*done)(struct hv_op *op);       /* may start it again, or free it */
	void (*progress)(struct hv_op *op, int percent); /* may be NULL */
	void *ctx;
	/* results */
	int r; /* 0, or MU_FAILED with err */
	struct mu_error err;
	struct hv_domid ret_domid; /* CREATE, RESTORE */
	uint32_t ret_number;       /* NIC_ATTACH */
	mu_msec ret_stopped;       /* CHECKPOINT: for how long it has stood still by now */
	/* private: zero before the first start */
	bool active;
	void *priv; /* in the user's op hv.c's, in the driver's op the driver's */
	void (*complete)(struct hv_op *op, int r, const struct mu_error *err); /* driver's op */
};

struct hv_watch {
	/* Something about the set of domains changed, or may have: list again. Coalesced. */
	void (*domains_changed)(void *ctx);
	/* A domain's guest data changed; at most once per second and domain. */
	void (*guest_changed)(struct hv_domid domid, void *ctx);
	void *ctx;
};

/*
 * Drivers implement this; required members first. They may count on hv.c for: arguments in range,
 * never domain 0, an op struct and a config that stay valid until hv_op_complete() whatever the
 * user does, watch callbacks that are cheap (hv.c coalesces and limits them; call at will).
 */
struct hv_ops {
	const char *name; /* "xen", "sim" */
	/* Called when no operation runs, or 10 s after all were cancelled: those that still hang
	 * then need not complete, and are gone when `done` is called (it may be inside this call).
	 */
	void (*free)(void *impl, mu_loop_cb done, void *ctx);
	/* What never changes while the agent runs, and free memory. */
	int (*host_info)(void *impl, struct model_host *ret_host, struct mu_error *err);
	/* All domains but dom0, dying ones included; sorted by domid. Does not block: hypercalls
	 * only. Returns 0 and the number in *ret_n (at most `max`). */
	int (*list)(void *impl, struct hv_domain *ret_domains, size_t max, size_t *ret_n,
		    struct mu_error *err);
	/* Guest facts from xenstore (reference rules: docs/design/guest-facts.md). */
	int (*guest)(void *impl, struct hv_domid domid, struct vm_guest *ret_guest,
		     struct mu_error *err);
	/* Counters; never waits for an operation. */
	int (*stats)(void *impl, struct hv_host_stats *ret_host,
		     struct hv_domain_stats *ret_domains, size_t max, size_t *ret_n,
		     struct mu_error *err);
	/* NULL stops; else `watch` stays valid until then. */
	void (*watch)(void *impl, const struct hv_watch *watch);
	/* Start; completion by setting ret_domid where there is one and calling hv_op_complete(),
	 * inside or after this call, on the loop thread, once. */
	void (*op_start)(void *impl, struct hv_op *op);
	/* Ask it to stop early; it still completes, inside or after this call: MU_E_CANCELLED when
	 * nothing has changed, or as it would have. Called at most once per op. */
	void (*op_cancel)(void *impl, struct hv_op *op);
	/* Read the configuration of a running domain, to adopt it. */
	int (*config)(void *impl, struct hv_domid domid, struct hv_vm_config *ret_config,
		      struct mu_error *err);
	/* optional: */
	/* Statistics are wanted soon: begin to ask for counters that others keep, who may take
	 * their time. Those that have not come when `stats` is called are unknown. */
	void (*stats_prepare)(void *impl);
	/* Stop a domain without libxl, at once: the emergency path. */
	int (*emergency_destroy)(void *impl, struct hv_domid domid, struct mu_error *err);
	/* About the host; none of these waits for an operation. */
	int (*host_details)(void *impl, struct hv_host_details *ret_details, struct mu_error *err);
	/* Of domain 0, which hv_list() leaves out. Hypercalls only. */
	int (*dom0)(void *impl, struct model_controller *ret, struct mu_error *err);
	/* In order of id. Returns 0 and the number in *ret_n (at most `max`). */
	int (*cpupools)(void *impl, struct hv_cpupool *ret_pools, size_t max, size_t *ret_n,
			struct mu_error *err);
	/* Change a pool; hv_cpupool_check() has passed, and it is still to be expected that the
	 * hypervisor refuses. With `cpupool_change_blocks` it is called on a thread of its own,
	 * perhaps still when the driver is being freed: then it may use nothing of `impl`. */
	int (*cpupool_change)(void *impl, const struct hv_cpupool_change *change,
			      struct mu_error *err);
	bool cpupool_change_blocks;
	/* Append what the hypervisor has logged, at most HV_DMESG_MAX bytes, which stay in it. */
	int (*dmesg)(void *impl, struct mu_str *out, struct mu_error *err);
	/* Where its console is. Does not wait for anything. */
	int (*console)(void *impl, struct hv_domid domid, enum hv_console_kind kind,
		       struct hv_console *ret, struct mu_error *err);
	/* All PCI devices of the host, sorted by address. */
	int (*pci_list)(void *impl, struct hv_host_pci *ret_devices, size_t max, size_t *ret_n,
			struct mu_error *err);
	/* Has the host what a guest of this kind takes? Looks at type and firmware, not at disks
	 * and cards. Does not wait for anything. */
	int (*can_build)(void *impl, const struct hv_vm_config *config, struct mu_error *err);
};

/* Takes over `impl`: hv_free() frees it through ops->free. */
struct hv *hv_new(struct mu_loop *loop, const struct hv_ops *ops, void *impl);
/* Cancels what runs, waits for it (10 s at most), frees the driver, then done(ctx). Every
 * operation's callback has come by then. */
void hv_free(struct hv *hv, mu_loop_cb done, void *ctx);
const char *hv_driver_name(const struct hv *hv);

int hv_host_info(struct hv *hv, struct model_host *ret_host, struct mu_error *err);
int hv_list(struct hv *hv, struct hv_domain *ret_domains, size_t max, size_t *ret_n,
	    struct mu_error *err);
int hv_guest(struct hv *hv, struct hv_domid domid, struct vm_guest *ret_guest,
	     struct mu_error *err);
int hv_stats(struct hv *hv, struct hv_host_stats *ret_host, struct hv_domain_stats *ret_domains,
	     size_t max, size_t *ret_n, struct mu_error *err);
/* hv_stats() comes soon: in HV_STATS_AHEAD or so. */
void hv_stats_prepare(struct hv *hv);
int hv_config(struct hv *hv, struct hv_domid domid, struct hv_vm_config *ret_config,
	      struct mu_error *err);
/* MU_E_UNSUPPORTED when the driver has no such path. */
int hv_emergency_destroy(struct hv *hv, struct hv_domid domid, struct mu_error *err);
/* MU_E_UNSUPPORTED when the driver does not tell, for these four. */
int hv_host_details(struct hv *hv, struct hv_host_details *ret_details, struct mu_error *err);
int hv_dom0(struct hv *hv, struct model_controller *ret, struct mu_error *err);
int hv_cpupools(struct hv *hv, struct hv_cpupool *ret_pools, size_t max, size_t *ret_n,
		struct mu_error *err);
int hv_dmesg(struct hv *hv, struct mu_str *out, struct mu_error *err);
/* MU_E_NOT_FOUND when the domain is not there, or has no such console (yet: a paused domain's VNC
 * server is there, a domain that is being built may have none). */
int hv_console(struct hv *hv, struct hv_domid domid, enum hv_console_kind kind,
	       struct hv_console *ret, struct mu_error *err);
/* At most `max` (HV_HOST_PCI_MAX is enough). MU_E_UNSUPPORTED when the driver has no such call. */
int hv_pci_list(struct hv *hv, struct hv_host_pci *ret_devices, size_t max, size_t *ret_n,
		struct mu_error *err);
/* MU_E_UNSUPPORTED: what is missing on this host. A driver that does not say can. */
int hv_can_build(struct hv *hv, const struct hv_vm_config *config, struct mu_error *err);
/* Copied; NULL stops. Callbacks come from the loop, never inside another hv_ call. */
void hv_watch(struct hv *hv, const struct hv_watch *watch);
/* The callback comes at the deadline even when the driver hangs; what the driver does afterwards
 * is seen by hv_list() only. */
void hv_op_start(struct hv *hv, struct hv_op *op);
/* Ask; the callback still comes. Harmless when the op is not active. */
void hv_op_cancel(struct hv_op *op);
/* "create", ... for messages. */
const char *hv_op_kind_name(enum hv_op_kind kind);
/* create, shutdown and reboot 180 s, destroy 120 s, pause and unpause 30 s, save,
 * checkpoint and restore 600 s, devices 90 s, resources 30 s. */
mu_msec hv_op_default_deadline(enum hv_op_kind kind);
/* For drivers. `err` may be NULL when r is 0. */
void hv_op_complete(struct hv_op *op, int r, const struct mu_error *err);
void hv_op_progress(struct hv_op *op, int percent);

#endif
