/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of files in memory, also of files that are shortened under them. */
#include "common/os/mapped.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE_AT = 5000, PIECE_BYTES = 20000, FILE_BYTES = PIECE_AT + PIECE_BYTES };

static char path[] = "/tmp/muster-mapped-XXXXXX";
static int fd = -1;
static struct mu_mapped m;
static struct mu_error err = MU_ERROR_INIT;
static uint8_t want[FILE_BYTES], got[FILE_BYTES];

static void setup(void)
{
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	for (size_t i = 0; i < FILE_BYTES; i++)
		want[i] = (uint8_t)(i * 31 >> 3);
	cr_assert_eq(pwrite(fd, want, FILE_BYTES, 0), FILE_BYTES);
	cr_assert_eq(mu_mapped_init(&m, fd, PIECE_AT, PIECE_BYTES, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	mu_mapped_deinit(&m);
	(void)close(fd);
	(void)unlink(path);
}

TestSuite(mapped, .init = setup, .fini = teardown, .timeout = 60);

Test(mapped, all_of_it_and_what_is_written_later)
{
	mu_mapped_read_ahead(&m, PIECE_AT, PIECE_BYTES);
	mu_mapped_prefetch(&m, PIECE_AT + 17, 100);
	cr_assert(mu_mapped_copy(&m, PIECE_AT, got, PIECE_BYTES));
	cr_assert_arr_eq(got, want + PIECE_AT, PIECE_BYTES);
	cr_assert(mu_mapped_copy(&m, FILE_BYTES - 1, got, 1));
	cr_assert_eq(got[0], want[FILE_BYTES - 1]);
	cr_assert(mu_mapped_copy(&m, FILE_BYTES, got, 0));
	cr_assert_eq(pwrite(fd, "new", 3, 9000), 3);
	cr_assert(mu_mapped_copy(&m, 9000, got, 3));
	cr_assert_arr_eq(got, "new", 3);
}

/* That is no business of anybody's: nothing happens. */
Test(mapped, nothing_is_fetched_of_what_is_not_there)
{
	mu_mapped_prefetch(&m, FILE_BYTES - 10, 11);
	mu_mapped_prefetch(&m, 0, 100);
	mu_mapped_prefetch(&m, FILE_BYTES + 100, 1);
	mu_mapped_prefetch(&m, PIECE_AT, SIZE_MAX);
}

/* Twice, as a handler that does not come back could be one that comes once. */
Test(mapped, a_file_that_was_shortened)
{
	cr_assert_eq(ftruncate(fd, 10000), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_not(mu_mapped_copy(&m, 16384, got, 100));
		cr_assert_not(mu_mapped_copy(&m, PIECE_AT, got, PIECE_BYTES));
	}
	cr_assert(mu_mapped_copy(&m, PIECE_AT, got, 1000));
	cr_assert_arr_eq(got, want + PIECE_AT, 1000);
	cr_assert_eq(ftruncate(fd, FILE_BYTES), 0);
	cr_assert(mu_mapped_copy(&m, 16384, got, 100), "it is as long as it was");
	for (size_t i = 0; i < 100; i++)
		cr_assert_eq(got[i], 0);
}

/* No copy is under way: whoever does this dies of it, as without a mapping. */
Test(mapped, a_fault_of_somebody_else)
{
	int status;
	pid_t pid;

	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_not(mu_mapped_copy(&m, PIECE_AT, got, 1));
	pid = fork();
	if (pid == 0)
		_exit(*(const volatile uint8_t *)m.bytes);
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status), "status %d", status);
}

Test(mapped, what_cannot_be_mapped)
{
	struct mu_mapped none = {NULL, 0, 0};
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_lt(mu_mapped_init(&none, ends[0], 0, 4096, &err), 0);
	cr_assert_not_null(strstr(err.text, "mmap"), "%s", err.text);
	mu_mapped_deinit(&none);
	(void)close(ends[0]);
	(void)close(ends[1]);
}
