/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of agent/hv/hv.h as a list of cases that any driver must pass. No test framework:
 * the same code runs in the build for sim and in a Xen host's dom0 as a copied program.
 */
#ifndef MUSTER_TESTS_HV_CONTRACT_H
#define MUSTER_TESTS_HV_CONTRACT_H

#include "agent/hv/hv.h"

struct hv_contract {
	/* A driver for one case; called once per case, the cases share the host. */
	int (*open)(const struct hv_contract *c, struct mu_loop *loop, struct hv **ret_hv,
		    struct mu_error *err);
	void *ctx;
	/* A guest that boots, and stops when asked to. id and name are filled in by the cases. */
	struct hv_vm_config guest;
	const char *dir; /* for save files */
	/* How long to wait for a guest that was started to report, and so to be able to do what it
	 * is asked for; at the latest then it is asked. */
	mu_msec boot_ms;
	/* How many guests at once; more than 1. */
	size_t n_concurrent;
};

size_t hv_contract_n_cases(void);
const char *hv_contract_case_name(size_t i);
/* "basics", "trouble", "devices" or "resources" */
const char *hv_contract_case_group(size_t i);
/* Run one case; what it leaves behind is destroyed. */
int hv_contract_run(const struct hv_contract *c, size_t i, struct mu_error *err);

#endif
