/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From two readings of counters to metrics. PURE: readings go in, values come out.
 *
 * A rate needs two readings of the same domain (the same domain id and VM), not more than
 * SAMPLE_HEARTBEAT apart: the first sample of a domain is unknown (NaN), and so is one whose
 * counter went backwards. The interval is the readings' own monotonic time, never the wall clock.
 * Beside rates go the counters that they are made of, as they stand; sums over devices have none,
 * as they fall when a device goes.
 */
#ifndef MUSTER_AGENT_STATS_SAMPLE_H
#define MUSTER_AGENT_STATS_SAMPLE_H

#include "agent/hv/hv_stats.h"
#include "agent/stats/metric.h"

#define SAMPLE_INTERVAL MU_SEC(5)
/* What was counted in a longer time says too little of the last step. */
#define SAMPLE_HEARTBEAT MU_SEC(300)

enum { SAMPLE_SRS_MAX = 64, SAMPLE_NO_VBD = UINT16_MAX };

struct sampler;

/* An SR that is plugged on the host; bytes, -1 = unknown. */
struct sample_sr {
	struct mu_uuid id;
	int64_t size_bytes, used_bytes, allocated_bytes;
};

/* A disk of a domain that lies on an SR: by their places in the lists. */
struct sample_disk {
	uint16_t sr;
	uint16_t vbd; /* SAMPLE_NO_VBD: nobody counts what it does */
};

struct sample_host {
	mu_msec wall; /* of this reading */
	const struct hv_host_stats *stats;
	size_t n_srs; /* at most SAMPLE_SRS_MAX */
	const struct sample_sr *srs;
};

/* What is known of a domain besides its counters. */
struct sample_domain {
	const struct hv_domain_stats *stats;
	const struct vm_guest *guest; /* NULL = unknown */
	bool paused;
	mu_msec uptime; /* since its domain was made; negative = unknown */
	/* Between which its memory may be set while it runs; both 0: it may not. */
	int64_t memory_min_bytes, memory_max_bytes;
	size_t n_disks;
	struct sample_disk disks[MODEL_VM_DISKS_MAX];
};

struct sampler *sampler_new(const struct host_id *host);
struct sampler *sampler_free(struct sampler *s);
MU_DEFINE_CLEANUP(sampler_free, struct sampler *);

/* One reading. `out` is reset and filled: the host's series first, then each domain's in the order
 * given. */
void sampler_step(struct sampler *s, const struct sample_host *host,
		  const struct sample_domain *domains, size_t n, struct metric_list *out);

/* The 5 s grid point nearest to a wall clock time. */
mu_msec sample_grid(mu_msec wall);
/* From `wall` to a little (100 ms) behind the next grid point: when to sample next. */
mu_msec sample_delay(mu_msec wall);

#endif
