/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows are written in place, which may tear them; every row says itself whether it is whole. The
 * file has its full length and no blocks from the start, so that nothing moves.
 */
#include "aggregator/metrics/shard_file.h"

#include "common/archive/crc32c.h"
#include "common/log/log.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
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

char *shard_file_path(const struct shard_place *p, uint32_t shard)
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
	MU_CLEANUP(mu_free) char *path = shard_file_path(p, shard);
	FD fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t want[HEADER_BYTES], header[HEADER_BYTES];
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : mu_error_errno(err, errno, "%s", path);
	if (fstat(fd, &st) < 0)
		return mu_error_errno(err, errno, "%s", path);
	header_of(p, shard, want);
	if (mu_file_read_at(fd, header, sizeof header, 0, err) < 0)
		return mu_error_prefix(err, "%s", path);
	if (!is_empty(header) && memcmp(header, want, sizeof want) != 0)
		return mu_file_set_aside(path, ret_aside, err);
	if ((is_empty(header) || st.st_size < TILE_FILE_BYTES) && make(p, fd, path, shard, err) < 0)
		return MU_FAILED;
	*ret_fd = fd;
	fd = -1;
	return 1;
}

static int make_new(const struct shard_place *p, uint32_t shard, int *ret_fd, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = shard_file_path(p, shard);
	FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	if (make(p, fd, path, shard, err) < 0)
		return MU_FAILED;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* Also of a shard that the catalogue did not have at start: nobody has looked at its file yet. */
static int open_shard(const struct shard_place *p, uint32_t shard, int *ret_fd,
		      struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *aside = NULL;
	int r = open_ours(p, shard, ret_fd, &aside, err);

	if (aside)
		mu_log_warning("archive of metrics is not ours, of another version or damaged, set "
			       "aside file=%s",
			       aside);
	if (r < 0 || (r == 0 && make_new(p, shard, ret_fd, err) < 0))
		return MU_FAILED;
	shard_maps_is(p->maps, shard, *ret_fd);
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
	MU_CLEANUP(mu_free) char *path = shard_file_path(p, shard);
	FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)posix_fadvise(fd, TILE_FILE_MINUTES_AT,
				    TILE_FILE_HOURS_AT - TILE_FILE_MINUTES_AT, POSIX_FADV_WILLNEED);
}

int shard_file_load(const struct shard_place *p, uint32_t shard, struct archive *a,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = shard_file_path(p, shard);
	MU_CLEANUP(mu_free) uint8_t *bytes = mu_xmalloc(ARCHIVE_MINUTE_BYTES);
	FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	for (uint32_t row = 0; row < ARCHIVE_MINUTES_KEPT; row++) {
		if (mu_file_read_at(fd, bytes, ARCHIVE_MINUTE_BYTES, tile_file_minute_at(row),
				    err) < 0)
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
		if (mu_file_read_at(at->fd, bytes, tile_row_bytes(level, t.part),
				    tile_file_row_at(&t), err) < 0)
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
	MU_CLEANUP(mu_free) char *path = shard_file_path(p, shard);
	FD fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) < 0)
		return mu_error_errno(err, errno, "%s: fdatasync", path);
	return 0;
}
