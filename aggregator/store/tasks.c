/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/tasks.h"

#include "aggregator/store/tx.h"

static int read_task(sqlite3_stmt *st, struct model_task *ret, struct mu_error *err)
{
	struct model_task t = {
	    .id = stmt_column_uuid(st, 0),
	    .vm = {stmt_column_uuid(st, 3)},
	    .host = {stmt_column_uuid(st, 4)},
	    .start = sqlite3_column_int64(st, 6),
	    .updated = sqlite3_column_int64(st, 7),
	    .end = sqlite3_column_int64(st, 8),
	    .abort_requested = sqlite3_column_int64(st, 9),
	    .deadline = sqlite3_column_int64(st, 10),
	    .progress = sqlite3_column_int(st, 11),
	};
	char status[32];
	char op[32];
	char code[32];

	stmt_column_text(st, 1, status, sizeof status);
	stmt_column_text(st, 2, op, sizeof op);
	stmt_column_text(st, 5, t.user, sizeof t.user);
	stmt_column_text(st, 12, code, sizeof code);
	stmt_column_text(st, 14, t.method, sizeof t.method);
	stmt_column_text(st, 17, t.value, sizeof t.value);
	if (sqlite3_column_type(st, 18) != SQLITE_NULL)
		t.parent = stmt_column_uuid(st, 18);
	t.n_parts = (uint32_t)sqlite3_column_int(st, 19);
	if (t.method[0] || t.n_parts)
		t.object = stmt_column_uuid(st, 15);
	if (t.method[0])
		t.op = _VM_OP_COUNT;
	if (!task_status_parse(status, &t.status) || (!t.method[0] && !vm_op_parse(op, &t.op)))
		return mu_error_set(err, MU_E_IO, "a task has status '%s' and operation '%s'",
				    status, op);
	if (code[0]) {
		t.err.code = mu_error_from_name(code);
		stmt_column_text(st, 13, t.err.text, sizeof t.err.text);
	}
	*ret = t;
	return 0;
}

int store_tasks_list(struct store *s,
		     int (*each)(const struct model_task *t, const char *arguments, void *arg,
				 struct mu_error *err),
		     void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_TASK_LIST, NULL, 0, err);
	struct model_task t;
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (read_task(st, &t, err) < 0 ||
		    each(&t, (const char *)sqlite3_column_text(st, 16), arg, err) < 0)
			return MU_FAILED;
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading tasks");
}

void store_tasks_put(struct store_tx *tx, const struct model_task *t, const char *arguments)
{
	bool failed = t->err.code != MU_E_NONE;
	struct stmt_value v[] = {
	    stmt_uuid(&t->id),
	    stmt_text(task_status_name(t->status)),
	    stmt_text(vm_op_name(t->op)),
	    stmt_uuid(&t->vm.uuid),
	    stmt_uuid(&t->host.uuid),
	    stmt_text(t->user),
	    stmt_int(t->start),
	    stmt_int(t->updated),
	    stmt_int(t->end),
	    stmt_int(t->abort_requested),
	    stmt_int(t->deadline),
	    stmt_int(t->progress),
	    failed ? stmt_text(mu_error_name(t->err.code)) : stmt_null(),
	    failed ? stmt_text(t->err.text) : stmt_null(),
	    stmt_text(t->method),
	    t->method[0] || t->n_parts ? stmt_uuid(&t->object) : stmt_null(),
	    arguments ? stmt_text(arguments) : stmt_null(),
	    stmt_text(t->value),
	    mu_uuid_is_nil(&t->parent) ? stmt_null() : stmt_uuid(&t->parent),
	    stmt_int(t->n_parts),
	};

	store_tx_add(tx, STMT_TASK_PUT, v, MU_ARRAY_SIZE(v));
}

void store_tasks_join(struct store_tx *tx, const struct mu_uuid *id, const struct mu_uuid *group)
{
	struct stmt_value v[] = {stmt_uuid(id), stmt_uuid(group)};

	store_tx_add(tx, STMT_TASK_JOIN, v, MU_ARRAY_SIZE(v));
}

void store_tasks_delete(struct store_tx *tx, const struct mu_uuid *id)
{
	struct stmt_value v = stmt_uuid(id);

	store_tx_add(tx, STMT_TASK_DELETE, &v, 1);
}

void store_task_lines_add(struct store_tx *tx, const struct mu_uuid *task, size_t n,
			  const struct task_line *line)
{
	struct stmt_value v[] = {
	    stmt_uuid(task),         stmt_int((int64_t)n),      stmt_int(line->at),
	    stmt_int(line->warning), stmt_int(line->from_host), stmt_text(line->text),
	};

	store_tx_add(tx, STMT_TASK_LINE_ADD, v, MU_ARRAY_SIZE(v));
}

int store_task_lines_list(struct store *s,
			  void (*each)(const struct mu_uuid *task, const struct task_line *line,
				       void *arg),
			  void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_TASK_LINE_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		char text[TASK_LINE_MAX + 1];
		const struct mu_uuid task = stmt_column_uuid(st, 0);
		const struct task_line line = {
		    .at = sqlite3_column_int64(st, 1),
		    .warning = sqlite3_column_int(st, 2) != 0,
		    .from_host = sqlite3_column_int(st, 3) != 0,
		    .text = text,
		};

		stmt_column_text(st, 4, text, sizeof text);
		each(&task, &line, arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading what was said of tasks");
}
