/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/out.h"

#include "common/base/assert.h"

#include <math.h>
#include <stdio.h>

double out_delta(uint64_t now, uint64_t before)
{
	if (now == HV_COUNTER_UNKNOWN || before == HV_COUNTER_UNKNOWN || now < before)
		return NAN;
	return (double)(now - before);
}

uint64_t out_steady(uint64_t now, uint64_t before)
{
	return before != HV_COUNTER_UNKNOWN && now < before ? HV_COUNTER_UNKNOWN : now;
}

double out_known(int64_t value, double unit)
{
	return value < 0 ? NAN : (double)value / unit;
}

void out_gauge(const struct out *o, const char *name, enum metric_unit unit, double value)
{
	metric_list_add(o->list, o->object, name, METRIC_GAUGE, unit, value);
}

void out_rate(const struct out *o, const char *name, enum metric_unit unit, double count)
{
	metric_list_add(o->list, o->object, name, METRIC_RATE, unit, count / o->seconds);
}

/* Readings of many counters are not taken in one instant, so a busy CPU can come out a little over
 * one. */
void out_share(const struct out *o, const char *name, double ns, double n_cpus)
{
	double v = n_cpus > 0 ? ns / (o->seconds * 1e9 * n_cpus) : NAN;

	metric_list_add(o->list, o->object, name, METRIC_RATE, METRIC_RATIO,
			v > 1   ? 1
			: v < 0 ? 0
				: v);
}

void out_name(char ret[static METRIC_NAME_MAX + 1], const char *class, const char *device,
	      const char *what)
{
	int len = snprintf(ret, METRIC_NAME_MAX + 1, "%s_%s_%s", class, device, what);

	mu_assert(len > 0 && len <= METRIC_NAME_MAX);
}

/* ---- network ---- */

struct out_net out_net_delta(const struct hv_net_stats *now, const struct hv_net_stats *before)
{
	if (!before)
		return (struct out_net){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	return (struct out_net){
	    .rx = out_delta(now->rx_bytes, before->rx_bytes),
	    .tx = out_delta(now->tx_bytes, before->tx_bytes),
	    .rx_packets = out_delta(now->rx_packets, before->rx_packets),
	    .tx_packets = out_delta(now->tx_packets, before->tx_packets),
	    .rx_errors = out_delta(now->rx_errors, before->rx_errors),
	    .tx_errors = out_delta(now->tx_errors, before->tx_errors),
	    .rx_drops = out_delta(now->rx_drops, before->rx_drops),
	    .tx_drops = out_delta(now->tx_drops, before->tx_drops),
	};
}

void out_net_sum(struct out_net *sum, const struct out_net *n)
{
	sum->rx += n->rx;
	sum->tx += n->tx;
	sum->rx_packets += n->rx_packets;
	sum->tx_packets += n->tx_packets;
	sum->rx_errors += n->rx_errors;
	sum->tx_errors += n->tx_errors;
	sum->rx_drops += n->rx_drops;
	sum->tx_drops += n->tx_drops;
}

void out_net(const struct out *o, const char *class, const char *device, const struct out_net *n,
	     const struct hv_net_stats *counted, mu_msec since)
{
	static const struct hv_net_stats none;
	const struct hv_net_stats *c = counted ? counted : &none;
	const struct {
		const char *what;
		enum metric_unit unit;
		double count;
		uint64_t counted;
	} rows[] = {
	    {"rx", METRIC_BYTES_PER_S, n->rx, c->rx_bytes},
	    {"tx", METRIC_BYTES_PER_S, n->tx, c->tx_bytes},
	    {"rx_packets", METRIC_PACKETS_PER_S, n->rx_packets, c->rx_packets},
	    {"tx_packets", METRIC_PACKETS_PER_S, n->tx_packets, c->tx_packets},
	    {"rx_errors", METRIC_ERRORS_PER_S, n->rx_errors, c->rx_errors},
	    {"tx_errors", METRIC_ERRORS_PER_S, n->tx_errors, c->tx_errors},
	    {"rx_drops", METRIC_DROPS_PER_S, n->rx_drops, c->rx_drops},
	    {"tx_drops", METRIC_DROPS_PER_S, n->tx_drops, c->tx_drops},
	};
	char name[METRIC_NAME_MAX + 1];

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		out_name(name, class, device, rows[i].what);
		out_rate(o, name, rows[i].unit, rows[i].count);
		if (counted)
			metric_list_count(o->list, rows[i].counted, since);
	}
}

/* ---- disks ---- */

/* By which the counts of a disk with times of its own are multiplied. */
static double stretch(mu_msec now, mu_msec before, double seconds)
{
	if (now == 0 && before == 0)
		return 1;
	return before > 0 && now > before ? seconds * 1e3 / (double)(now - before) : NAN;
}

struct out_disk out_vbd_delta(const struct hv_vbd_stats *now, const struct hv_vbd_stats *before,
			      double seconds)
{
	double k;

	if (!before)
		return (struct out_disk){NAN, NAN, NAN, NAN, NAN, NAN};
	k = stretch(now->at, before->at, seconds);
	return (struct out_disk){
	    .rd = k * out_delta(now->rd_bytes, before->rd_bytes),
	    .wr = k * out_delta(now->wr_bytes, before->wr_bytes),
	    .rd_reqs = k * out_delta(now->rd_reqs, before->rd_reqs),
	    .wr_reqs = k * out_delta(now->wr_reqs, before->wr_reqs),
	    .rd_s = k * out_delta(now->rd_ns, before->rd_ns) / 1e9,
	    .wr_s = k * out_delta(now->wr_ns, before->wr_ns) / 1e9,
	};
}

void out_disk_sum(struct out_disk *sum, const struct out_disk *d)
{
	sum->rd += d->rd;
	sum->wr += d->wr;
	sum->rd_reqs += d->rd_reqs;
	sum->wr_reqs += d->wr_reqs;
}

void out_disk(const struct out *o, const char *class, const char *device, const struct out_disk *d,
	      const struct out_disk_counts *counted)
{
	static const struct out_disk_counts none;
	const struct out_disk_counts *c = counted ? counted : &none;
	const struct {
		const char *what;
		enum metric_unit unit;
		double count;
		uint64_t counted;
	} rows[] = {
	    {"read", METRIC_BYTES_PER_S, d->rd, c->rd},
	    {"write", METRIC_BYTES_PER_S, d->wr, c->wr},
	    {"iops_read", METRIC_REQUESTS_PER_S, d->rd_reqs, c->rd_reqs},
	    {"iops_write", METRIC_REQUESTS_PER_S, d->wr_reqs, c->wr_reqs},
	};
	char name[METRIC_NAME_MAX + 1];

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		out_name(name, class, device, rows[i].what);
		out_rate(o, name, rows[i].unit, rows[i].count);
		if (counted)
			metric_list_count(o->list, rows[i].counted, c->since);
	}
	out_name(name, class, device, "iops_total");
	out_rate(o, name, METRIC_REQUESTS_PER_S, d->rd_reqs + d->wr_reqs);
}

static void latency(const struct out *o, const char *class, const char *device, const char *what,
		    double seconds, double reqs)
{
	char name[METRIC_NAME_MAX + 1];

	out_name(name, class, device, what);
	metric_list_add(o->list, o->object, name, METRIC_RATE, METRIC_SECONDS,
			reqs > 0 ? seconds / reqs : NAN);
}

/* The counters of the first two are how long requests took, all together: what a mean over any time
 * is made of, with their numbers. */
void out_latency(const struct out *o, const char *class, const char *device,
		 const struct out_disk *d, const struct out_disk_counts *counted)
{
	latency(o, class, device, "read_latency", d->rd_s, d->rd_reqs);
	metric_list_count(o->list, counted->rd_ns, counted->since);
	latency(o, class, device, "write_latency", d->wr_s, d->wr_reqs);
	metric_list_count(o->list, counted->wr_ns, counted->since);
	latency(o, class, device, "latency", d->rd_s + d->wr_s, d->rd_reqs + d->wr_reqs);
}
