/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of agent/storage/sr.h as a list of cases that any driver must pass. No test
 * framework: the same code runs in the build and in a Xen host's dom0 as a copied program.
 */
#ifndef MUSTER_TESTS_STORAGE_CONTRACT_H
#define MUSTER_TESTS_STORAGE_CONTRACT_H

#include "agent/storage/sr.h"

struct sr_contract {
	const struct sr_ops *ops;
	const char *state_dir;
	/* type and parameters; each case makes an SR of a new id there and destroys it. */
	struct sr_config config;
	/* Is nothing left where an SR was destroyed? May be NULL. */
	int (*leak_check)(const struct sr_contract *c, struct mu_error *err);
	void *ctx;
};

size_t sr_contract_n_cases(void);
const char *sr_contract_case_name(size_t i);
int sr_contract_run(const struct sr_contract *c, size_t i, struct mu_error *err);

#endif
