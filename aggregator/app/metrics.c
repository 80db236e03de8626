/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metric batches into the store's ring, and out of it for GET /hosts/{id}/metrics. Nothing of
 * them is kept in memory.
 */
#include "aggregator/app/app.h"
#include "aggregator/store/hosts.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/clock.h"
#include "common/wire/wire.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "samples are stored as little-endian IEEE floats");

struct batch_stored {
	struct app *app;
	struct fleet_receipt *receipt;
};

static void batch_stored(void *ctx, const struct mu_error *err)
{
	struct batch_stored *bs = ctx;

	fleet_stored(bs->app->fleet, bs->receipt, err);
	free(bs);
}

void app_metrics_batch(struct app *app, const struct fleet_batch *b, struct fleet_receipt *receipt)
{
	struct store_tx *tx = store_begin(app->store);
	struct batch_stored *bs = mu_xcalloc(1, sizeof *bs);
	struct store_dictionary dictionary = {
	    .epoch = b->epoch,
	    .generation = b->generation,
	    .series = {b->dictionary, b->dictionary_len},
	};
	struct store_host host = {
	    .id = b->id,
	    .last_seen = mu_clock_wall(),
	    .metric_epoch = b->epoch,
	    .metric_seq = b->seq,
	    .metric_count = b->count,
	};
	struct store_batch batch = {
	    .epoch = b->epoch,
	    .seq = b->seq,
	    .generation = b->generation,
	    .at = b->at,
	    .samples = {b->values, b->n_values * sizeof *b->values},
	};

	bs->app = app;
	bs->receipt = receipt;
	if (b->dictionary)
		store_metrics_put_dictionary(tx, &b->id, &dictionary);
	store_metrics_put_batch(tx, &host, &batch);
	store_commit(tx, STORE_KEEP_LAZY, batch_stored, bs);
}

/* --- reading --- */

struct reading {
	void (*done)(void *arg, const struct admin_metrics *m, const struct mu_error *err);
	void *arg;
};

static struct admin_dictionary dictionary_decode(struct mu_arena *a,
						 const struct store_dictionary *d)
{
	struct admin_dictionary out = {.epoch = d->epoch, .generation = d->generation};
	struct admin_series *series;
	Muster__V1__MetricDictionary *m =
	    muster__v1__metric_dictionary__unpack(NULL, d->series.len, d->series.data);

	if (!m)
		return out; /* the row is there, its content is not: shown as empty */
	series = mu_arena_calloc(a, m->n_series, sizeof *series);
	for (size_t i = 0; i < m->n_series; i++) {
		const Muster__V1__MetricSeries *s = m->series[i];

		if (s->object_id.len == sizeof series[i].object.bytes)
			memcpy(series[i].object.bytes, s->object_id.data, s->object_id.len);
		series[i].name = mu_arena_strdup(a, s->name);
		series[i].unit = mu_arena_strdup(a, s->unit);
		series[i].rate = s->kind == MUSTER__V1__METRIC_KIND__METRIC_KIND_RATE;
	}
	out.series = series;
	out.n_series = m->n_series;
	muster__v1__metric_dictionary__free_unpacked(m, NULL);
	return out;
}

static void metrics_read(void *ctx, const struct store_metrics *m, const struct mu_error *err)
{
	struct reading *rd = ctx;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct admin_metrics out = {0};
	struct admin_dictionary *dictionaries = NULL;
	struct admin_batch *batches = NULL;

	if (m) {
		dictionaries = mu_arena_calloc(a, m->n_dictionaries, sizeof *dictionaries);
		batches = mu_arena_calloc(a, m->n_batches, sizeof *batches);
		for (size_t i = 0; i < m->n_dictionaries; i++)
			dictionaries[i] = dictionary_decode(a, &m->dictionaries[i]);
		for (size_t i = 0; i < m->n_batches; i++) {
			const struct store_batch *b = &m->batches[i];

			batches[i] = (struct admin_batch){
			    .epoch = b->epoch,
			    .seq = b->seq,
			    .generation = b->generation,
			    .at = b->at,
			    .values = mu_arena_memdup(a, b->samples.data, b->samples.len),
			    .n_values = b->samples.len / sizeof(float),
			};
		}
		out =
		    (struct admin_metrics){dictionaries, m->n_dictionaries, batches, m->n_batches};
	}
	rd->done(rd->arg, m ? &out : NULL, err);
	free(rd);
}

static void unknown_host(void *ctx)
{
	struct reading *rd = ctx;
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(&err, MU_E_NOT_FOUND, "no such host");
	rd->done(rd->arg, NULL, &err);
	free(rd);
}

void app_metrics_read(struct app *app, const struct host_id *id, mu_msec since,
		      void (*done)(void *arg, const struct admin_metrics *m,
				   const struct mu_error *err),
		      void *arg)
{
	struct reading *rd = mu_xcalloc(1, sizeof *rd);

	rd->done = done;
	rd->arg = arg;
	if (!inventory_host_find(app->inventory, id))
		mu_loop_post(app->loop, unknown_host, rd);
	else
		store_metrics_read(app->store, id, since, metrics_read, rd);
}
