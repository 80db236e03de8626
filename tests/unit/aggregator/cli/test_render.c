/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/render: the four outputs of the same objects. */
#include "aggregator/cli/render.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct cli_column columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"STATE", "power_state", CLI_CELL_STATE, false},
    {"MEMORY", "memory.size", CLI_CELL_BYTES, false},
    {"STARTED", "startTime", CLI_CELL_SECONDS, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const char sample[] =
    "[{\"name_label\":\"web-1\",\"power_state\":\"Running\",\"memory\":{\"size\":1073741824},"
    "\"startTime\":1795176000,\"tags\":[\"a\",\"b\"],\"managed\":true},"
    "{\"name_label\":\"a \\\"b\\\", c\",\"power_state\":\"Halted\",\"memory\":{},"
    "\"startTime\":null,\"tags\":[],\"managed\":false}]";

static struct mu_arena *arena;
static struct mu_str out;
static struct cli_render render;

static void setup(void)
{
	arena = mu_arena_new();
	render = (struct cli_render){.columns = columns, .header = true, .now = 1795176000000};
}

static void teardown(void)
{
	mu_arena_free(arena);
	mu_str_deinit(&out);
}

TestSuite(render, .init = setup, .fini = teardown);

static const struct mu_value *parse(const char *json)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_json_read(arena, json, strlen(json), &v, &err), 0, "%s", err.text);
	return v;
}

static const char *list(void)
{
	mu_str_reset(&out);
	cli_render_list(&out, &render, parse(sample));
	return out.data;
}

static const char *object(void)
{
	mu_str_reset(&out);
	cli_render_object(&out, &render, parse(sample)->first);
	return out.data;
}

Test(render, table_aligns_and_marks_what_is_missing)
{
	cr_expect_str_eq(list(), "NAME      STATE    MEMORY\n"
				 "web-1     Running   1 GiB\n"
				 "a \"b\", c  Halted        -\n");
}

Test(render, table_without_header)
{
	render.header = false;
	render.fields = "state";
	cr_expect_str_eq(list(), "Running\nHalted\n");
}

Test(render, color_marks_states_only)
{
	render.color = true;
	render.fields = "name,state";
	render.header = false;
	cr_expect_str_eq(list(), "web-1     \033[32mRunning\033[0m\na \"b\", c  Halted\n");
}

Test(render, fields_by_header_path_or_path_with_header)
{
	render.fields = "State,tags:LABELS,managed,startTime";
	cr_expect_str_eq(list(), "STATE    LABELS  managed  STARTED\n"
				 "Running  a, b    yes      2026-11-20 12:00:00Z (0 s ago)\n"
				 "Halted   -       no       -\n");
}

Test(render, csv_quotes_as_rfc_4180_and_keeps_raw_values)
{
	render.output = CLI_CSV;
	cr_expect_str_eq(list(), "name_label,power_state,memory.size\r\n"
				 "web-1,Running,1073741824\r\n"
				 "\"a \"\"b\"\", c\",Halted,\r\n");
	render.fields = "tags";
	cr_expect_str_eq(list(), "tags\r\n\"[\"\"a\"\",\"\"b\"\"]\"\r\n[]\r\n");
}

Test(render, json_is_the_whole_object_or_the_chosen_fields)
{
	const struct mu_value *v;

	render.output = CLI_JSON;
	v = parse(list());
	cr_expect(mu_value_equal(v, parse(sample)));
	render.fields = "name,memory.size";
	v = parse(list());
	cr_expect(
	    mu_value_equal(v, parse("[{\"name_label\":\"web-1\",\"memory.size\":1073741824},"
				    "{\"name_label\":\"a \\\"b\\\", c\",\"memory.size\":null}]")));
}

Test(render, yaml_list)
{
	render.output = CLI_YAML;
	render.fields = "name";
	cr_expect_str_eq(list(), "- name_label: web-1\n- name_label: \"a \\\"b\\\", c\"\n");
}

Test(render, one_object_shows_hidden_columns_too)
{
	cr_expect_str_eq(object(), "NAME     web-1\n"
				   "STATE    Running\n"
				   "MEMORY   1 GiB\n"
				   "STARTED  2026-11-20 12:00:00Z (0 s ago)\n");
}

Test(render, one_object_in_the_other_outputs)
{
	render.fields = "name";
	render.output = CLI_YAML;
	cr_expect_str_eq(object(), "name_label: web-1\n");
	render.output = CLI_CSV;
	cr_expect_str_eq(object(), "NAME\r\nweb-1\r\n");
	render.output = CLI_JSON;
	cr_expect(mu_value_equal(parse(object()), parse("{\"name_label\":\"web-1\"}")));
}

Test(render, members_with_dots_in_their_names)
{
	const struct mu_value *v = parse("{\"a.b\":{\"c\":1},\"a\":{\"d.e\":2}}");

	cr_expect_eq(cli_render_at(v, "a.b.c")->integer, 1);
	cr_expect_eq(cli_render_at(v, "a.d.e")->integer, 2);
	cr_expect_null(cli_render_at(v, "a.x"));
	cr_expect_null(cli_render_at(parse("5"), "a"));
}

Test(render, wrong_fields_are_refused)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str many = MU_STR_INIT;

	render.fields = "name,,state";
	cr_expect_lt(cli_render_check(&render, &err), 0);
	cr_expect_eq(err.code, MU_E_INVALID);
	for (int i = 0; i <= CLI_RENDER_COLUMNS_MAX; i++)
		mu_str_add(&many, i ? ",a" : "a");
	render.fields = many.data;
	cr_expect_lt(cli_render_check(&render, &err), 0);
	cr_expect(strstr(err.text, "more than"), "%s", err.text);
	mu_str_deinit(&many);
	render.fields = "name";
	cr_expect_eq(cli_render_check(&render, &err), 0);
}

/* A column may be empty in all of them; what is none, and nobody has, is a slip. */
Test(render, fields_that_nobody_has)
{
	const struct mu_value *list = parse("[{\"a\":1},{\"b\":{\"c\":2}}]");
	struct mu_str unknown = MU_STR_INIT;

	cli_render_unknown(&unknown, &render, list);
	cr_expect_eq(unknown.len, 0, "nothing was named");
	render.fields = "a,b.c:C,name,nmae,b.d:D";
	cli_render_unknown(&unknown, &render, parse("[]"));
	cr_expect_eq(unknown.len, 0, "nobody is there");
	cli_render_unknown(&unknown, &render, list);
	cr_expect_str_eq(unknown.data, "nmae, b.d");
	mu_str_deinit(&unknown);
}

Test(render, a_path_into_a_list)
{
	static const char text[] = "{\"memory\": {\"dynamic\": [1, 2]}}";
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_json_read(arena, text, strlen(text), &v, &err), 0);
	cr_expect_eq(cli_render_at(v, "memory.dynamic.1")->integer, 2);
	cr_expect_null(cli_render_at(v, "memory.dynamic.2"));
	cr_expect_null(cli_render_at(v, "memory.dynamic.x"));
}

Test(render, sorts_by_columns_and_properties)
{
	static const char *const cases[][2] = {
	    {"memory", "memory:size"},
	    {"-Memory,NAME", "-memory:size,name_label"},
	    {"memory.size", "memory:size"},
	    {"memory:usage", "memory:usage"},
	    {"-tags.length,started", "-tags:length,startTime"},
	    {"nosuch,,", "nosuch,,"},
	    {"-", "-"},
	    {"", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		mu_str_reset(&out);
		mu_str_add(&out, "");
		cli_render_sort(&out, columns, cases[i][0]);
		cr_expect_str_eq(out.data ? out.data : "", cases[i][1]);
	}
}
