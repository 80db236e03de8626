/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/muster-file-XXXXXX";
static char path[64];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/f", dir);
}

static int remove_one(const char *file, const char *name, void *ctx, struct mu_error *err)
{
	(void)name, (void)ctx;
	return mu_file_remove(file, err);
}

static void teardown(void)
{
	(void)mu_file_list(dir, "", remove_one, NULL, NULL);
	(void)rmdir(dir);
}

TestSuite(file, .init = setup, .fini = teardown);

static void expect_content(const char *file, const char *want)
{
	struct mu_str s = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_file_read(file, 100, &s, &err), 0, "%s", err.text);
	cr_assert_str_eq(s.data, want);
	mu_str_deinit(&s);
}

Test(file, replace_writes_whole_with_the_mode_asked_for)
{
	struct mu_error err = MU_ERROR_INIT;
	struct stat st;

	cr_assert_eq(mu_file_replace(path, "one", 3, 0640, &err), 0, "%s", err.text);
	expect_content(path, "one");
	cr_assert_eq(mu_file_replace(path, "two!", 4, 0600, &err), 0);
	expect_content(path, "two!");
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
}

Test(file, a_replace_that_fails_leaves_the_old_content_and_no_litter)
{
	char temp[80];

	cr_assert_eq(mu_file_replace(path, "old", 3, 0600, NULL), 0);
	(void)snprintf(temp, sizeof temp, "%s.new", path);
	cr_assert_eq(mkdir(temp, 0700), 0);
	cr_assert_eq(mu_file_replace(path, "new", 3, 0600, NULL), MU_FAILED);
	expect_content(path, "old");
	cr_assert_eq(rmdir(temp), 0);
}

Test(file, read_is_bounded_and_says_what_is_missing)
{
	struct mu_str s = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_file_read(path, 10, &s, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_NOT_FOUND);
	cr_assert_not_null(strstr(err.text, path));
	cr_assert_eq(mu_file_replace(path, "0123456789", 10, 0600, NULL), 0);
	cr_assert_eq(mu_file_read(path, 9, &s, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_TOO_LARGE);
	mu_str_deinit(&s);
}

Test(file, write_at_writes_there_and_says_where_it_failed)
{
	struct mu_error err = MU_ERROR_INIT;
	int fd;

	cr_assert_eq(mu_file_replace(path, "one two", 7, 0600, &err), 0, "%s", err.text);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_eq(mu_file_write_at(fd, "three", 5, 4, &err), 0, "%s", err.text);
	expect_content(path, "one three");
	cr_assert_eq(mu_file_sync_parent(path, &err), 0, "%s", err.text);
	(void)close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_lt(mu_file_write_at(fd, "x", 1, 4, &err), 0);
	cr_assert_str_eq(err.text, "write at 4: Bad file descriptor");
	(void)close(fd);
}

Test(file, remove_twice_is_fine)
{
	cr_assert_eq(mu_file_replace(path, "x", 1, 0600, NULL), 0);
	cr_assert_eq(mu_file_remove(path, NULL), 0);
	cr_assert_eq(mu_file_remove(path, NULL), 0);
}

Test(file, set_aside_never_overwrites)
{
	for (int i = 1; i <= 2; i++) {
		MU_CLEANUP(mu_free) char *name = NULL;
		char want[100];

		cr_assert_eq(mu_file_replace(path, i == 1 ? "a" : "b", 1, 0600, NULL), 0);
		cr_assert_eq(mu_file_set_aside(path, &name, NULL), 0);
		(void)snprintf(want, sizeof want, "%s.damaged-%d", path, i);
		cr_assert_str_eq(name, want);
		expect_content(want, i == 1 ? "a" : "b");
		cr_assert_neq(access(path, F_OK), 0);
	}
}

static int collect(const char *file, const char *name, void *ctx, struct mu_error *err)
{
	(void)file;
	mu_str_printf(ctx, "%s;", name);
	return strcmp(name, "c.json") == 0 ? mu_error_set(err, MU_E_IO, "stop") : 0;
}

Test(file, list_is_sorted_filtered_and_stops_on_failure)
{
	struct mu_str s = MU_STR_INIT;
	static const char *const names[] = {"d.json", "a.json", ".hid.json", "b.txt", "c.json"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		char file[64];

		(void)snprintf(file, sizeof file, "%s/%s", dir, names[i]);
		cr_assert_eq(mu_file_replace(file, "", 0, 0600, NULL), 0);
	}
	cr_assert_eq(mu_file_list(dir, ".json", collect, &s, NULL), MU_FAILED);
	cr_assert_str_eq(s.data, "a.json;c.json;");
	mu_str_deinit(&s);
	(void)snprintf(path, sizeof path, "%s/.hid.json", dir);
	cr_assert_eq(mu_file_remove(path, NULL), 0);
}

Test(file, sweep_removes_what_was_never_renamed)
{
	static const char *const names[] = {"a.json", "b.json.new", "c.txt.new"};
	struct mu_str s = MU_STR_INIT;
	char file[64], missing[64];

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		(void)snprintf(file, sizeof file, "%s/%s", dir, names[i]);
		cr_assert_eq(mu_file_replace(file, "", 0, 0600, NULL), 0);
	}
	cr_assert_eq(mu_file_sweep(dir, ".json", NULL), 0);
	cr_assert_eq(mu_file_list(dir, "", collect, &s, NULL), 0);
	cr_assert_str_eq(s.data, "a.json;c.txt.new;");
	mu_str_deinit(&s);
	(void)snprintf(missing, sizeof missing, "%s/none", dir);
	cr_assert_eq(mu_file_sweep(missing, ".json", NULL), 0);
	cr_assert_eq(mu_file_sweep(file, ".json", NULL), MU_FAILED, "not a directory");
}

Test(file, mkdirs_makes_the_whole_path)
{
	char deep[100], mid[100];

	(void)snprintf(mid, sizeof mid, "%s/x", dir);
	(void)snprintf(deep, sizeof deep, "%s/x/y", dir);
	cr_assert_eq(mu_file_mkdirs(deep, 0700, NULL), 0);
	cr_assert_eq(mu_file_mkdirs(deep, 0700, NULL), 0);
	cr_assert_eq(rmdir(deep), 0);
	cr_assert_eq(rmdir(mid), 0);
	cr_assert_eq(mu_file_replace(path, "", 0, 0600, NULL), 0);
	(void)snprintf(deep, sizeof deep, "%s/sub", path);
	cr_assert_eq(mu_file_mkdirs(deep, 0700, NULL), MU_FAILED);
}

Test(file, a_lock_excludes_another_process)
{
	struct mu_error err = MU_ERROR_INIT;
	int status;
	pid_t pid;

	cr_assert_eq(mu_file_lock(path, &err), 0, "%s", err.text);
	pid = fork();
	if (pid == 0)
		_exit(mu_file_lock(path, &err) == MU_FAILED && err.code == MU_E_STATE ? 0 : 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(clock, text_and_direction)
{
	char buf[MU_CLOCK_TEXT];
	mu_msec a = mu_clock_monotonic();

	cr_assert_str_eq(mu_clock_format(1763659810123, buf), "2025-11-20T17:30:10.123Z");
	cr_assert_str_eq(mu_clock_format(-1, buf), "1970-01-01T00:00:00.000Z");
	cr_assert_geq(mu_clock_monotonic(), a);
	cr_assert_gt(mu_clock_wall(), 1700000000000);
}

Test(random, ids_differ)
{
	struct mu_uuid a = mu_random_uuid(), b = mu_random_uuid();

	cr_assert_not(mu_uuid_equal(&a, &b));
	cr_assert_neq(mu_random_u64(), mu_random_u64());
}
