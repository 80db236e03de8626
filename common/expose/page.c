/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is four pieces: the family's name, the object's labels, a tail that all series of one name
 * share (`,vif="0"} `), and the number. The first three are made once and copied. A counter has two
 * lines in OpenMetrics: how it stands, and since when it counts.
 *
 * Samples are sorted by family within their batch; a family is written batch by batch.
 */
#include "common/expose/page.h"

#include "common/base/arena.h"
#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/expose/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES_MAX = 160, HINTS = 256 };

/* How series of one name are shown: once for each rule that matches. */
struct shown {
	const struct expose_rule *rule;
	float scale;
	uint32_t family;
	uint32_t tail_len;
	const char *tail;
	bool seconds; /* of a counter */
	struct shown *more;
};

/* Of a name: looked up once. NULL: not shown. */
struct known {
	struct shown *values;
	struct shown *counts;
};

struct sample {
	const struct shown *shown;
	uint32_t object;
	union {
		float value;
		uint32_t count; /* of a counter: which of the batch's */
	};
};

struct count {
	uint64_t value;
	uint32_t since;
};

/* Where an object's labels are in the batch's text. */
struct labels {
	uint32_t at;
	uint32_t len;
};

struct batch {
	struct mu_str text;
	struct labels *objects;
	size_t n_objects;
	size_t objects_cap;
	struct sample *samples;
	size_t n_samples;
	size_t samples_cap;
	struct count *counts;
	size_t n_counts;
	size_t counts_cap;
	uint32_t from[FAMILIES_MAX + 1]; /* first sample of each family */
};

/* Objects of a kind mostly have the same series in the same order: what stood at this place in the
 * object before is tried first. */
struct hint {
	const char *name;
	const struct known *known;
};

struct expose_page {
	enum expose_names names;
	enum expose_format format;
	const struct expose_rule *rules;
	size_t n_rules;
	struct mu_arena *arena;
	struct mu_map *known[_EXPOSE_KIND_COUNT]; /* name -> struct known */
	struct batch **batches;
	size_t n_batches;
	size_t n_samples;
	uint64_t bytes;
	bool used[FAMILIES_MAX];
	/* gathering */
	struct batch *batch; /* NULL: none is open */
	enum expose_kind kind;
	uint32_t object;
	uint32_t info; /* object with the labels of EXPOSE_INFO */
	bool skip;     /* its labels are too long */
	size_t n_put;
	struct hint hints[_EXPOSE_KIND_COUNT][HINTS];
	/* writing */
	struct mu_str between; /* a family's first lines, or the end */
	uint32_t family;
	bool headed;
	bool ended;
	size_t at_batch;
	size_t at_sample;
};

struct expose_page *expose_page_new(enum expose_names names, enum expose_format format)
{
	struct expose_page *p = mu_xcalloc(1, sizeof *p);

	p->names = names;
	p->format = format;
	p->rules = expose_rules(names, &p->n_rules);
	mu_assert(p->n_rules <= FAMILIES_MAX);
	p->arena = mu_arena_new();
	for (size_t kind = 0; kind < _EXPOSE_KIND_COUNT; kind++)
		p->known[kind] = mu_map_new();
	return p;
}

static void batch_free(struct batch *b)
{
	mu_str_deinit(&b->text);
	free(b->objects);
	free(b->samples);
	free(b->counts);
	free(b);
}

struct expose_page *expose_page_free(struct expose_page *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n_batches; i++)
		batch_free(p->batches[i]);
	free(p->batches);
	mu_str_deinit(&p->between);
	for (size_t kind = 0; kind < _EXPOSE_KIND_COUNT; kind++)
		mu_map_free(p->known[kind]);
	mu_arena_free(p->arena);
	free(p);
	return NULL;
}

/* --- names --- */

static struct shown *shown_new(struct expose_page *p, const struct expose_match *m)
{
	const struct expose_rule *rule = m->rule;
	struct shown *s = mu_arena_calloc(p->arena, 1, sizeof *s);
	struct mu_str tail = MU_STR_INIT;

	if (rule->label)
		mu_str_printf(&tail, ",%s=\"%.*s\"", rule->label, (int)m->len, m->value);
	mu_str_add(&tail, rule->kind == EXPOSE_PAGE ? " " : "} ");
	*s = (struct shown){
	    .rule = rule,
	    .scale = rule->scale != 0 ? rule->scale : 1,
	    .family = (uint32_t)(rule - p->rules),
	    .tail_len = (uint32_t)tail.len,
	    .tail = mu_arena_memdup(p->arena, tail.data, tail.len),
	    .seconds = rule->family.unit && !strcmp(rule->family.unit, "seconds"),
	};
	mu_str_deinit(&tail);
	return s;
}

static struct shown *all_shown(struct expose_page *p, const char *name, enum expose_type type)
{
	struct expose_match matches[EXPOSE_MATCHES_MAX];
	size_t n = expose_match(p->names, p->kind, type, name, matches);
	struct shown *first = NULL, **last = &first;

	for (size_t i = 0; i < n; i++) {
		*last = shown_new(p, &matches[i]);
		last = &(*last)->more;
	}
	return first;
}

static struct known *look_up(struct expose_page *p, const char *name)
{
	struct known *k = mu_arena_calloc(p->arena, 1, sizeof *k);

	k->values = all_shown(p, name, EXPOSE_GAUGE);
	k->counts = all_shown(p, name, EXPOSE_COUNTER);
	return k;
}

static const struct known *known_of(struct expose_page *p, const char *name)
{
	struct hint *h = &p->hints[p->kind][p->n_put++ % HINTS];
	struct known *k;

	if (h->name == name)
		return h->known;
	k = mu_map_find_str(p->known[p->kind], name);
	if (!k) {
		k = look_up(p, name);
		mu_map_put_str(p->known[p->kind], name, k);
	}
	*h = (struct hint){name, k};
	return k;
}

/* --- gathering --- */

static struct batch *batch_open(struct expose_page *p)
{
	if (!p->batch) {
		p->batch = mu_xcalloc(1, sizeof *p->batch);
		if ((p->n_batches & (p->n_batches - 1)) == 0)
			p->batches = mu_xrealloc(p->batches, p->n_batches ? 2 * p->n_batches : 1,
						 sizeof(struct batch *));
		p->batches[p->n_batches++] = p->batch;
	}
	return p->batch;
}

static uint32_t object_add(struct batch *b, size_t at)
{
	if (b->n_objects == b->objects_cap) {
		b->objects_cap = b->objects_cap ? 2 * b->objects_cap : 64;
		b->objects = mu_xrealloc(b->objects, b->objects_cap, sizeof *b->objects);
	}
	b->objects[b->n_objects] = (struct labels){(uint32_t)at, (uint32_t)(b->text.len - at)};
	return (uint32_t)b->n_objects++;
}

static void add_labels(struct batch *b, const struct expose_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expose_label_add(&b->text, labels[i].key, labels[i].value);
}

void expose_object(struct expose_page *p, const struct expose_object *o)
{
	struct batch *b = batch_open(p);
	size_t at = b->text.len, behind;

	mu_assert(o->n_labels > 0 || o->kind == EXPOSE_PAGE);
	p->kind = o->kind;
	p->n_put = 0;
	if (o->kind != EXPOSE_PAGE)
		mu_str_add_char(&b->text, '{');
	add_labels(b, o->labels, o->n_labels);
	behind = b->text.len;
	p->object = object_add(b, at);
	if (o->n_info > 0) {
		mu_str_add(&b->text, "{");
		add_labels(b, o->labels, o->n_labels);
		add_labels(b, o->info, o->n_info);
	}
	p->info = object_add(b, o->n_info > 0 ? behind : at);
	p->skip = b->text.len - at > EXPOSE_LABELS_MAX;
}

static void sample_add(struct batch *b, const struct sample *s)
{
	if (b->n_samples == b->samples_cap) {
		b->samples_cap = b->samples_cap ? 2 * b->samples_cap : 256;
		b->samples = mu_xrealloc(b->samples, b->samples_cap, sizeof *b->samples);
	}
	b->samples[b->n_samples++] = *s;
}

void expose_put(struct expose_page *p, const char *name, float value)
{
	const struct known *k = known_of(p, name);
	bool info = name[0] == '@' && !strcmp(name, EXPOSE_INFO);

	mu_assert(p->batch);
	if (p->skip)
		return;
	for (const struct shown *s = k->values; s; s = s->more) {
		float v = value * s->scale;

		if (isfinite(v))
			sample_add(p->batch, &(struct sample){.shown = s,
							      .object = info ? p->info : p->object,
							      .value = v});
	}
}

static uint32_t count_add(struct batch *b, const struct count *c)
{
	if (b->n_counts == b->counts_cap) {
		b->counts_cap = b->counts_cap ? 2 * b->counts_cap : 256;
		b->counts = mu_xrealloc(b->counts, b->counts_cap, sizeof *b->counts);
	}
	b->counts[b->n_counts] = *c;
	return (uint32_t)b->n_counts++;
}

void expose_put_count(struct expose_page *p, const char *name, uint64_t value, uint32_t since)
{
	const struct known *k = known_of(p, name);

	mu_assert(p->batch);
	if (p->skip)
		return;
	for (const struct shown *s = k->counts; s; s = s->more)
		sample_add(p->batch,
			   &(struct sample){
			       .shown = s,
			       .object = p->object,
			       .count = count_add(p->batch, &(struct count){value, since}),
			   });
}

/* --- lines --- */

/* Of a counter; NULL: it is none. */
static const struct count *count_of(const struct batch *b, const struct sample *s)
{
	return s->shown->rule->family.type == EXPOSE_COUNTER ? &b->counts[s->count] : NULL;
}

static bool says_since(const struct expose_page *p, const struct count *c)
{
	return c && c->since && p->format == EXPOSE_OPENMETRICS;
}

static size_t number_of(char *ret, const struct batch *b, const struct sample *s)
{
	const struct count *c = count_of(b, s);

	if (!c)
		return expose_number(ret, s->value);
	return s->shown->seconds ? expose_seconds(ret, c->value) : expose_whole(ret, c->value);
}

static size_t line_len(const struct expose_page *p, const struct batch *b, const struct sample *s)
{
	size_t line = strlen(s->shown->rule->family.name) + b->objects[s->object].len +
		      s->shown->tail_len + 1;
	const struct count *c = count_of(b, s);
	char number[EXPOSE_NUMBER_MAX];
	size_t len = line + number_of(number, b, s);

	if (c)
		len += strlen("_total");
	if (says_since(p, c))
		len += line + strlen("_created") + expose_whole(number, c->since);
	return len;
}

/* --- a batch is over --- */

void expose_batch_end(struct expose_page *p)
{
	struct batch *b = p->batch;
	struct sample *sorted;
	uint32_t next[FAMILIES_MAX];

	if (!b)
		return;
	for (size_t i = 0; i < b->n_samples; i++)
		b->from[b->samples[i].shown->family + 1]++;
	for (size_t f = 0; f < FAMILIES_MAX; f++) {
		p->used[f] |= b->from[f + 1] > 0;
		b->from[f + 1] += b->from[f];
		next[f] = b->from[f];
	}
	sorted = mu_xcalloc(b->n_samples + 1, sizeof *sorted);
	for (size_t i = 0; i < b->n_samples; i++) {
		const struct sample *s = &b->samples[i];

		sorted[next[s->shown->family]++] = *s;
		p->bytes += line_len(p, b, s);
	}
	free(b->samples);
	b->samples = sorted;
	p->n_samples += b->n_samples;
	p->batch = NULL;
	memset(p->hints, 0, sizeof p->hints);
}

size_t expose_n_samples(const struct expose_page *p)
{
	return p->n_samples;
}

/* --- writing --- */

uint64_t expose_page_end(struct expose_page *p)
{
	struct mu_str text = MU_STR_INIT;

	mu_assert(!p->batch);
	for (size_t f = 0; f < p->n_rules; f++)
		if (p->used[f])
			expose_family_add(&text, p->format, &p->rules[f].family);
	p->bytes += text.len + strlen(expose_end(p->format));
	mu_str_deinit(&text);
	return p->bytes;
}

static char *copy(char *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

/* All that stands before the number. */
static char *write_name(char *to, const struct batch *b, const struct sample *s, const char *suffix)
{
	const struct labels *l = &b->objects[s->object];
	const char *name = s->shown->rule->family.name;

	to = copy(to, name, strlen(name));
	to = copy(to, suffix, strlen(suffix));
	to = copy(to, b->text.data + l->at, l->len);
	return copy(to, s->shown->tail, s->shown->tail_len);
}

static char *write_line(const struct expose_page *p, char *to, const struct batch *b,
			const struct sample *s)
{
	const struct count *c = count_of(b, s);

	to = write_name(to, b, s, c ? "_total" : "");
	to += number_of(to, b, s);
	*to++ = '\n';
	if (!says_since(p, c))
		return to;
	to = write_name(to, b, s, "_created");
	to += expose_whole(to, c->since);
	*to++ = '\n';
	return to;
}

/* Samples of the family, until `to` may have no room for one more; false: there are more. */
static bool write_family(struct expose_page *p, char **to, const char *limit)
{
	for (; p->at_batch < p->n_batches; p->at_batch++, p->at_sample = 0) {
		const struct batch *b = p->batches[p->at_batch];
		size_t end = b->from[p->family + 1];

		if (p->at_sample < b->from[p->family])
			p->at_sample = b->from[p->family];
		for (; p->at_sample < end; p->at_sample++) {
			if (*to > limit)
				return false;
			*to = write_line(p, *to, b, &b->samples[p->at_sample]);
		}
	}
	p->at_batch = p->at_sample = 0;
	return true;
}

/* What stands between samples fits in what a line needs at most. */
static char *write_between(struct expose_page *p, char *to, const struct expose_family *f)
{
	mu_str_reset(&p->between);
	if (f)
		expose_family_add(&p->between, p->format, f);
	else
		mu_str_add(&p->between, expose_end(p->format));
	return copy(to, p->between.data, p->between.len);
}

size_t expose_page_write(struct expose_page *p, char *ret, size_t cap)
{
	/* Two lines: their names, labels, tails with a series' name, and numbers. */
	const char *limit = ret + cap - 2 * (EXPOSE_LABELS_MAX + 1024);
	char *to = ret;

	mu_assert(cap >= EXPOSE_PIECE_MIN);
	for (; p->family < p->n_rules; p->family++, p->headed = false) {
		if (!p->used[p->family])
			continue;
		if (to > limit)
			return (size_t)(to - ret);
		if (!p->headed)
			to = write_between(p, to, &p->rules[p->family].family);
		p->headed = true;
		if (!write_family(p, &to, limit))
			return (size_t)(to - ret);
	}
	if (!p->ended && to <= limit) {
		to = write_between(p, to, NULL);
		p->ended = true;
	}
	return (size_t)(to - ret);
}
