/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/tags.h"

#include "aggregator/store/tx.h"

#include <string.h>

int store_tags_list(struct store *s,
		    void (*each)(const struct mu_uuid *object, const char *tag, void *arg),
		    void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_TAG_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct mu_uuid object;

		memcpy(&object, sqlite3_column_blob(st, 0), sizeof object);
		each(&object, (const char *)sqlite3_column_text(st, 1), arg);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading tags");
}

void store_tags_put(struct store_tx *tx, const struct mu_uuid *object, const char *tag)
{
	struct stmt_value v[] = {stmt_uuid(object), stmt_text(tag)};

	store_tx_add(tx, STMT_TAG_PUT, v, MU_ARRAY_SIZE(v));
}

void store_tags_delete(struct store_tx *tx, const struct mu_uuid *object, const char *tag)
{
	struct stmt_value v[] = {stmt_uuid(object), stmt_text(tag)};

	store_tx_add(tx, STMT_TAG_DELETE, v, MU_ARRAY_SIZE(v));
}

void store_tags_forget(struct store_tx *tx, const struct mu_uuid *object)
{
	struct stmt_value v = stmt_uuid(object);

	store_tx_add(tx, STMT_TAG_FORGET, &v, 1);
}
