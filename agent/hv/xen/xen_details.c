/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `xl info -n` says, by the same hypercalls and in the same words where those are Xen's
 * (virt_caps, hw_caps), so that a person can compare. Processor names and features come from
 * dom0's /proc/cpuinfo: Xen shows dom0 the real ones, less what it keeps from every guest.
 */
#include "agent/hv/xen/xen_details.h"

#include "agent/hv/xen/xen_host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum { PAGE_BYTES = 4096, RING_CHUNK = 16 << 10, RING_TURNS_MAX = HV_DMESG_MAX / 1024 };

/* Foreign text into a field, without blanks at its end; `size` counts the NUL. */
static void keep(char *dst, size_t size, const char *src, size_t max)
{
	size_t len = strnlen(src, max);

	while (len > 0 && strchr(" \n", src[len - 1]))
		len--;
	mu_utf8_sanitize(dst, size - 1, src, len);
}
#define KEEP(dst, src) keep(dst, sizeof(dst), src, sizeof(src))

/* ---- processors ---- */

static uint32_t cpuinfo_number(const char *name)
{
	char text[32];
	uint64_t n = 0;

	if (!xen_host_cpuinfo(name, text, sizeof text) || !mu_parse_u64(text, &n))
		return 0;
	return n > UINT32_MAX ? 0 : (uint32_t)n;
}

static void read_processor(struct hv_host_details *d)
{
	(void)xen_host_cpuinfo("vendor_id", d->cpu_vendor, sizeof d->cpu_vendor);
	(void)xen_host_cpuinfo("model name", d->cpu_model_name, sizeof d->cpu_model_name);
	(void)xen_host_cpuinfo("microcode", d->microcode, sizeof d->microcode);
	(void)xen_host_cpuinfo("flags", d->cpu_features, sizeof d->cpu_features);
	d->cpu_family = cpuinfo_number("cpu family");
	d->cpu_model = cpuinfo_number("model\t");
	d->cpu_stepping = cpuinfo_number("stepping");
}

static void read_topology(xc_interface *xch, struct hv_host_details *d)
{
	MU_CLEANUP(mu_free) xc_cputopo_t *cpus = NULL;
	unsigned n = 0;

	if (xc_cputopoinfo(xch, &n, NULL) < 0 || n == 0 || n > 65536)
		return;
	cpus = mu_xcalloc(n, sizeof *cpus);
	if (xc_cputopoinfo(xch, &n, cpus) < 0)
		return;
	for (unsigned i = 0; i < n && d->n_cpus < HV_VCPUS_MAX; i++) {
		if (cpus[i].core == XEN_INVALID_CORE_ID)
			continue; /* offline, or not there */
		d->cpus[d->n_cpus++] = (struct hv_cpu){
		    .id = i,
		    .core = cpus[i].core,
		    .socket = cpus[i].socket,
		    .node = cpus[i].node,
		};
	}
}

/* ---- memory ---- */

static void read_node(const xc_meminfo_t *m, const uint32_t *distances, uint32_t id, unsigned n,
		      struct hv_host_details *d)
{
	struct hv_node *node = &d->nodes[d->n_nodes];

	if (m->memsize == XEN_INVALID_MEM_SZ)
		return;
	*node = (struct hv_node){
	    .id = id,
	    .memory_bytes = (int64_t)m->memsize,
	    .free_bytes = (int64_t)m->memfree,
	    .n_distances = n < HV_NODES_MAX ? n : HV_NODES_MAX,
	};
	for (uint32_t i = 0; i < node->n_distances; i++)
		node->distances[i] = distances[i] == XEN_INVALID_NODE_DIST ? 0 : distances[i];
	d->n_nodes++;
}

static void read_nodes(xc_interface *xch, struct hv_host_details *d)
{
	MU_CLEANUP(mu_free) xc_meminfo_t *memory = NULL;
	MU_CLEANUP(mu_free) uint32_t *distances = NULL;
	unsigned n = 0;

	if (xc_numainfo(xch, &n, NULL, NULL) < 0 || n == 0 || n > HV_NODES_MAX)
		return;
	memory = mu_xcalloc(n, sizeof *memory);
	distances = mu_xcalloc((size_t)n * n, sizeof *distances);
	if (xc_numainfo(xch, &n, memory, distances) < 0)
		return;
	for (unsigned i = 0; i < n; i++)
		read_node(&memory[i], &distances[(size_t)i * n], i, n, d);
}

static const char *range_kind(uint32_t type)
{
	switch (type) {
	case E820_RAM:
		return "ram";
	case E820_RESERVED:
		return "reserved";
	case E820_ACPI:
		return "acpi";
	case E820_NVS:
		return "nvs";
	case E820_UNUSABLE:
		return "unusable";
	default: /* a number of the firmware's */
		return "other";
	}
}

static void read_map(xc_interface *xch, struct hv_host_details *d)
{
	struct e820entry entries[HV_MEMORY_RANGES_MAX];
	int n = xc_get_machine_memory_map(xch, entries, HV_MEMORY_RANGES_MAX);

	for (int i = 0; i < n && i < HV_MEMORY_RANGES_MAX; i++)
		d->ranges[d->n_ranges++] = (struct hv_memory_range){
		    .start = entries[i].addr,
		    .size = entries[i].size,
		    .kind = range_kind(entries[i].type),
		};
}

/* ---- the hypervisor ---- */

void xen_scheduler_name(uint32_t id, char ret[static 16])
{
	static const char *const names[] = {
	    [XEN_SCHEDULER_CREDIT] = "credit",     [XEN_SCHEDULER_CREDIT2] = "credit2",
	    [XEN_SCHEDULER_ARINC653] = "arinc653", [XEN_SCHEDULER_RTDS] = "rtds",
	    [XEN_SCHEDULER_NULL] = "null",
	};

	if (id < sizeof names / sizeof *names && names[id])
		(void)snprintf(ret, 16, "%s", names[id]);
	else
		(void)snprintf(ret, 16, "scheduler %" PRIu32, id % 100000);
}

static void read_version(xc_interface *xch, struct hv_host_details *d)
{
	xen_extraversion_t extra = {0};
	int version = xc_version(xch, XENVER_version, NULL);

	if (version < 0 || xc_version(xch, XENVER_extraversion, &extra) < 0)
		return;
	KEEP(d->xen_extra, extra);
	(void)snprintf(d->xen_version, sizeof d->xen_version, "%d.%d%s", version >> 16,
		       version & 0xffff, d->xen_extra);
}

static void read_build_id(xc_interface *xch, struct hv_host_details *d)
{
	union {
		xen_build_id_t id;
		unsigned char bytes[sizeof(xen_build_id_t) + 40];
	} u = {.id.len = 40};
	int n = xc_version(xch, XENVER_build_id, &u.id);

	if (n > 0 && n <= 40)
		mu_hex_encode(d->xen_build_id, u.id.buf, (size_t)n);
}

static void read_texts(xc_interface *xch, struct hv_host_details *d)
{
	xen_compile_info_t compile = {0};
	xen_changeset_info_t changeset = {0};
	MU_CLEANUP(mu_free) char *text = mu_xcalloc(1, sizeof(xen_commandline_t));

	if (xc_version(xch, XENVER_compile_info, &compile) == 0) {
		KEEP(d->compiler, compile.compiler);
		KEEP(d->compiled_by, compile.compile_by);
		KEEP(d->compile_domain, compile.compile_domain);
		KEEP(d->compile_date, compile.compile_date);
	}
	if (xc_version(xch, XENVER_changeset, &changeset) == 0)
		KEEP(d->xen_changeset, changeset);
	if (xc_version(xch, XENVER_commandline, text) == 0)
		keep(d->xen_command_line, sizeof d->xen_command_line, text,
		     sizeof(xen_commandline_t));
	memset(text, 0, sizeof(xen_commandline_t));
	if (xc_version(xch, XENVER_capabilities, text) == 0)
		keep(d->xen_caps, sizeof d->xen_caps, text, sizeof(xen_capabilities_info_t));
}

static void add_cap(struct hv_host_details *d, const char *name)
{
	size_t used = strlen(d->virt_caps);

	(void)snprintf(d->virt_caps + used, sizeof d->virt_caps - used, "%s%s", used ? " " : "",
		       name);
}

/* The words of `xl info`, in its order. */
static void read_caps(uint32_t caps, struct hv_host_details *d)
{
	static const struct {
		uint32_t all; /* these bits together */
		const char *name;
	} words[] = {
	    {XEN_SYSCTL_PHYSCAP_pv, "pv"},
	    {XEN_SYSCTL_PHYSCAP_hvm, "hvm"},
	    {XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_directio, "hvm_directio"},
	    {XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_directio, "pv_directio"},
	    {XEN_SYSCTL_PHYSCAP_hap, "hap"},
	    {XEN_SYSCTL_PHYSCAP_shadow, "shadow"},
	    {XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, "iommu_hap_pt_share"},
	    {XEN_SYSCTL_PHYSCAP_vmtrace, "vmtrace"},
	    {XEN_SYSCTL_PHYSCAP_vpmu, "vpmu"},
	    {XEN_SYSCTL_PHYSCAP_gnttab_v1, "gnttab-v1"},
	    {XEN_SYSCTL_PHYSCAP_gnttab_v2, "gnttab-v2"},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if ((caps & words[i].all) == words[i].all)
			add_cap(d, words[i].name);
	}
	d->hvm = caps & XEN_SYSCTL_PHYSCAP_hvm;
	d->hap = caps & XEN_SYSCTL_PHYSCAP_hap;
	d->iommu = caps & XEN_SYSCTL_PHYSCAP_directio;
}

static void read_physinfo(const xc_physinfo_t *info, struct hv_host_details *d)
{
	uint32_t per_socket = info->threads_per_core * info->cores_per_socket;
	const uint32_t *w = info->hw_cap;

	d->cpu_mhz = info->cpu_khz / 1000;
	d->threads_per_core = info->threads_per_core;
	d->cores_per_socket = info->cores_per_socket;
	d->sockets = per_socket ? (info->nr_cpus + per_socket - 1) / per_socket : 1;
	d->memory_total_bytes = (int64_t)info->total_pages * PAGE_BYTES;
	d->memory_free_bytes = (int64_t)(info->free_pages + info->scrub_pages) * PAGE_BYTES;
	d->memory_claimed_bytes = (int64_t)info->outstanding_pages * PAGE_BYTES;
	(void)snprintf(d->hw_caps, sizeof d->hw_caps, "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x",
		       w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
	read_caps(info->capabilities, d);
}

/* ---- dom0 ---- */

static void read_dom0(xc_interface *xch, struct hv_host_details *d)
{
	xc_domaininfo_t info = {0};
	struct utsname u;

	if (uname(&u) == 0)
		keep(d->dom0_kernel, sizeof d->dom0_kernel, u.release, sizeof u.release);
	(void)xen_host_line("/proc/cmdline", "", d->dom0_command_line, sizeof d->dom0_command_line);
	d->dom0_memory_max_bytes = -1;
	if (xc_domain_getinfolist(xch, 0, 1, &info) != 1 || info.domain != 0)
		return;
	d->dom0_vcpus = info.nr_online_vcpus;
	d->dom0_memory_bytes = (int64_t)info.tot_pages * PAGE_BYTES;
	if (info.max_pages <= INT64_MAX / PAGE_BYTES)
		d->dom0_memory_max_bytes = (int64_t)info.max_pages * PAGE_BYTES;
}

int xen_details_read(xc_interface *xch, struct hv_host_details *ret, struct mu_error *err)
{
	xc_physinfo_t info = {0};
	int scheduler;

	if (xc_physinfo(xch, &info) < 0)
		return mu_error_errno(err, errno, "the hypervisor does not describe the host");
	memset(ret, 0, sizeof *ret);
	read_physinfo(&info, ret);
	read_processor(ret);
	read_topology(xch, ret);
	read_nodes(xch, ret);
	read_map(xch, ret);
	read_version(xch, ret);
	read_build_id(xch, ret);
	read_texts(xch, ret);
	if (xc_sched_id(xch, &scheduler) == 0)
		xen_scheduler_name((uint32_t)scheduler, ret->scheduler);
	read_dom0(xch, ret);
	return 0;
}

/* Each piece goes on where the one before ended; a ring that fills faster than it is read ends at
 * the bound. */
int xen_details_dmesg(xc_interface *xch, struct mu_str *out, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *piece = mu_xmalloc(RING_CHUNK);
	uint32_t index = 0;

	for (int i = 0; i < RING_TURNS_MAX && out->len < HV_DMESG_MAX; i++) {
		size_t room = HV_DMESG_MAX - out->len;
		unsigned n = RING_CHUNK;

		if (xc_readconsolering(xch, piece, &n, 0, 1, &index) < 0)
			return mu_error_errno(err, errno,
					      "the hypervisor does not give its messages");
		if (n == 0)
			break;
		mu_str_add_bytes(out, piece, n < room ? n : room);
	}
	return 0;
}
