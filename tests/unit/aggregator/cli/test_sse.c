/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/sse: events out of lines. */
#include "aggregator/cli/sse.h"

#include <criterion/criterion.h>
#include <string.h>

static struct cli_sse sse;
static struct mu_str seen;

static void setup(void)
{
	cli_sse_init(&sse);
}

static void teardown(void)
{
	cli_sse_deinit(&sse);
	mu_str_deinit(&seen);
}

TestSuite(sse, .init = setup, .fini = teardown);

/* Lines separated by '/'; what comes out as "[event|data]". */
static const char *feed(const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "/");
		MU_CLEANUP(mu_free) char *line = mu_xstrndup(text, len);

		if (cli_sse_line(&sse, line))
			mu_str_printf(&seen, "[%s|%s]", cli_sse_event(&sse), cli_sse_data(&sse));
		if (text[len] == '\0')
			return seen.data ? seen.data : "";
		text += len + 1;
	}
}

Test(sse, events_in_a_row)
{
	cr_expect_str_eq(feed("event: init/id: 7/data: {\"id\":\"x\"}//event: add/data: 1//"),
			 "[init|{\"id\":\"x\"}][add|1]");
}

Test(sse, several_data_lines_are_one_text)
{
	cr_expect_str_eq(feed("data:a/data:  b/data/"), "[message|a\n b\n]");
}

Test(sse, what_has_no_data_is_no_event)
{
	cr_expect_str_eq(feed(": hello//retry: 5//event: lost//data: 1//"), "[message|1]");
}

Test(sse, an_unfinished_event_is_none)
{
	cr_expect_str_eq(feed("event: a/data: 1"), "");
	cr_expect_str_eq(feed(""), "[a|1]");
}

Test(sse, an_endless_event_is_dropped_and_the_next_one_is_not)
{
	MU_CLEANUP(mu_free) char *block = mu_xmalloc((1 << 20) + 1);

	memset(block, 'x', 1 << 20);
	memcpy(block, "data:", 5);
	block[1 << 20] = '\0';
	for (int i = 0; i < 8; i++)
		cr_assert(!cli_sse_line(&sse, block));
	cr_expect_leq(sse.data.len, (size_t)CLI_SSE_EVENT_MAX);
	cr_expect(!cli_sse_line(&sse, ""));
	cr_expect_str_eq(feed("data: 1/"), "[message|1]");
}

Test(sse, the_newest_id_stays_known)
{
	cr_expect_str_eq(cli_sse_id(&sse), "");
	cr_expect_str_eq(feed("id: 7/data: a//data: b//"), "[message|a][message|b]");
	cr_expect_str_eq(cli_sse_id(&sse), "7");
	(void)feed("id:8/data: c//");
	cr_expect_str_eq(cli_sse_id(&sse), "8");
}
