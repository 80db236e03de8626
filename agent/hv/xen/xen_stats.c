/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices come from /sys/bus/xen-backend/devices, where each backend in dom0's kernel has an entry
 * named after its domain and number:
 *
 *     vif-3-0/net/<interface>                      whatever it is called; its line in /proc/net/dev
 *     vbd-3-51712/statistics/rd_req, rd_sect ...   sectors of 512 bytes
 *
 * dom0 sees the other end of a vif: what it receives the guest has sent. The numbers are turned
 * round here, once, so that everything above speaks from the guest's point of view.
 *
 * Disks that QEMU serves (qcow2 files) have no backend in the kernel: xen_qmp.c asks for theirs.
 */
#include "agent/hv/xen/xen_stats.h"

#include "agent/hv/xen/xen_convert.h"
#include "agent/hv/xen/xen_netdev.h"
#include "common/base/str.h"
#include "common/os/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, SECTOR_BYTES = 512, INFO_CHUNK = 256, ENTRIES_MAX = 65536 };

/* ---- sysfs ---- */

static void dir_close(DIR *d)
{
	(void)closedir(d);
}
MU_DEFINE_CLEANUP(dir_close, DIR *);

/* HV_COUNTER_UNKNOWN: the device has just gone, or its module does not count this. */
static uint64_t read_number(int dir, const char *folder, const char *name)
{
	char path[320], text[32];
	uint64_t number;
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return HV_COUNTER_UNKNOWN;
	len = read(fd, text, sizeof text - 1);
	(void)close(fd);
	if (len <= 0)
		return HV_COUNTER_UNKNOWN;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return mu_parse_u64(text, &number) ? number : HV_COUNTER_UNKNOWN;
}

static uint64_t read_sectors(int dir, const char *folder, const char *name)
{
	uint64_t n = read_number(dir, folder, name);

	return n < UINT64_MAX / SECTOR_BYTES ? n * SECTOR_BYTES : HV_COUNTER_UNKNOWN;
}

/* The one interface below <entry>/net/. */
static bool find_interface(int dir, const char *entry, char *ret, size_t size)
{
	char path[300];
	const struct dirent *e;
	int fd;
	MU_CLEANUP(dir_close) DIR *d = NULL;

	(void)snprintf(path, sizeof path, "%.64s/net", entry);
	fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(ret, size, "%.32s", e->d_name);
		return true;
	}
	return false;
}

/* What all entries are read against. */
struct reading {
	int dir;
	struct hv_domain_stats *domains;
	size_t n_domains;
	struct xen_netdev *nets;
	size_t n_nets;
};

/* dom0's end of the cable: what it sends the guest receives. */
static struct hv_net_stats turned_round(const struct hv_net_stats *n)
{
	return (struct hv_net_stats){
	    .rx_bytes = n->tx_bytes,
	    .tx_bytes = n->rx_bytes,
	    .rx_packets = n->tx_packets,
	    .tx_packets = n->rx_packets,
	    .rx_errors = n->tx_errors,
	    .tx_errors = n->rx_errors,
	    .rx_drops = n->tx_drops,
	    .tx_drops = n->rx_drops,
	};
}

static void add_vif(const struct reading *r, const char *entry, uint32_t device,
		    struct hv_domain_stats *s)
{
	static const struct hv_net_stats unknown = {
	    HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN,
	    HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN};
	const struct xen_netdev *net;
	char interface[64];

	if (s->n_vifs == HV_NICS_MAX || device > UINT16_MAX ||
	    !find_interface(r->dir, entry, interface, sizeof interface))
		return;
	net = xen_netdev_find(r->nets, r->n_nets, interface);
	s->vifs[s->n_vifs++] = (struct hv_vif_stats){
	    .device = (uint16_t)device,
	    .net = turned_round(net ? &net->net : &unknown),
	};
}

static void add_vbd(const struct reading *r, const char *entry, uint32_t device,
		    struct hv_domain_stats *s)
{
	char folder[256];
	struct hv_vbd_stats *v = &s->vbds[s->n_vbds];

	if (s->n_vbds == HV_DISKS_MAX)
		return;
	(void)snprintf(folder, sizeof folder, "%.64s/statistics", entry);
	*v = (struct hv_vbd_stats){
	    .rd_bytes = read_sectors(r->dir, folder, "rd_sect"),
	    .wr_bytes = read_sectors(r->dir, folder, "wr_sect"),
	    .rd_reqs = read_number(r->dir, folder, "rd_req"),
	    .wr_reqs = read_number(r->dir, folder, "wr_req"),
	};
	xen_vdev_name(device, v->vdev);
	if (v->vdev[0] != '\0')
		s->n_vbds++;
}

static int by_domid(const void *a, const void *b)
{
	const struct hv_domain_stats *x = a, *y = b;

	return (x->domid.value > y->domid.value) - (x->domid.value < y->domid.value);
}

static int by_vif(const void *a, const void *b)
{
	const struct hv_vif_stats *x = a, *y = b;

	return (x->device > y->device) - (x->device < y->device);
}

static void read_entry(const struct reading *r, const char *name)
{
	struct hv_domain_stats key = {0}, *s;
	char kind[8];
	uint32_t device;
	int end = 0;

	if (sscanf(name, "%7[a-z]-%" SCNu32 "-%" SCNu32 "%n", kind, &key.domid.value, &device,
		   &end) != 3 ||
	    name[end] != '\0')
		return;
	s = bsearch(&key, r->domains, r->n_domains, sizeof *r->domains, by_domid);
	if (s && mu_str_equal(kind, "vif"))
		add_vif(r, name, device, s);
	else if (s && mu_str_equal(kind, "vbd"))
		add_vbd(r, name, device, s);
}

void xen_stats_read_devices(const char *sysfs, const char *procfs, struct hv_domain_stats *domains,
			    size_t n)
{
	struct reading r = {.domains = domains, .n_domains = n};
	char path[512];
	const struct dirent *e;
	MU_CLEANUP(dir_close) DIR *d = NULL;

	(void)snprintf(path, sizeof path, "%s/bus/xen-backend/devices", sysfs);
	d = opendir(path); /* missing: no backend was ever made */
	if (d) {
		r.dir = dirfd(d);
		r.n_nets = xen_netdev_read(procfs, &r.nets);
	}
	for (int i = 0; d && i < ENTRIES_MAX && (e = readdir(d)); i++)
		read_entry(&r, e->d_name);
	free(r.nets);
	for (size_t i = 0; i < n; i++) {
		qsort(domains[i].vifs, domains[i].n_vifs, sizeof domains[i].vifs[0], by_vif);
		qsort(domains[i].vbds, domains[i].n_vbds, sizeof domains[i].vbds[0],
		      hv_vbd_compare);
	}
}

/* ---- hypercalls ---- */

static int read_host(xc_interface *xch, struct hv_host_stats *ret, struct mu_error *err)
{
	xc_physinfo_t info = {0};
	xc_cpuinfo_t cpus[HV_VCPUS_MAX];
	int n_cpus = 0;

	if (xc_physinfo(xch, &info) < 0)
		return mu_error_errno(err, errno, "the hypervisor does not describe the host");
	if (xc_getcpuinfo(xch, HV_VCPUS_MAX, cpus, &n_cpus) < 0)
		return mu_error_errno(err, errno,
				      "the hypervisor does not tell its CPUs' idle time");
	memset(ret, 0, sizeof *ret);
	ret->at = mu_clock_monotonic();
	ret->n_cpus = n_cpus > HV_VCPUS_MAX ? HV_VCPUS_MAX : (uint32_t)n_cpus;
	for (uint32_t i = 0; i < ret->n_cpus; i++)
		ret->cpu_idle_ns[i] = cpus[i].idletime;
	ret->memory_total_bytes = (int64_t)info.total_pages * PAGE_BYTES;
	ret->memory_free_bytes = (int64_t)(info.free_pages + info.scrub_pages) * PAGE_BYTES;
	ret->memory_dom0_bytes = -1;
	if (getloadavg(&ret->loadavg, 1) != 1)
		ret->loadavg = NAN;
	return 0;
}

static void read_vcpus(xc_interface *xch, uint32_t max_vcpu_id, struct hv_domain_stats *s)
{
	if (max_vcpu_id == XEN_INVALID_MAX_VCPU_ID)
		return;
	s->n_vcpus = max_vcpu_id < HV_VCPUS_MAX ? max_vcpu_id + 1 : HV_VCPUS_MAX;
	for (uint32_t i = 0; i < s->n_vcpus; i++) {
		xc_vcpuinfo_t v;

		s->vcpu_time_ns[i] = HV_COUNTER_UNKNOWN;
		if (xc_vcpu_getinfo(xch, s->domid.value, i, &v) < 0)
			continue;
		s->vcpu_time_ns[i] = v.cpu_time;
		if (!v.online)
			continue;
		s->vcpus_online++;
		s->vcpus_running += v.running != 0;
		s->vcpus_blocked += !v.running && v.blocked;
	}
}

static void read_domain(const struct xen_domains *list, xc_interface *xch,
			const xc_domaininfo_t *info, struct hv_domain_stats *s)
{
	const struct xen_facts *facts;
	struct hv_domain d;

	xen_domain_from_info(info, &d);
	memset(s, 0, sizeof *s);
	s->domid = d.domid;
	s->id = d.id;
	s->cpu_time_ns = d.cpu_time_ns;
	s->memory_bytes = d.memory_bytes;
	facts = xen_domains_find(list, d.domid);
	s->memory_target_bytes = facts ? facts->memory_target_bytes : -1;
	read_vcpus(xch, info->max_vcpu_id, s);
}

/* Memory that is a domain's, whatever it is and in whatever state; what is nobody's is Xen's. */
static void add_memory(const xc_domaininfo_t *info, struct hv_host_stats *host)
{
	int64_t bytes = (int64_t)info->tot_pages * PAGE_BYTES;

	host->memory_xen_bytes -= bytes;
	if (info->domain == 0)
		host->memory_dom0_bytes = bytes;
}

static bool is_vm(const xc_domaininfo_t *info)
{
	return info->domain != 0 && !(info->flags & (XEN_DOMINF_dying | XEN_DOMINF_xs_domain));
}

int xen_stats_read(const struct xen_domains *list, xc_interface *xch,
		   struct hv_host_stats *ret_host, struct hv_domain_stats *ret_domains, size_t max,
		   size_t *ret_n, struct mu_error *err)
{
	MU_CLEANUP(mu_free) xc_domaininfo_t *infos = mu_xcalloc(INFO_CHUNK, sizeof *infos);
	uint32_t first = 0;
	size_t n_domains = 0;
	int n;

	if (read_host(xch, ret_host, err) < 0)
		return MU_FAILED;
	ret_host->memory_xen_bytes = ret_host->memory_total_bytes - ret_host->memory_free_bytes;
	do {
		n = xc_domain_getinfolist(xch, first, INFO_CHUNK, infos);
		if (n < 0)
			return mu_error_errno(err, errno,
					      "the hypervisor does not list its domains");
		for (int i = 0; i < n; i++) {
			add_memory(&infos[i], ret_host);
			if (is_vm(&infos[i]) && n_domains < max)
				read_domain(list, xch, &infos[i], &ret_domains[n_domains++]);
		}
		if (n > 0)
			first = infos[n - 1].domain + 1u;
	} while (n == INFO_CHUNK && n_domains < max);
	if (n == INFO_CHUNK) /* there are more of them */
		ret_host->memory_xen_bytes = -1;
	xen_stats_read_devices("/sys", "/proc", ret_domains, n_domains);
	*ret_n = n_domains;
	return 0;
}
