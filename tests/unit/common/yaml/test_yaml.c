/* SPDX-License-Identifier: Apache-2.0 */
#include "common/yaml/yaml.h"

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

TestSuite(yaml, .init = setup, .fini = teardown);

/* The stream's documents, as JSON. */
static void expect(const char *text, const char *json)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_yaml_read(a, text, strlen(text), &v, &err), 0, "%s: %s", text, err.text);
	mu_json_write(&out, v, false);
	cr_assert_str_eq(out.data, json);
}

static void expect_error(const char *text, const char *says)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v = NULL;

	cr_assert_eq(mu_yaml_read(a, text, strlen(text), &v, &err), MU_FAILED, "%s", text);
	cr_assert_null(v);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert(strstr(err.text, says), "%s: %s", text, err.text);
}

Test(yaml, nodes)
{
	expect("", "[]");
	expect("# nothing\n", "[]");
	expect("a: 1\nb: [x, {c: d}]\n", "[{\"a\":1,\"b\":[\"x\",{\"c\":\"d\"}]}]");
	expect("- 1\n- - 2\n  - []\n- {}\n", "[[1,[2,[]],{}]]");
	expect("---\na\n---\nb\n...\n", "[\"a\",\"b\"]");
	expect("text: |\n  #cloud-config\n  x: y\n", "[{\"text\":\"#cloud-config\\nx: y\\n\"}]");
	expect("{\"json\": [true, null, 1.5]}", "[{\"json\":[true,null,1.5]}]");
}

Test(yaml, plain_words_are_what_yaml_1_2_says)
{
	expect("[true, True, TRUE, false, False, FALSE]", "[[true,true,true,false,false,false]]");
	expect("[null, Null, NULL, ~, '']", "[[null,null,null,null,\"\"]]");
	expect("a:\n", "[{\"a\":null}]");
	expect("[yes, no, on, off, y, tRUE]", "[[\"yes\",\"no\",\"on\",\"off\",\"y\",\"tRUE\"]]");
	expect("[1, -2, +3, 007]", "[[1,-2,3,7]]");
	expect("[1.5, -.5, 1e3, 2.]", "[[1.5,-0.5,1000.0,2.0]]");
	expect(
	    "[0x10, 12:30, 1.2.3, 1-2, '-', +, inf, .nan, e5, 4GiB, 9223372036854775808, 1e999]",
	    "[[\"0x10\",\"12:30\",\"1.2.3\",\"1-2\",\"-\",\"+\",\"inf\",\".nan\",\"e5\",\"4GiB\","
	    "\"9223372036854775808\",\"1e999\"]]");
	expect("['1', \"true\", !!str 1, ! 2]", "[[\"1\",\"true\",\"1\",\"2\"]]");
}

Test(yaml, anchors)
{
	expect("a: &x {b: 1}\nc: *x\n", "[{\"a\":{\"b\":1},\"c\":{\"b\":1}}]");
	expect("[&x 1, &x 2, *x, &y [3], *y]", "[[1,2,2,[3],[3]]]");
	expect_error("a: *x\n", "line 1, column 4: there is no anchor");
	expect_error("&x [*x]\n", "no anchor");
	expect_error("a: &x 1\n---\nb: *x\n", "no anchor");
}

Test(yaml, what_json_cannot_say)
{
	expect_error("{[a]: b}", "a key has to be a text");
	expect_error("a: 1\na: 2\n", "line 2, column 1: this key is there twice");
	expect_error("\"a\\0b\": 1", "a key has a NUL");
	expect_error("\"a\\0b\"", "a text has a NUL");
	expect_error("!!binary aGk=", "tags are not understood");
}

Test(yaml, malformed)
{
	expect_error("a: [1\n", "line 2, column 1: ");
	expect_error("a: {b: [", "line 2, column 1: did not find expected node content");
	expect_error("- \"x", "line 1, column ");
	expect_error("a: b: c", "line 1, column 5: mapping values are not allowed");
	expect_error("\tx: 1", "cannot start any token");
	expect_error("--- @\n", "line 1");
	expect_error("x: \xff\n", "UTF-8");
	expect_error("? [\n", "line");
}

Test(yaml, bounds)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str deep = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str wide = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str many = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str laughs = MU_STR_INIT;

	for (int i = 0; i < 40; i++)
		mu_str_add_char(&deep, '[');
	expect_error(deep.data, "nested too deeply");
	for (int i = 0; i < MU_YAML_NODES_MAX; i++)
		mu_str_add(&wide, "- 1\n");
	expect_error(wide.data, "line 20000, column 3: there is too much in it");
	for (int i = 0; i <= MU_YAML_DOCUMENTS_MAX; i++)
		mu_str_add(&many, "--- 1\n");
	expect_error(many.data, "line 1001, column 1: there are too many documents");
	mu_str_add(&laughs, "a0: &a0 ha\n");
	for (int i = 1; i < 9; i++) {
		mu_str_printf(&laughs, "a%d: &a%d [", i, i);
		for (int k = 0; k < 9; k++)
			mu_str_printf(&laughs, "%s*a%d", k ? ", " : "", i - 1);
		mu_str_add(&laughs, "]\n");
	}
	expect_error(laughs.data, "there is too much in it");
}
