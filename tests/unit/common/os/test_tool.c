/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/clock.h"
#include "common/os/tool.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

TestSuite(tool, .timeout = 60);

Test(tool, output_and_exit_code)
{
	struct mu_tool t = {
	    .argv = ARGV("sh", "-c",
			 "echo out; printf 'WARNING: x\\n\\n  first  \\nadvice\\n' >&2; exit 3"),
	    .output_max = 100};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(mu_tool_run(&t, &err), 0);
	cr_assert_eq(t.exit_code, 3);
	cr_assert_eq(err.code, MU_E_IO);
	cr_assert_str_eq(err.text, "sh: exit code 3: first");
	cr_assert_str_eq(t.out.data, "out\n");
	mu_tool_deinit(&t);
}

Test(tool, reasons)
{
	static const struct {
		const char *script;
		const char *text;
	} cases[] = {
	    {"exit 1", "sh: exit code 1"},
	    {"echo 'warning: only this' >&2; exit 1", "sh: exit code 1: warning: only this"},
	    {"printf '\\n\\nno newline at the end' >&2; exit 1",
	     "sh: exit code 1: no newline at the end"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_tool t = {.argv = ARGV("sh", "-c", cases[i].script), .output_max = 100};
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_lt(mu_tool_run(&t, &err), 0);
		cr_assert_str_eq(err.text, cases[i].text);
		mu_tool_deinit(&t);
	}
}

Test(tool, arguments_are_not_interpreted_and_descriptors_not_inherited)
{
	struct mu_tool t = {.argv = ARGV("printf", "%s", "$(id); *"), .output_max = 100};
	struct mu_tool fds = {.argv = ARGV("sh", "-c", "echo /proc/self/fd/*; cat"),
			      .output_max = 100};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_tool_run(&t, &err), 0, "%s", err.text);
	cr_assert_str_eq(t.out.data, "$(id); *");
	mu_tool_deinit(&t);
	cr_assert_eq(mu_tool_run(&fds, &err), 0, "%s", err.text);
	cr_assert_null(strstr(fds.out.data, "/fd/4"), "%s", fds.out.data);
	mu_tool_deinit(&fds);
}

Test(tool, output_is_bounded_and_read_to_its_end)
{
	struct mu_tool t = {.argv = ARGV("head", "-c", "1000000", "/dev/zero"), .output_max = 10};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_tool_run(&t, &err), 0, "%s", err.text);
	cr_assert_eq(t.out.len, 10);
	mu_tool_deinit(&t);
}

Test(tool, missing_program)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_tool t = {.argv = ARGV("no-such-program"), .output_max = 100};

	cr_assert_lt(mu_tool_run(&t, &err), 0);
	cr_assert_eq(err.code, MU_E_NOT_FOUND, "%s", err.text);
	mu_tool_deinit(&t);
	t.dies_with_us = true;
	cr_assert_lt(mu_tool_run(&t, &err), 0);
	cr_assert_eq(err.code, MU_E_NOT_FOUND, "%s", err.text);
	mu_tool_deinit(&t);
}

Test(tool, deadline_ends_it_even_when_it_is_deaf)
{
	struct mu_tool t = {
	    .argv =
		ARGV("sh", "-c", "trap '' TERM; read x < /dev/zero || cat /dev/zero > /dev/null"),
	    .deadline = 100,
	    .output_max = 100};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(mu_tool_run(&t, &err), 0);
	cr_assert_eq(err.code, MU_E_TIMEOUT, "%s", err.text);
	cr_assert_eq(t.exit_code, -1);
	mu_tool_deinit(&t);
}

/* A daemon that keeps the pipes must not keep us. */
Test(tool, does_not_wait_for_grandchildren)
{
	struct mu_tool t = {.argv = ARGV("sh", "-c",
					 "tail -f /dev/null >/dev/null 2>&1 & echo $!; exec 3>&1; "
					 "tail -f /dev/null & echo $!"),
			    .output_max = 100};
	struct mu_error err = MU_ERROR_INIT;
	mu_msec begin = mu_clock_monotonic();
	char *rest, *line;
	int n = 0;

	cr_assert_eq(mu_tool_run(&t, &err), 0, "%s", err.text);
	cr_assert_lt(mu_clock_monotonic() - begin, MU_SEC(30));
	for (rest = t.out.data; (line = strsep(&rest, "\n")) && *line; n++) {
		uint64_t pid;

		cr_assert(mu_parse_u64(line, &pid));
		cr_assert_eq(kill((pid_t)pid, SIGKILL), 0);
	}
	cr_assert_eq(n, 2);
	mu_tool_deinit(&t);
}

static void *cancel_it(void *arg)
{
	mu_cancel_set(arg);
	mu_cancel_set(arg);
	return NULL;
}

static void cancel_on_output(void *ctx, const char *data, size_t len)
{
	pthread_t thread;

	(void)data;
	(void)len;
	cr_assert_eq(pthread_create(&thread, NULL, cancel_it, ctx), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(tool, cancel_ends_it)
{
	struct mu_cancel cancel;
	struct mu_tool t = {.argv = ARGV("sh", "-c", "echo started; exec cat /dev/zero >/dev/null"),
			    .output_max = 100,
			    .dies_with_us = true,
			    .on_output = cancel_on_output,
			    .ctx = &cancel,
			    .cancel = &cancel};
	struct mu_error err = MU_ERROR_INIT;

	mu_cancel_init(&cancel);
	cr_assert_lt(mu_tool_run(&t, &err), 0);
	cr_assert_eq(err.code, MU_E_CANCELLED, "%s", err.text);
	mu_tool_deinit(&t);
	cr_assert_lt(mu_tool_run(&t, &err), 0, "one that is cancelled already starts nothing");
	cr_assert_eq(err.code, MU_E_CANCELLED);
	cr_assert_eq(t.out.len, 0);
	mu_cancel_deinit(&cancel);
}
