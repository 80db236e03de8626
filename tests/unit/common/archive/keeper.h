/* SPDX-License-Identifier: Apache-2.0 */
/* An archive with its files in memory: what a program does with common/archive, without a disk. */
#ifndef MUSTER_TESTS_ARCHIVE_KEEPER_H
#define MUSTER_TESTS_ARCHIVE_KEEPER_H

#include "common/archive/archive.h"
#include "common/archive/tile.h"

struct keeper {
	struct archive *archive;
	uint8_t *file; /* TILE_FILE_BYTES, of the only shard */
	uint32_t born[TILE_COLUMNS];
	size_t n_minutes; /* written */
	size_t n_hours;
};

void keeper_init(struct keeper *k);
void keeper_deinit(struct keeper *k);
/* Time goes on to `now`; all that has ended is written. */
void keeper_tick(struct keeper *k, int64_t now);
/* A row of a column (of the first tile), whatever the level. */
float keeper_read(const struct keeper *k, enum archive_level level, enum archive_cf cf,
		  uint32_t column, uint32_t row);
/* As after a restart: a new archive that knows what the file has. */
void keeper_restart(struct keeper *k);

#endif
