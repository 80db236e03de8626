/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver tells of the host beside struct model_host: hardware, hypervisor, dom0, CPU pools.
 * Texts are UTF-8, empty when unknown; sizes in bytes. Large: on the heap, not on the stack.
 */
#ifndef MUSTER_AGENT_HV_HOST_H
#define MUSTER_AGENT_HV_HOST_H

#include "agent/hv/hv_types.h"

#include <stdbool.h>

enum {
	HV_NODES_MAX = 64,
	HV_MEMORY_RANGES_MAX = 128,
	HV_CPUPOOLS_MAX = 64,
	HV_POOL_DOMAINS_MAX = 256,
	HV_COMMAND_LINE_MAX = 2047,
	HV_DMESG_MAX = 1 << 20,
};

struct hv_cpu {
	uint32_t id;
	uint32_t core, socket, node;
};

struct hv_node {
	uint32_t id;
	int64_t memory_bytes;
	int64_t free_bytes;
	uint32_t n_distances;
	uint32_t distances[HV_NODES_MAX]; /* by node id; 10 = itself, 0 = unknown */
};

/* Of the machine's memory map (E820). */
struct hv_memory_range {
	uint64_t start, size;
	const char *kind; /* static: "ram", "reserved", ... */
};

struct hv_host_details {
	/* processors; those that are offline are not in `cpus` */
	char cpu_vendor[16];
	char cpu_model_name[MODEL_NAME_MAX + 1];
	uint32_t cpu_family, cpu_model, cpu_stepping;
	char microcode[16];
	uint32_t cpu_mhz;
	uint32_t threads_per_core, cores_per_socket, sockets;
	char cpu_features[4096]; /* as dom0's kernel names them, blanks between */
	char hw_caps[96];        /* CPUID words in hex, as `xl info` has them */
	size_t n_cpus;
	struct hv_cpu cpus[HV_VCPUS_MAX];
	/* memory */
	int64_t memory_total_bytes;
	int64_t memory_free_bytes;
	int64_t memory_claimed_bytes; /* promised to domains that are being built */
	size_t n_nodes;
	struct hv_node nodes[HV_NODES_MAX];
	size_t n_ranges;
	struct hv_memory_range ranges[HV_MEMORY_RANGES_MAX];
	/* the hypervisor */
	char xen_version[MODEL_NAME_MAX + 1]; /* "4.17.5" */
	char xen_extra[32];                   /* ".5" */
	char xen_changeset[128];
	char xen_build_id[96];
	char compiler[128], compiled_by[64], compile_domain[64], compile_date[64];
	char xen_command_line[HV_COMMAND_LINE_MAX + 1];
	char xen_caps[1024]; /* guest ABIs, blanks between */
	char scheduler[16];
	char virt_caps[160]; /* "pv hvm hap", ... */
	bool hvm, hap, iommu;
	/* dom0 */
	char dom0_kernel[MODEL_NAME_MAX + 1];
	char dom0_command_line[HV_COMMAND_LINE_MAX + 1];
	uint32_t dom0_vcpus;
	int64_t dom0_memory_bytes;
	int64_t dom0_memory_max_bytes; /* -1 = no limit */
};

struct hv_cpupool {
	uint32_t id;
	char name[MODEL_NAME_MAX + 1];
	char scheduler[16];
	size_t n_cpus;
	uint32_t cpus[HV_VCPUS_MAX];
	size_t n_domains; /* in all; the first ones are in the list */
	struct hv_domid domains[HV_POOL_DOMAINS_MAX];
	/* the scheduler's parameters; -1 = it has none of that name */
	int32_t tslice_ms, ratelimit_us, migration_delay_us;
};

#endif
