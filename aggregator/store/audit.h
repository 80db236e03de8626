/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: one row for each change that somebody asked for, and one for what came of it. */
#ifndef MUSTER_AGGREGATOR_STORE_AUDIT_H
#define MUSTER_AGGREGATOR_STORE_AUDIT_H

#include "aggregator/store/store.h"
#include "common/base/time.h"

#include <stdint.h>

enum {
	STORE_AUDIT_TEXT = 256,
	STORE_AUDIT_LIST_MAX = 1000,
	STORE_AUDIT_KEEP = 100000, /* older rows are dropped at start */
};

struct store_audit {
	int64_t id; /* given by the store */
	mu_msec at;
	const char *who;    /* "admin", "root (local)", "host 4c1f..." */
	const char *source; /* address it came from, "" = the aggregator itself */
	const char *action; /* "vm.start", "host.enrol", ... */
	const char *object; /* id */
	const char *result; /* "requested", "success", "failure", ... */
	const char *detail;
};

void store_audit_add(struct store_tx *tx, const struct store_audit *a);
/* Keep the newest STORE_AUDIT_KEEP. */
void store_audit_trim(struct store_tx *tx);
/* Newest first, at most `limit`, ids below `before` (0 = all). done() from the loop; rows are valid
 * during the call. */
void store_audit_list(struct store *s, size_t limit, int64_t before,
		      void (*done)(void *ctx, const struct store_audit *rows, size_t n_rows,
				   const struct mu_error *err),
		      void *ctx);

#endif
