/* SPDX-License-Identifier: Apache-2.0 */
/* The host itself: Xen's and dom0's versions, its CPUs and memory. Reads /proc and asks Xen. */
#ifndef MUSTER_AGENT_HV_XEN_HOST_H
#define MUSTER_AGENT_HV_XEN_HOST_H

#include "common/base/error.h"
#include "common/model/host.h"

#include <stdbool.h>
#include <xenctrl.h>

/* MU_E_UNSUPPORTED when this is no Xen dom0. */
int xen_host_check_dom0(struct mu_error *err);
/* The text behind "name<blanks>: " or "name " in a file of /proc; false if it is not there. */
bool xen_host_line(const char *path, const char *name, char *dst, size_t size);
/* The same of the first processor in /proc/cpuinfo. */
bool xen_host_cpuinfo(const char *name, char *dst, size_t size);
int xen_host_info(xc_interface *xch, struct model_host *ret, struct mu_error *err);

#endif
