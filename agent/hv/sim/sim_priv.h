/* SPDX-License-Identifier: Apache-2.0 */
/* The model's inside, shared by its files. */
#ifndef MUSTER_AGENT_HV_SIM_PRIV_H
#define MUSTER_AGENT_HV_SIM_PRIV_H

#include "agent/hv/sim/sim_devices.h"
#include "agent/hv/sim/sim_load.h"
#include "agent/hv/sim/sim_model.h"
#include "common/base/list.h"
#include "common/base/rand.h"

enum sim_phase {
	SIM_BUILDING, /* by an operation of this process */
	SIM_LIVE,
	SIM_STOPPED, /* by itself or when asked: waits for somebody to destroy it */
	SIM_DYING,   /* gone at phase_until */
	_SIM_PHASE_COUNT,
};

/* What the guest's kernel command line says to the simulator; see sim_host.c. */
struct sim_traits {
	enum sim_profile profile;
	bool deaf;          /* hears no request to shut down, reboot or suspend */
	bool no_agent;      /* no guest agent: no facts */
	mu_msec vnc_port;   /* 0 = no display */
	mu_msec stop_after; /* of running time, 0 = it does not stop by itself */
	enum hv_shutdown stop_reason;
};

struct sim_domain {
	struct hv_domid domid;
	struct hv_vm_config config;
	struct sim_traits traits;
	uint64_t seed;
	enum sim_phase phase;
	bool paused;
	bool saving;    /* its guest is suspended while the file is written */
	bool suspended; /* a checkpoint is over and nobody has let it go on yet */
	uint32_t pool;  /* its CPU pool's id */
	bool foreign;   /* somebody else made it, and cleans up behind it */
	enum hv_shutdown shutdown;
	mu_msec created_at;
	mu_msec phase_until; /* SIM_DYING; SIM_STOPPED and foreign: cleaned up then */
	bool again;          /* foreign: made anew when gone, as xl does after a reboot */
	/* The guest's own clock stands still while it is paused. */
	mu_msec run_ms;
	mu_msec stop_at; /* of run_ms, 0 = not stopping */
	enum hv_shutdown stop_reason;
	mu_msec report_at; /* of run_ms: the guest agent's next report */
	bool reported;
	/* counters; doubles so that slow rates are not rounded away */
	double vcpu_ns[HV_VCPUS_MAX];
	double rx, tx, rd, wr;
	double rx_packets, tx_packets, rd_reqs, wr_reqs;
};

struct sim_op {
	struct mu_link link;
	uint64_t id;
	enum hv_op_kind kind;
	struct hv_domid domid; /* CREATE, RESTORE: 0 until the domain is made */
	struct hv_vm_config *config;
	struct hv_device *device;
	struct hv_resources *resources;
	uint32_t number; /* NIC_ATTACH: what it got */
	bool paused;
	bool cancelled;
	bool in_file; /* a file action is out */
	bool saved;   /* SAVE: the file is there, its domain goes */
	mu_msec begun_at;
	mu_msec stopped_at; /* CHECKPOINT */
	mu_msec next_at;    /* MU_MSEC_NEVER: waits for its domain */
};

struct sim_cpupool {
	uint32_t id;
	char name[MODEL_NAME_MAX + 1];
	char scheduler[16];
	bool cpus[HV_VCPUS_MAX];
	int32_t tslice_ms, ratelimit_us, migration_delay_us;
};

struct sim_model {
	struct sim_params params;
	struct mu_rand rand;
	mu_msec now; /* counters are up to here */
	mu_msec booted_at;
	char boot_id[MU_UUID_TEXT];
	uint32_t next_domid;
	size_t n_domains;
	size_t domains_cap;
	struct sim_domain **domains; /* by domid */
	struct mu_link ops;
	struct sim_devices devices;
	size_t n_pools; /* the first is Pool-0 */
	struct sim_cpupool pools[HV_CPUPOOLS_MAX];
	double cpu_idle_ns[HV_VCPUS_MAX];
	double pif_rx, pif_tx;
};

/* What guests can still have. */
int64_t sim_free_bytes(const struct sim_model *m);
int64_t sim_dom0_bytes(const struct sim_model *m);
struct sim_domain *sim_find(const struct sim_model *m, struct hv_domid domid);
/* Add a zeroed domain of `config`, in order of domid. */
struct sim_domain *sim_add(struct sim_model *m, struct hv_domid domid,
			   const struct hv_vm_config *config);
/* Pool-0 with all CPUs, as Xen makes at boot. */
void sim_cpupools_init(struct sim_model *m);
/* Bring all counters and guests' clocks up to `now`; no state changes in between. */
void sim_advance(struct sim_model *m, mu_msec now);
/* ---- inside a step ---- */

struct sim_step {
	struct sim_model *m;
	struct mu_arena *arena;
	struct sim_action *first;
	struct sim_action **last;
	bool store;
	bool domains_changed;
};

struct sim_action *sim_act(struct sim_step *s, enum sim_action_kind kind, uint64_t op);
/* The set of domains or how one runs has changed: store it and tell. */
void sim_changed(struct sim_step *s);
/* `ms`, give or take a fifth. */
mu_msec sim_jitter(struct sim_model *m, mu_msec ms);
/* May a domain of this configuration be made now? */
int sim_admit(const struct sim_model *m, const struct hv_vm_config *c, struct mu_error *err);
struct hv_domid sim_new_domid(struct sim_model *m);
void sim_go_live(struct sim_model *m, struct sim_domain *d, bool paused);
void sim_begin_dying(struct sim_step *s, struct sim_domain *d);
/* Frees `d`. */
void sim_remove(struct sim_step *s, struct sim_domain *d);

void sim_op_start(struct sim_step *s, const struct sim_event *e);
void sim_op_cancel(struct sim_step *s, uint64_t id);
void sim_op_file_done(struct sim_step *s, const struct sim_event *e);
void sim_op_due(struct sim_step *s, struct sim_op *op);
/* Has the domain gone where the operation waits for it, or where it cannot go on? True when that
 * ended the operation or moved the domain. */
bool sim_op_look(struct sim_step *s, struct sim_op *op);
void sim_op_free(struct sim_op *op);

/* ---- sim_change.c ---- */

/* Is it a change of a domain, or of the host's devices? */
bool sim_op_changes(const struct sim_op *op);
/* 0 done, 1 it waits for a file or the guest (next_at). `d` is NULL where it needs none. */
int sim_change_start(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err);
/* The file is there, or the guest had its time: 0 done. */
int sim_change_go_on(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err);

static inline bool sim_runs(const struct sim_domain *d)
{
	return d->phase == SIM_LIVE && !d->paused && !d->saving && !d->suspended;
}

#endif
