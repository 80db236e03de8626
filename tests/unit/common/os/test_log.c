/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char last[4096];
static int n_lines;
static enum mu_log_level last_level;

static void capture(enum mu_log_level level, const char *line, void *ctx)
{
	(void)ctx;
	last_level = level;
	n_lines++;
	(void)snprintf(last, sizeof last, "%s", line);
}

Test(log, levels_above_the_limit_are_dropped)
{
	mu_log_to(capture, NULL);
	mu_log_debug("hidden");
	cr_assert_eq(n_lines, 0);
	mu_log_set_level(MU_LOG_DEBUG);
	mu_log_debug("host=%s", "a");
	cr_assert_eq(n_lines, 1);
	cr_assert_eq(last_level, MU_LOG_DEBUG);
	cr_assert_str_eq(last, "host=a");
}

Test(log, one_event_is_one_line_whatever_it_holds)
{
	char big[5000];

	mu_log_to(capture, NULL);
	mu_log_error("name=%s", "a\nfake: line\x1b[31m");
	cr_assert_str_eq(last, "name=a?fake: line?[31m");
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	mu_log_info("%s", big);
	cr_assert_lt(strlen(last), 2048);
}

Test(log, level_names)
{
	cr_assert_eq(mu_log_level_parse("error"), MU_LOG_ERROR);
	cr_assert_eq(mu_log_level_parse("debug"), MU_LOG_DEBUG);
	cr_assert_eq(mu_log_level_parse("loud"), -1);
}
