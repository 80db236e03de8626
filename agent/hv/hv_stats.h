/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver counts: cumulative counters of domains and of the host at one moment, before
 * agent/stats makes samples of them. CPU time in ns. Plain data, the caller's.
 */
#ifndef MUSTER_AGENT_HV_STATS_H
#define MUSTER_AGENT_HV_STATS_H

#include "agent/hv/hv_types.h"

#include <string.h>

/* A counter whose source is not there, or has gone while it was read. */
#define HV_COUNTER_UNKNOWN UINT64_MAX

enum { HV_HOST_DISKS_MAX = 64, HV_SENSORS_MAX = 64, HV_SENSOR_NAME_MAX = 31 };

struct hv_net_stats {
	uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets, rx_errors, tx_errors, rx_drops,
	    tx_drops;
};

struct hv_vif_stats {
	uint16_t device;
	struct hv_net_stats net; /* guest's point of view */
};

struct hv_vbd_stats {
	char vdev[16];
	bool timed; /* who serves it tells how long requests take */
	mu_msec at; /* when these were counted, monotonic; 0 = with all the others */
	uint64_t rd_bytes, wr_bytes, rd_reqs, wr_reqs;
	uint64_t rd_ns, wr_ns; /* timed: of all requests together */
};

/* By vdev, for qsort(). */
static inline int hv_vbd_compare(const void *a, const void *b)
{
	const struct hv_vbd_stats *x = a, *y = b;

	return strcmp(x->vdev, y->vdev);
}

/* One of the host's network cards, from the host's point of view. */
struct hv_pif_stats {
	char name[16];
	struct hv_net_stats net;
};

/* One of the host's disks. */
struct hv_disk_stats {
	char name[32]; /* "sda" */
	uint64_t rd_bytes, wr_bytes, rd_reqs, wr_reqs;
	uint64_t rd_ms, wr_ms; /* of all requests together, waiting included */
	uint64_t queue_ms;     /* requests that were there, by time */
	uint64_t inflight;     /* now */
};

struct hv_sensor {
	char name[HV_SENSOR_NAME_MAX + 1]; /* "coretemp.0-temp2": of which device and input */
	double celsius;
};

/* Cumulative counters of one domain at one moment. */
struct hv_domain_stats {
	struct hv_domid domid;
	struct vm_id id;
	uint64_t cpu_time_ns;
	int64_t memory_bytes;
	int64_t memory_target_bytes; /* -1 = unknown */
	uint32_t n_vcpus;            /* those that are offline too */
	uint32_t vcpus_online;
	uint64_t vcpu_time_ns[HV_VCPUS_MAX];
	/* At this moment: has a physical CPU; waits for an event. The others wait for a CPU. */
	uint32_t vcpus_running;
	uint32_t vcpus_blocked;
	uint32_t n_vifs;
	struct hv_vif_stats vifs[HV_NICS_MAX];
	uint32_t n_vbds;
	struct hv_vbd_stats vbds[HV_DISKS_MAX];
	bool more_vbds; /* there may be others, of which nothing is known */
};

struct hv_host_stats {
	mu_msec at; /* monotonic */
	uint32_t n_cpus;
	uint64_t cpu_idle_ns[HV_VCPUS_MAX];
	int64_t memory_total_bytes;
	int64_t memory_free_bytes;
	int64_t memory_dom0_bytes; /* -1 = unknown */
	int64_t memory_xen_bytes;  /* neither free nor a domain's: heap, tables; -1 = unknown */
	double loadavg;            /* dom0's, 1 min; NaN = unknown */
	/* sorted by name */
	uint32_t n_pifs;
	struct hv_pif_stats pifs[HV_PIFS_MAX];
	uint32_t n_disks;
	struct hv_disk_stats disks[HV_HOST_DISKS_MAX];
	uint32_t n_sensors;
	struct hv_sensor sensors[HV_SENSORS_MAX];
};

#endif
