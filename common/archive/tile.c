/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a row: a checksum, which only the right number of the row makes right, and averages;
 * or minima, maxima, and of hours the numbers of known steps. All little-endian, as is every
 * machine this runs on.
 */
#include "common/archive/tile.h"

#include "common/archive/crc32c.h"
#include "common/base/assert.h"

#include <math.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "rows are stored as little-endian IEEE floats");

enum { CRC_BYTES = 4, VALUES_BYTES = TILE_COLUMNS * 4, KNOWN_BYTES = TILE_COLUMNS * 2 };

size_t tile_row_bytes(enum archive_level level, enum tile_part part)
{
	mu_assert(level == ARCHIVE_HOURS || level == ARCHIVE_DAYS);
	if (part == TILE_AVERAGES)
		return TILE_AVERAGE_BYTES;
	return level == ARCHIVE_HOURS ? TILE_HOUR_REST_BYTES : TILE_DAY_REST_BYTES;
}

struct place {
	uint32_t tile, level, row, part;
};

static struct place place_of(const struct tile_row *t)
{
	return (struct place){t->tile, t->level, t->row, t->part};
}

/* Never 0: that is a hole of the file. */
static uint32_t not_zero(uint32_t crc)
{
	return crc != 0 ? crc : UINT32_MAX;
}

static uint32_t checksum(const struct tile_row *t, const uint8_t *bytes)
{
	const struct place place = place_of(t);
	uint32_t crc = archive_crc32c(0, &place, sizeof place);

	return not_zero(
	    archive_crc32c(crc, bytes + CRC_BYTES, tile_row_bytes(t->level, t->part) - CRC_BYTES));
}

static bool is_checksum(const struct tile_row *t, const uint8_t *bytes, uint32_t want)
{
	uint32_t crc;

	memcpy(&crc, bytes, sizeof crc);
	return t->row != 0 && crc == want;
}

void tile_encode(const struct tile_row *t, const struct archive_cells *cells, uint8_t *ret)
{
	uint8_t *p = ret + CRC_BYTES;
	uint32_t crc;

	if (t->part == TILE_AVERAGES) {
		memcpy(p, cells->value[ARCHIVE_AVERAGE], VALUES_BYTES);
	} else {
		memcpy(p, cells->value[ARCHIVE_MIN], VALUES_BYTES);
		memcpy(p + VALUES_BYTES, cells->value[ARCHIVE_MAX], VALUES_BYTES);
		if (t->level == ARCHIVE_HOURS)
			memcpy(p + 2 * VALUES_BYTES, cells->known, KNOWN_BYTES);
	}
	crc = checksum(t, ret);
	memcpy(ret, &crc, sizeof crc);
}

bool tile_check(const struct tile_row *t, const uint8_t *bytes)
{
	return is_checksum(t, bytes, checksum(t, bytes));
}

size_t tile_check_rows(const struct tile_row *t, const uint8_t *bytes, size_t n, bool *ret)
{
	const size_t size = tile_row_bytes(t->level, t->part);
	struct tile_row row = *t;
	size_t at = 0, n_right = 0;

	for (; n - at >= CRC32C_ROWS; at += CRC32C_ROWS) {
		uint32_t crc[CRC32C_ROWS] = {0};
		struct place places[CRC32C_ROWS];

		for (size_t i = 0; i < CRC32C_ROWS; i++) {
			places[i] = place_of(t);
			places[i].row += (uint32_t)(at + i);
		}
		archive_crc32c_rows(crc, places, sizeof places[0], sizeof places[0]);
		archive_crc32c_rows(crc, bytes + at * size + CRC_BYTES, size, size - CRC_BYTES);
		for (size_t i = 0; i < CRC32C_ROWS; i++) {
			row.row = places[i].row;
			ret[at + i] = is_checksum(&row, bytes + (at + i) * size, not_zero(crc[i]));
			n_right += ret[at + i];
		}
	}
	for (; at < n; at++) {
		row.row = t->row + (uint32_t)at;
		ret[at] = tile_check(&row, bytes + at * size);
		n_right += ret[at];
	}
	return n_right;
}

bool tile_decode(const struct tile_row *t, const uint8_t *bytes, struct archive_cells *ret)
{
	const uint8_t *p = bytes + CRC_BYTES;

	if (!tile_check(t, bytes))
		return false;
	ret->row = t->row;
	if (t->part == TILE_AVERAGES) {
		memcpy(ret->value[ARCHIVE_AVERAGE], p, VALUES_BYTES);
		return true;
	}
	memcpy(ret->value[ARCHIVE_MIN], p, VALUES_BYTES);
	memcpy(ret->value[ARCHIVE_MAX], p + VALUES_BYTES, VALUES_BYTES);
	if (t->level == ARCHIVE_HOURS)
		memcpy(ret->known, p + 2 * VALUES_BYTES, KNOWN_BYTES);
	return true;
}

enum tile_part tile_part_of(enum archive_cf cf)
{
	return cf == ARCHIVE_AVERAGE ? TILE_AVERAGES : TILE_REST;
}

/* Where in a row its values begin. */
static size_t values_at(enum archive_cf cf)
{
	return cf == ARCHIVE_MAX ? CRC_BYTES + VALUES_BYTES : CRC_BYTES;
}

/* A square of this many columns and rows is turned in registers: stored as it is loaded, a value
 * at a time, it would be a third of what reading a year costs. */
enum { SIDE = 4 };

typedef float lane __attribute__((vector_size(SIDE * sizeof(float))));

static inline lane load(const uint8_t *bytes)
{
	lane l;

	memcpy(&l, bytes, sizeof l);
	return l;
}

static inline void store(float *to, lane l)
{
	memcpy(to, &l, sizeof l);
}

static inline void take_square(const uint8_t *bytes, size_t size, float *const *values, size_t k)
{
	const lane a = load(bytes), b = load(bytes + size), c = load(bytes + 2 * size),
		   d = load(bytes + 3 * size);
	const lane ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
		   cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
		   ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
		   cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);

	store(values[0] + k, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
	store(values[1] + k, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
	store(values[2] + k, __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5));
	store(values[3] + k, __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7));
}

static void take_column(const uint8_t *bytes, size_t size, size_t n, float *values)
{
	for (size_t row = 0; row < n; row++)
		memcpy(&values[row], bytes + row * size, sizeof *values);
}

static bool are_neighbours(const uint8_t *at)
{
	for (uint8_t i = 1; i < SIDE; i++)
		if (at[i] != at[0] + i)
			return false;
	return true;
}

void tile_take(const struct tile_row *t, enum archive_cf cf, const uint8_t *bytes, size_t n,
	       const struct tile_columns *into, size_t k)
{
	const size_t size = tile_row_bytes(t->level, t->part), squares = n / SIDE * SIDE;
	const uint8_t *values = bytes + values_at(cf);

	for (size_t i = 0, some; i < into->n; i += some) {
		size_t done = 0;

		some = 1;
		if (into->n - i >= SIDE && are_neighbours(into->at + i)) {
			some = SIDE;
			for (; done < squares; done += SIDE)
				take_square(values + done * size + into->at[i] * sizeof(float),
					    size, into->values + i, k + done);
		}
		for (size_t c = i; c < i + some; c++)
			take_column(values + done * size + into->at[c] * sizeof(float), size,
				    n - done, into->values[c] + k + done);
	}
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

int64_t tile_file_row_at(const struct tile_row *t)
{
	static const int64_t begin[2][_TILE_PART_COUNT] = {
	    {TILE_FILE_HOURS_AT, TILE_FILE_HOUR_RESTS_AT},
	    {TILE_FILE_DAYS_AT, TILE_FILE_DAY_RESTS_AT},
	};
	uint32_t ring = archive_levels[t->level].n_rows;

	return begin[t->level == ARCHIVE_DAYS][t->part] +
	       (int64_t)((t->tile % TILES * ring + t->row % ring) *
			 tile_row_bytes(t->level, t->part));
}
