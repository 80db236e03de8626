/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/archive/keeper.h"

#include "common/base/assert.h"

#include <math.h>
#include <stdlib.h>

void keeper_init(struct keeper *k)
{
	*k = (struct keeper){
	    .archive = archive_new(NULL),
	    .file = mu_xcalloc(1, TILE_FILE_BYTES),
	};
	archive_reserve(k->archive, 1);
}

void keeper_deinit(struct keeper *k)
{
	archive_free(k->archive);
	free(k->file);
}

static bool read_cells(const struct keeper *k, enum archive_level level, uint32_t row,
		       struct archive_cells *ret)
{
	struct tile_row t = {level, TILE_AVERAGES, 0, row};
	bool there = tile_decode(&t, k->file + tile_file_row_at(&t), ret);

	t.part = TILE_REST;
	return tile_decode(&t, k->file + tile_file_row_at(&t), ret) && there;
}

static void write_cells(struct keeper *k, enum archive_level level,
			const struct archive_cells *cells)
{
	struct tile_row t = {level, TILE_AVERAGES, 0, cells->row};

	for (; t.part < _TILE_PART_COUNT; t.part++)
		tile_encode(&t, cells, k->file + tile_file_row_at(&t));
}

static void write_day(struct keeper *k, uint32_t day)
{
	struct archive_cells hours[24], cells;

	for (uint32_t h = 0; h < 24; h++)
		if (!read_cells(k, ARCHIVE_HOURS, (day - 1) * 24 + 1 + h, &hours[h]))
			hours[h].row = 0;
	tile_make_day(day, hours, k->born, &cells);
	write_cells(k, ARCHIVE_DAYS, &cells);
}

static void write_hour(struct keeper *k, const struct archive_change *change)
{
	struct archive_cells tiles[TILES], old;
	uint32_t today = (change->row - 1) / 24 + 1;

	archive_make_hour(k->archive, change, tiles);
	if (read_cells(k, ARCHIVE_HOURS, change->row, &old))
		tile_merge(&tiles[0], &old);
	write_cells(k, ARCHIVE_HOURS, &tiles[0]);
	/* As aggregator/metrics: the one before, too, when nobody was there at its end. */
	if (!read_cells(k, ARCHIVE_DAYS, today - 1, &old))
		write_day(k, today - 1);
	if (change->row == today * 24)
		write_day(k, today);
	k->n_hours++;
}

void keeper_tick(struct keeper *k, int64_t now)
{
	struct archive_change change;

	archive_tick(k->archive, now);
	while (archive_next(k->archive, &change)) {
		if (change.level == ARCHIVE_HOURS) {
			write_hour(k, &change);
			continue;
		}
		archive_encode_minute(k->archive, &change,
				      k->file + tile_file_minute_at(change.row));
		k->n_minutes++;
	}
}

float keeper_read(const struct keeper *k, enum archive_level level, enum archive_cf cf,
		  uint32_t column, uint32_t row)
{
	struct archive_cells cells;
	float v;

	mu_assert(column < TILE_COLUMNS);
	if (level == ARCHIVE_STEPS || level == ARCHIVE_MINUTES) {
		archive_read(k->archive, level, cf, column, row, 1, &v);
		return v;
	}
	return read_cells(k, level, row, &cells) ? cells.value[cf][column] : NAN;
}

void keeper_restart(struct keeper *k)
{
	archive_free(k->archive);
	k->archive = archive_new(NULL);
	archive_reserve(k->archive, 1);
	for (uint32_t row = 0; row < archive_levels[ARCHIVE_MINUTES].n_rows; row++)
		(void)archive_restore_minute(k->archive, 0, k->file + tile_file_minute_at(row));
}
