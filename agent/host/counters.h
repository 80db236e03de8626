/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel counts of dom0's own devices, for the sampler: small files of sysfs that never
 * wait for a device, so that the loop thread may read them. `sysfs` is "/sys".
 */
#ifndef MUSTER_AGENT_HOST_COUNTERS_H
#define MUSTER_AGENT_HOST_COUNTERS_H

#include "agent/hv/hv_stats.h"

/* Network cards: interfaces with a device behind them that is not a guest's. Fills h->pifs. */
void host_counters_nics(const char *sysfs, struct hv_host_stats *h);
/* Disks: block devices with a device behind them. Fills h->disks. */
void host_counters_disks(const char *sysfs, struct hv_host_stats *h);

#endif
