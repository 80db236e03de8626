/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free columns are a stack. What one object gave back comes out together and in order, so an
 * object that gets it all has its series side by side, in one or two tiles.
 */
#include "common/archive/catalogue.h"

#include "common/archive/crc32c.h"
#include "common/base/assert.h"
#include "common/base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 2, HEADER = 5, SERIES_FIXED = 11 };

#define NO_METRIC UINT32_MAX

struct entry {
	struct catalogue_object object;
	bool queued;
	struct entry *next_changed;
};

struct owner {
	size_t n_series;
};

struct catalogue {
	size_t quota;
	struct mu_map *objects;           /* UUID -> struct entry */
	struct mu_map *metrics;           /* kind, unit and name -> struct catalogue_metric */
	struct catalogue_metric **metric; /* by number */
	uint32_t n_metrics;
	uint32_t free_metric;  /* the first of those without users, or NO_METRIC */
	struct mu_map *owners; /* host's UUID -> struct owner */
	uint32_t n_columns;
	uint32_t *free_columns;
	size_t n_free;
	size_t free_cap;
	uint8_t *used; /* while restoring: by column */
	struct entry *first_changed;
	struct entry **last_changed;
};

struct catalogue *catalogue_new(size_t quota)
{
	struct catalogue *c = mu_xcalloc(1, sizeof *c);

	c->quota = quota;
	c->free_metric = NO_METRIC;
	c->objects = mu_map_new();
	c->metrics = mu_map_new();
	c->owners = mu_map_new();
	c->last_changed = &c->first_changed;
	return c;
}

struct catalogue *catalogue_free(struct catalogue *c)
{
	struct entry *e;
	void *p;

	if (!c)
		return NULL;
	for (size_t i = 0; (e = mu_map_next(c->objects, &i, NULL, NULL));) {
		free(e->object.series);
		free(e);
	}
	for (uint32_t i = 0; i < c->n_metrics; i++)
		free(c->metric[i]);
	for (size_t i = 0; (p = mu_map_next(c->owners, &i, NULL, NULL));)
		free(p);
	mu_map_free(c->objects);
	mu_map_free(c->metrics);
	mu_map_free(c->owners);
	free(c->metric);
	free(c->free_columns);
	free(c->used);
	free(c);
	return NULL;
}

/* --- metrics: name, unit and kind, once for all objects --- */

struct metric_key {
	size_t len;
	char text[CATALOGUE_NAME_MAX + CATALOGUE_UNIT_MAX + 4];
};

static struct metric_key key_of(bool rate, const char *unit, const char *name)
{
	struct metric_key k;

	k.len = (size_t)snprintf(k.text, sizeof k.text, "%c%s\n%s", rate ? 'r' : 'g', unit, name);
	return k;
}

/* One that has no users any more, or a new one. */
static struct catalogue_metric *metric_take(struct catalogue *c)
{
	struct catalogue_metric *m;

	if (c->free_metric != NO_METRIC) {
		m = c->metric[c->free_metric];
		c->free_metric = m->next_free;
		return m;
	}
	if ((c->n_metrics & (c->n_metrics - 1)) == 0)
		c->metric = mu_xrealloc(c->metric, c->n_metrics ? 2 * (size_t)c->n_metrics : 1,
					sizeof(struct catalogue_metric *));
	m = mu_xcalloc(1, sizeof *m);
	m->number = c->n_metrics;
	c->metric[c->n_metrics++] = m;
	return m;
}

static uint32_t metric_use(struct catalogue *c, bool rate, const char *unit, const char *name)
{
	struct metric_key k = key_of(rate, unit, name);
	struct catalogue_metric *m = mu_map_find(c->metrics, k.text, k.len);

	if (!m) {
		m = metric_take(c);
		m->rate = rate;
		(void)snprintf(m->unit, sizeof m->unit, "%s", unit);
		(void)snprintf(m->name, sizeof m->name, "%s", name);
		mu_map_put(c->metrics, k.text, k.len, m);
	}
	m->n_users++;
	return m->number;
}

static void metric_leave(struct catalogue *c, uint32_t number)
{
	struct catalogue_metric *m = c->metric[number];
	struct metric_key k = key_of(m->rate, m->unit, m->name);

	if (--m->n_users > 0)
		return;
	mu_map_remove(c->metrics, k.text, k.len);
	m->next_free = c->free_metric;
	c->free_metric = number;
}

/* --- columns --- */

static uint32_t column_take(struct catalogue *c)
{
	return c->n_free > 0 ? c->free_columns[--c->n_free] : c->n_columns++;
}

static void column_give(struct catalogue *c, uint32_t column)
{
	if (c->n_free == c->free_cap) {
		c->free_cap = c->free_cap ? 2 * c->free_cap : 64;
		c->free_columns =
		    mu_xrealloc(c->free_columns, c->free_cap, sizeof *c->free_columns);
	}
	c->free_columns[c->n_free++] = column;
}

static bool column_left(const struct catalogue *c)
{
	return c->n_free > 0 || c->n_columns < CATALOGUE_COLUMNS_MAX;
}

/* --- objects --- */

static struct entry *entry_of(struct catalogue_object *o)
{
	return MU_CONTAINER_OF(o, struct entry, object);
}

static struct owner *owner_of(struct catalogue *c, const struct mu_uuid *host)
{
	struct owner *w = mu_map_find(c->owners, host->bytes, sizeof host->bytes);

	if (!w) {
		w = mu_xcalloc(1, sizeof *w);
		mu_map_put(c->owners, host->bytes, sizeof host->bytes, w);
	}
	return w;
}

static void owner_leave(struct catalogue *c, const struct mu_uuid *host, size_t n_series)
{
	owner_of(c, host)->n_series -= n_series;
}

void catalogue_changed(struct catalogue *c, struct catalogue_object *o)
{
	struct entry *e = entry_of(o);

	o->changed = true;
	if (e->queued)
		return;
	e->queued = true;
	e->next_changed = NULL;
	*c->last_changed = e;
	c->last_changed = &e->next_changed;
}

struct catalogue_object *catalogue_next_changed(struct catalogue *c)
{
	struct entry *e = c->first_changed;

	if (!e)
		return NULL;
	c->first_changed = e->next_changed;
	if (!c->first_changed)
		c->last_changed = &c->first_changed;
	e->queued = false;
	e->object.changed = false;
	return &e->object;
}

static void unqueue(struct catalogue *c, struct entry *e)
{
	struct entry **at = &c->first_changed;

	if (!e->queued)
		return;
	while (*at != e)
		at = &(*at)->next_changed;
	*at = e->next_changed;
	if (c->last_changed == &e->next_changed)
		c->last_changed = at;
}

struct catalogue_object *catalogue_find(const struct catalogue *c, const struct mu_uuid *id)
{
	struct entry *e = mu_map_find(c->objects, id->bytes, sizeof id->bytes);

	return e ? &e->object : NULL;
}

struct catalogue_object *catalogue_next(const struct catalogue *c, size_t *iter)
{
	struct entry *e = mu_map_next(c->objects, iter, NULL, NULL);

	return e ? &e->object : NULL;
}

uint32_t catalogue_n_columns(const struct catalogue *c)
{
	return c->n_columns;
}

size_t catalogue_n_series(const struct catalogue *c, const struct mu_uuid *host)
{
	const struct owner *w = mu_map_find(c->owners, host->bytes, sizeof host->bytes);

	return w ? w->n_series : 0;
}

static struct catalogue_object *object_add(struct catalogue *c, const struct mu_uuid *id,
					   const struct mu_uuid *host)
{
	struct entry *e = mu_xcalloc(1, sizeof *e);

	e->object.id = *id;
	e->object.host = *host;
	e->object.of = c;
	mu_map_put(c->objects, id->bytes, sizeof id->bytes, e);
	return &e->object;
}

void catalogue_forget(struct catalogue *c, struct catalogue_object *o)
{
	struct entry *e = entry_of(o);

	for (size_t i = o->n_series; i-- > 0;) {
		column_give(c, o->series[i].column);
		metric_leave(c, o->series[i].metric);
	}
	owner_leave(c, &o->host, o->n_series);
	unqueue(c, e);
	mu_map_remove(c->objects, o->id.bytes, sizeof o->id.bytes);
	free(o->series);
	free(e);
}

/* --- mapping --- */

static bool name_possible(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

const struct catalogue_metric *catalogue_metric(const struct catalogue_object *o, size_t i)
{
	return o->of->metric[o->series[i].metric];
}

static bool is_metric(const struct catalogue_metric *m, const struct catalogue_want *w)
{
	return m->rate == w->rate && strcmp(m->name, w->name) == 0 && strcmp(m->unit, w->unit) == 0;
}

/* Nearly always they come in the order they came before. */
static struct catalogue_series *find_series(const struct catalogue_object *o,
					    const struct catalogue_want *w, size_t hint)
{
	for (size_t i = 0; i < o->n_series; i++) {
		size_t at = (hint + i) % o->n_series;

		if (is_metric(catalogue_metric(o, at), w))
			return &o->series[at];
	}
	return NULL;
}

static struct catalogue_series *series_add(struct catalogue_object *o)
{
	/* Without room for more: once they are there, hardly any come. */
	o->series = mu_xrealloc(o->series, o->n_series + 1, sizeof *o->series);
	return &o->series[o->n_series++];
}

struct mapping {
	struct catalogue *catalogue;
	const struct mu_uuid *host;
	struct owner *owner;
	uint32_t step;
	bool before;
	struct catalogue_map *map;
	struct catalogue_object *object; /* of the slot before */
	size_t hint;
};

static struct catalogue_series *new_series(struct mapping *m, const struct catalogue_want *w)
{
	struct catalogue *c = m->catalogue;
	struct catalogue_series *s;

	if (m->owner->n_series >= c->quota || m->object->n_series >= CATALOGUE_OBJECT_MAX ||
	    !column_left(c) || !mu_uuid_equal(&m->object->host, m->host))
		return NULL;
	s = series_add(m->object);
	*s = (struct catalogue_series){
	    .metric = metric_use(c, w->rate, w->unit, w->name),
	    .column = column_take(c),
	    .born = m->step,
	};
	m->owner->n_series++;
	catalogue_changed(c, m->object);
	return s;
}

/* It was born by a clock that was ahead: what is known of it now would not count until then. */
static void born_again(struct mapping *m, struct catalogue_series *s)
{
	s->born = m->step;
	catalogue_changed(m->catalogue, m->object);
}

static void move_to(struct catalogue *c, struct catalogue_object *o, const struct mu_uuid *host)
{
	if (mu_uuid_equal(&o->host, host))
		return;
	owner_leave(c, &o->host, o->n_series);
	owner_of(c, host)->n_series += o->n_series;
	o->host = *host;
	catalogue_changed(c, o);
}

static void turn_to(struct mapping *m, const struct mu_uuid *id)
{
	struct catalogue *c = m->catalogue;
	struct catalogue_object *o = catalogue_find(c, id);

	if (!o)
		o = object_add(c, id, m->host);
	if (!m->before)
		move_to(c, o, m->host);
	m->object = o;
	m->hint = 0;
	m->map->objects[m->map->n_objects++] = o;
}

static void add_column(struct catalogue_map *map, uint32_t slot, uint32_t column)
{
	struct archive_run *r = map->n_runs > 0 ? &map->runs[map->n_runs - 1] : NULL;

	if (r && r->slot + r->n == slot && r->column + r->n == column &&
	    column % ARCHIVE_COLUMNS != 0)
		r->n++;
	else
		map->runs[map->n_runs++] = (struct archive_run){slot, column, 1};
}

static void map_slot(struct mapping *m, const struct catalogue_want *w, uint32_t slot)
{
	struct catalogue_series *s = NULL;

	if (name_possible(w->name, CATALOGUE_NAME_MAX) &&
	    (w->unit[0] == '\0' || name_possible(w->unit, CATALOGUE_UNIT_MAX))) {
		if (!m->object || !mu_uuid_equal(&m->object->id, &w->object))
			turn_to(m, &w->object);
		s = find_series(m->object, w, m->hint);
		if (!s)
			s = new_series(m, w);
		else if (s->born > m->step)
			born_again(m, s);
	}
	if (!s) {
		m->map->n_dropped++;
		m->map->places[slot] = CATALOGUE_NOWHERE;
		return;
	}
	m->map->places[slot] = (uint32_t)(s - m->object->series);
	m->hint = m->map->places[slot] + 1;
	add_column(m->map, slot, s->column);
}

static void map_all(struct mapping *m, struct mu_arena *arena, const struct catalogue_want *want,
		    size_t n)
{
	size_t quota = m->catalogue->quota, n_looked_at = n < quota ? n : quota;
	struct catalogue_map *ret = m->map;

	*ret = (struct catalogue_map){
	    .runs = mu_arena_calloc(arena, n_looked_at + 1, sizeof *ret->runs),
	    .objects = mu_arena_calloc(arena, n_looked_at + 1, sizeof(struct catalogue_object *)),
	    .n_dropped = n - n_looked_at,
	    .places = mu_arena_calloc(arena, n + 1, sizeof *ret->places),
	};
	m->owner = owner_of(m->catalogue, m->host);
	for (size_t i = 0; i < n_looked_at; i++)
		map_slot(m, &want[i], (uint32_t)i);
	for (size_t i = n_looked_at; i < n; i++)
		ret->places[i] = CATALOGUE_NOWHERE;
}

void catalogue_map(struct catalogue *c, struct mu_arena *arena, const struct mu_uuid *host,
		   const struct catalogue_want *want, size_t n, uint32_t step,
		   struct catalogue_map *ret)
{
	struct mapping m = {.catalogue = c, .host = host, .step = step, .map = ret};

	map_all(&m, arena, want, n);
}

void catalogue_map_before(struct catalogue *c, struct mu_arena *arena, const struct mu_uuid *host,
			  const struct catalogue_want *want, size_t n, uint32_t step,
			  struct catalogue_map *ret)
{
	struct mapping m = {.catalogue = c, .host = host, .step = step, .before = true, .map = ret};

	map_all(&m, arena, want, n);
}

/* --- bytes: the format, a checksum of all behind it, the series --- */

/* Also of whose they are: a row at a wrong place is not taken for right. */
static uint32_t checksum(const struct mu_uuid *id, const uint8_t *bytes, size_t len)
{
	return archive_crc32c(archive_crc32c(0, id->bytes, sizeof id->bytes), bytes + HEADER,
			      len - HEADER);
}

static size_t encoded_bytes(const struct catalogue_object *o)
{
	size_t n = HEADER + o->n_series * SERIES_FIXED;

	for (size_t i = 0; i < o->n_series; i++)
		n += strlen(catalogue_metric(o, i)->name) + strlen(catalogue_metric(o, i)->unit);
	return n;
}

void catalogue_encode(const struct catalogue_object *o, struct mu_arena *arena, const uint8_t **ret,
		      size_t *ret_len)
{
	size_t len = encoded_bytes(o);
	uint8_t *bytes = mu_arena_alloc(arena, len);
	uint8_t *p = bytes + HEADER;
	uint32_t crc;

	for (size_t i = 0; i < o->n_series; i++) {
		const struct catalogue_series *s = &o->series[i];
		const struct catalogue_metric *m = catalogue_metric(o, i);
		size_t name = strlen(m->name), unit = strlen(m->unit);

		memcpy(p, &s->column, 4);
		memcpy(p + 4, &s->born, 4);
		p[8] = m->rate;
		p[9] = (uint8_t)name;
		p[10] = (uint8_t)unit;
		memcpy(p + SERIES_FIXED, m->name, name);
		memcpy(p + SERIES_FIXED + name, m->unit, unit);
		p += SERIES_FIXED + name + unit;
	}
	bytes[0] = FORMAT;
	crc = checksum(&o->id, bytes, len);
	memcpy(bytes + 1, &crc, sizeof crc);
	*ret = bytes;
	*ret_len = len;
}

/* One series of the bytes: how many it has taken, 0 when it is damaged. */
static size_t series_decode(const uint8_t *p, size_t len, struct catalogue_series *ret, char *name,
			    char *unit, bool *ret_rate)
{
	if (len < SERIES_FIXED || p[9] > CATALOGUE_NAME_MAX || p[10] > CATALOGUE_UNIT_MAX ||
	    len < (size_t)SERIES_FIXED + p[9] + p[10])
		return 0;
	memcpy(&ret->column, p, 4);
	memcpy(&ret->born, p + 4, 4);
	*ret_rate = p[8] != 0;
	memcpy(name, p + SERIES_FIXED, p[9]);
	memcpy(unit, p + SERIES_FIXED + p[9], p[10]);
	name[p[9]] = '\0';
	unit[p[10]] = '\0';
	return (size_t)SERIES_FIXED + p[9] + p[10];
}

/* False: somebody has it already. */
static bool column_claim(struct catalogue *c, uint32_t column)
{
	if (column >= c->n_columns) {
		uint32_t n = (column / ARCHIVE_COLUMNS + 1) * ARCHIVE_COLUMNS;

		c->used = mu_xrealloc(c->used, n, 1);
		memset(c->used + c->n_columns, 0, n - c->n_columns);
		c->n_columns = n;
	}
	if (c->used[column])
		return false;
	c->used[column] = 1;
	return true;
}

static int restore_series(struct catalogue *c, struct catalogue_object *o, const uint8_t *bytes,
			  size_t len, struct mu_error *err)
{
	char name[CATALOGUE_NAME_MAX + 1], unit[CATALOGUE_UNIT_MAX + 1];

	for (size_t at = HEADER, n; at < len; at += n) {
		struct catalogue_series s;
		bool rate;

		n = series_decode(bytes + at, len - at, &s, name, unit, &rate);
		if (n == 0 || s.column >= CATALOGUE_COLUMNS_MAX ||
		    o->n_series >= CATALOGUE_OBJECT_MAX)
			return mu_error_set(err, MU_E_IO, "series %zu is damaged", o->n_series);
		if (!column_claim(c, s.column))
			return mu_error_set(err, MU_E_IO,
					    "column %u of %s is another series' as well", s.column,
					    name);
		s.metric = metric_use(c, rate, unit, name);
		*series_add(o) = s;
		owner_of(c, &o->host)->n_series++;
	}
	return 0;
}

int catalogue_restore(struct catalogue *c, const struct mu_uuid *id, const struct mu_uuid *host,
		      uint32_t last, const uint8_t *bytes, size_t len, struct mu_error *err)
{
	struct catalogue_object *o;
	uint32_t crc;

	if (len > 0 && bytes[0] != FORMAT)
		return mu_error_set(err, MU_E_IO, "the row has format %u, this version has %d",
				    bytes[0], FORMAT);
	/* Before anything is made for its columns. */
	if (len >= HEADER)
		memcpy(&crc, bytes + 1, sizeof crc);
	if (len < HEADER || crc != checksum(id, bytes, len) || catalogue_find(c, id))
		return mu_error_set(err, MU_E_IO, "the row is damaged");
	o = object_add(c, id, host);
	o->last = last;
	return restore_series(c, o, bytes, len, err);
}

void catalogue_restored(struct catalogue *c)
{
	/* Lowest last, so that they are given out first. */
	for (uint32_t column = c->n_columns; column-- > 0;)
		if (!c->used[column])
			column_give(c, column);
	free(MU_TAKE(c->used));
}
