/* SPDX-License-Identifier: Apache-2.0 */
/* An upload on the disk: what is here after a kill, after another boot, with a damaged record. */
#include "agent/transfer/upload.h"
#include "common/os/file.h"
#include "common/os/random.h"
#include "common/os/tool.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/test-upload.XXXXXX";
static char dir[64];
static struct upload_place place = {.state_dir = top, .dir = dir, .boot_id = "boot-1"};
static struct upload found[4];
static size_t n_found;

static void setup(void)
{
	cr_assert(mkdtemp(top));
	(void)snprintf(dir, sizeof dir, "%s/transfer", top);
}

static void teardown(void)
{
	struct mu_tool t = {.argv = (const char *const[]){"rm", "-rf", top, NULL}};

	(void)mu_tool_run(&t, NULL);
	mu_tool_deinit(&t);
}

TestSuite(upload, .init = setup, .fini = teardown, .timeout = 120);

static struct upload make(int64_t size)
{
	struct upload u = {.id = mu_random_uuid(),
			   .object = mu_random_uuid(),
			   .format = IMAGE_QCOW2,
			   .size_bytes = size,
			   .replaces = true,
			   .name = "a disk",
			   .user = "joe",
			   .lifetime = 1000};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(upload_create(&place, &u, 0, &err), 0, "%s", err.text);
	return u;
}

static int write_bytes(struct upload *u, const char *bytes, int64_t length, struct mu_error *err)
{
	const struct copy_watch nobody = {.cancel = NULL};
	int fds[2], r;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	cr_assert_eq(write(fds[1], bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	(void)close(fds[1]);
	r = upload_write(&place, u, fds[0], length, &nobody, err);
	(void)close(fds[0]);
	return r;
}

static void keep(const struct upload *u, void *ctx)
{
	(void)ctx;
	cr_assert_lt(n_found, 4u);
	found[n_found++] = *u;
}

static void load(const char *boot_id, size_t expected)
{
	struct upload_place p = place;
	struct mu_error err = MU_ERROR_INIT;

	p.boot_id = boot_id;
	n_found = 0;
	cr_assert_eq(uploads_load(&p, keep, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(n_found, expected, "%zu", n_found);
}

Test(upload, comes_back_as_it_was)
{
	struct upload u = make(10);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(write_bytes(&u, "abc", 3, &err), 0, "%s", err.text);
	cr_expect_eq(u.offset, 3);
	load("boot-1", 1);
	cr_expect(mu_uuid_equal(&found[0].id, &u.id) && mu_uuid_equal(&found[0].object, &u.object));
	cr_expect(found[0].format == IMAGE_QCOW2 && found[0].replaces && !found[0].once);
	cr_expect(found[0].size_bytes == 10 && found[0].offset == 3 && found[0].lifetime == 1000);
	cr_expect(strcmp(found[0].name, "a disk") == 0 && strcmp(found[0].user, "joe") == 0);
	cr_expect(found[0].created_at == u.created_at && found[0].touched_at == u.touched_at);
}

/* As after kill -9 in the middle of a write: more bytes than the record knows. */
static void add_unrecorded(const struct upload *u, const char *bytes)
{
	int fd = open(u->path, O_WRONLY | O_APPEND);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	(void)close(fd);
}

Test(upload, in_this_boot_the_file_counts_and_in_another_the_record)
{
	struct upload u = make(10);
	struct mu_error err = MU_ERROR_INIT;
	char bytes[16] = "";
	int fd;

	cr_assert_eq(write_bytes(&u, "abc", 3, &err), 0, "%s", err.text);
	add_unrecorded(&u, "XX");
	load("boot-1", 1);
	cr_expect_eq(found[0].offset, 5);
	load("boot-2", 1);
	cr_expect_eq(found[0].offset, 3);
	/* What may have been lost comes again, and takes its place. */
	u = found[0];
	cr_assert_eq(write_bytes(&u, "defghij", 7, &err), 0, "%s", err.text);
	fd = open(u.path, O_RDONLY);
	cr_assert_eq(read(fd, bytes, sizeof bytes), 10);
	cr_expect_str_eq(bytes, "abcdefghij");
	(void)close(fd);
	/* A file that is shorter than its record is believed. */
	cr_assert_eq(truncate(u.path, 2), 0);
	load("boot-3", 1);
	cr_expect_eq(found[0].offset, 2);
	cr_assert_eq(unlink(u.path), 0);
	load("boot-1", 1);
	cr_expect_eq(found[0].offset, 0);
}

Test(upload, more_than_was_announced_is_refused)
{
	struct upload u = make(10);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(write_bytes(&u, "abcdef", 3, &err), MU_FAILED);
	cr_expect_eq(err.code, MU_E_TOO_LARGE, "%s", err.text);
	cr_expect_eq(u.offset, 0);
}

Test(upload, removed_with_its_bytes_and_again)
{
	struct upload u = make(10);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(upload_remove(&place, &u, &err), 0, "%s", err.text);
	cr_expect_lt(access(u.path, F_OK), 0);
	cr_assert_eq(upload_remove(&place, &u, &err), 0, "%s", err.text);
	load("boot-1", 0);
}

Test(upload, a_start_sweeps_what_no_record_names)
{
	struct upload u = make(10);
	struct mu_uuid id = mu_random_uuid();
	char text[MU_UUID_TEXT], orphan[128], export[128], other[128], record[128];

	(void)snprintf(orphan, sizeof orphan, "%s/%s.upload", dir, mu_uuid_format(&id, text));
	(void)snprintf(export, sizeof export, "%s/%s.export", dir, text);
	(void)snprintf(other, sizeof other, "%s/somebodys.upload", dir);
	(void)snprintf(record, sizeof record, "%s/uploads/%s.json.new", place.state_dir, text);
	(void)close(open(record, O_CREAT | O_WRONLY, 0600));
	(void)close(open(orphan, O_CREAT | O_WRONLY, 0600));
	(void)close(open(export, O_CREAT | O_WRONLY, 0600));
	(void)close(open(other, O_CREAT | O_WRONLY, 0600));
	load("boot-1", 1);
	cr_expect_lt(access(orphan, F_OK), 0);
	cr_expect_lt(access(export, F_OK), 0);
	cr_expect_lt(access(record, F_OK), 0);
	cr_expect_eq(access(other, F_OK), 0, "what is not ours stays");
	cr_expect_eq(access(u.path, F_OK), 0);
}

Test(upload, a_record_that_is_damaged_is_set_aside)
{
	static const char *const texts[] = {
	    "",
	    "{",
	    "{\"version\": 2}",
	    "{\"version\": 1}",
	    "{\"version\": 1, \"format\": \"raw\", \"replaces\": false, \"once\": 1}",
	};
	struct upload u = make(10);
	char path[128], text[MU_UUID_TEXT];
	struct mu_error err = MU_ERROR_INIT;

	(void)snprintf(path, sizeof path, "%s/uploads/%s.json", top, mu_uuid_format(&u.id, text));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		cr_assert_eq(mu_file_replace(path, texts[i], strlen(texts[i]), 0600, &err), 0, "%s",
			     err.text);
		load("boot-1", 0);
		cr_expect_lt(access(path, F_OK), 0, "%s", texts[i]);
	}
}

Test(upload, room_is_kept_for_others)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_eq(upload_check_room(top, (int64_t)1 << 60, &err), MU_FAILED);
	cr_expect_eq(err.code, MU_E_EXHAUSTED, "%s", err.text);
	cr_expect(strstr(err.text, "--transfer-dir"), "%s", err.text);
	cr_expect_eq(upload_check_room("/nowhere/at/all", 1, &err), MU_FAILED);
}
