/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of series as RRDtool takes them: 19 letters, digits, underscores and hyphens. A name has
 * the same short one in every file, whatever else is in it, unless two would be the same. PURE.
 */
#ifndef MUSTER_RRD_NAMES_H
#define MUSTER_RRD_NAMES_H

#include "common/base/arena.h"

enum { RRD_NAME_MAX = 19 };

/* The short ones, in the arena; a name that fits is its own. All are different, also when two of
 * the long ones are not. */
const char **rrd_names(struct mu_arena *a, const char *const *names, size_t n);

#endif
