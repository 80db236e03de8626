/* SPDX-License-Identifier: Apache-2.0 */
/* CPU pools of a simulated host: who is where, and no more; scheduling does not know of them. */
#include "agent/hv/hv_cpus.h"
#include "agent/hv/sim/sim_priv.h"
#include "common/base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CREDIT_TSLICE_MS = 30, RATELIMIT_US = 1000 };

/* Xen's defaults; what a scheduler does not have is HV_AS_IT_IS. */
static void set_scheduler(struct sim_cpupool *p, const char *name)
{
	bool credit = !strcmp(name, "credit");
	bool credit2 = !strcmp(name, "credit2");

	(void)snprintf(p->scheduler, sizeof p->scheduler, "%s", name);
	p->tslice_ms = credit ? CREDIT_TSLICE_MS : HV_AS_IT_IS;
	p->ratelimit_us = credit || credit2 ? RATELIMIT_US : HV_AS_IT_IS;
	p->migration_delay_us = credit ? 0 : HV_AS_IT_IS;
}

void sim_cpupools_init(struct sim_model *m)
{
	struct sim_cpupool *p = &m->pools[0];

	m->n_pools = 1;
	memset(p, 0, sizeof *p);
	(void)snprintf(p->name, sizeof p->name, "Pool-0");
	set_scheduler(p, "credit2");
	for (uint32_t i = 0; i < m->params.cpus && i < HV_VCPUS_MAX; i++)
		p->cpus[i] = true;
}

static void add_domain(struct hv_cpupool *p, struct hv_domid domid)
{
	if (p->n_domains < HV_POOL_DOMAINS_MAX)
		p->domains[p->n_domains] = domid;
	p->n_domains++;
}

size_t sim_model_cpupools(const struct sim_model *m, struct hv_cpupool *ret_pools, size_t max)
{
	size_t n = m->n_pools < max ? m->n_pools : max;

	for (size_t k = 0; k < n; k++) {
		const struct sim_cpupool *from = &m->pools[k];
		struct hv_cpupool *p = &ret_pools[k];

		memset(p, 0, sizeof *p);
		p->id = from->id;
		memcpy(p->name, from->name, sizeof p->name);
		memcpy(p->scheduler, from->scheduler, sizeof p->scheduler);
		p->tslice_ms = from->tslice_ms;
		p->ratelimit_us = from->ratelimit_us;
		p->migration_delay_us = from->migration_delay_us;
		for (uint32_t i = 0; i < HV_VCPUS_MAX; i++) {
			if (from->cpus[i])
				p->cpus[p->n_cpus++] = i;
		}
		if (p->id == 0)
			add_domain(p, (struct hv_domid){0});
		for (size_t i = 0; i < m->n_domains; i++) {
			if (m->domains[i]->pool == p->id)
				add_domain(p, m->domains[i]->domid);
		}
	}
	return n;
}

/* ---- changes ---- */

static struct sim_cpupool *find(struct sim_model *m, uint32_t id)
{
	for (size_t i = 0; i < m->n_pools; i++) {
		if (m->pools[i].id == id)
			return &m->pools[i];
	}
	mu_assert_unreachable();
}

static void set_cpus(struct sim_cpupool *p, const char *text, bool in)
{
	struct hv_cpus cpus;

	hv_cpus_of(text, 0, &cpus);
	for (uint32_t i = 0; i < HV_VCPUS_MAX; i++) {
		if (cpus.has[i])
			p->cpus[i] = in;
	}
}

static void create(struct sim_model *m, const struct hv_cpupool_change *c)
{
	struct sim_cpupool *p = &m->pools[m->n_pools];

	memset(p, 0, sizeof *p);
	p->id = m->pools[m->n_pools - 1].id + 1;
	memcpy(p->name, c->name, sizeof p->name);
	set_scheduler(p, c->scheduler[0] ? c->scheduler : "credit2");
	set_cpus(p, c->cpus, true);
	m->n_pools++;
}

static void destroy(struct sim_model *m, struct sim_cpupool *p)
{
	size_t at = (size_t)(p - m->pools);

	memmove(p, p + 1, (m->n_pools - at - 1) * sizeof *p);
	m->n_pools--;
}

static void set_parameter(int32_t *now, int32_t wanted)
{
	if (wanted != HV_AS_IT_IS)
		*now = wanted;
}

int sim_model_cpupool_change(struct sim_model *m, const struct hv_cpupool_change *c,
			     struct mu_error *err)
{
	struct sim_cpupool *p = c->what == HV_CPUPOOL_CREATE ? NULL : find(m, c->id);
	struct sim_domain *d;

	switch (c->what) {
	case HV_CPUPOOL_CREATE:
		create(m, c);
		return 0;
	case HV_CPUPOOL_DESTROY:
		destroy(m, p);
		return 0;
	case HV_CPUPOOL_ADD_CPUS:
	case HV_CPUPOOL_REMOVE_CPUS:
		set_cpus(p, c->cpus, c->what == HV_CPUPOOL_ADD_CPUS);
		return 0;
	case HV_CPUPOOL_SET:
		set_parameter(&p->tslice_ms, c->tslice_ms);
		set_parameter(&p->ratelimit_us, c->ratelimit_us);
		set_parameter(&p->migration_delay_us, c->migration_delay_us);
		return 0;
	case HV_CPUPOOL_MOVE:
		if (!(d = sim_find(m, c->domid)))
			return mu_error_set(err, MU_E_NOT_FOUND, "there is no domain %" PRIu32,
					    c->domid.value);
		d->pool = c->id;
		return 0;
	case _HV_CPUPOOL_WHAT_COUNT:
		break;
	}
	mu_assert_unreachable();
}
