/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain is made by the statements themselves, with audit_hash() as a function of SQL: only on
 * the work thread, inside the transaction, is it known which record comes behind which.
 */
#include "aggregator/store/audit.h"

#include "aggregator/store/migrate.h"
#include "aggregator/store/tx.h"
#include "common/tls/tls.h"

#include <stdlib.h>
#include <string.h>

enum {
	N_TEXTS = 8,
	BUSY_TIMEOUT_MS = 5000,
};

static const char *text_of(sqlite3_value *v)
{
	const char *text = (const char *)sqlite3_value_text(v);

	return text ? text : "";
}

static void hash_function(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	const struct audit_record r = {
	    .id = sqlite3_value_int64(v[1]),
	    .at = sqlite3_value_int64(v[2]),
	    .who = text_of(v[3]),
	    .source = text_of(v[4]),
	    .action = text_of(v[5]),
	    .object = text_of(v[6]),
	    .result = text_of(v[7]),
	    .detail = text_of(v[8]),
	    .before = text_of(v[9]),
	    .after = text_of(v[10]),
	};
	char hash[AUDIT_HASH_TEXT];

	(void)n;
	audit_hash(text_of(v[0]), &r, tls_sha256_hex, hash);
	sqlite3_result_text(ctx, hash, AUDIT_HASH_TEXT - 1, SQLITE_TRANSIENT);
}

int store_audit_function(sqlite3 *db, struct mu_error *err)
{
	int rc = sqlite3_create_function_v2(db, "audit_hash", 3 + N_TEXTS,
					    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
					    NULL, hash_function, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : stmt_error(err, db, rc, "opening");
}

/* --- writing --- */

void store_audit_add(struct store_tx *tx, const struct audit_record *r)
{
	struct stmt_value v[] = {stmt_int(r->at),      stmt_text(r->who),    stmt_text(r->source),
				 stmt_text(r->action), stmt_text(r->object), stmt_text(r->result),
				 stmt_text(r->detail), stmt_text(r->before), stmt_text(r->after)};

	store_tx_add(tx, STMT_AUDIT_ADD, v, MU_ARRAY_SIZE(v));
}

void store_audit_trim(struct store_tx *tx, size_t keep, mu_msec now)
{
	struct stmt_value n = stmt_int((int64_t)keep);
	struct stmt_value at = stmt_int(now);

	store_tx_add(tx, STMT_AUDIT_TRIM_MARK, &n, 1);
	store_tx_add(tx, STMT_AUDIT_TRIM, &n, 1);
	store_tx_add(tx, STMT_AUDIT_TRIM_ADD, &at, 1);
}

/* --- reading, newest first --- */

struct list_job {
	struct store_job job;
	size_t limit;
	int64_t before;
	store_audit_rows done;
	void *ctx;
	struct mu_arena *arena;
	struct audit_record *rows;
	size_t n_rows;
};

static const char *column_copy(struct mu_arena *a, sqlite3_stmt *st, int col)
{
	size_t size = (size_t)sqlite3_column_bytes(st, col) + 1;
	char *buf;

	if (size > STORE_AUDIT_VALUE + 1)
		size = STORE_AUDIT_VALUE + 1;
	buf = mu_arena_alloc(a, size);
	stmt_column_text(st, col, buf, size);
	return buf;
}

static int list_run(struct store_job *job, struct stmt_set *stmts, struct mu_error *err)
{
	struct list_job *lj = MU_CONTAINER_OF(job, struct list_job, job);
	struct stmt_value v[] = {stmt_int(lj->before ? lj->before : INT64_MAX),
				 stmt_int((int64_t)lj->limit)};
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = stmt_query(stmts, STMT_AUDIT_LIST, v, MU_ARRAY_SIZE(v), err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && lj->n_rows < lj->limit) {
		lj->rows[lj->n_rows++] = (struct audit_record){
		    .id = sqlite3_column_int64(st, 0),
		    .at = sqlite3_column_int64(st, 1),
		    .who = column_copy(lj->arena, st, 2),
		    .source = column_copy(lj->arena, st, 3),
		    .action = column_copy(lj->arena, st, 4),
		    .object = column_copy(lj->arena, st, 5),
		    .result = column_copy(lj->arena, st, 6),
		    .detail = column_copy(lj->arena, st, 7),
		    .before = column_copy(lj->arena, st, 8),
		    .after = column_copy(lj->arena, st, 9),
		    .hash = column_copy(lj->arena, st, 10),
		};
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, stmts->db, rc, "reading the audit log");
}

static void list_done(struct store_job *job, const struct mu_error *err)
{
	struct list_job *lj = MU_CONTAINER_OF(job, struct list_job, job);

	lj->done(lj->ctx, lj->rows, err ? 0 : lj->n_rows, err);
	mu_arena_free(lj->arena);
	free(lj->rows);
	free(lj);
}

void store_audit_list(struct store *s, size_t limit, int64_t before, store_audit_rows done,
		      void *ctx)
{
	struct list_job *lj = mu_xcalloc(1, sizeof *lj);

	lj->job.run = list_run;
	lj->job.done = list_done;
	lj->limit = limit < STORE_AUDIT_LIST_MAX ? limit : STORE_AUDIT_LIST_MAX;
	lj->before = before;
	lj->done = done;
	lj->ctx = ctx;
	lj->arena = mu_arena_new();
	lj->rows = mu_xcalloc(lj->limit + 1, sizeof *lj->rows);
	store_job_start(s, &lj->job);
}

/* --- verifying --- */

/* The bytes as they are; a NUL among them is nobody's who was allowed to write: *ret_whole. */
static const char *column_raw(sqlite3_stmt *st, int col, bool *ret_whole)
{
	const char *text = (const char *)sqlite3_column_text(st, col);

	if (!text)
		text = "";
	if (strlen(text) != (size_t)sqlite3_column_bytes(st, col))
		*ret_whole = false;
	return text;
}

static bool check_row(struct audit_check *c, sqlite3_stmt *st)
{
	bool whole = true;
	struct audit_record r = {
	    .id = sqlite3_column_int64(st, 0),
	    .at = sqlite3_column_int64(st, 1),
	    .who = column_raw(st, 2, &whole),
	    .source = column_raw(st, 3, &whole),
	    .action = column_raw(st, 4, &whole),
	    .object = column_raw(st, 5, &whole),
	    .result = column_raw(st, 6, &whole),
	    .detail = column_raw(st, 7, &whole),
	    .before = column_raw(st, 8, &whole),
	    .after = column_raw(st, 9, &whole),
	    .hash = column_raw(st, 10, &whole),
	};

	if (!whole)
		r.hash = "";
	return audit_check_step(c, &r);
}

static int read_mark(struct stmt_set *stmts, struct audit_point *ret, struct mu_error *err)
{
	struct stmt_value name = stmt_text("audit.trimmed");
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = stmt_query(stmts, STMT_SETTING_GET, &name, 1, err);
	int rc = st ? sqlite3_step(st) : SQLITE_ERROR;

	if (!st)
		return MU_FAILED;
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return stmt_error(err, stmts->db, rc, "reading settings");
	/* One that says nothing is as if there were none: the records tell that there should be. */
	(void)audit_point_parse((const char *)sqlite3_column_text(st, 0), ret);
	return 0;
}

static int verify(struct stmt_set *stmts, const struct audit_point *kept, struct audit_check *c,
		  struct mu_error *err)
{
	struct audit_point mark = {0};
	MU_CLEANUP(stmt_reset) sqlite3_stmt *st = NULL;
	int rc = SQLITE_DONE;

	if (read_mark(stmts, &mark, err) < 0)
		return MU_FAILED;
	audit_check_init(c, tls_sha256_hex, mark.id ? &mark : NULL, kept);
	st = stmt_query(stmts, STMT_AUDIT_ALL, NULL, 0, err);
	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && check_row(c, st))
		;
	if (c->wrong)
		return 0;
	if (rc != SQLITE_DONE)
		return stmt_error(err, stmts->db, rc, "reading the audit log");
	(void)audit_check_end(c);
	return 0;
}

struct verify_job {
	struct store_job job;
	struct audit_point kept;
	struct audit_check check;
	store_audit_verdict done;
	void *ctx;
};

static int verify_run(struct store_job *job, struct stmt_set *stmts, struct mu_error *err)
{
	struct verify_job *vj = MU_CONTAINER_OF(job, struct verify_job, job);

	return verify(stmts, vj->kept.id ? &vj->kept : NULL, &vj->check, err);
}

static void verify_done(struct store_job *job, const struct mu_error *err)
{
	struct verify_job *vj = MU_CONTAINER_OF(job, struct verify_job, job);

	vj->done(vj->ctx, err ? NULL : &vj->check, err);
	free(vj);
}

void store_audit_verify(struct store *s, const struct audit_point *kept, store_audit_verdict done,
			void *ctx)
{
	struct verify_job *vj = mu_xcalloc(1, sizeof *vj);

	vj->job.run = verify_run;
	vj->job.done = verify_done;
	if (kept)
		vj->kept = *kept;
	vj->done = done;
	vj->ctx = ctx;
	store_job_start(s, &vj->job);
}

static int verify_db(sqlite3 *db, const struct audit_point *kept, struct audit_check *ret,
		     struct mu_error *err)
{
	struct stmt_set stmts = {0};
	int version;
	int r;

	if (migrate_version(db, &version, err) < 0)
		return MU_FAILED;
	if (version < MIGRATE_NEWEST)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "the database has version %d, and not %d; hint: let the program "
		    "verify it that wrote it, or start this one on it once",
		    version, MIGRATE_NEWEST);
	if (store_audit_function(db, err) < 0)
		return MU_FAILED;
	r = stmt_set_init(&stmts, db, err);
	/* One view of the mark and the records, whatever is written beside it. */
	if (r == 0 && sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		r = stmt_error(err, db, sqlite3_errcode(db), "reading the audit log");
	if (r == 0)
		r = verify(&stmts, kept, ret, err);
	stmt_set_deinit(&stmts);
	return r;
}

int store_audit_verify_file(const char *path, const struct audit_point *kept,
			    struct audit_check *ret, struct mu_error *err)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, NULL);
	int r;

	if (rc != SQLITE_OK) {
		r = stmt_error(err, db, rc, "opening");
	} else {
		sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
		r = verify_db(db, kept, ret, err);
	}
	sqlite3_close(db);
	return r < 0 ? mu_error_prefix(err, "%s", path) : 0;
}
