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

/* id, name, host */
static const char *const vm_rows[][3] = {
    {ID("1", "1"), "web", ID("a", "1")},      {ID("1", "2"), "web", ID("b", "1")},
    {ID("2", "1"), "db", ID("b", "1")},       {ID("3", "1"), "h1:odd", ID("b", "1")},
    {ID("4", "1"), "2222", ID("a", "1")},     {ID("5", "1"), "mail-in", ID("a", "1")},
    {ID("6", "1"), "mail-out", ID("b", "1")}, {ID("7", "1"), "mail", ID("b", "1")},
    {ID("8", "1"), "store-1", ID("a", "1")},  {ID("8", "2"), "store-2", ID("a", "1")},
    {ID("8", "3"), "store-3", ID("a", "1")},  {ID("8", "4"), "store-4", ID("a", "1")},
    {ID("8", "5"), "store-5", ID("a", "1")},
};

static struct mu_arena *arena;
static struct mu_value *hosts, *vms;
static struct mu_error err;

static void setup(void)
{
	arena = mu_arena_new();
	err = (struct mu_error)MU_ERROR_INIT;
	cr_assert_eq(mu_json_read(arena, hosts_json, strlen(hosts_json), &hosts, &err), 0);
	vms = mu_value_list(arena);
	for (size_t i = 0; i < MU_ARRAY_SIZE(vm_rows); i++) {
		struct mu_value *vm = mu_value_push(vms, mu_value_object(arena));

		mu_value_set_string(arena, vm, "id", vm_rows[i][0]);
		mu_value_set_string(arena, vm, "name_label", vm_rows[i][1]);
		mu_value_set_string(arena, vm, "$container", vm_rows[i][2]);
	}
}

static void teardown(void)
{
	mu_arena_free(arena);
}

TestSuite(resolve, .init = setup, .fini = teardown);

static const char *id_with(const char *ref, enum cli_resolve_care care)
{
	const struct mu_value *vm = NULL;

	mu_error_clear(&err);
	if (cli_resolve_vm(vms, hosts, ref, care, &vm, &err) < 0)
		return "";
	return mu_value_as_string(mu_value_get(vm, "id"));
}

static const char *id_of(const char *ref)
{
	return id_with(ref, CLI_RESOLVE_EASY);
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

	cr_expect_eq(cli_resolve(hosts, "host", "AAAAAAAA-0000-4000-8000-000000000001",
				 CLI_RESOLVE_SURE, &host, &err),
		     0);
	cr_expect_eq(cli_resolve(hosts, "host", "BBBB", CLI_RESOLVE_EASY, &host, &err), 0);
}

Test(resolve, host_and_name)
{
	cr_expect_str_eq(id_of("h1:web"), ID("1", "1"));
	cr_expect_str_eq(id_of("h2:web"), ID("1", "2"));
	cr_expect_str_eq(id_of("bbbb:db"), ID("2", "1"));
	cr_expect_str_eq(id_of("h1:odd"), ID("3", "1"), "a name with a colon is a name first");
}

Test(resolve, by_the_start_of_a_name)
{
	static const char *const cases[][2] = {
	    {"d", ID("2", "1")},
	    {"mail-", ""},
	    {"mail-o", ID("6", "1")},
	    {"mail", ID("7", "1")}, /* a whole name goes before */
	    {"h2:mail-", ID("6", "1")},
	    {"h1:m", ID("5", "1")},
	    {"h1:o", ID("3", "1")},
	    {"h1:web", ID("1", "1")},
	    {"222", ID("4", "1")},
	    {"22222", ID("2", "1")}, /* four of an id go before */
	    {"MAIL-O", ""},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++)
		cr_expect_str_eq(id_of(cases[i][0]), cases[i][1], "%s: %s", cases[i][0], err.text);
}

Test(resolve, candidates_by_the_start_of_a_name_are_listed_but_not_all)
{
	cr_expect_str_eq(id_of("mail-"), "");
	cr_expect_str_eq(err.text, "'mail-' is the start of the names of 2 vms: " ID("5", "1") //
			 " (mail-in), " ID("6", "1") " (mail-out); hint: use the id");
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect_str_eq(id_of("store"), "");
	cr_expect(strstr(err.text, " of 5 vms: ") && strstr(err.text, "(store-4), ...; hint:") &&
		      !strstr(err.text, "store-5"),
		  "%s", err.text);
}

/* What destroys: the whole name, or eight characters of the id. */
Test(resolve, to_be_sure_takes_whole_names)
{
	static const char *const sure[][2] = {
	    {"mail", ID("7", "1")},   {ID("6", "1"), ID("6", "1")}, {"22222222", ID("2", "1")},
	    {"h1:web", ID("1", "1")}, {"h1:odd", ID("3", "1")},     {"bbbbbbbb:web", ID("1", "2")},
	};
	static const struct {
		const char *ref, *said;
	} unsure[] = {
	    {"d", "'d' is only the start of the name of vm " ID(
		      "2", "1") " (db); hint: this takes "
				"the whole name, or 8 characters of the id"},
	    {"2222222", "is only the start of the id of vm " ID("2", "1") " (db); hint:"},
	    {"h1:mail", "'mail' is only the start of the name of vm " ID("5", "1")},
	    {"h:web", "'h' is the start of the names of 2 hosts"},
	    {"bbbb:web", "'bbbb' is only the start of the id of host " ID("b", "1")},
	    {"web", "'web' is the name of 2 vms"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(sure); i++)
		cr_expect_str_eq(id_with(sure[i][0], CLI_RESOLVE_SURE), sure[i][1], "%s: %s",
				 sure[i][0], err.text);
	for (size_t i = 0; i < MU_ARRAY_SIZE(unsure); i++) {
		cr_expect_str_eq(id_with(unsure[i].ref, CLI_RESOLVE_SURE), "", "%s", unsure[i].ref);
		cr_expect_eq(err.code, MU_E_INVALID, "%s: %s", unsure[i].ref, err.text);
		cr_expect(strstr(err.text, unsure[i].said), "%s: %s", unsure[i].ref, err.text);
	}
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
	static const char *const refs[] = {"nobody", "h1:db", "h3:web", "", ":", "h2:"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(refs); i++) {
		cr_expect_str_eq(id_of(refs[i]), "", "%s", refs[i]);
		cr_expect_eq(err.code, MU_E_NOT_FOUND, "%s: %s", refs[i], err.text);
		cr_expect(strstr(err.text, "hint: muster"), "%s", err.text);
	}
}
