/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a folder of its own, for each test. */
#ifndef MUSTER_TESTS_STORE_FIXTURE_H
#define MUSTER_TESTS_STORE_FIXTURE_H

#include "aggregator/store/store.h"

extern char path[64]; /* of the database */
extern struct mu_loop *loop;
extern struct store *store; /* the test opens it */

void setup(void);
void teardown(void);
/* Harmless when it is not open. */
void close_store(void);

#endif
