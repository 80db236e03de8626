/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before dialling again: short at first, doubling, with jitter of our own so that
 * a thousand agents do not come back in one moment. Pure; embedded in its user.
 */
#ifndef MUSTER_AGENT_CORE_BACKOFF_H
#define MUSTER_AGENT_CORE_BACKOFF_H

#include "common/base/rand.h"
#include "common/base/time.h"

#define BACKOFF_FIRST 500
#define BACKOFF_MAX MU_SEC(15)
/* A stream that lived this long starts the series anew. */
#define BACKOFF_GOOD MU_SEC(10)

struct backoff {
	struct mu_rand rand;
	mu_msec base; /* 0 = none failed yet */
};

void backoff_init(struct backoff *b, uint64_t seed);
/* The wait after a stream that ended `lived` after it was welcomed (0: never was). Between half of
 * the step and all of it; 0.5 s to 15 s. */
mu_msec backoff_next(struct backoff *b, mu_msec lived);

#endif
