/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of JSON-RPC clients: what matches what, and what is refused. */
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/query/pattern.h"

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

TestSuite(pattern, .init = setup, .fini = teardown);

static const struct mu_value *value_of(const char *json)
{
	struct mu_value *v = NULL;
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	/* Inside a list, as a text need not be a scalar alone. */
	mu_str_printf(&text, "[%s]", json);
	cr_assert_eq(mu_json_read(a, text.data, text.len, &v, NULL), 0, "%s", json);
	return v->first;
}

#define VM                                                                                         \
	"{\"type\": \"VM\", \"tags\": [\"web\", \"prod\"], \"CPUs\": {\"number\": 2}, \"auto\": "  \
	"true, "                                                                                   \
	"\"os\": null}"

Test(pattern, matches)
{
	static const struct {
		const char *pattern;
		bool matches;
	} table[] = {
	    {"{}", true},
	    {"{\"type\": \"VM\"}", true},
	    {"{\"type\": \"vm\"}", false},
	    {"{\"type\": \"VM\", \"auto\": true}", true},
	    {"{\"type\": \"VM\", \"auto\": false}", false},
	    {"{\"auto\": 1}", false},
	    {"{\"os\": null}", true},
	    {"{\"none\": null}", false},
	    {"{\"CPUs\": {\"number\": 2}}", true},
	    {"{\"CPUs\": {\"number\": 2.0}}", true},
	    {"{\"CPUs\": {\"max\": 2}}", false},
	    {"{\"type\": {\"number\": 2}}", false},
	    {"{\"tags\": [\"prod\"]}", true},
	    {"{\"tags\": [\"prod\", \"web\"]}", true},
	    {"{\"tags\": [\"prod\", \"db\"]}", false},
	    {"{\"tags\": []}", true},
	    {"{\"tags\": \"prod\"}", false},
	    {"{\"type\": [\"VM\"]}", false},
	    {"{\"type\": {\"__or\": [\"host\", \"VM\"]}}", true},
	    {"{\"type\": {\"__or\": []}}", false},
	    {"{\"__and\": [{\"type\": \"VM\"}, {\"auto\": true}]}", true},
	    {"{\"__and\": [{\"type\": \"VM\"}, {\"auto\": false}]}", false},
	    {"{\"__and\": []}", true},
	    {"{\"__not\": {\"type\": \"VM\"}}", false},
	    {"{\"tags\": {\"__not\": [\"db\"]}}", true},
	    {"{\"none\": {\"__not\": 1}}", false},
	    /* Not alone: a property of that name. */
	    {"{\"__not\": {\"type\": \"host\"}, \"type\": \"VM\"}", false},
	    {"\"VM\"", false},
	    {"[\"VM\"]", false},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		const struct mu_value *pattern = value_of(table[i].pattern);
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_eq(query_pattern_check(pattern, &err), 0, "%s", err.text);
		cr_expect_eq(query_pattern_match(pattern, value_of(VM)), table[i].matches, "%s",
			     table[i].pattern);
	}
}

Test(pattern, nothing_is_matched_by_a_negation_alone)
{
	cr_expect_not(query_pattern_match(value_of("1"), NULL));
	cr_expect_not(query_pattern_match(value_of("{}"), NULL));
	cr_expect_not(query_pattern_match(value_of("[]"), NULL));
	cr_expect(query_pattern_match(value_of("{\"__not\": 1}"), NULL));
}

static void refused(const char *pattern, const char *words)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_eq(query_pattern_check(value_of(pattern), &err), MU_FAILED, "%s", pattern);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, words), "%s", err.text);
}

Test(pattern, refusals)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	refused("{\"__and\": {}}", "__and takes a list");
	refused("{\"type\": {\"__or\": \"VM\"}}", "__or takes a list");
	mu_str_add(&text, "[0");
	for (int i = 0; i < QUERY_TERMS_MAX; i++)
		mu_str_add(&text, ",0");
	mu_str_add(&text, "]");
	refused(text.data, "256 values");
	mu_str_reset(&text);
	for (int i = 0; i < QUERY_DEPTH_MAX; i++)
		mu_str_add(&text, "{\"__not\":");
	mu_str_add(&text, "0");
	for (int i = 0; i < QUERY_DEPTH_MAX; i++)
		mu_str_add(&text, "}");
	refused(text.data, "32 levels");
}
