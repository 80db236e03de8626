/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one transaction and one reading job are made of, and the store's own state. Private to
 * aggregator/store.
 */
#ifndef MUSTER_AGGREGATOR_STORE_TX_H
#define MUSTER_AGGREGATOR_STORE_TX_H

#include "aggregator/store/stmt.h"
#include "aggregator/store/store.h"
#include "common/base/arena.h"
#include "common/base/list.h"
#include "common/loop/work.h"

struct store_write {
	struct store_write *next;
	enum stmt_id stmt;
	bool must_change; /* no row changed: the transaction is refused */
	size_t n_values;
	struct stmt_value values[];
};

struct store_tx {
	struct mu_link link;
	struct store *store;
	struct mu_arena *arena;
	struct store_write *first;
	struct store_write *last;
	enum store_promise promise;
	store_done done;
	void *ctx;
	/* the work thread's verdict */
	bool refused;
	struct mu_error err;
};

/* A read that waits its turn on the writer's thread: it sees everything committed before it. */
struct store_job {
	struct mu_link link;
	int (*run)(struct store_job *job, struct stmt_set *stmts, struct mu_error *err);
	void (*done)(struct store_job *job, const struct mu_error *err); /* frees the job */
	struct mu_error err;
	bool failed;
};

struct store {
	struct mu_loop *loop;
	struct store_options options;
	sqlite3 *db;
	struct stmt_set stmts;
	/* loop thread */
	struct mu_link queue; /* store_tx that wait */
	struct mu_link jobs;
	struct mu_timer *timer; /* lazy ones, and trying again */
	bool kicked;            /* a batch begins in the next turn */
	bool running;
	bool failing;
	bool closing;
	struct mu_error failure;
	mu_loop_cb closed;
	void *closed_ctx;
	/* handed to the work thread while `running` */
	struct mu_work work;
	struct mu_link batch;
	struct mu_link batch_jobs;
	bool batch_failed;
	struct mu_error batch_err;
};

/* Gather one statement; values are copied into the transaction. */
void store_tx_add(struct store_tx *tx, enum stmt_id stmt, const struct stmt_value *values,
		  size_t n_values);
/* The same; the transaction is refused (MU_E_STATE) when it changes no row. */
void store_tx_add_strict(struct store_tx *tx, enum stmt_id stmt, const struct stmt_value *values,
			 size_t n_values);
void store_job_start(struct store *s, struct store_job *job);

/* For reads at start: NULL, with err, when binding fails. The writer must be idle. */
sqlite3_stmt *store_read(struct store *s, enum stmt_id id, const struct stmt_value *values,
			 size_t n_values, struct mu_error *err);

/* audit.c: SQL's audit_hash(), which statements and migrations use. */
int store_audit_function(sqlite3 *db, struct mu_error *err);

/* writer.c */
void store_writer_kick(struct store *s);
/* store.c: nothing is left to write while closing. */
void store_writer_closed(void *store);

#endif
