/* SPDX-License-Identifier: Apache-2.0 */
/* The host's domains, and what time does to their counters. */
#include "agent/hv/sim/sim_priv.h"
#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

/* At most this many slots are looked at one by one; a longer gap (the agent was away for hours) is
 * taken as one. */
#define SLOTS_MAX 2048

int64_t sim_dom0_bytes(const struct sim_model *m)
{
	int64_t dom0 = m->params.memory_bytes / 16;
	int64_t least = (int64_t)512 << 20;
	int64_t most = (int64_t)4 << 30;

	return dom0 < least ? least : dom0 > most ? most : dom0;
}

/* Memory that guests cannot have: dom0's and the hypervisor's own (frame table, heap). */
static int64_t reserved_bytes(const struct sim_model *m)
{
	return sim_dom0_bytes(m) + m->params.memory_bytes / 128;
}

int64_t sim_free_bytes(const struct sim_model *m)
{
	int64_t n = m->params.memory_bytes - reserved_bytes(m);

	for (size_t i = 0; i < m->n_domains; i++)
		n -= m->domains[i]->config.memory_max_bytes + ((int64_t)1 << 20);
	return n > 0 ? n : 0;
}

struct sim_domain *sim_find(const struct sim_model *m, struct hv_domid domid)
{
	for (size_t i = 0; i < m->n_domains; i++) {
		if (m->domains[i]->domid.value == domid.value)
			return m->domains[i];
	}
	return NULL;
}

/* "sim.NAME" or "sim.NAME=VALUE" among the words of the command line. */
static bool next_trait(const char **line, const char **ret_word, size_t *ret_len)
{
	const char *p = *line;

	while (*p) {
		size_t len;

		p += strspn(p, " ");
		len = strcspn(p, " ");
		if (len > 4 && memcmp(p, "sim.", 4) == 0) {
			*ret_word = p + 4;
			*ret_len = len - 4;
			*line = p + len;
			return true;
		}
		p += len;
	}
	return false;
}

static bool word_is(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(word, name, len) == 0;
}

/* "name=MS" */
static bool word_ms(const char *word, size_t len, const char *name, mu_msec *ret)
{
	size_t n = strlen(name);
	mu_msec ms = 0;

	if (len <= n + 1 || len > n + 13 || memcmp(word, name, n) != 0 || word[n] != '=')
		return false;
	for (size_t i = n + 1; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		ms = ms * 10 + (word[i] - '0');
	}
	*ret = ms;
	return true;
}

/*
 * The guest's part of its command line, as a real kernel would read it:
 *   sim.load=idle|web|batch|db   what it does (default: by its id)
 *   sim.deaf                     answers no request to shut down, reboot or suspend
 *   sim.noagent                  has no guest agent
 *   sim.poweroff=MS  sim.reboot=MS  sim.crash=MS   stops by itself after running so long
 *   sim.vnc=PORT                 has a display: whatever VNC server listens there, on 127.0.0.1
 * Unknown words are the guest's own business.
 */
static void traits_read(const struct hv_vm_config *config, uint64_t seed, struct sim_traits *ret)
{
	const char *line = config->cmdline;
	const char *word;
	size_t len;

	*ret = (struct sim_traits){.profile = (enum sim_profile)(seed % _SIM_PROFILE_COUNT)};
	while (next_trait(&line, &word, &len)) {
		if (len > 5 && memcmp(word, "load=", 5) == 0)
			(void)sim_profile_parse(word + 5, len - 5, &ret->profile);
		else if (word_is(word, len, "deaf"))
			ret->deaf = true;
		else if (word_is(word, len, "noagent"))
			ret->no_agent = true;
		else if (word_ms(word, len, "poweroff", &ret->stop_after))
			ret->stop_reason = HV_SHUTDOWN_POWEROFF;
		else if (word_ms(word, len, "reboot", &ret->stop_after))
			ret->stop_reason = HV_SHUTDOWN_REBOOT;
		else if (word_ms(word, len, "crash", &ret->stop_after))
			ret->stop_reason = HV_SHUTDOWN_CRASH;
		else if (word_ms(word, len, "vnc", &ret->vnc_port))
			ret->vnc_port = ret->vnc_port > UINT16_MAX ? 0 : ret->vnc_port;
	}
}

static uint64_t seed_of(const struct sim_model *m, const struct vm_id *id)
{
	uint64_t n;

	memcpy(&n, id->uuid.bytes + 8, sizeof n);
	return n ^ m->params.seed;
}

struct sim_domain *sim_add(struct sim_model *m, struct hv_domid domid,
			   const struct hv_vm_config *config)
{
	struct sim_domain *d = mu_xcalloc(1, sizeof *d);
	size_t at = m->n_domains;

	mu_assert(!sim_find(m, domid));
	if (m->n_domains == m->domains_cap) {
		m->domains_cap = m->domains_cap ? 2 * m->domains_cap : 16;
		m->domains = mu_xrealloc(m->domains, m->domains_cap, sizeof(struct sim_domain *));
	}
	for (; at > 0 && m->domains[at - 1]->domid.value > domid.value; at--)
		m->domains[at] = m->domains[at - 1];
	m->domains[at] = d;
	m->n_domains++;
	d->domid = domid;
	d->config = *config;
	for (size_t i = 0; i < d->config.n_nics; i++) {
		if (!d->config.nics[i].has_device)
			d->config.nics[i].device = (uint32_t)i;
		d->config.nics[i].has_device = true;
	}
	d->seed = seed_of(m, &config->id);
	d->created_at = m->now;
	traits_read(config, d->seed, &d->traits);
	return d;
}

/* `share` is what the host's CPUs can give of what all want. Returns ns used. */
static double advance_domain(struct sim_domain *d, const struct sim_load *load, double share,
			     mu_msec at, double ms)
{
	uint64_t slot = (uint64_t)(at / SIM_SLOT);
	double each = load->cpu * share / d->config.vcpus;
	double most = d->config.cpu_cap ? d->config.cpu_cap / 100.0 / d->config.vcpus : 1;
	double used = 0;

	most = most > 1 ? 1 : most;
	for (uint32_t i = 0; i < d->config.vcpus; i++) {
		double skew = load->uneven * (sim_load_unit(d->seed + i, slot) - 0.5);
		double busy = each * (1 + skew);

		busy = busy > most ? most : busy;
		d->vcpu_ns[i] += busy * ms * 1e6;
		used += busy * ms * 1e6;
	}
	if (d->config.n_nics > 0) {
		d->rx += load->rx * share * ms / 1e3;
		d->tx += load->tx * share * ms / 1e3;
		d->rx_packets += load->rx * share * ms / 1e3 / load->packet_bytes;
		d->tx_packets += load->tx * share * ms / 1e3 / load->packet_bytes;
	}
	if (d->config.n_disks > 0) {
		d->rd += load->rd * share * ms / 1e3;
		d->wr += load->wr * share * ms / 1e3;
		d->rd_reqs += load->rd * share * ms / 1e3 / load->request_bytes;
		d->wr_reqs += load->wr * share * ms / 1e3 / load->request_bytes;
	}
	return used;
}

static void advance_slot(struct sim_model *m, mu_msec until)
{
	double ms = (double)(until - m->now);
	double wanted = 0, used = 0, share, busy;
	struct sim_load load;

	for (size_t i = 0; i < m->n_domains; i++) {
		struct sim_domain *d = m->domains[i];

		if (!sim_runs(d))
			continue;
		sim_load_at(d->traits.profile, d->seed, d->config.vcpus, m->now, &load);
		wanted += load.cpu;
	}
	/* dom0 takes its part first. */
	used = ms * 1e6 * (0.02 * m->params.cpus);
	share = wanted > 0.98 * m->params.cpus ? 0.98 * m->params.cpus / wanted : 1;
	for (size_t i = 0; i < m->n_domains; i++) {
		struct sim_domain *d = m->domains[i];

		if (!sim_runs(d))
			continue;
		sim_load_at(d->traits.profile, d->seed, d->config.vcpus, m->now, &load);
		used += advance_domain(d, &load, share, m->now, ms);
		if (d->config.n_nics > 0) {
			m->pif_rx += load.rx * share * ms / 1e3;
			m->pif_tx += load.tx * share * ms / 1e3;
		}
		d->run_ms += until - m->now;
	}
	busy = used / (ms * 1e6 * m->params.cpus);
	for (uint32_t i = 0; i < m->params.cpus; i++)
		m->cpu_idle_ns[i] += (busy < 1 ? 1 - busy : 0) * ms * 1e6;
	m->now = until;
}

void sim_advance(struct sim_model *m, mu_msec now)
{
	for (size_t n = 0; m->now < now; n++) {
		mu_msec slot_end = (m->now / SIM_SLOT + 1) * SIM_SLOT;

		advance_slot(m, n < SLOTS_MAX && slot_end < now ? slot_end : now);
	}
}
