/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/keys.h"

#include "aggregator/store/tx.h"

static const char *text(sqlite3_stmt *st, int col)
{
	return (const char *)sqlite3_column_text(st, col);
}

int store_keys_list(struct store *s, void (*each)(const struct store_key *key, void *arg),
		    void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_KEY_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct store_key key = {
		    .user = text(st, 0),
		    .key = text(st, 1),
		    .request = (uint64_t)sqlite3_column_int64(st, 2),
		    .at = sqlite3_column_int64(st, 3),
		    .status = sqlite3_column_int(st, 4),
		    .type = text(st, 5),
		    .location = text(st, 6),
		    .body = sqlite3_column_blob(st, 7),
		    .body_len = (size_t)sqlite3_column_bytes(st, 7),
		};

		each(&key, arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading request keys");
}

void store_keys_put(struct store_tx *tx, const struct store_key *key)
{
	struct stmt_value v[] = {
	    stmt_text(key->user),
	    stmt_text(key->key),
	    stmt_int((int64_t)key->request),
	    stmt_int(key->at),
	    stmt_int(key->status),
	    stmt_text(key->type),
	    stmt_text(key->location),
	    stmt_blob(key->body, key->body_len),
	};

	store_tx_add(tx, STMT_KEY_PUT, v, MU_ARRAY_SIZE(v));
}

void store_keys_delete(struct store_tx *tx, const char *user, const char *key)
{
	struct stmt_value v[] = {stmt_text(user), stmt_text(key)};

	store_tx_add(tx, STMT_KEY_DELETE, v, MU_ARRAY_SIZE(v));
}
