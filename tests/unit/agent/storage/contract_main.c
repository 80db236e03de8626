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

static int run_case(const struct sr_contract *c, size_t i)
{
	mu_msec begin = mu_clock_monotonic();
	struct mu_error err = MU_ERROR_INIT;
	int r = sr_contract_run(c, i, &err);

	printf("%s %zu - %s # %" PRId64 " ms\n", r == 0 ? "ok" : "not ok", i + 1,
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
	int n_failed = 0;

	printf("1..%zu\n", sr_contract_n_cases());
	for (size_t i = 0; i < sr_contract_n_cases(); i++) {
		if (only && !strstr(sr_contract_case_name(i), only))
			printf("ok %zu - %s # SKIP not asked for\n", i + 1,
			       sr_contract_case_name(i));
		else
			n_failed += run_case(&c, i);
	}
	return n_failed > 0;
}
