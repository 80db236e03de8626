/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/history.h"

#include <stdlib.h>

enum {
	STEPS_SHOWN = 360,  /* half an hour; */
	STEPS_KEPT = 372,   /* the oldest minute of it is whole */
	MINUTES_KEPT = 480, /* eight hours */
	/* Objects are forgotten when the last of their minutes is out of memory. */
	KEEP_STEPS = MINUTES_KEPT * 12 + 12,
	QUOTA = 65536,
};

struct history {
	struct host_id host;
	struct archive *archive;
	struct catalogue *catalogue;
	/* the series of the last sample, and their columns */
	struct metric_series *series;
	size_t n_series;
	uint32_t mapped; /* step when they were */
	struct mu_arena *arena;
	struct catalogue_map map;
};

struct history *history_new(const struct host_id *host)
{
	const struct archive_options options = {.n_steps = STEPS_KEPT, .n_minutes = MINUTES_KEPT};
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

static void map_series(struct history *h, const struct metric_list *l, uint32_t step)
{
	struct catalogue_want *want;

	if (step >= h->mapped && l->n == h->n_series &&
	    metric_series_equal(l->series, h->series, l->n))
		return;
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

	map_series(h, l, step);
	archive_tick(h->archive, time / 1000);
	(void)archive_put(h->archive, step, h->map.runs, h->map.n_runs, l->value);
	for (size_t i = 0; i < h->map.n_objects; i++)
		h->map.objects[i]->last = step;
	consolidate(h);
}

int history_read(const struct history *h, const struct stats_query *q, mu_msec now,
		 struct mu_arena *arena, struct stats_result *ret, struct mu_error *err)
{
	const struct catalogue_object *o = catalogue_find(h->catalogue, &q->object);
	uint32_t n_kept = q->level == ARCHIVE_STEPS ? STEPS_SHOWN : MINUTES_KEPT;
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
