/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/stmt.h"

#include "aggregator/core/audit.h"
#include "common/base/assert.h"
#include "common/base/str.h"

#include <limits.h>
#include <string.h>

/* What a new record of the audit log follows. */
#define AUDIT_NEWEST                                                                               \
	"(SELECT id, hash FROM (SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1)"              \
	" UNION ALL SELECT 0, '" AUDIT_NO_HASH "' ORDER BY id DESC LIMIT 1)"
/* If there are more than ?1 records; with room for the one that says so. */
#define AUDIT_LAST_TO_TRIM "(SELECT max(id) - ?1 + 1 FROM audit HAVING min(id) <= max(id) - ?1)"
#define AUDIT_COLUMNS "id, at, who, source, action, object, result, detail, before, after, hash"

static const struct {
	const char *name;
	const char *sql;
} table[_STMT_COUNT] = {
    [STMT_BEGIN] = {"begin", "BEGIN IMMEDIATE"},
    [STMT_COMMIT] = {"commit", "COMMIT"},
    [STMT_ROLLBACK] = {"rollback", "ROLLBACK"},
    [STMT_SAVEPOINT] = {"savepoint", "SAVEPOINT tx"},
    [STMT_SAVEPOINT_RELEASE] = {"savepoint_release", "RELEASE tx"},
    [STMT_SAVEPOINT_ROLLBACK] = {"savepoint_rollback", "ROLLBACK TO tx"},

    [STMT_SETTING_GET] = {"setting_get", "SELECT value FROM settings WHERE name = ?1"},
    [STMT_SETTING_PUT] = {"setting_put", "INSERT INTO settings(name, value) VALUES (?1, ?2)"
					 " ON CONFLICT(name) DO UPDATE SET value = excluded.value"},

    [STMT_HOST_ENROL] = {"host_enrol",
			 "INSERT INTO hosts(id, name, enrolled_at, last_seen, state_epoch,"
			 " state_seq, state) VALUES (?1, ?2, ?3, 0, 0, 0, ?4)"
			 " ON CONFLICT(id) DO UPDATE SET enrolled_at = excluded.enrolled_at"},
    [STMT_HOST_STATE] = {"host_state",
			 "UPDATE hosts SET name = ?2, last_seen = ?3, state_epoch = ?4,"
			 " state_seq = ?5, state = ?6 WHERE id = ?1"},
    [STMT_HOST_SEEN] = {"host_seen", "UPDATE hosts SET last_seen = ?2 WHERE id = ?1"},
    [STMT_HOST_DELETE] = {"host_delete", "DELETE FROM hosts WHERE id = ?1"},
    [STMT_HOST_LIST] = {"host_list",
			"SELECT id, name, enrolled_at, last_seen, state_epoch, state_seq, state"
			" FROM hosts ORDER BY id"},

    [STMT_VM_PUT] = {"vm_put", "INSERT INTO vms(host, id, name, power, state)"
			       " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(host, id) DO UPDATE SET"
			       " name = excluded.name, power = excluded.power,"
			       " state = excluded.state"},
    [STMT_VM_DELETE] = {"vm_delete", "DELETE FROM vms WHERE host = ?1 AND id = ?2"},
    [STMT_VM_DELETE_ALL] = {"vm_delete_all", "DELETE FROM vms WHERE host = ?1"},
    [STMT_VM_LIST] = {"vm_list", "SELECT host, id, state FROM vms ORDER BY host, id"},

    [STMT_OBJECT_PUT] = {"object_put",
			 "INSERT INTO objects(host, id, kind, name, state)"
			 " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(host, id) DO UPDATE SET"
			 " kind = excluded.kind, name = excluded.name, state = excluded.state"},
    [STMT_OBJECT_DELETE] = {"object_delete", "DELETE FROM objects WHERE host = ?1 AND id = ?2"},
    [STMT_OBJECT_DELETE_ALL] = {"object_delete_all", "DELETE FROM objects WHERE host = ?1"},
    [STMT_OBJECT_LIST] = {"object_list", "SELECT host, id, state FROM objects ORDER BY host, id"},

    [STMT_TASK_PUT] =
	{"task_put",
	 "INSERT INTO tasks(id, status, op, vm, host, user, started_at, updated_at, ended_at,"
	 " abort_requested_at, deadline_at, progress, error_code, error_text,"
	 " method, object, arguments, value, parent, parts)"
	 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
	 " ?18, ?19, ?20)"
	 " ON CONFLICT(id) DO UPDATE SET status = excluded.status,"
	 " updated_at = excluded.updated_at, ended_at = excluded.ended_at,"
	 " abort_requested_at = excluded.abort_requested_at, progress = excluded.progress,"
	 " error_code = excluded.error_code, error_text = excluded.error_text,"
	 " value = excluded.value,"
	 " arguments = CASE excluded.status WHEN 'pending' THEN arguments END"},
    [STMT_TASK_JOIN] = {"task_join", "UPDATE tasks SET parent = ?2 WHERE id = ?1"},
    [STMT_TASK_LINE_ADD] = {"task_line_add", "INSERT INTO task_lines VALUES"
					     " (?1, ?2, ?3, ?4, ?5, ?6)"},
    [STMT_TASK_LINE_LIST] = {"task_line_list", "SELECT task, at, warning, from_host, text"
					       " FROM task_lines ORDER BY task, n"},
    [STMT_TASK_DELETE] = {"task_delete", "DELETE FROM tasks WHERE id = ?1"},
    [STMT_TASK_LIST] = {"task_list",
			"SELECT id, status, op, vm, host, user, started_at, updated_at, ended_at,"
			" abort_requested_at, deadline_at, progress, error_code, error_text,"
			" method, object, arguments, value, parent, parts"
			/* A group before its parts. */
			" FROM tasks ORDER BY started_at, parts = 0, id"},

    [STMT_AUDIT_ADD] = {"audit_add",
			"INSERT INTO audit(" AUDIT_COLUMNS ")"
			" SELECT p.id + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
			" audit_hash(p.hash, p.id + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
			" FROM " AUDIT_NEWEST " p"},
    [STMT_AUDIT_LIST] = {"audit_list", "SELECT " AUDIT_COLUMNS " FROM audit"
				       " WHERE id < ?1 ORDER BY id DESC LIMIT ?2"},
    [STMT_AUDIT_ALL] = {"audit_all", "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY id"},
    /* In this order: the mark that the rest follows, the deletion, and its record. */
    [STMT_AUDIT_TRIM_MARK] =
	{"audit_trim_mark",
	 "INSERT INTO settings(name, value) SELECT 'audit.trimmed', id || ' ' || hash FROM audit"
	 " WHERE id <= " AUDIT_LAST_TO_TRIM " ORDER BY id DESC LIMIT 1"
	 " ON CONFLICT(name) DO UPDATE SET value = excluded.value"},
    [STMT_AUDIT_TRIM] = {"audit_trim", "DELETE FROM audit WHERE id <= " AUDIT_LAST_TO_TRIM},
    [STMT_AUDIT_TRIM_ADD] =
	{"audit_trim_add",
	 "INSERT INTO audit(" AUDIT_COLUMNS ") SELECT p.id + 1, ?1, 'aggregator', '', '" AUDIT_TRIM
	 "', '', 'success', s.value, '', '', audit_hash(p.hash, p.id + 1, ?1, 'aggregator', '',"
	 " '" AUDIT_TRIM "', '', 'success', s.value, '', '')"
	 " FROM " AUDIT_NEWEST " p, settings s"
	 " WHERE s.name = 'audit.trimmed' AND changes() > 0"},

    [STMT_CERT_ADD] = {"certificate_add",
		       "INSERT INTO certificates(fingerprint, host, serial, issued_at, not_after)"
		       " VALUES (?1, ?2, ?3, ?4, ?5)"},
    [STMT_CERT_REVOKE_ALL] = {"certificate_revoke_all", "UPDATE certificates SET revoked_at = ?2"
							" WHERE host = ?1 AND revoked_at IS NULL"},
    [STMT_CERT_TRIM] = {"certificate_trim", "DELETE FROM certificates WHERE not_after < ?1"},
    [STMT_CERT_LIST] = {"certificate_list",
			"SELECT fingerprint, host, serial, issued_at, not_after, revoked_at"
			" FROM certificates ORDER BY issued_at, fingerprint"},

    [STMT_JOIN_ADD] = {"join_add",
		       "INSERT INTO join_tokens(id, secret_hash, name, created_at, created_by,"
		       " expires_at, replaces) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    [STMT_JOIN_USE] = {"join_use", "UPDATE join_tokens SET used_at = ?2, used_by = ?3"
				   " WHERE id = ?1 AND used_at IS NULL"},
    [STMT_JOIN_DELETE] = {"join_delete", "DELETE FROM join_tokens WHERE id = ?1"},
    [STMT_JOIN_TRIM] = {"join_trim", "DELETE FROM join_tokens WHERE expires_at < ?1"},
    [STMT_JOIN_LIST] = {"join_list",
			"SELECT id, secret_hash, name, created_at, created_by, expires_at, used_at,"
			" used_by, replaces FROM join_tokens ORDER BY created_at, id"},

    [STMT_TOKEN_ADD] = {"token_add",
			"INSERT INTO api_tokens(id, secret_hash, user, description, created_at,"
			" expires_at, user_id, client)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
    [STMT_TOKEN_USED] = {"token_used", "UPDATE api_tokens SET used_at = ?2, used_from = ?3"
				       " WHERE id = ?1"},
    [STMT_TOKEN_DELETE_OF] = {"token_delete_of", "DELETE FROM api_tokens WHERE user_id = ?1"},
    [STMT_TOKEN_TRIM] = {"token_trim",
			 "DELETE FROM api_tokens WHERE expires_at > 0 AND expires_at < ?1"},
    [STMT_TOKEN_DELETE] = {"token_delete", "DELETE FROM api_tokens WHERE id = ?1"},
    [STMT_TOKEN_LIST] =
	{"token_list",
	 "SELECT id, secret_hash, user, description, created_at, expires_at,"
	 " user_id, client, used_at, used_from FROM api_tokens ORDER BY created_at, id"},

    [STMT_USER_PUT] = {"user_put",
		       "INSERT INTO users(id, name, admin, password, otp, otp_used, recovery)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(id) DO UPDATE SET"
		       " name = excluded.name, admin = excluded.admin,"
		       " password = excluded.password, otp = excluded.otp,"
		       " otp_used = excluded.otp_used, recovery = excluded.recovery"},
    [STMT_USER_DELETE] = {"user_delete", "DELETE FROM users WHERE id = ?1"},
    [STMT_USER_LIST] = {"user_list", "SELECT id, name, admin, password, otp, otp_used, recovery"
				     " FROM users ORDER BY rowid"},
    [STMT_GROUP_PUT] = {"group_put", "INSERT INTO acl_groups(id, name) VALUES (?1, ?2)"
				     " ON CONFLICT(id) DO UPDATE SET name = excluded.name"},
    [STMT_GROUP_DELETE] = {"group_delete", "DELETE FROM acl_groups WHERE id = ?1"},
    [STMT_GROUP_LIST] = {"group_list", "SELECT id, name FROM acl_groups ORDER BY rowid"},
    [STMT_ROLE_PUT] = {"role_put",
		       "INSERT INTO acl_roles(id, name, description) VALUES (?1, ?2, ?3)"
		       " ON CONFLICT(id) DO UPDATE SET name = excluded.name,"
		       " description = excluded.description"},
    [STMT_ROLE_DELETE] = {"role_delete", "DELETE FROM acl_roles WHERE id = ?1"},
    [STMT_ROLE_LIST] = {"role_list", "SELECT id, name, description FROM acl_roles ORDER BY rowid"},
    [STMT_PRIVILEGE_PUT] =
	{"privilege_put",
	 "INSERT INTO acl_privileges(id, role, resource, action, selector, deny)"
	 " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(id) DO UPDATE SET role = excluded.role,"
	 " resource = excluded.resource, action = excluded.action,"
	 " selector = excluded.selector, deny = excluded.deny"},
    [STMT_PRIVILEGE_DELETE] = {"privilege_delete", "DELETE FROM acl_privileges WHERE id = ?1"},
    [STMT_PRIVILEGE_DELETE_OF] = {"privilege_delete_of",
				  "DELETE FROM acl_privileges WHERE role = ?1"},
    [STMT_PRIVILEGE_LIST] = {"privilege_list", "SELECT id, role, resource, action, selector, deny"
					       " FROM acl_privileges ORDER BY rowid"},
    [STMT_LINK_ADD] = {"link_add", "INSERT OR IGNORE INTO acl_links(kind, of_id, to_id)"
				   " VALUES (?1, ?2, ?3)"},
    [STMT_LINK_DELETE] = {"link_delete", "DELETE FROM acl_links"
					 " WHERE kind = ?1 AND of_id = ?2 AND to_id = ?3"},
    [STMT_LINK_DELETE_OF] = {"link_delete_of",
			     "DELETE FROM acl_links WHERE of_id = ?1 OR to_id = ?1"},
    [STMT_LINK_LIST] = {"link_list", "SELECT kind, of_id, to_id FROM acl_links ORDER BY rowid"},

    [STMT_METRIC_PUT] =
	{"metric_put", "INSERT INTO metric_objects(id, host, last, series) VALUES (?1, ?2, ?3, ?4)"
		       " ON CONFLICT(id) DO UPDATE SET host = excluded.host,"
		       " last = excluded.last, series = excluded.series"},
    [STMT_METRIC_DELETE] = {"metric_delete", "DELETE FROM metric_objects WHERE id = ?1"},
    [STMT_METRIC_LIST] = {"metric_list", "SELECT id, host, last, series FROM metric_objects"},

    [STMT_ALARM_RULE_PUT] = {"alarm_rule_put",
			     "INSERT INTO alarm_rules(id, name, rule) VALUES (?1, ?2, ?3)"
			     " ON CONFLICT(id) DO UPDATE SET name = excluded.name,"
			     " rule = excluded.rule"},
    [STMT_ALARM_RULE_DELETE] = {"alarm_rule_delete", "DELETE FROM alarm_rules WHERE id = ?1"},
    [STMT_ALARM_RULE_LIST] = {"alarm_rule_list",
			      "SELECT id, name, rule FROM alarm_rules ORDER BY rowid"},
    [STMT_ALARM_PUT] = {"alarm_put",
			"INSERT INTO alarms(id, rule, object, object_type, level, name, value,"
			" unit, raised_at, acknowledged_at, acknowledged_by)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
			" ON CONFLICT(id) DO UPDATE SET level = excluded.level,"
			" name = excluded.name, value = excluded.value, unit = excluded.unit,"
			" raised_at = excluded.raised_at,"
			" acknowledged_at = excluded.acknowledged_at,"
			" acknowledged_by = excluded.acknowledged_by"},
    [STMT_ALARM_DELETE] = {"alarm_delete", "DELETE FROM alarms WHERE id = ?1"},
    [STMT_ALARM_LIST] = {"alarm_list",
			 "SELECT id, rule, object, object_type, level, name, value, unit,"
			 " raised_at, acknowledged_at, acknowledged_by FROM alarms"
			 " ORDER BY raised_at, id"},
    [STMT_ALARM_TARGET_PUT] = {"alarm_target_put",
			       "INSERT INTO alarm_targets(id, name, target) VALUES (?1, ?2, ?3)"},
    [STMT_ALARM_TARGET_DELETE] = {"alarm_target_delete", "DELETE FROM alarm_targets WHERE id = ?1"},
    [STMT_ALARM_TARGET_LIST] = {"alarm_target_list",
				"SELECT id, name, target FROM alarm_targets ORDER BY rowid"},

    [STMT_TAG_PUT] = {"tag_put", "INSERT OR IGNORE INTO tags(object, tag) VALUES (?1, ?2)"},
    [STMT_TAG_DELETE] = {"tag_delete", "DELETE FROM tags WHERE object = ?1 AND tag = ?2"},
    [STMT_TAG_FORGET] = {"tag_forget", "DELETE FROM tags WHERE object = ?1"},
    [STMT_TAG_LIST] = {"tag_list", "SELECT object, tag FROM tags ORDER BY rowid"},

    [STMT_KEY_PUT] = {"key_put",
		      "INSERT INTO request_keys(user, key, request, at, status, type, location,"
		      " body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		      " ON CONFLICT(user, key) DO UPDATE SET request = excluded.request,"
		      " at = excluded.at, status = excluded.status, type = excluded.type,"
		      " location = excluded.location, body = excluded.body"},
    [STMT_KEY_DELETE] = {"key_delete", "DELETE FROM request_keys WHERE user = ?1 AND key = ?2"},
    [STMT_KEY_LIST] = {"key_list", "SELECT user, key, request, at, status, type, location, body"
				   " FROM request_keys ORDER BY at, key"},
    [STMT_ALARM_NOTICE_PUT] =
	{"alarm_notice_put",
	 "INSERT OR REPLACE INTO alarm_notices(alarm, rule, object, object_type, level, name,"
	 " value, unit, raised_at, acknowledged_at, acknowledged_by, target, seq, delivery, event,"
	 " at, raised_unsent, since, n_tries)"
	 " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
	 " ?19 WHERE EXISTS (SELECT 1 FROM alarm_targets WHERE id = ?12)"},
    [STMT_ALARM_NOTICE_DELETE] = {"alarm_notice_delete",
				  "DELETE FROM alarm_notices WHERE target = ?1 AND alarm = ?2"},
    [STMT_ALARM_NOTICE_LIST] =
	{"alarm_notice_list",
	 "SELECT alarm, rule, object, object_type, level, name, value, unit, raised_at,"
	 " acknowledged_at, acknowledged_by, target, seq, delivery, event, at, raised_unsent,"
	 " since, n_tries FROM alarm_notices ORDER BY target, seq"},
};

int stmt_error(struct mu_error *err, sqlite3 *db, int rc, const char *what)
{
	const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%s: the disk is full; hint: make room in the state directory, "
				    "nothing that was acknowledged is lost",
				    what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return mu_error_set(err, MU_E_IO,
				    "%s: the database is damaged (%s); hint: stop the aggregator, "
				    "keep a copy of the file, and restore a backup or try "
				    "'sqlite3 FILE .recover'",
				    what, text);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "%s: another process has the database locked; hint: end it",
				    what);
	case SQLITE_CONSTRAINT:
		return mu_error_set(err, MU_E_STATE, "%s: %s", what, text);
	default:
		return mu_error_set(err, MU_E_IO, "%s: %s (SQLite code %d)", what, text,
				    db ? sqlite3_extended_errcode(db) : rc);
	}
}

int stmt_set_init(struct stmt_set *set, sqlite3 *db, struct mu_error *err)
{
	set->db = db;
	for (int i = 0; i < _STMT_COUNT; i++) {
		int rc = sqlite3_prepare_v3(db, table[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
					    &set->prepared[i], NULL);

		if (rc != SQLITE_OK) {
			stmt_error(err, db, rc, table[i].name);
			return mu_error_prefix(err, "preparing statement");
		}
		set->n_values[i] = (size_t)sqlite3_bind_parameter_count(set->prepared[i]);
	}
	return 0;
}

void stmt_set_deinit(struct stmt_set *set)
{
	for (int i = 0; i < _STMT_COUNT; i++)
		sqlite3_finalize(set->prepared[i]);
	memset(set, 0, sizeof *set);
}

static int bind(sqlite3_stmt *st, int pos, const struct stmt_value *v)
{
	mu_assert(v->len <= INT_MAX);
	switch (v->kind) {
	case STMT_NULL:
		return sqlite3_bind_null(st, pos);
	case STMT_INT:
		return sqlite3_bind_int64(st, pos, v->integer);
	case STMT_REAL:
		return sqlite3_bind_double(st, pos, v->real);
	case STMT_TEXT:
		return sqlite3_bind_text(st, pos, v->bytes, (int)v->len, SQLITE_STATIC);
	case STMT_BLOB:
		return sqlite3_bind_blob(st, pos, v->len ? v->bytes : "", (int)v->len,
					 SQLITE_STATIC);
	case _STMT_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static int bind_all(struct stmt_set *set, enum stmt_id id, const struct stmt_value *values,
		    size_t n_values)
{
	sqlite3_stmt *st = set->prepared[id];

	mu_assert(n_values == set->n_values[id]);
	for (size_t i = 0; i < n_values; i++) {
		int rc = bind(st, (int)i + 1, &values[i]);

		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

int stmt_run(struct stmt_set *set, enum stmt_id id, const struct stmt_value *values,
	     size_t n_values)
{
	int rc = bind_all(set, id, values, n_values);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(set->prepared[id]);
	mu_assert(rc != SQLITE_ROW);
	stmt_reset(set->prepared[id]);
	return rc;
}

sqlite3_stmt *stmt_query(struct stmt_set *set, enum stmt_id id, const struct stmt_value *values,
			 size_t n_values, struct mu_error *err)
{
	int rc = bind_all(set, id, values, n_values);

	if (rc != SQLITE_OK) {
		stmt_error(err, set->db, rc, table[id].name);
		return NULL;
	}
	return set->prepared[id];
}

void stmt_reset(sqlite3_stmt *st)
{
	if (st) {
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
	}
}

struct stmt_value stmt_int(int64_t i)
{
	return (struct stmt_value){.kind = STMT_INT, .integer = i};
}

struct stmt_value stmt_real(double d)
{
	return (struct stmt_value){.kind = STMT_REAL, .real = d};
}

struct stmt_value stmt_text(const char *s)
{
	if (!s)
		return stmt_null();
	return (struct stmt_value){.kind = STMT_TEXT, .bytes = s, .len = strlen(s)};
}

struct stmt_value stmt_blob(const void *p, size_t len)
{
	return (struct stmt_value){.kind = STMT_BLOB, .bytes = p, .len = len};
}

struct stmt_value stmt_uuid(const struct mu_uuid *u)
{
	return stmt_blob(u->bytes, sizeof u->bytes);
}

struct stmt_value stmt_null(void)
{
	return (struct stmt_value){.kind = STMT_NULL};
}

struct mu_uuid stmt_column_uuid(sqlite3_stmt *st, int col)
{
	const void *p = sqlite3_column_blob(st, col);
	struct mu_uuid u = {{0}};

	if (p && sqlite3_column_bytes(st, col) == (int)sizeof u.bytes)
		memcpy(u.bytes, p, sizeof u.bytes);
	return u;
}

void stmt_column_text(sqlite3_stmt *st, int col, char *buf, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, col);
	size_t len = text ? (size_t)sqlite3_column_bytes(st, col) : 0;

	mu_utf8_sanitize(buf, size - 1, text ? text : "", len);
}
