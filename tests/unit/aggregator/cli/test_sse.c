/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/sse: events out of bytes, however they are cut. */
#include "aggregator/cli/sse.h"

#include <criterion/criterion.h>
#include <string.h>

static struct cli_sse sse;
static struct mu_str seen;
static int n_wanted;

static void setup(void)
{
	cli_sse_init(&sse);
	n_wanted = 1000;
}

static void teardown(void)
{
	cli_sse_deinit(&sse);
	mu_str_deinit(&seen);
}

TestSuite(sse, .init = setup, .fini = teardown);

static bool see(void *ctx, const char *event, const char *data)
{
	(void)ctx;
	mu_str_printf(&seen, "[%s|%s]", event, data);
	return --n_wanted > 0;
}

static const char *feed(const char *text, size_t step)
{
	struct mu_error err = MU_ERROR_INIT;

	for (size_t i = 0, len = strlen(text); i < len; i += step)
		cr_assert_eq(
		    cli_sse_feed(&sse, text + i, len - i < step ? len - i : step, see, NULL, &err),
		    0, "%s", err.text);
	return seen.data ? seen.data : "";
}

static const char sample[] = ": hello\n\nevent: init\nid: 7\ndata: {\"id\":\"x\"}\n\n"
			     "data:a\r\ndata:  b\r\n\r\nevent: lost\n\nretry: 5\ndata\n\n";

Test(sse, whole_and_byte_by_byte)
{
	static const char expected[] = "[init|{\"id\":\"x\"}][message|a\n b][message|]";

	cr_expect_str_eq(feed(sample, sizeof sample), expected);
	mu_str_reset(&seen);
	cr_expect_str_eq(feed(sample, 1), expected);
	mu_str_reset(&seen);
	cr_expect_str_eq(feed(sample, 3), expected);
}

Test(sse, an_unfinished_event_is_none)
{
	cr_expect_str_eq(feed("event: a\ndata: 1\n", 4), "");
	cr_expect_str_eq(feed("\n", 1), "[a|1]");
}

Test(sse, stops_when_told)
{
	n_wanted = 1;
	cr_expect_str_eq(feed("data: 1\n\ndata: 2\n\n", 100), "[message|1]");
}

Test(sse, an_endless_event_is_an_error)
{
	struct mu_error err = MU_ERROR_INIT;
	char block[4096];
	int r = 0;

	memset(block, 'x', sizeof block);
	for (int i = 0; r == 0 && i < 2 * CLI_SSE_EVENT_MAX / (int)sizeof block; i++)
		r = cli_sse_feed(&sse, block, sizeof block, see, NULL, &err);
	cr_expect_lt(r, 0);
	cr_expect_eq(err.code, MU_E_TOO_LARGE);
}
