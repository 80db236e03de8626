/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row: its number, a checksum, averages, minima, maxima, and of hours the numbers of known
 * steps. All little-endian, as is every machine this runs on.
 */
#include "common/archive/tile.h"

#include "common/archive/crc32c.h"
#include "common/base/assert.h"

#include <math.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "rows are stored as little-endian IEEE floats");

enum { VALUES_BYTES = TILE_COLUMNS * 12, KNOWN_BYTES = TILE_COLUMNS * 2 };

size_t tile_row_bytes(enum archive_level level)
{
	mu_assert(level == ARCHIVE_HOURS || level == ARCHIVE_DAYS);
	return level == ARCHIVE_HOURS ? TILE_HOUR_BYTES : TILE_DAY_BYTES;
}

static uint32_t checksum(enum archive_level level, uint32_t tile, const uint8_t *bytes)
{
	const uint32_t place[2] = {tile, level};
	uint32_t crc = archive_crc32c(0, place, sizeof place);

	crc = archive_crc32c(crc, bytes, 4);
	return archive_crc32c(crc, bytes + 8, tile_row_bytes(level) - 8);
}

void tile_encode(enum archive_level level, uint32_t tile, const struct archive_cells *cells,
		 uint8_t *ret)
{
	uint32_t crc;

	memcpy(ret, &cells->row, 4);
	memcpy(ret + 8, cells->value, VALUES_BYTES);
	if (level == ARCHIVE_HOURS)
		memcpy(ret + 8 + VALUES_BYTES, cells->known, KNOWN_BYTES);
	crc = checksum(level, tile, ret);
	memcpy(ret + 4, &crc, 4);
}

bool tile_decode(enum archive_level level, uint32_t tile, uint32_t row, const uint8_t *bytes,
		 struct archive_cells *ret)
{
	uint32_t there, crc;

	memcpy(&there, bytes, 4);
	memcpy(&crc, bytes + 4, 4);
	if (there != row || row == 0 || crc != checksum(level, tile, bytes))
		return false;
	ret->row = row;
	memcpy(ret->value, bytes + 8, VALUES_BYTES);
	if (level == ARCHIVE_HOURS)
		memcpy(ret->known, bytes + 8 + VALUES_BYTES, KNOWN_BYTES);
	return true;
}

void tile_merge(struct archive_cells *into, const struct archive_cells *other)
{
	for (size_t i = 0; i < TILE_COLUMNS; i++) {
		if (other->known[i] <= into->known[i])
			continue;
		for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
			into->value[cf][i] = other->value[cf][i];
		into->known[i] = other->known[i];
	}
}

static void day_cell(const struct archive_cells hours[24], uint32_t born, size_t i,
		     struct archive_cells *ret)
{
	double sum = 0;
	uint32_t known = 0;
	float min = INFINITY, max = -INFINITY;

	for (size_t h = 0; h < 24; h++) {
		const struct archive_cells *c = &hours[h];
		uint16_t n = c->known[i];

		if (c->row == 0 || n == 0 || c->row * 720 < born)
			continue;
		sum += (double)c->value[ARCHIVE_AVERAGE][i] * n;
		known += n;
		min = fminf(min, c->value[ARCHIVE_MIN][i]);
		max = fmaxf(max, c->value[ARCHIVE_MAX][i]);
	}
	ret->value[ARCHIVE_AVERAGE][i] = known ? (float)(sum / known) : NAN;
	ret->value[ARCHIVE_MIN][i] = known ? min : NAN;
	ret->value[ARCHIVE_MAX][i] = known ? max : NAN;
}

void tile_make_day(uint32_t day, const struct archive_cells hours[24], const uint32_t *born,
		   struct archive_cells *ret)
{
	*ret = (struct archive_cells){.row = day};
	for (size_t i = 0; i < TILE_COLUMNS; i++)
		day_cell(hours, born[i], i, ret);
}

int64_t tile_file_minute_at(uint32_t row)
{
	return TILE_FILE_MINUTES_AT + (int64_t)(row % ARCHIVE_MINUTES_KEPT) * ARCHIVE_MINUTE_BYTES;
}

int64_t tile_file_at(enum archive_level level, uint32_t tile)
{
	return level == ARCHIVE_HOURS ? TILE_FILE_HOURS_AT + (int64_t)tile * TILE_HOURS_BYTES
				      : TILE_FILE_DAYS_AT + (int64_t)tile * TILE_DAYS_BYTES;
}

int64_t tile_file_row_at(enum archive_level level, uint32_t tile, uint32_t row)
{
	return tile_file_at(level, tile) +
	       (int64_t)(row % archive_levels[level].n_rows * tile_row_bytes(level));
}
