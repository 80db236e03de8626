/* SPDX-License-Identifier: Apache-2.0 */
/* What can be seen of a simulated host: hypercalls and xenstore, so to say. */
#include "agent/hv/sim/sim_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *distro, *uname, *major, *minor;
} guest_systems[] = {
    {"Debian GNU/Linux 12 (bookworm)", "debian", "6.1.0-28-amd64", "12", "8"},
    {"Alpine Linux v3.20", "alpine", "6.6.58-0-virt", "3", "20"},
    {"Rocky Linux 9.4 (Blue Onyx)", "rocky", "5.14.0-427.42.1.el9_4.x86_64", "9", "4"},
    {"Ubuntu 24.04.1 LTS", "ubuntu", "6.8.0-48-generic", "24", "04"},
    {"FreeBSD 14.1-RELEASE", "freebsd", "14.1-RELEASE", "14", "1"},
};

mu_msec sim_model_now(const struct sim_model *m)
{
	return m->now;
}

void sim_model_host_info(const struct sim_model *m, struct model_host *ret_host)
{
	model_host_init(ret_host);
	snprintf(ret_host->name, sizeof ret_host->name, "%s", m->params.name);
	snprintf(ret_host->xen_version, sizeof ret_host->xen_version, "%s", "4.17.5 (simulated)");
	snprintf(ret_host->kernel, sizeof ret_host->kernel, "%s", "6.1.0-28-amd64");
	snprintf(ret_host->cpu_model, sizeof ret_host->cpu_model, "%s", "Simulated CPU @ 2.40GHz");
	snprintf(ret_host->driver, sizeof ret_host->driver, "%s", "sim");
	snprintf(ret_host->boot_id, sizeof ret_host->boot_id, "%s", m->boot_id);
	ret_host->cpus = m->params.cpus;
	ret_host->sockets = 1;
	ret_host->cpu_mhz = 2400;
	ret_host->memory_total_bytes = m->params.memory_bytes;
	ret_host->memory_free_bytes = sim_free_bytes(m) >> 20 << 20;
	ret_host->hvm_capable = true;
	ret_host->booted_at = m->booted_at;
}

static uint64_t cpu_time_ns(const struct sim_domain *d)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < d->config.vcpus_max; i++)
		sum += (uint64_t)d->vcpu_ns[i];
	return sum;
}

size_t sim_model_list(const struct sim_model *m, struct hv_domain *ret_domains, size_t max)
{
	size_t n = m->n_domains < max ? m->n_domains : max;

	for (size_t i = 0; i < n; i++) {
		const struct sim_domain *d = m->domains[i];
		struct hv_domain *ret = &ret_domains[i];

		*ret = (struct hv_domain){
		    .domid = d->domid,
		    .id = d->config.id,
		    .type = d->config.type,
		    .paused = d->paused || d->phase == SIM_BUILDING,
		    .dying = d->phase == SIM_DYING,
		    .incomplete = d->phase == SIM_BUILDING,
		    .ours = !d->foreign,
		    .shutdown = d->saving || d->suspended ? HV_SHUTDOWN_SUSPEND : d->shutdown,
		    .vcpus_online = d->config.vcpus,
		    .vcpus_max = d->config.vcpus_max,
		    .memory_bytes = d->config.memory_bytes,
		    .memory_max_bytes = d->config.memory_max_bytes,
		    .cpu_time_ns = cpu_time_ns(d),
		    .created_at = d->created_at,
		};
		memcpy(ret->name, d->config.name, sizeof ret->name);
	}
	return n;
}

static int find_checked(const struct sim_model *m, struct hv_domid domid,
			struct sim_domain **ret_domain, struct mu_error *err)
{
	struct sim_domain *d = sim_find(m, domid);

	if (!d)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no domain %" PRIu32,
				    domid.value);
	*ret_domain = d;
	return 0;
}

static void add_addrs(const struct sim_domain *d, struct vm_guest *g)
{
	for (size_t i = 0; i < d->config.n_nics; i++) {
		struct mu_uuid u;
		char part[32];

		snprintf(part, sizeof part, "addr/%" PRIu32, d->config.nics[i].device);
		u = mu_uuid_derive(&d->config.id.uuid, part);
		g->addrs[g->n_addrs].device = (uint16_t)d->config.nics[i].device;
		snprintf(g->addrs[g->n_addrs].addr, sizeof g->addrs[0].addr, "10.%u.%u.%u",
			 u.bytes[0], u.bytes[1], 1 + u.bytes[2] % 254u);
		g->n_addrs++;
		g->addrs[g->n_addrs].device = (uint16_t)d->config.nics[i].device;
		g->addrs[g->n_addrs].v6 = true;
		snprintf(g->addrs[g->n_addrs].addr, sizeof g->addrs[0].addr, "fd00::%x:%x:%x",
			 1u + u.bytes[0], 1u + u.bytes[1], 1u + u.bytes[2]);
		g->n_addrs++;
	}
}

int sim_model_guest(const struct sim_model *m, struct hv_domid domid, struct vm_guest *ret_guest,
		    struct mu_error *err)
{
	struct vm_guest g = {.memory_free_bytes = -1, .memory_total_bytes = -1};
	struct sim_load load;
	struct sim_domain *d;
	size_t os;

	if (find_checked(m, domid, &d, err) < 0)
		return MU_FAILED;
	os = d->seed / _SIM_PROFILE_COUNT % MU_ARRAY_SIZE(guest_systems);
	g.pv_drivers_detected = d->run_ms > 0;
	if (d->reported) {
		sim_load_at(d->traits.profile, d->seed, d->config.vcpus, m->now, &load);
		g.agent_detected = true;
		g.balloon = VM_SAID_YES;
		snprintf(g.agent_version, sizeof g.agent_version, "%s", "1.0.0-proto-0.4.0");
		snprintf(g.os_name, sizeof g.os_name, "%s", guest_systems[os].name);
		snprintf(g.os_distro, sizeof g.os_distro, "%s", guest_systems[os].distro);
		snprintf(g.os_uname, sizeof g.os_uname, "%s", guest_systems[os].uname);
		snprintf(g.os_major, sizeof g.os_major, "%s", guest_systems[os].major);
		snprintf(g.os_minor, sizeof g.os_minor, "%s", guest_systems[os].minor);
		g.memory_total_bytes = d->config.memory_bytes;
		g.memory_free_bytes =
		    (int64_t)((double)d->config.memory_bytes * load.memory_free) >> 10 << 10;
		add_addrs(d, &g);
	}
	*ret_guest = g;
	return 0;
}

/* How many vCPUs would be caught running: the load, rounded at random but steadily. */
static void running_now(const struct sim_domain *d, struct hv_domain_stats *ret)
{
	struct sim_load load;

	ret->vcpus_blocked = d->config.vcpus;
	if (!sim_runs(d))
		return;
	sim_load_at(d->traits.profile, d->seed, d->config.vcpus, d->created_at + d->run_ms, &load);
	ret->vcpus_running = (uint32_t)(load.cpu + sim_load_unit(d->seed, (uint64_t)d->run_ms));
	if (ret->vcpus_running > d->config.vcpus)
		ret->vcpus_running = d->config.vcpus;
	ret->vcpus_blocked = d->config.vcpus - ret->vcpus_running;
}

static void domain_stats(const struct sim_domain *d, struct hv_domain_stats *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->domid = d->domid;
	ret->id = d->config.id;
	ret->cpu_time_ns = cpu_time_ns(d);
	ret->memory_bytes = d->config.memory_bytes;
	ret->memory_target_bytes = d->config.memory_bytes;
	ret->n_vcpus = ret->vcpus_online = d->config.vcpus;
	for (uint32_t i = 0; i < d->config.vcpus; i++)
		ret->vcpu_time_ns[i] = (uint64_t)d->vcpu_ns[i];
	running_now(d, ret);
	ret->n_vifs = (uint32_t)d->config.n_nics;
	/* The first NIC and the first disk do most of the work. */
	for (uint32_t i = 0; i < ret->n_vifs; i++) {
		double part = i == 0 ? 1 : 0.1;

		ret->vifs[i] = (struct hv_vif_stats){
		    .device = (uint16_t)d->config.nics[i].device,
		    .net = {.rx_bytes = (uint64_t)(d->rx * part),
			    .tx_bytes = (uint64_t)(d->tx * part),
			    .rx_packets = (uint64_t)(d->rx_packets * part),
			    .tx_packets = (uint64_t)(d->tx_packets * part)},
		};
	}
	ret->n_vbds = (uint32_t)d->config.n_disks;
	for (uint32_t i = 0; i < ret->n_vbds; i++) {
		double part = d->config.disks[i].cdrom ? 0 : i == 0 ? 1 : 0.3;

		memcpy(ret->vbds[i].vdev, d->config.disks[i].vdev, sizeof ret->vbds[i].vdev);
		ret->vbds[i].rd_bytes = (uint64_t)(d->rd * part);
		ret->vbds[i].wr_bytes = d->config.disks[i].readonly ? 0 : (uint64_t)(d->wr * part);
		ret->vbds[i].rd_reqs = (uint64_t)(d->rd_reqs * part);
		ret->vbds[i].wr_reqs =
		    d->config.disks[i].readonly ? 0 : (uint64_t)(d->wr_reqs * part);
	}
}

/* All guests' traffic goes through one card. */
static void host_network(const struct sim_model *m, struct hv_host_stats *ret)
{
	struct hv_pif_stats *pif = &ret->pifs[0];

	ret->n_pifs = 1;
	snprintf(pif->name, sizeof pif->name, "eth0");
	pif->net.rx_bytes = (uint64_t)m->pif_rx;
	pif->net.tx_bytes = (uint64_t)m->pif_tx;
	pif->net.rx_packets = (uint64_t)(m->pif_rx / 900);
	pif->net.tx_packets = (uint64_t)(m->pif_tx / 900);
}

size_t sim_model_stats(const struct sim_model *m, struct hv_host_stats *ret_host,
		       struct hv_domain_stats *ret_domains, size_t max)
{
	size_t n = m->n_domains < max ? m->n_domains : max;
	size_t n_ops = 0;

	mu_list_each(it, &m->ops)
	{
		n_ops++;
	}
	memset(ret_host, 0, sizeof *ret_host);
	ret_host->at = m->now;
	ret_host->n_cpus = m->params.cpus;
	for (uint32_t i = 0; i < m->params.cpus; i++)
		ret_host->cpu_idle_ns[i] = (uint64_t)m->cpu_idle_ns[i];
	ret_host->memory_total_bytes = m->params.memory_bytes;
	ret_host->memory_free_bytes = sim_free_bytes(m);
	ret_host->memory_dom0_bytes = sim_dom0_bytes(m);
	ret_host->memory_xen_bytes = ret_host->memory_total_bytes - ret_host->memory_free_bytes -
				     ret_host->memory_dom0_bytes;
	for (size_t i = 0; i < m->n_domains; i++)
		ret_host->memory_xen_bytes -= m->domains[i]->config.memory_max_bytes;
	ret_host->loadavg = 0.1 + 0.02 * (double)m->n_domains + 0.5 * (double)n_ops;
	host_network(m, ret_host);
	for (size_t i = 0; i < n; i++)
		domain_stats(m->domains[i], &ret_domains[i]);
	return n;
}

int sim_model_config(const struct sim_model *m, struct hv_domid domid,
		     struct hv_vm_config *ret_config, struct mu_error *err)
{
	struct sim_domain *d;

	if (find_checked(m, domid, &d, err) < 0)
		return MU_FAILED;
	*ret_config = d->config;
	sim_devices_show(&m->devices, domid, ret_config);
	for (size_t i = 0; i < ret_config->n_nics; i++) {
		if (ret_config->nics[i].mac[0] == '\0')
			vm_default_mac(&d->config.id, ret_config->nics[i].device,
				       ret_config->nics[i].mac);
	}
	return 0;
}

size_t sim_model_pci_list(const struct sim_model *m, struct hv_host_pci *ret_devices, size_t max)
{
	return sim_devices_list(&m->devices, ret_devices, max);
}

bool sim_model_terminal(const struct sim_model *m, struct hv_domid domid, struct sim_terminal *ret)
{
	const struct sim_domain *d = sim_find(m, domid);

	if (!d || d->phase == SIM_BUILDING || d->phase == SIM_DYING)
		return false;
	*ret = (struct sim_terminal){.name = d->config.name,
				     .runs = sim_runs(d),
				     .up = d->run_ms,
				     .vnc_port = (uint16_t)d->traits.vnc_port};
	return true;
}
