/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the storage test programs: which driver, with which parameters. */
#ifndef MUSTER_TESTS_STORAGE_CONTRACT_ARGS_H
#define MUSTER_TESTS_STORAGE_CONTRACT_ARGS_H

#include "tests/unit/agent/storage/contract.h"

/* Ends the program when it is wrong. Returns the value of --only, or NULL. */
const char *contract_args(int argc, char **argv, struct sr_contract *c);

#endif
