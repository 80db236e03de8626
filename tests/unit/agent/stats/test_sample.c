/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/sample.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB ((int64_t)1 << 30)

static const struct host_id host_id = {{{0xaa}}};

/* Two vCPUs, a NIC and a disk. */
static struct hv_domain_stats vm(uint32_t domid, uint8_t id)
{
	struct hv_domain_stats d = {
	    .domid = {domid},
	    .id = {{{id}}},
	    .memory_bytes = GIB,
	    .memory_target_bytes = 2 * GIB,
	    .n_vcpus = 2,
	    .vcpus_online = 2,
	    .vcpus_running = 1,
	    .vcpus_blocked = 1,
	    .n_vifs = 1,
	    .n_vbds = 1,
	};

	snprintf(d.vbds[0].vdev, sizeof d.vbds[0].vdev, "xvda");
	return d;
}

static struct hv_host_stats host_at(mu_msec at)
{
	struct hv_host_stats h = {
	    .at = at,
	    .n_cpus = 2,
	    .memory_total_bytes = 8 * GIB,
	    .memory_free_bytes = 6 * GIB,
	    .memory_dom0_bytes = GIB,
	    .memory_xen_bytes = -1,
	    .loadavg = 0.25,
	    .n_pifs = 1,
	};

	snprintf(h.pifs[0].name, sizeof h.pifs[0].name, "eth0");
	return h;
}

/* Fails the test when there is no such series, or two. */
static double value_of(const struct metric_list *l, uint8_t object, const char *name)
{
	size_t n_found = 0, at = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->series[i].object.bytes[0] == object &&
		    strcmp(l->series[i].name, name) == 0) {
			n_found++;
			at = i;
		}
	}
	cr_assert_eq(n_found, 1, "%zu series %s", n_found, name);
	return (double)l->value[at];
}

static void sample_step(struct sampler *s, const struct hv_host_stats *stats,
			const struct sample_domain *domains, size_t n, struct metric_list *out)
{
	const struct sample_host host = {.stats = stats};

	sampler_step(s, &host, domains, n, out);
}

static void step(struct sampler *s, mu_msec at, const struct hv_domain_stats *d,
		 struct metric_list *out)
{
	const struct sample_domain one = {.stats = d, .uptime = at};
	const struct hv_host_stats host = host_at(at);

	sample_step(s, &host, &one, d ? 1 : 0, out);
}

static void expect(const struct metric_list *l, uint8_t object, const char *name, double wanted)
{
	double v = value_of(l, object, name);

	cr_assert(fabs(v - wanted) <= 1e-6 * (1 + fabs(wanted)), "%s is %f, not %f", name, v,
		  wanted);
}

static void expect_unknown(const struct metric_list *l, uint8_t object, const char *name)
{
	cr_assert(isnan(value_of(l, object, name)), "%s is known", name);
}

Test(sample, first_has_gauges_and_no_rates)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);
	size_t n_vm = 0;

	d.cpu_time_ns = 12345678;
	step(s, 1000, &d, &out);
	for (size_t i = 0; i < out.n; i++) {
		cr_assert_eq(out.series[i].kind == METRIC_RATE && !isnan(out.value[i]), false, "%s",
			     out.series[i].name);
		n_vm += out.series[i].object.bytes[0] == 1;
	}
	cr_assert_geq(n_vm, 20);
	expect(&out, 1, "memory", (double)GIB);
	expect(&out, 1, "memory_target", (double)(2 * GIB));
	expect(&out, 1, "uptime", 1);
	expect(&out, 1, "vcpus_waiting", 0);
	expect_unknown(&out, 1, "memory_internal_free");
	expect(&out, 0xaa, "memory_total_kib", (double)(8 * GIB / 1024));
	expect(&out, 0xaa, "running_domains", 1);
	expect(&out, 0xaa, "hostload", 0.5);
}

static bool has_series(const struct metric_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->series[i].name, name) == 0)
			return true;
	return false;
}

/* As QEMU's disks are: counted at their own times, with how long requests took. */
Test(sample, disk_with_times_of_its_own)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);
	struct hv_vbd_stats *v = &d.vbds[0];

	step(s, 1000, &d, &out);
	cr_assert_not(has_series(&out, "vbd_xvda_read_latency"), "nobody tells it");
	v->timed = true;
	v->at = 5000;
	step(s, 6000, &d, &out);
	expect_unknown(&out, 1, "vbd_xvda_read");
	expect_unknown(&out, 1, "vbd_xvda_read_latency");

	v->at += 4000; /* of which the sample's five seconds know nothing */
	v->rd_bytes += 8000;
	v->rd_reqs += 20;
	v->rd_ns += 100000000;
	v->wr_reqs += 20;
	v->wr_ns += 300000000;
	step(s, 11000, &d, &out);
	expect(&out, 1, "vbd_xvda_read", 2000);
	expect(&out, 1, "vbd_xvda_iops_total", 10);
	expect(&out, 1, "vbd_aggr_read", 2000);
	expect(&out, 1, "vbd_xvda_read_latency", 0.005);
	expect(&out, 1, "vbd_xvda_write_latency", 0.015);
	expect(&out, 1, "vbd_xvda_latency", 0.01);
	expect(&out, 1, "vbd_xvda_avgqu_sz", 0.1);

	v->at += 5000; /* nothing was done: no latency, which is not one of 0 */
	step(s, 16000, &d, &out);
	expect(&out, 1, "vbd_xvda_read", 0);
	expect(&out, 1, "vbd_xvda_avgqu_sz", 0);
	expect_unknown(&out, 1, "vbd_xvda_latency");

	v->at = 0; /* did not answer, and then does again */
	v->rd_bytes = v->rd_reqs = v->rd_ns = HV_COUNTER_UNKNOWN;
	v->wr_bytes = v->wr_reqs = v->wr_ns = HV_COUNTER_UNKNOWN;
	step(s, 21000, &d, &out);
	expect_unknown(&out, 1, "vbd_xvda_read");
	expect_unknown(&out, 1, "vbd_xvda_avgqu_sz");
	d.more_vbds = true;
	v->at = 24000;
	v->rd_bytes = v->rd_reqs = v->rd_ns = v->wr_bytes = v->wr_reqs = v->wr_ns = 7;
	step(s, 26000, &d, &out);
	expect_unknown(&out, 1, "vbd_xvda_write");
	v->at += 5000;
	step(s, 31000, &d, &out);
	expect(&out, 1, "vbd_xvda_write", 0);
	expect_unknown(&out, 1, "vbd_aggr_write"); /* of the other disks nothing is known */
}

Test(sample, vm_without_devices_has_twenty_too)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);
	size_t n = 0;

	d.n_vcpus = d.vcpus_online = 1;
	d.n_vifs = d.n_vbds = 0;
	step(s, 0, &d, &out);
	step(s, 5000, &d, &out);
	for (size_t i = 0; i < out.n; i++)
		n += out.series[i].object.bytes[0] == 1;
	cr_assert_eq(n, 25, "docs/design/metrics.md says 25, not %zu", n);
	expect(&out, 1, "vif_aggr_rx", 0);
	expect(&out, 1, "vbd_aggr_iops_total", 0);
}

Test(sample, rates_are_per_second_of_the_readings_time)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	step(s, 1000, &d, &out);
	d.cpu_time_ns += 2000000000;
	d.vcpu_time_ns[0] += 1500000000;
	d.vcpu_time_ns[1] += 500000000;
	d.vifs[0].net.rx_bytes += 4000;
	d.vifs[0].net.tx_packets += 8;
	d.vifs[0].net.rx_errors += 2;
	d.vifs[0].net.tx_drops += 12;
	d.vbds[0].rd_bytes += 40960;
	d.vbds[0].wr_reqs += 4;
	d.vbds[0].rd_reqs += 8;
	step(s, 5000, &d, &out);
	expect(&out, 1, "cpu_usage", 0.25);
	expect(&out, 1, "cpu0", 0.375);
	expect(&out, 1, "cpu1", 0.125);
	expect(&out, 1, "vif_0_rx", 1000);
	expect(&out, 1, "vif_0_tx", 0);
	expect(&out, 1, "vif_0_tx_packets", 2);
	expect(&out, 1, "vif_0_rx_errors", 0.5);
	expect(&out, 1, "vif_0_tx_drops", 3);
	expect(&out, 1, "vif_aggr_tx_drops", 3);
	expect(&out, 1, "vif_aggr_rx", 1000);
	expect(&out, 1, "vbd_xvda_read", 10240);
	expect(&out, 1, "vbd_xvda_iops_write", 1);
	expect(&out, 1, "vbd_xvda_iops_total", 3);
	expect(&out, 1, "vbd_aggr_iops_read", 2);
}

Test(sample, host_cpus_are_what_is_not_idle)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_host_stats h = host_at(0);

	sample_step(s, &h, NULL, 0, &out);
	h.at = 10000;
	h.cpu_idle_ns[0] = 10000000000;
	h.cpu_idle_ns[1] = 5000000000;
	h.pifs[0].net.tx_bytes = 50;
	sample_step(s, &h, NULL, 0, &out);
	expect(&out, 0xaa, "cpu0", 0);
	expect(&out, 0xaa, "cpu1", 0.5);
	expect(&out, 0xaa, "cpu_avg", 0.25);
	expect(&out, 0xaa, "loadavg", 0.25);
	expect(&out, 0xaa, "pif_eth0_tx", 5);
	expect(&out, 0xaa, "pif_aggr_tx", 5);
}

Test(sample, counter_that_goes_back_is_unknown_once)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	d.vifs[0].net.rx_bytes = UINT64_MAX - 10;
	step(s, 0, &d, &out);
	d.vifs[0].net.rx_bytes = 1000; /* wrapped or reset: nobody knows */
	step(s, 5000, &d, &out);
	expect_unknown(&out, 1, "vif_0_rx");
	expect_unknown(&out, 1, "vif_aggr_rx");
	expect(&out, 1, "vif_0_tx", 0);
	d.vifs[0].net.rx_bytes = 6000;
	step(s, 10000, &d, &out);
	expect(&out, 1, "vif_0_rx", 1000);
}

Test(sample, domain_started_anew_begins_anew)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	d.cpu_time_ns = 1000;
	step(s, 0, &d, &out);
	d.domid.value = 8;
	d.cpu_time_ns = 5000; /* higher: the number alone would not show it */
	step(s, 5000, &d, &out);
	expect_unknown(&out, 1, "cpu_usage");
	d.cpu_time_ns += 5000000000;
	step(s, 10000, &d, &out);
	expect(&out, 1, "cpu_usage", 0.5);
	/* Another VM under the same domain id, after the host's ids have wrapped. */
	d.id.uuid.bytes[0] = 2;
	d.cpu_time_ns += 5000000000;
	step(s, 15000, &d, &out);
	expect_unknown(&out, 2, "cpu_usage");
}

Test(sample, device_and_vcpu_that_come_later)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	step(s, 0, &d, &out);
	d.n_vcpus = d.vcpus_online = 3;
	d.n_vifs = 2;
	d.vifs[1].device = 3;
	d.vifs[1].net.rx_bytes = 77;
	step(s, 5000, &d, &out);
	expect_unknown(&out, 1, "cpu2");
	expect_unknown(&out, 1, "vif_3_rx");
	expect(&out, 1, "vif_0_rx", 0);
	/* In another order than before. */
	d.vifs[0] = d.vifs[1];
	d.vifs[1] = (struct hv_vif_stats){.device = 0, .net.rx_bytes = 5};
	d.vifs[0].net.rx_bytes += 5;
	step(s, 10000, &d, &out);
	expect(&out, 1, "vif_3_rx", 1);
	expect(&out, 1, "vif_0_rx", 1);
}

Test(sample, time_that_stands_still_gives_no_rate)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	step(s, 5000, &d, &out);
	d.cpu_time_ns += 1;
	step(s, 5000, &d, &out);
	expect_unknown(&out, 1, "cpu_usage");
	expect_unknown(&out, 0xaa, "cpu_avg");
	step(s, 4000, &d, &out);
	expect_unknown(&out, 1, "cpu_usage");
}

Test(sample, guest_tells_its_memory)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);
	const struct vm_guest guest = {.memory_free_bytes = GIB / 2, .memory_total_bytes = GIB};
	const struct sample_domain one = {.stats = &d, .guest = &guest, .uptime = -1};
	const struct hv_host_stats host = host_at(0);

	sample_step(s, &host, &one, 1, &out);
	expect(&out, 1, "memory_internal_free", (double)(GIB / 2 / 1024));
	expect(&out, 1, "memory_internal_total", (double)(GIB / 1024));
	expect(&out, 1, "memory_free", (double)(GIB / 2));
	expect_unknown(&out, 1, "uptime");
}

Test(sample, paused_domains_do_not_run)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d[2] = {vm(7, 1), vm(8, 2)};
	const struct sample_domain domains[] = {{.stats = &d[0]}, {.stats = &d[1], .paused = true}};
	const struct hv_host_stats host = host_at(0);

	sample_step(s, &host, domains, 2, &out);
	expect(&out, 0xaa, "running_domains", 1);
	expect(&out, 0xaa, "running_vcpus", 1);
	cr_assert_null(sampler_free(NULL));
}

Test(sample, many_domains_in_any_order)
{
	enum { N = 50 };
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	static struct hv_domain_stats d[N];
	struct sample_domain domains[N];
	struct hv_host_stats host = host_at(0);

	for (size_t i = 0; i < N; i++) {
		d[i] = vm((uint32_t)(i + 1), (uint8_t)(i + 1));
		domains[i] = (struct sample_domain){.stats = &d[i]};
	}
	sample_step(s, &host, domains, N, &out);
	for (size_t i = 0; i < N; i++) {
		d[i].cpu_time_ns = (i + 1) * 100000000;
		domains[N - 1 - i] = (struct sample_domain){.stats = &d[i]};
	}
	host.at = 5000;
	sample_step(s, &host, domains, N, &out);
	for (size_t i = 0; i < N; i++)
		expect(&out, (uint8_t)(i + 1), "cpu_usage", (double)(i + 1) * 0.01);
}

/* What a driver must never do does no harm. */
Test(sample, counts_over_the_limits_are_cut)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	d.n_vcpus = d.n_vifs = d.n_vbds = UINT32_MAX;
	for (size_t i = 0; i < HV_NICS_MAX; i++)
		d.vifs[i].device = (uint16_t)i;
	step(s, 0, &d, &out);
	step(s, 5000, &d, &out);
	expect(&out, 1, "cpu127", 0);
	expect(&out, 1, "vif_7_rx", 0);
}

Test(sample, counter_without_a_source_is_unknown)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	step(s, 0, &d, &out);
	d.vifs[0].net.rx_drops = HV_COUNTER_UNKNOWN; /* its file went midway */
	d.vbds[0].rd_reqs = HV_COUNTER_UNKNOWN;
	d.vcpu_time_ns[1] = HV_COUNTER_UNKNOWN;
	step(s, 5000, &d, &out);
	expect_unknown(&out, 1, "vif_0_rx_drops");
	expect_unknown(&out, 1, "vif_aggr_rx_drops");
	expect_unknown(&out, 1, "vbd_xvda_iops_total");
	expect_unknown(&out, 1, "cpu1");
	expect(&out, 1, "vif_0_rx", 0);
	d.vifs[0].net.rx_drops = 5;
	step(s, 10000, &d, &out);
	expect_unknown(&out, 1, "vif_0_rx_drops");
	d.vifs[0].net.rx_drops = 10;
	step(s, 15000, &d, &out);
	expect(&out, 1, "vif_0_rx_drops", 1);
}

Test(sample, vcpus_that_are_offline)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	d.n_vcpus = 4;
	d.vcpus_running = 0;
	step(s, 0, &d, &out);
	d.cpu_time_ns += 5000000000;
	step(s, 5000, &d, &out);
	expect(&out, 1, "vcpus_online", 2);
	expect(&out, 1, "vcpus_waiting", 1);
	expect(&out, 1, "cpu_usage", 0.5);
	expect(&out, 1, "cpu3", 0);
	expect(&out, 0xaa, "vcpus", 2);
	expect(&out, 0xaa, "vms", 1);
	expect(&out, 0xaa, "hostload", 0.5);
}

Test(sample, memory_of_the_host)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d[3] = {vm(7, 1), vm(8, 2), vm(9, 3)};
	const struct sample_domain domains[] = {
	    {.stats = &d[0], .memory_min_bytes = GIB, .memory_max_bytes = 4 * GIB},
	    {.stats = &d[1], .memory_min_bytes = 3 * GIB, .memory_max_bytes = 3 * GIB},
	    {.stats = &d[2]}, /* not ours to change */
	};
	struct hv_host_stats h = host_at(0);

	sample_step(s, &h, domains, 3, &out);
	expect(&out, 0xaa, "memory_dom0_kib", (double)(GIB / 1024));
	expect_unknown(&out, 0xaa, "memory_xen_kib");
	expect(&out, 0xaa, "memory_reclaimed", (double)(3 * GIB));
	expect(&out, 0xaa, "memory_reclaimed_max", (double)GIB);
	h.memory_xen_bytes = GIB / 4;
	d[0].memory_target_bytes = -1;
	sample_step(s, &h, domains, 3, &out);
	expect(&out, 0xaa, "memory_xen_kib", (double)(GIB / 4 / 1024));
	expect_unknown(&out, 0xaa, "memory_reclaimed");
	expect_unknown(&out, 0xaa, "memory_reclaimed_max");
}

static struct hv_host_stats with_disk(mu_msec at)
{
	struct hv_host_stats h = host_at(at);

	h.n_disks = 1;
	snprintf(h.disks[0].name, sizeof h.disks[0].name, "sda");
	return h;
}

Test(sample, disks_of_the_host)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_host_stats h = with_disk(0);

	h.disks[0].inflight = 2;
	sample_step(s, &h, NULL, 0, &out);
	expect_unknown(&out, 0xaa, "disk_sda_read");
	expect_unknown(&out, 0xaa, "disk_sda_latency");
	expect(&out, 0xaa, "disk_sda_inflight", 2);
	h.at = 5000;
	h.disks[0].rd_bytes = 51200;
	h.disks[0].rd_reqs = 10;
	h.disks[0].rd_ms = 20;
	h.disks[0].queue_ms = 2500;
	h.disks[0].inflight = HV_COUNTER_UNKNOWN;
	sample_step(s, &h, NULL, 0, &out);
	expect(&out, 0xaa, "disk_sda_read", 10240);
	expect(&out, 0xaa, "disk_sda_iops_read", 2);
	expect(&out, 0xaa, "disk_sda_iops_total", 2);
	expect(&out, 0xaa, "disk_sda_read_latency", 0.002);
	expect(&out, 0xaa, "disk_sda_latency", 0.002);
	/* No write, so nobody knows how long one takes. */
	expect_unknown(&out, 0xaa, "disk_sda_write_latency");
	expect(&out, 0xaa, "disk_sda_avgqu_sz", 0.5);
	expect_unknown(&out, 0xaa, "disk_sda_inflight");
	snprintf(h.disks[0].name, sizeof h.disks[0].name, "sdb");
	h.at = 10000;
	sample_step(s, &h, NULL, 0, &out);
	expect_unknown(&out, 0xaa, "disk_sdb_write");
}

Test(sample, temperatures)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_host_stats h = host_at(0);

	h.n_sensors = 2;
	h.sensors[0] = (struct hv_sensor){"coretemp.0-temp1", 47.5};
	h.sensors[1] = (struct hv_sensor){"nvme0-temp1", NAN};
	sample_step(s, &h, NULL, 0, &out);
	expect(&out, 0xaa, "temperature_coretemp.0-temp1", 47.5);
	expect_unknown(&out, 0xaa, "temperature_nvme0-temp1");
}

/* Two VMs on one SR; the other SR has a disk that nobody counts. */
Test(sample, srs_are_the_sum_of_their_disks)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	const struct sample_sr srs[] = {
	    {{{0x12, 0x34, 0x56, 0x78}}, 1000, 500, -1},
	    {{{0xab, 0xcd, 0xef, 0x01}}, -1, -1, -1},
	};
	struct hv_domain_stats d[2] = {vm(7, 1), vm(8, 2)};
	const struct sample_domain domains[] = {
	    {.stats = &d[0], .n_disks = 2, .disks = {{0, 0}, {1, SAMPLE_NO_VBD}}},
	    {.stats = &d[1], .n_disks = 1, .disks = {{0, 0}}},
	};
	struct hv_host_stats h = host_at(0);
	const struct sample_host host = {.stats = &h, .n_srs = 2, .srs = srs};
	size_t n_host = 0;

	sampler_step(s, &host, domains, 2, &out);
	expect(&out, 0xaa, "size_12345678", 1000);
	expect(&out, 0xaa, "physical_utilisation_12345678", 500);
	expect_unknown(&out, 0xaa, "virtual_allocation_12345678");
	expect_unknown(&out, 0xaa, "read_12345678");
	h.at = 5000;
	d[0].vbds[0].rd_bytes = 5000;
	d[1].vbds[0].rd_bytes = 10000;
	d[1].vbds[0].wr_reqs = 5;
	sampler_step(s, &host, domains, 2, &out);
	expect(&out, 0xaa, "read_12345678", 3000);
	expect(&out, 0xaa, "write_12345678", 0);
	expect(&out, 0xaa, "iops_write_12345678", 1);
	expect(&out, 0xaa, "iops_total_12345678", 1);
	expect_unknown(&out, 0xaa, "read_abcdef01");
	/* All of the host's come first, in one piece. */
	while (n_host < out.n && out.series[n_host].object.bytes[0] == 0xaa)
		n_host++;
	for (size_t i = n_host; i < out.n; i++)
		cr_assert_neq(out.series[i].object.bytes[0], 0xaa);
}

/* ---- counters ---- */

#define BOOT (MU_SEC(1790000000))

/* A reading of the host, `at` after it was booted. The domain is as old, or (negative) nobody
 * knows.
 */
static void count_step(struct sampler *s, mu_msec at, const struct hv_host_stats *h,
		       const struct hv_domain_stats *d, mu_msec uptime, struct metric_list *out)
{
	const struct sample_domain one = {.stats = d, .uptime = uptime};
	struct hv_host_stats stats = h ? *h : host_at(at);
	const struct sample_host host = {.wall = BOOT + at, .stats = &stats};

	stats.at = at;
	sampler_step(s, &host, &one, d ? 1 : 0, out);
}

static size_t find(const struct metric_list *l, const char *name)
{
	size_t i = 0;

	while (i < l->n && strcmp(l->series[i].name, name) != 0)
		i++;
	cr_assert_lt(i, l->n, "no series %s", name);
	return i;
}

static void expect_count(const struct metric_list *l, const char *name, uint64_t count,
			 mu_msec since)
{
	size_t i = find(l, name);

	cr_assert_eq(l->series[i].since, BOOT + since, "%s since %lld", name,
		     (long long)(l->series[i].since - BOOT));
	cr_assert_eq(l->count[i], count, "%s is %llu", name, (unsigned long long)l->count[i]);
}

Test(sample, counters_beside_their_rates)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_host_stats h = host_at(0);
	struct hv_domain_stats d = vm(7, 1);

	d.cpu_time_ns = 1;
	d.vcpu_time_ns[1] = UINT64_C(1) << 60;
	d.vifs[0].net.rx_bytes = (UINT64_C(1) << 53) + 1;
	d.vifs[0].net.tx_drops = HV_COUNTER_UNKNOWN;
	d.vbds[0].timed = true;
	d.vbds[0].wr_ns = 77;
	h.cpu_idle_ns[1] = 5;
	h.pifs[0].net.tx_packets = (uint64_t)INT64_MAX + 1;
	h.n_disks = 1;
	h.disks[0] = (struct hv_disk_stats){
	    .name = "sda", .rd_reqs = 3, .rd_ms = 4, .wr_ms = UINT64_MAX / 1000, .queue_ms = 5};
	count_step(s, 60000, &h, &d, 10000, &out);
	expect_count(&out, "cpu_usage", 1, 50000);
	expect_count(&out, "vif_0_rx", (UINT64_C(1) << 53) + 1, 50000);
	expect_count(&out, "vif_0_tx_drops", METRIC_COUNT_UNKNOWN, 50000);
	expect_count(&out, "vbd_xvda_iops_read", 0, 50000);
	expect_count(&out, "vbd_xvda_write_latency", 77, 50000);
	expect_count(&out, "pif_eth0_tx_packets", METRIC_COUNT_UNKNOWN, 0);
	expect_count(&out, "disk_sda_iops_read", 3, 0);
	expect_count(&out, "disk_sda_read_latency", 4000000, 0);
	expect_count(&out, "disk_sda_write_latency", METRIC_COUNT_UNKNOWN, 0);
	expect_count(&out, "disk_sda_avgqu_sz", 5000000, 0);
	cr_assert_eq(out.series[find(&out, "cpu1")].since, BOOT, "the host's: idle time");
	cr_assert_eq(out.count[find(&out, "cpu1")], 5);
	for (size_t i = 0; i < out.n; i++)
		cr_assert(out.series[i].since == 0 || (out.series[i].kind == METRIC_RATE &&
						       !strstr(out.series[i].name, "aggr") &&
						       !strstr(out.series[i].name, "total")),
			  "%s: a sum falls when a part of it goes", out.series[i].name);
}

/* Its counters may have run past those of before: only their beginning tells. */
Test(sample, counters_of_a_domain_that_was_started_anew)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	d.vifs[0].net.rx_bytes = 100;
	count_step(s, 60000, NULL, &d, -1, &out);
	expect_count(&out, "vif_0_rx", 100, 0);
	count_step(s, 65000, NULL, &d, 1000, &out);
	expect_count(&out, "vif_0_rx", 100, 0);
	d.domid.value = 8;
	d.vifs[0].net.rx_bytes = 5000;
	count_step(s, 70000, NULL, &d, -1, &out);
	expect_count(&out, "vif_0_rx", 5000, 70000);
	d.domid.value = 9;
	count_step(s, 75000, NULL, &d, 3000, &out);
	expect_count(&out, "vif_0_rx", 5000, 72000);
	expect_unknown(&out, 1, "vif_0_rx");
}

Test(sample, counters_of_devices_that_come_and_fall)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_host_stats h = host_at(0);
	struct hv_domain_stats d = vm(7, 1);

	h.n_disks = 1;
	memcpy(h.disks[0].name, "sda", 4);
	h.disks[0].queue_ms = h.pifs[0].net.rx_errors = 7;
	d.vifs[0].net.tx_packets = d.vbds[0].wr_reqs = 7;
	count_step(s, 5000, &h, &d, 5000, &out);
	d.n_vifs = d.n_vbds = 2;
	d.vifs[1].device = 1;
	memcpy(d.vbds[1].vdev, "xvdb", 5);
	h.n_disks = h.n_pifs = 2;
	memcpy(h.disks[1].name, "sdb", 4);
	memcpy(h.pifs[1].name, "eth1", 5);
	count_step(s, 10000, &h, &d, 10000, &out);
	expect_count(&out, "vif_0_tx_packets", 7, 0);
	expect_count(&out, "vif_1_tx_packets", 0, 10000);
	expect_count(&out, "vbd_xvdb_write", 0, 10000);
	expect_count(&out, "disk_sdb_write", 0, 10000);
	expect_count(&out, "pif_eth1_rx", 0, 10000);
	d.vifs[0].net.tx_packets = d.vbds[0].wr_reqs = 6;
	h.disks[0].queue_ms = h.pifs[0].net.rx_errors = 6;
	count_step(s, 15000, &h, &d, 15000, &out);
	expect_count(&out, "vif_0_tx_packets", 6, 15000);
	expect_count(&out, "vif_0_rx", 0, 15000);
	expect_count(&out, "vif_1_rx", 0, 10000);
	expect_count(&out, "vbd_xvda_iops_write", 6, 15000);
	expect_count(&out, "disk_sda_avgqu_sz", 6000000, 15000);
	expect_count(&out, "pif_eth0_rx_errors", 6, 15000);
	expect_count(&out, "cpu_usage", 0, 0);
}

/* Somebody would take it for one that began anew and has come so far at once. */
Test(sample, time_of_a_cpu_that_falls_is_unknown_once)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	d.cpu_time_ns = d.vcpu_time_ns[0] = 1000;
	count_step(s, 5000, NULL, &d, 5000, &out);
	d.cpu_time_ns = 999;
	count_step(s, 10000, NULL, &d, 10000, &out);
	expect_count(&out, "cpu_usage", METRIC_COUNT_UNKNOWN, 0);
	count_step(s, 15000, NULL, &d, 15000, &out);
	expect_count(&out, "cpu_usage", 999, 0);
}

/* The window takes what is so far apart; a rate of it would say too little of the last step. */
Test(sample, no_rate_over_more_than_the_heartbeat)
{
	MU_CLEANUP(sampler_free) struct sampler *s = sampler_new(&host_id);
	MU_CLEANUP(metric_list_deinit) struct metric_list out = METRIC_LIST_INIT;
	struct hv_domain_stats d = vm(7, 1);

	step(s, 5000, &d, &out);
	d.vifs[0].net.rx_bytes = 3000;
	step(s, 5000 + SAMPLE_HEARTBEAT, &d, &out);
	expect(&out, 1, "vif_0_rx", 10);
	d.vifs[0].net.rx_bytes = 6000;
	step(s, 5001 + 2 * SAMPLE_HEARTBEAT, &d, &out);
	expect_unknown(&out, 1, "vif_0_rx");
	d.vifs[0].net.rx_bytes = 6010;
	step(s, 6001 + 2 * SAMPLE_HEARTBEAT, &d, &out);
	expect(&out, 1, "vif_0_rx", 10);
}

Test(sample, grid)
{
	cr_assert_eq(sample_grid(1000000), 1000000);
	cr_assert_eq(sample_grid(1000100), 1000000);
	cr_assert_eq(sample_grid(1002499), 1000000);
	cr_assert_eq(sample_grid(1002500), 1005000);
	cr_assert_eq(sample_delay(1000000), 5100);
	cr_assert_eq(sample_delay(1004999), 101);
	for (mu_msec wall = 0; wall < 20000; wall += 7)
		cr_assert_eq(sample_grid(wall + sample_delay(wall)), (wall / 5000 + 1) * 5000);
}

Test(metric, every_unit_has_a_name)
{
	for (int i = 0; i < _METRIC_UNIT_COUNT; i++)
		cr_assert_gt(strlen(metric_unit_name((enum metric_unit)i)), 0);
}

Test(metric, a_list_takes_no_more_than_it_may)
{
	MU_CLEANUP(metric_list_deinit) struct metric_list l = METRIC_LIST_INIT;

	for (int round = 0; round < 2; round++) {
		metric_list_reset(&l);
		for (uint64_t i = 0; i < METRIC_LIST_MAX + 3; i++) {
			metric_list_add(&l, &host_id.uuid, "s", METRIC_RATE, METRIC_RATIO, 0);
			metric_list_count(&l, i, 1);
		}
		cr_assert_eq(l.n, METRIC_LIST_MAX);
		cr_assert_eq(l.n_left_out, 3);
		cr_expect_eq(l.count[l.n - 1], METRIC_LIST_MAX - 1);
	}
}
