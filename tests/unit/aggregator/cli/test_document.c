/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/document, diff: what the golden cases (tests/golden/cli) do not reach. */
#include "aggregator/cli/diff.h"
#include "aggregator/cli/document.h"
#include "aggregator/cli/yaml.h"
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

TestSuite(document, .init = setup, .fini = teardown);

static struct mu_value *json(const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_json_read(a, text, strlen(text), &v, &err), 0, "%s", err.text);
	return v;
}

Test(document, what_the_editor_shows)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	const struct cli_kind *vm = cli_kind_find("vm");
	struct mu_value *spec = cli_spec_of(
	    a, vm,
	    json("{\"name_description\": \"x\", \"tags\": [], \"CPUs\": {\"number\": 2},"
		 "\"cpuMask\": [3], \"memory\": {\"dynamic\": [1610612736, 2147483648],"
		 "\"static\": [0, 1000]}}"));

	cli_yaml_write(&out, cli_document_of(a, vm, "web-1", spec));
	cr_expect_str_eq(out.data, "kind: vm\nname: web-1\nspec:\n  nameDescription: x\n"
				   "  tags: []\n  cpus: 2\n  cpuMask: \"3\"\n  memory: \"2GiB\"\n"
				   "  memoryMin: \"1536MiB\"\n  memoryStaticMax: 1000\n");
}

Test(document, kinds_are_in_order_of_need)
{
	const struct cli_kind *user = cli_kind_find("user"), *role = cli_kind_find("role");

	cr_expect_lt(user, role);
	cr_expect_null(cli_kind_find("task"));
}

Test(document, differences_are_the_same_or_not)
{
	const struct cli_kind *vm = cli_kind_find("vm");
	struct mu_value *have = json("{\"cpus\": 1, \"memory\": 1073741824, \"tags\": [\"a\"]}");
	struct cli_diff none = cli_diff(a, vm, have, json("{\"memory\": \"1GiB\"}"));
	struct cli_diff one = cli_diff(a, vm, have, json("{\"cpus\": 2}"));
	const struct mu_value *lacking;

	cr_expect_eq(none.n, 0);
	cr_expect_eq(one.n, 1);
	cr_expect_str_eq(cli_diff_names(a, &none), "");
	lacking = cli_diff_lacking(a, json("[\"a\", \"b\"]"), mu_value_get(have, "tags"));
	cr_expect_eq(lacking->n_children, 1);
	cr_expect_str_eq(lacking->first->string, "b");
	/* Where nothing is known of the other, all of a list is lacking. */
	lacking = cli_diff_lacking(a, json("[\"a\"]"), mu_value_null(a));
	cr_expect_eq(lacking->n_children, 1);
}

Test(document, no_more_than_can_be_held)
{
	struct mu_value *list = mu_value_list(a);
	struct mu_error err = MU_ERROR_INIT;
	struct cli_document *docs;
	size_t n;

	for (int i = 0; i <= CLI_DOCUMENTS_MAX; i++) {
		struct mu_value *v = mu_value_push(list, mu_value_object(a));

		mu_value_set_string(a, v, "kind", "user");
		mu_value_set_int(a, v, "name", i);
	}
	cr_assert_eq(cli_documents_read(a, list, &docs, &n, &err), MU_FAILED);
	cr_expect_eq(err.code, MU_E_TOO_LARGE);
}
