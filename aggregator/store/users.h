/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups, roles, privileges: what aggregator/core/access.h has in memory. */
#ifndef MUSTER_AGGREGATOR_STORE_USERS_H
#define MUSTER_AGGREGATOR_STORE_USERS_H

#include "aggregator/core/access.h"
#include "aggregator/store/store.h"

/* At start: what is stored, applied. */
int store_users_load(struct store *s, struct access *a, struct mu_error *err);
/* A change that was checked against `a` and is not applied yet. A user's tokens go with him. */
void store_users_change(struct store_tx *tx, const struct access *a, const struct access_change *c);

#endif
