/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a batch: memory at once; its record into `records`; then, with everything that came
 * meanwhile, a flush:
 *
 *     idle --(200 ms)--> catalogue --(stored)--> writer (work thread) --> idle, or again
 *
 * One flush at a time. The catalogue comes first: a record on the disk must not name a column that
 * after a crash is nobody's. A flush that fails keeps its records and is tried again every second,
 * what has come since waits behind it.
 */
#include "aggregator/metrics/metrics.h"

#include "aggregator/metrics/feed.h"
#include "aggregator/metrics/rows.h"
#include "aggregator/metrics/shard_read.h"
#include "aggregator/metrics/writer.h"
#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <stdlib.h>
#include <string.h>

enum {
	FLUSH_MS = 200,
	RETRY_MS = 1000,
	IDLE_MS = 5000,
	/* Twice this is less than what a stream may have unacknowledged before it stands still. */
	GIVE_UP_MS = 2 * 60 * 1000,
	TOLD_S = 2 * 86400,
	EXPECTED = 8, /* shards to be loaded, ahead of the one that is */
};

struct waiting {
	struct waiting *next;
	metrics_done done;
	void *ctx;
};

/* In order of arrival. */
struct queue {
	struct waiting *first;
	struct waiting **last;
};

struct metrics {
	struct metrics_options options;
	char *dir;
	struct archive *archive;
	struct rows rows; /* the archive's */
	struct catalogue *catalogue;
	struct mu_map *feeds; /* host's UUID -> struct feed */
	uint32_t *born;       /* of each column: the step from which on it is its series' */
	uint32_t n_born;
	bool given_up;       /* a row of the catalogue, at start */
	uint32_t free_since; /* columns that nobody had hold rows of before this step */
	/* since the last flush began */
	struct mu_str records;
	struct queue queue;
	/* the flush */
	struct writer writer;
	struct queue flushing; /* for what is in writer.records */
	mu_msec taken_at;
	bool busy;
	bool failing;
	struct mu_timer *timer;
	/* the end */
	size_t n_queries;
	bool closing;
	mu_loop_cb closed;
	void *closed_ctx;
};

static void flush(void *ctx);
static void write_out(void *ctx, const struct mu_error *err);
static void go_on(struct metrics *m, bool more);
static void written(struct mu_work *work);

static int64_t now_s(void)
{
	return mu_clock_wall() / 1000;
}

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void queue_push(struct queue *q, metrics_done done, void *ctx)
{
	struct waiting *w = mu_xcalloc(1, sizeof *w);

	*w = (struct waiting){.done = done, .ctx = ctx};
	*q->last = w;
	q->last = &w->next;
}

static void queue_move(struct queue *to, struct queue *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	queue_init(from);
}

static void queue_done(struct queue *q, const struct mu_error *err)
{
	struct waiting *w = q->first;

	queue_init(q);
	while (w) {
		struct waiting *next = w->next;

		w->done(w->ctx, err);
		free(w);
		w = next;
	}
}

struct metrics *metrics_new(const struct metrics_options *options)
{
	struct metrics *m = mu_xcalloc(1, sizeof *m);

	m->options = *options;
	if (!m->options.quota)
		m->options.quota = METRICS_QUOTA;
	m->options.dir = m->dir = mu_xstrdup(options->dir);
	m->archive = archive_new(&(struct archive_options){.rows = rows_map, .ctx = &m->rows});
	m->catalogue = catalogue_new(m->options.quota);
	m->feeds = mu_map_new();
	m->timer = mu_timer_new(options->loop, flush, m);
	queue_init(&m->queue);
	queue_init(&m->flushing);
	writer_init(&m->writer, m->dir, &options->pool);
	m->writer.work.done = written;
	return m;
}

static void metrics_free(struct metrics *m)
{
	struct feed *f;

	for (size_t i = 0; (f = mu_map_next(m->feeds, &i, NULL, NULL));)
		feed_free(f);
	mu_map_free(m->feeds);
	writer_deinit(&m->writer);
	mu_str_deinit(&m->records);
	catalogue_free(m->catalogue);
	archive_free(m->archive);
	rows_deinit(&m->rows);
	mu_timer_free(m->timer);
	free(m->born);
	free(m->dir);
	free(m);
}

struct catalogue *metrics_catalogue(struct metrics *m)
{
	return m->catalogue;
}

void metrics_given_up(struct metrics *m)
{
	m->given_up = true;
}

/* Columns may have been given out: shards for them, and when they were. */
static void columns_changed(struct metrics *m, const struct catalogue_object *o)
{
	uint32_t n;

	archive_reserve(m->archive, catalogue_n_columns(m->catalogue));
	n = archive_n_shards(m->archive) * ARCHIVE_COLUMNS;
	if (n > m->n_born) {
		m->born = mu_xrealloc(m->born, n, sizeof *m->born);
		memset(m->born + m->n_born, 0, (n - m->n_born) * sizeof *m->born);
		m->n_born = n;
	}
	for (size_t i = 0; i < o->n_series; i++)
		m->born[o->series[i].column] = o->series[i].born;
}

/* --- start --- */

struct replay {
	struct metrics *m;
	metrics_mark mark;
	void *ctx;
	int64_t now;    /* of the last record */
	uint32_t *last; /* newest step of each column */
	struct archive_change *changes;
	size_t n_changes;
	size_t cap;
};

/* Rows that the replay makes are written later: the files may have them already. */
static void collect_changes(struct replay *rp)
{
	struct archive_change c;

	while (archive_next(rp->m->archive, &c)) {
		if (rp->n_changes == rp->cap) {
			rp->cap = rp->cap ? 2 * rp->cap : 64;
			rp->changes = mu_xrealloc(rp->changes, rp->cap, sizeof *rp->changes);
		}
		rp->changes[rp->n_changes++] = c;
	}
}

static void heard_of(struct replay *rp, const struct record *r, uint32_t column)
{
	enum archive_level level = r->kind == RECORD_MINUTE ? ARCHIVE_MINUTES : ARCHIVE_STEPS;
	uint32_t step = r->row * (archive_levels[level].seconds / ARCHIVE_STEP_S);

	if (step > rp->last[column] &&
	    (r->kind == RECORD_BATCH || feed_is_known(rp->m->archive, level, r->row, column)))
		rp->last[column] = step;
}

static void replay_record(void *ctx, const struct record *r)
{
	struct replay *rp = ctx;
	struct metrics *m = rp->m;

	for (uint32_t i = 0; i < r->n_runs; i++)
		if ((uint64_t)r->runs[i].column + r->runs[i].n > m->n_born)
			return; /* of a catalogue that is not there any more */
	if (r->now != rp->now) {
		archive_tick(m->archive, r->now);
		collect_changes(rp);
		rp->now = r->now;
	}
	if (r->kind == RECORD_IMAGE) {
		(void)archive_merge_minute(m->archive, (const void *)r->values);
	} else if (r->kind == RECORD_MINUTE) {
		(void)archive_put_minute(m->archive, r->row, r->runs, r->n_runs, r->values,
					 r->n_values / 4, &(bool){false});
	} else {
		(void)archive_put(m->archive, r->row, r->runs, r->n_runs, r->values);
	}
	for (uint32_t i = 0; i < r->n_runs; i++)
		for (uint32_t k = 0; k < r->runs[i].n; k++)
			heard_of(rp, r, r->runs[i].column + k);
	if (r->kind == RECORD_BATCH)
		rp->mark(rp->ctx, &r->host, r->epoch, r->seq, r->now * 1000);
}

/* An aggregator without some metrics is better than none. */
static void load_shard(struct metrics *m, uint32_t shard)
{
	MU_CLEANUP(mu_free) char *aside = NULL;
	struct mu_error err = MU_ERROR_INIT;
	int r = shard_file_check(&m->writer.place, shard, &aside, &err);

	if (aside)
		mu_log_warning("archive of metrics is not ours, of another version or damaged, set "
			       "aside file=%s",
			       aside);
	if (r == 1)
		r = shard_file_load(&m->writer.place, shard, m->archive, &err);
	if (r < 0)
		mu_log_error("archive of metrics cannot be read err=\"%s\"", err.text);
}

static void update_last(struct replay *rp)
{
	struct catalogue_object *o;

	for (size_t i = 0; (o = catalogue_next(rp->m->catalogue, &i));)
		for (size_t k = 0; k < o->n_series; k++) {
			uint32_t last = rp->last[o->series[k].column];

			o->last = last > o->last ? last : o->last;
		}
}

int metrics_load(struct metrics *m, metrics_mark mark, void *ctx, struct mu_error *err)
{
	struct replay rp = {.m = m, .mark = mark, .ctx = ctx};
	mu_msec begin = mu_clock_monotonic();
	const struct catalogue_object *o;
	struct journal_found found = {0};
	int r;

	for (size_t i = 0; (o = catalogue_next(m->catalogue, &i));)
		columns_changed(m, o);
	if (mu_file_mkdirs(m->dir, 0700, err) < 0)
		return mu_error_prefix(err, "metrics");
	for (uint32_t shard = 0; shard < archive_n_shards(m->archive); shard++) {
		/* From a disk that was not read yet: several at a time. */
		shard_file_expect(&m->writer.place, shard + EXPECTED);
		load_shard(m, shard);
	}
	if (m->given_up)
		m->free_since = archive_row_of(ARCHIVE_STEPS, now_s());
	rp.last = mu_xcalloc(m->n_born + 1, sizeof *rp.last);
	r = journal_files_load(&m->writer.journal, m->dir, &m->options.pool, begin, replay_record,
			       &rp, &found, err);
	update_last(&rp);
	for (size_t i = 0; i < rp.n_changes; i++)
		archive_again(m->archive, &rp.changes[i]);
	free(rp.last);
	free(rp.changes);
	if (r < 0)
		return mu_error_prefix(err, "metrics");
	archive_tick(m->archive, now_s());
	mu_log_info("metrics read columns=%u records=%zu damaged=%zu torn=%zu ms=%lld",
		    catalogue_n_columns(m->catalogue), found.n_records, found.n_damaged,
		    found.n_torn, (long long)(mu_clock_monotonic() - begin));
	mu_timer_set(m->timer, IDLE_MS);
	return 0;
}

/* --- taking --- */

static struct feed *feed_of(struct metrics *m, const struct mu_uuid *host)
{
	struct feed *f = mu_map_find(m->feeds, host->bytes, sizeof host->bytes);

	if (!f) {
		f = feed_new(host);
		mu_map_put(m->feeds, host->bytes, sizeof host->bytes, f);
	}
	return f;
}

/* A host may send what it kept: its series are as old as that can be, but for what may be in their
 * columns. */
static uint32_t born_before(const struct metrics *m, uint32_t n_steps)
{
	uint32_t now = archive_row_of(ARCHIVE_STEPS, now_s());
	uint32_t first = now > n_steps ? now - n_steps : 0;

	if (first < m->free_since)
		first = m->free_since < now ? m->free_since : now;
	return first;
}

static void slots_changed(struct metrics *m, const struct feed_slots *s)
{
	for (size_t i = 0; i < s->map.n_objects; i++)
		if (s->map.objects[i]->changed)
			columns_changed(m, s->map.objects[i]);
}

void metrics_map(struct metrics *m, const struct mu_uuid *host, const struct catalogue_want *want,
		 size_t n)
{
	struct feed *f = feed_of(m, host);

	feed_map(f, m->catalogue, want, n, born_before(m, ARCHIVE_STEPS_KEPT));
	slots_changed(m, &f->live);
}

void metrics_map_rows(struct metrics *m, const struct mu_uuid *host,
		      const struct catalogue_want *want, size_t n)
{
	struct feed *f = feed_of(m, host);

	feed_map_rows(f, m->catalogue, want, n,
		      born_before(m, (ARCHIVE_MINUTES_KEPT + 1) * (60 / ARCHIVE_STEP_S)), now_s());
	slots_changed(m, &f->kept);
}

void metrics_host_away(struct metrics *m, const struct mu_uuid *host)
{
	struct feed *f = mu_map_find(m->feeds, host->bytes, sizeof host->bytes);

	if (!f)
		return;
	feed_map(f, m->catalogue, NULL, 0, 0);
	feed_map_rows(f, m->catalogue, NULL, 0, 0, 0);
}

/* `done` when all records that there are by now are on the disk. */
static void await_flush(struct metrics *m, metrics_done done, void *ctx)
{
	bool first = !m->queue.first;

	queue_push(&m->queue, done, ctx);
	/* Only the first: setting the timer again would put the flush off for as long as more come.
	 */
	if (first && !m->busy && !m->failing)
		mu_timer_set(m->timer, FLUSH_MS);
}

void metrics_put(struct metrics *m, const struct metrics_batch *b, size_t n, metrics_done done,
		 void *ctx)
{
	struct feed *f = feed_of(m, &b->host);
	int64_t now = now_s();
	struct record r;

	mu_assert(!m->closing);
	archive_tick(m->archive, now);
	for (size_t i = 0; i < n; i++)
		if (feed_put(f, m->archive, &b[i], now, &r))
			writer_add_record(&m->records, &r);
	await_flush(m, done, ctx);
}

void metrics_count_only(struct metrics *m, const struct metrics_batch *b, size_t n)
{
	struct feed *f = feed_of(m, &b->host);

	for (size_t i = 0; i < n; i++)
		feed_count(f, &b[i]);
}

void metrics_put_row(struct metrics *m, const struct metrics_row *row, metrics_done done, void *ctx)
{
	int64_t now = now_s();
	struct record r;

	mu_assert(!m->closing);
	archive_tick(m->archive, now);
	if (feed_put_row(feed_of(m, &row->host), m->archive, row, now, &r))
		writer_add_record(&m->records, &r);
	await_flush(m, done, ctx);
}

/* The host itself is in all that it sends: what is known of any of its series counts. */
static void have_of(const struct metrics *m, const struct catalogue_series *s, uint32_t minute,
		    uint8_t *minutes, uint32_t step, uint8_t *steps)
{
	uint32_t first = minute - METRICS_MINUTES + 1;
	uint8_t known[METRICS_MINUTES];
	float values[METRICS_STEPS];

	archive_read_known(m->archive, s->column, first, METRICS_MINUTES, known);
	for (uint32_t i = 0; i < METRICS_MINUTES; i++)
		if ((first + i) * (60 / ARCHIVE_STEP_S) >= s->born && known[i] > minutes[i])
			minutes[i] = known[i];
	first = step - METRICS_STEPS + 1;
	archive_read(m->archive, ARCHIVE_STEPS, ARCHIVE_AVERAGE, s->column, first, METRICS_STEPS,
		     values);
	stats_mask(ARCHIVE_STEPS, s->born, first, METRICS_STEPS, values);
	for (size_t i = 0; i < METRICS_STEPS; i++)
		steps[i] |= values[i] == values[i];
}

void metrics_have(const struct metrics *m, const struct mu_uuid *host, uint32_t *ret_last_minute,
		  uint8_t *ret_minutes, uint32_t *ret_last_step, uint8_t *ret_steps)
{
	const struct catalogue_object *o = catalogue_find(m->catalogue, host);
	uint32_t minute = archive_row_ended(ARCHIVE_MINUTES, now_s());
	uint32_t step = archive_row_ended(ARCHIVE_STEPS, now_s());

	memset(ret_minutes, 0, METRICS_MINUTES);
	memset(ret_steps, 0, METRICS_STEPS);
	*ret_last_minute = minute;
	*ret_last_step = step;
	for (size_t i = 0; o && minute > METRICS_MINUTES && i < o->n_series; i++)
		have_of(m, &o->series[i], minute, ret_minutes, step, ret_steps);
}

/* --- flushing --- */

static void fill_row(struct metrics *m, struct writer_row *row)
{
	if (row->minute) {
		archive_encode_minute(m->archive, &row->change, row->minute);
		return;
	}
	archive_make_hour(m->archive, &row->change, row->tiles);
	memcpy(row->born, m->born + (size_t)row->change.shard * ARCHIVE_COLUMNS,
	       ARCHIVE_COLUMNS * sizeof *row->born);
}

static void gather_rows(struct metrics *m)
{
	struct archive_change change;
	struct writer_row *row;

	m->writer.now = now_s();
	archive_tick(m->archive, m->writer.now);
	while (m->writer.n_rows < WRITER_ROWS_MAX && archive_next(m->archive, &change)) {
		row = writer_add(&m->writer, &change);
		fill_row(m, row);
	}
}

/* What could not be written for long is let go, though memory has it, and the shard files will: a
 * fleet must be seen also while its metrics cannot be stored. */
static void take_records(struct metrics *m)
{
	mu_msec now = mu_clock_monotonic();
	struct mu_str taken = m->records;

	if (m->flushing.first && (m->closing || now - m->taken_at < GIVE_UP_MS))
		return;
	queue_done(&m->flushing, NULL);
	mu_str_reset(&m->writer.records);
	m->records = m->writer.records;
	m->writer.records = taken;
	queue_move(&m->flushing, &m->queue);
	m->taken_at = now;
}

static void flush(void *ctx)
{
	struct metrics *m = ctx;

	mu_assert(!m->busy);
	m->busy = true;
	mu_timer_cancel(m->timer);
	take_records(m);
	m->options.store(m->options.ctx, m->catalogue, write_out, m);
}

static void tell_health(struct metrics *m, const struct mu_error *err)
{
	if (m->failing == (err != NULL))
		return;
	m->failing = err != NULL;
	if (m->options.health)
		m->options.health(m->options.ctx, err);
}

static void write_out(void *ctx, const struct mu_error *err)
{
	struct metrics *m = ctx;

	if (err) {
		m->busy = false;
		tell_health(m, err);
		go_on(m, false);
		return;
	}
	gather_rows(m);
	mu_work_start(&m->writer.work, m->options.loop);
}

static void close_when_idle(struct metrics *m)
{
	struct mu_error err = MU_ERROR_INIT;
	mu_loop_cb closed = m->closed;
	void *ctx = m->closed_ctx;

	if (m->busy || m->n_queries > 0)
		return;
	(void)mu_error_set(&err, MU_E_UNAVAILABLE, "the aggregator stops, and cannot store");
	queue_done(&m->flushing, &err);
	queue_done(&m->queue, &err);
	metrics_free(m);
	closed(ctx);
}

static void go_on(struct metrics *m, bool more)
{
	if (m->closing && (m->failing || (!more && !m->queue.first)))
		close_when_idle(m);
	else if (m->failing)
		mu_timer_set(m->timer, RETRY_MS);
	else if (more || m->closing)
		flush(m);
	else
		mu_timer_set(m->timer, m->queue.first ? FLUSH_MS : IDLE_MS);
}

static void written(struct mu_work *work)
{
	struct metrics *m = MU_CONTAINER_OF(work, struct metrics, writer.work);
	bool more = m->writer.n_rows == WRITER_ROWS_MAX;

	m->busy = false;
	if (m->writer.journalled) {
		mu_str_reset(&m->writer.records);
		queue_done(&m->flushing, NULL);
	}
	for (size_t i = 0; i < m->writer.n_rows; i++)
		if (!m->writer.rows[i].written)
			archive_again(m->archive, &m->writer.rows[i].change);
	writer_clear_rows(&m->writer);
	if (m->writer.lost)
		archive_again_all(m->archive, m->writer.lost_shard);
	tell_health(m, m->writer.err.code == MU_E_NONE ? NULL : &m->writer.err);
	go_on(m, more);
}

void metrics_close(struct metrics *m, mu_loop_cb done, void *ctx)
{
	m->closing = true;
	m->closed = done;
	m->closed_ctx = ctx;
	if (!m->busy)
		flush(m);
}

/* --- asking --- */

struct query {
	struct metrics *m;
	struct mu_work work;
	struct stats_query q;
	void (*done)(void *arg, const struct stats_result *r, const struct mu_error *err);
	void *arg;
	struct mu_arena *arena;
	struct stats_result result;
	struct mu_error err;
	struct shard_read read;
	uint32_t *born;
};

static void query_done(void *ctx)
{
	struct query *qu = ctx;
	struct metrics *m = qu->m;
	bool ok = qu->err.code == MU_E_NONE;

	qu->done(qu->arg, ok ? &qu->result : NULL, ok ? NULL : &qu->err);
	mu_arena_free(qu->arena);
	free(qu);
	m->n_queries--;
	if (m->closing)
		close_when_idle(m);
}

static void query_run(struct mu_work *work)
{
	struct query *qu = MU_CONTAINER_OF(work, struct query, work);

	if (shard_read(&qu->m->writer.place, &qu->read, &qu->err) < 0)
		return;
	for (size_t i = 0; i < qu->read.n_columns; i++)
		stats_mask(qu->q.level, qu->born[i], qu->read.first, qu->read.n_rows,
			   qu->read.values + i * qu->read.n_rows);
}

static void query_ran(struct mu_work *work)
{
	query_done(MU_CONTAINER_OF(work, struct query, work));
}

/* Hours and days are in files: everything that the thread needs is copied. */
static void query_files(struct query *qu, const struct catalogue_object *o, uint32_t first,
			uint32_t n)
{
	struct mu_arena *a = qu->arena;
	uint32_t *columns = mu_arena_calloc(a, o->n_series + 1, sizeof *columns);
	float *values;

	stats_frame(o, &qu->q, first, n, a, &qu->result, &values);
	qu->born = mu_arena_calloc(a, o->n_series + 1, sizeof *qu->born);
	for (size_t i = 0; i < o->n_series; i++) {
		columns[i] = o->series[i].column;
		qu->born[i] = o->series[i].born;
	}
	qu->read = (struct shard_read){.level = qu->q.level,
				       .cf = qu->q.cf,
				       .first = first,
				       .n_rows = n,
				       .n_columns = o->n_series,
				       .columns = columns,
				       .values = values};
	qu->work = (struct mu_work){.run = query_run, .done = query_ran};
	mu_work_start(&qu->work, qu->m->options.loop);
}

/* Who says since when sees all there are. */
static uint32_t rows_kept(enum archive_level level)
{
	return level == ARCHIVE_STEPS ? ARCHIVE_STEPS_KEPT : archive_levels[level].n_rows;
}

void metrics_query(struct metrics *m, const struct stats_query *q,
		   void (*done)(void *arg, const struct stats_result *r,
				const struct mu_error *err),
		   void *arg)
{
	struct query *qu = mu_xcalloc(1, sizeof *qu);
	const struct catalogue_object *o = catalogue_find(m->catalogue, &q->object);
	uint32_t first, n;

	*qu = (struct query){.m = m, .q = *q, .done = done, .arg = arg, .arena = mu_arena_new()};
	m->n_queries++;
	if (!o)
		(void)mu_error_set(&qu->err, MU_E_NOT_FOUND, "no statistics are kept of it");
	else if (stats_rows(q, now_s(), o->last, rows_kept(q->level), &first, &n, &qu->err) == 0) {
		if (q->level == ARCHIVE_HOURS || q->level == ARCHIVE_DAYS) {
			query_files(qu, o, first, n);
			return;
		}
		stats_read(m->archive, o, q, first, n, qu->arena, &qu->result);
	}
	mu_loop_post(m->options.loop, query_done, qu);
}

void metrics_intake(const struct metrics *m, const struct mu_uuid *host, struct metrics_intake *ret)
{
	const struct feed *f = mu_map_find(m->feeds, host->bytes, sizeof host->bytes);

	*ret = f ? f->intake : (struct metrics_intake){0};
	ret->n_series = catalogue_n_series(m->catalogue, host);
}

void metrics_totals(const struct metrics *m, struct metrics_totals *ret)
{
	const struct feed *f;

	*ret = (struct metrics_totals){.waiting_bytes = m->records.len + m->writer.records.len,
				       .failing = m->failing};
	for (size_t i = 0; (f = mu_map_next(m->feeds, &i, NULL, NULL));) {
		ret->n_taken += f->intake.n_taken;
		ret->n_too_old += f->intake.n_too_old;
		ret->n_too_new += f->intake.n_too_new;
		ret->n_series += catalogue_n_series(m->catalogue, &f->host);
	}
}

const struct catalogue_object *metrics_fresh(const struct metrics *m, const struct mu_uuid *object)
{
	const struct catalogue_object *o = catalogue_find(m->catalogue, object);

	if (!o || archive_row_end(ARCHIVE_STEPS, o->last) < now_s() - METRICS_FRESH_S)
		return NULL;
	return o;
}

void metrics_at(const struct metrics *m, const struct catalogue_object *o, uint32_t step,
		float *ret)
{
	stats_at(m->archive, o, step, ret);
}

const struct catalogue_object *metrics_newest(const struct metrics *m, const struct mu_uuid *object,
					      float *ret)
{
	const struct catalogue_object *o = metrics_fresh(m, object);

	if (o)
		stats_at(m->archive, o, o->last, ret);
	return o;
}

void metrics_steps(const struct metrics *m, const struct catalogue_object *o, size_t i, uint32_t n,
		   float *ret)
{
	const struct catalogue_series *s = &o->series[i];
	uint32_t first = o->last - n + 1;

	archive_read(m->archive, ARCHIVE_STEPS, ARCHIVE_AVERAGE, s->column, first, n, ret);
	stats_mask(ARCHIVE_STEPS, s->born, first, n, ret);
}

/* --- forgetting --- */

void metrics_expire(struct metrics *m, bool (*exists)(void *ctx, const struct mu_uuid *id),
		    void (*forget)(void *ctx, const struct mu_uuid *id), void *ctx)
{
	int64_t limit = now_s() - METRICS_KEEP_S;
	struct catalogue_object *o;

	for (size_t i = 0; (o = catalogue_next(m->catalogue, &i));) {
		if (o->n_maps == 0 && archive_row_end(ARCHIVE_STEPS, o->last) < limit &&
		    !exists(ctx, &o->id))
			forget(ctx, &o->id);
		else if (archive_row_end(ARCHIVE_STEPS, o->last) >= now_s() - TOLD_S)
			catalogue_changed(m->catalogue, o); /* its `last` is stored once a day */
	}
}

void metrics_forgotten(struct metrics *m, const struct mu_uuid *id)
{
	struct catalogue_object *o = catalogue_find(m->catalogue, id);

	if (!o)
		return;
	if (o->n_maps > 0 || o->changed)
		catalogue_changed(m->catalogue, o); /* it came back meanwhile: stored again */
	else
		catalogue_forget(m->catalogue, o);
}
