/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics/feed.h"

#include "common/base/assert.h"
#include "common/log/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* `places` of its slots are in the arena. */
static const uint32_t *map_slots(struct feed_slots *s, struct catalogue *c, struct mu_arena *a,
				 const struct mu_uuid *host, const struct catalogue_want *want,
				 size_t n, uint32_t step)
{
	struct catalogue_map map;

	let_go(s);
	catalogue_map(c, a, host, want, n, step, &map);
	for (size_t i = 0; i < map.n_objects; i++)
		map.objects[i]->n_maps++;
	/* It was made for the worst case; a host has few runs. */
	s->map = map;
	s->map.runs = keep(map.runs, map.n_runs * sizeof *map.runs);
	s->map.objects = keep(map.objects, map.n_objects * sizeof(struct catalogue_object *));
	s->map.places = NULL;
	s->n = n;
	return map.places;
}

void feed_map(struct feed *f, struct catalogue *c, const struct catalogue_want *want, size_t n,
	      uint32_t step)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const uint32_t *places;
	char text[MU_UUID_TEXT];
	size_t n_dropped;

	counts_deinit(&f->counts);
	places = map_slots(&f->live, c, a, &f->host, want, n, step);
	counts_init(&f->counts, c, want, places, n);
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
		   uint32_t step)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_uuid *hosts = mu_arena_calloc(a, n + 1, sizeof *hosts);

	for (size_t i = 0; i < n; i++) {
		const struct catalogue_object *o = catalogue_find(c, &want[i].object);

		hosts[i] = o ? o->host : f->host;
	}
	(void)map_slots(&f->kept, c, a, &f->host, want, n, step);
	for (size_t i = 0; i < n; i++) {
		struct catalogue_object *o = catalogue_find(c, &want[i].object);

		if (o)
			catalogue_move(c, o, &hosts[i]);
	}
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

static void heard_of(const struct feed_slots *s, uint32_t step)
{
	for (size_t i = 0; i < s->map.n_objects; i++)
		if (step > s->map.objects[i]->last)
			s->map.objects[i]->last = step;
}

static void record_of(const struct feed *f, const struct feed_slots *s, const float *values,
		      size_t n_values, struct record *ret)
{
	ret->host = f->host;
	ret->runs = s->map.runs;
	ret->n_runs = (uint32_t)s->map.n_runs;
	ret->values = values;
	ret->n_values = (uint32_t)n_values;
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
	if (verdict != ARCHIVE_TAKEN)
		return false;
	if (b->at > f->intake.last)
		f->intake.last = b->at;
	counts_show(&f->counts, step);
	heard_of(&f->live, step);
	*ret = (struct record){.epoch = b->epoch, .seq = b->seq, .now = now, .row = step};
	record_of(f, &f->live, values, f->live.n, ret);
	return true;
}

/* As archive_put_minute() takes them. */
static const float *minute_of(struct feed_slots *s, const struct metrics_row *row)
{
	float *room = room_of(s, 4 * s->n);

	for (size_t i = 0; i < s->n; i++) {
		bool known = i < row->n_values;

		room[i] = known ? row->average[i] : NAN;
		room[s->n + i] = known ? row->min[i] : NAN;
		room[2 * s->n + i] = known ? row->max[i] : NAN;
		room[3 * s->n + i] = known ? row->known[i] : 0;
	}
	return room;
}

bool feed_put_row(struct feed *f, struct archive *a, const struct metrics_row *row, int64_t now,
		  struct record *ret)
{
	bool minute = row->level == ARCHIVE_MINUTES;
	const struct catalogue_map *map = &f->kept.map;
	enum archive_verdict verdict;
	const float *values;

	if (minute) {
		values = minute_of(&f->kept, row);
		verdict =
		    archive_put_minute(a, row->row, map->runs, map->n_runs, values, f->kept.n);
	} else {
		/* The room is as large as a minute's. */
		(void)room_of(&f->kept, 4 * f->kept.n);
		values = values_of(&f->kept, row->average, row->n_values);
		verdict = archive_put(a, row->row, map->runs, map->n_runs, values);
	}
	f->intake.n_rows_taken += verdict == ARCHIVE_TAKEN;
	f->intake.n_rows_refused += verdict != ARCHIVE_TAKEN;
	if (verdict != ARCHIVE_TAKEN)
		return false;
	heard_of(&f->kept, minute ? row->row * (60 / ARCHIVE_STEP_S) : row->row);
	*ret = (struct record){
	    .kind = minute ? RECORD_MINUTE : RECORD_STEP, .now = now, .row = row->row};
	record_of(f, &f->kept, values, minute ? 4 * f->kept.n : f->kept.n, ret);
	return true;
}
