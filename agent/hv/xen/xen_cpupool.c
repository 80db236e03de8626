/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_cpupool.h"

#include "agent/hv/xen/xen_details.h"
#include "common/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

enum { INFO_CHUNK = 256 };

/* ---- names ---- */

static void add_name(struct xs_handle *xs, const char *id, struct xen_cpupool_names *names)
{
	MU_CLEANUP(mu_free) char *name = NULL;
	char path[64];
	uint64_t number;
	unsigned len = 0;

	if (names->n == HV_CPUPOOLS_MAX || !mu_parse_u64(id, &number) || number > UINT32_MAX)
		return;
	(void)snprintf(path, sizeof path, XEN_CPUPOOL_DIR "/%" PRIu64 "/name", number);
	name = xs_read(xs, XBT_NULL, path, &len);
	if (!name)
		return;
	names->pools[names->n].id = (uint32_t)number;
	mu_utf8_sanitize(names->pools[names->n].name, MODEL_NAME_MAX, name, len);
	names->n++;
}

void xen_cpupool_names_read(struct xs_handle *xs, struct xen_cpupool_names *ret)
{
	unsigned n = 0;
	MU_CLEANUP(mu_free) char **ids = xs_directory(xs, XBT_NULL, XEN_CPUPOOL_DIR, &n);

	memset(ret, 0, sizeof *ret);
	for (unsigned i = 0; ids && i < n; i++)
		add_name(xs, ids[i], ret);
}

static void name_pool(const struct xen_cpupool_names *names, struct hv_cpupool *pool)
{
	for (size_t i = 0; i < names->n; i++) {
		if (names->pools[i].id == pool->id)
			(void)snprintf(pool->name, sizeof pool->name, "%s", names->pools[i].name);
	}
}

/* ---- pools ---- */

static void read_parameters(xc_interface *xch, uint32_t scheduler, struct hv_cpupool *pool)
{
	struct xen_sysctl_credit_schedule credit;
	struct xen_sysctl_credit2_schedule credit2;

	pool->tslice_ms = pool->ratelimit_us = pool->migration_delay_us = -1;
	if (scheduler == XEN_SCHEDULER_CREDIT &&
	    xc_sched_credit_params_get(xch, pool->id, &credit) == 0) {
		pool->tslice_ms = (int32_t)credit.tslice_ms;
		pool->ratelimit_us = (int32_t)credit.ratelimit_us;
		pool->migration_delay_us = (int32_t)credit.vcpu_migr_delay_us;
	} else if (scheduler == XEN_SCHEDULER_CREDIT2 &&
		   xc_sched_credit2_params_get(xch, pool->id, &credit2) == 0) {
		pool->ratelimit_us = (int32_t)credit2.ratelimit_us;
	}
}

static void read_cpus(const uint8_t *map, size_t n_bytes, struct hv_cpupool *pool)
{
	for (uint32_t cpu = 0; cpu < n_bytes * 8 && pool->n_cpus < HV_VCPUS_MAX; cpu++) {
		if (map[cpu / 8] & 1u << cpu % 8)
			pool->cpus[pool->n_cpus++] = cpu;
	}
}

static void add_domain(const xc_domaininfo_t *info, struct hv_cpupool *pools, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct hv_cpupool *pool = &pools[i];

		if (pool->id != info->cpupool)
			continue;
		if (pool->n_domains < HV_POOL_DOMAINS_MAX)
			pool->domains[pool->n_domains] = (struct hv_domid){info->domain};
		pool->n_domains++;
	}
}

static int add_domains(xc_interface *xch, struct hv_cpupool *pools, size_t n_pools,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_free) xc_domaininfo_t *infos = mu_xcalloc(INFO_CHUNK, sizeof *infos);
	uint32_t first = 0;
	size_t n_seen = 0;
	int n;

	do {
		n = xc_domain_getinfolist(xch, first, INFO_CHUNK, infos);
		if (n < 0)
			return mu_error_errno(err, errno,
					      "the hypervisor does not list its domains");
		for (int i = 0; i < n; i++)
			add_domain(&infos[i], pools, n_pools);
		if (n > 0)
			first = infos[n - 1].domain + 1u;
		n_seen += (size_t)n;
	} while (n == INFO_CHUNK && n_seen < HV_DOMAINS_MAX);
	return 0;
}

int xen_cpupool_read(xc_interface *xch, const struct xen_cpupool_names *names,
		     struct hv_cpupool *ret_pools, size_t max, size_t *ret_n, struct mu_error *err)
{
	int map_bytes = xc_get_cpumap_size(xch);
	xc_cpupoolinfo_t *info;
	size_t n = 0;

	if (map_bytes < 0)
		return mu_error_errno(err, errno, "the hypervisor does not tell its CPUs");
	/* Each call gives the next pool at or after the id. */
	for (uint32_t id = 0; n < max && (info = xc_cpupool_getinfo(xch, id)); n++) {
		struct hv_cpupool *pool = &ret_pools[n];

		memset(pool, 0, sizeof *pool);
		pool->id = info->cpupool_id;
		xen_scheduler_name(info->sched_id, pool->scheduler);
		read_cpus(info->cpumap, (size_t)map_bytes, pool);
		read_parameters(xch, info->sched_id, pool);
		name_pool(names, pool);
		id = info->cpupool_id + 1;
		xc_cpupool_infofree(xch, info);
	}
	if (add_domains(xch, ret_pools, n, err) < 0)
		return MU_FAILED;
	*ret_n = n;
	return 0;
}
