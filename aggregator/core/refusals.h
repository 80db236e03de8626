/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which refusals are written down at once, and which are only counted. What somebody wanted to
 * change: each, as long as these are not too many. Else the first of a kind by somebody, then how
 * many more there were after a minute, after two further ones, and so on up to an hour: whoever
 * polls what he may not see fills no log. Bounded: what somebody has too many kinds of are "other
 * requests", and too many people are "others". PURE.
 */
#ifndef MUSTER_AGGREGATOR_CORE_REFUSALS_H
#define MUSTER_AGGREGATOR_CORE_REFUSALS_H

#include "common/base/time.h"
#include "common/model/host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REFUSALS_MAX = 256, REFUSALS_EACH_MAX = 16, REFUSALS_WHAT_MAX = 127 };
/* Changes: so many at once, and one more each time. */
enum { REFUSALS_BURST = 100, REFUSALS_EVERY_MS = 10000 };

struct refusals;

/* So many that were not written down one by one. */
struct refusal {
	char who[MODEL_NAME_MAX + 1];
	char what[REFUSALS_WHAT_MAX + 1];
	uint64_t n;
	mu_msec within;
};

struct refusals *refusals_new(void);
/* Takes NULL; returns NULL. */
struct refusals *refusals_free(struct refusals *r);
/* True: to be written down now; `change` if something would have been changed. `now` is of a clock
 * that only goes forward. */
bool refusals_note(struct refusals *r, const char *who, const char *what, bool change, mu_msec now);
/* What was counted and is to be told now, again and again until it is false. */
bool refusals_due(struct refusals *r, mu_msec now, struct refusal *ret);
/* When to ask again; -1: nothing is counted. */
mu_msec refusals_next(const struct refusals *r);

#endif
