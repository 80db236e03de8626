/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeatable pseudo-random numbers for models, jitter and tests (splitmix64). Not for secrets:
 * those come from common/os/random.h. The seed is part of the owner's state.
 */
#ifndef MUSTER_BASE_RAND_H
#define MUSTER_BASE_RAND_H

#include <stdint.h>

struct mu_rand {
	uint64_t state;
};

static inline uint64_t mu_rand_next(struct mu_rand *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0 <= result < n; n > 0. The bias of 2^-64 * n does not matter to a model. */
static inline uint64_t mu_rand_below(struct mu_rand *r, uint64_t n)
{
	return mu_rand_next(r) % n;
}

/* 0 <= result < 1 */
static inline double mu_rand_unit(struct mu_rand *r)
{
	return (double)(mu_rand_next(r) >> 11) * 0x1.0p-53;
}

#endif
