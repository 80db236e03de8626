/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for a new version: never change a step that was released; every up has a down that the
 * test runs; a down may lose what the older program could not know. Add the dump of the version
 * before to tests/data/store/, from where the upgrade test starts.
 */
#include "aggregator/store/migrate.h"

#include "aggregator/core/audit.h"
#include "aggregator/store/stmt.h"
#include "common/base/assert.h"
#include "common/base/mem.h"

#include <stdio.h>

enum { APPLICATION_ID = 0x4d757374 }; /* "Must": which program's file this is */

static const struct {
	const char *up;
	const char *down;
} steps[MIGRATE_NEWEST + 1] = {
    [1] = {.up = "CREATE TABLE settings("
		 " name TEXT NOT NULL PRIMARY KEY,"
		 " value TEXT NOT NULL) STRICT;"
		 "CREATE TABLE hosts("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " name TEXT NOT NULL,"
		 " enrolled_at INTEGER NOT NULL,"
		 " last_seen INTEGER NOT NULL,"
		 " state_epoch INTEGER NOT NULL,"
		 " state_seq INTEGER NOT NULL,"
		 " state BLOB NOT NULL) STRICT;" /* muster.v1.HostState */
		 "CREATE TABLE vms("
		 " host BLOB NOT NULL REFERENCES hosts(id) ON DELETE CASCADE,"
		 " id BLOB NOT NULL CHECK (length(id) = 16),"
		 " name TEXT NOT NULL,"
		 " power TEXT NOT NULL,"
		 " state BLOB NOT NULL," /* muster.v1.VmState */
		 " PRIMARY KEY (host, id)) STRICT;"
		 "CREATE TABLE tasks("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " status TEXT NOT NULL,"
		 " op TEXT NOT NULL,"
		 " vm BLOB NOT NULL,"
		 " host BLOB NOT NULL,"
		 " user TEXT NOT NULL,"
		 " started_at INTEGER NOT NULL,"
		 " updated_at INTEGER NOT NULL,"
		 " ended_at INTEGER NOT NULL,"
		 " abort_requested_at INTEGER NOT NULL,"
		 " deadline_at INTEGER NOT NULL,"
		 " progress INTEGER NOT NULL,"
		 " error_code TEXT,"
		 " error_text TEXT) STRICT;"
		 "CREATE TABLE audit("
		 " id INTEGER PRIMARY KEY AUTOINCREMENT,"
		 " at INTEGER NOT NULL,"
		 " who TEXT NOT NULL,"
		 " source TEXT NOT NULL,"
		 " action TEXT NOT NULL,"
		 " object TEXT NOT NULL,"
		 " result TEXT NOT NULL,"
		 " detail TEXT NOT NULL) STRICT;"
		 "CREATE TABLE certificates("
		 " fingerprint TEXT NOT NULL PRIMARY KEY,"
		 " host BLOB NOT NULL REFERENCES hosts(id) ON DELETE CASCADE,"
		 " serial TEXT NOT NULL,"
		 " issued_at INTEGER NOT NULL,"
		 " not_after INTEGER NOT NULL,"
		 " revoked_at INTEGER) STRICT;"
		 "CREATE INDEX certificates_host ON certificates(host);"
		 "CREATE TABLE join_tokens("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " secret_hash TEXT NOT NULL UNIQUE,"
		 " name TEXT NOT NULL,"
		 " created_at INTEGER NOT NULL,"
		 " created_by TEXT NOT NULL,"
		 " expires_at INTEGER NOT NULL,"
		 " used_at INTEGER,"
		 " used_by BLOB) STRICT;"
		 "CREATE TABLE api_tokens("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " secret_hash TEXT NOT NULL UNIQUE,"
		 " user TEXT NOT NULL,"
		 " description TEXT NOT NULL,"
		 " created_at INTEGER NOT NULL,"
		 " expires_at INTEGER NOT NULL) STRICT;",
	   .down = "DROP TABLE api_tokens;"
		   "DROP TABLE join_tokens;"
		   "DROP TABLE certificates;"
		   "DROP TABLE audit;"
		   "DROP TABLE tasks;"
		   "DROP TABLE vms;"
		   "DROP TABLE hosts;"
		   "DROP TABLE settings;"},
    /* Metric batches are kept until archives take them over; tokens that replace a host. */
    [2] = {.up = "ALTER TABLE join_tokens ADD COLUMN replaces BLOB;"
		 "ALTER TABLE hosts ADD COLUMN metric_epoch INTEGER NOT NULL DEFAULT 0;"
		 "ALTER TABLE hosts ADD COLUMN metric_seq INTEGER NOT NULL DEFAULT 0;"
		 "ALTER TABLE hosts ADD COLUMN metric_count INTEGER NOT NULL DEFAULT 0;"
		 "CREATE TABLE metric_dictionaries("
		 " host BLOB NOT NULL REFERENCES hosts(id) ON DELETE CASCADE,"
		 " epoch INTEGER NOT NULL,"
		 " generation INTEGER NOT NULL,"
		 " series BLOB NOT NULL," /* muster.v1.MetricDictionary */
		 " PRIMARY KEY (host, epoch, generation)) STRICT;"
		 "CREATE TABLE metric_batches("
		 " host BLOB NOT NULL REFERENCES hosts(id) ON DELETE CASCADE,"
		 " slot INTEGER NOT NULL,"
		 " epoch INTEGER NOT NULL,"
		 " seq INTEGER NOT NULL,"
		 " generation INTEGER NOT NULL,"
		 " at INTEGER NOT NULL,"
		 " samples BLOB NOT NULL," /* 4-byte floats, little-endian */
		 " PRIMARY KEY (host, slot)) STRICT;",
	   .down = "DROP TABLE metric_batches;"
		   "DROP TABLE metric_dictionaries;"
		   "ALTER TABLE hosts DROP COLUMN metric_count;"
		   "ALTER TABLE hosts DROP COLUMN metric_seq;"
		   "ALTER TABLE hosts DROP COLUMN metric_epoch;"
		   "ALTER TABLE join_tokens DROP COLUMN replaces;"},
    /* Tasks that are calls. An older program knows operations only: it could not read the others,
     * nor send those that are pending. */
    [3] = {.up = "ALTER TABLE tasks ADD COLUMN method TEXT NOT NULL DEFAULT '';"
		 "ALTER TABLE tasks ADD COLUMN object BLOB;"
		 "ALTER TABLE tasks ADD COLUMN arguments TEXT;" /* JSON, while it is pending */
		 "ALTER TABLE tasks ADD COLUMN value TEXT NOT NULL DEFAULT '';",
	   .down = "DELETE FROM tasks WHERE method <> '';"
		   "ALTER TABLE tasks DROP COLUMN value;"
		   "ALTER TABLE tasks DROP COLUMN arguments;"
		   "ALTER TABLE tasks DROP COLUMN object;"
		   "ALTER TABLE tasks DROP COLUMN method;"},
    /* What hosts have besides VMs, a row per report. An older program has acknowledged what it
     * was told of that, and kept nothing: no host may resume from its numbers. */
    [4] = {.up = "CREATE TABLE objects("
		 " host BLOB NOT NULL REFERENCES hosts(id) ON DELETE CASCADE,"
		 " id BLOB NOT NULL CHECK (length(id) = 16),"
		 " kind TEXT NOT NULL,"
		 " name TEXT NOT NULL,"
		 " state BLOB NOT NULL," /* muster.v1.ObjectState */
		 " PRIMARY KEY (host, id)) STRICT;"
		 "UPDATE hosts SET state_epoch = 0, state_seq = 0;",
	   .down = "DROP TABLE objects;"},
    /* The archives of metrics take batches over; the database has their catalogue. What of the
     * last 20 minutes was not yet in an archive is lost, either way. */
    [5] = {.up = "DROP TABLE metric_batches;"
		 "DROP TABLE metric_dictionaries;"
		 "ALTER TABLE hosts DROP COLUMN metric_count;"
		 "ALTER TABLE hosts DROP COLUMN metric_seq;"
		 "ALTER TABLE hosts DROP COLUMN metric_epoch;"
		 "CREATE TABLE metric_objects("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " host BLOB NOT NULL,"            /* that told of it last; may be gone */
		 " last INTEGER NOT NULL,"         /* newest step, 5 s since 1970 */
		 " series BLOB NOT NULL) STRICT;", /* common/archive/catalogue.h */
	   .down = "DROP TABLE metric_objects;"
		   "ALTER TABLE hosts ADD COLUMN metric_epoch INTEGER NOT NULL DEFAULT 0;"
		   "ALTER TABLE hosts ADD COLUMN metric_seq INTEGER NOT NULL DEFAULT 0;"
		   "ALTER TABLE hosts ADD COLUMN metric_count INTEGER NOT NULL DEFAULT 0;"
		   "CREATE TABLE metric_dictionaries("
		   " host BLOB NOT NULL REFERENCES hosts(id) ON DELETE CASCADE,"
		   " epoch INTEGER NOT NULL,"
		   " generation INTEGER NOT NULL,"
		   " series BLOB NOT NULL,"
		   " PRIMARY KEY (host, epoch, generation)) STRICT;"
		   "CREATE TABLE metric_batches("
		   " host BLOB NOT NULL REFERENCES hosts(id) ON DELETE CASCADE,"
		   " slot INTEGER NOT NULL,"
		   " epoch INTEGER NOT NULL,"
		   " seq INTEGER NOT NULL,"
		   " generation INTEGER NOT NULL,"
		   " at INTEGER NOT NULL,"
		   " samples BLOB NOT NULL,"
		   " PRIMARY KEY (host, slot)) STRICT;"},
    /* Rules of alarms, what is raised, and who is told. */
    [6] = {.up = "CREATE TABLE alarm_rules("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " name TEXT NOT NULL,"
		 " rule TEXT NOT NULL) STRICT;" /* JSON, as REST has it */
		 "CREATE TABLE alarms("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " rule BLOB NOT NULL,"
		 " object BLOB NOT NULL,"
		 " object_type TEXT NOT NULL,"
		 " level TEXT NOT NULL,"
		 " name TEXT NOT NULL,"
		 " value REAL," /* NULL: none is measured */
		 " unit TEXT NOT NULL,"
		 " raised_at INTEGER NOT NULL,"
		 " acknowledged_at INTEGER NOT NULL,"
		 " acknowledged_by TEXT NOT NULL) STRICT;"
		 "CREATE TABLE alarm_targets("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " name TEXT NOT NULL,"
		 " target TEXT NOT NULL) STRICT;", /* JSON, with its secret */
	   .down = "DROP TABLE alarm_targets;"
		   "DROP TABLE alarms;"
		   "DROP TABLE alarm_rules;"},
    /* Requests with an Idempotency-Key, and what they were answered. */
    [7] = {.up = "CREATE TABLE request_keys("
		 " user TEXT NOT NULL,"
		 " key TEXT NOT NULL,"
		 " request INTEGER NOT NULL," /* hash of what was asked */
		 " at INTEGER NOT NULL,"
		 " status INTEGER NOT NULL," /* 0: not answered */
		 " type TEXT NOT NULL,"
		 " location TEXT NOT NULL,"
		 " body BLOB NOT NULL,"
		 " PRIMARY KEY (user, key)) STRICT;",
	   .down = "DROP TABLE request_keys;"},
    /* What somebody is still to be told, of an alarm as it was then. */
    [8] = {.up = "CREATE TABLE alarm_notices("
		 " target BLOB NOT NULL REFERENCES alarm_targets(id) ON DELETE CASCADE,"
		 " alarm BLOB NOT NULL CHECK (length(alarm) = 16),"
		 " rule BLOB NOT NULL,"
		 " object BLOB NOT NULL,"
		 " object_type TEXT NOT NULL,"
		 " level TEXT NOT NULL,"
		 " name TEXT NOT NULL,"
		 " value REAL," /* NULL: none is measured */
		 " unit TEXT NOT NULL,"
		 " raised_at INTEGER NOT NULL,"
		 " acknowledged_at INTEGER NOT NULL,"
		 " acknowledged_by TEXT NOT NULL,"
		 " seq INTEGER NOT NULL,"
		 " delivery BLOB NOT NULL,"
		 " event TEXT NOT NULL,"
		 " at INTEGER NOT NULL,"
		 " raised_unsent INTEGER NOT NULL,"
		 " since INTEGER NOT NULL,"
		 " n_tries INTEGER NOT NULL,"
		 " PRIMARY KEY (target, alarm)) STRICT;",
	   .down = "DROP TABLE alarm_notices;"},
    /* Users, groups, roles. Whoever had a token was the administrator: that is a user from now on.
     * An older program knows no other, so the others' tokens are gone. */
    [9] = {.up = "CREATE TABLE users("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " name TEXT NOT NULL UNIQUE,"
		 " admin INTEGER NOT NULL,"
		 " password TEXT NOT NULL,"
		 " otp TEXT NOT NULL,"
		 " otp_used INTEGER NOT NULL,"
		 " recovery TEXT NOT NULL) STRICT;"
		 "INSERT INTO users VALUES (randomblob(16), 'admin', 1, '', '', 0, '');"
		 "CREATE TABLE acl_groups("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " name TEXT NOT NULL UNIQUE) STRICT;"
		 "CREATE TABLE acl_roles("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " name TEXT NOT NULL UNIQUE,"
		 " description TEXT NOT NULL) STRICT;"
		 "CREATE TABLE acl_privileges("
		 " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
		 " role BLOB NOT NULL REFERENCES acl_roles(id) ON DELETE CASCADE,"
		 " resource TEXT NOT NULL,"
		 " action TEXT NOT NULL,"
		 " selector TEXT NOT NULL,"
		 " deny INTEGER NOT NULL) STRICT;"
		 "CREATE INDEX acl_privileges_role ON acl_privileges(role);"
		 "CREATE TABLE acl_links(" /* who is in which group and has which role */
		 " kind INTEGER NOT NULL,"
		 " of_id BLOB NOT NULL," /* a role may be a built-in one, which has no row */
		 " to_id BLOB NOT NULL,"
		 " PRIMARY KEY (kind, of_id, to_id)) STRICT;"
		 "CREATE INDEX acl_links_to ON acl_links(to_id);"
		 "ALTER TABLE api_tokens ADD COLUMN user_id BLOB;"
		 "ALTER TABLE api_tokens ADD COLUMN client TEXT NOT NULL DEFAULT '';"
		 "ALTER TABLE api_tokens ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;"
		 "ALTER TABLE api_tokens ADD COLUMN used_from TEXT NOT NULL DEFAULT '';"
		 "UPDATE api_tokens SET user_id = (SELECT id FROM users);",
	   .down = "DELETE FROM api_tokens WHERE user_id IS NOT"
		   " (SELECT id FROM users WHERE name = 'admin');"
		   "ALTER TABLE api_tokens DROP COLUMN used_from;"
		   "ALTER TABLE api_tokens DROP COLUMN used_at;"
		   "ALTER TABLE api_tokens DROP COLUMN client;"
		   "ALTER TABLE api_tokens DROP COLUMN user_id;"
		   "DROP TABLE acl_links;"
		   "DROP TABLE acl_privileges;"
		   "DROP TABLE acl_roles;"
		   "DROP TABLE acl_groups;"
		   "DROP TABLE users;"},
    /* The audit log becomes a chain (docs/formats/audit.md). What is there is chained as it is, and
     * a record says that nothing protected it until then. */
    [10] = {.up = "ALTER TABLE audit ADD COLUMN before TEXT NOT NULL DEFAULT '';"
		  "ALTER TABLE audit ADD COLUMN after TEXT NOT NULL DEFAULT '';"
		  "ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';"
		  "UPDATE audit SET hash = c.hash FROM ("
		  " WITH RECURSIVE c(id, hash) AS ("
		  "  SELECT 0, '" AUDIT_NO_HASH "' UNION ALL"
		  "  SELECT a.id, audit_hash(c.hash, a.id, a.at, a.who, a.source, a.action,"
		  "   a.object, a.result, a.detail, a.before, a.after)"
		  "  FROM c JOIN audit a ON a.id = (SELECT min(id) FROM audit WHERE id > c.id))"
		  " SELECT id, hash FROM c) c WHERE audit.id = c.id;"
		  "INSERT INTO audit(id, at, who, source, action, object, result, detail, hash)"
		  " SELECT id + 1, now, 'aggregator', '', '" AUDIT_CHAIN "', '', 'success', n,"
		  "  audit_hash(hash, id + 1, now, 'aggregator', '', '" AUDIT_CHAIN "', '',"
		  "   'success', n, '', '')"
		  " FROM (SELECT id, hash,"
		  "  CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now,"
		  "  'records that were not chained: ' || (SELECT count(*) FROM audit) AS n"
		  "  FROM audit ORDER BY id DESC LIMIT 1);",
	    .down = "DELETE FROM settings WHERE name = 'audit.trimmed';"
		    "ALTER TABLE audit DROP COLUMN hash;"
		    "ALTER TABLE audit DROP COLUMN after;"
		    "ALTER TABLE audit DROP COLUMN before;"},
    /* Groups of tasks, and what was said of tasks. An older program has no word for a group; its
     * parts stand for themselves. */
    [11] = {.up = "ALTER TABLE tasks ADD COLUMN parent BLOB;"
		  "ALTER TABLE tasks ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;"
		  "CREATE TABLE task_lines("
		  " task BLOB NOT NULL REFERENCES tasks(id) ON DELETE CASCADE,"
		  " n INTEGER NOT NULL,"
		  " at INTEGER NOT NULL,"
		  " warning INTEGER NOT NULL,"
		  " from_host INTEGER NOT NULL,"
		  " text TEXT NOT NULL,"
		  " PRIMARY KEY (task, n)) STRICT;",
	    .down = "DROP TABLE task_lines;"
		    "DELETE FROM tasks WHERE parts > 0;"
		    "ALTER TABLE tasks DROP COLUMN parts;"
		    "ALTER TABLE tasks DROP COLUMN parent;"},
    /* Tags of hosts, networks and the pool. */
    [12] = {.up = "CREATE TABLE tags("
		  " object BLOB NOT NULL CHECK (length(object) = 16),"
		  " tag TEXT NOT NULL,"
		  " UNIQUE (object, tag)) STRICT;",
	    .down = "DROP TABLE tags;"},
};

static int pragma_int(sqlite3 *db, const char *sql, int *ret, struct mu_error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : stmt_error(err, db, rc, sql);
}

int migrate_version(sqlite3 *db, int *ret_version, struct mu_error *err)
{
	int version;
	int application;
	int n_tables;

	if (pragma_int(db, "PRAGMA user_version", &version, err) < 0 ||
	    pragma_int(db, "PRAGMA application_id", &application, err) < 0 ||
	    pragma_int(db, "SELECT count(*) FROM sqlite_master", &n_tables, err) < 0)
		return MU_FAILED;
	if (application != APPLICATION_ID && (application != 0 || version != 0 || n_tables != 0))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "this is not a database of muster-aggregator; hint: give "
				    "another --state directory");
	if (version < 0 || version > MIGRATE_NEWEST)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "the database has version %d, this program knows up to %d; hint: start the "
		    "newer muster-aggregator, or let that one go back with 'migrate --to %d'",
		    version, MIGRATE_NEWEST, MIGRATE_NEWEST);
	*ret_version = version;
	return 0;
}

static int run_step(sqlite3 *db, const char *sql, int version, struct mu_error *err)
{
	MU_CLEANUP(mu_free)
	char *all = mu_xasprintf("BEGIN EXCLUSIVE;%sPRAGMA user_version = %d;"
				 "PRAGMA application_id = %d;COMMIT;",
				 sql, version, version ? APPLICATION_ID : 0);
	int rc = sqlite3_exec(db, all, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		return 0;
	stmt_error(err, db, rc, "changing the schema");
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return mu_error_prefix(err, "to version %d", version);
}

int migrate_to(sqlite3 *db, int version, struct mu_error *err)
{
	int now;

	mu_assert(version >= 0 && version <= MIGRATE_NEWEST);
	if (migrate_version(db, &now, err) < 0)
		return MU_FAILED;
	for (; now < version; now++) {
		if (run_step(db, steps[now + 1].up, now + 1, err) < 0)
			return MU_FAILED;
	}
	for (; now > version; now--) {
		if (run_step(db, steps[now].down, now - 1, err) < 0)
			return MU_FAILED;
	}
	return 0;
}
