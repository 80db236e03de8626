/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/process.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct mu_loop *loop;
static int n_done;

static void setup(void)
{
	loop = mu_loop_new();
}

static void teardown(void)
{
	loop = mu_loop_free(loop);
}

TestSuite(process, .init = setup, .fini = teardown, .timeout = 60);

static void done(struct mu_process *p)
{
	(void)p;
	n_done++;
}

static struct mu_process run(const char *const *argv, mu_msec deadline, size_t output_max)
{
	struct mu_process p = {
	    .argv = argv, .deadline = deadline, .output_max = output_max, .done = done};

	mu_process_start(&p, loop);
	cr_assert_eq(n_done, 0, "done inside start");
	mu_loop_run(loop);
	cr_assert_eq(n_done, 1);
	return p;
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(process, output_and_exit_code)
{
	struct mu_process p = run(ARGV("sh", "-c", "echo out; echo err >&2; exit 3"), 0, 100);

	cr_assert_eq(p.exit_code, 3);
	cr_assert_eq(p.err.code, MU_E_IO);
	cr_assert_str_eq(p.err.text, "sh: exit code 3");
	cr_assert_str_eq(p.out.data, "out\n");
	cr_assert_str_eq(p.errout.data, "err\n");
	mu_process_deinit(&p);
}

Test(process, arguments_are_not_interpreted)
{
	struct mu_process p = run(ARGV("printf", "%s", "$(id); *"), 0, 100);

	cr_assert_eq(p.exit_code, 0);
	cr_assert_eq(p.err.code, MU_E_NONE);
	cr_assert_str_eq(p.out.data, "$(id); *");
	mu_process_deinit(&p);
}

Test(process, output_is_bounded_and_the_child_does_not_hang_on_it)
{
	struct mu_process p = run(ARGV("sh", "-c", "head -c 1000000 /dev/zero"), 0, 1000);

	cr_assert_eq(p.exit_code, 0);
	cr_assert_eq(p.out.len, 1000);
	mu_process_deinit(&p);
}

Test(process, a_program_that_is_not_there_is_an_error_at_done)
{
	struct mu_process p = run(ARGV("/nonexistent/tool"), 0, 100);

	cr_assert_eq(p.exit_code, -1);
	cr_assert_eq(p.err.code, MU_E_NOT_FOUND);
	cr_assert_not_null(strstr(p.err.text, "/nonexistent/tool: cannot start"));
	mu_process_deinit(&p);
}

Test(process, a_deadline_kills)
{
	struct mu_process p = run(ARGV("sleep", "1000"), 50, 100);

	cr_assert_eq(p.exit_code, -1);
	cr_assert_eq(p.err.code, MU_E_TIMEOUT);
	mu_process_deinit(&p);
}

static struct mu_process *to_cancel;

static void cancel(void *ctx)
{
	(void)ctx;
	mu_process_cancel(to_cancel);
	mu_process_cancel(to_cancel);
}

Test(process, cancel_ends_it_once)
{
	struct mu_process p = {.argv = ARGV("sleep", "1000"), .output_max = 10, .done = done};

	to_cancel = &p;
	mu_process_start(&p, loop);
	mu_loop_post(loop, cancel, NULL);
	mu_loop_run(loop);
	cr_assert_eq(n_done, 1);
	cr_assert_eq(p.err.code, MU_E_CANCELLED);
	mu_process_cancel(&p);
	mu_process_deinit(&p);
}

/* Both hold our pipes by a process that would never end. */
#define CHILD "tail -f /dev/null & "

Test(process, a_daemon_that_is_left_is_not_waited_for)
{
	struct mu_process p = run(ARGV("sh", "-c", CHILD "echo $!"), 0, 100);
	uint64_t daemon;

	cr_assert_eq(p.exit_code, 0);
	cr_assert_eq(p.err.code, MU_E_NONE);
	p.out.data[strcspn(p.out.data, "\n")] = '\0';
	cr_assert(mu_parse_u64(p.out.data, &daemon));
	cr_assert_eq(kill((pid_t)daemon, SIGKILL), 0, "it was left running");
	mu_process_deinit(&p);
}

Test(process, what_it_has_started_ends_with_it)
{
	mu_msec begun = mu_loop_now(loop);
	struct mu_process p = run(ARGV("sh", "-c", CHILD "wait"), 100, 100);

	cr_assert_eq(p.exit_code, -1);
	cr_assert_eq(p.err.code, MU_E_TIMEOUT);
	cr_assert_lt(mu_loop_now(loop) - begun, 4000, "the pipes were still held");
	mu_process_deinit(&p);
}
