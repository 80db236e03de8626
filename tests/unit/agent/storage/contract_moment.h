/* SPDX-License-Identifier: Apache-2.0 */
/* The case of the storage contract that has a writer at work. */
#ifndef MUSTER_TESTS_STORAGE_CONTRACT_MOMENT_H
#define MUSTER_TESTS_STORAGE_CONTRACT_MOMENT_H

#include "tests/unit/agent/storage/contract_env.h"

int contract_snapshots_are_one_moment(struct env *e, struct mu_error *err);

#endif
