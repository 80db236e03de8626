/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Since when counters count up from 0, by what two readings say. PURE; for the files of this folder
 * that make samples.
 *
 * Whoever reads a counter now and then sees that it was reset when it is lower than before. One
 * that has run past where it was shows only by its beginning: a VM that was started anew, a card
 * that was pulled and put in again.
 */
#ifndef MUSTER_AGENT_STATS_SINCE_H
#define MUSTER_AGENT_STATS_SINCE_H

#include "agent/hv/hv_stats.h"

/* By their places in the reading; all of a device's counters begin together. Wall clock. */
struct since_domain {
	mu_msec cpu;
	mu_msec vifs[HV_NICS_MAX];
	mu_msec vbds[HV_DISKS_MAX];
};

struct since_host {
	mu_msec cpu;
	mu_msec pifs[HV_PIFS_MAX];
	mu_msec disks[HV_HOST_DISKS_MAX];
};

/* What came between two readings has counted since `wall`, the time of this one. `before` NULL: it
 * is the first, and all has counted since `began`. */
void since_domain(const struct hv_domain_stats *now, const struct hv_domain_stats *before,
		  const struct since_domain *were, mu_msec wall, mu_msec began,
		  struct since_domain *ret);
void since_host(const struct hv_host_stats *now, const struct hv_host_stats *before,
		const struct since_host *were, mu_msec wall, mu_msec began, struct since_host *ret);

#endif
