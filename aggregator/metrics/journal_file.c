/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics/journal_file.h"

#include "common/log/log.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HEADER_BYTES = 32,
	FILE_MS = 10 * 60 * 1000,
	/* Its steps are out of memory, and the minutes made of them in the shard files. */
	OLD_MS = 12 * 60 * 1000,
};

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

struct loading {
	struct journal_files *j;
	mu_msec now;
	void (*each)(void *ctx, const struct record *r);
	void *ctx;
	struct journal_found found;
};

static void replay(struct loading *l, const uint8_t *bytes, size_t len)
{
	size_t pos = HEADER_BYTES;
	struct record r;

	for (;;) {
		switch (record_next(bytes, len, &pos, &r)) {
		case RECORD_FOUND:
			l->found.n_records++;
			l->each(l->ctx, &r);
			break;
		case RECORD_DAMAGED:
			l->found.n_damaged++;
			break;
		case RECORD_TORN:
			l->found.n_torn++;
			return;
		case RECORD_END:
			return;
		}
	}
}

static int set_aside(const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *aside = NULL;

	if (mu_file_set_aside(path, &aside, err) < 0)
		return MU_FAILED;
	mu_log_warning("journal of metrics is not ours, set aside file=%s", aside);
	return 0;
}

/* 1: it is one of ours. A file that was never more than begun is one, too. */
static int load_mapped(struct loading *l, const char *path, const uint8_t *bytes, size_t len,
		       struct mu_error *err)
{
	uint8_t want[HEADER_BYTES];
	static const uint8_t zeros[HEADER_BYTES];

	header_of(&l->j->pool, want);
	if (len < HEADER_BYTES || memcmp(bytes, zeros, HEADER_BYTES) == 0)
		return 1;
	if (memcmp(bytes, want, HEADER_BYTES) != 0)
		return set_aside(path, err);
	replay(l, bytes, len);
	return 1;
}

static int load_file(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	struct loading *l = ctx;
	struct journal_files *j = l->j;
	unsigned number;
	struct stat st;
	void *bytes = NULL;
	int fd, r;

	if (sscanf(name, "journal-%10u.log", &number) != 1)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		r = mu_error_errno(err, errno, "%s", path);
	else if (st.st_size > 0 && (bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
						 fd, 0)) == MAP_FAILED)
		r = mu_error_errno(err, errno, "%s", path);
	else {
		r = load_mapped(l, path, bytes, (size_t)st.st_size, err);
		if (bytes)
			(void)munmap(bytes, (size_t)st.st_size);
	}
	if (fd >= 0)
		(void)close(fd);
	if (r == 1) {
		j->last_number = number;
		if (j->n_old < JOURNAL_FILES_MAX)
			j->old[j->n_old++] = (typeof(j->old[0])){number, l->now};
	}
	return r < 0 ? r : 0;
}

int journal_files_load(struct journal_files *j, const char *dir, const struct mu_uuid *pool,
		       mu_msec now, void (*each)(void *ctx, const struct record *r), void *ctx,
		       struct journal_found *ret, struct mu_error *err)
{
	struct loading l = {.j = j, .now = now, .each = each, .ctx = ctx};

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
