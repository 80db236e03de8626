/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics/counts.h"

#include "common/base/assert.h"

#include <stdlib.h>

/* --- whose they are --- */

struct building {
	struct counts *c;
	size_t runs_cap;
	size_t objects_cap;
	const struct mu_uuid *id; /* of the last one in c->objects, NULL: none is open */
};

static void add_object(struct building *b, struct catalogue_object *o)
{
	struct counts *c = b->c;

	if (c->n_objects == b->objects_cap) {
		b->objects_cap = b->objects_cap ? 2 * b->objects_cap : 16;
		c->objects = mu_xrealloc(c->objects, b->objects_cap, sizeof *c->objects);
	}
	c->objects[c->n_objects++] = (struct counts_object){
	    .of = c, .object = o, .first_run = (uint32_t)c->n_runs, .n_runs = 0};
}

static void add_run(struct building *b, uint32_t at, uint32_t place, uint32_t since)
{
	struct counts *c = b->c;
	struct counts_object *o = &c->objects[c->n_objects - 1];
	struct counts_run *r = o->n_runs > 0 ? &c->runs[c->n_runs - 1] : NULL;

	if (r && r->at + r->n == at && (uint32_t)r->series + r->n == place && r->since == since) {
		r->n++;
		return;
	}
	if (c->n_runs == b->runs_cap) {
		b->runs_cap = b->runs_cap ? 2 * b->runs_cap : 64;
		c->runs = mu_xrealloc(c->runs, b->runs_cap, sizeof *c->runs);
	}
	c->runs[c->n_runs++] =
	    (struct counts_run){.at = at, .since = since, .series = (uint16_t)place, .n = 1};
	o->n_runs++;
}

_Static_assert((int)CATALOGUE_OBJECT_MAX <= UINT16_MAX, "a place in an object fits");

void counts_init(struct counts *c, const struct catalogue *catalogue,
		 const struct catalogue_want *want, const uint32_t *places, size_t n)
{
	struct building b = {.c = c};

	*c = (struct counts){.n = 0};
	for (size_t i = 0; i < n; i++) {
		if (want[i].since == 0)
			continue;
		if (places[i] != CATALOGUE_NOWHERE) {
			if (!b.id || !mu_uuid_equal(b.id, &want[i].object))
				add_object(&b, catalogue_find(catalogue, &want[i].object));
			b.id = &want[i].object;
			add_run(&b, (uint32_t)c->n, places[i], want[i].since);
		}
		c->n++;
	}
	/* They are there as long as the host. */
	c->runs = mu_xrealloc(c->runs, c->n_runs + 1, sizeof *c->runs);
	c->objects = mu_xrealloc(c->objects, c->n_objects + 1, sizeof *c->objects);
	c->value = mu_xcalloc(c->n + 1, sizeof *c->value);
	for (size_t i = 0; i < c->n; i++)
		c->value[i] = METRICS_COUNT_UNKNOWN;
}

void counts_deinit(struct counts *c)
{
	for (size_t i = 0; i < c->n_objects; i++)
		if (c->objects[i].object->counts == &c->objects[i])
			c->objects[i].object->counts = NULL;
	free(c->objects);
	free(c->runs);
	free(c->value);
	*c = (struct counts){.n = 0};
}

/* --- how they stand --- */

static uint64_t added(uint64_t value, int64_t more)
{
	if (value == METRICS_COUNT_UNKNOWN || (uint64_t)more > (uint64_t)INT64_MAX - value)
		return METRICS_COUNT_UNKNOWN;
	return value + (uint64_t)more;
}

void counts_add(struct counts *c, bool base, const int64_t *counted, size_t n)
{
	mu_assert(n == c->n);
	for (size_t i = 0; i < n; i++)
		c->value[i] = !base                     ? added(c->value[i], counted[i])
			      : counted[i] == INT64_MIN ? METRICS_COUNT_UNKNOWN
							: (uint64_t)counted[i];
}

void counts_show(const struct counts *c, uint32_t step)
{
	for (size_t i = 0; i < c->n_objects; i++)
		if (c->objects[i].object->last == step)
			c->objects[i].object->counts = &c->objects[i];
}

void metrics_counts(const struct catalogue_object *o, struct metrics_count *ret)
{
	const struct counts_object *co = o->counts;

	for (size_t i = 0; i < o->n_series; i++)
		ret[i] = (struct metrics_count){METRICS_COUNT_UNKNOWN, 0};
	for (uint32_t i = 0; co && i < co->n_runs; i++) {
		const struct counts_run *r = &co->of->runs[co->first_run + i];

		for (uint32_t k = 0; k < r->n; k++)
			ret[r->series + k] =
			    (struct metrics_count){co->of->value[r->at + k], r->since};
	}
}
