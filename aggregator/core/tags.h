/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of what no host keeps them for: hosts themselves, networks, the pool. (VMs, disks and
 * repositories have theirs with their host.) By id, in the order in which they were given. An
 * object need not be there: a network whose host is away has its tags when it is back. PURE.
 */
#ifndef MUSTER_AGGREGATOR_CORE_TAGS_H
#define MUSTER_AGGREGATOR_CORE_TAGS_H

#include "common/base/error.h"
#include "common/base/id.h"

#include <stdbool.h>
#include <stddef.h>

enum { TAGS_EACH_MAX = 16, TAGS_OBJECTS_MAX = 20000 };

struct tags;

struct tags *tags_new(void);
/* Takes NULL; returns NULL. */
struct tags *tags_free(struct tags *t);
/* May it be given? MU_E_INVALID: it is no tag; MU_E_EXHAUSTED: there are too many. */
int tags_check(const struct tags *t, const struct mu_uuid *id, const char *tag,
	       struct mu_error *err);
bool tags_has(const struct tags *t, const struct mu_uuid *id, const char *tag);
/* Nothing when it has it, or has it not. */
void tags_add(struct tags *t, const struct mu_uuid *id, const char *tag);
void tags_remove(struct tags *t, const struct mu_uuid *id, const char *tag);
/* All of an object. */
void tags_forget(struct tags *t, const struct mu_uuid *id);
/* How many it has; *ret_tags until they change. */
size_t tags_of(const struct tags *t, const struct mu_uuid *id, char *const **ret_tags);

#endif
