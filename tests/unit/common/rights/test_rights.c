/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rights/rights.h"

#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { PRIVILEGES = 3 };

static struct rights *made(const struct rights_privilege *p)
{
	struct rights *r = NULL;
	struct mu_error err = MU_ERROR_INIT;
	size_t n = 0;

	while (n < PRIVILEGES && p[n].resource)
		n++;
	cr_assert_eq(rights_new(p, n, &r, &err), 0, "%s", err.text);
	return r;
}

/* What is asked is always of a VM with the tag "web" and the name "a". */
static const struct {
	const char *what;
	struct rights_privilege privileges[PRIVILEGES];
	const char *resource;
	const char *action;
	enum rights_verdict verdict;
	bool object;
	bool unborn; /* an object that is not there yet */
} table[] = {
    {"denied by default", {{NULL}}, "vm", "read", RIGHTS_NONE, false, false},
    {"the action itself", {{"vm", "read"}}, "vm", "read", RIGHTS_ALL, true, true},
    {"another action", {{"vm", "read"}}, "vm", "start", RIGHTS_NONE, false, false},
    {"another resource", {{"sr", "read"}}, "vm", "read", RIGHTS_NONE, false, false},
    {"all actions", {{"vm", "*"}}, "vm", "shutdown:hard", RIGHTS_ALL, true, true},
    {"all of all", {{"*", "*"}}, "vm", "shutdown:hard", RIGHTS_ALL, true, true},
    {"a group", {{"vm", "shutdown"}}, "vm", "shutdown:hard", RIGHTS_ALL, true, true},
    {"no group, only a prefix", {{"vm", "shut"}}, "vm", "shutdown:hard", RIGHTS_NONE, false, false},
    {"a part is not the whole", {{"vm", "update:tags"}}, "vm", "update", RIGHTS_NONE, false, false},
    {"deny wins",
     {{"vm", "*"}, {"vm", "read", NULL, true}},
     "vm",
     "read",
     RIGHTS_NONE,
     false,
     false},
    {"in either order",
     {{"vm", "read", "", true}, {"vm", "*"}},
     "vm",
     "read",
     RIGHTS_NONE,
     false,
     false},
    {"deny of all", {{"vm", "*"}, {"*", "*", NULL, true}}, "vm", "read", RIGHTS_NONE, false, false},
    {"deny of a group",
     {{"vm", "*"}, {"vm", "shutdown", NULL, true}},
     "vm",
     "shutdown:clean",
     RIGHTS_NONE,
     false,
     false},
    {"deny of a part denies the whole",
     {{"vm", "*"}, {"vm", "update:tags", NULL, true}},
     "vm",
     "update",
     RIGHTS_NONE,
     false,
     false},
    {"and no other part",
     {{"vm", "*"}, {"vm", "update:tags", NULL, true}},
     "vm",
     "update:cpus",
     RIGHTS_ALL,
     true,
     true},
    {"deny of another resource",
     {{"vm", "*"}, {"sr", "*", NULL, true}},
     "vm",
     "read",
     RIGHTS_ALL,
     true,
     true},
    {"selected", {{"vm", "read", "tags:web"}}, "vm", "read", RIGHTS_SOME, true, false},
    {"not selected", {{"vm", "read", "tags:db"}}, "vm", "read", RIGHTS_SOME, false, false},
    {"one of two selects",
     {{"vm", "read", "tags:db"}, {"vm", "*", "name_label:a"}},
     "vm",
     "read",
     RIGHTS_SOME,
     true,
     false},
    {"selected, and denied",
     {{"vm", "read", "tags:web"}, {"vm", "read", "name_label:a", true}},
     "vm",
     "read",
     RIGHTS_SOME,
     false,
     false},
    {"all but the selected",
     {{"vm", "read"}, {"vm", "read", "tags:web", true}},
     "vm",
     "read",
     RIGHTS_SOME,
     false,
     false},
    {"all but others",
     {{"vm", "read"}, {"vm", "read", "tags:db", true}},
     "vm",
     "read",
     RIGHTS_SOME,
     true,
     false},
    {"only denied", {{"vm", "read", "tags:db", true}}, "vm", "read", RIGHTS_NONE, false, false},
};

static struct mu_value *vm(struct mu_arena *a)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *tags = mu_value_set(a, v, "tags", mu_value_list(a));

	mu_value_push(tags, mu_value_string(a, "web"));
	mu_value_set_string(a, v, "name_label", "a");
	return v;
}

Test(rights, what_is_allowed)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		struct rights *r = made(table[i].privileges);
		struct rights_check c;

		rights_check_init(&c, r, table[i].resource, table[i].action, a);
		cr_expect_eq(c.verdict, table[i].verdict, "%s", table[i].what);
		cr_expect_eq(rights_look(r, table[i].resource, table[i].action), table[i].verdict);
		cr_expect_eq(rights_check_object(&c, vm(a)), table[i].object, "%s", table[i].what);
		cr_expect_eq(rights_check_object(&c, NULL), table[i].unborn, "%s", table[i].what);
		rights_free(r);
	}
}

Test(rights, whoever_has_none_of_these_has_everything)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct rights_check c;

	rights_check_init(&c, NULL, "vm", "read", a);
	cr_expect_eq(c.verdict, RIGHTS_ALL);
	cr_expect(rights_check_object(&c, NULL));
	cr_expect_not(rights_check_uses(&c, "tags"));
	cr_expect_null(rights_free(NULL));
}

/* A regular expression without an end is nobody's way in, also not turned round. */
Test(rights, what_takes_too_long_to_say)
{
	static const struct rights_privilege cases[][PRIVILEGES] = {
	    {{"vm", "read", "name_label:/^(a|aa)+$/"}},
	    {{"vm", "read", "!name_label:/^(a|aa)+$/"}},
	    {{"vm", "read"}, {"vm", "read", "name_label:/^(a|aa)+$/", true}},
	    {{"vm", "read"}, {"vm", "read", "!name_label:/^(a|aa)+$/", true}},
	};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char name[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	struct mu_value *slow = mu_value_object(a);
	struct mu_value *quick = mu_value_object(a);

	mu_value_set_string(a, slow, "name_label", name);
	mu_value_set_string(a, quick, "name_label", "b");
	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct rights *r = made(cases[i]);
		bool others =
		    i == 1 || i == 2; /* what it is like for those that it does not match */
		struct rights_check c;

		rights_check_init(&c, r, "vm", "read", a);
		cr_expect_eq(rights_check_object(&c, quick), others, "%zu", i);
		cr_expect_not(rights_check_object(&c, slow), "%zu", i);
		cr_expect_not(rights_check_object(&c, quick), "%zu: for the rest of the turn", i);
		rights_check_init(&c, r, "vm", "read", a);
		cr_expect_eq(rights_check_object(&c, quick), others, "%zu: the next turn", i);
		rights_free(r);
	}
}

Test(rights, which_properties_matter)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct rights *r = made((struct rights_privilege[PRIVILEGES]){
	    {"vm", "read", "tags:web"}, {"vm", "*", "name_label:a", true}, {"sr", "*", "size:>1"}});
	struct rights_check c;

	rights_check_init(&c, r, "vm", "read", a);
	cr_expect(rights_check_uses(&c, "tags"));
	cr_expect(rights_check_uses(&c, "name_label"));
	cr_expect_not(rights_check_uses(&c, "size"));
	rights_free(r);
}

Test(rights, bad_selectors_and_too_many)
{
	static struct rights_privilege many[RIGHTS_MAX + 1];
	struct mu_error err = MU_ERROR_INIT;
	struct rights *r = NULL;

	cr_expect_eq(rights_new(&(struct rights_privilege){"vm", "read", "(", false}, 1, &r, &err),
		     MU_FAILED);
	cr_expect(strstr(err.text, "selector: filter: at character"), "%s", err.text);
	cr_expect_eq(rights_new(many, RIGHTS_MAX + 1, &r, &err), MU_FAILED);
	cr_expect(strstr(err.text, "1025 privileges"), "%s", err.text);
	cr_expect_null(r);
}

Test(rights, the_table)
{
	static const struct {
		const char *resource;
		const char *action;
		const char *error; /* NULL: known */
	} cases[] = {
	    {"vm", "read", NULL},
	    {"vm", "*", NULL},
	    {"*", "*", NULL},
	    {"vm", "shutdown", NULL},
	    {"vm", "shutdown:clean", NULL},
	    {"vm", "update", NULL},
	    {"vm", "shut", "none of vm's"},
	    {"vm", "shutdown:clean:x", "none of vm's"},
	    {"vm", "", "none of vm's"},
	    {"vn", "read", "\"vn\" is not known"},
	    {"vn", "*", "\"vn\" is not known"},
	    {"*", "read", "another action than *"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;
		int r = rights_known(cases[i].resource, cases[i].action, &err);

		cr_expect_eq(r, cases[i].error ? MU_FAILED : 0, "%s %s", cases[i].resource,
			     cases[i].action);
		cr_expect(!cases[i].error || strstr(err.text, cases[i].error), "%s", err.text);
	}
	for (const struct rights_resource *r = rights_resources; r->name; r++) {
		cr_expect_leq(strlen(r->name), RIGHTS_RESOURCE_MAX);
		for (const char *const *action = r->actions; *action; action++) {
			cr_expect_leq(strlen(*action), RIGHTS_ACTION_MAX);
			cr_expect_eq(rights_known(r->name, *action, NULL), 0);
		}
	}
}

Test(rights, splitting)
{
	char resource[RIGHTS_RESOURCE_MAX + 1];
	const char *action;

	rights_split("vm:shutdown:clean", resource, &action);
	cr_expect_str_eq(resource, "vm");
	cr_expect_str_eq(action, "shutdown:clean");
}

/* Of whom nothing is known: not the same as NULL, who may everything. */
Test(rights, nothing)
{
	cr_expect_eq(rights_look(rights_nothing(), "vm", "read"), RIGHTS_NONE);
	cr_expect_eq(rights_look(NULL, "vm", "read"), RIGHTS_ALL);
}
