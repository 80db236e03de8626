/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How values of an object get into a list: gauges, rates over the time since the reading before,
 * and the sets of series that a device has. PURE; for the files of this folder that make samples.
 */
#ifndef MUSTER_AGENT_STATS_OUT_H
#define MUSTER_AGENT_STATS_OUT_H

#include "agent/hv/hv_stats.h"
#include "agent/stats/metric.h"

/* Where metrics of one object go. */
struct out {
	struct metric_list *list;
	const struct mu_uuid *object;
	double seconds; /* since the reading before, NaN = there is none */
};

/* What was counted since the reading before; NaN = unknown. */
struct out_net {
	double rx, tx, rx_packets, tx_packets, rx_errors, tx_errors, rx_drops, tx_drops;
};

struct out_disk {
	double rd, wr, rd_reqs, wr_reqs;
	double rd_s, wr_s; /* how long the requests took, all together; in no sum */
};

/* What a disk's series are made of, HV_COUNTER_UNKNOWN = unknown. */
struct out_disk_counts {
	mu_msec since;
	uint64_t rd, wr, rd_reqs, wr_reqs;
	uint64_t rd_ns, wr_ns;
};

/* A counter that went backwards was reset: what happened in between is not known. */
double out_delta(uint64_t now, uint64_t before);
/* The time of a CPU does not begin anew while its domain is there: what reads lower than before was
 * not read well, and is unknown. */
uint64_t out_steady(uint64_t now, uint64_t before);
/* NaN when it is not known (negative). */
double out_known(int64_t value, double unit);

void out_gauge(const struct out *o, const char *name, enum metric_unit unit, double value);
void out_rate(const struct out *o, const char *name, enum metric_unit unit, double count);
/* A share of the time of so many CPUs. */
void out_share(const struct out *o, const char *name, double ns, double n_cpus);
/* "<class>_<device>_<what>" */
void out_name(char ret[static METRIC_NAME_MAX + 1], const char *class, const char *device,
	      const char *what);

/* `before` NULL: there was none. */
struct out_net out_net_delta(const struct hv_net_stats *now, const struct hv_net_stats *before);
void out_net_sum(struct out_net *sum, const struct out_net *n);
/* Eight series "<class>_<device>_rx", ...; with their counters, which have counted since then.
 * NULL: they are sums, which have none. */
void out_net(const struct out *o, const char *class, const char *device, const struct out_net *n,
	     const struct hv_net_stats *counted, mu_msec since);

/* What was counted at times of its own becomes what it would be in `seconds`. */
struct out_disk out_vbd_delta(const struct hv_vbd_stats *now, const struct hv_vbd_stats *before,
			      double seconds);
void out_disk_sum(struct out_disk *sum, const struct out_disk *d);
/* Five series "<class>_<device>_read", ...; `counted` NULL: they are sums. */
void out_disk(const struct out *o, const char *class, const char *device, const struct out_disk *d,
	      const struct out_disk_counts *counted);
/* Three more, "..._read_latency", "..._write_latency" and "..._latency": how long a request took,
 * in the mean; unknown when there was none. */
void out_latency(const struct out *o, const char *class, const char *device,
		 const struct out_disk *d, const struct out_disk_counts *counted);

#endif
