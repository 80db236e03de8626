/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long whoever guesses passwords has to wait: two seconds after a wrong one, twice as long
 * after each further one, up to a limit. Asked once for a name and once for a source; bounded, the
 * oldest is forgotten. PURE.
 */
#ifndef MUSTER_AGGREGATOR_CORE_THROTTLE_H
#define MUSTER_AGGREGATOR_CORE_THROTTLE_H

#include "common/base/time.h"

#include <stddef.h>

enum { THROTTLE_MAX = 1024, THROTTLE_KEY_MAX = 159 };

struct throttle;

struct throttle *throttle_new(void);
struct throttle *throttle_free(struct throttle *t);
/* How long still; 0: go on. So many wrong ones are free; `now` is of a clock that only goes
 * forward. */
mu_msec throttle_wait(const struct throttle *t, const char *key, unsigned n_free, mu_msec now);
void throttle_failed(struct throttle *t, const char *key, mu_msec now);
void throttle_passed(struct throttle *t, const char *key);

#endif
