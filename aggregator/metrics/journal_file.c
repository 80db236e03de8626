/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics/journal_file.h"

#include "common/log/log.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HEADER_BYTES = 32,
	PIECE_BYTES = 2 * RECORD_BYTES_MAX,
	FILE_MS = 10 * 60 * 1000,
	/* Its steps are out of memory, and the minutes made of them in the shard files. */
	OLD_MS = 12 * 60 * 1000,
};

static void close_cleanup(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define FD __attribute__((cleanup(close_cleanup))) int

static char *path_of(const char *dir, uint32_t number)
{
	return mu_xasprintf("%s/journal-%010u.log", dir, number);
}

static void header_of(const struct mu_uuid *pool, uint8_t ret[HEADER_BYTES])
{
	memset(ret, 0, HEADER_BYTES);
	memcpy(ret, "MUSTJNL1", 8);
	memcpy(ret + 8, pool->bytes, sizeof pool->bytes);
}

void journal_files_deinit(struct journal_files *j)
{
	if (j->fd >= 0)
		(void)close(j->fd);
	j->fd = -1;
}

/* --- loading --- */

/* A file is read in pieces that have a whole record ahead; not mapped, as a disk that cannot read
 * would then end the process. */
struct loading {
	struct journal_files *j;
	mu_msec now;
	void (*each)(void *ctx, const struct record *r);
	void *ctx;
	struct journal_found found;
	uint8_t *piece; /* PIECE_BYTES */
	size_t len;     /* in it */
	bool ended;     /* the file is, with it */
};

/* What is behind `pos` goes to the front, and more behind it. */
static int refill(struct loading *l, int fd, size_t pos, struct mu_error *err)
{
	memmove(l->piece, l->piece + pos, l->len - pos);
	l->len -= pos;
	while (!l->ended && l->len < PIECE_BYTES) {
		ssize_t n = read(fd, l->piece + l->len, PIECE_BYTES - l->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "read");
		l->ended = n == 0;
		l->len += (size_t)n;
	}
	return 0;
}

static int replay(struct loading *l, int fd, struct mu_error *err)
{
	size_t pos = HEADER_BYTES;
	struct record r;

	for (;;) {
		if (!l->ended && l->len - pos < RECORD_BYTES_MAX) {
			if (refill(l, fd, pos, err) < 0)
				return MU_FAILED;
			pos = 0;
		}
		switch (record_next(l->piece, l->len, &pos, &r)) {
		case RECORD_FOUND:
			l->found.n_records++;
			l->each(l->ctx, &r);
			break;
		case RECORD_DAMAGED:
			l->found.n_damaged++;
			break;
		case RECORD_TORN:
			l->found.n_torn++;
			return 0;
		case RECORD_END:
			return 0;
		}
	}
}

/* 1: it is read; 0: it is not ours. A file that was never more than begun is one of ours. */
static int load_records(struct loading *l, const char *path, struct mu_error *err)
{
	static const uint8_t zeros[HEADER_BYTES];
	uint8_t want[HEADER_BYTES];
	FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return mu_error_errno(err, errno, "open");
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	l->len = 0;
	l->ended = false;
	if (refill(l, fd, 0, err) < 0)
		return MU_FAILED;
	header_of(&l->j->pool, want);
	if (l->len < HEADER_BYTES || memcmp(l->piece, zeros, HEADER_BYTES) == 0)
		return 1;
	if (memcmp(l->piece, want, HEADER_BYTES) != 0)
		return 0;
	return replay(l, fd, err) < 0 ? MU_FAILED : 1;
}

static int set_aside(const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *aside = NULL;

	if (mu_file_set_aside(path, &aside, err) < 0)
		return MU_FAILED;
	mu_log_warning("journal of metrics is not ours, set aside file=%s", aside);
	return 0;
}

/* What cannot be read is left out, and goes in its time as the others do. */
static int load_file(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	struct loading *l = ctx;
	struct journal_files *j = l->j;
	struct mu_error local = MU_ERROR_INIT;
	MU_CLEANUP(mu_free) char *ours = NULL;
	unsigned number;
	int r;

	if (sscanf(name, "journal-%10u.log", &number) != 1)
		return 0;
	ours = path_of(j->dir, number);
	if (strcmp(path, ours) != 0)
		return 0;
	r = load_records(l, path, &local);
	if (r == 0)
		return set_aside(path, err);
	if (r < 0)
		mu_log_error("journal of metrics cannot be read file=%s err=\"%s\"", path,
			     local.text);
	j->last_number = number;
	if (j->n_old < JOURNAL_FILES_MAX)
		j->old[j->n_old++] = (typeof(j->old[0])){number, l->now};
	return 0;
}

int journal_files_load(struct journal_files *j, const char *dir, const struct mu_uuid *pool,
		       mu_msec now, void (*each)(void *ctx, const struct record *r), void *ctx,
		       struct journal_found *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_free) uint8_t *piece = mu_xmalloc(PIECE_BYTES);
	struct loading l = {.j = j, .now = now, .each = each, .ctx = ctx, .piece = piece};

	*j = (struct journal_files){.dir = dir, .pool = *pool, .fd = -1};
	if (mu_file_list(dir, ".log", load_file, &l, err) < 0)
		return MU_FAILED;
	*ret = l.found;
	return 0;
}

/* --- writing --- */

static int begin_file(struct journal_files *j, mu_msec now, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = path_of(j->dir, j->last_number + 1);
	uint8_t header[HEADER_BYTES];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	header_of(&j->pool, header);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	if (mu_file_write_at(fd, header, sizeof header, 0, err) < 0 ||
	    mu_file_sync_parent(path, err) < 0) {
		(void)close(fd);
		return mu_error_prefix(err, "%s", path);
	}
	j->fd = fd;
	j->len = HEADER_BYTES;
	j->last_number++;
	j->begun_at = now;
	return 0;
}

static int sync_file(int fd, struct mu_error *err)
{
	return fdatasync(fd) < 0 ? mu_error_errno(err, errno, "fdatasync") : 0;
}

int journal_files_append(struct journal_files *j, const void *bytes, size_t len, mu_msec now,
			 struct mu_error *err)
{
	if (j->fd < 0 && begin_file(j, now, err) < 0)
		return MU_FAILED;
	if (mu_file_write_at(j->fd, bytes, len, j->len, err) < 0 || sync_file(j->fd, err) < 0)
		return mu_error_prefix(err, "%s/journal-%010u.log", j->dir, j->last_number);
	j->len += (int64_t)len;
	return 0;
}

bool journal_files_due(const struct journal_files *j, mu_msec now)
{
	return j->fd >= 0 && now - j->begun_at >= FILE_MS;
}

int journal_files_rotate(struct journal_files *j, mu_msec now, struct mu_error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < j->n_old; i++) {
		MU_CLEANUP(mu_free) char *path = path_of(j->dir, j->old[i].number);

		if (now - j->old[i].closed_at < OLD_MS || mu_file_remove(path, err) < 0)
			j->old[kept++] = j->old[i];
	}
	j->n_old = kept;
	if (kept == JOURNAL_FILES_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "%s: %zu old journals cannot be removed",
				    j->dir, kept);
	j->old[j->n_old++] = (typeof(j->old[0])){j->last_number, now};
	(void)close(j->fd);
	j->fd = -1;
	return err->code == MU_E_NONE ? 0 : MU_FAILED;
}
