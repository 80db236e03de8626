/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part of a sample: its CPUs, memory, cards, disks, sensors and SRs. PURE. */
#ifndef MUSTER_AGENT_STATS_HOST_SAMPLE_H
#define MUSTER_AGENT_STATS_HOST_SAMPLE_H

#include "agent/stats/out.h"
#include "agent/stats/sample.h"
#include "agent/stats/since.h"

/* `before` NULL: there is no reading to compare with; `since` by place in host->stats. */
void host_sample(const struct out *o, const struct sample_host *host,
		 const struct hv_host_stats *before, const struct since_host *since,
		 const struct sample_domain *domains, size_t n);
/* What the SRs hold, and what the domains' disks on each did: `io` by place in host->srs. */
void host_sample_srs(const struct out *o, const struct sample_host *host,
		     const struct out_disk *io);

#endif
