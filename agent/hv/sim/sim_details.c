/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated host in detail. Its hardware follows from its size: two threads a core where the
 * CPUs come in pairs, a socket and NUMA node for every 32 CPUs where that is even; memory in use is
 * where the domains are, spread over the nodes evenly.
 */
#include "agent/hv/sim/sim_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CPUS_PER_NODE = 32 };

#define SET(dst, text) (void)snprintf(dst, sizeof(dst), "%s", text)
#define XEN_BASE UINT64_C(0x100000)

static uint32_t n_nodes(const struct sim_model *m)
{
	return m->params.cpus % CPUS_PER_NODE == 0 ? m->params.cpus / CPUS_PER_NODE : 1;
}

static uint32_t threads(const struct sim_model *m)
{
	return m->params.cpus % 2 == 0 ? 2 : 1;
}

static void fill_cpus(const struct sim_model *m, struct hv_host_details *d)
{
	uint32_t per_core = threads(m);
	uint32_t per_socket = m->params.cpus / n_nodes(m);

	SET(d->cpu_vendor, "GenuineIntel");
	d->cpu_family = 6;
	d->cpu_model = 85;
	d->cpu_stepping = 7;
	SET(d->microcode, "0x5003604");
	SET(d->cpu_features, "fpu de tsc msr pae cx8 apic sep cmov pat clflush mmx fxsr sse sse2 "
			     "ht syscall nx lm pni ssse3 cx16 sse4_1 sse4_2 x2apic popcnt aes "
			     "xsave avx hypervisor lahf_lm avx2 erms");
	SET(d->hw_caps, "bfebfbff:77fef3ff:2c100800:00000121:0000000f:d19ffffb:00000818:00000100");
	d->threads_per_core = per_core;
	d->sockets = n_nodes(m);
	d->cores_per_socket = per_socket / per_core;
	for (uint32_t i = 0; i < m->params.cpus && i < HV_VCPUS_MAX; i++)
		d->cpus[d->n_cpus++] = (struct hv_cpu){
		    .id = i,
		    .core = i % per_socket / per_core,
		    .socket = i / per_socket,
		    .node = i / per_socket,
		};
}

static void fill_memory(const struct sim_model *m, struct hv_host_details *d)
{
	uint32_t n = n_nodes(m);

	d->memory_total_bytes = m->params.memory_bytes;
	d->memory_free_bytes = sim_free_bytes(m);
	for (uint32_t i = 0; i < n; i++) {
		struct hv_node *node = &d->nodes[d->n_nodes++];

		node->id = i;
		node->memory_bytes = d->memory_total_bytes / n;
		node->free_bytes = d->memory_free_bytes / n;
		node->n_distances = n;
		for (uint32_t k = 0; k < n; k++)
			node->distances[k] = i == k ? 10 : 21;
	}
	d->ranges[d->n_ranges++] = (struct hv_memory_range){0, 0x9fc00, "ram"};
	d->ranges[d->n_ranges++] =
	    (struct hv_memory_range){0x9fc00, XEN_BASE - 0x9fc00, "reserved"};
	d->ranges[d->n_ranges++] =
	    (struct hv_memory_range){XEN_BASE, (uint64_t)m->params.memory_bytes - XEN_BASE, "ram"};
}

static void fill_xen(struct hv_host_details *d)
{
	SET(d->xen_extra, ".5");
	SET(d->xen_changeset, "simulated");
	SET(d->compiler, "gcc (Debian 12.2.0-14) 12.2.0");
	SET(d->compiled_by, "muster");
	SET(d->xen_command_line, "dom0_mem=auto console=com1 com1=115200,8n1");
	SET(d->xen_caps, "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64");
	SET(d->scheduler, "credit2");
	SET(d->virt_caps, "pv hvm hvm_directio pv_directio hap shadow iommu_hap_pt_share");
	d->hvm = d->hap = d->iommu = true;
}

void sim_model_dom0(const struct sim_model *m, struct model_controller *ret)
{
	*ret = (struct model_controller){.vcpus_max = m->params.cpus};
	ret->vcpus_online = m->params.cpus < 4 ? m->params.cpus : 4;
	ret->memory_bytes = ret->memory_target_bytes = ret->memory_max_bytes = sim_dom0_bytes(m);
}

void sim_model_host_details(const struct sim_model *m, struct hv_host_details *ret)
{
	struct model_controller dom0;
	struct model_host h;

	memset(ret, 0, sizeof *ret);
	sim_model_host_info(m, &h);
	SET(ret->cpu_model_name, h.cpu_model);
	SET(ret->xen_version, h.xen_version);
	SET(ret->dom0_kernel, h.kernel);
	ret->cpu_mhz = h.cpu_mhz;
	fill_cpus(m, ret);
	fill_memory(m, ret);
	fill_xen(ret);
	SET(ret->dom0_command_line, "root=/dev/mapper/system-root ro console=hvc0");
	sim_model_dom0(m, &dom0);
	ret->dom0_vcpus = dom0.vcpus_online;
	ret->dom0_memory_bytes = dom0.memory_bytes;
	ret->dom0_memory_max_bytes = dom0.memory_max_bytes;
}

void sim_model_dmesg(const struct sim_model *m, struct mu_str *out)
{
	struct model_host h;

	sim_model_host_info(m, &h);
	mu_str_printf(out, "(XEN) Xen version %s\n", h.xen_version);
	mu_str_printf(out, "(XEN) System RAM: %" PRId64 "MB\n", m->params.memory_bytes >> 20);
	mu_str_printf(out, "(XEN) Brought up %" PRIu32 " CPUs\n", m->params.cpus);
	mu_str_add(out, "(XEN) Dom0 has maximum privileges\n");
	for (size_t i = 0; i < m->n_domains && out->len < HV_DMESG_MAX / 2; i++)
		mu_str_printf(out, "(XEN) d%" PRIu32 " has %" PRIu32 " vCPUs\n",
			      m->domains[i]->domid.value, m->domains[i]->config.vcpus);
}
