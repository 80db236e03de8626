/* SPDX-License-Identifier: Apache-2.0 */
/*
 *      0  magic, 32 bytes
 *     32  0x01020304, in the host's byte order (as all numbers here)
 *     36  mandatory flags: 1 = the configuration is JSON, 2 = libxl stream version 2
 *     40  optional flags, 0
 *     44  length of what follows: 4 bytes length of the JSON with its NUL, and the JSON
 *     48 + length  the stream
 */
#include "agent/hv/xen/xen_save.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "Xen saved domain, xl format\n \0 \r"

enum {
	MAGIC_LEN = 32,
	BYTE_ORDER_MARK = 0x01020304,
	FLAG_JSON = 1,
	FLAG_STREAM_V2 = 2,
	EXTRA_MAX = 1 << 20, /* a configuration has a few KiB */
};

struct head {
	char magic[MAGIC_LEN];
	uint32_t byte_order;
	uint32_t mandatory;
	uint32_t optional;
	uint32_t extra_len;
};

static int write_all(int fd, const void *data, size_t len, struct mu_error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_all(int fd, void *data, size_t len, struct mu_error *err)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "read");
		if (n == 0)
			return mu_error_set(err, MU_E_INVALID,
					    "the file is cut short in its header");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int xen_save_write_head(int fd, const char *json, struct mu_error *err)
{
	const uint32_t json_len = (uint32_t)strlen(json) + 1;
	struct head h = {
	    .byte_order = BYTE_ORDER_MARK,
	    .mandatory = FLAG_JSON | FLAG_STREAM_V2,
	    .extra_len = (uint32_t)sizeof json_len + json_len,
	};

	_Static_assert(sizeof h == 48, "no padding in the file's header");
	memcpy(h.magic, MAGIC, MAGIC_LEN);
	if (write_all(fd, &h, sizeof h, err) < 0 ||
	    write_all(fd, &json_len, sizeof json_len, err) < 0)
		return MU_FAILED;
	return write_all(fd, json, json_len, err);
}

static int check_head(const struct head *h, struct mu_error *err)
{
	if (memcmp(h->magic, MAGIC, MAGIC_LEN) != 0)
		return mu_error_set(err, MU_E_INVALID, "this is no file of a saved domain");
	if (h->byte_order != BYTE_ORDER_MARK)
		return mu_error_set(err, MU_E_INVALID,
				    "it comes from a machine of other byte order");
	if (h->mandatory & ~(uint32_t)(FLAG_JSON | FLAG_STREAM_V2) ||
	    !(h->mandatory & FLAG_STREAM_V2))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "its format (flags %#x) is not supported; hint: restore it "
				    "with the version of xl that saved it",
				    h->mandatory);
	if (h->extra_len > EXTRA_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "its configuration has %u bytes; at most %d are read",
				    h->extra_len, EXTRA_MAX);
	return 0;
}

int xen_save_read_head(int fd, struct mu_str *json, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *extra = NULL;
	struct head h;
	uint32_t len;

	mu_str_reset(json);
	if (read_all(fd, &h, sizeof h, err) < 0 || check_head(&h, err) < 0)
		return MU_FAILED;
	extra = mu_xmalloc(h.extra_len + 1u);
	if (read_all(fd, extra, h.extra_len, err) < 0)
		return MU_FAILED;
	if (!(h.mandatory & FLAG_JSON) || h.extra_len < sizeof len)
		return 0;
	memcpy(&len, extra, sizeof len);
	if (len > h.extra_len - sizeof len)
		return mu_error_set(err, MU_E_INVALID, "its configuration is cut short");
	mu_str_add_bytes(json, extra + sizeof len, strnlen(extra + sizeof len, len));
	return 0;
}
