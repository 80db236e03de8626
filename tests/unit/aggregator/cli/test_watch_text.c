/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/watch_text: what --watch prints. */
#include "aggregator/cli/watch_text.h"

#include <criterion/criterion.h>

static struct mu_str out;

static void teardown(void)
{
	mu_str_deinit(&out);
}

TestSuite(watch_text, .fini = teardown);

static const char *changes(const char *before, const char *after)
{
	mu_str_reset(&out);
	cli_watch_changes(&out, before, after);
	return out.data ? out.data : "";
}

static const char *screen(const char *text, size_t rows)
{
	mu_str_reset(&out);
	cli_watch_screen(&out, text, rows);
	return out.data;
}

Test(watch_text, a_change_is_one_line)
{
	const char *before = "NAME   STATE\nweb-1  Halted\nweb 2  Running\n";

	cr_expect_str_eq(changes(before, before), "");
	cr_expect_str_eq(changes(before, "NAME   STATE\nweb-1  Running\nweb 2  Running\n"),
			 "+ web-1  Running\n");
	cr_expect_str_eq(changes(before, "NAME   STATE\nweb 2  Running\n"), "- web-1  Halted\n");
	cr_expect_str_eq(changes("", "a\n"), "+ a\n");
	cr_expect_str_eq(changes("a\n", ""), "- a\n");
}

Test(watch_text, alignment_is_no_change)
{
	cr_expect_str_eq(changes("NAME   STATE\nweb-1  Halted\n",
				 "NAME         STATE\nweb-1        Halted\ndatabase-12  Halted\n"),
			 "+ database-12  Halted\n");
}

Test(watch_text, one_of_two_of_a_name)
{
	cr_expect_str_eq(changes("x  1\nx  2\n", "x  1\n"), "- x  2\n");
	cr_expect_str_eq(changes("x  1\nx  2\n", "x  1\nx  3\n"), "+ x  3\n");
}

Test(watch_text, a_last_line_without_an_end)
{
	cr_expect_str_eq(changes("a", "a\nb"), "+ b\n");
}

Test(watch_text, a_screen_is_drawn_over_the_last_one)
{
	cr_expect_str_eq(screen("a\nb\n", 24), "\033[Ha\033[K\nb\033[K\n\033[J");
	cr_expect_str_eq(screen("", 24), "\033[H\033[J");
}

Test(watch_text, what_does_not_fit_is_counted)
{
	cr_expect_str_eq(screen("a\nb\nc\n", 4), "\033[Ha\033[K\nb\033[K\nc\033[K\n\033[J");
	cr_expect_str_eq(screen("a\nb\nc\nd\n", 4),
			 "\033[Ha\033[K\nb\033[K\n... 2 more\033[K\033[J");
}
