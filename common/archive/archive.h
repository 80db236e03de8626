/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: samples of many series in, rows of all levels out. PURE: no file, no clock; time
 * comes in with archive_tick(), bytes for files go out with archive_encode().
 *
 * A series is a column. Columns lie in shards of ARCHIVE_COLUMNS; a shard keeps its steps and
 * minutes in memory, a row after the other. Hours are made from the minutes when they are to be
 * written, days from the hours (tile.h). Nothing is accumulated: every row is computed anew from
 * the rows below it, with their numbers of known samples, so that samples that come late, or
 * again, lead to the same rows as if they had come in time.
 *
 * Rules: a value that is not finite is unknown. What is known stays: a second value for the same
 * step is ignored. Not thread-safe: one owner.
 */
#ifndef MUSTER_ARCHIVE_ARCHIVE_H
#define MUSTER_ARCHIVE_ARCHIVE_H

#include "common/archive/level.h"
#include "common/base/mem.h"

enum {
	ARCHIVE_COLUMNS = 1024, /* of a shard */
	/* Steps in memory: ten minutes, and one in which a host that was away for so long comes
	 * back. */
	ARCHIVE_STEPS_KEPT = 132,
	ARCHIVE_MINUTES_KEPT = 120,
	ARCHIVE_STEPS_MAX = 768,
	ARCHIVE_MINUTES_MAX = 512,
	/* A clock that is ahead of ours by no more than this is taken as it is. */
	ARCHIVE_AHEAD = 12,
	ARCHIVE_NO_COLUMN = -1,
};

/* n columns in a row (within one shard) for n values from `slot` on. */
struct archive_run {
	uint32_t slot;
	uint32_t column;
	uint32_t n;
};

enum archive_verdict {
	ARCHIVE_TAKEN,
	ARCHIVE_TOO_OLD, /* its place is that of a newer one */
	ARCHIVE_TOO_NEW, /* more than ARCHIVE_AHEAD steps in the future, or no time at all */
};

struct archive;

struct archive_options {
	/* How much is kept in memory. 0 = ARCHIVE_*_KEPT. Steps are whole minutes: a multiple
	 * of 12. */
	uint32_t n_steps;
	uint32_t n_minutes;
	/* Memory for a shard's rows: `size` bytes of zeros, or what an archive of the same lengths
	 * left there, which is taken over. It stays the caller's, until archive_free(). NULL: the
	 * heap. */
	void *(*rows)(void *ctx, uint32_t shard, size_t size);
	void *ctx;
};

struct archive *archive_new(const struct archive_options *options); /* NULL: all as it is said */
struct archive *archive_free(struct archive *a);
MU_DEFINE_CLEANUP(archive_free, struct archive *);

/* Have shards for columns 0 to n - 1. */
void archive_reserve(struct archive *a, uint32_t n_columns);
uint32_t archive_n_shards(const struct archive *a);

/* It is `now` (seconds since 1970 UTC). May go backwards: what was ahead is then not shown. */
void archive_tick(struct archive *a, int64_t now);
/* One step of some columns, which have been reserved. */
enum archive_verdict archive_put(struct archive *a, uint32_t step, const struct archive_run *runs,
				 size_t n_runs, const float *values);
/*
 * A minute that was made elsewhere: averages, minima, maxima and numbers of known steps, `n_slots`
 * of each, one behind the other. Taken where it knows more than what is there; the minute must have
 * ended and be one of those in memory. Its hour is made again when a minute has passed without
 * another of it, as they come by the dozen, or ten minutes since the first; at once when it is due
 * anyway, and at its end when it has not ended. *ret_changed: something of it was taken.
 */
enum archive_verdict archive_put_minute(struct archive *a, uint32_t minute,
					const struct archive_run *runs, size_t n_runs,
					const float *values, size_t n_slots, bool *ret_changed);

/* A row of a shard that has changed and is to be written. */
struct archive_change {
	uint32_t shard;
	enum archive_level level; /* ARCHIVE_MINUTES, ARCHIVE_HOURS */
	uint32_t row;
	bool late; /* a minute of elsewhere came after it was written: steps cannot make it again */
};

/* Consolidate what has ended and hand out one change; false: none is left. */
bool archive_next(struct archive *a, struct archive_change *ret);
/* It could not be written: hand it out again. */
void archive_again(struct archive *a, const struct archive_change *change);
/* What was written of a shard may be lost: all that is in memory of it again. */
void archive_again_all(struct archive *a, uint32_t shard);

/* n rows of a column from `first` on; a row that is not there is NaN. Steps and minutes only. */
void archive_read(const struct archive *a, enum archive_level level, enum archive_cf cf,
		  uint32_t column, uint32_t first, uint32_t n, float *ret);

/* How many steps are known of n minutes of a column from `first` on. */
void archive_read_known(const struct archive *a, uint32_t column, uint32_t first, uint32_t n,
			uint8_t *ret);

/* A minute of a shard as bytes: docs/formats/metrics.md. */
enum { ARCHIVE_MINUTE_BYTES = 16 + ARCHIVE_COLUMNS * 12 + ARCHIVE_COLUMNS / 2 };
void archive_encode_minute(const struct archive *a, const struct archive_change *change,
			   uint8_t *ret);
/* At start: take a minute back. False: damaged, of another shard, or none. */
bool archive_restore_minute(struct archive *a, uint32_t shard, const uint8_t *bytes);
/* The same of any shard, into what is there: where it knows more. */
bool archive_merge_minute(struct archive *a, const uint8_t *bytes);

/* An hour of a shard, made of its minutes: as row of each of its tiles (tile.h). */
struct archive_cells;
void archive_make_hour(struct archive *a, const struct archive_change *change,
		       struct archive_cells *ret_tiles);

#endif
