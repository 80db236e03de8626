/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every SQL statement of the store, in one table, prepared and checked when the database is
 * opened. Values travel as data (struct stmt_value), so that they can be gathered on the loop and
 * bound on the work thread. Private to aggregator/store.
 */
#ifndef MUSTER_AGGREGATOR_STORE_STMT_H
#define MUSTER_AGGREGATOR_STORE_STMT_H

#include "common/base/error.h"
#include "common/base/id.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

enum stmt_id {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_ROLLBACK,
	STMT_SAVEPOINT,
	STMT_SAVEPOINT_RELEASE,
	STMT_SAVEPOINT_ROLLBACK,
	STMT_SETTING_GET,
	STMT_SETTING_PUT,
	STMT_HOST_ENROL,
	STMT_HOST_STATE,
	STMT_HOST_SEEN,
	STMT_HOST_DELETE,
	STMT_HOST_LIST,
	STMT_VM_PUT,
	STMT_VM_DELETE,
	STMT_VM_DELETE_ALL,
	STMT_VM_LIST,
	STMT_OBJECT_PUT,
	STMT_OBJECT_DELETE,
	STMT_OBJECT_DELETE_ALL,
	STMT_OBJECT_LIST,
	STMT_TASK_PUT,
	STMT_TASK_JOIN,
	STMT_TASK_LINE_ADD,
	STMT_TASK_LINE_LIST,
	STMT_TASK_DELETE,
	STMT_TASK_LIST,
	STMT_AUDIT_ADD,
	STMT_AUDIT_LIST,
	STMT_AUDIT_ALL,
	STMT_AUDIT_TRIM_MARK,
	STMT_AUDIT_TRIM,
	STMT_AUDIT_TRIM_ADD,
	STMT_CERT_ADD,
	STMT_CERT_REVOKE_ALL,
	STMT_CERT_TRIM,
	STMT_CERT_LIST,
	STMT_JOIN_ADD,
	STMT_JOIN_USE,
	STMT_JOIN_DELETE,
	STMT_JOIN_TRIM,
	STMT_JOIN_LIST,
	STMT_TOKEN_ADD,
	STMT_TOKEN_USED,
	STMT_TOKEN_DELETE_OF,
	STMT_TOKEN_TRIM,
	STMT_TOKEN_DELETE,
	STMT_TOKEN_LIST,
	STMT_USER_PUT,
	STMT_USER_DELETE,
	STMT_USER_LIST,
	STMT_GROUP_PUT,
	STMT_GROUP_DELETE,
	STMT_GROUP_LIST,
	STMT_ROLE_PUT,
	STMT_ROLE_DELETE,
	STMT_ROLE_LIST,
	STMT_PRIVILEGE_PUT,
	STMT_PRIVILEGE_DELETE,
	STMT_PRIVILEGE_DELETE_OF,
	STMT_PRIVILEGE_LIST,
	STMT_LINK_ADD,
	STMT_LINK_DELETE,
	STMT_LINK_DELETE_OF,
	STMT_LINK_LIST,
	STMT_METRIC_PUT,
	STMT_METRIC_DELETE,
	STMT_METRIC_LIST,
	STMT_ALARM_RULE_PUT,
	STMT_ALARM_RULE_DELETE,
	STMT_ALARM_RULE_LIST,
	STMT_ALARM_PUT,
	STMT_ALARM_DELETE,
	STMT_ALARM_LIST,
	STMT_ALARM_TARGET_PUT,
	STMT_ALARM_TARGET_DELETE,
	STMT_ALARM_TARGET_LIST,
	STMT_KEY_PUT,
	STMT_KEY_DELETE,
	STMT_KEY_LIST,
	STMT_ALARM_NOTICE_PUT,
	STMT_ALARM_NOTICE_DELETE,
	STMT_ALARM_NOTICE_LIST,
	STMT_TAG_PUT,
	STMT_TAG_DELETE,
	STMT_TAG_FORGET,
	STMT_TAG_LIST,
	_STMT_COUNT,
};

enum stmt_kind { STMT_NULL, STMT_INT, STMT_REAL, STMT_TEXT, STMT_BLOB, _STMT_KIND_COUNT };

struct stmt_value {
	enum stmt_kind kind;
	int64_t integer;
	double real;
	const void *bytes;
	size_t len;
};

struct stmt_set {
	sqlite3 *db;
	sqlite3_stmt *prepared[_STMT_COUNT];
	size_t n_values[_STMT_COUNT]; /* that each takes */
};

/* Prepare all; an error names the statement. */
int stmt_set_init(struct stmt_set *set, sqlite3 *db, struct mu_error *err);
void stmt_set_deinit(struct stmt_set *set);
/* Run a statement that returns no rows. Result: a SQLite code (SQLITE_DONE when well). */
int stmt_run(struct stmt_set *set, enum stmt_id id, const struct stmt_value *values,
	     size_t n_values);
/* Bind and hand out for sqlite3_step(); NULL (with err) when binding fails. stmt_reset() ends. */
sqlite3_stmt *stmt_query(struct stmt_set *set, enum stmt_id id, const struct stmt_value *values,
			 size_t n_values, struct mu_error *err);
void stmt_reset(sqlite3_stmt *st);
static inline void stmt_reset_cleanup(sqlite3_stmt **st)
{
	stmt_reset(*st);
}

/* The code of our errors for a SQLite code, with its message. */
int stmt_error(struct mu_error *err, sqlite3 *db, int rc, const char *what);

struct stmt_value stmt_int(int64_t i);
struct stmt_value stmt_real(double d);
struct stmt_value stmt_text(const char *s); /* NULL: SQL NULL */
struct stmt_value stmt_blob(const void *p, size_t len);
struct stmt_value stmt_uuid(const struct mu_uuid *u);
struct stmt_value stmt_null(void);

/* Columns of a row, checked: a wrong length gives the nil UUID, text is cut at `size` - 1. */
struct mu_uuid stmt_column_uuid(sqlite3_stmt *st, int col);
void stmt_column_text(sqlite3_stmt *st, int col, char *buf, size_t size);

#endif
