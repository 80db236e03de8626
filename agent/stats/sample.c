/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are xcp-rrdd's where it has them, so that what people know of XAPI's statistics holds here;
 * docs/design/metrics.md lists all. Every device has its series from its first sample on, with
 * NaN: a series that came later than its VM would look like a hole in the data.
 */
#include "agent/stats/sample.h"

#include "common/base/assert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sampler {
	struct host_id host;
	bool has_before;
	struct hv_host_stats before;
	size_t n_domains;
	size_t domains_cap;
	struct hv_domain_stats *domains; /* of the reading before */
};

/* Where metrics of one object go. */
struct out {
	struct metric_list *list;
	const struct mu_uuid *object;
	double seconds; /* since the reading before, NaN = there is none */
};

struct sampler *sampler_new(const struct host_id *host)
{
	struct sampler *s = mu_xcalloc(1, sizeof *s);

	s->host = *host;
	return s;
}

struct sampler *sampler_free(struct sampler *s)
{
	if (!s)
		return NULL;
	free(s->domains);
	free(s);
	return NULL;
}

static uint32_t at_most(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

static void gauge(const struct out *o, const char *name, enum metric_unit unit, double value)
{
	metric_list_add(o->list, o->object, name, METRIC_GAUGE, unit, value);
}

/* A counter that went backwards was reset: what happened in between is not known. */
static double delta(uint64_t now, uint64_t before)
{
	return now >= before ? (double)(now - before) : NAN;
}

static void rate(const struct out *o, const char *name, enum metric_unit unit, double count)
{
	metric_list_add(o->list, o->object, name, METRIC_RATE, unit, count / o->seconds);
}

/* A share of CPU time; readings of many counters are not taken in one instant, so a busy CPU can
 * come out a little over one. */
static void share(const struct out *o, const char *name, double ns, double n_cpus)
{
	double v = n_cpus > 0 ? ns / (o->seconds * 1e9 * n_cpus) : NAN;

	metric_list_add(o->list, o->object, name, METRIC_RATE, METRIC_RATIO,
			v > 1   ? 1
			: v < 0 ? 0
				: v);
}

static void name_of(char *ret, const char *class, const char *device, const char *what)
{
	int len = snprintf(ret, METRIC_NAME_MAX + 1, "%s_%s_%s", class, device, what);

	mu_assert(len > 0 && len <= METRIC_NAME_MAX);
}

/* ---- network: six counters of a device, or of all together ---- */

struct net {
	double rx, tx, rx_packets, tx_packets, rx_errors, tx_errors;
};

static void add_net(const struct out *o, const char *class, const char *device, const struct net *n)
{
	const struct {
		const char *what;
		enum metric_unit unit;
		double count;
	} rows[] = {
	    {"rx", METRIC_BYTES_PER_S, n->rx},
	    {"tx", METRIC_BYTES_PER_S, n->tx},
	    {"rx_packets", METRIC_PACKETS_PER_S, n->rx_packets},
	    {"tx_packets", METRIC_PACKETS_PER_S, n->tx_packets},
	    {"rx_errors", METRIC_ERRORS_PER_S, n->rx_errors},
	    {"tx_errors", METRIC_ERRORS_PER_S, n->tx_errors},
	};
	char name[METRIC_NAME_MAX + 1];

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		name_of(name, class, device, rows[i].what);
		rate(o, name, rows[i].unit, rows[i].count);
	}
}

static void sum_net(struct net *sum, const struct net *n)
{
	sum->rx += n->rx;
	sum->tx += n->tx;
	sum->rx_packets += n->rx_packets;
	sum->tx_packets += n->tx_packets;
	sum->rx_errors += n->rx_errors;
	sum->tx_errors += n->tx_errors;
}

static const struct net net_unknown = {NAN, NAN, NAN, NAN, NAN, NAN};

static struct net vif_delta(const struct hv_vif_stats *a, const struct hv_vif_stats *b)
{
	return (struct net){
	    .rx = delta(a->rx_bytes, b->rx_bytes),
	    .tx = delta(a->tx_bytes, b->tx_bytes),
	    .rx_packets = delta(a->rx_packets, b->rx_packets),
	    .tx_packets = delta(a->tx_packets, b->tx_packets),
	    .rx_errors = delta(a->rx_errors, b->rx_errors),
	    .tx_errors = delta(a->tx_errors, b->tx_errors),
	};
}

static void sample_vifs(const struct out *o, const struct hv_domain_stats *d,
			const struct hv_domain_stats *before)
{
	struct net sum = {0};

	for (uint32_t i = 0; i < at_most(d->n_vifs, HV_NICS_MAX); i++) {
		struct net n = net_unknown;
		char device[8];

		for (uint32_t k = 0; before && k < at_most(before->n_vifs, HV_NICS_MAX); k++) {
			if (before->vifs[k].device == d->vifs[i].device)
				n = vif_delta(&d->vifs[i], &before->vifs[k]);
		}
		snprintf(device, sizeof device, "%u", d->vifs[i].device);
		add_net(o, "vif", device, &n);
		sum_net(&sum, &n);
	}
	add_net(o, "vif", "aggr", &sum);
}

static struct net pif_delta(const struct hv_pif_stats *a, const struct hv_pif_stats *b)
{
	return (struct net){
	    .rx = delta(a->rx_bytes, b->rx_bytes),
	    .tx = delta(a->tx_bytes, b->tx_bytes),
	    .rx_packets = delta(a->rx_packets, b->rx_packets),
	    .tx_packets = delta(a->tx_packets, b->tx_packets),
	    .rx_errors = delta(a->rx_errors, b->rx_errors),
	    .tx_errors = delta(a->tx_errors, b->tx_errors),
	};
}

static void sample_pifs(const struct out *o, const struct hv_host_stats *h,
			const struct hv_host_stats *before)
{
	struct net sum = {0};

	for (uint32_t i = 0; i < at_most(h->n_pifs, HV_PIFS_MAX); i++) {
		const struct hv_pif_stats *a = &h->pifs[i];
		struct net n = net_unknown;

		for (uint32_t k = 0; before && k < at_most(before->n_pifs, HV_PIFS_MAX); k++) {
			if (strcmp(a->name, before->pifs[k].name) == 0)
				n = pif_delta(a, &before->pifs[k]);
		}
		add_net(o, "pif", a->name, &n);
		sum_net(&sum, &n);
	}
	add_net(o, "pif", "aggr", &sum);
}

/* ---- disks ---- */

struct disk {
	double rd, wr, rd_reqs, wr_reqs;
};

static void add_disk(const struct out *o, const char *device, const struct disk *d)
{
	const struct {
		const char *what;
		enum metric_unit unit;
		double count;
	} rows[] = {
	    {"read", METRIC_BYTES_PER_S, d->rd},
	    {"write", METRIC_BYTES_PER_S, d->wr},
	    {"iops_read", METRIC_REQUESTS_PER_S, d->rd_reqs},
	    {"iops_write", METRIC_REQUESTS_PER_S, d->wr_reqs},
	    {"iops_total", METRIC_REQUESTS_PER_S, d->rd_reqs + d->wr_reqs},
	};
	char name[METRIC_NAME_MAX + 1];

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		name_of(name, "vbd", device, rows[i].what);
		rate(o, name, rows[i].unit, rows[i].count);
	}
}

static void sample_vbds(const struct out *o, const struct hv_domain_stats *d,
			const struct hv_domain_stats *before)
{
	struct disk sum = {0};

	for (uint32_t i = 0; i < at_most(d->n_vbds, HV_DISKS_MAX); i++) {
		const struct hv_vbd_stats *a = &d->vbds[i];
		struct disk disk = {NAN, NAN, NAN, NAN};

		for (uint32_t k = 0; before && k < at_most(before->n_vbds, HV_DISKS_MAX); k++) {
			const struct hv_vbd_stats *b = &before->vbds[k];

			if (strcmp(a->vdev, b->vdev) == 0)
				disk = (struct disk){
				    .rd = delta(a->rd_bytes, b->rd_bytes),
				    .wr = delta(a->wr_bytes, b->wr_bytes),
				    .rd_reqs = delta(a->rd_reqs, b->rd_reqs),
				    .wr_reqs = delta(a->wr_reqs, b->wr_reqs),
				};
		}
		add_disk(o, a->vdev, &disk);
		sum.rd += disk.rd;
		sum.wr += disk.wr;
		sum.rd_reqs += disk.rd_reqs;
		sum.wr_reqs += disk.wr_reqs;
	}
	add_disk(o, "aggr", &sum);
}

/* ---- a domain ---- */

static double known(int64_t value, double unit)
{
	return value < 0 ? NAN : (double)value / unit;
}

static void sample_cpu(const struct out *o, const struct hv_domain_stats *d,
		       const struct hv_domain_stats *before)
{
	uint32_t n = at_most(d->n_vcpus, HV_VCPUS_MAX);
	char name[METRIC_NAME_MAX + 1];
	uint32_t not_waiting = d->vcpus_running + d->vcpus_blocked;

	share(o, "cpu_usage", before ? delta(d->cpu_time_ns, before->cpu_time_ns) : NAN, n);
	for (uint32_t i = 0; i < n; i++) {
		bool both = before && i < before->n_vcpus;

		snprintf(name, sizeof name, "cpu%u", i);
		share(o, name, both ? delta(d->vcpu_time_ns[i], before->vcpu_time_ns[i]) : NAN, 1);
	}
	gauge(o, "vcpus_online", METRIC_COUNT, n);
	gauge(o, "vcpus_running", METRIC_COUNT, d->vcpus_running);
	gauge(o, "vcpus_blocked", METRIC_COUNT, d->vcpus_blocked);
	gauge(o, "vcpus_waiting", METRIC_COUNT, not_waiting < n ? n - not_waiting : 0);
}

static void sample_domain(const struct out *o, const struct sample_domain *d,
			  const struct hv_domain_stats *before)
{
	int64_t free_bytes = d->guest ? d->guest->memory_free_bytes : -1;
	int64_t total_bytes = d->guest ? d->guest->memory_total_bytes : -1;

	sample_cpu(o, d->stats, before);
	gauge(o, "memory", METRIC_BYTES, (double)d->stats->memory_bytes);
	gauge(o, "memory_target", METRIC_BYTES, known(d->stats->memory_target_bytes, 1));
	gauge(o, "memory_internal_free", METRIC_KIB, known(free_bytes, 1024));
	gauge(o, "memory_internal_total", METRIC_KIB, known(total_bytes, 1024));
	gauge(o, "memory_free", METRIC_BYTES, known(free_bytes, 1));
	gauge(o, "uptime", METRIC_SECONDS, known(d->uptime, 1000));
	sample_vifs(o, d->stats, before);
	sample_vbds(o, d->stats, before);
}

/* ---- the host ---- */

static void sample_host_cpus(const struct out *o, const struct hv_host_stats *h,
			     const struct hv_host_stats *before)
{
	uint32_t n = at_most(h->n_cpus, HV_VCPUS_MAX);
	char name[METRIC_NAME_MAX + 1];
	double busy = 0;

	for (uint32_t i = 0; i < n; i++) {
		double idle = before && i < before->n_cpus
				  ? delta(h->cpu_idle_ns[i], before->cpu_idle_ns[i])
				  : NAN;
		double ns = o->seconds * 1e9 - idle;

		snprintf(name, sizeof name, "cpu%u", i);
		share(o, name, ns, 1);
		busy += ns;
	}
	share(o, "cpu_avg", busy, n);
}

static void sample_host(const struct out *o, const struct hv_host_stats *h,
			const struct hv_host_stats *before, const struct sample_domain *domains,
			size_t n)
{
	double running_vcpus = 0, runnable_vcpus = 0, running_domains = 0;

	for (size_t i = 0; i < n; i++) {
		const struct hv_domain_stats *d = domains[i].stats;

		if (domains[i].paused)
			continue;
		running_domains++;
		running_vcpus += d->vcpus_running;
		if (d->n_vcpus > d->vcpus_blocked)
			runnable_vcpus += d->n_vcpus - d->vcpus_blocked;
	}
	sample_host_cpus(o, h, before);
	gauge(o, "loadavg", METRIC_COUNT, h->loadavg);
	gauge(o, "hostload", METRIC_RATIO, h->n_cpus ? runnable_vcpus / h->n_cpus : NAN);
	gauge(o, "running_vcpus", METRIC_COUNT, running_vcpus);
	gauge(o, "running_domains", METRIC_COUNT, running_domains);
	gauge(o, "memory_total_kib", METRIC_KIB, (double)h->memory_total_bytes / 1024);
	gauge(o, "memory_free_kib", METRIC_KIB, (double)h->memory_free_bytes / 1024);
	sample_pifs(o, h, before);
}

/* ---- the step ---- */

/* Readings come in the same order nearly always: look at the same place first. */
static const struct hv_domain_stats *find_before(const struct sampler *s,
						 const struct hv_domain_stats *d, size_t hint)
{
	for (size_t i = 0; i < s->n_domains; i++) {
		const struct hv_domain_stats *b = &s->domains[(hint + i) % s->n_domains];

		if (b->domid.value == d->domid.value)
			return mu_uuid_equal(&b->id.uuid, &d->id.uuid) ? b : NULL;
	}
	return NULL;
}

static void remember(struct sampler *s, const struct hv_host_stats *host,
		     const struct sample_domain *domains, size_t n)
{
	s->has_before = true;
	s->before = *host;
	if (n > s->domains_cap) {
		s->domains_cap = n;
		s->domains = mu_xrealloc(s->domains, n, sizeof *s->domains);
	}
	for (size_t i = 0; i < n; i++)
		s->domains[i] = *domains[i].stats;
	s->n_domains = n;
}

void sampler_step(struct sampler *s, const struct hv_host_stats *host,
		  const struct sample_domain *domains, size_t n, struct metric_list *out)
{
	bool usable = s->has_before && host->at > s->before.at;
	struct out o = {
	    .list = out,
	    .object = &s->host.uuid,
	    .seconds = usable ? (double)(host->at - s->before.at) / 1e3 : NAN,
	};

	metric_list_reset(out);
	sample_host(&o, host, usable ? &s->before : NULL, domains, n);
	for (size_t i = 0; i < n; i++) {
		o.object = &domains[i].stats->id.uuid;
		sample_domain(&o, &domains[i], usable ? find_before(s, domains[i].stats, i) : NULL);
	}
	remember(s, host, domains, n);
}

mu_msec sample_grid(mu_msec wall)
{
	return (wall + SAMPLE_INTERVAL / 2) / SAMPLE_INTERVAL * SAMPLE_INTERVAL;
}

mu_msec sample_delay(mu_msec wall)
{
	return SAMPLE_INTERVAL - wall % SAMPLE_INTERVAL + 100;
}
