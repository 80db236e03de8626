/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: the pragmas, the check, the migration, the statements. Writing is in writer.c. */
#include "aggregator/store/store.h"

#include "aggregator/store/migrate.h"
#include "aggregator/store/tx.h"
#include "common/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_TIMEOUT_MS = 5000 };

static int run_sql(sqlite3 *db, const char *sql, struct mu_error *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : stmt_error(err, db, rc, "opening");
}

/* WAL with FULL: a commit is one fsync of the log, and none is lost to a power cut. */
static int set_pragmas(sqlite3 *db, unsigned page_limit, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *limit = NULL;

	sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	sqlite3_extended_result_codes(db, 1);
	if (run_sql(db,
		    "PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = FULL;"
		    "PRAGMA foreign_keys = ON;"
		    "PRAGMA trusted_schema = OFF;"
		    "PRAGMA journal_size_limit = 67108864;",
		    err) < 0)
		return MU_FAILED;
	if (!page_limit)
		return 0;
	limit = mu_xasprintf("PRAGMA max_page_count = %u", page_limit);
	return run_sql(db, limit, err);
}

static int check_result(void *ctx, int n_columns, char **values, char **names)
{
	struct mu_error *err = ctx;

	(void)names;
	if (n_columns == 1 && values[0] && strcmp(values[0], "ok") != 0 && err->code == MU_E_NONE)
		mu_error_set(err, MU_E_IO,
			     "the database is damaged (%.120s); hint: keep a copy of the file, and "
			     "restore a backup or try 'sqlite3 FILE .recover'",
			     values[0]);
	return 0;
}

static int quick_check(sqlite3 *db, struct mu_error *err)
{
	struct mu_error found = MU_ERROR_INIT;
	int rc = sqlite3_exec(db, "PRAGMA quick_check(1)", check_result, &found, NULL);

	if (rc != SQLITE_OK)
		return stmt_error(err, db, rc, "checking");
	if (found.code == MU_E_NONE)
		return 0;
	*err = found;
	return MU_FAILED;
}

/* The old version beside the new one: "FILE.v1", unless it is there from an earlier attempt. */
static int copy_aside(sqlite3 *db, const char *path, int version, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xasprintf("%s.v%d", path, version);
	sqlite3_stmt *st = NULL;
	int rc;

	if (access(copy, F_OK) == 0)
		return 0;
	rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(st, 1, copy, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0
				 : stmt_error(err, db, rc, "copying the database before upgrading");
}

static int open_db(const char *path, unsigned page_limit, sqlite3 **ret_db, struct mu_error *err)
{
	/* One thread at a time uses the connection, store_read() asserts it; the mutex makes sure
	 * that a slip could not damage the file. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX |
		    SQLITE_OPEN_PRIVATECACHE;
	int rc = sqlite3_open_v2(path, ret_db, flags, NULL);

	if (rc != SQLITE_OK)
		return stmt_error(err, *ret_db, rc, "opening");
	if (chmod(path, 0600) < 0)
		return mu_error_errno(err, errno, "setting the mode");
	if (set_pragmas(*ret_db, page_limit, err) < 0 || store_audit_function(*ret_db, err) < 0)
		return MU_FAILED;
	return quick_check(*ret_db, err);
}

static int upgrade(sqlite3 *db, const char *path, struct mu_error *err)
{
	int version;

	if (migrate_version(db, &version, err) < 0)
		return MU_FAILED;
	if (version > 0 && version < MIGRATE_NEWEST && copy_aside(db, path, version, err) < 0)
		return MU_FAILED;
	return migrate_to(db, MIGRATE_NEWEST, err);
}

static void on_timer(void *ctx)
{
	store_writer_kick(ctx);
}

int store_open(struct mu_loop *loop, const struct store_options *options, struct store **ret_store,
	       struct mu_error *err)
{
	struct store *s = mu_xcalloc(1, sizeof *s);

	s->loop = loop;
	s->options = *options;
	mu_link_init(&s->queue);
	mu_link_init(&s->jobs);
	mu_link_init(&s->batch);
	mu_link_init(&s->batch_jobs);
	if (open_db(options->path, options->page_limit, &s->db, err) < 0 ||
	    upgrade(s->db, options->path, err) < 0 || stmt_set_init(&s->stmts, s->db, err) < 0) {
		stmt_set_deinit(&s->stmts);
		sqlite3_close(s->db);
		free(s);
		return mu_error_prefix(err, "%s", options->path);
	}
	s->timer = mu_timer_new(loop, on_timer, s);
	*ret_store = s;
	return 0;
}

int store_migrate(const char *path, int version, struct mu_error *err)
{
	sqlite3 *db = NULL;
	int r;
	int now;

	if (version < 0 || version > MIGRATE_NEWEST)
		return mu_error_set(err, MU_E_INVALID, "there is no version %d, 0 to %d are known",
				    version, MIGRATE_NEWEST);
	r = open_db(path, 0, &db, err);
	if (r == 0)
		r = migrate_version(db, &now, err);
	if (r == 0 && now != version && now != 0)
		r = copy_aside(db, path, now, err);
	if (r == 0)
		r = migrate_to(db, version, err);
	sqlite3_close(db);
	return r < 0 ? mu_error_prefix(err, "%s", path) : 0;
}

bool store_failing(const struct store *s, struct mu_error *ret_err)
{
	if (s->failing)
		*ret_err = s->failure;
	return s->failing;
}

/* --- closing --- */

void store_close(struct store *s, mu_loop_cb done, void *ctx)
{
	mu_assert(!s->closing);
	s->closing = true;
	s->closed = done;
	s->closed_ctx = ctx;
	store_writer_kick(s);
	if (!s->running && !s->kicked)
		mu_loop_post(s->loop, store_writer_closed, s);
}

void store_writer_closed(void *ctx)
{
	struct store *s = ctx;
	mu_loop_cb done = s->closed;
	void *done_ctx = s->closed_ctx;

	mu_assert(mu_list_empty(&s->queue) && mu_list_empty(&s->jobs) && !s->running);
	mu_timer_free(s->timer);
	stmt_set_deinit(&s->stmts);
	sqlite3_close(s->db);
	free(s);
	done(done_ctx);
}

/* --- reading at start --- */

sqlite3_stmt *store_read(struct store *s, enum stmt_id id, const struct stmt_value *values,
			 size_t n_values, struct mu_error *err)
{
	mu_assert(!s->running); /* one connection, one thread at a time */
	return stmt_query(&s->stmts, id, values, n_values, err);
}

int store_setting_get(struct store *s, const char *name, char **ret_value, struct mu_error *err)
{
	struct stmt_value v = stmt_text(name);
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_SETTING_GET, &v, 1, err);
	int rc;

	if (!st)
		return MU_FAILED;
	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return stmt_error(err, s->db, rc, "reading settings");
	*ret_value = rc == SQLITE_ROW ? mu_xstrdup((const char *)sqlite3_column_text(st, 0)) : NULL;
	return 0;
}

void store_setting_put(struct store_tx *tx, const char *name, const char *value)
{
	struct stmt_value v[] = {stmt_text(name), stmt_text(value)};

	store_tx_add(tx, STMT_SETTING_PUT, v, MU_ARRAY_SIZE(v));
}
