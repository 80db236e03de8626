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
	unsigned cpus;
	int64_t memory_bytes;
	unsigned n_foreign; /* domains "made by xl" that it starts with */
	/* Times of the model, ms of real time; 0 = default */
	mu_msec create_ms, shutdown_ms, save_ms, restore_ms;
};

int hv_sim_new(struct mu_loop *loop, const struct hv_sim_options *options,
	       const struct hv_ops **ret_ops, void **ret_impl, struct mu_error *err);

/*
 * Faults by script over another driver: see agent/hv/fault/fault.c for the language, e.g.
 * "create:fail:2; shutdown:hang; list:delay=500". `under` is taken over.
 */
int hv_fault_new(struct mu_loop *loop, const char *script, const struct hv_ops *under_ops,
		 void *under_impl, const struct hv_ops **ret_ops, void **ret_impl,
		 struct mu_error *err);

#endif
