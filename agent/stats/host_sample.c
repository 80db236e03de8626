/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SRs are named as xcp-rrdd does it, by the first eight digits of their id: one that is shared is
 * on several hosts, and each says what its own VMs do there.
 */
#include "agent/stats/host_sample.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void sample_cpus(const struct out *o, const struct hv_host_stats *h,
			const struct hv_host_stats *before, mu_msec since)
{
	uint32_t n = h->n_cpus < HV_VCPUS_MAX ? h->n_cpus : HV_VCPUS_MAX;
	char name[METRIC_NAME_MAX + 1];
	double busy = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t was =
		    before && i < before->n_cpus ? before->cpu_idle_ns[i] : HV_COUNTER_UNKNOWN;
		double ns = o->seconds * 1e9 - out_delta(h->cpu_idle_ns[i], was);

		snprintf(name, sizeof name, "cpu%u", i);
		out_share(o, name, ns, 1);
		metric_list_count(o->list, out_steady(h->cpu_idle_ns[i], was), since);
		busy += ns;
	}
	out_share(o, "cpu_avg", busy, n);
}

/* ---- domains and memory ---- */

struct totals {
	double vms, vcpus;
	double running_vcpus, runnable_vcpus, running_domains;
	double reclaimed, reclaimable;
};

/* What was taken from it below its most, and what could be taken still. A target that nobody knows
 * makes the sum unknown. */
static void add_memory(struct totals *t, const struct sample_domain *d)
{
	double target = out_known(d->stats->memory_target_bytes, 1);
	double taken = (double)d->memory_max_bytes - target;
	double left = target - (double)d->memory_min_bytes;

	if (d->memory_max_bytes == 0)
		return;
	t->reclaimed += taken < 0 ? 0 : taken;
	t->reclaimable += left < 0 ? 0 : left;
}

static struct totals totals_of(const struct sample_domain *domains, size_t n)
{
	struct totals t = {0};

	for (size_t i = 0; i < n; i++) {
		const struct hv_domain_stats *d = domains[i].stats;

		t.vms++;
		t.vcpus += d->vcpus_online;
		add_memory(&t, &domains[i]);
		if (domains[i].paused)
			continue;
		t.running_domains++;
		t.running_vcpus += d->vcpus_running;
		if (d->vcpus_online > d->vcpus_blocked)
			t.runnable_vcpus += d->vcpus_online - d->vcpus_blocked;
	}
	return t;
}

static void sample_totals(const struct out *o, const struct hv_host_stats *h,
			  const struct totals *t)
{
	out_gauge(o, "loadavg", METRIC_COUNT, h->loadavg);
	out_gauge(o, "hostload", METRIC_RATIO, h->n_cpus ? t->runnable_vcpus / h->n_cpus : NAN);
	out_gauge(o, "running_vcpus", METRIC_COUNT, t->running_vcpus);
	out_gauge(o, "running_domains", METRIC_COUNT, t->running_domains);
	out_gauge(o, "vms", METRIC_COUNT, t->vms);
	out_gauge(o, "vcpus", METRIC_COUNT, t->vcpus);
	out_gauge(o, "memory_total_kib", METRIC_KIB, (double)h->memory_total_bytes / 1024);
	out_gauge(o, "memory_free_kib", METRIC_KIB, (double)h->memory_free_bytes / 1024);
	out_gauge(o, "memory_dom0_kib", METRIC_KIB, out_known(h->memory_dom0_bytes, 1024));
	out_gauge(o, "memory_xen_kib", METRIC_KIB, out_known(h->memory_xen_bytes, 1024));
	out_gauge(o, "memory_reclaimed", METRIC_BYTES, t->reclaimed);
	out_gauge(o, "memory_reclaimed_max", METRIC_BYTES, t->reclaimable);
}

/* ---- cards ---- */

static void sample_pifs(const struct out *o, const struct hv_host_stats *h,
			const struct hv_host_stats *before, const mu_msec *since)
{
	struct out_net sum = {0};

	for (uint32_t i = 0; i < h->n_pifs && i < HV_PIFS_MAX; i++) {
		const struct hv_pif_stats *a = &h->pifs[i];
		const struct hv_net_stats *b = NULL;
		struct out_net n;

		for (uint32_t k = 0; before && k < before->n_pifs && k < HV_PIFS_MAX; k++)
			if (strcmp(a->name, before->pifs[k].name) == 0)
				b = &before->pifs[k].net;
		n = out_net_delta(&a->net, b);
		out_net(o, "pif", a->name, &n, &a->net, since[i]);
		out_net_sum(&sum, &n);
	}
	out_net(o, "pif", "aggr", &sum, NULL, 0);
}

/* ---- disks ---- */

static const struct hv_disk_stats disk_unknown = {.rd_bytes = HV_COUNTER_UNKNOWN,
						  .wr_bytes = HV_COUNTER_UNKNOWN,
						  .rd_reqs = HV_COUNTER_UNKNOWN,
						  .wr_reqs = HV_COUNTER_UNKNOWN,
						  .rd_ms = HV_COUNTER_UNKNOWN,
						  .wr_ms = HV_COUNTER_UNKNOWN,
						  .queue_ms = HV_COUNTER_UNKNOWN};

static uint64_t ns_of(uint64_t ms)
{
	return ms <= INT64_MAX / 1000000 ? ms * 1000000 : HV_COUNTER_UNKNOWN;
}

static void sample_disk(const struct out *o, const struct hv_disk_stats *a,
			const struct hv_disk_stats *b, mu_msec since)
{
	const struct out_disk_counts counts = {
	    .since = since,
	    .rd = a->rd_bytes,
	    .wr = a->wr_bytes,
	    .rd_reqs = a->rd_reqs,
	    .wr_reqs = a->wr_reqs,
	    .rd_ns = ns_of(a->rd_ms),
	    .wr_ns = ns_of(a->wr_ms),
	};
	const struct out_disk d = {
	    .rd = out_delta(a->rd_bytes, b->rd_bytes),
	    .wr = out_delta(a->wr_bytes, b->wr_bytes),
	    .rd_reqs = out_delta(a->rd_reqs, b->rd_reqs),
	    .wr_reqs = out_delta(a->wr_reqs, b->wr_reqs),
	    .rd_s = out_delta(a->rd_ms, b->rd_ms) / 1e3,
	    .wr_s = out_delta(a->wr_ms, b->wr_ms) / 1e3,
	};
	char name[METRIC_NAME_MAX + 1];

	out_disk(o, "disk", a->name, &d, &counts);
	out_latency(o, "disk", a->name, &d, &counts);
	out_name(name, "disk", a->name, "avgqu_sz");
	out_rate(o, name, METRIC_REQUESTS, out_delta(a->queue_ms, b->queue_ms) / 1e3);
	metric_list_count(o->list, ns_of(a->queue_ms), since);
	out_name(name, "disk", a->name, "inflight");
	out_gauge(o, name, METRIC_REQUESTS,
		  a->inflight == HV_COUNTER_UNKNOWN ? NAN : (double)a->inflight);
}

static void sample_disks(const struct out *o, const struct hv_host_stats *h,
			 const struct hv_host_stats *before, const mu_msec *since)
{
	for (uint32_t i = 0; i < h->n_disks && i < HV_HOST_DISKS_MAX; i++) {
		const struct hv_disk_stats *b = &disk_unknown;

		for (uint32_t k = 0; before && k < before->n_disks && k < HV_HOST_DISKS_MAX; k++)
			if (strcmp(h->disks[i].name, before->disks[k].name) == 0)
				b = &before->disks[k];
		sample_disk(o, &h->disks[i], b, since[i]);
	}
}

static void sample_sensors(const struct out *o, const struct hv_host_stats *h)
{
	char name[METRIC_NAME_MAX + 1];

	for (uint32_t i = 0; i < h->n_sensors && i < HV_SENSORS_MAX; i++) {
		(void)snprintf(name, sizeof name, "temperature_%s", h->sensors[i].name);
		out_gauge(o, name, METRIC_CELSIUS, h->sensors[i].celsius);
	}
}

void host_sample(const struct out *o, const struct sample_host *host,
		 const struct hv_host_stats *before, const struct since_host *since,
		 const struct sample_domain *domains, size_t n)
{
	const struct totals t = totals_of(domains, n);

	sample_cpus(o, host->stats, before, since->cpu);
	sample_totals(o, host->stats, &t);
	sample_pifs(o, host->stats, before, since->pifs);
	sample_disks(o, host->stats, before, since->disks);
	sample_sensors(o, host->stats);
}

/* ---- SRs ---- */

static void sample_sr(const struct out *o, const struct sample_sr *sr, const struct out_disk *io)
{
	const struct {
		const char *what;
		enum metric_kind kind;
		enum metric_unit unit;
		double value;
	} rows[] = {
	    {"size", METRIC_GAUGE, METRIC_BYTES, out_known(sr->size_bytes, 1)},
	    {"physical_utilisation", METRIC_GAUGE, METRIC_BYTES, out_known(sr->used_bytes, 1)},
	    {"virtual_allocation", METRIC_GAUGE, METRIC_BYTES, out_known(sr->allocated_bytes, 1)},
	    {"read", METRIC_RATE, METRIC_BYTES_PER_S, io->rd / o->seconds},
	    {"write", METRIC_RATE, METRIC_BYTES_PER_S, io->wr / o->seconds},
	    {"iops_read", METRIC_RATE, METRIC_REQUESTS_PER_S, io->rd_reqs / o->seconds},
	    {"iops_write", METRIC_RATE, METRIC_REQUESTS_PER_S, io->wr_reqs / o->seconds},
	    {"iops_total", METRIC_RATE, METRIC_REQUESTS_PER_S,
	     (io->rd_reqs + io->wr_reqs) / o->seconds},
	};
	char id[MU_UUID_TEXT], name[METRIC_NAME_MAX + 1];

	(void)mu_uuid_format(&sr->id, id);
	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		(void)snprintf(name, sizeof name, "%s_%.8s", rows[i].what, id);
		metric_list_add(o->list, o->object, name, rows[i].kind, rows[i].unit,
				rows[i].value);
	}
}

void host_sample_srs(const struct out *o, const struct sample_host *host, const struct out_disk *io)
{
	for (size_t i = 0; i < host->n_srs; i++)
		sample_sr(o, &host->srs[i], &io[i]);
}
