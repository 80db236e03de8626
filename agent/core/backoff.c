/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/backoff.h"

void backoff_init(struct backoff *b, uint64_t seed)
{
	b->rand.state = seed;
	b->base = 0;
}

mu_msec backoff_next(struct backoff *b, mu_msec lived)
{
	if (lived >= BACKOFF_GOOD || !b->base)
		b->base = 2 * BACKOFF_FIRST;
	else
		b->base = 2 * b->base < BACKOFF_MAX ? 2 * b->base : BACKOFF_MAX;
	return b->base / 2 + (mu_msec)mu_rand_below(&b->rand, (uint64_t)(b->base / 2 + 1));
}
