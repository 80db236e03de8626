/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <string.h>

static struct mu_arena *a;

static void setup(void)
{
	a = mu_arena_new();
}

static void teardown(void)
{
	a = mu_arena_free(a);
}

TestSuite(json, .init = setup, .fini = teardown);

static void expect_round_trip(const char *text)
{
	struct mu_str out = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_json_read(a, text, strlen(text), &v, &err), 0, "%s", err.text);
	mu_json_write(&out, v, false);
	cr_assert_str_eq(out.data, text);
	mu_str_deinit(&out);
}

Test(json, what_is_read_is_what_is_written)
{
	expect_round_trip("null");
	expect_round_trip("{\"a\":[1,-9223372036854775808,true,false,null,\"x\"],\"b\":{}}");
	expect_round_trip("[0.5,[],\"\xe2\x82\xac \\\"q\\\" \\\\ \\n\"]");
}

Test(json, pretty_is_indented)
{
	struct mu_str out = MU_STR_INIT;
	struct mu_value *o = mu_value_object(a);

	mu_value_set_int(a, o, "n", 1);
	mu_json_write(&out, o, true);
	cr_assert_str_eq(out.data, "{\n  \"n\": 1\n}\n");
	mu_str_deinit(&out);
}

Test(json, refusals_say_where)
{
	static const char *const bad[] = {
	    "",
	    "{",
	    "{\"a\":1,}",
	    "[1 2]",
	    "{\"a\":1,\"a\":2}",
	    "\"\\u0000\"",
	    "99999999999999999999",
	    "\"\xff\"",
	    "nul",
	    "1 1",
	};
	struct mu_value *v = NULL;

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_eq(mu_json_read(a, bad[i], strlen(bad[i]), &v, &err), MU_FAILED, "%s",
			     bad[i]);
		cr_assert_eq(err.code, MU_E_PROTOCOL);
		cr_assert_not_null(strstr(err.text, "line 1 column"), "%s", err.text);
	}
	cr_assert_null(v);
}

Test(json, depth_is_bounded_brackets_in_strings_do_not_count)
{
	struct mu_str deep = MU_STR_INIT, quoted = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	mu_str_add(&quoted, "[\"\\\"");
	for (int i = 0; i < 100000; i++) {
		mu_str_add_char(&deep, '[');
		mu_str_add_char(&quoted, '[');
	}
	mu_str_add(&quoted, "\"]");
	cr_assert_eq(mu_json_read(a, deep.data, deep.len, &v, &err), MU_FAILED);
	cr_assert_str_eq(err.text, "JSON nested deeper than 64 levels");
	cr_assert_eq(mu_json_read(a, quoted.data, quoted.len, &v, &err), 0, "%s", err.text);
	mu_str_deinit(&deep);
	mu_str_deinit(&quoted);
}
