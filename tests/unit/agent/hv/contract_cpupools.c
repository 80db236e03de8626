/* SPDX-License-Identifier: Apache-2.0 */
/* CPU pools: made, changed, lived in, removed. Every case leaves the one pool of a host at boot. */
#include "tests/unit/agent/hv/contract_env.h"
#include "tests/unit/agent/hv/cpupool_change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct changing {
	struct hv_cpupool_op op;
	struct env *env;
	bool over;
};

static void on_changed(struct hv_cpupool_op *op)
{
	struct changing *k = op->ctx;

	k->over = true;
	mu_loop_stop(k->env->loop);
}

static int try_change(struct env *e, const struct hv_cpupool_change *change, int *ret_r,
		      struct mu_error *ret_err, struct mu_error *err)
{
	struct changing *k = mu_xcalloc(1, sizeof *k);
	int r;

	k->env = e;
	k->op = (struct hv_cpupool_op){.change = *change, .done = on_changed, .ctx = k};
	hv_cpupool_start(e->hv, &k->op);
	EXPECT(!k->over, "it answered inside start");
	r = env_wait(e, &k->over, err);
	if (r == 0) {
		*ret_r = k->op.r;
		*ret_err = k->op.err;
		free(k);
	}
	return r;
}

static int change(struct env *e, const struct hv_cpupool_change *c, struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;
	int r = 0;

	if (try_change(e, c, &r, &why, err) < 0)
		return MU_FAILED;
	EXPECT(r == 0, "change %d of %s: %s", (int)c->what, c->name, why.text);
	return 0;
}

static int refused(struct env *e, const struct hv_cpupool_change *c, enum mu_error_code code,
		   struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;
	int r = 0;

	if (try_change(e, c, &r, &why, err) < 0)
		return MU_FAILED;
	EXPECT(r < 0 && why.code == code, "change %d of %s: %s", (int)c->what, c->name,
	       r < 0 ? why.text : "was done");
	return 0;
}

static int pools(struct env *e, struct hv_cpupool *ret, size_t *ret_n, struct mu_error *err)
{
	return hv_cpupools(e->hv, ret, HV_CPUPOOLS_MAX, ret_n, err);
}

static int expect_pool(struct env *e, const char *name, size_t n_cpus, size_t n_domains,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_cpupool *list = mu_xcalloc(HV_CPUPOOLS_MAX, sizeof *list);
	const struct hv_cpupool *p;
	size_t n = 0;

	if (pools(e, list, &n, err) < 0)
		return MU_FAILED;
	p = hv_cpupool_find(list, n, name);
	EXPECT(p, "there is no pool %s", name);
	EXPECT(p->n_cpus == n_cpus && p->n_domains == n_domains, "%s has %zu CPUs, %zu domains",
	       name, p->n_cpus, p->n_domains);
	return 0;
}

/* The host's last CPU, taken out of the pool that has all. */
static int free_a_cpu(struct env *e, char ret_cpu[static 16], uint32_t *ret_n_cpus,
		      struct mu_error *err)
{
	struct hv_cpupool_change c;
	struct model_host host;

	if (hv_host_info(e->hv, &host, err) < 0)
		return MU_FAILED;
	EXPECT(host.cpus >= 2, "a host with one CPU");
	*ret_n_cpus = host.cpus;
	(void)snprintf(ret_cpu, 16, "%" PRIu32, host.cpus - 1);
	c = cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "Pool-0", ret_cpu);
	return change(e, &c, err);
}

static int give_it_back(struct env *e, const char *cpu, struct mu_error *err)
{
	struct hv_cpupool_change c = cpupool_change(HV_CPUPOOL_DESTROY, "contract", "");

	if (change(e, &c, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_ADD_CPUS, "Pool-0", cpu);
	return change(e, &c, err);
}

static int comes_and_goes(struct env *e, struct mu_error *err)
{
	struct hv_cpupool_change c;
	uint32_t n_cpus;
	char cpu[16];

	if (free_a_cpu(e, cpu, &n_cpus, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_CREATE, "contract", cpu);
	memcpy(c.scheduler, "credit2", sizeof "credit2");
	if (change(e, &c, err) < 0 || expect_pool(e, "contract", 1, 0, err) < 0 ||
	    refused(e, &c, MU_E_EXISTS, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_SET, "contract", "");
	c.ratelimit_us = 2000;
	if (change(e, &c, err) < 0)
		return MU_FAILED;
	c.tslice_ms = 5;
	if (refused(e, &c, MU_E_UNSUPPORTED, err) < 0)
		return MU_FAILED;
	return give_it_back(e, cpu, err);
}

static int a_domain_moves(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *config = mu_xcalloc(1, sizeof *config);
	struct hv_cpupool_change c;
	struct hv_domid domid;
	uint32_t n_cpus;
	char cpu[16];

	*config = env_guest(e);
	if (env_create(e, config, &domid, err) < 0 || free_a_cpu(e, cpu, &n_cpus, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_CREATE, "contract", cpu);
	if (change(e, &c, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_MOVE, "contract", "");
	c.domid = domid;
	if (change(e, &c, err) < 0 || expect_pool(e, "contract", 1, 1, err) < 0)
		return MU_FAILED;
	c.what = HV_CPUPOOL_DESTROY;
	if (refused(e, &c, MU_E_STATE, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "contract", cpu);
	if (refused(e, &c, MU_E_STATE, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_MOVE, "Pool-0", "");
	c.domid = domid;
	if (change(e, &c, err) < 0)
		return MU_FAILED;
	return give_it_back(e, cpu, err);
}

static int refusals(struct env *e, struct mu_error *err)
{
	struct hv_cpupool_change c = cpupool_change(HV_CPUPOOL_CREATE, "contract", "0");

	if (refused(e, &c, MU_E_STATE, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_CREATE, "contract", "900");
	if (refused(e, &c, MU_E_INVALID, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_DESTROY, "Pool-0", "");
	if (refused(e, &c, MU_E_STATE, err) < 0)
		return MU_FAILED;
	c = cpupool_change(HV_CPUPOOL_DESTROY, "nowhere", "");
	return refused(e, &c, MU_E_NOT_FOUND, err);
}

const struct env_case contract_cpupools[] = {
    {"what pools refuse", refusals},
    {"a pool comes and goes", comes_and_goes},
    {"a domain moves to a pool and back", a_domain_moves},
    {NULL, NULL},
};
