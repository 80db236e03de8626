/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of the mapped file some rows at a time are copied to where nobody else writes, into the
 * processor's nearest cache; there they are looked at and their values taken. So a row that is
 * written meanwhile is either right or not, and does not change once it was found right.
 */
#include "aggregator/metrics/shard_read.h"

#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { SOME = 16 }; /* rows at a time */

struct reading {
	const struct shard_place *place;
	const struct shard_read *rd;
	struct shard_map *map; /* of this shard; NULL: it has no file */
	uint32_t shard;
	uint8_t bytes[SOME * TILE_BYTES_MAX];
};

static void want(const struct shard_read *rd, uint32_t number, struct tile_columns *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < rd->n_columns; i++) {
		if (rd->columns[i] / TILE_COLUMNS != number)
			continue;
		mu_assert(ret->n < TILE_COLUMNS);
		ret->at[ret->n] = (uint8_t)(rd->columns[i] % TILE_COLUMNS);
		ret->values[ret->n++] = rd->values + i * rd->n_rows;
	}
}

static void take_nothing(const struct tile_columns *c, uint32_t k, uint32_t n)
{
	for (size_t i = 0; i < c->n; i++)
		for (uint32_t row = 0; row < n; row++)
			c->values[i][k + row] = NAN;
}

/* The file was shortened, or its disk fails: which of them, the kernel says when it is asked. */
static int fetch_slowly(const struct reading *r, int64_t at, void *ret, size_t n_bytes,
			struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = shard_file_path(r->place, r->shard);
	int fd = open(path, O_RDONLY | O_CLOEXEC), result;

	if (fd < 0)
		return mu_error_errno(err, errno, "open");
	result = mu_file_read_at(fd, ret, n_bytes, at, err);
	(void)close(fd);
	return result;
}

/* n rows that lie side by side. */
static int fetch(struct reading *r, const struct tile_row *t, uint32_t n, void *ret,
		 struct mu_error *err)
{
	const size_t n_bytes = n * tile_row_bytes(t->level, t->part);
	const int64_t at = tile_file_row_at(t);

	if (mu_mapped_copy(&r->map->mapped, at, ret, n_bytes))
		return 0;
	return fetch_slowly(r, at, ret, n_bytes, err);
}

static bool is_hole(const uint8_t *row)
{
	static const uint8_t zeros[4];

	return memcmp(row, zeros, sizeof zeros) == 0;
}

/* A row that is not right is perhaps being written: once more. Otherwise nothing is there. */
static void mend(struct reading *r, const struct tile_row *t, const struct tile_columns *c,
		 uint32_t k, uint32_t n, const bool *is_row)
{
	const size_t size = tile_row_bytes(t->level, t->part);

	for (uint32_t i = 0; i < n; i++) {
		const struct tile_row row = {t->level, t->part, t->tile, t->row + i};
		uint8_t *bytes = r->bytes + i * size;

		if (is_row[i])
			continue;
		if (!is_hole(bytes) && fetch(r, &row, 1, bytes, NULL) == 0 &&
		    tile_check(&row, bytes))
			tile_take(&row, r->rd->cf, bytes, 1, c, k + i);
		else
			take_nothing(c, k + i, 1);
	}
}

/* n rows, no more than SOME, to the place k and on. */
static int take_some(struct reading *r, const struct tile_row *t, const struct tile_columns *c,
		     uint32_t k, uint32_t n, struct mu_error *err)
{
	const size_t n_bytes = n * tile_row_bytes(t->level, t->part);
	bool is_row[SOME];

	if (fetch(r, t, n, r->bytes, err) < 0)
		return MU_FAILED;
	mu_mapped_prefetch(&r->map->mapped, tile_file_row_at(t) + (int64_t)n_bytes, n_bytes);
	tile_take(t, r->rd->cf, r->bytes, n, c, k);
	if (tile_check_rows(t, r->bytes, n, is_row) < n)
		mend(r, t, c, k, n, is_row);
	return 0;
}

/* Left to itself the kernel would read a page at a time, or much of what nobody asks for. */
static void bring(const struct reading *r, uint32_t number)
{
	const enum archive_level level = r->rd->level;
	const enum tile_part part = tile_part_of(r->rd->cf);
	const struct tile_row begin = {level, part, number, 0};
	const uint32_t bit = UINT32_C(1) << number % TILES;

	if ((atomic_fetch_or(&r->map->read[level == ARCHIVE_DAYS][part], bit) & bit) == 0)
		mu_mapped_read_ahead(&r->map->mapped, tile_file_row_at(&begin),
				     archive_levels[level].n_rows * tile_row_bytes(level, part));
}

static int take_tile(struct reading *r, uint32_t number, struct mu_error *err)
{
	const struct shard_read *rd = r->rd;
	const uint32_t ring = archive_levels[rd->level].n_rows;
	struct tile_row t = {rd->level, tile_part_of(rd->cf), number, rd->first};
	struct tile_columns c;

	want(rd, number, &c);
	if (!r->map) {
		take_nothing(&c, 0, rd->n_rows);
		return 0;
	}
	bring(r, number);
	for (uint32_t k = 0, n; k < rd->n_rows; k += n, t.row += n) {
		n = ring - t.row % ring;
		if (n > rd->n_rows - k)
			n = rd->n_rows - k;
		if (n > SOME)
			n = SOME;
		if (take_some(r, &t, &c, k, n, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static void let_go(struct reading *r)
{
	if (r->map)
		shard_maps_put(r->place->maps, r->map);
	r->map = NULL;
}

static int turn_to(struct reading *r, uint32_t shard, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = NULL;

	if (r->map && r->shard == shard)
		return 0;
	let_go(r);
	path = shard_file_path(r->place, shard);
	r->shard = shard;
	return shard_maps_get(r->place->maps, shard, path, &r->map, err) < 0 ? MU_FAILED : 0;
}

/* Was the tile read for an earlier column? Columns of an object are few, and mostly neighbours. */
static bool read_before(const struct shard_read *rd, size_t i)
{
	for (size_t k = i; k-- > 0;)
		if (rd->columns[k] / TILE_COLUMNS == rd->columns[i] / TILE_COLUMNS)
			return true;
	return false;
}

static int read_all(struct reading *r, struct mu_error *err)
{
	const struct shard_read *rd = r->rd;

	for (size_t i = 0; i < rd->n_columns; i++) {
		uint32_t number = rd->columns[i] / TILE_COLUMNS;

		if (read_before(rd, i))
			continue;
		if (turn_to(r, number / TILES, err) < 0)
			return MU_FAILED;
		if (take_tile(r, number, err) < 0)
			return mu_error_prefix(err, "%s/shard-%04u.arc", r->place->dir, r->shard);
	}
	return 0;
}

int shard_read(const struct shard_place *p, const struct shard_read *rd, struct mu_error *err)
{
	struct reading r;
	int result;

	r.place = p;
	r.rd = rd;
	r.map = NULL;
	result = read_all(&r, err);
	let_go(&r);
	return result;
}
