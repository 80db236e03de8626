/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/access.h"

#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct access *a;
static struct mu_error err;

static void setup(void)
{
	a = access_new();
	err = (struct mu_error)MU_ERROR_INIT;
}

static void teardown(void)
{
	a = access_free(a);
}

TestSuite(access, .init = setup, .fini = teardown);

static struct mu_uuid id(unsigned n)
{
	struct mu_uuid u = {{[14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};

	return u;
}

static const struct mu_uuid viewer = {
    {0x6d, 0x75, 0x73, 0x74, 0x65, 0x72, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}};

static bool change(const struct access_change *c)
{
	if (access_check(a, c, &err) < 0)
		return false;
	access_apply(a, c);
	return true;
}

static bool user(unsigned n, const char *name, bool admin)
{
	struct access_change c = {.verb = ACCESS_USER_PUT, .user = {.id = id(n), .admin = admin}};

	(void)snprintf(c.user.name, sizeof c.user.name, "%s", name);
	return change(&c);
}

static bool group(unsigned n, const char *name)
{
	struct access_change c = {.verb = ACCESS_GROUP_PUT, .group = {.id = id(n)}};

	(void)snprintf(c.group.name, sizeof c.group.name, "%s", name);
	return change(&c);
}

static bool role(unsigned n, const char *name)
{
	struct access_change c = {.verb = ACCESS_ROLE_PUT, .role = {.id = id(n)}};

	(void)snprintf(c.role.name, sizeof c.role.name, "%s", name);
	return change(&c);
}

static bool privilege(unsigned n, const struct mu_uuid *of, const char *resource,
		      const char *action, const char *selector)
{
	struct access_change c = {.verb = ACCESS_PRIVILEGE_PUT,
				  .privilege = {.id = id(n), .role = *of}};

	(void)snprintf(c.privilege.resource, sizeof c.privilege.resource, "%s", resource);
	(void)snprintf(c.privilege.action, sizeof c.privilege.action, "%s", action);
	(void)snprintf(c.privilege.selector, sizeof c.privilege.selector, "%s", selector);
	return change(&c);
}

static bool removed(enum access_verb verb, struct mu_uuid what)
{
	struct access_change c = {.verb = verb, .id = what};

	return change(&c);
}

static bool linked(enum access_verb verb, enum access_link_kind kind, struct mu_uuid of,
		   struct mu_uuid to)
{
	struct access_change c = {.verb = verb, .link = {kind, of, to}};

	return change(&c);
}

static void refused(bool done, enum mu_error_code code, const char *text)
{
	cr_expect_not(done, "%s", text);
	cr_expect_eq(err.code, code, "%s", err.text);
	cr_expect(strstr(err.text, text), "%s lacks %s", err.text, text);
}

Test(access, users_have_names_of_their_own)
{
	cr_assert(user(1, "root", true));
	cr_assert(user(2, "alice", false));
	refused(user(3, "alice", false), MU_E_EXISTS, "a user \"alice\" already");
	refused(user(2, "root", false), MU_E_EXISTS, "already");
	refused(user(3, "", false), MU_E_INVALID, "must not be empty");
	refused(user(3, "a:b", false), MU_E_INVALID, "no colon");
	refused(user(3, "a\nb", false), MU_E_INVALID, "no control characters");
	refused(user(3, "root (local)", true), MU_E_INVALID, "no user");
	refused(user(3, "host 4c1f", false), MU_E_INVALID, "no user");
	refused(user(3, "join token", false), MU_E_INVALID, "no user");
	refused(user(3, "nobody", false), MU_E_INVALID, "no user");
	cr_assert(user(2, "bob", false));
	cr_assert_str_eq(access_user_find(a, &(struct mu_uuid){{[15] = 2}})->name, "bob");
	cr_assert_null(access_user_named(a, "alice"));
	cr_assert_null(access_free(NULL));
}

Test(access, somebody_stays_administrator)
{
	cr_assert(user(1, "root", true));
	refused(user(1, "root", false), MU_E_STATE, "the last administrator");
	refused(removed(ACCESS_USER_DELETE, id(1)), MU_E_STATE, "the last administrator");
	cr_assert(user(2, "alice", true));
	cr_assert(user(1, "root", false));
	cr_assert(removed(ACCESS_USER_DELETE, id(1)));
	refused(removed(ACCESS_USER_DELETE, id(1)), MU_E_NOT_FOUND, "no such user");
	refused(removed(ACCESS_USER_DELETE, id(2)), MU_E_STATE, "the last administrator");
}

Test(access, groups_and_members)
{
	cr_assert(user(1, "root", true) && group(10, "team") && group(11, "a:b"));
	refused(group(12, "team"), MU_E_EXISTS, "a group \"team\" already");
	refused(group(12, ""), MU_E_INVALID, "empty");
	cr_assert(group(11, "others"));
	cr_assert(linked(ACCESS_LINK, ACCESS_MEMBER, id(10), id(1)));
	cr_assert(linked(ACCESS_LINK, ACCESS_MEMBER, id(10), id(1)), "again is no harm");
	refused(linked(ACCESS_LINK, ACCESS_MEMBER, id(99), id(1)), MU_E_NOT_FOUND, "group");
	refused(linked(ACCESS_LINK, ACCESS_MEMBER, id(10), id(99)), MU_E_NOT_FOUND, "user");
	cr_assert(linked(ACCESS_UNLINK, ACCESS_MEMBER, id(10), id(1)));
	refused(linked(ACCESS_UNLINK, ACCESS_MEMBER, id(10), id(1)), MU_E_NOT_FOUND, "member");
	cr_assert(removed(ACCESS_GROUP_DELETE, id(10)));
	refused(removed(ACCESS_GROUP_DELETE, id(10)), MU_E_NOT_FOUND, "group");
}

Test(access, built_in_roles_stay_what_they_are)
{
	const struct access_change renamed = {.verb = ACCESS_ROLE_PUT,
					      .role = {.id = viewer, .name = "x"}};
	const struct access_role *r;
	const struct access_privilege *p;
	size_t n = 0;

	for (size_t i = 0; (r = access_role_next(a, &i)); n++)
		cr_expect(r->builtin && r->name[0] && r->description[0]);
	cr_assert_eq(n, 4);
	n = 0;
	for (size_t i = 0; (p = access_privilege_next(a, &i)); n++)
		cr_expect_eq(rights_known(p->resource, p->action, &err), 0, "%s", err.text);
	cr_assert_gt(n, 40);
	refused(removed(ACCESS_ROLE_DELETE, viewer), MU_E_STATE, "built in");
	refused(privilege(50, &viewer, "vm", "start", ""), MU_E_STATE, "copy it");
	n = 0;
	refused(removed(ACCESS_PRIVILEGE_DELETE, access_privilege_next(a, &n)->id), MU_E_STATE,
		"built in");
	refused(change(&renamed), MU_E_STATE, "built in");
}

Test(access, own_roles)
{
	struct mu_uuid mine = id(20);
	size_t none = 0;

	cr_assert(user(1, "root", true) && group(10, "team") && role(20, "mine"));
	refused(role(21, "mine"), MU_E_EXISTS, "a role \"mine\" already");
	refused(role(21, "viewer"), MU_E_EXISTS, "already");
	refused(role(21, ""), MU_E_INVALID, "empty");
	cr_assert(role(20, "other"));
	cr_assert(privilege(50, &mine, "vm", "start", "tags:web"));
	cr_assert(privilege(50, &mine, "vm", "shutdown", ""), "changed");
	refused(privilege(51, &mine, "vm", "fly", ""), MU_E_INVALID, "none of vm's");
	refused(privilege(51, &mine, "vm", "start", "("), MU_E_PROTOCOL, "selector");
	refused(privilege(51, &(struct mu_uuid){{9}}, "vm", "start", ""), MU_E_NOT_FOUND, "role");
	refused(removed(ACCESS_PRIVILEGE_DELETE, id(51)), MU_E_NOT_FOUND, "privilege");
	cr_assert(removed(ACCESS_PRIVILEGE_DELETE, id(50)));
	cr_assert(privilege(50, &mine, "vm", "start", "tags:web"));
	refused(linked(ACCESS_LINK, ACCESS_ROLE_USER, id(99), id(1)), MU_E_NOT_FOUND, "role");
	refused(linked(ACCESS_LINK, ACCESS_ROLE_GROUP, mine, id(1)), MU_E_NOT_FOUND, "group");
	cr_assert(linked(ACCESS_LINK, ACCESS_ROLE_USER, mine, id(1)));
	cr_assert(removed(ACCESS_ROLE_DELETE, mine));
	refused(removed(ACCESS_ROLE_DELETE, mine), MU_E_NOT_FOUND, "role");
	cr_assert_null(access_privilege_find(a, &(struct mu_uuid){{[15] = 50}}));
	cr_assert_null(access_link_next(a, &none));
}

static enum rights_verdict look(unsigned n, const char *resource, const char *action)
{
	struct mu_uuid who = id(n);
	enum rights_verdict v;
	struct rights *r;

	cr_assert_eq(access_rights(a, &who, &r, &err), 0, "%s", err.text);
	v = rights_look(r, resource, action);
	rights_free(r);
	return v;
}

Test(access, what_users_have)
{
	struct access_change copy = {
	    .verb = ACCESS_ROLE_COPY, .id = viewer, .role = {.id = id(20), .name = "copy"}};
	struct mu_uuid mine = id(20), who = id(2);

	cr_assert(user(1, "root", true) && user(2, "alice", false) && group(10, "team"));
	cr_expect_eq(look(2, "vm", "read"), RIGHTS_NONE);
	cr_assert(linked(ACCESS_LINK, ACCESS_ROLE_USER, viewer, id(2)));
	cr_expect_eq(look(2, "vm", "read"), RIGHTS_ALL);
	cr_expect_eq(look(2, "vm", "start"), RIGHTS_NONE);
	cr_assert(linked(ACCESS_UNLINK, ACCESS_ROLE_USER, viewer, id(2)));
	cr_assert(change(&copy));
	cr_assert(privilege(50, &mine, "vm", "start", "tags:web"));
	cr_assert(linked(ACCESS_LINK, ACCESS_ROLE_GROUP, mine, id(10)));
	cr_expect_not(access_has_role(a, &who, &mine));
	cr_assert(linked(ACCESS_LINK, ACCESS_MEMBER, id(10), id(2)));
	cr_expect(access_has_role(a, &who, &mine));
	cr_expect_eq(look(2, "vm", "read"), RIGHTS_ALL);
	cr_expect_eq(look(2, "vm", "start"), RIGHTS_SOME);
	cr_assert(removed(ACCESS_GROUP_DELETE, id(10)));
	cr_expect_eq(look(2, "vm", "read"), RIGHTS_NONE);
	copy.id = id(98);
	refused(change(&copy), MU_E_NOT_FOUND, "role");
	copy.id = viewer;
	copy.role.id = id(21);
	refused(change(&copy), MU_E_EXISTS, "already");
}

Test(access, bounds)
{
	struct mu_uuid mine = id(20), who = id(1);
	struct rights *r = NULL;
	char name[16];

	cr_assert(user(1, "root", true) && role(20, "mine"));
	for (unsigned i = 0; i < ACCESS_ROLE_PRIVILEGES_MAX; i++)
		cr_assert(privilege(100 + i, &mine, "vm", "start", ""));
	refused(privilege(1000, &mine, "vm", "start", ""), MU_E_EXHAUSTED, "in this role");
	cr_assert(linked(ACCESS_LINK, ACCESS_ROLE_USER, mine, who));
	for (unsigned i = 0; i < 4; i++) {
		struct access_change copy = {
		    .verb = ACCESS_ROLE_COPY, .id = mine, .role = {.id = id(30 + i)}};

		(void)snprintf(copy.role.name, sizeof copy.role.name, "copy%u", i);
		cr_assert(change(&copy));
		cr_assert(linked(ACCESS_LINK, ACCESS_ROLE_USER, copy.role.id, who));
	}
	cr_expect_eq(access_rights(a, &who, &r, &err), MU_FAILED);
	cr_expect_eq(err.code, MU_E_TOO_LARGE);
	for (unsigned i = 0; i < ACCESS_GROUPS_MAX; i++) {
		(void)snprintf(name, sizeof name, "g%u", i);
		cr_assert(group(2000 + i, name));
	}
	refused(group(1, "more"), MU_E_EXHAUSTED, "1000 groups");
	for (unsigned i = 9; i < ACCESS_ROLES_MAX; i++) {
		(void)snprintf(name, sizeof name, "r%u", i);
		cr_assert(role(4000 + i, name));
	}
	refused(role(1, "more"), MU_E_EXHAUSTED, "1000 roles");
}

/* As the store would: nobody checks. */
Test(access, more_bounds)
{
	struct mu_uuid mine = id(20);

	cr_assert(user(1, "root", true) && role(20, "mine"));
	for (unsigned i = 2; i <= ACCESS_USERS_MAX; i++) {
		struct access_change c = {.verb = ACCESS_USER_PUT, .user = {.id = id(i)}};

		access_apply(a, &c);
	}
	refused(user(0xffff, "more", false), MU_E_EXHAUSTED, "10000 users");
	for (unsigned i = 0; i < ACCESS_LINKS_MAX; i++) {
		struct access_change c = {.verb = ACCESS_LINK,
					  .link = {ACCESS_MEMBER, id(i), id(i)}};

		access_apply(a, &c);
	}
	refused(linked(ACCESS_LINK, ACCESS_ROLE_USER, mine, id(1)), MU_E_EXHAUSTED, "holders");
	for (unsigned i = 0; i < ACCESS_PRIVILEGES_MAX; i++) {
		struct access_change c = {.verb = ACCESS_PRIVILEGE_PUT,
					  .privilege = {.id = id(i), .role = id(9)}};

		access_apply(a, &c);
	}
	refused(privilege(0xfffe, &mine, "vm", "start", ""), MU_E_EXHAUSTED, "privileges; hint");
}
