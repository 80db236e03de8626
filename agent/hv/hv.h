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

#include "agent/hv/hv_types.h"
#include "common/base/error.h"
#include "common/loop/loop.h"

struct hv;
struct hv_op;

enum hv_op_kind {
	HV_CREATE,   /* config -> domid, running (or paused if `paused`) */
	HV_RESTORE,  /* config + path of a save file -> domid, running (or paused if `paused`) */
	HV_SHUTDOWN, /* ask the guest; done when it has stopped (its domain is gone) */
	HV_REBOOT,   /* ask the guest; done when it has stopped for a reboot: the caller then starts
			it anew from its definition, as the domain id changes */
	HV_DESTROY,  /* done when the domain is gone; a domain that is gone already is success */
	HV_PAUSE,
	HV_UNPAUSE,
	HV_SAVE, /* suspend to file `path`, then the domain is gone */
	_HV_OP_KIND_COUNT,
};

struct hv_op {
	/* inputs */
	enum hv_op_kind kind;
	struct hv_domid domid;             /* all but CREATE, RESTORE */
	const struct hv_vm_config *config; /* CREATE, RESTORE: valid until the callback */
	const char *path;                  /* SAVE, RESTORE: valid until the callback */
	bool paused;                       /* CREATE, RESTORE: leave it paused */
	mu_msec deadline;                  /* from start, 0 = the kind's default; MU_E_TIMEOUT */
	void (*done)(struct hv_op *op);
	void (*progress)(struct hv_op *op, int percent); /* may be NULL */
	void *ctx;
	/* results */
	int r; /* 0, or MU_FAILED with err */
	struct mu_error err;
	struct hv_domid ret_domid; /* CREATE, RESTORE */
	/* private: hv.c's and the driver's */
	struct hv *hv;
	void *priv;
	bool started;
	bool finished;
};

struct hv_watch {
	/* Something about the set of domains changed, or may have: list again. Coalesced. */
	void (*domains_changed)(void *ctx);
	/* A domain's guest data changed; rate-limited per domain. */
	void (*guest_changed)(struct hv_domid domid, void *ctx);
	void *ctx;
};

/* Drivers implement this; required members first. */
struct hv_ops {
	const char *name; /* "xen", "sim" */
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
	void (*watch)(void *impl, const struct hv_watch *watch); /* NULL stops */
	/* Start; completion by hv_op_complete(), inside or after this call, on the loop thread. */
	void (*op_start)(void *impl, struct hv_op *op);
	/* Ask it to stop early; it still completes. */
	void (*op_cancel)(void *impl, struct hv_op *op);
	/* Read the configuration of a running domain, to adopt it. */
	int (*config)(void *impl, struct hv_domid domid, struct hv_vm_config *ret_config,
		      struct mu_error *err);
	/* optional: */
	/* Stop a domain without libxl, at once: the emergency path. */
	int (*emergency_destroy)(void *impl, struct hv_domid domid, struct mu_error *err);
};

/* Takes over `impl`: hv_free() frees it through ops->free. */
struct hv *hv_new(struct mu_loop *loop, const struct hv_ops *ops, void *impl);
/* Cancels what runs, waits for it, frees the driver, then done(ctx). */
void hv_free(struct hv *hv, mu_loop_cb done, void *ctx);
const char *hv_driver_name(const struct hv *hv);

int hv_host_info(struct hv *hv, struct model_host *ret_host, struct mu_error *err);
int hv_list(struct hv *hv, struct hv_domain *ret_domains, size_t max, size_t *ret_n,
	    struct mu_error *err);
int hv_guest(struct hv *hv, struct hv_domid domid, struct vm_guest *ret_guest,
	     struct mu_error *err);
int hv_stats(struct hv *hv, struct hv_host_stats *ret_host, struct hv_domain_stats *ret_domains,
	     size_t max, size_t *ret_n, struct mu_error *err);
int hv_config(struct hv *hv, struct hv_domid domid, struct hv_vm_config *ret_config,
	      struct mu_error *err);
void hv_watch(struct hv *hv, const struct hv_watch *watch);
void hv_op_start(struct hv *hv, struct hv_op *op);
void hv_op_cancel(struct hv_op *op);
const char *hv_op_kind_name(enum hv_op_kind kind);
/* For drivers. */
void hv_op_complete(struct hv_op *op, int r, const struct mu_error *err);
void hv_op_progress(struct hv_op *op, int percent);

#endif
