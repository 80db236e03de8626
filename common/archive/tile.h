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
	TILE_HOUR_BYTES = 8 + TILE_COLUMNS * 14,
	TILE_DAY_BYTES = 8 + TILE_COLUMNS * 12,
	TILE_HOURS_BYTES = 168 * TILE_HOUR_BYTES, /* all rows of a tile */
	TILE_DAYS_BYTES = 366 * TILE_DAY_BYTES,
};

/* One row of one tile. */
struct archive_cells {
	uint32_t row; /* 0: none */
	float value[_ARCHIVE_CF_COUNT][TILE_COLUMNS];
	uint16_t known[TILE_COLUMNS]; /* steps; not kept of days */
};

size_t tile_row_bytes(enum archive_level level);
/* `tile` counts over all shards: it is in the checksum, so that bytes at a wrong place are not
 * taken for right. */
void tile_encode(enum archive_level level, uint32_t tile, const struct archive_cells *cells,
		 uint8_t *ret);
/* False: damaged, or another row than `row`. */
bool tile_decode(enum archive_level level, uint32_t tile, uint32_t row, const uint8_t *bytes,
		 struct archive_cells *ret);
/* Take over the columns of which `other`, the same row, knows more. */
void tile_merge(struct archive_cells *into, const struct archive_cells *other);
/* A day from its hours. Those of them that are not there have row 0; cells of a column from before
 * the column's `born` (a step, one for each column) are not its own and do not count. */
void tile_make_day(uint32_t day, const struct archive_cells hours[24], const uint32_t *born,
		   struct archive_cells *ret);

/* Where a shard's file has what; rows of a level are a ring. */
enum {
	TILE_FILE_HEADER_BYTES = 4096,
	TILE_FILE_MINUTES_AT = TILE_FILE_HEADER_BYTES,
	TILE_FILE_HOURS_AT = TILE_FILE_MINUTES_AT + ARCHIVE_MINUTES_KEPT * ARCHIVE_MINUTE_BYTES,
	TILE_FILE_DAYS_AT = TILE_FILE_HOURS_AT + TILES * TILE_HOURS_BYTES,
	TILE_FILE_BYTES = TILE_FILE_DAYS_AT + TILES * TILE_DAYS_BYTES,
};
int64_t tile_file_minute_at(uint32_t row);
/* Of row 0 of the tile's ring, and of a row. `tile` counts within the shard. */
int64_t tile_file_at(enum archive_level level, uint32_t tile);
int64_t tile_file_row_at(enum archive_level level, uint32_t tile, uint32_t row);

#endif
