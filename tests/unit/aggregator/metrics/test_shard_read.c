/* SPDX-License-Identifier: Apache-2.0 */
/* Hours and days out of a shard's file: which of its rows are served, where they go, and what
 * happens when the file is another, or not there. */
#include "aggregator/metrics/shard_read.h"
#include "common/archive/tile.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NEWEST UINT32_C(20000)
/* Of two tiles of a shard, the last of its columns, and of one that has no file. */
static const uint32_t columns[] = {1023, 31, 32, 33, 1024};
enum { N = 5, ABSENT = 4 };

static char dir[] = "/tmp/muster-shard-XXXXXX";
static char path[64];
static struct shard_place place;
static struct mu_error err = MU_ERROR_INIT;

static void write_hour_of_long_ago(void)
{
	static const uint32_t born[ARCHIVE_COLUMNS];
	struct archive_cells cells[TILES] = {{.row = 0}};

	for (size_t i = 0; i < TILES; i++)
		cells[i].row = 1;
	cr_assert_eq(shard_file_write_hour(&place, 0, cells, born, &err), 0, "%s", err.text);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	place = (struct shard_place){dir, {{9}}, shard_maps_new()};
	(void)snprintf(path, sizeof path, "%s/shard-0000.arc", dir);
	write_hour_of_long_ago();
}

static void teardown(void)
{
	shard_maps_free(place.maps);
	(void)unlink(path);
	(void)rmdir(dir);
}

TestSuite(shard_read, .init = setup, .fini = teardown);

static float value_of(uint32_t row, uint32_t column, enum archive_cf cf)
{
	return (float)row + (float)column / 2048 + (float)cf * 100000;
}

static void write_row(enum archive_level level, uint32_t tile, uint32_t row, int damaged)
{
	struct archive_cells cells = {.row = row};
	struct tile_row t = {level, TILE_AVERAGES, tile, row};
	uint8_t bytes[TILE_BYTES_MAX];
	int fd = open(path, O_RDWR | O_CLOEXEC);

	for (unsigned cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
		for (uint32_t i = 0; i < TILE_COLUMNS; i++)
			cells.value[cf][i] =
			    value_of(row, tile * TILE_COLUMNS + i, (enum archive_cf)cf);
	for (; t.part < _TILE_PART_COUNT; t.part++) {
		size_t size = tile_row_bytes(level, t.part);

		tile_encode(&t, &cells, bytes);
		bytes[4 + tile % TILE_COLUMNS] ^= (uint8_t)damaged;
		cr_assert_eq(pwrite(fd, bytes, size, tile_file_row_at(&t)), (ssize_t)size);
	}
	(void)close(fd);
}

/* Some rows were never written, some are of the ring's turn before, some damaged. */
static bool is_there(uint32_t row)
{
	return row <= NEWEST && row % 7 != 0 && row % 11 != 0 && row % 13 != 0;
}

static void fill(enum archive_level level)
{
	static const uint32_t tiles[] = {0, 1, 31};
	uint32_t n = archive_levels[level].n_rows;

	for (size_t i = 0; i < 3; i++)
		for (uint32_t row = NEWEST - n + 1; row <= NEWEST; row++)
			if (row % 7 != 0)
				write_row(level, tiles[i], row % 11 != 0 ? row : row - n,
					  row % 13 == 0);
}

static void expect(enum archive_level level, enum archive_cf cf, uint32_t first, uint32_t n)
{
	float *values = calloc((size_t)N * n, sizeof *values);
	const struct shard_read rd = {.level = level,
				      .cf = cf,
				      .first = first,
				      .n_rows = n,
				      .n_columns = N,
				      .columns = columns,
				      .values = values};

	cr_assert_eq(shard_read(&place, &rd, &err), 0, "%s", err.text);
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t k = 0; k < n; k++) {
			float v = values[i * n + k];

			if (i == ABSENT || !is_there(first + k))
				cr_assert(isnan(v), "column %u row %u", columns[i], first + k);
			else
				cr_assert_eq(v, value_of(first + k, columns[i], cf));
		}
	free(values);
}

Test(shard_read, rows_of_a_ring)
{
	for (enum archive_level level = ARCHIVE_HOURS; level <= ARCHIVE_DAYS; level++) {
		uint32_t n = archive_levels[level].n_rows;

		fill(level);
		for (unsigned cf = 0; cf < _ARCHIVE_CF_COUNT; cf++) {
			expect(level, (enum archive_cf)cf, NEWEST - n + 1, n);
			expect(level, (enum archive_cf)cf, NEWEST - 40, 41);
			expect(level, (enum archive_cf)cf, NEWEST - 2, 1);
			expect(level, (enum archive_cf)cf, NEWEST + 1, n / 2);
		}
	}
}

Test(shard_read, a_file_that_cannot_be_opened)
{
	float values[N];
	const struct shard_read rd = {.level = ARCHIVE_DAYS,
				      .first = NEWEST,
				      .n_rows = 1,
				      .n_columns = N,
				      .columns = columns,
				      .values = values};

	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(symlink(path, path), 0);
	cr_assert_lt(shard_read(&place, &rd, &err), 0);
	cr_assert_not_null(strstr(err.text, path), "%s", err.text);
}

static int read_one(enum archive_level level, uint32_t row, float *ret)
{
	const struct shard_read rd = {.level = level,
				      .first = row,
				      .n_rows = 1,
				      .n_columns = 1,
				      .columns = columns + 1,
				      .values = ret};

	return shard_read(&place, &rd, &err);
}

/* As empty as one that was just made. */
static void copy_head(const char *from, const char *to)
{
	uint8_t head[TILE_FILE_HEADER_BYTES];
	int in = open(from, O_RDONLY | O_CLOEXEC);

	cr_assert_eq(pread(in, head, sizeof head, 0), (ssize_t)sizeof head);
	cr_assert_eq(mu_file_replace(to, head, sizeof head, 0600, &err), 0, "%s", err.text);
	cr_assert_eq(truncate(to, TILE_FILE_BYTES), 0);
	(void)close(in);
}

/* The next writer sees that, and readers with it; who reads at that moment keeps what it has. */
Test(shard_read, a_file_that_was_put_in_the_place_of_another)
{
	struct shard_map *before, *after;
	char other[80];
	uint8_t byte;
	float value;

	cr_assert_eq(read_one(ARCHIVE_DAYS, NEWEST, &value), 0);
	cr_assert(isnan(value));
	cr_assert_eq(shard_maps_get(place.maps, 0, path, &before, &err), 1);
	(void)snprintf(other, sizeof other, "%s/other", dir);
	copy_head(path, other);
	cr_assert_eq(rename(other, path), 0);
	write_row(ARCHIVE_DAYS, 0, NEWEST, 0);
	write_hour_of_long_ago();

	cr_assert_eq(shard_maps_get(place.maps, 0, path, &after, &err), 1);
	cr_assert_neq(before, after);
	cr_assert(mu_mapped_copy(&before->mapped, TILE_FILE_HOURS_AT, &byte, 1));
	shard_maps_put(place.maps, before);
	shard_maps_put(place.maps, after);
	cr_assert_eq(read_one(ARCHIVE_DAYS, NEWEST, &value), 0);
	cr_assert_eq(value, value_of(NEWEST, columns[1], ARCHIVE_AVERAGE));
}

/* What is not there any more is unknown, and no reason to die. */
Test(shard_read, a_file_that_was_shortened)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	float value;

	write_row(ARCHIVE_HOURS, 0, NEWEST, 0);
	cr_assert_eq(read_one(ARCHIVE_HOURS, NEWEST, &value), 0);
	cr_assert_eq(value, value_of(NEWEST, columns[1], ARCHIVE_AVERAGE));
	cr_assert_eq(ftruncate(fd, TILE_FILE_HEADER_BYTES), 0);
	cr_assert_eq(read_one(ARCHIVE_HOURS, NEWEST, &value), 0);
	cr_assert(isnan(value));

	/* And when the kernel cannot be asked why, that is an error. */
	cr_assert_eq(unlink(path), 0);
	cr_assert_lt(read_one(ARCHIVE_HOURS, NEWEST, &value), 0);
	cr_assert_not_null(strstr(err.text, path), "%s", err.text);
	(void)close(fd);
}
