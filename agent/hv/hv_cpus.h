/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU lists: "0-3,8", "0-7,^2", "all"; "" stands for all CPUs. One list is for all vCPUs; or there
 * is one per vCPU, each ended by ';' ("0;1;2-3;"), and vCPUs beyond the last may run anywhere.
 * PURE.
 */
#ifndef MUSTER_AGENT_HV_CPUS_H
#define MUSTER_AGENT_HV_CPUS_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"

/* The lists of one vCPU: true for each CPU that is in it. */
struct hv_cpus {
	bool has[HV_CPUS_MAX];
};

/* MU_E_INVALID naming the part that is wrong, or a list that comes out empty. */
int hv_cpus_check(const char *text, struct mu_error *err);
/* What a checked text says for `vcpu`. */
void hv_cpus_of(const char *text, uint32_t vcpu, struct hv_cpus *ret);

#endif
