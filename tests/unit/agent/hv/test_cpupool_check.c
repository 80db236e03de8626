/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of CPU pools may be, and whether one is in force. */
#include "tests/unit/agent/hv/cpupool_change.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { N_CPUS = 8 };

static struct hv_cpupool pools[HV_CPUPOOLS_MAX];
static size_t n_pools;
static struct mu_error err;

/* Pool-0 (credit2) with 0 to 3 and dom0; fast (credit) with 4 and domain 5; 5 to 7 are free. */
static void setup(void)
{
	n_pools = 2;
	memset(pools, 0, sizeof pools);
	(void)snprintf(pools[0].name, sizeof pools[0].name, "Pool-0");
	(void)snprintf(pools[0].scheduler, sizeof pools[0].scheduler, "credit2");
	for (uint32_t i = 0; i < 4; i++)
		pools[0].cpus[pools[0].n_cpus++] = i;
	pools[0].n_domains = 1;
	pools[0].ratelimit_us = 1000;
	pools[0].tslice_ms = pools[0].migration_delay_us = HV_AS_IT_IS;
	pools[1].id = 1;
	(void)snprintf(pools[1].name, sizeof pools[1].name, "fast");
	(void)snprintf(pools[1].scheduler, sizeof pools[1].scheduler, "credit");
	pools[1].cpus[pools[1].n_cpus++] = 4;
	pools[1].domains[pools[1].n_domains++].value = 5;
	pools[1].tslice_ms = 30;
	pools[1].ratelimit_us = 1000;
}

TestSuite(cpupool_check, .init = setup);

static void good(struct hv_cpupool_change c)
{
	mu_error_clear(&err);
	cr_expect_eq(hv_cpupool_check(pools, n_pools, N_CPUS, &c, &err), 0, "%s", err.text);
}

static void bad(struct hv_cpupool_change c, enum mu_error_code code, const char *says)
{
	mu_error_clear(&err);
	cr_expect_lt(hv_cpupool_check(pools, n_pools, N_CPUS, &c, &err), 0, "%s", says);
	cr_expect_eq(err.code, code, "%s", err.text);
	cr_expect(strstr(err.text, says), "\"%s\" is not in: %s", says, err.text);
}

Test(cpupool_check, creating)
{
	struct hv_cpupool_change c = cpupool_change(HV_CPUPOOL_CREATE, "new", "5-6");

	good(c);
	memcpy(c.scheduler, "null", sizeof "null");
	good(c);
	memcpy(c.scheduler, "fair", sizeof "fair");
	bad(c, MU_E_INVALID, "scheduler \"fair\"");
	bad(cpupool_change(HV_CPUPOOL_CREATE, "fast", "5"), MU_E_EXISTS, "already");
	bad(cpupool_change(HV_CPUPOOL_CREATE, "", "5"), MU_E_INVALID, "no name");
	bad(cpupool_change(HV_CPUPOOL_CREATE, "a/b", "5"), MU_E_INVALID, "no name");
	bad(cpupool_change(HV_CPUPOOL_CREATE, "\xff", "5"), MU_E_INVALID, "no name");
	bad(cpupool_change(HV_CPUPOOL_CREATE, "a\nb", "5"), MU_E_INVALID,
	    "control character at byte 1");
	bad(cpupool_change(HV_CPUPOOL_CREATE, "12", "5"), MU_E_INVALID, "is a number");
	n_pools = HV_CPUPOOLS_MAX;
	bad(cpupool_change(HV_CPUPOOL_CREATE, "new", "5"), MU_E_EXHAUSTED, "the most");
}

Test(cpupool_check, cpus)
{
	good(cpupool_change(HV_CPUPOOL_ADD_CPUS, "fast", "5-7"));
	bad(cpupool_change(HV_CPUPOOL_ADD_CPUS, "fast", "3"), MU_E_STATE,
	    "CPU 3 is in pool Pool-0");
	bad(cpupool_change(HV_CPUPOOL_ADD_CPUS, "fast", "8"), MU_E_INVALID, "the host has 0 to 7");
	bad(cpupool_change(HV_CPUPOOL_ADD_CPUS, "fast", ""), MU_E_INVALID, "no list of CPUs");
	bad(cpupool_change(HV_CPUPOOL_ADD_CPUS, "fast", "all"), MU_E_INVALID, "no list of CPUs");
	bad(cpupool_change(HV_CPUPOOL_ADD_CPUS, "fast", "5;"), MU_E_INVALID, "no list of CPUs");
	bad(cpupool_change(HV_CPUPOOL_ADD_CPUS, "fast", "5-"), MU_E_INVALID, "no list of CPUs");
	bad(cpupool_change(HV_CPUPOOL_ADD_CPUS, "slow", "5"), MU_E_NOT_FOUND,
	    "no CPU pool \"slow\"");
	good(cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "Pool-0", "1-3"));
	bad(cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "Pool-0", "0-3"), MU_E_STATE,
	    "would have no CPU");
	bad(cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "Pool-0", "4"), MU_E_STATE, "not in pool");
	bad(cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "Pool-0", "x"), MU_E_INVALID, "no list of CPUs");
	pools[1].n_domains = 0;
	good(cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "fast", "4"));
}

Test(cpupool_check, destroying_and_moving)
{
	struct hv_cpupool_change c = cpupool_change(HV_CPUPOOL_MOVE, "fast", "");

	bad(cpupool_change(HV_CPUPOOL_DESTROY, "Pool-0", ""), MU_E_STATE, "Xen's own");
	bad(cpupool_change(HV_CPUPOOL_DESTROY, "fast", ""), MU_E_STATE, "1 domains");
	bad(c, MU_E_INVALID, "domain 0");
	c.domid.value = 7;
	good(c);
	pools[1].n_cpus = 0;
	bad(c, MU_E_STATE, "no CPU");
	pools[1].n_domains = 0;
	good(cpupool_change(HV_CPUPOOL_DESTROY, "fast", ""));
}

Test(cpupool_check, parameters)
{
	struct hv_cpupool_change c = cpupool_change(HV_CPUPOOL_SET, "fast", "");

	bad(c, MU_E_INVALID, "no parameter is given");
	c.tslice_ms = 5;
	good(c);
	c.migration_delay_us = 100;
	c.ratelimit_us = 0;
	good(c);
	c.tslice_ms = 0;
	bad(c, MU_E_INVALID, "tsliceMs is 0");
	c.tslice_ms = 1001;
	bad(c, MU_E_INVALID, "tsliceMs is 1001");
	c.tslice_ms = HV_AS_IT_IS;
	c.ratelimit_us = 50;
	bad(c, MU_E_INVALID, "ratelimitUs is 50");
	c.ratelimit_us = HV_AS_IT_IS;
	c.migration_delay_us = 100001;
	bad(c, MU_E_INVALID, "migrationDelayUs is 100001");
	c = cpupool_change(HV_CPUPOOL_SET, "Pool-0", "");
	c.ratelimit_us = 2000;
	good(c);
	c.tslice_ms = 5;
	bad(c, MU_E_UNSUPPORTED, "has no parameter tsliceMs");
	c.tslice_ms = HV_AS_IT_IS;
	c.migration_delay_us = 5;
	bad(c, MU_E_UNSUPPORTED, "has no parameter migrationDelayUs");
	pools[0].ratelimit_us = HV_AS_IT_IS;
	c.migration_delay_us = HV_AS_IT_IS;
	bad(c, MU_E_UNSUPPORTED, "has no parameter ratelimitUs");
}

static bool is(struct hv_cpupool_change c)
{
	return hv_cpupool_is(pools, n_pools, &c);
}

Test(cpupool_check, what_is_in_force)
{
	struct hv_cpupool_change c = cpupool_change(HV_CPUPOOL_SET, "fast", "");

	cr_expect(is(cpupool_change(HV_CPUPOOL_CREATE, "fast", "4")));
	cr_expect_not(is(cpupool_change(HV_CPUPOOL_CREATE, "fast", "4-5")));
	cr_expect_not(is(cpupool_change(HV_CPUPOOL_CREATE, "slow", "4")));
	cr_expect(is(cpupool_change(HV_CPUPOOL_DESTROY, "slow", "")));
	cr_expect_not(is(cpupool_change(HV_CPUPOOL_DESTROY, "fast", "")));
	cr_expect(is(cpupool_change(HV_CPUPOOL_ADD_CPUS, "Pool-0", "0-3")));
	cr_expect(is(cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "Pool-0", "4-5")));
	cr_expect_not(is(cpupool_change(HV_CPUPOOL_REMOVE_CPUS, "Pool-0", "0")));
	c.tslice_ms = 30;
	cr_expect(is(c));
	c.ratelimit_us = 5;
	cr_expect_not(is(c));
	c = cpupool_change(HV_CPUPOOL_MOVE, "fast", "");
	c.domid.value = 5;
	cr_expect(is(c));
	c.domid.value = 6;
	cr_expect_not(is(c));
}
