/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/copy.h"

#include "common/os/file.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Large enough for a disk to work at full speed, small enough that a block of zeroes is one. */
enum { CHUNK = 1 << 20, BLOCK = 64 << 10 };

void copy_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int copy_step(const struct copy_watch *w, int64_t done, int64_t total, int *last,
	      struct mu_error *err)
{
	int percent = total > 0 ? (int)((double)done * 100.0 / (double)total) : 0;

	if (mu_cancel_check(w->cancel, err) < 0)
		return MU_FAILED;
	if (w->progress && percent != *last) {
		*last = percent;
		w->progress(w->ctx, percent);
	}
	return 0;
}

static bool all_zero(const char *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static int write_sparse(int fd, const char *p, size_t len, int64_t at, bool to_is_zero,
			struct mu_error *err)
{
	if (!to_is_zero)
		return mu_file_write_at(fd, p, len, at, err) < 0 ? mu_error_prefix(err, "target")
								 : 0;
	for (size_t done = 0; done < len;) {
		size_t n = len - done < BLOCK ? len - done : BLOCK;

		if (!all_zero(p + done, n) &&
		    mu_file_write_at(fd, p + done, n, at + (int64_t)done, err) < 0)
			return mu_error_prefix(err, "target");
		done += n;
	}
	return 0;
}

static int sync_target(int fd, struct mu_error *err)
{
	return fsync(fd) < 0 ? mu_error_errno(err, errno, "target: fsync") : 0;
}

/* Where data begins at or behind `at`, and where it ends. What knows no holes is all data. */
static void next_data(int fd, int64_t at, int64_t size, bool skip, int64_t *ret_begin,
		      int64_t *ret_end)
{
	off_t begin = skip ? lseek(fd, at, SEEK_DATA) : at;
	off_t end;

	if (begin < 0 && errno == ENXIO) {
		*ret_begin = *ret_end = size;
		return;
	}
	end = begin < 0 || !skip ? size : lseek(fd, begin, SEEK_HOLE);
	*ret_begin = begin < 0 ? at : begin;
	*ret_end = end < 0 || end > size ? size : end;
}

static int copy_range(const struct copy_watch *w, int from, int to, char *buf, int64_t begin,
		      int64_t end, int64_t size, bool to_is_zero, int *last, struct mu_error *err)
{
	for (int64_t at = begin; at < end;) {
		size_t want = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = pread(from, buf, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "source: read at %" PRId64, at);
		if (n == 0)
			return mu_error_set(err, MU_E_IO,
					    "source: ends at %" PRId64 " of %" PRId64 " bytes", at,
					    size);
		if (write_sparse(to, buf, (size_t)n, at, to_is_zero, err) < 0)
			return MU_FAILED;
		at += n;
		if (copy_step(w, at, size, last, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

int copy_raw(const struct copy_watch *w, int from, int to, int64_t size_bytes, bool to_is_zero,
	     struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *buf = mu_xmalloc(CHUNK);
	int64_t begin, end;
	int last = 0;

	for (int64_t at = 0; at < size_bytes; at = end) {
		next_data(from, at, size_bytes, to_is_zero, &begin, &end);
		if (copy_range(w, from, to, buf, begin, end, size_bytes, to_is_zero, &last, err) <
		    0)
			return MU_FAILED;
	}
	return sync_target(to, err);
}

/* A stream may be silent for ever: whoever cancels must not wait for it. */
static int wait_for_data(const struct copy_watch *w, int fd, struct mu_error *err)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLIN},
			     {.fd = w->cancel ? w->cancel->fd : -1, .events = POLLIN}};

	while (poll(p, MU_ARRAY_SIZE(p), -1) < 0) {
		if (errno != EINTR)
			return mu_error_errno(err, errno, "source: poll");
	}
	return mu_cancel_check(w->cancel, err);
}

/* Up to a chunk; pipes give 64 KiB at most, and zeroes are seen by the block. */
static int read_chunk(const struct copy_watch *w, int fd, int64_t at, char *buf, size_t *ret_len,
		      struct mu_error *err)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < CHUNK && n != 0) {
		if (wait_for_data(w, fd, err) < 0)
			return MU_FAILED;
		n = read(fd, buf + len, CHUNK - len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return mu_error_errno(err, errno, "source: read at %" PRId64, at);
		len += n > 0 ? (size_t)n : 0;
	}
	*ret_len = len;
	return 0;
}

int copy_stream(const struct copy_watch *w, int from, int to, int64_t size_max, bool to_is_zero,
		struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *buf = mu_xmalloc(CHUNK);
	int64_t at = 0;
	int last = 0;

	for (;;) {
		size_t len;

		if (read_chunk(w, from, at, buf, &len, err) < 0)
			return MU_FAILED;
		if (len == 0)
			return sync_target(to, err);
		if ((int64_t)len > size_max - at)
			return mu_error_set(
			    err, MU_E_TOO_LARGE,
			    "source: more than the %" PRId64 " bytes that the disk has", size_max);
		if (write_sparse(to, buf, len, at, to_is_zero, err) < 0)
			return MU_FAILED;
		at += (int64_t)len;
		if (copy_step(w, at, size_max, &last, err) < 0)
			return MU_FAILED;
	}
}
