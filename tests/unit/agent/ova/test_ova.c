/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: written and read, digests that lie, tables without end. */
#include "agent/ova/archive.h"

#include "common/os/file.h"
#include "common/os/tool.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct copy_watch nobody;
static char top[] = "/tmp/test-ova.XXXXXX";
static char path[64], part[64];

static void setup(void)
{
	cr_assert(mkdtemp(top));
	(void)snprintf(path, sizeof path, "%s/vm.ova", top);
	(void)snprintf(part, sizeof part, "%s/part", top);
}

static void teardown(void)
{
	struct mu_tool t = {.argv = (const char *const[]){"rm", "-rf", top, NULL}};

	(void)mu_tool_run(&t, NULL);
	mu_tool_deinit(&t);
}

TestSuite(ova, .init = setup, .fini = teardown, .timeout = 120);

static void write_whole(const char *disk)
{
	struct ova_writer w = {.fd = -1};
	struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	int64_t size = 0;

	cr_assert_eq(mu_file_replace(part, disk, strlen(disk), 0600, &err), 0);
	cr_assert_eq(ova_writer_begin(&w, path, "vm", 700, &err), 0, "%s", err.text);
	cr_assert_eq(ova_writer_add(&w, "a.vmdk", part, &nobody, &size, &err), 0, "%s", err.text);
	cr_expect_eq(size, (int64_t)strlen(disk));
	mu_str_add(&text, "<Envelope/>");
	cr_assert_eq(ova_writer_end(&w, &text, &err), 0, "%s", err.text);
	ova_writer_deinit(&w);
	mu_str_deinit(&text);
}

static void opens(struct ova *ret)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(ova_open(path, &nobody, ret, &err), 0, "%s", err.text);
}

static void is_refused(const char *says)
{
	static struct ova ova;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(ova_open(path, &nobody, &ova, &err), 0, "%s", says);
	cr_expect_eq(err.code, MU_E_INVALID, "%s", err.text);
	cr_expect(strstr(err.text, says), "\"%s\" has no \"%s\"", err.text, says);
}

/* Bytes of the file that are others. */
static void patch(const char *find, const char *put)
{
	struct mu_str text = MU_STR_INIT;
	char *at;

	cr_assert_eq(mu_file_read(path, 1 << 20, &text, NULL), 0);
	at = memmem(text.data, text.len, find, strlen(find));
	cr_assert_not_null(at);
	memcpy(at, put, strlen(put));
	cr_assert_eq(mu_file_replace(path, text.data, text.len, 0600, NULL), 0);
	mu_str_deinit(&text);
}

Test(ova, written_and_read)
{
	static struct ova ova;
	const struct ova_member *m;
	char buf[16] = "";
	int fd;

	write_whole("the disk");
	opens(&ova);
	cr_expect(ova.has_manifest && !ova.is_signed);
	cr_expect_eq(ova.n_members, 3);
	cr_expect(strstr(ova.descriptor.data, "<Envelope/>"));
	cr_expect_eq(ova.descriptor.len, 700);
	m = ova_find(&ova, "a.vmdk");
	cr_assert_not_null(m);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(pread(fd, buf, (size_t)m->length, m->offset), 8);
	(void)close(fd);
	cr_expect_str_eq(buf, "the disk");
	cr_expect_null(ova_find(&ova, "b.vmdk"));
	ova_deinit(&ova);
	{
		/* And by others. */
		struct mu_tool t = {.argv = (const char *const[]){"tar", "-tf", path, NULL},
				    .output_max = 4096};

		cr_assert_eq(mu_tool_run(&t, NULL), 0);
		cr_expect_str_eq(t.out.data, "vm.ovf\na.vmdk\nvm.mf\n");
		mu_tool_deinit(&t);
	}
}

Test(ova, digests)
{
	write_whole("the disk");
	patch("the disk", "the DISK");
	is_refused("\"a.vmdk\" is not what the manifest says");
}

Test(ova, a_digest_of_what_is_not_there)
{
	write_whole("the disk");
	patch("SHA256(a.vmdk)", "SHA256(b.vmdk)");
	is_refused("\"b.vmdk\", which is not there");
}

Test(ova, a_digest_twice)
{
	write_whole("the disk");
	patch("SHA256(vm.ovf)", "SHA256(a.vmdk)");
	is_refused("a.vmdk");
}

Test(ova, cut_off)
{
	write_whole("the disk");
	cr_assert_eq(truncate(path, 2000), 0);
	is_refused("cut off");
	cr_assert_eq(truncate(path, 0), 0);
	is_refused("no .ovf");
}

Test(ova, no_archive)
{
	cr_assert_eq(mkfifo(path, 0600), 0);
	is_refused("not a regular file");
}

Test(ova, a_writer_that_cannot)
{
	struct ova_writer w = {.fd = -1};
	struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	int64_t size;

	cr_assert_eq(ova_writer_begin(&w, path, "vm", 4, &err), 0);
	cr_expect_lt(ova_writer_add(&w, "a.vmdk", part, &nobody, &size, &err), 0);
	mu_str_add(&text, "<Envelope/>");
	cr_expect_lt(ova_writer_end(&w, &text, &err), 0);
	cr_expect_eq(err.code, MU_E_TOO_LARGE);
	ova_writer_deinit(&w);
	cr_expect_lt(ova_writer_begin(&w, path, "vm", 4, &err), 0);
	cr_expect_eq(err.code, MU_E_EXISTS);
	ova_writer_deinit(&w);
	mu_str_deinit(&text);
}

/* Manifests */

static int count(void *ctx, const struct ova_digest *d, struct mu_error *err)
{
	(void)err;
	cr_expect_eq(strlen(d->hex), tls_digest_chars(d->kind));
	(*(int *)ctx)++;
	return 0;
}

static void manifest_refused(const char *text, const char *says)
{
	struct mu_error err = MU_ERROR_INIT;
	int n = 0;

	cr_assert_lt(ova_manifest_read(text, strlen(text), count, &n, &err), 0, "%s", text);
	cr_expect(strstr(err.text, says), "\"%s\" has no \"%s\"", err.text, says);
}

#define SHA1_HEX "DA39a3ee5e6b4b0d3255bfef95601890afd80709"

Test(ova_manifest, lines)
{
	static const char text[] = "SHA1(a (1).ovf)= " SHA1_HEX "\r\n\n\r\nsha1 (b.vmdk)=" SHA1_HEX;
	struct mu_error err = MU_ERROR_INIT;
	int n = 0;

	cr_assert_eq(ova_manifest_read(text, strlen(text), count, &n, &err), 0, "%s", err.text);
	cr_expect_eq(n, 2);
	manifest_refused("SHA1(a)= 12", "line 1");
	manifest_refused("\nSHA1(a)= " SHA1_HEX "0", "line 2: no digest");
	manifest_refused("SHA256(a)= " SHA1_HEX, "no digest");
	manifest_refused("SHA1(a)= XX39a3ee5e6b4b0d3255bfef95601890afd80709", "no digest");
	manifest_refused("MD5(a)= " SHA1_HEX, "none of SHA1");
	manifest_refused("SHA1()= " SHA1_HEX, "a name");
	manifest_refused("SHA1 a " SHA1_HEX, "not of the form");
	manifest_refused("\xff", "not text");
}
