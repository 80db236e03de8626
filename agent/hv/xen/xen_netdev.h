/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/net/dev: the counters of all network interfaces in one read, where sysfs has a file for
 * each. As dom0 sees them. Any thread.
 */
#ifndef MUSTER_AGENT_HV_XEN_NETDEV_H
#define MUSTER_AGENT_HV_XEN_NETDEV_H

#include "agent/hv/hv_stats.h"

#include <stddef.h>

struct xen_netdev {
	char name[16];
	struct hv_net_stats net;
};

/* All of it, by name; *ret is the caller's (heap). None when there is no such file below `procfs`
 * ("/proc"), and lines that are not understood are left out. */
size_t xen_netdev_read(const char *procfs, struct xen_netdev **ret);
/* NULL when it is not there. */
const struct xen_netdev *xen_netdev_find(const struct xen_netdev *devices, size_t n,
					 const char *name);

#endif
