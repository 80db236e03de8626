/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log's chain in real files: across refusals, restarts, trimming and upgrades, and that
 * whatever is done to the file is found. SQLite is also used directly, to do it.
 */
#include "fixture.h"

#include "aggregator/store/audit.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(store_audit, .init = setup, .fini = teardown);

static void open_store(void)
{
	struct store_options options = {.path = path};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(store_open(loop, &options, &store, &err), 0, "%s", err.text);
}

static void sql_on_file(const char *sql)
{
	sqlite3 *db;
	char *text = NULL;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &text), SQLITE_OK, "%s", text);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* The stored dump of version 1. */
static void make_old(void)
{
	struct mu_str sql = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_file_read(STORE_DATA "/v1.sql", 1 << 20, &sql, &err), 0, "%s", err.text);
	sql_on_file(sql.data);
	mu_str_deinit(&sql);
}

static int n_rows_seen;
static char first_seen;
static bool refused;

static void audit_listed(void *ctx, const struct audit_record *rows, size_t n_rows,
			 const struct mu_error *err)
{
	(void)ctx;
	cr_assert_null(err);
	n_rows_seen = (int)n_rows;
	if (n_rows)
		first_seen = rows[0].action[0];
	mu_loop_stop(loop);
}

/* Many in one transaction, of what the letters say. */
static void audit_add(const char *letters)
{
	struct store_tx *tx = store_begin(store);

	for (const char *p = letters; *p; p++) {
		char action[2] = {*p};

		store_audit_add(tx, &(struct audit_record){.at = p - letters,
							   .who = "w",
							   .source = "127.0.0.1",
							   .action = action,
							   .object = "o",
							   .result = "success",
							   .detail = "d",
							   .before = "{}",
							   .after = ""});
	}
	store_commit(tx, STORE_KEEP, NULL, NULL);
}

Test(store_audit, audit_is_read_newest_first_behind_what_was_written)
{
	open_store();
	audit_add("ab");
	audit_add("cd");
	store_audit_list(store, 3, 0, audit_listed, NULL);
	mu_loop_run(loop);
	cr_assert_eq(n_rows_seen, 3);
	cr_assert_eq(first_seen, 'd');
	store_audit_list(store, 10, 2, audit_listed, NULL);
	mu_loop_run(loop);
	cr_assert_eq(n_rows_seen, 1);
	cr_assert_eq(first_seen, 'a');
}

static struct audit_check verdict;

static void audit_verified(void *ctx, const struct audit_check *c, const struct mu_error *err)
{
	(void)ctx;
	cr_assert_null(err);
	verdict = *c;
	mu_loop_stop(loop);
}

static void audit_verify(const struct audit_point *kept)
{
	store_audit_verify(store, kept, audit_verified, NULL);
	mu_loop_run(loop);
}

static void audit_verify_file(void)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(store_audit_verify_file(path, NULL, &verdict, &err), 0, "%s", err.text);
}

static void was_refused(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	refused = err != NULL;
}

Test(store_audit, audit_is_a_chain_across_refusals_and_restarts)
{
	struct audit_point kept;
	struct store_tx *tx;

	open_store();
	audit_verify(NULL);
	cr_assert_not(verdict.wrong, "an empty one is right: %s", verdict.why);
	audit_add("abc");
	/* A record of what was refused goes with it. */
	tx = store_begin(store);
	store_audit_add(tx, &(struct audit_record){.who = "w",
						   .source = "",
						   .action = "x",
						   .object = "",
						   .result = "",
						   .detail = "",
						   .before = "",
						   .after = ""});
	store_setting_put(tx, "x", NULL);
	store_commit(tx, STORE_OR_FAIL, was_refused, NULL);
	audit_add("d");
	audit_verify(NULL);
	cr_assert(refused);
	cr_assert_not(verdict.wrong, "%s", verdict.why);
	cr_assert_eq(verdict.n_records, 4);
	cr_assert_eq(verdict.last.id, 4, "a refused one leaves no gap");
	kept = verdict.last;
	close_store();
	open_store();
	audit_add("ef");
	audit_verify(&kept);
	cr_assert_not(verdict.wrong, "%s", verdict.why);
	cr_assert_eq(verdict.n_records, 6);
	audit_verify_file();
	cr_assert_not(verdict.wrong, "also beside a program that writes: %s", verdict.why);
	cr_assert_eq(verdict.n_records, 6);
	close_store();
	sql_on_file("DELETE FROM audit WHERE id >= 4");
	open_store();
	audit_add("x");
	audit_verify(NULL);
	cr_assert_not(verdict.wrong, "the end can be cut off");
	audit_verify(&kept);
	cr_assert(verdict.wrong, "but not unseen by who kept its hash");
	cr_assert_eq(verdict.wrong_id, 4);
}

Test(store_audit, whatever_is_done_to_the_audit_log_is_found)
{
	static const struct {
		const char *sql;
		int64_t found;
	} forgeries[] = {
	    {"UPDATE audit SET at = at + 1 WHERE id = 3", 3},
	    {"UPDATE audit SET who = 'nobody' WHERE id = 1", 1},
	    {"UPDATE audit SET source = '' WHERE id = 6", 6},
	    {"UPDATE audit SET action = 'z' WHERE id = 4", 4},
	    {"UPDATE audit SET object = 'p' WHERE id = 4", 4},
	    {"UPDATE audit SET result = 'failure' WHERE id = 2", 2},
	    {"UPDATE audit SET detail = 'd' || char(0) || 'e' WHERE id = 2", 2},
	    {"UPDATE audit SET before = '{ }' WHERE id = 5", 5},
	    {"UPDATE audit SET after = '{}' WHERE id = 5", 5},
	    {"UPDATE audit SET hash = '' WHERE id = 5", 5},
	    {"DELETE FROM audit WHERE id = 1", 2},
	    {"DELETE FROM audit WHERE id = 4", 5},
	    {"DELETE FROM audit WHERE id BETWEEN 2 AND 5", 6},
	    {"UPDATE audit SET id = 100 WHERE id = 2", 3},
	    {"UPDATE audit SET id = -id WHERE id IN (2, 3);"
	     "UPDATE audit SET id = id + 5 WHERE id IN (-2, -3)",
	     2},
	    {"INSERT INTO audit(id, at, who, source, action, object, result, detail, hash)"
	     " SELECT 7, at, who, source, action, object, result, detail, hash FROM audit"
	     " WHERE id = 6",
	     7},
	    {"INSERT INTO settings VALUES ('audit.trimmed', '1 ' ||"
	     " (SELECT hash FROM audit WHERE id = 1)); DELETE FROM audit WHERE id = 1",
	     0},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(forgeries); i++) {
		unlink(path);
		open_store();
		audit_add("abcdef");
		close_store();
		audit_verify_file();
		cr_assert_not(verdict.wrong, "%s", verdict.why);
		sql_on_file(forgeries[i].sql);
		audit_verify_file();
		cr_assert(verdict.wrong, "%s", forgeries[i].sql);
		cr_assert_eq(verdict.wrong_id, forgeries[i].found, "%s: %s", forgeries[i].sql,
			     verdict.why);
	}
}

static void audit_trim(size_t keep)
{
	struct store_tx *t = store_begin(store);

	store_audit_trim(t, keep, 7);
	store_commit(t, STORE_KEEP, NULL, NULL);
}

Test(store_audit, a_trimmed_audit_log_stays_a_chain)
{
	open_store();
	audit_add("abcdefgh");
	audit_trim(8);
	audit_verify(NULL);
	cr_assert_eq(verdict.n_records, 8, "nothing to trim, nothing to say");
	for (int64_t round = 1; round <= 3; round++) {
		audit_add("ijklmnop");
		audit_trim(8);
		audit_trim(8);
		audit_verify(NULL);
		cr_assert_not(verdict.wrong, "%s", verdict.why);
		cr_assert_eq(verdict.n_records, 8);
		cr_assert_eq(verdict.last.id, 8 + 9 * round, "one record of it each time");
		cr_assert_eq(verdict.trimmed.id, verdict.first - 1);
	}
	store_audit_list(store, 1, 0, audit_listed, NULL);
	mu_loop_run(loop);
	cr_assert_eq(first_seen, 'a', "audit.trim");
	close_store();
	sql_on_file("DELETE FROM settings WHERE name = 'audit.trimmed'");
	audit_verify_file();
	cr_assert(verdict.wrong);
	sql_on_file("INSERT INTO settings VALUES ('audit.trimmed', 'nothing')");
	audit_verify_file();
	cr_assert(verdict.wrong);
}

Test(store_audit, an_old_audit_log_is_chained_as_it_is)
{
	struct mu_error err = MU_ERROR_INIT;
	size_t n;

	make_old();
	cr_assert_lt(store_audit_verify_file(path, NULL, &verdict, &err), 0);
	cr_assert(strstr(err.text, "version 1") && strstr(err.text, "hint:"), "%s", err.text);
	sql_on_file("DELETE FROM audit;"
		    "INSERT INTO audit VALUES (5, 1, 'w', '', 'a', '', 'r', 'd'),"
		    " (6, 1, 'w', '', 'b', '', 'r', 'd'), (9, 1, 'w', '', 'c', '', 'r', 'd')");
	open_store();
	audit_verify(NULL);
	cr_assert_not(verdict.wrong, "%s", verdict.why);
	cr_assert_eq(verdict.first, 5);
	cr_assert_eq(verdict.n_records, 4, "with the record that says so");
	audit_add("abcdef");
	audit_trim(6);
	audit_verify(NULL);
	cr_assert_not(verdict.wrong, "%s", verdict.why);
	n = verdict.n_records;
	close_store();
	/* Back to a program that knows of no chain, which adds a record, and on. */
	cr_assert_eq(store_migrate(path, 8, &err), 0, "%s", err.text);
	sql_on_file("INSERT INTO audit(at, who, source, action, object, result, detail)"
		    " VALUES (2, 'w', '', 'old', '', 'r', 'd')");
	open_store();
	audit_verify(NULL);
	cr_assert_not(verdict.wrong, "%s", verdict.why);
	cr_assert_eq(verdict.n_records, n + 2);
	audit_add("x");
	audit_trim(6);
	audit_verify(NULL);
	cr_assert_not(verdict.wrong, "%s", verdict.why);
}

Test(store_audit, a_file_without_audit_log_is_told)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(store_audit_verify_file(path, NULL, &verdict, &err), 0);
	cr_assert(strstr(err.text, path), "%s", err.text);
	cr_assert_neq(access(path, F_OK), 0, "it is not made");
}
