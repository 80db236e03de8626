/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver counts: cumulative counters of domains and of the host at one moment, before
 * agent/stats makes samples of them. CPU time in ns. Plain data, the caller's.
 */
#ifndef MUSTER_AGENT_HV_STATS_H
#define MUSTER_AGENT_HV_STATS_H

#include "agent/hv/hv_types.h"

struct hv_vif_stats {
	uint16_t device;
	/* guest's point of view */
	uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets, rx_errors, tx_errors;
};

struct hv_vbd_stats {
	char vdev[16];
	uint64_t rd_bytes, wr_bytes, rd_reqs, wr_reqs;
};

/* One of the host's network cards, from the host's point of view. */
struct hv_pif_stats {
	char name[16];
	uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets, rx_errors, tx_errors;
};

/* Cumulative counters of one domain at one moment. */
struct hv_domain_stats {
	struct hv_domid domid;
	struct vm_id id;
	uint64_t cpu_time_ns;
	int64_t memory_bytes;
	int64_t memory_target_bytes; /* -1 = unknown */
	uint32_t n_vcpus;            /* online */
	uint64_t vcpu_time_ns[HV_VCPUS_MAX];
	/* At this moment: has a physical CPU; waits for an event. The others wait for a CPU. */
	uint32_t vcpus_running;
	uint32_t vcpus_blocked;
	uint32_t n_vifs;
	struct hv_vif_stats vifs[HV_NICS_MAX];
	uint32_t n_vbds;
	struct hv_vbd_stats vbds[HV_DISKS_MAX];
};

struct hv_host_stats {
	mu_msec at; /* monotonic */
	uint32_t n_cpus;
	uint64_t cpu_idle_ns[HV_VCPUS_MAX];
	int64_t memory_total_bytes;
	int64_t memory_free_bytes;
	double loadavg; /* dom0's, 1 min */
	uint32_t n_pifs;
	struct hv_pif_stats pifs[HV_PIFS_MAX]; /* sorted by name */
};

#endif
