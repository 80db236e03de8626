/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated Xen host as a step machine under virtual time. PURE: events with the time go in,
 * ordered actions come out; no clock, file or thread. sim_hv.c runs it on real timers behind
 * hv_ops, a fleet simulator runs many of them on its own clock.
 *
 * Time is milliseconds since 1970 UTC that never go back. Randomness comes from the seed only: the
 * same events give the same host.
 */
#ifndef MUSTER_AGENT_HV_SIM_MODEL_H
#define MUSTER_AGENT_HV_SIM_MODEL_H

#include "agent/hv/hv_cpupool.h"
#include "agent/hv/hv_device.h"
#include "agent/hv/hv_host.h"
#include "agent/hv/hv_stats.h"
#include "agent/hv/hv_types.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/str.h"

struct sim_params {
	char name[MODEL_NAME_MAX + 1];
	uint64_t seed;
	uint32_t cpus;
	int64_t memory_bytes;
	unsigned n_foreign; /* domains of others, running when the host is made */
	/* How long things take; guest_ms: from boot to the guest agent's first report. */
	mu_msec create_ms, shutdown_ms, save_ms, restore_ms, destroy_ms, guest_ms;
};

enum sim_event_kind {
	SIM_TICK,
	SIM_OP_START,  /* op, op_kind, domid, config, device, resources, path, paused */
	SIM_OP_CANCEL, /* op */
	SIM_FILE_DONE, /* op, r and err of a file action; data of SIM_FILE_READ */
	SIM_XL_CREATE, /* config: somebody else makes a domain, at once */
	SIM_KILL,      /* domid: gone at once, whoever does it */
};

/* Everything pointed to is the caller's and copied as needed. */
struct sim_event {
	enum sim_event_kind kind;
	mu_msec now;
	uint64_t op; /* any number but 0, never used twice */
	enum hv_op_kind op_kind;
	struct hv_domid domid;
	const struct hv_vm_config *config;
	const struct hv_device *device;
	const struct hv_resources *resources;
	const char *path;
	bool paused;
	int r;
	const struct mu_error *err;
	const char *data;
	size_t len;
};

enum sim_action_kind {
	SIM_STORE, /* make sim_state_encode() durable before the actions behind it */
	SIM_DONE,  /* op is over: r, err, domid, number */
	SIM_PROGRESS,
	SIM_DOMAINS_CHANGED,
	SIM_GUEST_CHANGED, /* domid */
	SIM_FILE_CHECK,    /* do the files of op's config exist, or the one called `data`, and has
			      it `size_bytes`? answer with SIM_FILE_DONE */
	SIM_FILE_READ,     /* read op's path; at most SIM_SAVE_MAX bytes */
	SIM_FILE_WRITE,    /* write `data` to op's path */
};

struct sim_action {
	struct sim_action *next;
	enum sim_action_kind kind;
	uint64_t op;
	int r;
	struct mu_error err;
	struct hv_domid domid;
	uint32_t number;
	mu_msec stopped; /* SIM_DONE of a checkpoint: since its guest stands still */
	int percent;
	int64_t size_bytes;
	const char *data; /* in the arena */
	size_t len;
};

enum { SIM_SAVE_MAX = 1 << 20 };

struct sim_model;

/* A host that was booted at `now`. */
struct sim_model *sim_model_new(const struct sim_params *params, mu_msec now);
struct sim_model *sim_model_free(struct sim_model *m);
MU_DEFINE_CLEANUP(sim_model_free, struct sim_model *);

/* One event; the list of actions is in `arena`, NULL when there are none. event->now is not before
 * an earlier one. */
struct sim_action *sim_model_step(struct sim_model *m, const struct sim_event *event,
				  struct mu_arena *arena);
/* When the next SIM_TICK is due, MU_MSEC_NEVER if nothing is going on. */
mu_msec sim_model_wake_at(const struct sim_model *m);

/* The time of the last step. */
mu_msec sim_model_now(const struct sim_model *m);
/* As struct hv_ops's, at the time of the last step. */
void sim_model_host_info(const struct sim_model *m, struct model_host *ret_host);
size_t sim_model_list(const struct sim_model *m, struct hv_domain *ret_domains, size_t max);
int sim_model_guest(const struct sim_model *m, struct hv_domid domid, struct vm_guest *ret_guest,
		    struct mu_error *err);
size_t sim_model_stats(const struct sim_model *m, struct hv_host_stats *ret_host,
		       struct hv_domain_stats *ret_domains, size_t max);
int sim_model_config(const struct sim_model *m, struct hv_domid domid,
		     struct hv_vm_config *ret_config, struct mu_error *err);

void sim_model_host_details(const struct sim_model *m, struct hv_host_details *ret);
void sim_model_dom0(const struct sim_model *m, struct model_controller *ret);
size_t sim_model_cpupools(const struct sim_model *m, struct hv_cpupool *ret_pools, size_t max);
/* At once; hv_cpupool_check() has passed. Not part of the state: a process begins with Pool-0. */
int sim_model_cpupool_change(struct sim_model *m, const struct hv_cpupool_change *change,
			     struct mu_error *err);
void sim_model_dmesg(const struct sim_model *m, struct mu_str *out);

size_t sim_model_pci_list(const struct sim_model *m, struct hv_host_pci *ret_devices, size_t max);

/* What its consoles need to know of a guest. False: there is none that has been built. */
struct sim_terminal {
	const char *name; /* valid until the next step */
	bool runs;
	mu_msec up;        /* for how long it has run */
	uint16_t vnc_port; /* 0 = no display */
};
bool sim_model_terminal(const struct sim_model *m, struct hv_domid domid, struct sim_terminal *ret);

/* Files below here every simulated host has; other paths are looked up where it runs. */
#define SIM_FILES "/sim/"

#endif
