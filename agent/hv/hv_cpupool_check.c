/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/hv_cpupool.h"
#include "agent/hv/hv_cpus.h"
#include "agent/hv/hv_device.h"
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char first_pool[] = "Pool-0";

const struct hv_cpupool *hv_cpupool_find(const struct hv_cpupool *pools, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(pools[i].name, name))
			return &pools[i];
	}
	return NULL;
}

static bool has_cpu(const struct hv_cpupool *pool, uint32_t cpu)
{
	for (size_t i = 0; i < pool->n_cpus; i++) {
		if (pool->cpus[i] == cpu)
			return true;
	}
	return false;
}

static const struct hv_cpupool *pool_of(const struct hv_cpupool *pools, size_t n, uint32_t cpu)
{
	for (size_t i = 0; i < n; i++) {
		if (has_cpu(&pools[i], cpu))
			return &pools[i];
	}
	return NULL;
}

static bool has_domain(const struct hv_cpupool *pool, struct hv_domid domid)
{
	for (size_t i = 0; i < pool->n_domains && i < HV_POOL_DOMAINS_MAX; i++) {
		if (pool->domains[i].value == domid.value)
			return true;
	}
	return false;
}

/* ---- what it says ---- */

static int check_name(const char *name, struct mu_error *err)
{
	size_t len = strlen(name);

	if (len == 0 || !mu_utf8_valid(name, len) || strchr(name, '/'))
		return mu_error_set(err, MU_E_INVALID,
				    "\"%s\" is no name for a pool; hint: text without a '/'", name);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return mu_error_set(err, MU_E_INVALID,
					    "the pool's name has a control character at byte %zu",
					    i);
	}
	if (strspn(name, "0123456789") == len)
		return mu_error_set(err, MU_E_INVALID,
				    "\"%s\" is a number; hint: Xen's tools would take it for a "
				    "pool's id, add a letter",
				    name);
	return 0;
}

static int check_scheduler(const char *name, struct mu_error *err)
{
	static const char *const known[] = {"", "credit", "credit2", "rtds", "null"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++) {
		if (!strcmp(known[i], name))
			return 0;
	}
	return mu_error_set(err, MU_E_INVALID,
			    "scheduler \"%s\" is unknown; hint: credit, credit2, rtds or null",
			    name);
}

/* The CPUs that a change is about, of those that the host has. */
static int read_cpus(const struct hv_cpupool_change *c, uint32_t n_cpus, struct hv_cpus *ret,
		     struct mu_error *err)
{
	bool any = false;

	if (!*c->cpus || !strcmp(c->cpus, "all") || strchr(c->cpus, ';') ||
	    hv_cpus_check(c->cpus, NULL) < 0)
		return mu_error_set(err, MU_E_INVALID,
				    "cpus \"%s\" is no list of CPUs; hint: such as \"2-3\"",
				    c->cpus);
	hv_cpus_of(c->cpus, 0, ret);
	for (uint32_t i = 0; i < HV_CPUS_MAX; i++) {
		if (ret->has[i] && i >= n_cpus)
			return mu_error_set(err, MU_E_INVALID,
					    "there is no CPU %" PRIu32
					    "; the host has 0 to %" PRIu32,
					    i, n_cpus - 1);
		any |= ret->has[i];
	}
	mu_assert(any); /* hv_cpus_check() refuses empty lists */
	return 0;
}

/* ---- what is there ---- */

static int check_free(const struct hv_cpupool *pools, size_t n, uint32_t n_cpus,
		      const struct hv_cpupool_change *c, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_cpus *cpus = mu_xcalloc(1, sizeof *cpus);

	if (read_cpus(c, n_cpus, cpus, err) < 0)
		return MU_FAILED;
	for (uint32_t i = 0; i < n_cpus && i < HV_CPUS_MAX; i++) {
		const struct hv_cpupool *has = cpus->has[i] ? pool_of(pools, n, i) : NULL;

		if (has)
			return mu_error_set(err, MU_E_STATE,
					    "CPU %" PRIu32 " is in pool %s; hint: remove it there "
					    "first",
					    i, has->name);
	}
	return 0;
}

static int check_removal(const struct hv_cpupool *pool, uint32_t n_cpus,
			 const struct hv_cpupool_change *c, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_cpus *cpus = mu_xcalloc(1, sizeof *cpus);
	size_t n_left = pool->n_cpus;

	if (read_cpus(c, n_cpus, cpus, err) < 0)
		return MU_FAILED;
	for (uint32_t i = 0; i < n_cpus && i < HV_CPUS_MAX; i++) {
		if (cpus->has[i] && !has_cpu(pool, i))
			return mu_error_set(err, MU_E_STATE, "CPU %" PRIu32 " is not in pool %s", i,
					    pool->name);
		n_left -= cpus->has[i];
	}
	if (n_left == 0 && pool->n_domains > 0)
		return mu_error_set(
		    err, MU_E_STATE,
		    "pool %s has %zu domains and would have no CPU; hint: move them "
		    "to another pool",
		    pool->name, pool->n_domains);
	return 0;
}

static int check_destruction(const struct hv_cpupool *pool, struct mu_error *err)
{
	if (!strcmp(pool->name, first_pool))
		return mu_error_set(err, MU_E_STATE, "pool %s is Xen's own, and stays", first_pool);
	if (pool->n_domains == 0)
		return 0;
	return mu_error_set(err, MU_E_STATE,
			    "pool %s has %zu domains; hint: move them to another pool", pool->name,
			    pool->n_domains);
}

static int check_parameter(const struct hv_cpupool *pool, const char *name, int32_t now,
			   int32_t wanted, struct mu_error *err)
{
	if (wanted == HV_AS_IT_IS || now != HV_AS_IT_IS)
		return 0;
	return mu_error_set(err, MU_E_UNSUPPORTED, "scheduler %s of pool %s has no parameter %s",
			    pool->scheduler, pool->name, name);
}

/* What Xen accepts: xen/include/public/sysctl.h. */
static int check_range(const char *name, int32_t value, int32_t min, int32_t max,
		       struct mu_error *err)
{
	if (value == HV_AS_IT_IS || value == 0 || (value >= min && value <= max))
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "%s is %" PRId32 "; allowed: 0, or %" PRId32 " to %" PRId32, name,
			    value, min, max);
}

static int check_parameters(const struct hv_cpupool *pool, const struct hv_cpupool_change *c,
			    struct mu_error *err)
{
	if (c->tslice_ms == HV_AS_IT_IS && c->ratelimit_us == HV_AS_IT_IS &&
	    c->migration_delay_us == HV_AS_IT_IS)
		return mu_error_set(err, MU_E_INVALID, "no parameter is given");
	if (check_parameter(pool, "tsliceMs", pool->tslice_ms, c->tslice_ms, err) < 0 ||
	    check_parameter(pool, "ratelimitUs", pool->ratelimit_us, c->ratelimit_us, err) < 0 ||
	    check_parameter(pool, "migrationDelayUs", pool->migration_delay_us,
			    c->migration_delay_us, err) < 0)
		return MU_FAILED;
	if (c->tslice_ms == 0)
		return mu_error_set(err, MU_E_INVALID, "tsliceMs is 0; allowed: 1 to 1000");
	if (check_range("tsliceMs", c->tslice_ms, 1, 1000, err) < 0 ||
	    check_range("ratelimitUs", c->ratelimit_us, 100, 500000, err) < 0)
		return MU_FAILED;
	return check_range("migrationDelayUs", c->migration_delay_us, 1, 100000, err);
}

static int check_move(const struct hv_cpupool *pool, const struct hv_cpupool_change *c,
		      struct mu_error *err)
{
	if (c->domid.value == 0)
		return mu_error_set(err, MU_E_INVALID, "domain 0 stays in pool %s", first_pool);
	if (pool->n_cpus == 0)
		return mu_error_set(err, MU_E_STATE, "pool %s has no CPU; hint: add one first",
				    pool->name);
	return 0;
}

static int check_existing(const struct hv_cpupool *pools, size_t n, uint32_t n_cpus,
			  const struct hv_cpupool_change *c, struct mu_error *err)
{
	const struct hv_cpupool *pool = hv_cpupool_find(pools, n, c->name);

	if (!pool)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no CPU pool \"%s\"", c->name);
	switch (c->what) {
	case HV_CPUPOOL_DESTROY:
		return check_destruction(pool, err);
	case HV_CPUPOOL_ADD_CPUS:
		return check_free(pools, n, n_cpus, c, err);
	case HV_CPUPOOL_REMOVE_CPUS:
		return check_removal(pool, n_cpus, c, err);
	case HV_CPUPOOL_SET:
		return check_parameters(pool, c, err);
	case HV_CPUPOOL_MOVE:
		return check_move(pool, c, err);
	case HV_CPUPOOL_CREATE:
	case _HV_CPUPOOL_WHAT_COUNT:
		break;
	}
	mu_assert_unreachable();
}

int hv_cpupool_check(const struct hv_cpupool *pools, size_t n, uint32_t n_cpus,
		     const struct hv_cpupool_change *c, struct mu_error *err)
{
	if (c->what != HV_CPUPOOL_CREATE)
		return check_existing(pools, n, n_cpus, c, err);
	if (check_name(c->name, err) < 0 || check_scheduler(c->scheduler, err) < 0)
		return MU_FAILED;
	if (hv_cpupool_find(pools, n, c->name))
		return mu_error_set(err, MU_E_EXISTS, "there is a CPU pool \"%s\" already",
				    c->name);
	if (n == HV_CPUPOOLS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "the host has %d CPU pools, the most",
				    HV_CPUPOOLS_MAX);
	return check_free(pools, n, n_cpus, c, err);
}

/* ---- what came of it ---- */

static bool cpus_are(const struct hv_cpupool *pool, const char *text, bool in)
{
	MU_CLEANUP(mu_free) struct hv_cpus *cpus = mu_xcalloc(1, sizeof *cpus);

	hv_cpus_of(text, 0, cpus);
	for (uint32_t i = 0; i < HV_CPUS_MAX; i++) {
		if (cpus->has[i] && has_cpu(pool, i) != in)
			return false;
	}
	return true;
}

static bool is_or_any(int32_t now, int32_t wanted)
{
	return wanted == HV_AS_IT_IS || wanted == now;
}

bool hv_cpupool_is(const struct hv_cpupool *pools, size_t n, const struct hv_cpupool_change *c)
{
	const struct hv_cpupool *pool = hv_cpupool_find(pools, n, c->name);

	switch (c->what) {
	case HV_CPUPOOL_CREATE:
	case HV_CPUPOOL_ADD_CPUS:
		return pool && cpus_are(pool, c->cpus, true);
	case HV_CPUPOOL_DESTROY:
		return !pool;
	case HV_CPUPOOL_REMOVE_CPUS:
		return pool && cpus_are(pool, c->cpus, false);
	case HV_CPUPOOL_SET:
		return pool && is_or_any(pool->tslice_ms, c->tslice_ms) &&
		       is_or_any(pool->ratelimit_us, c->ratelimit_us) &&
		       is_or_any(pool->migration_delay_us, c->migration_delay_us);
	case HV_CPUPOOL_MOVE:
		return pool && has_domain(pool, c->domid);
	case _HV_CPUPOOL_WHAT_COUNT:
		break;
	}
	mu_assert_unreachable();
}
