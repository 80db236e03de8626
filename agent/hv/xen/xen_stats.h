/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of the host and of all domains: hypercalls, sysfs and procfs only. No libxl and no
 * xenstore, so an operation that hangs cannot blind the statistics.
 */
#ifndef MUSTER_AGENT_HV_XEN_STATS_H
#define MUSTER_AGENT_HV_XEN_STATS_H

#include "agent/hv/hv_stats.h"
#include "agent/hv/xen/xen_domains.h"

/* As hv_ops.stats; `list` gives the memory targets. */
int xen_stats_read(const struct xen_domains *list, xc_interface *xch,
		   struct hv_host_stats *ret_host, struct hv_domain_stats *ret_domains, size_t max,
		   size_t *ret_n, struct mu_error *err);

/* The device counters below `sysfs` ("/sys") and `procfs` ("/proc"): those of domains that are in
 * the array, which is in order of domain ids. For tests with a made-up tree. */
void xen_stats_read_devices(const char *sysfs, const char *procfs, struct hv_domain_stats *domains,
			    size_t n);

#endif
