/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one writer: group commit.
 *
 * At most one batch is in flight. Whatever is committed meanwhile waits in the queue and becomes
 * the next batch, so the disk's speed sets how many transactions share one fsync. Within a batch
 * each transaction has a savepoint: one that is refused (a broken constraint) takes none of its
 * neighbours along. When the disk fails, the whole batch is rolled back; those with a waiting
 * user are failed, the others stay at the head of the queue, in order, and are tried again every
 * second. Order is never changed, so an acknowledgement of one means all before it are safe.
 */
#include "aggregator/store/tx.h"

#include "common/base/assert.h"

#include <stdlib.h>

enum { LAZY_MS = 200, RETRY_MS = 1000 };

static void batch_start(void *ctx);
static void batch_run(struct mu_work *w);
static void batch_done(struct mu_work *w);

static void list_move_all(struct mu_link *to, struct mu_link *from)
{
	mu_list_each(it, from)
	{
		mu_list_remove(it);
		mu_list_push_back(to, it);
	}
}

static void tx_free(struct store_tx *tx)
{
	mu_arena_free(tx->arena);
	free(tx);
}

static void tx_finish(struct store_tx *tx, const struct mu_error *err)
{
	mu_list_remove(&tx->link);
	if (tx->done)
		tx->done(tx->ctx, err);
	tx_free(tx);
}

/* --- loop thread: filling --- */

struct store_tx *store_begin(struct store *s)
{
	struct store_tx *tx = mu_xcalloc(1, sizeof *tx);

	tx->store = s;
	tx->arena = mu_arena_new();
	mu_link_init(&tx->link);
	return tx;
}

static struct store_write *tx_add(struct store_tx *tx, enum stmt_id stmt,
				  const struct stmt_value *values, size_t n_values)
{
	struct store_write *w =
	    mu_arena_alloc(tx->arena, sizeof *w + n_values * sizeof w->values[0]);

	mu_assert(n_values == tx->store->stmts.n_values[stmt]);
	*w = (struct store_write){.stmt = stmt, .n_values = n_values};
	for (size_t i = 0; i < n_values; i++) {
		w->values[i] = values[i];
		if (values[i].len)
			w->values[i].bytes =
			    mu_arena_memdup(tx->arena, values[i].bytes, values[i].len);
	}
	if (tx->last)
		tx->last->next = w;
	else
		tx->first = w;
	tx->last = w;
	return w;
}

void store_tx_add(struct store_tx *tx, enum stmt_id stmt, const struct stmt_value *values,
		  size_t n_values)
{
	tx_add(tx, stmt, values, n_values);
}

void store_tx_add_strict(struct store_tx *tx, enum stmt_id stmt, const struct stmt_value *values,
			 size_t n_values)
{
	tx_add(tx, stmt, values, n_values)->must_change = true;
}

void store_commit(struct store_tx *tx, enum store_promise promise, store_done done, void *ctx)
{
	struct store *s = tx->store;

	tx->promise = promise;
	tx->done = done;
	tx->ctx = ctx;
	mu_list_push_back(&s->queue, &tx->link);
	if (promise == STORE_OR_FAIL)
		store_writer_kick(s); /* also while failing: perhaps there is room again */
	else if (!mu_timer_is_set(s->timer)) {
		if (promise == STORE_KEEP_LAZY)
			mu_timer_set(s->timer, LAZY_MS);
		else
			store_writer_kick(s);
	} else if (promise == STORE_KEEP && !s->failing) {
		store_writer_kick(s);
	}
}

void store_job_start(struct store *s, struct store_job *job)
{
	mu_list_push_back(&s->jobs, &job->link);
	store_writer_kick(s);
}

static bool is_idle(const struct store *s)
{
	return mu_list_empty(&s->queue) && mu_list_empty(&s->jobs);
}

/* The work begins in a later turn of the loop: what is committed before the loop runs cannot meet
 * the reads of the start, which use the same connection on this thread. */
void store_writer_kick(struct store *s)
{
	if (s->running || s->kicked || is_idle(s))
		return;
	mu_timer_cancel(s->timer);
	s->kicked = true;
	mu_loop_post(s->loop, batch_start, s);
}

static void batch_start(void *ctx)
{
	struct store *s = ctx;

	s->kicked = false;
	s->running = true;
	s->batch_failed = false;
	list_move_all(&s->batch, &s->queue);
	list_move_all(&s->batch_jobs, &s->jobs);
	s->work = (struct mu_work){.run = batch_run, .done = batch_done};
	mu_work_start(&s->work, s->loop);
}

/* --- work thread --- */

/* The row was refused, the disk is fine. */
static bool is_refusal(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return true;
	default:
		return false;
	}
}

static int run_plain(struct store *s, enum stmt_id id)
{
	return stmt_run(&s->stmts, id, NULL, 0);
}

/* SQLITE_DONE, or why the batch failed. A refused transaction is undone and marked. */
static int tx_run(struct store *s, struct store_tx *tx)
{
	int rc = run_plain(s, STMT_SAVEPOINT);

	tx->refused = false;
	for (const struct store_write *w = tx->first; w && rc == SQLITE_DONE && !tx->refused;
	     w = w->next) {
		rc = stmt_run(&s->stmts, w->stmt, w->values, w->n_values);
		if (is_refusal(rc)) {
			tx->refused = true;
			stmt_error(&tx->err, s->db, rc, "storing");
			rc = SQLITE_DONE;
		} else if (rc == SQLITE_DONE && w->must_change && sqlite3_changes(s->db) == 0) {
			tx->refused = true;
			mu_error_set(&tx->err, MU_E_STATE,
				     "storing: the row is gone or has changed");
		}
	}
	if (rc == SQLITE_DONE && tx->refused)
		rc = run_plain(s, STMT_SAVEPOINT_ROLLBACK);
	if (rc == SQLITE_DONE)
		rc = run_plain(s, STMT_SAVEPOINT_RELEASE);
	return rc;
}

static int batch_write(struct store *s)
{
	int rc = run_plain(s, STMT_BEGIN);

	mu_list_each(it, &s->batch)
	{
		if (rc == SQLITE_DONE)
			rc = tx_run(s, MU_CONTAINER_OF(it, struct store_tx, link));
	}
	if (rc == SQLITE_DONE)
		rc = run_plain(s, STMT_COMMIT);
	return rc;
}

static void batch_run(struct mu_work *w)
{
	struct store *s = MU_CONTAINER_OF(w, struct store, work);

	if (!mu_list_empty(&s->batch)) {
		int rc = batch_write(s);

		if (rc != SQLITE_DONE) {
			s->batch_failed = true;
			stmt_error(&s->batch_err, s->db, rc, "writing the database");
			if (!sqlite3_get_autocommit(s->db))
				run_plain(s, STMT_ROLLBACK);
		}
	}
	mu_list_each(it, &s->batch_jobs)
	{
		struct store_job *job = MU_CONTAINER_OF(it, struct store_job, link);

		job->failed = job->run(job, &s->stmts, &job->err) < 0;
	}
}

/* --- loop thread: what came of it --- */

static void set_health(struct store *s, bool failing, const struct mu_error *err)
{
	bool changed = s->failing != failing;

	s->failing = failing;
	if (failing)
		s->failure = *err;
	if (changed && s->options.on_health)
		s->options.on_health(s->options.ctx, failing ? err : NULL);
}

/* What may fail does; what was promised goes back to the head of the queue, in order. */
static void batch_give_back(struct store *s)
{
	struct mu_link kept;

	mu_link_init(&kept);
	mu_list_each(it, &s->batch)
	{
		struct store_tx *tx = MU_CONTAINER_OF(it, struct store_tx, link);

		mu_list_remove(it);
		if (tx->promise == STORE_OR_FAIL || s->closing)
			tx_finish(tx, &s->batch_err);
		else
			mu_list_push_back(&kept, it);
	}
	list_move_all(&kept, &s->queue); /* also what the callbacks have queued meanwhile */
	list_move_all(&s->queue, &kept);
}

static void batch_finish_jobs(struct store *s)
{
	mu_list_each(it, &s->batch_jobs)
	{
		struct store_job *job = MU_CONTAINER_OF(it, struct store_job, link);

		mu_list_remove(it);
		job->done(job, job->failed ? &job->err : NULL);
	}
}

static void batch_done(struct mu_work *w)
{
	struct store *s = MU_CONTAINER_OF(w, struct store, work);
	bool wrote = !mu_list_empty(&s->batch);

	if (s->batch_failed) {
		set_health(s, true, &s->batch_err);
		batch_give_back(s);
	} else if (wrote) {
		set_health(s, false, NULL);
	}
	mu_list_each(it, &s->batch)
	{
		struct store_tx *tx = MU_CONTAINER_OF(it, struct store_tx, link);

		tx_finish(tx, tx->refused ? &tx->err : NULL);
	}
	batch_finish_jobs(s);
	s->running = false; /* only now: callbacks may commit, in order behind the rest */
	if (s->closing && is_idle(s))
		store_writer_closed(s);
	else if (s->failing && !s->closing && mu_list_empty(&s->jobs))
		mu_timer_set(s->timer, RETRY_MS);
	else
		store_writer_kick(s);
}
