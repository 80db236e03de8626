/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/history.h"

#include "common/archive/crc32c.h"
#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "MUSTOBJ1"

enum {
	STEPS_SHOWN = 360, /* half an hour; */
	STEPS_KEPT = 372,  /* the oldest minute of it is whole */
	/* Objects are forgotten when the last of their minutes is out of memory. */
	KEEP_STEPS = HISTORY_MINUTES * 12 + 12,
	QUOTA = 65536,
	FRESH_S = 60,    /* a newest value that is older is none */
	SAVE_STEPS = 12, /* how old what is kept of objects may be */
};

struct history {
	struct host_id host;
	struct archive *archive;
	struct catalogue *catalogue;
	/* the series of the last sample, and their columns */
	struct metric_series *series;
	size_t n_series;
	uint32_t mapped; /* step when they were */
	uint32_t saved;  /* step when history_map() said so */
	struct mu_arena *arena;
	struct catalogue_map map;
};

struct history *history_new(const struct host_id *host,
			    void *(*rows)(void *ctx, uint32_t shard, size_t size), void *ctx)
{
	const struct archive_options options = {
	    .n_steps = STEPS_KEPT, .n_minutes = HISTORY_MINUTES, .rows = rows, .ctx = ctx};
	struct history *h = mu_xcalloc(1, sizeof *h);

	h->host = *host;
	h->archive = archive_new(&options);
	h->catalogue = catalogue_new(QUOTA);
	h->arena = mu_arena_new();
	return h;
}

struct history *history_free(struct history *h)
{
	if (!h)
		return NULL;
	archive_free(h->archive);
	catalogue_free(h->catalogue);
	mu_arena_free(h->arena);
	free(h->series);
	free(h);
	return NULL;
}

/* Those of before that are in no sample any more. */
static void forget_old(struct history *h, uint32_t step)
{
	struct catalogue_object *o;

	for (size_t i = 0; (o = catalogue_next(h->catalogue, &i));)
		if (o->last + KEEP_STEPS < step)
			catalogue_forget(h->catalogue, o);
}

static bool is_mapped(const struct history *h, const struct metric_list *l, uint32_t step)
{
	return step >= h->mapped && l->n == h->n_series &&
	       metric_series_equal(l->series, h->series, l->n);
}

static void map_series(struct history *h, const struct metric_list *l, uint32_t step)
{
	struct catalogue_want *want;

	h->mapped = step;
	forget_old(h, step);
	mu_arena_reset(h->arena);
	want = mu_arena_calloc(h->arena, l->n + 1, sizeof *want);
	for (size_t i = 0; i < l->n; i++)
		want[i] = (struct catalogue_want){
		    .object = l->series[i].object,
		    .name = l->series[i].name,
		    .unit = metric_unit_name(l->series[i].unit),
		    .rate = l->series[i].kind == METRIC_RATE,
		};
	catalogue_map(h->catalogue, h->arena, &h->host.uuid, want, l->n, step, &h->map);
	archive_reserve(h->archive, catalogue_n_columns(h->catalogue));
	free(h->series);
	h->series = l->n ? mu_xmemdup(l->series, l->n * sizeof *l->series) : NULL;
	h->n_series = l->n;
}

bool history_map(struct history *h, mu_msec time, const struct metric_list *l)
{
	uint32_t step = archive_row_of(ARCHIVE_STEPS, time / 1000);
	bool known = is_mapped(h, l, step);

	if (!known)
		map_series(h, l, step);
	else if (step < h->saved + SAVE_STEPS)
		return false;
	h->saved = step;
	return true;
}

/* Minutes are made; there is nowhere to write them to. */
static void consolidate(struct history *h)
{
	struct archive_change c;

	while (archive_next(h->archive, &c))
		;
}

void history_add(struct history *h, mu_msec time, const struct metric_list *l)
{
	uint32_t step = archive_row_of(ARCHIVE_STEPS, time / 1000);

	mu_assert(l->n == h->n_series);
	archive_tick(h->archive, time / 1000);
	(void)archive_put(h->archive, step, h->map.runs, h->map.n_runs, l->value);
	for (size_t i = 0; i < h->map.n_objects; i++)
		h->map.objects[i]->last = step;
	consolidate(h);
}

/* --- bytes: a header, then objects, each a fixed part and what the catalogue has of it --- */

struct header {
	char magic[8];
	struct mu_uuid host;
	uint32_t n_objects;
	uint32_t crc; /* of all behind it */
};

struct fixed {
	struct mu_uuid id;
	uint32_t last;
	uint32_t len;
};

void history_encode(const struct history *h, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct header header = {.magic = MAGIC, .host = h->host.uuid};
	size_t at = out->len;
	const struct catalogue_object *o;

	mu_str_add_bytes(out, &header, sizeof header);
	for (size_t i = 0; (o = catalogue_next(h->catalogue, &i));) {
		struct fixed f = {.id = o->id, .last = o->last};
		const uint8_t *series;
		size_t len;

		catalogue_encode(o, a, &series, &len);
		f.len = (uint32_t)len;
		mu_str_add_bytes(out, &f, sizeof f);
		mu_str_add_bytes(out, series, len);
		header.n_objects++;
	}
	header.crc =
	    archive_crc32c(0, out->data + at + sizeof header, out->len - at - sizeof header);
	memcpy(out->data + at, &header, sizeof header);
}

static bool restore_object(struct history *h, const uint8_t *bytes, size_t len, size_t *pos)
{
	struct fixed f;

	if (len - *pos < sizeof f)
		return false;
	memcpy(&f, bytes + *pos, sizeof f);
	*pos += sizeof f;
	if (f.len > len - *pos)
		return false;
	*pos += f.len;
	return catalogue_restore(h->catalogue, &f.id, &h->host.uuid, f.last, bytes + *pos - f.len,
				 f.len, NULL) == 0;
}

static bool restore_all(struct history *h, const uint8_t *bytes, size_t len)
{
	struct header header;
	size_t pos = sizeof header;

	if (len < sizeof header)
		return false;
	memcpy(&header, bytes, sizeof header);
	if (memcmp(header.magic, MAGIC, sizeof header.magic) != 0 ||
	    !mu_uuid_equal(&header.host, &h->host.uuid) ||
	    header.crc != archive_crc32c(0, bytes + sizeof header, len - sizeof header))
		return false;
	for (uint32_t i = 0; i < header.n_objects; i++)
		if (!restore_object(h, bytes, len, &pos))
			return false;
	return pos == len;
}

bool history_restore(struct history *h, const void *bytes, size_t len, mu_msec now)
{
	bool whole = restore_all(h, bytes, len);

	if (!whole) {
		catalogue_free(h->catalogue);
		h->catalogue = catalogue_new(QUOTA);
	}
	catalogue_restored(h->catalogue);
	archive_reserve(h->archive, catalogue_n_columns(h->catalogue));
	archive_tick(h->archive, now / 1000);
	consolidate(h);
	return whole;
}

int history_read(const struct history *h, const struct stats_query *q, mu_msec now,
		 struct mu_arena *arena, struct stats_result *ret, struct mu_error *err)
{
	const struct catalogue_object *o = catalogue_find(h->catalogue, &q->object);
	uint32_t n_kept = q->level == ARCHIVE_STEPS ? STEPS_SHOWN : HISTORY_MINUTES;
	uint32_t first, n;

	if (q->level == ARCHIVE_HOURS || q->level == ARCHIVE_DAYS)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a host has the last eight hours itself; hint: ask the "
				    "aggregator for %s",
				    archive_levels[q->level].name);
	if (!o)
		return mu_error_set(err, MU_E_NOT_FOUND, "no statistics are kept of it");
	if (stats_rows(q, now / 1000, o->last, n_kept, &first, &n, err) < 0)
		return MU_FAILED;
	stats_read(h->archive, o, q, first, n, arena, ret);
	return 0;
}

const struct archive *history_archive(const struct history *h)
{
	return h->archive;
}

const struct catalogue *history_catalogue(const struct history *h)
{
	return h->catalogue;
}

const struct host_id *history_host(const struct history *h)
{
	return &h->host;
}

const struct catalogue_object *history_newest(const struct history *h, const struct mu_uuid *object,
					      mu_msec now, float *ret)
{
	const struct catalogue_object *o = catalogue_find(h->catalogue, object);

	if (!o || archive_row_end(ARCHIVE_STEPS, o->last) < now / 1000 - FRESH_S)
		return NULL;
	stats_at(h->archive, o, o->last, ret);
	return o;
}
