/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows are written in place, which may tear them; every row says itself whether it is whole. The
 * file has its full length and no blocks from the start, so that nothing moves.
 */
#include "aggregator/metrics/shard_file.h"

#include "common/archive/crc32c.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 32 };

static void close_cleanup(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define FD __attribute__((cleanup(close_cleanup))) int

static char *path_of(const struct shard_place *p, uint32_t shard)
{
	return mu_xasprintf("%s/shard-%04u.arc", p->dir, shard);
}

static void header_of(const struct shard_place *p, uint32_t shard, uint8_t ret[HEADER_BYTES])
{
	uint32_t crc;

	memcpy(ret, "MUSTARC2", 8);
	memcpy(ret + 8, p->pool.bytes, sizeof p->pool.bytes);
	memcpy(ret + 24, &shard, 4);
	crc = archive_crc32c(0, ret, 28);
	memcpy(ret + 28, &crc, 4);
}

/* All or nothing; a hole behind the end of the file reads as zeros. */
static int read_at(int fd, int64_t at, void *buf, size_t len, struct mu_error *err)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "read");
		if (n == 0) {
			memset(p, 0, len);
			return 0;
		}
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- opening --- */

static int make(const struct shard_place *p, int fd, const char *path, uint32_t shard,
		struct mu_error *err)
{
	uint8_t header[HEADER_BYTES];

	header_of(p, shard, header);
	if (mu_file_write_at(fd, header, sizeof header, 0, err) < 0)
		return mu_error_prefix(err, "%s", path);
	if (ftruncate(fd, TILE_FILE_BYTES) < 0 || fdatasync(fd) < 0)
		return mu_error_errno(err, errno, "%s: making it", path);
	return mu_file_sync_parent(path, err);
}

/* Nothing but zeros: it was being made when the power went. */
static bool is_empty(const uint8_t *header)
{
	for (size_t i = 0; i < HEADER_BYTES; i++)
		if (header[i])
			return false;
	return true;
}

/* 1: it can be used; 0: there is none (any more: see shard_file_check()). */
static int open_ours(const struct shard_place *p, uint32_t shard, int *ret_fd, char **ret_aside,
		     struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = path_of(p, shard);
	FD fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t want[HEADER_BYTES], header[HEADER_BYTES];
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : mu_error_errno(err, errno, "%s", path);
	if (fstat(fd, &st) < 0)
		return mu_error_errno(err, errno, "%s", path);
	header_of(p, shard, want);
	if (read_at(fd, 0, header, sizeof header, err) < 0)
		return mu_error_prefix(err, "%s", path);
	if (!is_empty(header) && memcmp(header, want, sizeof want) != 0)
		return mu_file_set_aside(path, ret_aside, err);
	if ((is_empty(header) || st.st_size < TILE_FILE_BYTES) && make(p, fd, path, shard, err) < 0)
		return MU_FAILED;
	*ret_fd = fd;
	fd = -1;
	return 1;
}

/* Also of a shard that the catalogue did not have at start: nobody has looked at its file yet. */
static int open_shard(const struct shard_place *p, uint32_t shard, int *ret_fd,
		      struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = path_of(p, shard);
	MU_CLEANUP(mu_free) char *aside = NULL;
	int r = open_ours(p, shard, ret_fd, &aside, err);
	FD fd = -1;

	if (aside)
		mu_log_warning("archive of metrics is not ours, of another version or damaged, set "
			       "aside file=%s",
			       aside);
	if (r != 0)
		return r < 0 ? MU_FAILED : 0;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	if (make(p, fd, path, shard, err) < 0)
		return MU_FAILED;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int shard_file_check(const struct shard_place *p, uint32_t shard, char **ret_aside,
		     struct mu_error *err)
{
	FD fd = -1;

	return open_ours(p, shard, &fd, ret_aside, err);
}

void shard_file_expect(const struct shard_place *p, uint32_t shard)
{
	MU_CLEANUP(mu_free) char *path = path_of(p, shard);
	FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)posix_fadvise(fd, TILE_FILE_MINUTES_AT,
				    TILE_FILE_HOURS_AT - TILE_FILE_MINUTES_AT, POSIX_FADV_WILLNEED);
}

int shard_file_load(const struct shard_place *p, uint32_t shard, struct archive *a,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = path_of(p, shard);
	MU_CLEANUP(mu_free) uint8_t *bytes = mu_xmalloc(ARCHIVE_MINUTE_BYTES);
	FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	for (uint32_t row = 0; row < ARCHIVE_MINUTES_KEPT; row++) {
		if (read_at(fd, tile_file_minute_at(row), bytes, ARCHIVE_MINUTE_BYTES, err) < 0)
			return mu_error_prefix(err, "%s", path);
		(void)archive_restore_minute(a, shard, bytes);
	}
	return 0;
}

/* --- writing --- */

int shard_file_write_minute(const struct shard_place *p, uint32_t shard, uint32_t row,
			    const uint8_t *bytes, struct mu_error *err)
{
	FD fd = -1;

	if (open_shard(p, shard, &fd, err) < 0)
		return MU_FAILED;
	if (mu_file_write_at(fd, bytes, ARCHIVE_MINUTE_BYTES, tile_file_minute_at(row), err) < 0)
		return mu_error_prefix(err, "%s/shard-%04u.arc", p->dir, shard);
	return 0;
}

/* A tile of an open file. */
struct place {
	int fd;
	uint32_t number;
};

/* 1: it is there, both parts of it; 0: it is not. */
static int read_row(const struct place *at, enum archive_level level, uint32_t row,
		    struct archive_cells *ret, struct mu_error *err)
{
	uint8_t bytes[TILE_BYTES_MAX];
	struct tile_row t = {level, TILE_AVERAGES, at->number, row};
	bool there = true;

	for (; t.part < _TILE_PART_COUNT; t.part++) {
		if (read_at(at->fd, tile_file_row_at(&t), bytes, tile_row_bytes(level, t.part),
			    err) < 0)
			return MU_FAILED;
		there = tile_decode(&t, bytes, ret) && there;
	}
	return there;
}

static int write_row(const struct place *at, enum archive_level level,
		     const struct archive_cells *cells, struct mu_error *err)
{
	uint8_t bytes[TILE_BYTES_MAX];
	struct tile_row t = {level, TILE_AVERAGES, at->number, cells->row};

	for (; t.part < _TILE_PART_COUNT; t.part++) {
		tile_encode(&t, cells, bytes);
		if (mu_file_write_at(at->fd, bytes, tile_row_bytes(level, t.part),
				     tile_file_row_at(&t), err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int write_day(const struct place *at, uint32_t day, const uint32_t *born,
		     struct mu_error *err)
{
	struct archive_cells hours[24], cells;

	for (uint32_t h = 0; h < 24; h++) {
		int r = read_row(at, ARCHIVE_HOURS, (day - 1) * 24 + 1 + h, &hours[h], err);

		if (r < 0)
			return MU_FAILED;
		if (r == 0)
			hours[h].row = 0;
	}
	tile_make_day(day, hours, born, &cells);
	return write_row(at, ARCHIVE_DAYS, &cells, err);
}

/* Is `day` to be made (again), now that hour `row` is written? Also when an earlier hour of it
 * came later, and when nobody was there at its end. */
static int day_is_due(const struct place *at, uint32_t row, uint32_t day, struct mu_error *err)
{
	struct archive_cells cells;
	int r;

	if (row == day * 24)
		return 1;
	r = read_row(at, ARCHIVE_DAYS, day, &cells, err);
	return r < 0 ? r : (r == 1) == (row < day * 24);
}

static int write_tile_hour(const struct place *at, struct archive_cells *cells,
			   const uint32_t *born, struct mu_error *err)
{
	struct archive_cells old;
	uint32_t today = (cells->row - 1) / 24 + 1;
	int r = read_row(at, ARCHIVE_HOURS, cells->row, &old, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 1)
		tile_merge(cells, &old);
	if (write_row(at, ARCHIVE_HOURS, cells, err) < 0)
		return MU_FAILED;
	for (uint32_t day = today - 1; day <= today; day++) {
		r = day_is_due(at, cells->row, day, err);
		if (r < 0 || (r == 1 && write_day(at, day, born, err) < 0))
			return MU_FAILED;
	}
	return 0;
}

int shard_file_write_hour(const struct shard_place *p, uint32_t shard, struct archive_cells *tiles,
			  const uint32_t *born, struct mu_error *err)
{
	FD fd = -1;

	if (open_shard(p, shard, &fd, err) < 0)
		return MU_FAILED;
	for (uint32_t tile = 0; tile < TILES; tile++) {
		const struct place at = {fd, shard * TILES + tile};

		if (write_tile_hour(&at, &tiles[tile], born + tile * TILE_COLUMNS, err) < 0)
			return mu_error_prefix(err, "%s/shard-%04u.arc", p->dir, shard);
	}
	return 0;
}

int shard_file_sync(const struct shard_place *p, uint32_t shard, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = path_of(p, shard);
	FD fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) < 0)
		return mu_error_errno(err, errno, "%s: fdatasync", path);
	return 0;
}

/* --- reading --- */

/* What is asked of one tile. */
struct wanted {
	size_t n;
	uint8_t at[TILE_COLUMNS];    /* where in a row the value is */
	float *values[TILE_COLUMNS]; /* and where its column goes */
};

static void want(const struct shard_read *rd, uint32_t number, struct wanted *ret)
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

static void take_values(const struct wanted *w, const uint8_t *values, size_t size, uint32_t k,
			uint32_t n)
{
	for (size_t i = 0; i < w->n; i++)
		for (uint32_t row = 0; row < n; row++)
			memcpy(&w->values[i][k + row],
			       values + row * size + w->at[i] * sizeof(float), sizeof(float));
}

static void take_nothing(const struct wanted *w, uint32_t k, uint32_t n)
{
	for (size_t i = 0; i < w->n; i++)
		for (uint32_t row = 0; row < n; row++)
			w->values[i][k + row] = NAN;
}

struct reading {
	const struct shard_place *place;
	const struct shard_read *rd;
	uint8_t *bytes; /* a tile's ring */
	int fd;         /* of this shard; -1: it has none */
	uint32_t shard;
};

/* A row that is not right is perhaps being written: once more. */
static bool is_row_now(const struct reading *r, const struct tile_row *t, uint8_t *bytes)
{
	uint32_t crc;

	memcpy(&crc, bytes, sizeof crc);
	return crc != 0 &&
	       read_at(r->fd, tile_file_row_at(t), bytes, tile_row_bytes(t->level, t->part),
		       NULL) == 0 &&
	       tile_check(t, bytes);
}

/* n rows that lie side by side, to the place k and on; some at a time, which stay in the
 * processor's nearest cache. */
static void take_rows(const struct reading *r, struct tile_row t, uint8_t *bytes,
		      const struct wanted *w, uint32_t k, uint32_t n)
{
	enum { SOME = 32 };
	const size_t size = tile_row_bytes(t.level, t.part);
	bool is_row[SOME];

	for (uint32_t some; n > 0; n -= some, k += some, t.row += some, bytes += some * size) {
		some = n < SOME ? n : SOME;
		tile_check_rows(&t, bytes, some, is_row);
		for (uint32_t i = 0; i < some; i++) {
			struct tile_row row = {t.level, t.part, t.tile, t.row + i};

			is_row[i] = is_row[i] || is_row_now(r, &row, bytes + i * size);
		}
		take_values(w, bytes + tile_values_at(r->rd->cf), size, k, some);
		for (uint32_t i = 0; i < some; i++)
			if (!is_row[i])
				take_nothing(w, k + i, 1);
	}
}

/* The whole ring is read, as nearly all of it is asked for: from a disk at once, and not in two
 * pieces, as the oldest row is somewhere in the middle. */
static int take_tile(const struct reading *r, uint32_t number, struct mu_error *err)
{
	const struct shard_read *rd = r->rd;
	const uint32_t ring = archive_levels[rd->level].n_rows;
	struct tile_row t = {rd->level, tile_part_of(rd->cf), number, 0};
	const size_t size = tile_row_bytes(t.level, t.part);
	struct wanted w;

	want(rd, number, &w);
	if (r->fd < 0) {
		take_nothing(&w, 0, rd->n_rows);
		return 0;
	}
	if (read_at(r->fd, tile_file_row_at(&t), r->bytes, ring * size, err) < 0)
		return MU_FAILED;
	for (uint32_t k = 0, n; k < rd->n_rows; k += n) {
		t.row = rd->first + k;
		n = ring - t.row % ring;
		if (n > rd->n_rows - k)
			n = rd->n_rows - k;
		take_rows(r, t, r->bytes + t.row % ring * size, &w, k, n);
	}
	return 0;
}

static int turn_to(struct reading *r, uint32_t shard, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = NULL;

	if (r->fd >= 0 && r->shard == shard)
		return 0;
	close_cleanup(&r->fd);
	path = path_of(r->place, shard);
	r->shard = shard;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	return r->fd < 0 && errno != ENOENT ? mu_error_errno(err, errno, "%s", path) : 0;
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

int shard_file_read(const struct shard_place *p, const struct shard_read *rd, struct mu_error *err)
{
	struct reading r = {.place = p, .rd = rd, .fd = -1};
	int result;

	r.bytes = mu_xmalloc(archive_levels[rd->level].n_rows *
			     tile_row_bytes(rd->level, tile_part_of(rd->cf)));
	result = read_all(&r, err);
	close_cleanup(&r.fd);
	free(r.bytes);
	return result;
}
