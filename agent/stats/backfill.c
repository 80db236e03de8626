/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan is a list of rows, made when the stream begins:
 *
 *     2 h ago           645 s ago           oldest batch      now
 *        | minutes, oldest first | steps            | batches  |
 *
 * Steps come first, as the other side keeps them for the shortest time.
 */
#include "agent/stats/backfill.h"

#include "common/base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEPS_OF_MINUTE = 12,
	/* The newest for which the other side is sure to have a place, of its 132, even if its
	 * clock is a little ahead of ours and they take some seconds to get there. The aggregator
	 * has the same number: METRICS_STEPS, FLEET_STEPS. */
	STEPS_TAKEN = 129,
	PLAN_MAX = 512, /* more than that and all minutes that the other side has */
};

struct column {
	uint32_t column;
	uint32_t born;
};

struct planned {
	enum archive_level level;
	uint32_t row;
};

struct backfill {
	const struct history *history;
	uint32_t generation;
	uint64_t seq;
	/* this stream */
	struct planned plan[PLAN_MAX];
	size_t n_plan;
	size_t at; /* of the plan */
	bool told; /* the dictionary */
	bool waiting;
	struct mu_arena *arena;
	size_t n;
	struct catalogue_want *series;
	struct column *columns;
	float *values[_ARCHIVE_CF_COUNT];
	uint8_t *known;
};

struct backfill *backfill_new(const struct history *h)
{
	struct backfill *b = mu_xcalloc(1, sizeof *b);

	b->history = h;
	b->arena = mu_arena_new();
	return b;
}

struct backfill *backfill_free(struct backfill *b)
{
	if (!b)
		return NULL;
	mu_arena_free(b->arena);
	free(b);
	return NULL;
}

void backfill_end(struct backfill *b)
{
	b->n_plan = b->at = 0;
	b->told = b->waiting = false;
	b->n = 0;
	mu_arena_free(b->arena);
	b->arena = mu_arena_new();
}

/* --- the plan --- */

static uint32_t first_step(mu_msec now)
{
	uint32_t step = archive_row_of(ARCHIVE_STEPS, now / 1000);

	return step > STEPS_TAKEN ? step - STEPS_TAKEN + 1 : 1;
}

mu_msec backfill_limit(mu_msec now)
{
	return archive_row_end(ARCHIVE_STEPS, first_step(now) - 1) * 1000 + 1;
}

/* As the aggregator counts: of all series of the host itself the one of which most is known. */
static uint8_t known_here(const struct backfill *b, enum archive_level level, uint32_t row)
{
	const struct archive *a = history_archive(b->history);
	const struct catalogue_object *o =
	    catalogue_find(history_catalogue(b->history), &history_host(b->history)->uuid);
	uint8_t most = 0;

	for (size_t i = 0; o && i < o->n_series; i++) {
		uint8_t known = 0;
		float value;

		if (level == ARCHIVE_MINUTES) {
			archive_read_known(a, o->series[i].column, row, 1, &known);
		} else {
			archive_read(a, level, ARCHIVE_AVERAGE, o->series[i].column, row, 1,
				     &value);
			known = value == value;
		}
		most = known > most ? known : most;
	}
	return most;
}

static void plan(struct backfill *b, enum archive_level level, uint32_t row, uint8_t known_there)
{
	if (b->n_plan < PLAN_MAX && known_here(b, level, row) > known_there)
		b->plan[b->n_plan++] = (struct planned){level, row};
}

/* The rows that end with `last`, those of them that are from `from` to before `to`. The other side
 * may tell of more than there can be here. */
static void plan_rows(struct backfill *b, enum archive_level level, uint32_t last,
		      const uint8_t *there, size_t n, uint32_t from, uint32_t to)
{
	if (n > HISTORY_MINUTES) {
		there += n - HISTORY_MINUTES;
		n = HISTORY_MINUTES;
	}
	for (size_t i = 0; i < n && n <= last; i++) {
		uint32_t row = last - (uint32_t)n + 1 + (uint32_t)i;

		if (row >= from && row < to)
			plan(b, level, row, there[i]);
	}
}

/* --- the dictionary --- */

static void take_series(struct backfill *b)
{
	const struct catalogue *c = history_catalogue(b->history);
	const struct catalogue_object *o;
	size_t n = 0;

	for (size_t i = 0; (o = catalogue_next(c, &i));)
		n += o->n_series;
	b->series = mu_arena_calloc(b->arena, n + 1, sizeof *b->series);
	b->columns = mu_arena_calloc(b->arena, n + 1, sizeof *b->columns);
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
		b->values[cf] = mu_arena_calloc(b->arena, n + 1, sizeof(float));
	b->known = mu_arena_calloc(b->arena, n + 1, 1);
	for (size_t i = 0; (o = catalogue_next(c, &i));)
		for (size_t k = 0; k < o->n_series; k++) {
			const struct catalogue_series *s = &o->series[k];
			const struct catalogue_metric *m = catalogue_metric(o, k);

			b->columns[b->n] = (struct column){s->column, s->born};
			/* Copied: it may be forgotten before it is sent. */
			b->series[b->n++] = (struct catalogue_want){
			    .object = o->id,
			    .name = mu_arena_strdup(b->arena, m->name),
			    .unit = mu_arena_strdup(b->arena, m->unit),
			    .rate = m->rate,
			};
		}
}

size_t backfill_begin(struct backfill *b, const struct backfill_have *have, mu_msec now,
		      mu_msec live)
{
	uint32_t first = first_step(now);
	/* The minute that the first step is in the midst of goes as such, too. */
	uint32_t minute = (first + STEPS_OF_MINUTE - 2) / STEPS_OF_MINUTE + 1;
	uint32_t live_step = live ? archive_row_of(ARCHIVE_STEPS, live / 1000) : UINT32_MAX;

	backfill_end(b);
	plan_rows(b, ARCHIVE_STEPS, have->last_step, have->steps, have->n_steps, first, live_step);
	plan_rows(b, ARCHIVE_MINUTES, have->last_minute, have->minutes, have->n_minutes, 1, minute);
	if (b->n_plan > 0) {
		take_series(b);
		b->generation++;
	}
	return b->n_plan;
}

/* --- sending --- */

/* What is from before a series had its column was another's. */
static void read_steps(struct backfill *b, uint32_t row)
{
	const struct archive *a = history_archive(b->history);

	for (size_t i = 0; i < b->n; i++) {
		b->values[ARCHIVE_AVERAGE][i] = NAN;
		if (row >= b->columns[i].born)
			archive_read(a, ARCHIVE_STEPS, ARCHIVE_AVERAGE, b->columns[i].column, row,
				     1, &b->values[ARCHIVE_AVERAGE][i]);
	}
}

static void read_minutes(struct backfill *b, uint32_t row)
{
	const struct archive *a = history_archive(b->history);

	for (size_t i = 0; i < b->n; i++) {
		b->known[i] = 0;
		for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
			b->values[cf][i] = NAN;
		if ((uint64_t)row * STEPS_OF_MINUTE < b->columns[i].born)
			continue;
		archive_read_known(a, b->columns[i].column, row, 1, &b->known[i]);
		for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
			archive_read(a, ARCHIVE_MINUTES, (enum archive_cf)cf, b->columns[i].column,
				     row, 1, &b->values[cf][i]);
	}
}

static void read_row(struct backfill *b, const struct planned *p, struct backfill_row *ret)
{
	bool minute = p->level == ARCHIVE_MINUTES;

	if (minute)
		read_minutes(b, p->row);
	else
		read_steps(b, p->row);
	*ret = (struct backfill_row){
	    .seq = ++b->seq,
	    .generation = b->generation,
	    .level = p->level,
	    .row = p->row,
	    .n = b->n,
	    .average = b->values[ARCHIVE_AVERAGE],
	    .min = minute ? b->values[ARCHIVE_MIN] : NULL,
	    .max = minute ? b->values[ARCHIVE_MAX] : NULL,
	    .known = minute ? b->known : NULL,
	};
}

enum backfill_item backfill_next(struct backfill *b, struct backfill_dictionary *ret_dictionary,
				 struct backfill_row *ret_row)
{
	if (b->waiting || b->at == b->n_plan)
		return BACKFILL_NOTHING;
	if (!b->told) {
		b->told = true;
		*ret_dictionary = (struct backfill_dictionary){b->generation, b->n, b->series};
		return BACKFILL_DICTIONARY;
	}
	read_row(b, &b->plan[b->at++], ret_row);
	b->waiting = true;
	return BACKFILL_ROW;
}

bool backfill_ack(struct backfill *b, uint64_t seq)
{
	if (!b->waiting || seq != b->seq)
		return false;
	b->waiting = false;
	if (b->at == b->n_plan)
		backfill_end(b); /* of many VMs the dictionary takes megabytes */
	return true;
}
