/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's versions: each is a step up and the step back down, run in a transaction with the
 * new version number. Private to aggregator/store.
 */
#ifndef MUSTER_AGGREGATOR_STORE_MIGRATE_H
#define MUSTER_AGGREGATOR_STORE_MIGRATE_H

#include "common/base/error.h"

#include <sqlite3.h>

enum { MIGRATE_NEWEST = 12 };

/* 0 = empty. MU_E_UNSUPPORTED when it is no Muster database or a newer one. */
int migrate_version(sqlite3 *db, int *ret_version, struct mu_error *err);
/* Up or down, one version a transaction. */
int migrate_to(sqlite3 *db, int version, struct mu_error *err);

#endif
