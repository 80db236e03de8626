/* SPDX-License-Identifier: Apache-2.0 */
/* The words of notices, and that no name in them becomes a header. */
#include "aggregator/notify/message.h"

#include <criterion/criterion.h>
#include <string.h>

static struct mu_arena *a;
static struct mu_str out;
static struct mu_value *alarm;
static const struct notify_target target = {.type = NOTIFY_MAIL,
					    .from = "m@example.org",
					    .n_to = 2,
					    .to = {"a@example.org", "b@example.org"}};
static struct message m;

static void setup(void)
{
	a = mu_arena_new();
	alarm = mu_value_object(a);
	mu_value_set_string(a, alarm, "id", "x");
	mu_value_set_string(a, alarm, "level", "critical");
	mu_value_set_string(a, alarm, "text", "host xen1: Host lost");
	mu_value_set_int(a, alarm, "time", INT64_C(1767225600000));
	m = (struct message){.event = "raised", .at = INT64_C(1794000000000), .alarm = alarm};
}

static void teardown(void)
{
	mu_str_deinit(&out);
	mu_arena_free(a);
}

TestSuite(message, .init = setup, .fini = teardown);

Test(message, json)
{
	m.n_dropped = 3;
	message_json(&out, a, &m);
	cr_expect_str_eq(out.data, "{\"event\":\"raised\","
				   "\"delivery\":\"00000000-0000-0000-0000-000000000000\","
				   "\"time\":1794000000000,\"dropped\":3,\"alarm\":{\"id\":\"x\","
				   "\"level\":\"critical\",\"text\":\"host xen1: Host lost\","
				   "\"time\":1767225600000}}");
	mu_str_reset(&out);
	m.alarm = NULL;
	m.event = "test";
	message_json(&out, a, &m);
	cr_expect_null(strstr(out.data, "alarm"));
}

Test(message, a_mail)
{
	m.n_dropped = 3;
	message_mail(&out, &target, &m);
	cr_expect_str_eq(out.data, "From: Muster <m@example.org>\r\n"
				   "To: a@example.org,\r\n b@example.org\r\n"
				   "Subject: [muster] critical raised: host xen1: Host lost\r\n"
				   "Date: Fri, 06 Nov 2026 21:20:00 +0000\r\n"
				   "Message-ID: <00000000-0000-0000-0000-000000000000@muster>\r\n"
				   "Auto-Submitted: auto-generated\r\n"
				   "MIME-Version: 1.0\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 8bit\r\n\r\n"
				   "raised       host xen1: Host lost\r\n"
				   "level        critical\r\n"
				   "since        2026-01-01T00:00:00.000Z\r\n"
				   "alarm        x\r\n"
				   "not told     3\r\n");
	mu_str_reset(&out);
	m.alarm = NULL;
	message_mail(&out, &target, &m);
	cr_expect(strstr(out.data, "Subject: [muster] test\r\n"));
}

static void subject(const char *text, const char *want)
{
	mu_value_remove(alarm, "text");
	mu_value_set_string(a, alarm, "text", text);
	mu_str_reset(&out);
	message_mail(&out, &target, &m);
	cr_expect(strstr(out.data, want), "%s", out.data);
}

Test(message, names_that_are_not_plain)
{
	subject("VM w\r\nBcc: evil@example.org",
		"Subject: "
		"=?UTF-8?B?W211c3Rlcl0gY3JpdGljYWwgcmFpc2VkOiBWTSB3DQpCY2M6IGV2aWxAZXhh?=\r\n "
		"=?UTF-8?B?bXBsZS5vcmc=?=\r\n");
	cr_expect_null(strstr(out.data, "\nBcc"));
	/* No character is cut in two: the 45th byte is the first one of an e with an accent. */
	subject("0123456789abcdefgh\xc3\xa9", "YWJjZGVmZ2g=?=\r\n =?UTF-8?B?w6k=?=\r\n");
}
