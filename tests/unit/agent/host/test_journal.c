/* SPDX-License-Identifier: Apache-2.0 */
/* What journalctl prints, in its forms and malformed. Running it:
 * tests/integration/test_agent_host.py. */
#include "agent/host/journal.h"

#include <criterion/criterion.h>
#include <string.h>

static int parse(const char *text, struct mu_str *out, struct mu_error *err)
{
	*out = (struct mu_str)MU_STR_INIT;
	return host_journal_entries(text, strlen(text), out, err);
}

static void expect(const char *text, const char *json)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str out;

	cr_expect_eq(parse(text, &out, &err), 0, "%s", err.text);
	cr_expect_str_eq(out.data, json);
	mu_str_deinit(&out);
}

Test(host_journal, entries)
{
	expect("", "[]");
	expect("{\"__REALTIME_TIMESTAMP\":\"1700000000123456\",\"MESSAGE\":\"a\\nb\"}\n\n"
	       "{\"MESSAGE\":null,\"PRIORITY\":\"3\",\"_PID\":\"x\",\"__CURSOR\":\"c\"}",
	       "[{\"at\":1700000000123,\"message\":\"a\\nb\"},{\"priority\":3,\"cursor\":\"c\"}]");
}

Test(host_journal, bytes_that_are_no_text)
{
	expect("{\"MESSAGE\":[72,105,255,10,32,111,107]}", "[{\"message\":\"Hi?? ok\"}]");
	expect("{\"MESSAGE\":[]}", "[{\"message\":\"\"}]");
	expect("{\"MESSAGE\":[\"x\",{},72]}", "[{\"message\":\"??H\"}]");
}

Test(host_journal, the_unit_that_is_meant)
{
	expect("{\"UNIT\":\"web.service\",\"_SYSTEMD_UNIT\":\"init.scope\"}",
	       "[{\"unit\":\"web.service\"}]");
	expect("{\"_SYSTEMD_UNIT\":\"a.service\"}", "[{\"unit\":\"a.service\"}]");
}

Test(host_journal, what_is_no_entry)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str out;

	cr_expect_eq(parse("{}\nnot JSON\n", &out, &err), MU_FAILED);
	cr_expect_eq(err.code, MU_E_PROTOCOL);
	cr_expect(strstr(err.text, "entry 2 of the journal"), "%s", err.text);
	mu_str_deinit(&out);
	/* Any other JSON has nothing that an entry has. */
	expect("[1]", "[{}]");
}

static void expect_boots(const char *text, const char *json)
{
	struct mu_str out = MU_STR_INIT;

	host_journal_boots(text, &out);
	cr_expect_str_eq(out.data, json);
	mu_str_deinit(&out);
}

Test(host_journal, boots)
{
	expect_boots("", "[]");
	expect_boots("IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY\n"
		     " -1 0123456789abcdef0123456789abcdef Tue 2024-01-02 03:04:05 UTC Tue "
		     "2024-01-02 04:04:05 UTC\n"
		     "  0 fedcba9876543210fedcba9876543210 Wed 2024-01-03 03:04:05 UTC\n",
		     "[{\"index\":-1,\"boot\":\"0123456789abcdef0123456789abcdef\","
		     "\"first\":1704164645000,\"last\":1704168245000},"
		     "{\"index\":0,\"boot\":\"fedcba9876543210fedcba9876543210\","
		     "\"first\":1704251045000}]");
}

Test(host_journal, boots_of_older_versions_and_odd_lines)
{
	expect_boots(" 0 0123456789abcdef0123456789abcdef Tue 2024-01-02 03:04:05 UTC\xe2\x80\x94"
		     "Tue 2024-01-02 04:04:05 UTC",
		     "[{\"index\":0,\"boot\":\"0123456789abcdef0123456789abcdef\","
		     "\"first\":1704164645000}]");
	expect_boots(" 0 0123456789ABCDEF0123456789abcdef x\nx y\n 1 short\n", "[]");
}
