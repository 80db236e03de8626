/* SPDX-License-Identifier: Apache-2.0 */
/* All about the host, by hypercall and from /proc: milliseconds, no lock of libxl's. */
#ifndef MUSTER_AGENT_HV_XEN_DETAILS_H
#define MUSTER_AGENT_HV_XEN_DETAILS_H

#include "agent/hv/hv_host.h"
#include "common/base/error.h"
#include "common/base/str.h"

#include <xenctrl.h>

/* What the hypervisor refuses to tell is left empty; it fails when it says nothing at all. */
int xen_details_read(xc_interface *xch, struct hv_host_details *ret, struct mu_error *err);
/* The console ring, from its beginning; nothing is removed. */
int xen_details_dmesg(xc_interface *xch, struct mu_str *out, struct mu_error *err);
/* "credit2", ... or "scheduler N". */
void xen_scheduler_name(uint32_t id, char ret[static 16]);

#endif
