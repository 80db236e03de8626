/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers' constructors: each gives an impl and its ops for hv_new(). */
#ifndef MUSTER_AGENT_HV_DRIVERS_H
#define MUSTER_AGENT_HV_DRIVERS_H

#include "agent/hv/hv.h"

/* The real thing. MU_E_UNSUPPORTED when built without libxl or not in a Xen dom0. */
int hv_xen_new(struct mu_loop *loop, const struct hv_ops **ret_ops, void **ret_impl,
	       struct mu_error *err);

struct hv_sim_options {
	const char *name;      /* host name */
	const char *state_dir; /* where it remembers its running domains across an agent restart;
				  NULL = forget */
	uint64_t seed;
	unsigned cpus;        /* 0 = 8 */
	int64_t memory_bytes; /* 0 = 64 GiB */
	unsigned n_foreign;   /* domains "made by xl" that a new host starts with */
	/* How long things take, ms of real time; 0 = default. guest_ms: from boot to the guest
	 * agent's first report. */
	mu_msec create_ms, shutdown_ms, save_ms, restore_ms, destroy_ms, guest_ms;
};

/*
 * A simulated host. Paths below /sim/ exist on every one (kernels, disks); other kernels, ramdisks
 * and disks must exist on the machine it runs on; save files are real files. Guests understand
 * words on their command line: sim.deaf, sim.noagent, sim.load=idle|web|batch|db,
 * sim.poweroff=MS, sim.reboot=MS, sim.crash=MS (agent/hv/sim/sim_host.c).
 */
int hv_sim_new(struct mu_loop *loop, const struct hv_sim_options *options,
	       const struct hv_ops **ret_ops, void **ret_impl, struct mu_error *err);

/* What others do on a simulated host (`impl` of hv_sim_new): make a domain as xl would, or have one
 * gone at once. */
void hv_sim_xl_create(void *impl, const struct hv_vm_config *config);
void hv_sim_kill(void *impl, struct hv_domid domid);

/*
 * Faults by script over another driver: agent/hv/fault/fault_script.c has the language, e.g.
 * "create:fail:2; shutdown:hang; destroy:delay=500". `under` is taken over when it succeeds.
 */
int hv_fault_new(struct mu_loop *loop, const char *script, const struct hv_ops *under_ops,
		 void *under_impl, const struct hv_ops **ret_ops, void **ret_impl,
		 struct mu_error *err);

#endif
