/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: one row for each change that somebody asked for, and one for what came of it. Its
 * chain of hashes is made where it is written, so that it is right whatever is refused or tried
 * again (docs/formats/audit.md).
 */
#ifndef MUSTER_AGGREGATOR_STORE_AUDIT_H
#define MUSTER_AGGREGATOR_STORE_AUDIT_H

#include "aggregator/core/audit.h"
#include "aggregator/store/store.h"

enum {
	STORE_AUDIT_TEXT = 256,
	STORE_AUDIT_VALUE = 4096, /* `before` and `after` */
	STORE_AUDIT_LIST_MAX = 1000,
	STORE_AUDIT_KEEP = 100000, /* older rows are dropped at start */
};

/* `id` and `hash` are not read. */
void store_audit_add(struct store_tx *tx, const struct audit_record *r);
/* Keep the newest; that older ones were dropped is a record too. */
void store_audit_trim(struct store_tx *tx, size_t keep, mu_msec now);

typedef void (*store_audit_rows)(void *ctx, const struct audit_record *rows, size_t n_rows,
				 const struct mu_error *err);
/* Newest first, at most `limit`, ids below `before` (0 = all). done() from the loop; rows are valid
 * during the call. */
void store_audit_list(struct store *s, size_t limit, int64_t before, store_audit_rows done,
		      void *ctx);

typedef void (*store_audit_verdict)(void *ctx, const struct audit_check *c,
				    const struct mu_error *err);
/* Go through the whole chain: some 0.5 s for what is kept, while which nothing is written. `kept`
 * may be NULL. done() from the loop: `c->wrong` tells; `err` when it cannot be read. */
void store_audit_verify(struct store *s, const struct audit_point *kept, store_audit_verdict done,
			void *ctx);
/* The same of a file, without changing it, also beside an aggregator that runs. Blocking. */
int store_audit_verify_file(const char *path, const struct audit_point *kept,
			    struct audit_check *ret, struct mu_error *err);

#endif
