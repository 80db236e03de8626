/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a save file: written and read back, and every kind of wrong file. */
#include "agent/hv/xen/xen_save.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int temp_file(void)
{
	char path[] = "/tmp/xen-save.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(unlink(path), 0);
	return fd;
}

static int file_of(const void *data, size_t len)
{
	int fd = temp_file();

	cr_assert_eq(write(fd, data, len), (ssize_t)len);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static size_t valid_file(unsigned char *buf, size_t size, const char *json)
{
	struct mu_error err = MU_ERROR_INIT;
	int fd = temp_file();
	ssize_t n;

	cr_assert_eq(xen_save_write_head(fd, json, &err), 0, "%s", err.text);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	n = read(fd, buf, size);
	close(fd);
	cr_assert_gt(n, 0);
	return (size_t)n;
}

static void expect_refused(const void *data, size_t len, enum mu_error_code code, const char *word)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str json = MU_STR_INIT;
	int fd = file_of(data, len);

	cr_expect_lt(xen_save_read_head(fd, &json, &err), 0);
	cr_expect_eq(err.code, code, "%s", err.text);
	cr_expect(strstr(err.text, word), "%s", err.text);
	mu_str_deinit(&json);
	close(fd);
}

Test(xen_save, reads_what_it_wrote_and_stops_at_the_stream)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str json = MU_STR_INIT;
	unsigned char buf[200];
	size_t len = valid_file(buf, sizeof buf - 6, "{\"a\": 1}");
	char stream[7] = {0};
	int fd;

	memcpy(buf + len, "STREAM", 6);
	fd = file_of(buf, len + 6);
	cr_assert_eq(xen_save_read_head(fd, &json, &err), 0, "%s", err.text);
	cr_expect_str_eq(json.data, "{\"a\": 1}");
	cr_expect_eq(read(fd, stream, 6), 6);
	cr_expect_str_eq(stream, "STREAM");
	mu_str_deinit(&json);
	close(fd);
}

/* The layout is xl's: these bytes are what `xl save` of Xen 4.17 begins a file with. */
Test(xen_save, layout_is_xls)
{
	unsigned char buf[200];
	size_t len = valid_file(buf, sizeof buf, "{}");

	cr_expect_eq(len, 48 + 4 + 3u);
	cr_expect_arr_eq(buf, "Xen saved domain, xl format\n \0 \r", 32);
	cr_expect_arr_eq(buf + 32, "\4\3\2\1\3\0\0\0\0\0\0\0\7\0\0\0\3\0\0\0{}", 23);
}

Test(xen_save, wrong_files_are_refused)
{
	unsigned char buf[200];
	size_t len = valid_file(buf, sizeof buf, "{}");

	expect_refused("", 0, MU_E_INVALID, "cut short");
	expect_refused(buf, 47, MU_E_INVALID, "cut short");
	expect_refused(buf, len - 1, MU_E_INVALID, "cut short");
	expect_refused("#!/bin/sh ---------------------------------------", 48, MU_E_INVALID,
		       "no file of a saved domain");
	buf[36] |= 4;
	expect_refused(buf, len, MU_E_UNSUPPORTED, "flags");
	buf[36] = 1; /* no stream version 2 */
	expect_refused(buf, len, MU_E_UNSUPPORTED, "flags");
	buf[36] = 3;
	buf[47] = 0x40;
	expect_refused(buf, len, MU_E_TOO_LARGE, "configuration");
	buf[47] = 0;
	buf[48] = 200;
	expect_refused(buf, len, MU_E_INVALID, "cut short");
	buf[32] = 1;
	expect_refused(buf, len, MU_E_INVALID, "byte order");
}
