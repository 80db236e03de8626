/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for Prometheus: 1,000 hosts with 40 series, 30,000 VMs with 25, one page of all; and the
 * same lines by printf(), which is the peer. Then the same samples as requests of remote_write, of
 * one step and of twelve. Prints one line per figure, "NAME VALUE".
 */
#include "common/base/rand.h"
#include "common/compress/compress.h"
#include "common/expose/page.h"
#include "common/expose/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOSTS = 1000, VMS = 30, ROUNDS = 7, REQUEST_SAMPLES = 8192, STEPS = 12 };

static const char *const vm_names[] = {
    "cpu_usage",
    "cpu0",
    "cpu1",
    "vcpus_online",
    "vcpus_running",
    "vcpus_blocked",
    "vcpus_waiting",
    "memory",
    "memory_target",
    "memory_internal_free",
    "memory_internal_total",
    "uptime",
    "vif_0_rx",
    "vif_0_tx",
    "vif_0_rx_packets",
    "vif_0_tx_packets",
    "vif_0_rx_errors",
    "vif_0_tx_errors",
    "vbd_xvda_read",
    "vbd_xvda_write",
    "vbd_xvda_iops_read",
    "vbd_xvda_iops_write",
    "vbd_xvdb_read",
    "vbd_xvdb_write",
    "vbd_xvdb_iops_read",
    "vbd_xvdb_iops_write",
};
static char host_names[50][32];
static size_t n_host_names;

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void name_hosts(void)
{
	static const char *const fixed[] = {"cpu_avg",        "loadavg",         "hostload",
					    "running_vcpus",  "running_domains", "memory_total_kib",
					    "memory_free_kib"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(fixed); i++)
		(void)snprintf(host_names[n_host_names++], sizeof host_names[0], "%s", fixed[i]);
	for (int i = 0; i < 16; i++)
		(void)snprintf(host_names[n_host_names++], sizeof host_names[0], "cpu%d", i);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 6; k++)
			(void)snprintf(host_names[n_host_names++], sizeof host_names[0],
				       "pif_eth%d_%s", i,
				       (const char *const[]){"rx", "tx", "rx_packets", "tx_packets",
							     "rx_errors", "tx_errors"}[k]);
}

/* As measured: many whole numbers, and floats of all sizes. */
static float value(struct mu_rand *rand)
{
	uint64_t r = mu_rand_next(rand);

	return r % 3 == 0 ? (float)(r >> 40) : (float)(r >> 32) / (float)(1 + (r & 0xffff));
}

static double gather(struct expose_page *p, double *ret_slice)
{
	struct mu_rand rand = {7};
	double begin = cpu_ms(), worst = 0, slice;
	char id[40];

	for (int h = 0; h < HOSTS; h++) {
		slice = cpu_ms();
		for (int v = 0; v <= VMS; v++) {
			struct expose_label label = {v ? "vm_uuid" : "host_uuid", id};
			struct expose_object o = {v ? EXPOSE_VM : EXPOSE_HOST, &label, 1, NULL, 0};
			size_t n = v ? MU_ARRAY_SIZE(vm_names) : n_host_names;

			(void)snprintf(id, sizeof id, "%08d-0000-4000-8000-%012d", h, v);
			expose_object(p, &o);
			for (size_t i = 0; i < n; i++)
				expose_put(p, v ? vm_names[i] : host_names[i], value(&rand));
		}
		if (h % 10 == 9)
			expose_batch_end(p);
		slice = cpu_ms() - slice;
		worst = slice > worst ? slice : worst;
	}
	*ret_slice = worst;
	return cpu_ms() - begin;
}

static double write_all(struct expose_page *p, uint64_t *ret_bytes)
{
	static char piece[16384];
	double begin = cpu_ms();
	size_t n;

	*ret_bytes = 0;
	while ((n = expose_page_write(p, piece, sizeof piece)) > 0)
		*ret_bytes += n;
	return cpu_ms() - begin;
}

/* The peer: as many lines of the same length. */
static double print_all(size_t n)
{
	struct mu_rand rand = {7};
	static char line[256];
	double begin = cpu_ms();
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes +=
		    (size_t)snprintf(line, sizeof line, "%s{vm_uuid=\"%s\",vif=\"0\"} %.9g\n",
				     "muster_vm_network_receive_bytes_per_second",
				     "00000000-0000-4000-8000-000000000000", (double)value(&rand));
	return bytes ? cpu_ms() - begin : 0;
}

struct remote_figures {
	size_t n;
	double encode_ms;
	double compress_ms;
	double bytes; /* compressed */
};

static void send(struct expose_remote *w, struct mu_str *block, struct remote_figures *f)
{
	double begin = cpu_ms();

	compress_snappy(expose_remote_bytes(w)->data, expose_remote_bytes(w)->len, block);
	f->compress_ms += cpu_ms() - begin;
	f->bytes += (double)block->len;
	f->n += expose_remote_n_samples(w);
	expose_remote_reset(w);
}

/* All VMs' series, with so many steps each. */
static struct remote_figures remote(size_t n_steps)
{
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);
	MU_CLEANUP(mu_str_deinit) struct mu_str block = MU_STR_INIT;
	struct remote_figures f = {0};
	struct mu_rand rand = {7};
	mu_msec at[STEPS];
	float values[STEPS];
	char id[40];

	for (size_t k = 0; k < n_steps; k++)
		at[k] = INT64_C(1790000000000) + (mu_msec)k * 5000;
	for (int v = 0; v < HOSTS * VMS; v++) {
		struct expose_label label = {"vm_uuid", id};
		struct expose_object o = {EXPOSE_VM, &label, 1, NULL, 0};
		double begin = cpu_ms();

		(void)snprintf(id, sizeof id, "%08x-%04x-4000-8000-%012llx",
			       (unsigned)mu_rand_next(&rand), (unsigned)v & 0xffff,
			       (unsigned long long)mu_rand_next(&rand) >> 16);
		expose_remote_object(w, &o);
		for (size_t i = 0; i < MU_ARRAY_SIZE(vm_names); i++) {
			for (size_t k = 0; k < n_steps; k++)
				values[k] = value(&rand);
			expose_remote_put(w, vm_names[i],
					  &(struct expose_values){n_steps, at, values, false});
		}
		f.encode_ms += cpu_ms() - begin;
		if (expose_remote_n_samples(w) >= REQUEST_SAMPLES)
			send(w, &block, &f);
	}
	send(w, &block, &f);
	return f;
}

static void print_remote(const char *name, size_t n_steps)
{
	struct remote_figures best = remote(n_steps);

	for (int i = 1; i < ROUNDS; i++) {
		struct remote_figures f = remote(n_steps);

		if (f.encode_ms + f.compress_ms < best.encode_ms + best.compress_ms)
			best = f;
	}
	printf("%s_encode_ns %.4g\n%s_snappy_ns %.4g\n%s_bytes %.4g\n", name,
	       best.encode_ms * 1e6 / (double)best.n, name, best.compress_ms * 1e6 / (double)best.n,
	       name, best.bytes / (double)best.n);
}

int main(void)
{
	double best[3] = {1e9, 1e9, 1e9}, slice;
	uint64_t bytes = 0, said = 0;
	size_t n = 0;

	name_hosts();
	for (int i = 0; i < ROUNDS; i++) {
		MU_CLEANUP(expose_page_free)
		struct expose_page *p = expose_page_new(EXPOSE_NATIVE, EXPOSE_TEXT);
		double gathered = gather(p, &slice), written;

		said = expose_page_end(p);
		n = expose_n_samples(p);
		written = write_all(p, &bytes);
		best[0] = gathered < best[0] ? gathered : best[0];
		best[1] = written < best[1] ? written : best[1];
	}
	if (bytes != said)
		return 1;
	best[2] = print_all(n);
	printf("samples %zu\nmegabytes %.4g\n", n, (double)bytes / 1e6);
	printf("gather %.4g\nwrite %.4g\nprintf %.4g\n", best[0], best[1], best[2]);
	printf("slice %.4g\n", slice);
	print_remote("remote", 1);
	print_remote("remote12", STEPS);
	return 0;
}
