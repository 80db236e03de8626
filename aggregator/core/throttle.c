/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/throttle.h"

#include "common/base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST MU_SEC(2)
#define LONGEST MU_SEC(60)
#define FORGOTTEN MU_SEC(900)

struct entry {
	char key[THROTTLE_KEY_MAX + 1]; /* "": free */
	unsigned n_failed;
	mu_msec last;
};

struct throttle {
	struct entry entries[THROTTLE_MAX];
};

struct throttle *throttle_new(void)
{
	return mu_xcalloc(1, sizeof(struct throttle));
}

struct throttle *throttle_free(struct throttle *t)
{
	free(t);
	return NULL;
}

static bool is(const struct entry *e, const char *key)
{
	return strncmp(e->key, key, THROTTLE_KEY_MAX) == 0;
}

static mu_msec delay_of(const struct entry *e, unsigned n_free)
{
	mu_msec delay = FIRST;

	if (e->n_failed <= n_free)
		return 0;
	for (unsigned i = 1; i < e->n_failed - n_free && delay < LONGEST; i++)
		delay *= 2;
	return delay < LONGEST ? delay : LONGEST;
}

mu_msec throttle_wait(const struct throttle *t, const char *key, unsigned n_free, mu_msec now)
{
	for (size_t i = 0; i < THROTTLE_MAX; i++) {
		const struct entry *e = &t->entries[i];

		if (is(e, key) && e->last + delay_of(e, n_free) > now)
			return e->last + delay_of(e, n_free) - now;
	}
	return 0;
}

/* Its own, a free one, or the one that was not heard of for longest. */
static struct entry *entry_for(struct throttle *t, const char *key)
{
	struct entry *best = &t->entries[0];

	for (size_t i = 0; i < THROTTLE_MAX; i++) {
		struct entry *e = &t->entries[i];

		if (is(e, key))
			return e;
		if (best->key[0] && (!e->key[0] || e->last < best->last))
			best = e;
	}
	memset(best, 0, sizeof *best);
	(void)snprintf(best->key, sizeof best->key, "%s", key);
	return best;
}

void throttle_failed(struct throttle *t, const char *key, mu_msec now)
{
	struct entry *e = entry_for(t, key);

	if (e->last + FORGOTTEN < now)
		e->n_failed = 0;
	e->n_failed++;
	e->last = now;
}

void throttle_passed(struct throttle *t, const char *key)
{
	for (size_t i = 0; i < THROTTLE_MAX; i++)
		if (is(&t->entries[i], key))
			memset(&t->entries[i], 0, sizeof t->entries[i]);
}
