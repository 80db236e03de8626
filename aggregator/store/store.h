/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database: opened and read at start, then written by one writer on a work thread.
 *
 * A transaction is filled on the loop (store_hosts_put(tx, ...) and its kind), committed, and
 * `done` comes on the loop when it is on disk. All that wait are committed together (group
 * commit), in order. Loop thread; docs/design/store.md.
 */
#ifndef MUSTER_AGGREGATOR_STORE_STORE_H
#define MUSTER_AGGREGATOR_STORE_STORE_H

#include "common/base/error.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct store;
struct store_tx;

/* err NULL: it is on disk. */
typedef void (*store_done)(void *ctx, const struct mu_error *err);

enum store_promise {
	STORE_OR_FAIL,   /* somebody waits for it: a full disk is their error, at once */
	STORE_KEEP,      /* what the world told: tried again until it is stored */
	STORE_KEEP_LAZY, /* the same, may wait 200 ms for company */
	_STORE_PROMISE_COUNT,
};

struct store_options {
	const char *path;
	/* Storing began to fail (`err`), or works again (NULL). May be NULL. */
	void (*on_health)(void *ctx, const struct mu_error *err);
	void *ctx;
	/* Size limit in pages, 0 = none: the database then behaves as on a full disk. */
	unsigned page_limit;
};

/* Open or create, check, migrate to the newest version (an older database is copied aside first),
 * prepare. Blocking, for the start. */
int store_open(struct mu_loop *loop, const struct store_options *options, struct store **ret_store,
	       struct mu_error *err);
/* Take it to another version and close it: for going back to an older program. Blocking. */
int store_migrate(const char *path, int version, struct mu_error *err);
/* Write what waits (once more, when storing fails), close, then done(ctx) from the loop. Every
 * other `done` has been called by then. */
void store_close(struct store *s, mu_loop_cb done, void *ctx);

/* Is storing known to fail now? Then err says why. */
bool store_failing(const struct store *s, struct mu_error *ret_err);

struct store_tx *store_begin(struct store *s);
/* Consumes `tx`. Without promise STORE_OR_FAIL an error is final too (the row is refused: a bug),
 * but a full or failing disk is not reported, only waited for. `done` may be NULL. */
void store_commit(struct store_tx *tx, enum store_promise promise, store_done done, void *ctx);

/* Settings: small texts by name. */
int store_setting_get(struct store *s, const char *name, char **ret_value, struct mu_error *err);
void store_setting_put(struct store_tx *tx, const char *name, const char *value);

#endif
