/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor per object says how far it was sent. A request moves the cursors of its objects only
 * when it is committed; so an object is in at most one request, and its steps go out in order.
 */
#include "aggregator/remote/gather.h"

#include "aggregator/core/sending.h"
#include "common/base/assert.h"
#include "common/base/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEPS_MAX = 12, /* of an object in a request */
	TURN_OBJECTS = 1024,
	TURN_VALUES = 8192,
	REQUEST_SAMPLES = 8192,
	REQUEST_BYTES = 4 << 20,
	END_STEPS = METRICS_FRESH_S / ARCHIVE_STEP_S,
	TELL_STEPS = 12, /* how often what is known of a silent object is said */
};

/* What committing does to a cursor. */
struct move {
	struct cursor *cursor;
	struct cursor to;
	uint64_t n_lost;
};

/* An object's values, step by step, behind those of the step that was sent last. */
struct rows {
	size_t n;
	uint32_t step[STEPS_MAX];
	mu_msec at[STEPS_MAX];
	float value[STEPS_MAX + 1][CATALOGUE_OBJECT_MAX];
};

struct gather {
	const struct remote_options *options;
	struct mu_map *cursors; /* object id -> struct cursor */
	struct expose_remote *request;
	struct move *moves;
	size_t n_moves;
	size_t moves_cap;
	struct mu_uuid *ids; /* of the pass */
	size_t n_ids;
	size_t ids_cap;
	size_t at;
	struct sending_window window;
	uint32_t start; /* objects that nobody knows are sent from behind it */
	uint32_t began; /* up to here the last run may have sent more than we know */
	uint32_t now;
	bool more;
	uint64_t n_lost;
	struct rows rows;
};

struct gather *gather_new(const struct remote_options *options, uint32_t step)
{
	struct gather *g = mu_xcalloc(1, sizeof *g);

	g->options = options;
	g->cursors = mu_map_new();
	g->request = expose_remote_new(options->target.names);
	g->start = g->window.synced = step;
	g->window.end = END_STEPS;
	return g;
}

struct gather *gather_free(struct gather *g)
{
	struct cursor *c;

	if (!g)
		return NULL;
	for (size_t i = 0; (c = mu_map_next(g->cursors, &i, NULL, NULL));)
		free(c);
	mu_map_free(g->cursors);
	expose_remote_free(g->request);
	free(g->moves);
	free(g->ids);
	free(g);
	return NULL;
}

static struct cursor *cursor_new(struct gather *g, const struct mu_uuid *id, const struct cursor *c)
{
	struct cursor *copy = mu_xmemdup(c, sizeof *c);

	free(mu_map_put(g->cursors, id->bytes, sizeof id->bytes, copy));
	return copy;
}

void gather_restore(struct gather *g, const struct mu_uuid *id, const struct cursor *c)
{
	(void)cursor_new(g, id, c);
}

void gather_mark(struct gather *g, uint32_t step, struct mu_str *ret)
{
	const struct cursor *c;
	const void *key;
	struct mu_uuid id;

	mark_begin(ret, step);
	for (size_t i = 0; (c = mu_map_next(g->cursors, &i, &key, NULL));) {
		memcpy(id.bytes, key, sizeof id.bytes);
		mark_add(ret, &id, c);
	}
	mark_end(ret);
}

/* --- a pass --- */

static void add_id(void *arg, const struct mu_uuid *id)
{
	struct gather *g = arg;

	if (g->n_ids == g->ids_cap) {
		g->ids_cap = g->ids_cap ? 2 * g->ids_cap : 256;
		g->ids = mu_xrealloc(g->ids, g->ids_cap, sizeof *g->ids);
	}
	g->ids[g->n_ids++] = *id;
}

/* Of objects that are no more. */
static void sweep(struct gather *g)
{
	struct mu_map *kept = mu_map_new();
	void *gone;

	for (size_t i = 0; i < g->n_ids; i++) {
		const uint8_t *id = g->ids[i].bytes;
		void *cursor = mu_map_remove(g->cursors, id, sizeof g->ids[i].bytes);

		if (cursor)
			mu_map_put(kept, id, sizeof g->ids[i].bytes, cursor);
	}
	for (size_t i = 0; (gone = mu_map_next(g->cursors, &i, NULL, NULL));)
		free(gone);
	mu_map_free(g->cursors);
	g->cursors = kept;
}

/* A clock was ahead: the present is where it goes on. */
static void turn_back(struct gather *g, uint32_t step)
{
	struct cursor *c;

	for (size_t i = 0; (c = mu_map_next(g->cursors, &i, NULL, NULL));)
		if (c->sent > step + ARCHIVE_AHEAD || c->told > step + ARCHIVE_AHEAD)
			*c = (struct cursor){.sent = step};
	if (g->start > step + ARCHIVE_AHEAD)
		g->start = step;
	if (g->began > step + ARCHIVE_AHEAD)
		g->began = step;
}

void gather_begin(struct gather *g, uint32_t step)
{
	const struct remote_options *o = g->options;

	mu_assert(g->n_moves == 0);
	if (step < g->now)
		turn_back(g, step);
	if (g->now > 0 && !g->more)
		g->window.synced = g->now;
	if (g->now == 0)
		g->began = step;
	g->now = step;
	g->window.oldest = step > METRICS_STEPS ? step - METRICS_STEPS + 1 : 1;
	g->more = false;
	g->n_ids = g->at = 0;
	o->each(o->ctx, add_id, g);
	if (mu_map_size(g->cursors) > g->n_ids + g->n_ids / 2 + 64)
		sweep(g);
}

/* --- an object --- */

static struct cursor *cursor_of(struct gather *g, const struct mu_uuid *id)
{
	struct cursor *c = mu_map_find(g->cursors, id->bytes, sizeof id->bytes);

	return c ? c : cursor_new(g, id, &(struct cursor){.sent = g->start});
}

/* One that is ahead of all that is taken is of a clock that was wrong: none has come since. */
static uint32_t last_of(const struct gather *g, const struct catalogue_object *o)
{
	return o && o->last <= g->now + ARCHIVE_AHEAD ? o->last : 0;
}

static uint32_t host_last(const struct gather *g, const struct catalogue_object *o)
{
	struct catalogue *c = metrics_catalogue(g->options->metrics);

	return last_of(g, catalogue_find(c, &o->host));
}

static void next_of(struct gather *g, const struct catalogue_object *o, const struct cursor *c,
		    struct sending_due *ret)
{
	struct sending_object so = {.sent = c->sent};
	size_t n_max = STEPS_MAX;

	if (o) {
		so.last = last_of(g, o);
		so.host_last = host_last(g, o);
		if (o->n_series * n_max > REQUEST_SAMPLES)
			n_max = REQUEST_SAMPLES / o->n_series;
	}
	g->window.n_max = c->sent < g->began ? 1 : (uint32_t)n_max;
	sending_next(&so, &g->window, ret);
}

static bool is_known(const float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isfinite(values[i]))
			return true;
	return false;
}

static void clear_row(struct rows *rows, size_t row, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rows->value[row][i] = NAN;
}

static void add_row(struct rows *rows, uint32_t step)
{
	rows->step[rows->n] = step;
	rows->at[rows->n++] = archive_row_end(ARCHIVE_STEPS, step) * 1000;
}

/* Steps that nothing is known of are no end of anything: one may be missed. */
static void read_rows(struct gather *g, const struct catalogue_object *o, const struct cursor *c,
		      const struct sending_due *due)
{
	const struct metrics *m = g->options->metrics;
	struct rows *rows = &g->rows;

	rows->n = 0;
	clear_row(rows, 0, o->n_series);
	if (c->present >= g->window.oldest)
		metrics_at(m, o, c->present, rows->value[0]);
	for (uint32_t i = 0; i < due->n; i++) {
		metrics_at(m, o, due->first + i, rows->value[rows->n + 1]);
		if (is_known(rows->value[rows->n + 1], o->n_series))
			add_row(rows, due->first + i);
	}
	if (due->over && c->present > 0) {
		clear_row(rows, 1, o->n_series);
		add_row(rows, due->first);
	}
}

static void put_series(struct gather *g, const struct catalogue_object *o)
{
	const struct rows *rows = &g->rows;
	float values[STEPS_MAX];
	struct expose_values v = {.n = rows->n, .at = rows->at, .values = values};

	for (size_t i = 0; rows->n > 0 && i < o->n_series; i++) {
		v.known = isfinite(rows->value[0][i]);
		for (size_t k = 0; k < rows->n; k++)
			values[k] = rows->value[k + 1][i];
		expose_remote_put(g->request, catalogue_metric(o, i)->name, &v);
	}
}

/* What is said besides, at one step. */
static void put_own(struct gather *g, const struct mu_uuid *id, uint32_t step)
{
	const struct remote_options *o = g->options;
	mu_msec at = archive_row_end(ARCHIVE_STEPS, step) * 1000;
	struct remote_own own[REMOTE_OWN_MAX];
	size_t n = o->own(o->ctx, id, o->target.names, step, own);

	for (size_t i = 0; i < n; i++)
		expose_remote_put(g->request, own[i].name,
				  &(struct expose_values){1, &at, &own[i].value, false});
}

static void add_move(struct gather *g, const struct move *m)
{
	if (g->n_moves == g->moves_cap) {
		g->moves_cap = g->moves_cap ? 2 * g->moves_cap : 256;
		g->moves = mu_xrealloc(g->moves, g->moves_cap, sizeof *g->moves);
	}
	g->moves[g->n_moves++] = *m;
}

/* Beside what was sampled, at its steps; of an object that is silent now and then. */
static void tell(struct gather *g, const struct mu_uuid *id, const struct sending_due *due,
		 struct cursor *to)
{
	for (size_t i = 0; i < g->rows.n && !due->over; i++)
		if (g->rows.step[i] > to->told) {
			to->told = g->rows.step[i];
			put_own(g, id, to->told);
		}
	if (g->rows.n == 0 && !due->more && to->told + TELL_STEPS <= g->now) {
		to->told = g->now;
		put_own(g, id, g->now);
	}
}

/* How many values were looked at is returned. */
static size_t gather_object(struct gather *g, const struct mu_uuid *id)
{
	const struct remote_options *opt = g->options;
	const struct catalogue_object *o = catalogue_find(metrics_catalogue(opt->metrics), id);
	struct cursor *c = cursor_of(g, id);
	struct move m = {.cursor = c, .to = *c};
	struct sending_due due;

	next_of(g, o, c, &due);
	g->more |= due.more;
	if (due.n == 0 && !due.over && c->told + TELL_STEPS > g->now)
		return 0;
	if (!opt->object(opt->ctx, id, opt->target.names, g->request))
		return 0;
	g->rows.n = 0;
	if (o) {
		read_rows(g, o, c, &due);
		put_series(g, o);
		m.to.sent = due.over ? due.first : due.n > 0 ? due.first + due.n - 1 : c->sent;
		if (g->rows.n > 0)
			m.to.present = due.over ? 0 : g->rows.step[g->rows.n - 1];
		m.n_lost = due.n > 0 ? (uint64_t)due.lost * o->n_series : 0;
	}
	tell(g, id, &due, &m.to);
	add_move(g, &m);
	return o ? o->n_series * due.n : 0;
}

/* --- requests --- */

static bool is_full(const struct gather *g)
{
	return expose_remote_n_samples(g->request) >= REQUEST_SAMPLES ||
	       expose_remote_bytes(g->request)->len >= REQUEST_BYTES;
}

enum gather_state gather_turn(struct gather *g)
{
	size_t n_objects = 0, n_values = 0;

	for (; g->at < g->n_ids && !is_full(g); g->at++) {
		if (n_objects++ >= TURN_OBJECTS || n_values >= TURN_VALUES)
			return GATHER_GOES_ON;
		n_values += gather_object(g, &g->ids[g->at]);
	}
	if (expose_remote_n_samples(g->request) > 0)
		return GATHER_FULL;
	gather_commit(g); /* of steps that nothing is known of */
	return GATHER_OVER;
}

const struct mu_str *gather_bytes(const struct gather *g)
{
	return expose_remote_bytes(g->request);
}

size_t gather_n_samples(const struct gather *g)
{
	return expose_remote_n_samples(g->request);
}

void gather_commit(struct gather *g)
{
	for (size_t i = 0; i < g->n_moves; i++) {
		*g->moves[i].cursor = g->moves[i].to;
		g->n_lost += g->moves[i].n_lost;
	}
	g->n_moves = 0;
	expose_remote_reset(g->request);
}

bool gather_more(const struct gather *g)
{
	return g->more;
}

uint64_t gather_n_lost(const struct gather *g)
{
	return g->n_lost;
}
