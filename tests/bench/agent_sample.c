/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sample of an agent with VMS VMs of two vifs and two disks each, from the device counters to
 * the window: everything but the hypercalls. DIR is an empty folder of a tmpfs, where a tree that
 * looks like sysfs and /proc is made. Prints one line per figure, "NAME VALUE". CPU time of this
 * process, the kernel's part included. tests/bench/bench_sample.py runs it.
 */
#include "agent/host/counters.h"
#include "agent/hv/xen/xen_stats.h"
#include "agent/stats/history.h"
#include "agent/stats/sample.h"
#include "agent/stats/window.h"
#include "common/base/assert.h"
#include "common/os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 100, VIFS = 2, VBDS = 2, VCPUS = 4, CARDS = 4, DISKS = 8, READS = 20000 };

struct bench {
	const char *dir;
	uint32_t n_vms;
	struct hv_host_stats host;
	struct hv_domain_stats *stats;
	struct sample_domain *domains;
	struct sampler *sampler;
	struct history *history;
	struct window *window;
	struct metric_list list;
};

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the tree ---- */

static void put(const struct bench *b, const char *folder, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", b->dir, folder);
	mu_assert(mu_file_mkdirs(path, 0755, NULL) == 0);
	(void)snprintf(path, sizeof path, "%s/%s/%s", b->dir, folder, name);
	f = fopen(path, "w");
	mu_assert(f && fputs(text, f) >= 0);
	(void)fclose(f);
}

static void link_to(const struct bench *b, const char *path, const char *target)
{
	char full[512];

	(void)snprintf(full, sizeof full, "%s/%s", b->dir, path);
	mu_assert(symlink(target, full) == 0);
}

static void make_vm(const struct bench *b, uint32_t domid, struct mu_str *nets)
{
	static const char *const names[] = {"rd_req", "wr_req", "rd_sect", "wr_sect"};
	char folder[256];

	for (int i = 0; i < VIFS; i++) {
		(void)snprintf(folder, sizeof folder,
			       "bus/xen-backend/devices/vif-%u-%d/net/vif%u.%d", domid, i, domid,
			       i);
		put(b, folder, "type", "1\n");
		mu_str_printf(nets,
			      "vif%u.%d: 123456789 12345 0 0 0 0 0 0 987654321 54321 0 0 0 0 0 0\n",
			      domid, i);
		(void)snprintf(folder, sizeof folder, "class/net/vif%u.%d/device", domid, i);
		put(b, folder, "nodename", "");
		(void)snprintf(folder, sizeof folder, "class/net/vif%u.%d/device/subsystem", domid,
			       i);
		link_to(b, folder, "../../../../bus/xen-backend");
	}
	for (int i = 0; i < VBDS; i++) {
		(void)snprintf(folder, sizeof folder,
			       "bus/xen-backend/devices/vbd-%u-%d/statistics", domid,
			       51712 + 16 * i);
		for (size_t k = 0; k < MU_ARRAY_SIZE(names); k++)
			put(b, folder, names[k], "123456789\n");
	}
}

static void make_host(const struct bench *b)
{
	static const char *const names[] = {"rx_bytes",  "tx_bytes",  "rx_packets", "tx_packets",
					    "rx_errors", "tx_errors", "rx_dropped", "tx_dropped"};
	char folder[256];

	for (int i = 0; i < CARDS; i++) {
		(void)snprintf(folder, sizeof folder, "class/net/eth%d/statistics", i);
		for (size_t k = 0; k < MU_ARRAY_SIZE(names); k++)
			put(b, folder, names[k], "123456789\n");
		(void)snprintf(folder, sizeof folder, "class/net/eth%d/device", i);
		put(b, folder, "vendor", "0x8086\n");
		(void)snprintf(folder, sizeof folder, "class/net/eth%d/device/subsystem", i);
		link_to(b, folder, "../../../../bus/pci");
	}
	for (int i = 0; i < DISKS; i++) {
		(void)snprintf(folder, sizeof folder, "block/sd%d", i);
		put(b, folder, "stat", "1000 10 8000 500 2000 20 16000 700 3 900 1200\n");
		(void)snprintf(folder, sizeof folder, "block/sd%d/device", i);
		link_to(b, folder, "../../../0:0:0:0");
	}
}

static void make_tree(const struct bench *b)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str nets = MU_STR_INIT;

	for (uint32_t i = 0; i < b->n_vms; i++)
		make_vm(b, i + 1, &nets);
	put(b, "net", "dev", nets.data ? nets.data : "");
	make_host(b);
}

/* ---- a sample ---- */

static void describe(struct bench *b, int round)
{
	b->host.at = (mu_msec)round * 5000;
	b->host.n_cpus = 32;
	for (uint32_t i = 0; i < b->n_vms; i++) {
		struct hv_domain_stats *d = &b->stats[i];

		memset(d, 0, sizeof *d);
		d->domid.value = i + 1;
		memcpy(d->id.uuid.bytes, &d->domid.value, sizeof d->domid.value);
		d->n_vcpus = d->vcpus_online = VCPUS;
		d->cpu_time_ns = (uint64_t)round * 1000000000;
		b->domains[i] = (struct sample_domain){.stats = d, .uptime = 1};
	}
}

static void run(struct bench *b)
{
	const struct sample_host host = {.stats = &b->host};
	double devices = 0, machine = 0, values = 0, keeping = 0;

	for (int round = 1; round <= ROUNDS; round++) {
		mu_msec time = (mu_msec)(360000000 + round) * 5000;
		double at[5];

		describe(b, round);
		at[0] = cpu();
		xen_stats_read_devices(b->dir, b->dir, b->stats, b->n_vms);
		at[1] = cpu();
		host_counters_nics(b->dir, &b->host);
		host_counters_disks(b->dir, &b->host);
		at[2] = cpu();
		sampler_step(b->sampler, &host, b->domains, b->n_vms, &b->list);
		at[3] = cpu();
		(void)history_map(b->history, time, &b->list);
		history_add(b->history, time, &b->list);
		(void)window_add(b->window, time, &b->list);
		at[4] = cpu();
		devices += at[1] - at[0];
		machine += at[2] - at[1];
		values += at[3] - at[2];
		keeping += at[4] - at[3];
	}
	mu_assert(b->stats[0].n_vifs == VIFS && b->stats[0].n_vbds == VBDS);
	mu_assert(b->stats[0].vifs[0].net.rx_bytes == 987654321);
	mu_assert(b->host.n_pifs == CARDS && b->host.n_disks == DISKS);
	printf("series %zu\ndevices %.4g\nhost %.4g\nvalues %.4g\nkeeping %.4g\n", b->list.n,
	       devices / ROUNDS * 1e3, machine / ROUNDS * 1e3, values / ROUNDS * 1e3,
	       keeping / ROUNDS * 1e3);
	printf("sample %.4g\n", (devices + machine + values + keeping) / ROUNDS * 1e3);
}

/* What it costs to open, read and close a file: of ours and of the kernel's. */
static double read_us(const char *path)
{
	double begin = cpu();
	char text[64];

	for (int i = 0; i < READS; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		mu_assert(fd >= 0 && read(fd, text, sizeof text) > 0);
		(void)close(fd);
	}
	return (cpu() - begin) / READS * 1e6;
}

int main(int argc, char **argv)
{
	const struct host_id id = {{{1}}};
	const struct window_limits limits = {.max_batches = 0};
	struct bench b = {.dir = argc > 1 ? argv[1] : "",
			  .n_vms = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 200};
	char path[512];

	if (argc < 2 || b.n_vms == 0 || b.n_vms > HV_DOMAINS_MAX) {
		(void)fprintf(stderr, "usage: %s DIR [VMS]\n", argv[0]);
		return 2;
	}
	b.stats = mu_xcalloc(b.n_vms, sizeof *b.stats);
	b.domains = mu_xcalloc(b.n_vms, sizeof *b.domains);
	b.sampler = sampler_new(&id);
	b.history = history_new(&id, NULL, NULL);
	b.window = window_new(&limits);
	b.list = (struct metric_list)METRIC_LIST_INIT;
	make_tree(&b);
	run(&b);
	(void)snprintf(path, sizeof path, "%s/class/net/eth0/statistics/rx_bytes", b.dir);
	printf("read.tree %.4g\nread.sysfs %.4g\n", read_us(path),
	       read_us("/sys/class/net/lo/statistics/rx_bytes"));
	metric_list_deinit(&b.list);
	window_free(b.window);
	history_free(b.history);
	sampler_free(b.sampler);
	free(b.domains);
	free(b.stats);
	return 0;
}
