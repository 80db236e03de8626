/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/resolve: what a person types, and the one object that is meant. */
#include "aggregator/cli/resolve.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <string.h>

#define ID(c, d) c c c c c c c c "-0000-4000-8000-00000000000" d

static const char hosts_json[] =
    "[{\"id\":\"" ID("a", "1") "\",\"name_label\":\"h1\"},"
			       "{\"id\":\"" ID("b", "1") "\",\"name_label\":\"h2\"}]";
static const char vms_json[] =
    "[{\"id\":\"" ID("1", "1") "\",\"name_label\":\"web\",\"$container\":\"" ID(
	"a",
	"1") "\"},"
	     "{\"id\":\"" ID("1", "2") "\",\"name_label\":\"web\",\"$container\":\"" ID(
		 "b",
		 "1") "\"},"
		      "{\"id\":\"" ID("2", "1") "\",\"name_label\":\"db\",\"$container\":\"" ID(
			  "b", "1") "\"},"
				    "{\"id\":\"" ID(
					"3", "1") "\",\"name_label\":\"h1:odd\",\"$container\":"
						  "\"" ID("b",
							  "1") "\"},"
							       "{\"id\":\"" ID(
								   "4",
								   "1") "\",\"name_label\":"
									"\"2222\",\"$container\":"
									"\"" ID("a", "1") "\"}]";

static struct mu_arena *arena;
static struct mu_value *hosts, *vms;
static struct mu_error err;

static void setup(void)
{
	arena = mu_arena_new();
	err = (struct mu_error)MU_ERROR_INIT;
	cr_assert_eq(mu_json_read(arena, hosts_json, strlen(hosts_json), &hosts, &err), 0);
	cr_assert_eq(mu_json_read(arena, vms_json, strlen(vms_json), &vms, &err), 0);
}

static void teardown(void)
{
	mu_arena_free(arena);
}

TestSuite(resolve, .init = setup, .fini = teardown);

static const char *id_of(const char *ref)
{
	const struct mu_value *vm = NULL;

	if (cli_resolve_vm(vms, hosts, ref, &vm, &err) < 0)
		return "";
	return mu_value_as_string(mu_value_get(vm, "id"));
}

Test(resolve, by_id_name_and_start_of_an_id)
{
	cr_expect_str_eq(id_of(ID("2", "1")), ID("2", "1"));
	cr_expect_str_eq(id_of("db"), ID("2", "1"));
	cr_expect_str_eq(id_of("2222222"), ID("2", "1"));
}

Test(resolve, a_name_goes_before_the_start_of_an_id)
{
	cr_expect_str_eq(id_of("2222"), ID("4", "1"));
}

Test(resolve, ids_in_upper_case)
{
	const struct mu_value *host;

	cr_expect_eq(
	    cli_resolve(hosts, "host", "AAAAAAAA-0000-4000-8000-000000000001", &host, &err), 0);
	cr_expect_eq(cli_resolve(hosts, "host", "BBBB", &host, &err), 0);
}

Test(resolve, host_and_name)
{
	cr_expect_str_eq(id_of("h1:web"), ID("1", "1"));
	cr_expect_str_eq(id_of("h2:web"), ID("1", "2"));
	cr_expect_str_eq(id_of("bbbb:db"), ID("2", "1"));
	cr_expect_str_eq(id_of("h1:odd"), ID("3", "1"), "a name with a colon is a name first");
}

Test(resolve, two_candidates_are_listed_not_guessed)
{
	cr_expect_str_eq(id_of("web"), "");
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, ID("1", "1")) && strstr(err.text, ID("1", "2")), "%s", err.text);
	cr_expect_str_eq(id_of("1111"), "");
	cr_expect_eq(err.code, MU_E_INVALID);
}

Test(resolve, nothing_found_says_how_to_look)
{
	static const char *const refs[] = {"nobody", "222", "h1:db", "h3:web", "", ":", "h1:"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(refs); i++) {
		cr_expect_str_eq(id_of(refs[i]), "", "%s", refs[i]);
		cr_expect_eq(err.code, MU_E_NOT_FOUND, "%s: %s", refs[i], err.text);
		cr_expect(strstr(err.text, "hint: muster"), "%s", err.text);
	}
}
