/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/audit.h"

#include "aggregator/store/tx.h"

#include <stdlib.h>

struct audit_job {
	struct store_job job;
	size_t limit;
	int64_t before;
	void (*done)(void *ctx, const struct store_audit *rows, size_t n_rows,
		     const struct mu_error *err);
	void *ctx;
	struct mu_arena *arena;
	struct store_audit *rows;
	size_t n_rows;
};

void store_audit_add(struct store_tx *tx, const struct store_audit *a)
{
	struct stmt_value v[] = {stmt_int(a->at),      stmt_text(a->who),    stmt_text(a->source),
				 stmt_text(a->action), stmt_text(a->object), stmt_text(a->result),
				 stmt_text(a->detail)};

	store_tx_add(tx, STMT_AUDIT_ADD, v, MU_ARRAY_SIZE(v));
}

void store_audit_trim(struct store_tx *tx)
{
	struct stmt_value v = stmt_int(STORE_AUDIT_KEEP);

	store_tx_add(tx, STMT_AUDIT_TRIM, &v, 1);
}

static const char *column_copy(struct mu_arena *a, sqlite3_stmt *st, int col)
{
	char buf[STORE_AUDIT_TEXT * 2];

	stmt_column_text(st, col, buf, sizeof buf);
	return mu_arena_strdup(a, buf);
}

static int audit_run(struct store_job *job, struct stmt_set *stmts, struct mu_error *err)
{
	struct audit_job *aj = MU_CONTAINER_OF(job, struct audit_job, job);
	struct stmt_value v[] = {stmt_int(aj->before ? aj->before : INT64_MAX),
				 stmt_int((int64_t)aj->limit)};
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = stmt_query(stmts, STMT_AUDIT_LIST, v, MU_ARRAY_SIZE(v), err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && aj->n_rows < aj->limit) {
		aj->rows[aj->n_rows++] = (struct store_audit){
		    .id = sqlite3_column_int64(st, 0),
		    .at = sqlite3_column_int64(st, 1),
		    .who = column_copy(aj->arena, st, 2),
		    .source = column_copy(aj->arena, st, 3),
		    .action = column_copy(aj->arena, st, 4),
		    .object = column_copy(aj->arena, st, 5),
		    .result = column_copy(aj->arena, st, 6),
		    .detail = column_copy(aj->arena, st, 7),
		};
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, stmts->db, rc, "reading the audit log");
}

static void audit_done(struct store_job *job, const struct mu_error *err)
{
	struct audit_job *aj = MU_CONTAINER_OF(job, struct audit_job, job);

	aj->done(aj->ctx, aj->rows, err ? 0 : aj->n_rows, err);
	mu_arena_free(aj->arena);
	free(aj->rows);
	free(aj);
}

void store_audit_list(struct store *s, size_t limit, int64_t before,
		      void (*done)(void *ctx, const struct store_audit *rows, size_t n_rows,
				   const struct mu_error *err),
		      void *ctx)
{
	struct audit_job *aj = mu_xcalloc(1, sizeof *aj);

	aj->job.run = audit_run;
	aj->job.done = audit_done;
	aj->limit = limit < STORE_AUDIT_LIST_MAX ? limit : STORE_AUDIT_LIST_MAX;
	aj->before = before;
	aj->done = done;
	aj->ctx = ctx;
	aj->arena = mu_arena_new();
	aj->rows = mu_xcalloc(aj->limit + 1, sizeof *aj->rows);
	store_job_start(s, &aj->job);
}
