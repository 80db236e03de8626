/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: batches of agents into aggregator/metrics, its catalogue into the store, and out of both
 * for REST. */
#include "aggregator/metrics/metrics.h"
#include "aggregator/app/app.h"
#include "aggregator/store/metrics.h"
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/wire/wire.h"

#include <stdlib.h>
#include <string.h>

/* How far a host's numbers had come when the journal was written. */
struct metric_mark {
	uint64_t epoch;
	uint64_t seq;
};

/* --- the catalogue in the store --- */

/* Objects on their way to the store: given back when it fails. */
struct cataloguing {
	struct app *app;
	struct mu_uuid *ids;
	size_t n;
	metrics_done done;
	void *arg;
};

static void catalogue_stored(void *ctx, const struct mu_error *err)
{
	struct cataloguing *ct = ctx;
	struct catalogue *c = metrics_catalogue(ct->app->metrics);

	for (size_t i = 0; err && i < ct->n; i++) {
		struct catalogue_object *o = catalogue_find(c, &ct->ids[i]);

		if (o)
			catalogue_changed(c, o);
	}
	ct->done(ct->arg, err);
	free(ct->ids);
	free(ct);
}

static void nothing_to_store(void *ctx)
{
	catalogue_stored(ctx, NULL);
}

static void put_object(struct app *app, struct store_tx *tx, const struct catalogue_object *o)
{
	struct store_metric_object row = {.id = o->id, .host = o->host, .last = o->last};
	const uint8_t *series;

	catalogue_encode(o, app->arena, &series, &row.series.len);
	row.series.data = series;
	store_metrics_put(tx, &row);
	mu_arena_reset(app->arena);
}

static void store_catalogue(void *ctx, struct catalogue *c, metrics_done done, void *arg)
{
	struct app *app = ctx;
	struct cataloguing *ct = mu_xcalloc(1, sizeof *ct);
	struct catalogue_object *o = catalogue_next_changed(c);
	struct store_tx *tx;

	*ct = (struct cataloguing){.app = app, .done = done, .arg = arg};
	if (!o) {
		mu_loop_post(app->loop, nothing_to_store, ct);
		return;
	}
	tx = store_begin(app->store);
	for (; o; o = catalogue_next_changed(c)) {
		ct->ids = mu_xrealloc(ct->ids, ct->n + 1, sizeof *ct->ids);
		ct->ids[ct->n++] = o->id;
		put_object(app, tx, o);
	}
	store_commit(tx, STORE_OR_FAIL, catalogue_stored, ct);
}

/* What cannot be read is given up: its columns are nobody's, its object begins anew. */
static int load_object(const struct store_metric_object *row, void *arg, struct mu_error *err)
{
	struct app *app = arg;
	struct catalogue *c = metrics_catalogue(app->metrics);
	struct mu_error local = MU_ERROR_INIT;
	struct catalogue_object *o;
	char text[MU_UUID_TEXT];

	(void)err;
	if (catalogue_restore(c, &row->id, &row->host, row->last, row->series.data, row->series.len,
			      &local) == 0)
		return 0;
	mu_log_warning("statistics of an object are lost id=%s err=\"%s\"",
		       mu_uuid_format(&row->id, text), local.text);
	metrics_given_up(app->metrics);
	o = catalogue_find(c, &row->id);
	if (o)
		catalogue_forget(c, o);
	return 0;
}

static void on_mark(void *ctx, const struct mu_uuid *host, uint64_t epoch, uint64_t seq, mu_msec at)
{
	struct app *app = ctx;
	struct metric_mark *mark = mu_map_find(app->metric_marks, host->bytes, sizeof host->bytes);
	const struct host_id id = {*host};

	if (!mark) {
		mark = mu_xcalloc(1, sizeof *mark);
		mu_map_put(app->metric_marks, host->bytes, sizeof host->bytes, mark);
	}
	*mark = (struct metric_mark){epoch, seq};
	inventory_host_seen(app->inventory, &id, at);
}

void app_metrics_mark(const struct app *app, const struct host_id *host, uint64_t *ret_epoch,
		      uint64_t *ret_seq)
{
	const struct metric_mark *mark = mu_map_find(app->metric_marks, host, sizeof *host);

	*ret_epoch = mark ? mark->epoch : 0;
	*ret_seq = mark ? mark->seq : 0;
}

static void on_health(void *ctx, const struct mu_error *err)
{
	app_storing(ctx, APP_STORING_METRICS, err);
	if (err)
		mu_log_error("storing metrics fails, they are kept in memory err=\"%s\" "
			     "hint=\"make room in the state directory\"",
			     err->text);
	else
		mu_log_info("storing metrics works again");
}

int app_metrics_open(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *dir = mu_xasprintf("%s/metrics", app->options->state);
	const struct metrics_options options = {
	    .loop = app->loop,
	    .dir = dir,
	    .pool = app->pool.id,
	    .store = store_catalogue,
	    .health = on_health,
	    .ctx = app,
	};

	app->metrics = metrics_new(&options);
	if (store_metrics_list(app->store, load_object, app, err) < 0)
		return MU_FAILED;
	catalogue_restored(metrics_catalogue(app->metrics));
	return metrics_load(app->metrics, on_mark, app, err);
}

void app_metrics_free(struct app *app)
{
	void *mark;

	for (size_t i = 0; (mark = mu_map_next(app->metric_marks, &i, NULL, NULL));)
		free(mark);
	mu_map_free(app->metric_marks);
}

/* --- what agents send --- */

typedef void (*map_fn)(struct metrics *m, const struct mu_uuid *host,
		       const struct catalogue_want *want, size_t n);

/* Whatever it says: not 0 when there is a counter, and 0 when there is none. */
static uint32_t counted_since(uint64_t ms)
{
	uint64_t s = ms / 1000;

	return ms > 0 && s == 0 ? 1 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

/* Packed by ourselves, after it was checked. */
static void map_dictionary(struct app *app, const struct host_id *id, const void *bytes, size_t len,
			   map_fn map)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__MetricDictionary *m = muster__v1__metric_dictionary__unpack(NULL, len, bytes);
	struct catalogue_want *want;

	mu_assert(m);
	want = mu_arena_calloc(a, m->n_series + 1, sizeof *want);
	for (size_t i = 0; i < m->n_series; i++) {
		const Muster__V1__MetricSeries *s = m->series[i];

		want[i].name = s->name;
		want[i].unit = s->unit;
		want[i].rate = s->kind == MUSTER__V1__METRIC_KIND__METRIC_KIND_RATE;
		want[i].since = counted_since(s->counted_since_ms);
		/* Without an object it cannot have a name either. */
		if (s->object_id.len == sizeof want[i].object.bytes)
			memcpy(want[i].object.bytes, s->object_id.data, s->object_id.len);
		else
			want[i].name = "";
	}
	map(app->metrics, &id->uuid, want, m->n_series);
	muster__v1__metric_dictionary__free_unpacked(m, NULL);
}

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

static struct batch_stored *batch_stored_new(struct app *app, struct fleet_receipt *receipt)
{
	struct batch_stored *bs = mu_xcalloc(1, sizeof *bs);

	bs->app = app;
	bs->receipt = receipt;
	return bs;
}

static size_t batches_of(const struct fleet_batches *b,
			 struct metrics_batch ret[static WIRE_BATCHES_MAX])
{
	for (size_t i = 0; i < b->n; i++)
		ret[i] = (struct metrics_batch){
		    .host = b->id.uuid,
		    .epoch = b->epoch,
		    .seq = b->batch[i].seq,
		    .at = b->batch[i].at,
		    .values = b->batch[i].values,
		    .n_values = b->batch[i].n_values,
		    .base = b->batch[i].base,
		    .n_counted = b->batch[i].n_counted,
		    .counted = b->batch[i].counted,
		};
	return b->n;
}

void app_metrics_batches(struct app *app, const struct fleet_batches *b,
			 struct fleet_receipt *receipt)
{
	struct metrics_batch batch[WIRE_BATCHES_MAX];
	size_t n = batches_of(b, batch);

	if (b->dictionary)
		map_dictionary(app, &b->id, b->dictionary, b->dictionary_len, metrics_map);
	metrics_put(app->metrics, batch, n, batch_stored, batch_stored_new(app, receipt));
}

void app_metrics_count(struct app *app, const struct fleet_batches *b)
{
	struct metrics_batch batch[WIRE_BATCHES_MAX];
	size_t n = batches_of(b, batch);

	if (b->dictionary)
		map_dictionary(app, &b->id, b->dictionary, b->dictionary_len, metrics_map);
	metrics_count_only(app->metrics, batch, n);
}

void app_metrics_row(struct app *app, const struct fleet_row *row, struct fleet_receipt *receipt)
{
	enum archive_level level = row->minute ? ARCHIVE_MINUTES : ARCHIVE_STEPS;
	const struct metrics_row r = {
	    .host = row->id.uuid,
	    .level = level,
	    .row = archive_row_of(level, row->at / 1000),
	    .n_values = row->n_values,
	    .average = row->average,
	    .min = row->min,
	    .max = row->max,
	    .known = row->known,
	};

	if (row->dictionary)
		map_dictionary(app, &row->id, row->dictionary, row->dictionary_len,
			       metrics_map_rows);
	metrics_put_row(app->metrics, &r, batch_stored, batch_stored_new(app, receipt));
}

_Static_assert((int)FLEET_MINUTES == (int)METRICS_MINUTES && (int)FLEET_STEPS == (int)METRICS_STEPS,
	       "all that there can be is told");

void app_metrics_have(const struct app *app, const struct host_id *id, struct fleet_have *ret)
{
	metrics_have(app->metrics, &id->uuid, &ret->last_minute, ret->minutes, &ret->last_step,
		     ret->steps);
}

/* --- daily --- */

static bool exists(void *ctx, const struct mu_uuid *id)
{
	struct app *app = ctx;
	const struct vm_id vm = {*id};
	const struct host_id host = {*id};

	return inventory_vm_find(app->inventory, &vm) || inventory_host_find(app->inventory, &host);
}

struct forgetting {
	struct app *app;
	struct mu_uuid id;
};

static void forgotten(void *ctx, const struct mu_error *err)
{
	struct forgetting *fg = ctx;

	if (!err && fg->app->metrics)
		metrics_forgotten(fg->app->metrics, &fg->id);
	free(fg);
}

static void forget(void *ctx, const struct mu_uuid *id)
{
	struct app *app = ctx;
	struct forgetting *fg = mu_xcalloc(1, sizeof *fg);
	struct store_tx *tx = store_begin(app->store);
	char text[MU_UUID_TEXT];

	mu_log_info("statistics of an object that is gone are dropped id=%s",
		    mu_uuid_format(id, text));
	*fg = (struct forgetting){app, *id};
	store_metrics_delete(tx, id);
	store_commit(tx, STORE_KEEP_LAZY, forgotten, fg);
}

void app_metrics_expire(struct app *app)
{
	metrics_expire(app->metrics, exists, forget, app);
}
