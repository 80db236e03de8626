/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics/feed.h"

#include "common/base/assert.h"
#include "common/log/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_S = 3600 };

struct feed *feed_new(const struct mu_uuid *host)
{
	struct feed *f = mu_xcalloc(1, sizeof *f);

	f->host = *host;
	return f;
}

/* Objects that a map points to are not forgotten. */
static void let_go(struct feed_slots *s)
{
	for (size_t i = 0; i < s->map.n_objects; i++)
		s->map.objects[i]->n_maps--;
	free(s->map.objects);
	free(s->map.runs);
	free(s->values);
	free(s->runs);
	*s = (struct feed_slots){.n = 0};
}

struct feed *feed_free(struct feed *f)
{
	if (!f)
		return NULL;
	counts_deinit(&f->counts);
	let_go(&f->live);
	let_go(&f->kept);
	free(f);
	return NULL;
}

static void *keep(const void *p, size_t size)
{
	return size > 0 ? mu_xmemdup(p, size) : NULL;
}

static void take_map(struct feed_slots *s, const struct catalogue_map *map, size_t n)
{
	let_go(s);
	for (size_t i = 0; i < map->n_objects; i++)
		map->objects[i]->n_maps++;
	/* It was made for the worst case; a host has few runs. */
	s->map = *map;
	s->map.runs = keep(map->runs, map->n_runs * sizeof *map->runs);
	s->map.objects = keep(map->objects, map->n_objects * sizeof(struct catalogue_object *));
	s->map.places = NULL;
	s->n = n;
}

void feed_map(struct feed *f, struct catalogue *c, const struct catalogue_want *want, size_t n,
	      uint32_t step)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct catalogue_map map;
	char text[MU_UUID_TEXT];
	size_t n_dropped;

	counts_deinit(&f->counts);
	catalogue_map(c, a, &f->host, want, n, step, &map);
	counts_init(&f->counts, c, want, map.places, n);
	take_map(&f->live, &map, n);
	n_dropped = f->live.map.n_dropped;
	if (n_dropped > 0 && n_dropped != f->intake.n_dropped)
		mu_log_warning("series of a host are not kept host=%s dropped=%zu kept=%zu "
			       "hint=\"a host may have so many, an object %d, with names of at "
			       "most %d printable characters\"",
			       mu_uuid_format(&f->host, text), n_dropped, n - n_dropped,
			       CATALOGUE_OBJECT_MAX, CATALOGUE_NAME_MAX);
	f->intake.n_dropped = n_dropped;
}

/* What a host has of a VM that has left it meanwhile is of before. */
void feed_map_rows(struct feed *f, struct catalogue *c, const struct catalogue_want *want, size_t n,
		   uint32_t step, int64_t now)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct catalogue_map map;

	catalogue_map_before(c, a, &f->host, want, n, step, &map);
	take_map(&f->kept, &map, n);
	f->kept_at = now;
}

/* One line when it begins, one when it is over. */
static void tell(struct feed *f, enum archive_verdict verdict, const struct metrics_batch *b,
		 int64_t now)
{
	bool refused = verdict != ARCHIVE_TAKEN;
	char text[MU_UUID_TEXT];

	if (f->told == refused)
		return;
	f->told = refused;
	if (!refused)
		mu_log_info("metrics of a host are taken again host=%s",
			    mu_uuid_format(&f->host, text));
	else
		mu_log_warning("metrics of a host are refused host=%s time_ms=%lld behind_s=%lld "
			       "hint=\"%s\"",
			       mu_uuid_format(&f->host, text), (long long)b->at,
			       (long long)(now - b->at / 1000),
			       verdict == ARCHIVE_TOO_NEW
				   ? "its clock is ahead of ours; let both follow one time server"
				   : "they are older than 11 minutes: sent late, or its clock is "
				     "behind ours");
}

static float *room_of(struct feed_slots *s, size_t n_values)
{
	if (!s->values)
		s->values = mu_xcalloc(n_values + 1, sizeof *s->values);
	return s->values;
}

static const float *values_of(struct feed_slots *s, const float *values, size_t n)
{
	float *room;

	if (n >= s->n)
		return values;
	room = room_of(s, s->n);
	if (n > 0)
		memcpy(room, values, n * sizeof *values);
	for (size_t i = n; i < s->n; i++)
		room[i] = NAN;
	return room;
}

/* What is ahead of all that is taken is of a clock that was wrong, and nothing newer comes for
 * long.
 */
static bool is_news(const struct catalogue_object *o, uint32_t step, int64_t now)
{
	return step > o->last || o->last > archive_row_ended(ARCHIVE_STEPS, now) + ARCHIVE_AHEAD;
}

/* Also of a batch that is refused: the next one counts from it. */
void feed_count(struct feed *f, const struct metrics_batch *b)
{
	counts_add(&f->counts, b->base, b->counted, b->n_counted);
}

bool feed_put(struct feed *f, struct archive *a, const struct metrics_batch *b, int64_t now,
	      struct record *ret)
{
	uint32_t step = archive_row_of(ARCHIVE_STEPS, b->at / 1000);
	const struct catalogue_map *map = &f->live.map;
	const float *values = values_of(&f->live, b->values, b->n_values);
	enum archive_verdict verdict = archive_put(a, step, map->runs, map->n_runs, values);

	feed_count(f, b);
	f->intake.n_taken += verdict == ARCHIVE_TAKEN;
	f->intake.n_too_old += verdict == ARCHIVE_TOO_OLD;
	f->intake.n_too_new += verdict == ARCHIVE_TOO_NEW;
	tell(f, verdict, b, now);
	if (now - f->kept_at > KEPT_S)
		let_go(&f->kept);
	if (verdict != ARCHIVE_TAKEN)
		return false;
	if (b->at > f->intake.last || f->intake.last / 1000 > now + ARCHIVE_AHEAD * ARCHIVE_STEP_S)
		f->intake.last = b->at;
	for (size_t i = 0; i < map->n_objects; i++)
		if (is_news(map->objects[i], step, now))
			map->objects[i]->last = step;
	counts_show(&f->counts, step);
	*ret = (struct record){.host = f->host,
			       .epoch = b->epoch,
			       .seq = b->seq,
			       .now = now,
			       .row = step,
			       .n_runs = (uint32_t)map->n_runs,
			       .n_values = (uint32_t)f->live.n,
			       .runs = map->runs,
			       .values = values};
	return true;
}

/* The runs of the first n_values slots, which may be few, and how many slots there are in them. */
static size_t cut_runs(struct feed_slots *s, size_t n_values, uint32_t *ret_n_runs)
{
	const struct catalogue_map *map = &s->map;
	size_t n_slots = 0;
	uint32_t n = 0;

	if (!s->runs)
		s->runs = mu_xcalloc(map->n_runs + 1, sizeof *s->runs);
	for (; n < map->n_runs && map->runs[n].slot < n_values; n++) {
		struct archive_run *run = &s->runs[n];

		*run = map->runs[n];
		if (run->n > n_values - run->slot)
			run->n = (uint32_t)n_values - run->slot;
		n_slots = run->slot + run->n;
	}
	*ret_n_runs = n;
	return n_slots;
}

/* As archive_put_minute() takes them. */
static const float *minute_of(struct feed_slots *s, const struct metrics_row *row, size_t n)
{
	float *room = room_of(s, 4 * s->n);

	for (size_t i = 0; i < n; i++) {
		room[i] = row->average[i];
		room[n + i] = row->min[i];
		room[2 * n + i] = row->max[i];
		room[3 * n + i] = row->known[i];
	}
	return room;
}

bool feed_is_known(const struct archive *a, enum archive_level level, uint32_t row, uint32_t column)
{
	uint8_t known = 0;
	float v = NAN;

	if (level == ARCHIVE_MINUTES)
		archive_read_known(a, column, row, 1, &known);
	else
		archive_read(a, level, ARCHIVE_AVERAGE, column, row, 1, &v);
	return known > 0 || v == v;
}

static bool is_known(const struct archive *a, const struct catalogue_object *o,
		     const struct metrics_row *row)
{
	for (size_t i = 0; i < o->n_series; i++)
		if (feed_is_known(a, row->level, row->row, o->series[i].column))
			return true;
	return false;
}

/* The dictionary has all that the host kept anything of in the last hours: most of what is gone has
 * no part in a row. */
static void heard_of(const struct feed_slots *s, const struct archive *a,
		     const struct metrics_row *row, int64_t now)
{
	uint32_t steps = archive_levels[row->level].seconds / ARCHIVE_STEP_S;

	for (size_t i = 0; i < s->map.n_objects; i++) {
		struct catalogue_object *o = s->map.objects[i];

		if (is_news(o, row->row * steps, now) && is_known(a, o, row))
			o->last = row->row * steps;
	}
}

bool feed_put_row(struct feed *f, struct archive *a, const struct metrics_row *row, int64_t now,
		  struct record *ret)
{
	bool minute = row->level == ARCHIVE_MINUTES, changed = true;
	struct record r = {
	    .kind = minute ? RECORD_MINUTE : RECORD_STEP,
	    .host = f->host,
	    .now = now,
	    .row = row->row,
	};
	size_t n = cut_runs(&f->kept, row->n_values, &r.n_runs);
	enum archive_verdict verdict;

	f->kept_at = now;
	r.runs = f->kept.runs;
	r.n_values = (uint32_t)(minute ? 4 * n : n);
	if (minute) {
		r.values = minute_of(&f->kept, row, n);
		verdict = archive_put_minute(a, row->row, r.runs, r.n_runs, r.values, n, &changed);
	} else {
		r.values = row->average;
		verdict = archive_put(a, row->row, r.runs, r.n_runs, r.values);
	}
	f->intake.n_rows_taken += verdict == ARCHIVE_TAKEN;
	f->intake.n_rows_refused += verdict != ARCHIVE_TAKEN;
	if (verdict != ARCHIVE_TAKEN)
		return false;
	heard_of(&f->kept, a, row, now);
	*ret = r;
	return changed && n > 0;
}
