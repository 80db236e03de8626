/* SPDX-License-Identifier: Apache-2.0 */
#include "common/query/query.h"

#include <criterion/criterion.h>
#include <string.h>

Test(select, all_fields)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct query_fields f = {0};

	cr_assert_eq(query_fields_parse(a, "*", &f, NULL), 0);
	cr_expect(query_fields_has(&f, "anything"));
}

Test(select, some_fields)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct query_fields f = {0};

	cr_assert_eq(query_fields_parse(a, "id,,name_label,", &f, NULL), 0);
	cr_expect_eq(f.n_names, 2);
	cr_expect(query_fields_has(&f, "id"));
	cr_expect(query_fields_has(&f, "name_label"));
	cr_expect_not(query_fields_has(&f, "name"));
	cr_expect_not(query_fields_has(&f, "*"));
}

Test(select, refuses_none_and_too_many)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct query_fields f = {0};
	char many[4 * QUERY_FIELDS_MAX];

	cr_expect_eq(query_fields_parse(a, "", &f, &err), MU_FAILED);
	cr_expect(strstr(err.text, "no names"), "%s", err.text);
	memset(many, 'a', sizeof many);
	for (size_t i = 1; i < sizeof many; i += 2)
		many[i] = ',';
	many[sizeof many - 1] = '\0';
	cr_expect_eq(query_fields_parse(a, many, &f, &err), MU_FAILED);
	cr_expect(strstr(err.text, "more than"), "%s", err.text);
	cr_expect_eq(f.n_names, 0);
}

Test(select, limits)
{
	static const char *const bad[] = {"", "0", "-1", "x", "1.5", "99999999999999999999"};
	size_t n = 7;

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_eq(query_limit_parse(bad[i], &n, &err), MU_FAILED, "%s", bad[i]);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
	}
	cr_expect_eq(n, 7);
	cr_assert_eq(query_limit_parse("25", &n, NULL), 0);
	cr_expect_eq(n, 25);
}
