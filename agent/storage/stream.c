/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/stream.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/value.h"
#include "common/json/json.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 128 << 10 };

static int wait_for(const struct mu_cancel *cancel, int sock, short events, struct mu_error *err)
{
	struct pollfd p[] = {{.fd = sock, .events = events},
			     {.fd = cancel ? cancel->fd : -1, .events = POLLIN}};

	while (poll(p, MU_ARRAY_SIZE(p), -1) < 0) {
		if (errno != EINTR)
			return mu_error_errno(err, errno, "poll");
	}
	return mu_cancel_check(cancel, err);
}

int stream_write(const struct mu_cancel *cancel, int sock, const void *data, size_t len,
		 struct mu_error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n;

		if (wait_for(cancel, sock, POLLOUT, err) < 0)
			return MU_FAILED;
		n = send(sock, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return mu_error_set(err, MU_E_CANCELLED, "nobody reads it any more");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int stream_read(const struct mu_cancel *cancel, int sock, void *buf, size_t len, size_t *ret_n,
		struct mu_error *err)
{
	for (;;) {
		ssize_t n;

		if (wait_for(cancel, sock, POLLIN, err) < 0)
			return MU_FAILED;
		n = recv(sock, buf, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "reading what comes");
		*ret_n = (size_t)n;
		return 0;
	}
}

/* A byte at a time: it is a short line, and what follows is not ours. */
static int read_line(const struct mu_cancel *cancel, int sock, char ret[static STREAM_LINE_MAX],
		     struct mu_error *err)
{
	for (size_t len = 0; len < STREAM_LINE_MAX; len++) {
		size_t n;

		if (stream_read(cancel, sock, &ret[len], 1, &n, err) < 0)
			return MU_FAILED;
		if (n == 0)
			return mu_error_set(err, MU_E_CANCELLED, "nobody wants it any more");
		if (ret[len] == '\n') {
			ret[len] = '\0';
			return 0;
		}
	}
	return mu_error_set(err, MU_E_PROTOCOL, "a line of more than %d bytes", STREAM_LINE_MAX);
}

static int read_part(const char *line, int64_t size_bytes, int64_t *ret_offset, int64_t *ret_length,
		     struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *offset, *length;
	struct mu_value *v;

	if (mu_json_read(a, line, strlen(line), &v, err) < 0)
		return MU_FAILED;
	offset = mu_value_get(v, "offset");
	length = mu_value_get(v, "length");
	if (!offset || offset->kind != MU_VALUE_INT || !length || length->kind != MU_VALUE_INT ||
	    offset->integer < 0 || length->integer < 0 || offset->integer > size_bytes ||
	    length->integer > size_bytes - offset->integer)
		return mu_error_set(err, MU_E_INVALID, "there is no such part of %" PRId64 " bytes",
				    size_bytes);
	*ret_offset = offset->integer;
	*ret_length = length->integer;
	return 0;
}

static int give_part(const struct mu_cancel *cancel, int sock, int fd, int64_t at, int64_t length,
		     struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *buf = mu_xmalloc(PIECE);

	while (length > 0) {
		size_t want = length < PIECE ? (size_t)length : PIECE;
		ssize_t n = pread(fd, buf, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "read at %" PRId64, at);
		if (n == 0)
			return mu_error_set(err, MU_E_IO, "it ends at %" PRId64, at);
		if (stream_write(cancel, sock, buf, (size_t)n, err) < 0)
			return MU_FAILED;
		at += n;
		length -= n;
	}
	return 0;
}

int stream_give(const struct mu_cancel *cancel, int sock, int fd, int64_t size_bytes,
		const char *tag, struct mu_error *err)
{
	char line[STREAM_LINE_MAX];
	int64_t offset, length;
	int n = snprintf(line, sizeof line, "{\"size\":%" PRId64 ",\"etag\":\"%s\"}\n", size_bytes,
			 tag);

	if (stream_write(cancel, sock, line, (size_t)n, err) < 0 ||
	    read_line(cancel, sock, line, err) < 0 ||
	    read_part(line, size_bytes, &offset, &length, err) < 0)
		return MU_FAILED;
	return give_part(cancel, sock, fd, offset, length, err);
}
