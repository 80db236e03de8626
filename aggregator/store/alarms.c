/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/alarms.h"

#include "aggregator/store/tx.h"

#include <string.h>

static int list_texts(struct store *s, enum stmt_id stmt, store_alarm_text each, void *arg,
		      struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, stmt, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct mu_uuid id = stmt_column_uuid(st, 0);

		each(&id, (const char *)sqlite3_column_text(st, 2), arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading alarms");
}

int store_alarm_rules_list(struct store *s, store_alarm_text each, void *arg, struct mu_error *err)
{
	return list_texts(s, STMT_ALARM_RULE_LIST, each, arg, err);
}

int store_alarm_targets_list(struct store *s, store_alarm_text each, void *arg,
			     struct mu_error *err)
{
	return list_texts(s, STMT_ALARM_TARGET_LIST, each, arg, err);
}

static void read_alarm(sqlite3_stmt *st, struct alarm *ret)
{
	char type[16];
	char level[16];
	struct alarm a = {
	    .id = stmt_column_uuid(st, 0),
	    .rule = stmt_column_uuid(st, 1),
	    .object = stmt_column_uuid(st, 2),
	    .measured = sqlite3_column_type(st, 6) != SQLITE_NULL,
	    .value = sqlite3_column_double(st, 6),
	    .since = sqlite3_column_int64(st, 8),
	    .acknowledged_at = sqlite3_column_int64(st, 9),
	};

	stmt_column_text(st, 3, type, sizeof type);
	stmt_column_text(st, 4, level, sizeof level);
	stmt_column_text(st, 5, a.name, sizeof a.name);
	stmt_column_text(st, 7, a.unit, sizeof a.unit);
	stmt_column_text(st, 10, a.acknowledged_by, sizeof a.acknowledged_by);
	if (!alarm_of_parse(type, &a.of) || !alarm_level_parse(level, &a.level))
		a.level = ALARM_NONE;
	*ret = a;
}

int store_alarms_list(struct store *s, void (*each)(const struct alarm *a, void *arg), void *arg,
		      struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_ALARM_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct alarm a;

		read_alarm(st, &a);
		each(&a, arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading alarms");
}

static void read_notice(sqlite3_stmt *st, struct notify_kept *ret)
{
	char event[16];
	struct notify_kept k = {
	    .target = stmt_column_uuid(st, 11),
	    .seq = (uint64_t)sqlite3_column_int64(st, 12),
	    .raised_unsent = sqlite3_column_int64(st, 16) != 0,
	    .since = sqlite3_column_int64(st, 17),
	    .n_tries = (unsigned)sqlite3_column_int64(st, 18),
	    .notice = {.delivery = stmt_column_uuid(st, 13), .wall = sqlite3_column_int64(st, 15)},
	};

	read_alarm(st, &k.notice.alarm);
	stmt_column_text(st, 14, event, sizeof event);
	if (!notify_what_parse(event, &k.notice.what))
		k.notice.alarm.level = ALARM_NONE;
	*ret = k;
}

int store_alarm_notices_list(struct store *s,
			     void (*each)(const struct notify_kept *kept, void *arg), void *arg,
			     struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_ALARM_NOTICE_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct notify_kept k;

		read_notice(st, &k);
		each(&k, arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading notices of alarms");
}

static void put_text(struct store_tx *tx, enum stmt_id stmt, const struct mu_uuid *id,
		     const char *name, const char *json)
{
	struct stmt_value v[] = {stmt_uuid(id), stmt_text(name), stmt_text(json)};

	store_tx_add(tx, stmt, v, MU_ARRAY_SIZE(v));
}

static void delete_one(struct store_tx *tx, enum stmt_id stmt, const struct mu_uuid *id)
{
	struct stmt_value v = stmt_uuid(id);

	store_tx_add(tx, stmt, &v, 1);
}

void store_alarm_rules_put(struct store_tx *tx, const struct mu_uuid *id, const char *name,
			   const char *json)
{
	put_text(tx, STMT_ALARM_RULE_PUT, id, name, json);
}

void store_alarm_rules_delete(struct store_tx *tx, const struct mu_uuid *id)
{
	delete_one(tx, STMT_ALARM_RULE_DELETE, id);
}

enum { ALARM_COLUMNS = 11, NOTICE_COLUMNS = 8 };

/* The columns that an alarm and a notice of it begin with. */
static void alarm_columns(const struct alarm *a, struct stmt_value ret[static ALARM_COLUMNS])
{
	const struct stmt_value v[ALARM_COLUMNS] = {
	    stmt_uuid(&a->id),
	    stmt_uuid(&a->rule),
	    stmt_uuid(&a->object),
	    stmt_text(alarm_of_name(a->of)),
	    stmt_text(alarm_level_name(a->level)),
	    stmt_text(a->name),
	    a->measured ? stmt_real(a->value) : stmt_null(),
	    stmt_text(a->unit),
	    stmt_int(a->since),
	    stmt_int(a->acknowledged_at),
	    stmt_text(a->acknowledged_by),
	};

	memcpy(ret, v, sizeof v);
}

void store_alarms_put(struct store_tx *tx, const struct alarm *a)
{
	struct stmt_value v[ALARM_COLUMNS];

	alarm_columns(a, v);
	store_tx_add(tx, STMT_ALARM_PUT, v, MU_ARRAY_SIZE(v));
}

void store_alarms_delete(struct store_tx *tx, const struct mu_uuid *id)
{
	delete_one(tx, STMT_ALARM_DELETE, id);
}

void store_alarm_targets_add(struct store_tx *tx, const struct mu_uuid *id, const char *name,
			     const char *json)
{
	put_text(tx, STMT_ALARM_TARGET_PUT, id, name, json);
}

void store_alarm_targets_delete(struct store_tx *tx, const struct mu_uuid *id)
{
	delete_one(tx, STMT_ALARM_TARGET_DELETE, id);
}

void store_alarm_notices_put(struct store_tx *tx, const struct notify_kept *k)
{
	const struct stmt_value own[NOTICE_COLUMNS] = {
	    stmt_uuid(&k->target),
	    stmt_int((int64_t)k->seq),
	    stmt_uuid(&k->notice.delivery),
	    stmt_text(notify_what_name(k->notice.what)),
	    stmt_int(k->notice.wall),
	    stmt_int(k->raised_unsent),
	    stmt_int(k->since),
	    stmt_int(k->n_tries),
	};
	struct stmt_value v[ALARM_COLUMNS + NOTICE_COLUMNS];

	alarm_columns(&k->notice.alarm, v);
	memcpy(v + ALARM_COLUMNS, own, sizeof own);
	store_tx_add(tx, STMT_ALARM_NOTICE_PUT, v, MU_ARRAY_SIZE(v));
}

void store_alarm_notices_delete(struct store_tx *tx, const struct mu_uuid *target,
				const struct mu_uuid *alarm)
{
	struct stmt_value v[] = {stmt_uuid(target), stmt_uuid(alarm)};

	store_tx_add(tx, STMT_ALARM_NOTICE_DELETE, v, MU_ARRAY_SIZE(v));
}
