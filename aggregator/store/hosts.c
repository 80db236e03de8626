/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/hosts.h"

#include "aggregator/store/tx.h"

enum { NAME_MAX_BYTES = 128 };

static struct store_blob column_blob(sqlite3_stmt *st, int col)
{
	/* The pointer first: SQLite may convert, and the length belongs to the result. */
	const void *data = sqlite3_column_blob(st, col);

	return (struct store_blob){.data = data, .len = (size_t)sqlite3_column_bytes(st, col)};
}

static struct stmt_value blob_value(struct store_blob b)
{
	return stmt_blob(b.data, b.len);
}

static struct stmt_value u64_value(uint64_t u)
{
	return stmt_int((int64_t)u);
}

int store_hosts_list(struct store *s,
		     int (*each)(const struct store_host *h, void *arg, struct mu_error *err),
		     void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_HOST_LIST, NULL, 0, err);
	char name[NAME_MAX_BYTES];
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_host h = {
		    .id = {stmt_column_uuid(st, 0)},
		    .name = name,
		    .enrolled_at = sqlite3_column_int64(st, 2),
		    .last_seen = sqlite3_column_int64(st, 3),
		    .state_epoch = (uint64_t)sqlite3_column_int64(st, 4),
		    .state_seq = (uint64_t)sqlite3_column_int64(st, 5),
		    .state = column_blob(st, 6),
		};

		stmt_column_text(st, 1, name, sizeof name);
		if (each(&h, arg, err) < 0)
			return MU_FAILED;
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading hosts");
}

int store_vms_list(struct store *s,
		   int (*each)(const struct store_vm *vm, void *arg, struct mu_error *err),
		   void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_VM_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_vm vm = {
		    .host = {stmt_column_uuid(st, 0)},
		    .id = {stmt_column_uuid(st, 1)},
		    .state = column_blob(st, 2),
		};

		if (each(&vm, arg, err) < 0)
			return MU_FAILED;
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading VMs");
}

int store_objects_list(struct store *s,
		       int (*each)(const struct store_object *o, void *arg, struct mu_error *err),
		       void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_OBJECT_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_object o = {
		    .host = {stmt_column_uuid(st, 0)},
		    .id = stmt_column_uuid(st, 1),
		    .state = column_blob(st, 2),
		};

		if (each(&o, arg, err) < 0)
			return MU_FAILED;
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading objects");
}

void store_hosts_enrol(struct store_tx *tx, const struct store_host *h)
{
	struct stmt_value v[] = {stmt_uuid(&h->id.uuid), stmt_text(h->name),
				 stmt_int(h->enrolled_at), blob_value(h->state)};

	store_tx_add(tx, STMT_HOST_ENROL, v, MU_ARRAY_SIZE(v));
}

void store_hosts_put_state(struct store_tx *tx, const struct store_host *h)
{
	struct stmt_value v[] = {stmt_uuid(&h->id.uuid),  stmt_text(h->name),
				 stmt_int(h->last_seen),  u64_value(h->state_epoch),
				 u64_value(h->state_seq), blob_value(h->state)};

	store_tx_add_strict(tx, STMT_HOST_STATE, v, MU_ARRAY_SIZE(v));
}

void store_hosts_seen(struct store_tx *tx, const struct host_id *id, mu_msec last_seen)
{
	struct stmt_value v[] = {stmt_uuid(&id->uuid), stmt_int(last_seen)};

	store_tx_add(tx, STMT_HOST_SEEN, v, MU_ARRAY_SIZE(v));
}

void store_hosts_delete(struct store_tx *tx, const struct host_id *id)
{
	struct stmt_value v = stmt_uuid(&id->uuid);

	store_tx_add(tx, STMT_HOST_DELETE, &v, 1);
}

void store_vms_put(struct store_tx *tx, const struct store_vm *vm)
{
	struct stmt_value v[] = {stmt_uuid(&vm->host.uuid), stmt_uuid(&vm->id.uuid),
				 stmt_text(vm->name), stmt_text(vm->power), blob_value(vm->state)};

	store_tx_add(tx, STMT_VM_PUT, v, MU_ARRAY_SIZE(v));
}

void store_vms_delete(struct store_tx *tx, const struct host_id *host, const struct vm_id *id)
{
	struct stmt_value v[] = {stmt_uuid(&host->uuid), stmt_uuid(&id->uuid)};

	store_tx_add(tx, STMT_VM_DELETE, v, MU_ARRAY_SIZE(v));
}

void store_vms_delete_all(struct store_tx *tx, const struct host_id *host)
{
	struct stmt_value v = stmt_uuid(&host->uuid);

	store_tx_add(tx, STMT_VM_DELETE_ALL, &v, 1);
}

void store_objects_put(struct store_tx *tx, const struct store_object *o)
{
	struct stmt_value v[] = {stmt_uuid(&o->host.uuid), stmt_uuid(&o->id), stmt_text(o->kind),
				 stmt_text(o->name), blob_value(o->state)};

	store_tx_add(tx, STMT_OBJECT_PUT, v, MU_ARRAY_SIZE(v));
}

void store_objects_delete(struct store_tx *tx, const struct host_id *host, const struct mu_uuid *id)
{
	struct stmt_value v[] = {stmt_uuid(&host->uuid), stmt_uuid(id)};

	store_tx_add(tx, STMT_OBJECT_DELETE, v, MU_ARRAY_SIZE(v));
}

void store_objects_delete_all(struct store_tx *tx, const struct host_id *host)
{
	struct stmt_value v = stmt_uuid(&host->uuid);

	store_tx_add(tx, STMT_OBJECT_DELETE_ALL, &v, 1);
}
