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
static void let_go(struct feed *f)
{
	for (size_t i = 0; i < f->map.n_objects; i++)
		f->map.objects[i]->n_maps--;
	free(f->map.objects);
	free(f->map.runs);
	f->map = (struct catalogue_map){0};
	free(MU_TAKE(f->padded));
}

struct feed *feed_free(struct feed *f)
{
	if (!f)
		return NULL;
	let_go(f);
	free(f);
	return NULL;
}

static void *keep(const void *p, size_t size)
{
	return size > 0 ? mu_xmemdup(p, size) : NULL;
}

void feed_map(struct feed *f, struct catalogue *c, const struct catalogue_want *want, size_t n,
	      uint32_t step)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct catalogue_map map;
	char text[MU_UUID_TEXT];

	let_go(f);
	catalogue_map(c, a, &f->host, want, n, step, &map);
	for (size_t i = 0; i < map.n_objects; i++)
		map.objects[i]->n_maps++;
	/* It was made for the worst case; a host has few runs. */
	f->map = map;
	f->map.runs = keep(map.runs, map.n_runs * sizeof *map.runs);
	f->map.objects = keep(map.objects, map.n_objects * sizeof(struct catalogue_object *));
	f->n_slots = n;
	if (map.n_dropped > 0 && map.n_dropped != f->intake.n_dropped)
		mu_log_warning("series of a host are not kept host=%s dropped=%zu kept=%zu "
			       "hint=\"a host may have so many, an object %d, with names of at "
			       "most %d printable characters\"",
			       mu_uuid_format(&f->host, text), map.n_dropped, n - map.n_dropped,
			       CATALOGUE_OBJECT_MAX, CATALOGUE_NAME_MAX);
	f->intake.n_dropped = map.n_dropped;
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
				   : "they are older than 10 minutes: sent late, or its clock is "
				     "behind ours");
}

static const float *values_of(struct feed *f, const struct metrics_batch *b)
{
	if (b->n_values >= f->n_slots)
		return b->values;
	if (!f->padded)
		f->padded = mu_xcalloc(f->n_slots, sizeof *f->padded);
	if (b->n_values > 0)
		memcpy(f->padded, b->values, b->n_values * sizeof *b->values);
	for (size_t i = b->n_values; i < f->n_slots; i++)
		f->padded[i] = NAN;
	return f->padded;
}

bool feed_put(struct feed *f, struct archive *a, const struct metrics_batch *b, int64_t now,
	      struct record *ret)
{
	uint32_t step = archive_row_of(ARCHIVE_STEPS, b->at / 1000);
	const float *values = values_of(f, b);
	enum archive_verdict verdict = archive_put(a, step, f->map.runs, f->map.n_runs, values);

	f->intake.n_taken += verdict == ARCHIVE_TAKEN;
	f->intake.n_too_old += verdict == ARCHIVE_TOO_OLD;
	f->intake.n_too_new += verdict == ARCHIVE_TOO_NEW;
	tell(f, verdict, b, now);
	if (verdict != ARCHIVE_TAKEN)
		return false;
	if (b->at > f->intake.last)
		f->intake.last = b->at;
	for (size_t i = 0; i < f->map.n_objects; i++)
		if (step > f->map.objects[i]->last)
			f->map.objects[i]->last = step;
	*ret = (struct record){
	    .host = f->host,
	    .epoch = b->epoch,
	    .seq = b->seq,
	    .now = now,
	    .step = step,
	    .n_runs = (uint32_t)f->map.n_runs,
	    .n_values = (uint32_t)f->n_slots,
	    .runs = f->map.runs,
	    .values = values,
	};
	return true;
}
