/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's metrics: what agents send, into common/archive and its files. Loop thread; all file
 * work is on a work thread, but for metrics_load() at start. docs/design/metrics.md.
 *
 * A batch is in memory, and shown, at once. Its `done` comes when the catalogue and the journal
 * have it on the disk. While storing fails everything goes on from memory; what waits is tried
 * again every second, and after some minutes `done` all the same.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_METRICS_H
#define MUSTER_AGGREGATOR_METRICS_METRICS_H

#include "common/archive/stats.h"
#include "common/base/time.h"
#include "common/loop/loop.h"

struct metrics;

enum {
	METRICS_QUOTA = 32768,       /* series of one host */
	METRICS_KEEP_S = 30 * 86400, /* of an object that is gone */
	METRICS_FRESH_S = 60,        /* a newest value that is older is none */
	METRICS_STEPS = 129,         /* that are sure to be kept */
};

/* err NULL: it is done. */
typedef void (*metrics_done)(void *ctx, const struct mu_error *err);

struct metrics_options {
	struct mu_loop *loop;
	const char *dir; /* made when it is not there; copied */
	struct mu_uuid pool;
	size_t quota; /* 0 = METRICS_QUOTA */
	/* Store the objects of catalogue_next_changed(), all there are. done() from the loop: they
	 * are on the disk, or (err) given back with catalogue_changed(). */
	void (*store)(void *ctx, struct catalogue *c, metrics_done done, void *arg);
	/* Storing began to fail (`err`), or works again (NULL). */
	void (*health)(void *ctx, const struct mu_error *err);
	void *ctx;
};

/* Empty, until the catalogue is restored and metrics_load() called. */
struct metrics *metrics_new(const struct metrics_options *options);
struct catalogue *metrics_catalogue(struct metrics *m);
/* A row of the catalogue was given up: columns that nobody has hold rows of before. */
void metrics_given_up(struct metrics *m);
/* A host's numbers had come so far, at that time. */
typedef void (*metrics_mark)(void *ctx, const struct mu_uuid *host, uint64_t epoch, uint64_t seq,
			     mu_msec at);
/* The files, into memory. What cannot be read is left out, with a line in the log. `mark` comes for
 * every batch of the journal, in order. Blocking. */
int metrics_load(struct metrics *m, metrics_mark mark, void *ctx, struct mu_error *err);
/* Write what waits (once more, when storing fails), then done(ctx) from the loop; freed by then.
 * Every other `done` has been called by then. */
void metrics_close(struct metrics *m, mu_loop_cb done, void *ctx);

/* From now on the host's batches carry these, slot by slot. */
void metrics_map(struct metrics *m, const struct mu_uuid *host, const struct catalogue_want *want,
		 size_t n);
/* The host's stream is over: another one begins with metrics_map(). */
void metrics_host_away(struct metrics *m, const struct mu_uuid *host);

struct metrics_batch {
	struct mu_uuid host;
	uint64_t epoch;
	uint64_t seq;
	mu_msec at; /* host's wall clock */
	const float *values;
	size_t n_values; /* at most those of metrics_map() */
	/* Of those of metrics_map() that have a counter, all of them: what was added since the
	 * batch before, 0 or more; or (base) how they stand, INT64_MIN = unknown. */
	bool base;
	size_t n_counted;
	const int64_t *counted;
};

/* `n` of one host, 1 or more, in their order. done() exactly once, never inside; without an error
 * they need not be sent again: each is on the disk, or was refused for good, or has waited too long
 * for a disk that fails. */
void metrics_put(struct metrics *m, const struct metrics_batch *b, size_t n, metrics_done done,
		 void *ctx);
/* Those that have been put before, on another stream: what they count is needed for the next. */
void metrics_count_only(struct metrics *m, const struct metrics_batch *b, size_t n);

/* A row that a host kept while nobody took it (agent/stats/backfill.h): a step or a minute. */
struct metrics_row {
	struct mu_uuid host;
	enum archive_level level;
	uint32_t row;
	size_t n_values; /* at most those of metrics_map_rows() */
	const float *average;
	const float *min; /* of minutes only, as the next two */
	const float *max;
	const uint8_t *known;
};

/* From now on the host's rows carry these. */
void metrics_map_rows(struct metrics *m, const struct mu_uuid *host,
		      const struct catalogue_want *want, size_t n);
/* done() as of metrics_put(). A row that came before changes nothing. */
void metrics_put_row(struct metrics *m, const struct metrics_row *row, metrics_done done,
		     void *ctx);
/* How many steps of the host's own series there are: of the newest METRICS_MINUTES minutes that
 * have ended, and of the newest METRICS_STEPS steps (0 or 1); the oldest first. */
enum { METRICS_MINUTES = ARCHIVE_MINUTES_KEPT };
void metrics_have(const struct metrics *m, const struct mu_uuid *host, uint32_t *ret_last_minute,
		  uint8_t *ret_minutes, uint32_t *ret_last_step, uint8_t *ret_steps);

/* done() exactly once, never inside; `r` is valid during the call, NULL with an error.
 * MU_E_NOT_FOUND: nothing is known of the object. */
void metrics_query(struct metrics *m, const struct stats_query *q,
		   void (*done)(void *arg, const struct stats_result *r,
				const struct mu_error *err),
		   void *arg);

/* The newest values of an object: those of its series, in their order, when it was heard of within
 * METRICS_FRESH_S. NULL otherwise. `ret` has room for CATALOGUE_OBJECT_MAX. */
const struct catalogue_object *metrics_newest(const struct metrics *m, const struct mu_uuid *object,
					      float *ret);

/* How the counters of its series stand, in their order, of an object that is fresh: as of its
 * newest step, or unknown. `ret` has room for CATALOGUE_OBJECT_MAX. */
#define METRICS_COUNT_UNKNOWN UINT64_MAX
struct metrics_count {
	uint64_t value; /* time in ns */
	uint32_t since; /* seconds, 1970 UTC */
};
void metrics_counts(const struct catalogue_object *o, struct metrics_count *ret);

/* The values of an object's series at one of the newest METRICS_STEPS; NaN = unknown. */
void metrics_at(const struct metrics *m, const struct catalogue_object *o, uint32_t step,
		float *ret);

/* An object that was heard of within METRICS_FRESH_S, else NULL. */
const struct catalogue_object *metrics_fresh(const struct metrics *m, const struct mu_uuid *object);
/* The n steps of its series number `i` that end with its newest one; NaN = unknown. */
void metrics_steps(const struct metrics *m, const struct catalogue_object *o, size_t i, uint32_t n,
		   float *ret);

/* How a host's batches fare. */
struct metrics_intake {
	size_t n_series;  /* of its objects, also those that are gone */
	size_t n_dropped; /* series of its dictionary that are not kept: over the quota */
	uint64_t n_taken;
	uint64_t n_too_old;
	uint64_t n_too_new;
	uint64_t n_rows_taken; /* that it kept */
	uint64_t n_rows_refused;
	mu_msec last; /* time of the newest batch that was taken, 0 = none */
};

void metrics_intake(const struct metrics *m, const struct mu_uuid *host,
		    struct metrics_intake *ret);

/* How all of it fares. */
struct metrics_totals {
	size_t n_series;
	uint64_t n_taken; /* batches, as in struct metrics_intake */
	uint64_t n_too_old;
	uint64_t n_too_new;
	size_t waiting_bytes; /* records that are not in the journal yet */
	bool failing;         /* to store */
};

void metrics_totals(const struct metrics *m, struct metrics_totals *ret);

/* Objects that nobody has heard of for METRICS_KEEP_S and that `exists` does not know: they are
 * handed to `forget`, which removes them from the store and calls metrics_forgotten(). */
void metrics_expire(struct metrics *m, bool (*exists)(void *ctx, const struct mu_uuid *id),
		    void (*forget)(void *ctx, const struct mu_uuid *id), void *ctx);
void metrics_forgotten(struct metrics *m, const struct mu_uuid *id);

#endif
