/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/metrics.h"

#include "aggregator/store/tx.h"

int store_metrics_list(struct store *s,
		       int (*each)(const struct store_metric_object *o, void *arg,
				   struct mu_error *err),
		       void *arg, struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, STMT_METRIC_LIST, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_metric_object o = {
		    .id = stmt_column_uuid(st, 0),
		    .host = stmt_column_uuid(st, 1),
		    .last = (uint32_t)sqlite3_column_int64(st, 2),
		};

		o.series.data = sqlite3_column_blob(st, 3);
		o.series.len = (size_t)sqlite3_column_bytes(st, 3);
		if (each(&o, arg, err) < 0)
			return MU_FAILED;
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading the metrics' catalogue");
}

void store_metrics_put(struct store_tx *tx, const struct store_metric_object *o)
{
	struct stmt_value v[] = {stmt_uuid(&o->id), stmt_uuid(&o->host), stmt_int(o->last),
				 stmt_blob(o->series.data, o->series.len)};

	store_tx_add(tx, STMT_METRIC_PUT, v, MU_ARRAY_SIZE(v));
}

void store_metrics_delete(struct store_tx *tx, const struct mu_uuid *id)
{
	struct stmt_value v = stmt_uuid(id);

	store_tx_add(tx, STMT_METRIC_DELETE, &v, 1);
}
