/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     WriteRequest { repeated TimeSeries timeseries = 1; }
 *     TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
 *     Label        { string name = 1; string value = 2; }
 *     Sample       { double value = 1; int64 timestamp = 2; }
 *
 * Labels are to be sorted by name. Ours are lower case, so "__name__" comes first; a series' own
 * label goes into its place among those of the object.
 */
#include "common/expose/remote.h"

#include "common/base/arena.h"
#include "common/base/assert.h"
#include "common/base/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	KNOWN_MAX = 4096,
	LABELS_MAX = 16,
	FIELD_1 = 0x0a,
	FIELD_2 = 0x12,
	DOUBLE_1 = 0x09,
	VARINT_2 = 0x10
};

struct bytes {
	const void *data;
	size_t len;
};

/* A name, in one of the ways in which it is shown. */
struct shown {
	float scale;
	const char *key;    /* of its own label; NULL: none */
	struct bytes name;  /* the label "__name__" */
	struct bytes label; /* its own */
	struct shown *more;
};

struct known {
	struct shown *first; /* NULL: not sent */
};

/* Labels of an object, encoded one behind the other, in order. */
struct labels {
	struct mu_str text;
	const char *keys[LABELS_MAX];
	size_t ends[LABELS_MAX];
	size_t n;
};

struct expose_remote {
	enum expose_names names;
	struct mu_arena *arena;
	struct mu_map *known[_EXPOSE_KIND_COUNT]; /* name -> struct known */
	size_t n_known;
	enum expose_kind kind;
	struct labels own;
	struct labels info;
	bool skip;             /* its labels are too long */
	struct mu_str samples; /* of a series, while it is put */
	struct mu_str out;
	size_t n_samples;
};

static void known_init(struct expose_remote *w)
{
	w->arena = mu_arena_new();
	w->n_known = 0;
	for (size_t kind = 0; kind < _EXPOSE_KIND_COUNT; kind++)
		w->known[kind] = mu_map_new();
}

static void known_deinit(struct expose_remote *w)
{
	for (size_t kind = 0; kind < _EXPOSE_KIND_COUNT; kind++)
		mu_map_free(w->known[kind]);
	mu_arena_free(w->arena);
}

struct expose_remote *expose_remote_new(enum expose_names names)
{
	struct expose_remote *w = mu_xcalloc(1, sizeof *w);

	w->names = names;
	known_init(w);
	return w;
}

struct expose_remote *expose_remote_free(struct expose_remote *w)
{
	if (!w)
		return NULL;
	known_deinit(w);
	mu_str_deinit(&w->own.text);
	mu_str_deinit(&w->info.text);
	mu_str_deinit(&w->samples);
	mu_str_deinit(&w->out);
	free(w);
	return NULL;
}

/* Names come from outside: those of years are not kept. */
void expose_remote_reset(struct expose_remote *w)
{
	mu_str_reset(&w->out);
	w->n_samples = 0;
	if (w->n_known <= KNOWN_MAX)
		return;
	known_deinit(w);
	known_init(w);
}

/* --- protobuf --- */

static size_t varint(uint8_t ret[10], uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		ret[n++] = (uint8_t)(v | 0x80);
	ret[n++] = (uint8_t)v;
	return n;
}

static void add_varint(struct mu_str *s, uint64_t v)
{
	uint8_t bytes[10];

	mu_str_add_bytes(s, bytes, varint(bytes, v));
}

/* What stands before `len` bytes of a string or a message. */
static void add_head(struct mu_str *s, char tag, size_t len)
{
	mu_str_add_char(s, tag);
	add_varint(s, len);
}

static void add_label(struct mu_str *s, const char *key, const char *value, size_t len)
{
	uint8_t unused[10];
	size_t key_len = strlen(key);

	add_head(s, FIELD_1, 1 + varint(unused, key_len) + key_len + 1 + varint(unused, len) + len);
	add_head(s, FIELD_1, key_len);
	mu_str_add_bytes(s, key, key_len);
	add_head(s, FIELD_2, len);
	mu_str_add_bytes(s, value, len);
}

static void add_sample(struct mu_str *s, uint64_t bits, mu_msec at)
{
	uint8_t head[2 + 1 + 8 + 1] = {FIELD_2}, time[10];
	size_t n = varint(time, (uint64_t)at);

	head[1] = (uint8_t)(1 + 8 + 1 + n);
	head[2] = DOUBLE_1;
	for (size_t i = 0; i < 8; i++)
		head[3 + i] = (uint8_t)(bits >> 8 * i);
	head[11] = VARINT_2;
	mu_str_add_bytes(s, head, sizeof head);
	mu_str_add_bytes(s, time, n);
}

/* --- names --- */

static struct bytes encoded_label(struct expose_remote *w, const char *key, const char *value,
				  size_t len)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	add_label(&s, key, value, len);
	return (struct bytes){mu_arena_memdup(w->arena, s.data, s.len), s.len};
}

static struct known *look_up(struct expose_remote *w, const char *name)
{
	struct known *k = mu_arena_calloc(w->arena, 1, sizeof *k);
	struct expose_match matches[EXPOSE_MATCHES_MAX];
	size_t n = expose_match(w->names, w->kind, EXPOSE_GAUGE, name, matches);
	struct shown **last = &k->first;

	for (size_t i = 0; i < n; i++) {
		const struct expose_rule *rule = matches[i].rule;
		struct shown *s = mu_arena_calloc(w->arena, 1, sizeof *s);

		mu_assert(rule->family.type == EXPOSE_GAUGE);
		s->scale = rule->scale != 0 ? rule->scale : 1;
		s->name =
		    encoded_label(w, "__name__", rule->family.name, strlen(rule->family.name));
		s->key = rule->label;
		if (s->key)
			s->label = encoded_label(w, s->key, matches[i].value, matches[i].len);
		*last = s;
		last = &s->more;
	}
	return k;
}

static const struct known *known_of(struct expose_remote *w, const char *name)
{
	struct known *k = mu_map_find_str(w->known[w->kind], name);

	if (!k) {
		k = look_up(w, name);
		w->n_known++;
		mu_map_put_str(w->known[w->kind], name, k);
	}
	return k;
}

/* --- objects --- */

static int by_key(const void *a, const void *b)
{
	const struct expose_label *left = a, *right = b;

	return strcmp(left->key, right->key);
}

static void encode_labels(struct labels *l, const struct expose_object *o, bool info)
{
	struct expose_label all[LABELS_MAX];
	size_t n = o->n_labels + (info ? o->n_info : 0);

	mu_assert(n <= LABELS_MAX);
	for (size_t i = 0; i < n; i++)
		all[i] = i < o->n_labels ? o->labels[i] : o->info[i - o->n_labels];
	qsort(all, n, sizeof *all, by_key);
	mu_str_reset(&l->text);
	l->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!all[i].value[0])
			continue;
		add_label(&l->text, all[i].key, all[i].value, strlen(all[i].value));
		l->keys[l->n] = all[i].key;
		l->ends[l->n++] = l->text.len;
	}
}

void expose_remote_object(struct expose_remote *w, const struct expose_object *o)
{
	w->kind = o->kind;
	encode_labels(&w->own, o, false);
	encode_labels(&w->info, o, true);
	w->skip = w->info.text.len > EXPOSE_LABELS_MAX;
}

/* --- series --- */

static void encode_samples(struct expose_remote *w, const struct shown *s,
			   const struct expose_values *v)
{
	bool known = v->known;

	mu_str_reset(&w->samples);
	for (size_t i = 0; i < v->n; i++) {
		double value = (double)(v->values[i] * s->scale);
		bool now_known = isfinite(value);
		uint64_t bits = EXPOSE_STALE;

		if (now_known)
			memcpy(&bits, &value, sizeof bits);
		if (now_known || known) {
			add_sample(&w->samples, bits, v->at[i]);
			w->n_samples++;
		}
		known = now_known;
	}
}

static void add_series(struct expose_remote *w, const struct labels *l, const struct shown *s)
{
	size_t before = 0;

	for (size_t i = 0; s->key && i < l->n && strcmp(l->keys[i], s->key) < 0; i++)
		before = l->ends[i];
	add_head(&w->out, FIELD_1, s->name.len + l->text.len + s->label.len + w->samples.len);
	mu_str_add_bytes(&w->out, s->name.data, s->name.len);
	if (before > 0)
		mu_str_add_bytes(&w->out, l->text.data, before);
	if (s->key)
		mu_str_add_bytes(&w->out, s->label.data, s->label.len);
	if (l->text.len > before)
		mu_str_add_bytes(&w->out, l->text.data + before, l->text.len - before);
	mu_str_add_bytes(&w->out, w->samples.data, w->samples.len);
}

void expose_remote_put(struct expose_remote *w, const char *name, const struct expose_values *v)
{
	bool info = name[0] == '@' && !strcmp(name, EXPOSE_INFO);

	if (w->skip)
		return;
	for (const struct shown *s = known_of(w, name)->first; s; s = s->more) {
		encode_samples(w, s, v);
		if (w->samples.len > 0)
			add_series(w, info ? &w->info : &w->own, s);
	}
}

size_t expose_remote_n_samples(const struct expose_remote *w)
{
	return w->n_samples;
}

const struct mu_str *expose_remote_bytes(const struct expose_remote *w)
{
	return &w->out;
}
