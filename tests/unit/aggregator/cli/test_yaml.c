/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/yaml: block style, and strings that stay strings. */
#include "aggregator/cli/yaml.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <string.h>

static struct mu_arena *arena;
static struct mu_str out;

static void setup(void)
{
	arena = mu_arena_new();
}

static void teardown(void)
{
	mu_arena_free(arena);
	mu_str_deinit(&out);
}

TestSuite(yaml, .init = setup, .fini = teardown);

static const char *yaml(const char *json)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_json_read(arena, json, strlen(json), &v, &err), 0, "%s", err.text);
	mu_str_reset(&out);
	cli_yaml_write(&out, v);
	return out.data;
}

Test(yaml, nests_by_two_blanks)
{
	cr_expect_str_eq(yaml("{\"a\":{\"b\":[1,{\"c\":true,\"d\":null}]},\"e\":1.5}"),
			 "a:\n  b:\n    - 1\n    - c: true\n      d: null\ne: 1.5\n");
}

Test(yaml, lists_in_lists)
{
	cr_expect_str_eq(yaml("[[1,[2]],3]"), "- - 1\n  - - 2\n- 3\n");
}

Test(yaml, empty_ones_are_in_flow_style)
{
	cr_expect_str_eq(yaml("[]"), "[]\n");
	cr_expect_str_eq(yaml("{\"a\":{},\"b\":[]}"), "a: {}\nb: []\n");
}

Test(yaml, strings_that_look_like_something_else_are_quoted)
{
	cr_expect_str_eq(yaml("\"web-1\""), "web-1\n");
	cr_expect_str_eq(yaml("\"REST API: start\""), "\"REST API: start\"\n");
	cr_expect_str_eq(yaml("\"/rest/v0/vms\""), "/rest/v0/vms\n");
	cr_expect_str_eq(yaml("\"\""), "\"\"\n");
	cr_expect_str_eq(yaml("\"No\""), "\"No\"\n");
	cr_expect_str_eq(yaml("\"1e5\""), "\"1e5\"\n");
	cr_expect_str_eq(yaml("\"- a\""), "\"- a\"\n");
	cr_expect_str_eq(yaml("\"a #b\""), "\"a #b\"\n");
	cr_expect_str_eq(yaml("\"a \""), "\"a \"\n");
	cr_expect_str_eq(yaml("\"a\\nb\""), "\"a\\nb\"\n");
	cr_expect_str_eq(yaml("{\"0/ipv4/0\":\"10.0.0.1\"}"), "\"0/ipv4/0\": \"10.0.0.1\"\n");
}
