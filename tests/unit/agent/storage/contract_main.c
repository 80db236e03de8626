/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the contract against one driver and prints TAP. Standalone, so that it can be copied into a
 * Xen host's dom0:
 *
 *   sr-contract --driver fake --param medium=x
 *   sr-contract --driver dir --param location=/srv/empty-directory
 *   sr-contract ... --only TEXT     only the cases with TEXT in their name
 */
#include "common/os/clock.h"
#include "tests/unit/agent/storage/contract_args.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_asked_for(const char *only, size_t i)
{
	return !only || strstr(sr_contract_case_name(i), only);
}

/* `number` is TAP's. */
static int run_case(const struct sr_contract *c, size_t i, size_t number)
{
	mu_msec begin = mu_clock_monotonic();
	struct mu_error err = MU_ERROR_INIT;
	int r = sr_contract_run(c, i, &err);

	printf("%s %zu - %s # %" PRId64 " ms\n", r == 0 ? "ok" : "not ok", number,
	       sr_contract_case_name(i), mu_clock_monotonic() - begin);
	if (r < 0)
		printf("# %s\n", err.text);
	fflush(stdout);
	return r < 0;
}

int main(int argc, char **argv)
{
	struct sr_contract c;
	const char *only = contract_args(argc, argv, &c);
	size_t n = 0, number = 0;
	int n_failed = 0;

	for (size_t i = 0; i < sr_contract_n_cases(); i++)
		n += is_asked_for(only, i);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < sr_contract_n_cases(); i++) {
		if (is_asked_for(only, i))
			n_failed += run_case(&c, i, ++number);
	}
	return n_failed > 0;
}
