/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/crc32c.h"
#include "common/archive/record.h"
#include "common/archive/tile.h"
#include "common/base/rand.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(crc32c, is_castagnoli)
{
	struct mu_rand rand = {1};
	uint8_t bytes[200];

	cr_assert_eq(archive_crc32c(0, "123456789", 9), 0xe3069283);
	cr_assert_eq(archive_crc32c_table(0, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)mu_rand_next(&rand);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		uint32_t crc = archive_crc32c(0, bytes, len);

		cr_assert_eq(crc, archive_crc32c_table(0, bytes, len));
		cr_assert_eq(archive_crc32c(archive_crc32c(0, bytes, len / 3), bytes + len / 3,
					    len - len / 3),
			     crc);
	}
}

Test(crc32c, of_rows_at_once)
{
	enum { STRIDE = 50 };
	struct mu_rand rand = {2};
	uint8_t bytes[CRC32C_ROWS * STRIDE];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)mu_rand_next(&rand);
	for (size_t len = 0; len <= STRIDE; len++) {
		uint32_t crc[CRC32C_ROWS] = {0, 1, 2, 0xffffffff};
		uint32_t want[CRC32C_ROWS];

		for (size_t i = 0; i < CRC32C_ROWS; i++)
			want[i] = archive_crc32c(crc[i], bytes + i * STRIDE, len);
		archive_crc32c_rows_table(crc, bytes, STRIDE, len);
		cr_assert_arr_eq(crc, want, sizeof want);
		memcpy(crc, (uint32_t[CRC32C_ROWS]){0, 1, 2, 0xffffffff}, sizeof crc);
		archive_crc32c_rows(crc, bytes, STRIDE, len);
		cr_assert_arr_eq(crc, want, sizeof want);
	}
}

static struct archive_cells cells_of(uint32_t row, float v, uint16_t known)
{
	struct archive_cells c = {.row = row};

	for (size_t i = 0; i < TILE_COLUMNS; i++) {
		c.value[ARCHIVE_AVERAGE][i] = v + (float)i;
		c.value[ARCHIVE_MIN][i] = v;
		c.value[ARCHIVE_MAX][i] = v + 100;
		c.known[i] = known;
	}
	return c;
}

static void round_trip(enum archive_level level)
{
	struct archive_cells c = cells_of(5, 1, 720), back = {0};
	uint8_t bytes[TILE_BYTES_MAX];
	struct tile_row t = {level, TILE_AVERAGES, 3, 5};

	for (; t.part < _TILE_PART_COUNT; t.part++) {
		const struct tile_row others[] = {
		    {level, t.part, 3, 6},
		    {level, t.part, 3, 5 + archive_levels[level].n_rows},
		    {level, t.part, 4, 5}};

		tile_encode(&t, &c, bytes);
		cr_assert(tile_decode(&t, bytes, &back));
		for (size_t i = 0; i < MU_ARRAY_SIZE(others); i++)
			cr_assert_not(tile_decode(&others[i], bytes, &back), "other %zu", i);
		for (size_t i = 0; i < tile_row_bytes(level, t.part); i++) {
			bytes[i] ^= 0x10;
			cr_assert_not(tile_decode(&t, bytes, &back), "byte %zu", i);
			bytes[i] ^= 0x10;
		}
		memset(bytes, 0, sizeof bytes);
		cr_assert_not(tile_decode(&t, bytes, &back), "a hole of the file");
	}
	cr_assert_arr_eq(back.value, c.value, sizeof c.value);
	cr_assert(level == ARCHIVE_DAYS || memcmp(back.known, c.known, sizeof c.known) == 0);
}

Test(tile, rows_to_bytes_and_back)
{
	round_trip(ARCHIVE_HOURS);
	round_trip(ARCHIVE_DAYS);
}

Test(tile, rows_side_by_side)
{
	enum { ROWS = 11 };
	uint8_t bytes[ROWS * TILE_BYTES_MAX];
	bool is_row[ROWS];

	/* The first has the number 0, the last two are of another turn of the ring. */
	for (enum tile_part part = TILE_AVERAGES; part < _TILE_PART_COUNT; part++) {
		const struct tile_row first = {ARCHIVE_HOURS, part, 3, 0};
		size_t size = tile_row_bytes(ARCHIVE_HOURS, part);

		memset(bytes, 0, sizeof bytes);
		for (uint32_t i = 0; i < ROWS; i++) {
			const struct tile_row t = {ARCHIVE_HOURS, part, 3, i < 9 ? i : i + 168};
			const struct archive_cells c = cells_of(t.row, 1, 720);

			if (i != 4) /* a hole of the file */
				tile_encode(&t, &c, bytes + i * size);
		}
		bytes[6 * size + 4] ^= 1;
		for (size_t n = 0; n <= ROWS; n++) {
			tile_check_rows(&first, bytes, n, is_row);
			for (size_t i = 0; i < n; i++)
				cr_assert_eq(is_row[i], i != 0 && i != 4 && i != 6 && i < 9,
					     "row %zu of %zu", i, n);
		}
	}
}

/* Neighbours in fours and what is left of them, others one by one, twice and backwards; rows
 * likewise. */
Test(tile, values_are_taken_out_of_rows)
{
	enum { ROWS = 11, K = 3 };
	static const uint8_t at[] = {0,  1,  2,  3,  4,  5, 6, 7,  8,  31, 30, 29,
				     28, 12, 13, 14, 16, 9, 9, 28, 29, 30, 31};
	static uint8_t bytes[ROWS * TILE_BYTES_MAX];
	static float values[sizeof at][ROWS + 2 * K];

	for (unsigned cf = 0; cf < _ARCHIVE_CF_COUNT; cf++) {
		const struct tile_row t = {ARCHIVE_DAYS, tile_part_of((enum archive_cf)cf), 3, 5};
		struct tile_columns into = {.n = sizeof at};
		struct tile_row row = t;

		for (; row.row < t.row + ROWS; row.row++) {
			struct archive_cells c = cells_of(row.row, (float)row.row, 720);

			for (size_t i = 0; i < TILE_COLUMNS; i++)
				c.value[cf][i] = (float)(row.row * 100 + i);
			tile_encode(&row, &c,
				    bytes + (row.row - t.row) * tile_row_bytes(t.level, t.part));
		}
		memcpy(into.at, at, sizeof at);
		for (size_t i = 0; i < sizeof at; i++)
			into.values[i] = values[i];
		for (size_t n = 0; n <= ROWS; n++) {
			memset(values, 0, sizeof values);
			tile_take(&t, (enum archive_cf)cf, bytes, n, &into, K);
			for (size_t i = 0; i < sizeof at; i++)
				for (size_t k = 0; k < ROWS + 2 * K; k++)
					cr_assert_eq(values[i][k],
						     k < K || k >= K + n
							 ? 0
							 : (float)((k - K + 5) * 100 + at[i]),
						     "column %u of %zu rows, row %zu", at[i], n, k);
		}
	}
}

/* As if it had the number 0, which no row has: zeros with the checksum of that. */
Test(tile, row_0_is_none)
{
	const struct tile_row t = {ARCHIVE_DAYS, TILE_AVERAGES, 3, 0};
	const struct archive_cells c = cells_of(0, 1, 720);
	uint8_t bytes[TILE_BYTES_MAX];

	tile_encode(&t, &c, bytes);
	cr_assert_not(tile_check(&t, bytes));
}

Test(tile, the_one_that_knows_more_counts)
{
	struct archive_cells a = cells_of(1, 1, 10), b = cells_of(1, 2, 10);

	b.known[3] = 11;
	b.known[4] = 9;
	tile_merge(&a, &b);
	cr_assert_eq(a.value[ARCHIVE_MIN][2], 1);
	cr_assert_eq(a.value[ARCHIVE_MIN][3], 2);
	cr_assert_eq(a.known[3], 11);
	cr_assert_eq(a.value[ARCHIVE_MIN][4], 1);
}

Test(tile, a_day_of_hours)
{
	struct archive_cells hours[24], day;
	uint32_t born[TILE_COLUMNS] = {0};

	for (uint32_t h = 0; h < 24; h++)
		hours[h] = cells_of(24 * 7 + 1 + h, (float)h, 720);
	hours[5].row = 0;
	hours[6].known[0] = 0;
	hours[7].known[0] = 1;
	born[1] = (24 * 7 + 20) * 720 + 1; /* a column that was another's before */
	tile_make_day(8, hours, born, &day);
	cr_assert_eq(day.row, 8);
	cr_assert_float_eq(day.value[ARCHIVE_AVERAGE][0],
			   ((276.0 - 5 - 6 - 7) * 720 + 7) / (21 * 720 + 1), 1e-5);
	cr_assert_eq(day.value[ARCHIVE_MIN][0], 0);
	cr_assert_eq(day.value[ARCHIVE_MAX][0], 123);
	cr_assert_eq(day.value[ARCHIVE_MIN][1], 20);
	for (size_t h = 0; h < 24; h++)
		hours[h].row = 0;
	tile_make_day(8, hours, born, &day);
	cr_assert(isnan(day.value[ARCHIVE_AVERAGE][0]) && isnan(day.value[ARCHIVE_MIN][0]));
}

Test(tile, places_in_the_file)
{
	cr_assert_eq(tile_file_minute_at(0), 4096);
	cr_assert_eq(tile_file_minute_at(121), 4096 + ARCHIVE_MINUTE_BYTES);
	cr_assert_eq(tile_file_row_at(&(struct tile_row){ARCHIVE_HOURS, TILE_AVERAGES, TILES, 168}),
		     TILE_FILE_HOURS_AT);
	cr_assert_eq(tile_file_row_at(&(struct tile_row){ARCHIVE_HOURS, TILE_REST, 31, 167}) +
			 TILE_HOUR_REST_BYTES,
		     TILE_FILE_DAYS_AT);
	cr_assert_eq(tile_file_row_at(&(struct tile_row){ARCHIVE_DAYS, TILE_AVERAGES, 1, 0}),
		     TILE_FILE_DAYS_AT + 366 * TILE_AVERAGE_BYTES);
	cr_assert_eq(tile_file_row_at(&(struct tile_row){ARCHIVE_DAYS, TILE_REST, 31, 365}) +
			 TILE_DAY_REST_BYTES,
		     TILE_FILE_BYTES);
	cr_assert_leq(TILE_FILE_BYTES / ARCHIVE_COLUMNS, 8400, "bytes of a series");
}

/* --- records --- */

static const struct archive_run runs[] = {{0, 1020, 4}, {4, 2048, 2}};
static const float values[] = {1, 2, 3, 4, 5, 6, 7};

static struct record record(void)
{
	return (struct record){
	    .host = {{9}},
	    .epoch = 3,
	    .seq = 4,
	    .now = 1790000000,
	    .row = 358000000,
	    .n_runs = 2,
	    .n_values = 7,
	    .runs = runs,
	    .values = values,
	};
}

static size_t encode_two(uint8_t *bytes)
{
	struct record r = record();
	size_t n = record_bytes(&r);

	record_encode(&r, bytes);
	r = (struct record){.host = {{8}}, .now = 1};
	record_encode(&r, bytes + n);
	return n + record_bytes(&r);
}

Test(record, records_to_bytes_and_back)
{
	_Alignas(8) uint8_t bytes[512];
	size_t len = encode_two(bytes), pos = 0;
	struct record back;

	cr_assert_eq(record_next(bytes, len, &pos, &back), RECORD_FOUND);
	cr_assert_eq(back.host.bytes[0], 9);
	cr_assert_eq(back.epoch, 3);
	cr_assert_eq(back.seq, 4);
	cr_assert_eq(back.now, 1790000000);
	cr_assert_eq(back.row, 358000000);
	cr_assert_eq(back.n_runs, 2);
	cr_assert_eq(back.runs[1].column, 2048);
	cr_assert_eq(back.n_values, 7);
	cr_assert_arr_eq(back.values, values, sizeof values);
	cr_assert_eq(record_next(bytes, len, &pos, &back), RECORD_FOUND);
	cr_assert_eq(back.host.bytes[0], 8);
	cr_assert_eq(record_next(bytes, len, &pos, &back), RECORD_END);
}

Test(record, torn_anywhere)
{
	_Alignas(8) uint8_t bytes[512];
	size_t len = encode_two(bytes);
	struct record back;

	for (size_t cut = 1; cut < len; cut++) {
		enum record_found found = RECORD_FOUND;
		size_t pos = 0, n = 0;

		while ((found = record_next(bytes, cut, &pos, &back)) == RECORD_FOUND)
			n++;
		cr_assert(n < 2 && (found == RECORD_TORN || found == RECORD_END), "at %zu", cut);
	}
}

Test(record, damaged_anywhere)
{
	_Alignas(8) uint8_t bytes[512];
	size_t len = encode_two(bytes);
	struct record back;

	for (size_t i = 0; i < len * 8; i++) {
		enum record_found found;
		size_t pos = 0, n = 0;

		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		while ((found = record_next(bytes, len, &pos, &back)) != RECORD_END &&
		       found != RECORD_TORN)
			n += found == RECORD_FOUND;
		cr_assert_lt(n, 2, "bit %zu", i);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* Slots of a minute have four values each. */
Test(record, a_minute)
{
	static const struct archive_run run = {1, 0, 1};
	static const float four[] = {1, 2, 3, 4, 5, 6, 7, 8};
	_Alignas(8) uint8_t bytes[512];
	struct record r = {.kind = RECORD_MINUTE, .row = 9, .n_runs = 1, .n_values = 8};
	struct record back;
	size_t pos = 0;

	r.runs = &run;
	r.values = four;
	record_encode(&r, bytes);
	cr_assert_eq(record_next(bytes, record_bytes(&r), &pos, &back), RECORD_FOUND);
	cr_assert(back.kind == RECORD_MINUTE && back.row == 9 && back.values[7] == 8);
	r.n_values = 7;
	pos = 0;
	record_encode(&r, bytes);
	cr_assert_eq(record_next(bytes, record_bytes(&r), &pos, &back), RECORD_DAMAGED);
	r.kind = _RECORD_KIND_COUNT;
	r.n_values = 8;
	pos = 0;
	record_encode(&r, bytes);
	cr_assert_eq(record_next(bytes, record_bytes(&r), &pos, &back), RECORD_DAMAGED);
}

Test(record, an_image)
{
	static _Alignas(8) uint8_t bytes[ARCHIVE_MINUTE_BYTES + 128];
	static float image[RECORD_IMAGE_VALUES] = {7};
	struct record r = {.kind = RECORD_IMAGE, .row = 9, .n_values = RECORD_IMAGE_VALUES};
	struct record back;
	size_t pos = 0;

	r.values = image;
	record_encode(&r, bytes);
	cr_assert_eq(record_next(bytes, record_bytes(&r), &pos, &back), RECORD_FOUND);
	cr_assert(back.kind == RECORD_IMAGE && back.row == 9 && back.values[0] == 7);
	r.n_values--;
	pos = 0;
	record_encode(&r, bytes);
	cr_assert_eq(record_next(bytes, record_bytes(&r), &pos, &back), RECORD_DAMAGED);
}

/* Well formed, but what it says cannot be. */
Test(record, runs_that_do_not_fit)
{
	static const struct archive_run bad[] = {
	    {0, 0, 0}, {0, 0, ARCHIVE_COLUMNS + 1}, {8, 0, 1}, {6, 0, 2}, {0, 1023, 2},
	};
	_Alignas(8) uint8_t bytes[512];
	struct record back;

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct record r = record();
		size_t pos = 0;

		r.runs = &bad[i];
		r.n_runs = 1;
		record_encode(&r, bytes);
		cr_assert_eq(record_next(bytes, record_bytes(&r), &pos, &back), RECORD_DAMAGED,
			     "%zu", i);
	}
}

Test(record, a_length_that_is_not_the_contents)
{
	_Alignas(8) uint8_t bytes[512] = {0};
	struct record r = record(), back;
	size_t len = record_bytes(&r), pos = 0;
	uint32_t longer = (uint32_t)len + 8, crc;

	record_encode(&r, bytes);
	memcpy(bytes, &longer, 4);
	crc = archive_crc32c(0, bytes + 8, len);
	memcpy(bytes + 4, &crc, 4);
	cr_assert_eq(record_next(bytes, len + 8, &pos, &back), RECORD_DAMAGED);
}
