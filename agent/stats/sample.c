/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are xcp-rrdd's where it has them, so that what people know of XAPI's statistics holds here;
 * docs/design/metrics.md lists all. Every device has its series from its first sample on, with
 * NaN: a series that came later than its VM would look like a hole in the data.
 */
#include "agent/stats/sample.h"

#include "agent/stats/host_sample.h"
#include "agent/stats/out.h"
#include "agent/stats/since.h"
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
	mu_msec boot;                    /* wall clock */
	struct since_host since;
	struct since_domain *since_domains; /* by place in `domains` */
	struct since_domain *next_since;    /* of this reading, while it is sampled */
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
	free(s->since_domains);
	free(s->next_since);
	free(s);
	return NULL;
}

static uint32_t at_most(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

/* ---- devices ---- */

static const struct hv_vif_stats *vif_before(const struct hv_domain_stats *before, uint16_t device)
{
	for (uint32_t i = 0; before && i < at_most(before->n_vifs, HV_NICS_MAX); i++)
		if (before->vifs[i].device == device)
			return &before->vifs[i];
	return NULL;
}

static void sample_vifs(const struct out *o, const struct hv_domain_stats *d,
			const struct hv_domain_stats *before, const mu_msec *since)
{
	struct out_net sum = {0};

	for (uint32_t i = 0; i < at_most(d->n_vifs, HV_NICS_MAX); i++) {
		const struct hv_vif_stats *b = vif_before(before, d->vifs[i].device);
		struct out_net n = out_net_delta(&d->vifs[i].net, b ? &b->net : NULL);
		char device[8];

		snprintf(device, sizeof device, "%u", d->vifs[i].device);
		out_net(o, "vif", device, &n, &d->vifs[i].net, since[i]);
		out_net_sum(&sum, &n);
	}
	out_net(o, "vif", "aggr", &sum, NULL, 0);
}

static const struct hv_vbd_stats *vbd_before(const struct hv_domain_stats *before, const char *vdev)
{
	for (uint32_t i = 0; before && i < at_most(before->n_vbds, HV_DISKS_MAX); i++)
		if (strcmp(before->vbds[i].vdev, vdev) == 0)
			return &before->vbds[i];
	return NULL;
}

/* Of the time that requests were under way nothing is known but its sum when they end. */
static void sample_times(const struct out *o, const char *vdev, const struct out_disk *d,
			 const struct out_disk_counts *counts)
{
	char name[METRIC_NAME_MAX + 1];

	out_latency(o, "vbd", vdev, d, counts);
	out_name(name, "vbd", vdev, "avgqu_sz");
	out_rate(o, name, METRIC_REQUESTS, d->rd_s + d->wr_s);
}

static void sample_vbd(const struct out *o, const struct hv_vbd_stats *vbd,
		       const struct out_disk *disk, mu_msec since)
{
	const struct out_disk_counts counts = {since,        vbd->rd_bytes, vbd->wr_bytes,
					       vbd->rd_reqs, vbd->wr_reqs,  vbd->rd_ns,
					       vbd->wr_ns};

	out_disk(o, "vbd", vbd->vdev, disk, &counts);
	if (vbd->timed)
		sample_times(o, vbd->vdev, disk, &counts);
}

/* What each disk did goes to its SR as well. */
static void sample_vbds(const struct out *o, const struct sample_domain *d,
			const struct hv_domain_stats *before, const mu_msec *since,
			struct out_disk *srs)
{
	uint32_t n = at_most(d->stats->n_vbds, HV_DISKS_MAX);
	const struct out_disk unknown = {NAN, NAN, NAN, NAN, NAN, NAN};
	struct out_disk sum = d->stats->more_vbds ? unknown : (struct out_disk){0};
	struct out_disk disks[HV_DISKS_MAX];

	for (uint32_t i = 0; i < n; i++) {
		const struct hv_vbd_stats *vbd = &d->stats->vbds[i];

		disks[i] = out_vbd_delta(vbd, vbd_before(before, vbd->vdev), o->seconds);
		sample_vbd(o, vbd, &disks[i], since[i]);
		out_disk_sum(&sum, &disks[i]);
	}
	out_disk(o, "vbd", "aggr", &sum, NULL);
	for (size_t i = 0; i < d->n_disks; i++) {
		const struct sample_disk *disk = &d->disks[i];

		out_disk_sum(&srs[disk->sr], disk->vbd < n ? &disks[disk->vbd] : &unknown);
	}
}

/* ---- a domain ---- */

static void sample_cpu(const struct out *o, const struct hv_domain_stats *d,
		       const struct hv_domain_stats *before, mu_msec since)
{
	uint32_t n = at_most(d->n_vcpus, HV_VCPUS_MAX);
	char name[METRIC_NAME_MAX + 1];
	uint32_t online = at_most(d->vcpus_online, n);
	uint32_t not_waiting = d->vcpus_running + d->vcpus_blocked;
	uint64_t was = before ? before->cpu_time_ns : HV_COUNTER_UNKNOWN;

	out_share(o, "cpu_usage", out_delta(d->cpu_time_ns, was), online);
	metric_list_count(o->list, out_steady(d->cpu_time_ns, was), since);
	for (uint32_t i = 0; i < n; i++) {
		was = before && i < before->n_vcpus ? before->vcpu_time_ns[i] : HV_COUNTER_UNKNOWN;
		snprintf(name, sizeof name, "cpu%u", i);
		out_share(o, name, out_delta(d->vcpu_time_ns[i], was), 1);
		metric_list_count(o->list, out_steady(d->vcpu_time_ns[i], was), since);
	}
	out_gauge(o, "vcpus_online", METRIC_COUNT, online);
	out_gauge(o, "vcpus_running", METRIC_COUNT, d->vcpus_running);
	out_gauge(o, "vcpus_blocked", METRIC_COUNT, d->vcpus_blocked);
	out_gauge(o, "vcpus_waiting", METRIC_COUNT,
		  not_waiting < online ? online - not_waiting : 0);
}

static void sample_domain(const struct out *o, const struct sample_domain *d,
			  const struct hv_domain_stats *before, const struct since_domain *since,
			  struct out_disk *srs)
{
	int64_t free_bytes = d->guest ? d->guest->memory_free_bytes : -1;
	int64_t total_bytes = d->guest ? d->guest->memory_total_bytes : -1;

	sample_cpu(o, d->stats, before, since->cpu);
	out_gauge(o, "memory", METRIC_BYTES, (double)d->stats->memory_bytes);
	out_gauge(o, "memory_target", METRIC_BYTES, out_known(d->stats->memory_target_bytes, 1));
	out_gauge(o, "memory_internal_free", METRIC_KIB, out_known(free_bytes, 1024));
	out_gauge(o, "memory_internal_total", METRIC_KIB, out_known(total_bytes, 1024));
	out_gauge(o, "memory_free", METRIC_BYTES, out_known(free_bytes, 1));
	out_gauge(o, "uptime", METRIC_SECONDS, out_known(d->uptime, 1000));
	sample_vifs(o, d->stats, before, since->vifs);
	sample_vbds(o, d, before, since->vbds, srs);
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

static void make_room(struct sampler *s, size_t n)
{
	if (n <= s->domains_cap)
		return;
	s->domains_cap = n;
	s->domains = mu_xrealloc(s->domains, n, sizeof *s->domains);
	s->since_domains = mu_xrealloc(s->since_domains, n, sizeof *s->since_domains);
	s->next_since = mu_xrealloc(s->next_since, n, sizeof *s->next_since);
}

static void remember(struct sampler *s, const struct hv_host_stats *host,
		     const struct since_host *since, const struct sample_domain *domains, size_t n)
{
	struct since_domain *was = s->since_domains;

	s->has_before = true;
	s->before = *host;
	s->since = *since;
	for (size_t i = 0; i < n; i++)
		s->domains[i] = *domains[i].stats;
	s->n_domains = n;
	s->since_domains = s->next_since;
	s->next_since = was;
}

static mu_msec positive(mu_msec wall)
{
	return wall > 0 ? wall : 1;
}

static void host_since(struct sampler *s, const struct sample_host *host, struct since_host *ret)
{
	/* Its monotonic time is that since it was booted. */
	if (!s->has_before)
		s->boot = positive(host->wall - host->stats->at);
	since_host(host->stats, s->has_before ? &s->before : NULL, &s->since, positive(host->wall),
		   s->boot, ret);
}

/* Nobody may know how long a domain has been there that was there before us: not longer than the
 * host. */
static const struct since_domain *domain_since(struct sampler *s, const struct sample_domain *d,
					       const struct hv_domain_stats *before, mu_msec wall,
					       size_t i)
{
	mu_msec began = d->uptime >= 0  ? positive(wall - d->uptime)
			: s->has_before ? positive(wall)
					: s->boot;

	since_domain(d->stats, before, before ? &s->since_domains[before - s->domains] : NULL,
		     positive(wall), began, &s->next_since[i]);
	return &s->next_since[i];
}

void sampler_step(struct sampler *s, const struct sample_host *host,
		  const struct sample_domain *domains, size_t n, struct metric_list *out)
{
	struct out_disk srs[SAMPLE_SRS_MAX] = {{0}};
	size_t srs_at, end;
	bool usable = s->has_before && host->stats->at > s->before.at &&
		      host->stats->at - s->before.at <= SAMPLE_HEARTBEAT;
	struct since_host since;
	struct out o = {
	    .list = out,
	    .object = &s->host.uuid,
	    .seconds = usable ? (double)(host->stats->at - s->before.at) / 1e3 : NAN,
	};

	metric_list_reset(out);
	mu_assert(host->n_srs <= SAMPLE_SRS_MAX);
	make_room(s, n);
	host_since(s, host, &since);
	host_sample(&o, host, usable ? &s->before : NULL, &since, domains, n);
	/* All of the host's lie together: those of the SRs have their places now, and what their
	 * disks did when that is summed up. */
	srs_at = out->n;
	host_sample_srs(&o, host, srs);
	for (size_t i = 0; i < n; i++) {
		const struct hv_domain_stats *b = find_before(s, domains[i].stats, i);

		o.object = &domains[i].stats->id.uuid;
		sample_domain(&o, &domains[i], usable ? b : NULL,
			      domain_since(s, &domains[i], b, host->wall, i), srs);
	}
	o.object = &s->host.uuid;
	end = out->n;
	out->n = srs_at;
	host_sample_srs(&o, host, srs);
	out->n = end;
	remember(s, host->stats, &since, domains, n);
}

mu_msec sample_grid(mu_msec wall)
{
	return (wall + SAMPLE_INTERVAL / 2) / SAMPLE_INTERVAL * SAMPLE_INTERVAL;
}

mu_msec sample_delay(mu_msec wall)
{
	return SAMPLE_INTERVAL - wall % SAMPLE_INTERVAL + 100;
}
