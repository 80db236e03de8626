/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/access.h"

#include "aggregator/store/tx.h"

static struct stmt_value uuid_or_null(const struct mu_uuid *u)
{
	return mu_uuid_is_nil(u) ? stmt_null() : stmt_uuid(u);
}

int store_certs_list(struct store *s, void (*each)(const struct store_cert *c, void *arg),
		     void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_CERT_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_cert c = {
		    .host = {stmt_column_uuid(st, 1)},
		    .issued_at = sqlite3_column_int64(st, 3),
		    .not_after = sqlite3_column_int64(st, 4),
		    .revoked_at = sqlite3_column_int64(st, 5),
		};

		stmt_column_text(st, 0, c.fingerprint, sizeof c.fingerprint);
		stmt_column_text(st, 2, c.serial, sizeof c.serial);
		each(&c, arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading certificates");
}

int store_joins_list(struct store *s, void (*each)(const struct store_join *j, void *arg),
		     void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_JOIN_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_join j = {
		    .id = stmt_column_uuid(st, 0),
		    .created_at = sqlite3_column_int64(st, 3),
		    .expires_at = sqlite3_column_int64(st, 5),
		    .used_at = sqlite3_column_int64(st, 6),
		    .used_by = {stmt_column_uuid(st, 7)},
		    .replaces = {stmt_column_uuid(st, 8)},
		};

		stmt_column_text(st, 1, j.secret_hash, sizeof j.secret_hash);
		stmt_column_text(st, 2, j.name, sizeof j.name);
		stmt_column_text(st, 4, j.created_by, sizeof j.created_by);
		each(&j, arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading join tokens");
}

int store_tokens_list(struct store *s, void (*each)(const struct store_token *t, void *arg),
		      void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_TOKEN_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_token t = {
		    .id = stmt_column_uuid(st, 0),
		    .created_at = sqlite3_column_int64(st, 4),
		    .expires_at = sqlite3_column_int64(st, 5),
		    .user_id = stmt_column_uuid(st, 6),
		    .used_at = sqlite3_column_int64(st, 8),
		};

		stmt_column_text(st, 7, t.client, sizeof t.client);
		stmt_column_text(st, 9, t.used_from, sizeof t.used_from);
		stmt_column_text(st, 1, t.secret_hash, sizeof t.secret_hash);
		stmt_column_text(st, 2, t.user, sizeof t.user);
		stmt_column_text(st, 3, t.description, sizeof t.description);
		each(&t, arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading API tokens");
}

void store_certs_add(struct store_tx *tx, const struct store_cert *c)
{
	struct stmt_value v[] = {stmt_text(c->fingerprint), stmt_uuid(&c->host.uuid),
				 stmt_text(c->serial), stmt_int(c->issued_at),
				 stmt_int(c->not_after)};

	store_tx_add(tx, STMT_CERT_ADD, v, MU_ARRAY_SIZE(v));
}

void store_certs_revoke_all(struct store_tx *tx, const struct host_id *host, mu_msec now)
{
	struct stmt_value v[] = {stmt_uuid(&host->uuid), stmt_int(now)};

	store_tx_add(tx, STMT_CERT_REVOKE_ALL, v, MU_ARRAY_SIZE(v));
}

void store_certs_trim(struct store_tx *tx, mu_msec before)
{
	struct stmt_value v = stmt_int(before);

	store_tx_add(tx, STMT_CERT_TRIM, &v, 1);
}

void store_joins_add(struct store_tx *tx, const struct store_join *j)
{
	struct stmt_value v[] = {stmt_uuid(&j->id),
				 stmt_text(j->secret_hash),
				 stmt_text(j->name),
				 stmt_int(j->created_at),
				 stmt_text(j->created_by),
				 stmt_int(j->expires_at),
				 uuid_or_null(&j->replaces.uuid)};

	store_tx_add(tx, STMT_JOIN_ADD, v, MU_ARRAY_SIZE(v));
}

void store_joins_use(struct store_tx *tx, const struct mu_uuid *id, mu_msec now,
		     const struct host_id *host)
{
	struct stmt_value v[] = {stmt_uuid(id), stmt_int(now), stmt_uuid(&host->uuid)};

	store_tx_add_strict(tx, STMT_JOIN_USE, v, MU_ARRAY_SIZE(v));
}

void store_joins_delete(struct store_tx *tx, const struct mu_uuid *id)
{
	struct stmt_value v = stmt_uuid(id);

	store_tx_add(tx, STMT_JOIN_DELETE, &v, 1);
}

void store_joins_trim(struct store_tx *tx, mu_msec before)
{
	struct stmt_value v = stmt_int(before);

	store_tx_add(tx, STMT_JOIN_TRIM, &v, 1);
}

void store_tokens_add(struct store_tx *tx, const struct store_token *t)
{
	struct stmt_value v[] = {stmt_uuid(&t->id),       stmt_text(t->secret_hash),
				 stmt_text(t->user),      stmt_text(t->description),
				 stmt_int(t->created_at), stmt_int(t->expires_at),
				 stmt_uuid(&t->user_id),  stmt_text(t->client)};

	store_tx_add(tx, STMT_TOKEN_ADD, v, MU_ARRAY_SIZE(v));
}

void store_tokens_used(struct store_tx *tx, const struct mu_uuid *id, mu_msec at, const char *from)
{
	struct stmt_value v[] = {stmt_uuid(id), stmt_int(at), stmt_text(from)};

	store_tx_add(tx, STMT_TOKEN_USED, v, MU_ARRAY_SIZE(v));
}

void store_tokens_trim(struct store_tx *tx, mu_msec before)
{
	struct stmt_value v = stmt_int(before);

	store_tx_add(tx, STMT_TOKEN_TRIM, &v, 1);
}

void store_tokens_delete(struct store_tx *tx, const struct mu_uuid *id)
{
	struct stmt_value v = stmt_uuid(id);

	store_tx_add(tx, STMT_TOKEN_DELETE, &v, 1);
}
