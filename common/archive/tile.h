/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hours and days: rows of 32 columns as they lie in a shard's file (docs/formats/metrics.md), so
 * that a year of one series is one piece of the file. PURE: cells in, bytes out, and back.
 */
#ifndef MUSTER_ARCHIVE_TILE_H
#define MUSTER_ARCHIVE_TILE_H

#include "common/archive/archive.h"

enum {
	TILE_COLUMNS = 32,
	TILES = ARCHIVE_COLUMNS / TILE_COLUMNS, /* of a shard */
	TILE_AVERAGE_BYTES = 4 + TILE_COLUMNS * 4,
	TILE_HOUR_REST_BYTES = 4 + TILE_COLUMNS * 10,
	TILE_DAY_REST_BYTES = 4 + TILE_COLUMNS * 8,
	TILE_BYTES_MAX = TILE_HOUR_REST_BYTES,
};

/* A row lies in two places, each with a checksum: what nearly everybody asks for, and the rest. */
enum tile_part {
	TILE_AVERAGES,
	TILE_REST, /* minima, maxima, and of hours the numbers of known steps */
	_TILE_PART_COUNT,
};

/* One row of one tile. */
struct archive_cells {
	uint32_t row; /* 0: none */
	float value[_ARCHIVE_CF_COUNT][TILE_COLUMNS];
	uint16_t known[TILE_COLUMNS]; /* steps; not kept of days */
};

/* Which row of which tile. `tile` counts over all shards: all of it is in the checksum, so that
 * bytes at a wrong place are not taken for right. */
struct tile_row {
	enum archive_level level;
	enum tile_part part;
	uint32_t tile;
	uint32_t row;
};

size_t tile_row_bytes(enum archive_level level, enum tile_part part);
void tile_encode(const struct tile_row *t, const struct archive_cells *cells, uint8_t *ret);
/* Are the bytes that row? */
bool tile_check(const struct tile_row *t, const uint8_t *bytes);
/* Of n rows side by side, from `t` on, at once: which of them are, and how many? */
size_t tile_check_rows(const struct tile_row *t, const uint8_t *bytes, size_t n, bool *ret);
/* The part into its place in `ret`. False: damaged, or another row. */
bool tile_decode(const struct tile_row *t, const uint8_t *bytes, struct archive_cells *ret);
/* Which part has it. */
enum tile_part tile_part_of(enum archive_cf cf);

/* Columns of a tile, and an array for the values of each. */
struct tile_columns {
	size_t n;
	uint8_t at[TILE_COLUMNS]; /* in the tile */
	float *values[TILE_COLUMNS];
};

/* Of n rows side by side, right or not, to values[i][k] and on. `t`: which level and part. */
void tile_take(const struct tile_row *t, enum archive_cf cf, const uint8_t *bytes, size_t n,
	       const struct tile_columns *into, size_t k);
/* Take over the columns of which `other`, the same row, knows more. */
void tile_merge(struct archive_cells *into, const struct archive_cells *other);
/* A day from its hours. Those of them that are not there have row 0; cells of a column from before
 * the column's `born` (a step, one for each column) are not its own and do not count. */
void tile_make_day(uint32_t day, const struct archive_cells hours[24], const uint32_t *born,
		   struct archive_cells *ret);

/* Where a shard's file has what: rows are a ring, the rings of all tiles of a part lie together. */
enum {
	TILE_FILE_HEADER_BYTES = 4096,
	TILE_FILE_MINUTES_AT = TILE_FILE_HEADER_BYTES,
	TILE_FILE_HOURS_AT = TILE_FILE_MINUTES_AT + ARCHIVE_MINUTES_KEPT * ARCHIVE_MINUTE_BYTES,
	TILE_FILE_HOUR_RESTS_AT = TILE_FILE_HOURS_AT + TILES * 168 * TILE_AVERAGE_BYTES,
	TILE_FILE_DAYS_AT = TILE_FILE_HOUR_RESTS_AT + TILES * 168 * TILE_HOUR_REST_BYTES,
	TILE_FILE_DAY_RESTS_AT = TILE_FILE_DAYS_AT + TILES * 366 * TILE_AVERAGE_BYTES,
	TILE_FILE_BYTES = TILE_FILE_DAY_RESTS_AT + TILES * 366 * TILE_DAY_REST_BYTES,
};
int64_t tile_file_minute_at(uint32_t row);
/* Of a row. */
int64_t tile_file_row_at(const struct tile_row *t);

#endif
