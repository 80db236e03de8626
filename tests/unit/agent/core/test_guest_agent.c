/* SPDX-License-Identifier: Apache-2.0 */
/* Which socket leads to a guest's agent, and what is made of what it says. */
#include "agent/core/guest_agent.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { ID = 4711 };

/* The socket */

static const char *socket_of(const char *extra, struct mu_error *err)
{
	static struct hv_vm_config config;
	static char path[GUEST_AGENT_PATH_MAX + 1];

	(void)snprintf(config.extra, sizeof config.extra, "%s", extra);
	return guest_agent_socket(&config, path, err) == 0 ? path : NULL;
}

#define CHANNEL(name, connection)                                                                  \
	"{\"name\":\"" name "\",\"connection." connection "\":{\"path\":\"/run/ga\"}}"

Test(socket, found_among_others)
{
	struct mu_error err = MU_ERROR_INIT;
	const char *path =
	    socket_of("{\"vtpms\":[],\"channels\":[7,{}," CHANNEL("other", "socket") "," CHANNEL(
			  "org.qemu.guest_agent.0", "socket") "]}",
		      &err);

	cr_assert_str_eq(path, "/run/ga");
}

Test(socket, what_leads_nowhere_is_none)
{
	static const char *const cases[] = {
	    "",
	    "{",
	    "[]",
	    "{}",
	    "{\"channels\":{}}",
	    "{\"channels\":[" CHANNEL("org.qemu.guest_agent.0", "pty") "]}",
	    "{\"channels\":[" CHANNEL("other", "socket") "]}",
	    "{\"channels\":[{\"name\":\"org.qemu.guest_agent.0\",\"connection.socket\":7}]}",
	    "{\"channels\":[{\"name\":\"org.qemu.guest_agent.0\",\"connection.socket\":{}}]}",
	    "{\"channels\":[{\"name\":\"org.qemu.guest_agent.0\",\"connection.socket\":{\"path\":"
	    "\"relative\"}}]}",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_null(socket_of(cases[i], &err), "%s", cases[i]);
		cr_expect_eq(err.code, MU_E_UNSUPPORTED);
		cr_expect(strstr(err.text, "org.qemu.guest_agent.0") && strstr(err.text, "hint:"));
	}
}

Test(socket, a_path_that_no_address_holds_is_none)
{
	struct mu_error err = MU_ERROR_INIT;
	char extra[512];

	(void)snprintf(extra, sizeof extra,
		       "{\"channels\":[{\"name\":\"org.qemu.guest_agent.0\","
		       "\"connection.socket\":{\"path\":\"/%0107d\"}}]}",
		       1);
	cr_assert_null(socket_of(extra, &err));
}

/* What is said */

static struct guest_agent agent;

static void setup(void)
{
	struct mu_str out = MU_STR_INIT;

	agent = (struct guest_agent){.synced = false};
	guest_agent_greet(&agent, ID, &out);
	cr_assert_str_eq(
	    out.data, "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":4711}}\n");
	mu_str_deinit(&out);
}

static void teardown(void)
{
	guest_agent_deinit(&agent);
}

static int hear(const char *text, int64_t *ret_n, struct mu_error *err)
{
	return guest_agent_hear(&agent, text, strlen(text), ret_n, err);
}

/* One byte after the other is the same. */
static int hear_slowly(const char *text, int64_t *ret_n, struct mu_error *err)
{
	int r = 0;

	for (; r == 0 && *text; text++)
		r = guest_agent_hear(&agent, text, 1, ret_n, err);
	return r;
}

static void greeted(void)
{
	struct mu_error err = MU_ERROR_INIT;
	int64_t n = 0;

	cr_assert_eq(hear("\xff{\"return\": 4711}\n", &n, &err), 1, "%s", err.text);
	cr_assert_eq(n, ID);
}

TestSuite(said, .init = setup, .fini = teardown);

Test(said, what_was_said_before_is_passed_over)
{
	struct mu_error err = MU_ERROR_INIT;
	int64_t n = 0;

	cr_assert_eq(hear_slowly("half an answer}\n{\"return\": 4711}\n\n", &n, &err), 0);
	cr_assert_eq(hear_slowly("\xff{\"return\": 12}\n{\"return\": 4711}\n", &n, &err), 0);
	cr_assert_eq(hear_slowly("\xff{\"ret\xff{\"return\": 4711}\n", &n, &err), 1, "%s",
		     err.text);
	cr_assert_eq(n, ID);
}

Test(said, answers_and_refusals)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str out = MU_STR_INIT;
	int64_t n = 0;

	greeted();
	guest_agent_ask(GUEST_AGENT_FREEZE, &out);
	guest_agent_ask(GUEST_AGENT_THAW, &out);
	cr_assert_str_eq(out.data, "{\"execute\":\"guest-fsfreeze-freeze\"}\n"
				   "{\"execute\":\"guest-fsfreeze-thaw\"}\n");
	mu_str_deinit(&out);
	cr_assert_eq(hear("\n{\"return\": 3}\nand more", &n, &err), 1);
	cr_assert_eq(n, 3);
	cr_assert_lt(hear("{\"error\":{\"class\":\"X\",\"desc\":\"not\\u0007 now\"}}\n", &n, &err),
		     0);
	cr_assert_eq(err.code, MU_E_IO);
	cr_assert_null(strchr(err.text, '\a'));
	cr_assert(strstr(err.text, "now\""), "%s", err.text);
	cr_assert_lt(hear("{\"error\":7}\n", &n, &err), 0);
	cr_assert_lt(hear("{\"error\":{}}\n", &n, &err), 0);
	cr_assert_eq(err.code, MU_E_IO);
}

Test(said, nonsense)
{
	static const char *const cases[] = {
	    "hello\n", "{\n", "{}\n", "[1]\n", "{\"return\":{}}\n", "{\"return\":\"1\"}\n",
	};

	greeted();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mu_error err = MU_ERROR_INIT;
		int64_t n = 0;

		cr_expect_lt(hear(cases[i], &n, &err), 0, "%s", cases[i]);
		cr_expect_eq(err.code, MU_E_PROTOCOL, "%s", err.text);
	}
}

Test(said, what_has_no_end)
{
	struct mu_error err = MU_ERROR_INIT;
	int64_t n = 0;
	int r = 0;

	greeted();
	for (int i = 0; r == 0 && i <= GUEST_AGENT_LINE_MAX; i++)
		r = hear("a", &n, &err);
	cr_assert_lt(r, 0);
	cr_assert_eq(err.code, MU_E_PROTOCOL);
	cr_assert_leq(agent.line.len, GUEST_AGENT_LINE_MAX + 1);
}

Test(said, noise_has_an_end)
{
	struct mu_error err = MU_ERROR_INIT;
	int64_t n = 0;
	int r = 0;

	for (int i = 0; r == 0 && i <= GUEST_AGENT_NOISE_MAX / 4; i++)
		r = hear("{}\n ", &n, &err);
	cr_assert_lt(r, 0);
	cr_assert_eq(err.code, MU_E_PROTOCOL);
}
