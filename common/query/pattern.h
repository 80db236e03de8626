/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns: what an object is to look like, as JSON-RPC clients of Xen Orchestra say it
 * (`{"type": "VM", "tags": ["web"]}`). PURE.
 *
 * A scalar matches what equals it; a list a list that has, for each of its items, one that matches;
 * an object what has all of its properties, each matching. `{"__and": [...]}`, `{"__or": [...]}`
 * and `{"__not": pattern}`, alone in their object, are what they say.
 */
#ifndef MUSTER_QUERY_PATTERN_H
#define MUSTER_QUERY_PATTERN_H

#include "common/query/query.h"

/* Is it one, and of QUERY_TERMS_MAX values and QUERY_DEPTH_MAX levels at most? MU_E_INVALID. */
int query_pattern_check(const struct mu_value *pattern, struct mu_error *err);
/* It has passed the check; `value` NULL: there is none, which nothing matches but a negation. */
bool query_pattern_match(const struct mu_value *pattern, const struct mu_value *value);

#endif
