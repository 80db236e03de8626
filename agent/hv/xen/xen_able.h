/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host has to build guests of each type with: CPUs, QEMU, firmware. Looked up when asked,
 * because packages come and go.
 */
#ifndef MUSTER_AGENT_HV_XEN_ABLE_H
#define MUSTER_AGENT_HV_XEN_ABLE_H

#include "agent/hv/hv.h"

#include <xenctrl.h>

struct xen_able {
	bool hvm; /* the CPUs can, and the firmware lets them */
	bool qemu;
	bool ovmf;
};

void xen_able_read(xc_interface *xch, struct xen_able *ret);
/* MU_E_UNSUPPORTED with the reason. */
int xen_able_check(const struct xen_able *able, const struct hv_vm_config *config,
		   struct mu_error *err);

#endif
