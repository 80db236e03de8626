/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/refusals.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST MU_SEC(60)
#define LONGEST MU_SEC(3600)

/* A kind is counted from its first on, for as long as there were some in the time before: then it
 * is quiet, and the next one is written down again. */
struct kind {
	bool used;
	bool quiet;
	char who[MODEL_NAME_MAX + 1];
	char what[REFUSALS_WHAT_MAX + 1];
	uint64_t n;
	mu_msec from;
	mu_msec length;
};

struct refusals {
	struct kind kinds[REFUSALS_MAX];
	mu_msec changes; /* until then so many have been written down */
};

struct refusals *refusals_new(void)
{
	return mu_xcalloc(1, sizeof(struct refusals));
}

struct refusals *refusals_free(struct refusals *r)
{
	free(r);
	return NULL;
}

static struct kind *find(struct refusals *r, const char *who, const char *what)
{
	for (size_t i = 0; i < REFUSALS_MAX; i++) {
		struct kind *k = &r->kinds[i];

		if (k->used && strncmp(k->who, who, MODEL_NAME_MAX) == 0 &&
		    strncmp(k->what, what, REFUSALS_WHAT_MAX) == 0)
			return k;
	}
	return NULL;
}

static size_t n_of(const struct refusals *r, const char *who)
{
	size_t n = 0;

	for (size_t i = 0; i < REFUSALS_MAX; i++)
		n += r->kinds[i].used && strncmp(r->kinds[i].who, who, MODEL_NAME_MAX) == 0;
	return n;
}

/* The last is kept for the others. */
static struct kind *take(struct refusals *r, const char *who, const char *what)
{
	struct kind *k = &r->kinds[0];

	while (k < &r->kinds[REFUSALS_MAX - 1] && k->used)
		k++;
	if (k == &r->kinds[REFUSALS_MAX - 1])
		who = what = "others";
	if (k->used)
		return k;
	memset(k, 0, sizeof *k);
	k->used = k->quiet = true;
	k->length = FIRST / 2;
	(void)snprintf(k->who, sizeof k->who, "%s", who);
	(void)snprintf(k->what, sizeof k->what, "%s", what);
	return k;
}

static bool each_is_noted(struct refusals *r, mu_msec now)
{
	mu_msec from = r->changes > now ? r->changes : now;

	if (from - now > (mu_msec)(REFUSALS_BURST - 1) * REFUSALS_EVERY_MS)
		return false;
	r->changes = from + REFUSALS_EVERY_MS;
	return true;
}

bool refusals_note(struct refusals *r, const char *who, const char *what, bool change, mu_msec now)
{
	struct kind *k;

	if (change && each_is_noted(r, now))
		return true;
	k = find(r, who, what);
	if (!k && n_of(r, who) >= REFUSALS_EACH_MAX) {
		what = "other requests";
		k = find(r, who, what);
	}
	if (!k)
		k = take(r, who, what);
	if (!k->quiet) {
		k->n++;
		return false;
	}
	k->quiet = false;
	k->from = now;
	k->length = 2 * k->length < LONGEST ? 2 * k->length : LONGEST;
	return true;
}

static mu_msec end_of(const struct kind *k)
{
	return k->from + (k->quiet ? LONGEST : k->length);
}

bool refusals_due(struct refusals *r, mu_msec now, struct refusal *ret)
{
	for (size_t i = 0; i < REFUSALS_MAX; i++) {
		struct kind *k = &r->kinds[i];

		if (!k->used || end_of(k) > now)
			continue;
		if (k->quiet) {
			k->used = false;
			continue;
		}
		if (k->n == 0) {
			k->quiet = true;
			k->from = now;
			continue;
		}
		*ret = (struct refusal){.n = k->n, .within = k->length};
		memcpy(ret->who, k->who, sizeof ret->who);
		memcpy(ret->what, k->what, sizeof ret->what);
		k->n = 0;
		k->from = now;
		k->length = 2 * k->length < LONGEST ? 2 * k->length : LONGEST;
		return true;
	}
	return false;
}

mu_msec refusals_next(const struct refusals *r)
{
	mu_msec next = -1;

	for (size_t i = 0; i < REFUSALS_MAX; i++) {
		const struct kind *k = &r->kinds[i];

		if (k->used && (next < 0 || end_of(k) < next))
			next = end_of(k);
	}
	return next;
}
