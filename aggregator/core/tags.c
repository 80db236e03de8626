/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/tags.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/model/vm.h"

#include <stdlib.h>
#include <string.h>

struct tagged {
	size_t n;
	char *tags[TAGS_EACH_MAX];
};

struct tags {
	struct mu_map *objects; /* ids -> struct tagged, none of them empty */
};

struct tags *tags_new(void)
{
	struct tags *t = mu_xcalloc(1, sizeof *t);

	t->objects = mu_map_new();
	return t;
}

static void tagged_free(struct tagged *o)
{
	for (size_t i = 0; o && i < o->n; i++)
		free(o->tags[i]);
	free(o);
}

struct tags *tags_free(struct tags *t)
{
	struct tagged *o;

	if (!t)
		return NULL;
	for (size_t i = 0; (o = mu_map_next(t->objects, &i, NULL, NULL));)
		tagged_free(o);
	mu_map_free(t->objects);
	free(t);
	return NULL;
}

static struct tagged *find(const struct tags *t, const struct mu_uuid *id)
{
	return mu_map_find(t->objects, id, sizeof *id);
}

/* TAGS_EACH_MAX: it has it not. */
static size_t place_of(const struct tagged *o, const char *tag)
{
	for (size_t i = 0; o && i < o->n; i++)
		if (strcmp(o->tags[i], tag) == 0)
			return i;
	return TAGS_EACH_MAX;
}

int tags_check(const struct tags *t, const struct mu_uuid *id, const char *tag,
	       struct mu_error *err)
{
	const struct tagged *o = find(t, id);

	if (!*tag || strlen(tag) > MODEL_TAG_MAX)
		return mu_error_set(err, MU_E_INVALID, "tag: must have 1 to %d bytes",
				    MODEL_TAG_MAX);
	for (const char *c = tag; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return mu_error_set(err, MU_E_INVALID, "tag: no control characters");
	if (o && o->n == TAGS_EACH_MAX && place_of(o, tag) == TAGS_EACH_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "it has %d tags; hint: at most so many",
				    TAGS_EACH_MAX);
	if (!o && mu_map_size(t->objects) >= TAGS_OBJECTS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d objects have tags; hint: at most so many",
				    TAGS_OBJECTS_MAX);
	return 0;
}

bool tags_has(const struct tags *t, const struct mu_uuid *id, const char *tag)
{
	return place_of(find(t, id), tag) < TAGS_EACH_MAX;
}

void tags_add(struct tags *t, const struct mu_uuid *id, const char *tag)
{
	struct tagged *o = find(t, id);

	if (tags_check(t, id, tag, NULL) < 0 || place_of(o, tag) < TAGS_EACH_MAX)
		return;
	if (!o) {
		o = mu_xcalloc(1, sizeof *o);
		mu_map_put(t->objects, id, sizeof *id, o);
	}
	o->tags[o->n++] = mu_xstrdup(tag);
}

void tags_remove(struct tags *t, const struct mu_uuid *id, const char *tag)
{
	struct tagged *o = find(t, id);
	size_t at = place_of(o, tag);

	if (at == TAGS_EACH_MAX)
		return;
	free(o->tags[at]);
	memmove(&o->tags[at], &o->tags[at + 1], (--o->n - at) * sizeof o->tags[0]);
	if (o->n == 0)
		tags_forget(t, id);
}

void tags_forget(struct tags *t, const struct mu_uuid *id)
{
	tagged_free(mu_map_remove(t->objects, id, sizeof *id));
}

size_t tags_of(const struct tags *t, const struct mu_uuid *id, char *const **ret_tags)
{
	const struct tagged *o = find(t, id);

	*ret_tags = o ? o->tags : NULL;
	return o ? o->n : 0;
}
