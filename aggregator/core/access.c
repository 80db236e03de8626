/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists, looked through: there are few, what is asked for with every request (access_rights()) is
 * kept by the shell until something changes.
 */
#include "aggregator/core/access.h"

#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/query/query.h"

#include <stdlib.h>
#include <string.h>

/* Of structs whose first member is their id. */
struct set {
	const struct mu_uuid **items;
	size_t n;
	size_t cap;
};

struct access {
	struct set users;
	struct set groups;
	struct set roles;
	struct set privileges;
	struct access_link *links;
	size_t n_links;
	size_t cap_links;
};

/* --- sets --- */

static size_t set_at(const struct set *s, const struct mu_uuid *id)
{
	size_t i = 0;

	while (i < s->n && !mu_uuid_equal(s->items[i], id))
		i++;
	return i;
}

static const void *set_find(const struct set *s, const struct mu_uuid *id)
{
	size_t i = set_at(s, id);

	return i < s->n ? s->items[i] : NULL;
}

static const void *set_next(const struct set *s, size_t *iter)
{
	return *iter < s->n ? s->items[(*iter)++] : NULL;
}

static void set_put(struct set *s, const void *item, size_t size)
{
	size_t i = set_at(s, item);

	if (i == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->items = mu_xrealloc(s->items, s->cap, sizeof *s->items);
	}
	if (i == s->n)
		s->items[s->n++] = mu_xmemdup(item, size);
	else
		memcpy((void *)(uintptr_t)s->items[i], item, size);
}

static void set_remove_at(struct set *s, size_t i)
{
	free((void *)(uintptr_t)s->items[i]);
	memmove(&s->items[i], &s->items[i + 1], (--s->n - i) * sizeof *s->items);
}

static void set_remove(struct set *s, const struct mu_uuid *id)
{
	size_t i = set_at(s, id);

	if (i < s->n)
		set_remove_at(s, i);
}

static void set_deinit(struct set *s)
{
	while (s->n > 0)
		set_remove_at(s, s->n - 1);
	free(s->items);
}

struct access *access_new(void)
{
	struct access *a = mu_xcalloc(1, sizeof *a);

	access_add_builtin(a);
	return a;
}

struct access *access_free(struct access *a)
{
	if (!a)
		return NULL;
	set_deinit(&a->users);
	set_deinit(&a->groups);
	set_deinit(&a->roles);
	set_deinit(&a->privileges);
	free(a->links);
	free(a);
	return NULL;
}

const struct access_user *access_user_find(const struct access *a, const struct mu_uuid *id)
{
	return set_find(&a->users, id);
}

const struct access_user *access_user_named(const struct access *a, const char *name)
{
	const struct access_user *u;

	for (size_t i = 0; (u = access_user_next(a, &i));)
		if (strcmp(u->name, name) == 0)
			return u;
	return NULL;
}

const struct access_group *access_group_find(const struct access *a, const struct mu_uuid *id)
{
	return set_find(&a->groups, id);
}

const struct access_role *access_role_find(const struct access *a, const struct mu_uuid *id)
{
	return set_find(&a->roles, id);
}

const struct access_privilege *access_privilege_find(const struct access *a,
						     const struct mu_uuid *id)
{
	return set_find(&a->privileges, id);
}

const struct access_user *access_user_next(const struct access *a, size_t *iter)
{
	return set_next(&a->users, iter);
}

const struct access_group *access_group_next(const struct access *a, size_t *iter)
{
	return set_next(&a->groups, iter);
}

const struct access_role *access_role_next(const struct access *a, size_t *iter)
{
	return set_next(&a->roles, iter);
}

const struct access_privilege *access_privilege_next(const struct access *a, size_t *iter)
{
	return set_next(&a->privileges, iter);
}

const struct access_link *access_link_next(const struct access *a, size_t *iter)
{
	return *iter < a->n_links ? &a->links[(*iter)++] : NULL;
}

/* --- links --- */

static size_t link_at(const struct access *a, const struct access_link *l)
{
	size_t i = 0;

	while (i < a->n_links &&
	       !(a->links[i].kind == l->kind && mu_uuid_equal(&a->links[i].of, &l->of) &&
		 mu_uuid_equal(&a->links[i].to, &l->to)))
		i++;
	return i;
}

static void link_remove_at(struct access *a, size_t i)
{
	memmove(&a->links[i], &a->links[i + 1], (--a->n_links - i) * sizeof *a->links);
}

static void links_forget(struct access *a, const struct mu_uuid *id)
{
	for (size_t i = a->n_links; i > 0; i--)
		if (mu_uuid_equal(&a->links[i - 1].of, id) ||
		    mu_uuid_equal(&a->links[i - 1].to, id))
			link_remove_at(a, i - 1);
}

static void link_add(struct access *a, const struct access_link *l)
{
	if (link_at(a, l) < a->n_links)
		return;
	if (a->n_links == a->cap_links) {
		a->cap_links = a->cap_links ? 2 * a->cap_links : 16;
		a->links = mu_xrealloc(a->links, a->cap_links, sizeof *a->links);
	}
	a->links[a->n_links++] = *l;
}

/* --- checks --- */

static int too_many(const char *what, int max, struct mu_error *err)
{
	return mu_error_set(err, MU_E_EXHAUSTED, "there are %d %s; hint: delete some", max, what);
}

static int not_found(const char *what, struct mu_error *err)
{
	return mu_error_set(err, MU_E_NOT_FOUND, "no such %s", what);
}

/* Basic authentication ends a name at the colon. */
static int check_name(const char *name, bool colon, struct mu_error *err)
{
	if (!*name)
		return mu_error_set(err, MU_E_INVALID, "name: must not be empty");
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || (*c == ':' && !colon))
			return mu_error_set(err, MU_E_INVALID, "name: no control characters%s",
					    colon ? "" : " and no colon");
	return 0;
}

/* Tasks are seen by the name that asked for them, and the audit log has those of others. */
static int check_user_name(const char *name, struct mu_error *err)
{
	static const char *const others[] = {"aggregator", "join token", "nobody"};
	static const char local[] = "(local)";
	size_t len = strlen(name);
	bool is_other = strncmp(name, "host ", 5) == 0;
	bool is_local = len >= sizeof local - 1 && !strcmp(name + len - (sizeof local - 1), local);

	if (check_name(name, false, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < MU_ARRAY_SIZE(others); i++)
		is_other |= strcmp(name, others[i]) == 0;
	if (is_local || is_other)
		return mu_error_set(err, MU_E_INVALID,
				    "name: \"%s\" could be taken for what is no user", name);
	return 0;
}

static bool is_last_admin(const struct access *a, const struct access_user *u)
{
	const struct access_user *other;

	if (!u->admin)
		return false;
	for (size_t i = 0; (other = access_user_next(a, &i));)
		if (other->admin && other != u)
			return false;
	return true;
}

static int last_admin(const struct access_user *u, struct mu_error *err)
{
	return mu_error_set(err, MU_E_STATE,
			    "user \"%s\" is the last administrator; hint: make another one first",
			    u->name);
}

static int check_user_put(const struct access *a, const struct access_user *in,
			  struct mu_error *err)
{
	const struct access_user *before = access_user_find(a, &in->id);
	const struct access_user *same = access_user_named(a, in->name);

	if (check_user_name(in->name, err) < 0)
		return MU_FAILED;
	if (same && same != before)
		return mu_error_set(err, MU_E_EXISTS, "there is a user \"%s\" already", in->name);
	if (!before && a->users.n >= ACCESS_USERS_MAX)
		return too_many("users", ACCESS_USERS_MAX, err);
	if (before && !in->admin && is_last_admin(a, before))
		return last_admin(before, err);
	return 0;
}

static int check_user_delete(const struct access *a, const struct mu_uuid *id, struct mu_error *err)
{
	const struct access_user *u = access_user_find(a, id);

	if (!u)
		return not_found("user", err);
	return is_last_admin(a, u) ? last_admin(u, err) : 0;
}

static int check_group_put(const struct access *a, const struct access_group *in,
			   struct mu_error *err)
{
	const struct access_group *g;

	if (check_name(in->name, true, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; (g = access_group_next(a, &i));)
		if (strcmp(g->name, in->name) == 0 && !mu_uuid_equal(&g->id, &in->id))
			return mu_error_set(err, MU_E_EXISTS, "there is a group \"%s\" already",
					    in->name);
	if (a->groups.n >= ACCESS_GROUPS_MAX && !access_group_find(a, &in->id))
		return too_many("groups", ACCESS_GROUPS_MAX, err);
	return 0;
}

/* A role that is there and may be changed. */
static int check_own_role(const struct access *a, const struct mu_uuid *id, struct mu_error *err)
{
	const struct access_role *role = access_role_find(a, id);

	if (!role)
		return not_found("role", err);
	if (role->builtin)
		return mu_error_set(err, MU_E_STATE,
				    "role \"%s\" is built in; hint: copy it and change the copy",
				    role->name);
	return 0;
}

static int check_role_put(const struct access *a, const struct access_role *in,
			  struct mu_error *err)
{
	const struct access_role *r;

	if (check_name(in->name, true, err) < 0)
		return MU_FAILED;
	if (access_role_find(a, &in->id) && check_own_role(a, &in->id, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; (r = access_role_next(a, &i));)
		if (strcmp(r->name, in->name) == 0 && !mu_uuid_equal(&r->id, &in->id))
			return mu_error_set(err, MU_E_EXISTS, "there is a role \"%s\" already",
					    in->name);
	if (a->roles.n >= ACCESS_ROLES_MAX && !access_role_find(a, &in->id))
		return too_many("roles", ACCESS_ROLES_MAX, err);
	return 0;
}

static size_t n_privileges_of(const struct access *a, const struct mu_uuid *role)
{
	const struct access_privilege *p;
	size_t n = 0;

	for (size_t i = 0; (p = access_privilege_next(a, &i));)
		n += mu_uuid_equal(&p->role, role);
	return n;
}

static int check_room(const struct access *a, size_t n_more, struct mu_error *err)
{
	if (a->privileges.n + n_more > ACCESS_PRIVILEGES_MAX)
		return too_many("privileges", ACCESS_PRIVILEGES_MAX, err);
	return 0;
}

static int check_role_copy(const struct access *a, const struct access_change *c,
			   struct mu_error *err)
{
	if (!access_role_find(a, &c->id))
		return not_found("role", err);
	if (check_role_put(a, &c->role, err) < 0)
		return MU_FAILED;
	return check_room(a, n_privileges_of(a, &c->id), err);
}

static int check_privilege_put(const struct access *a, const struct access_privilege *in,
			       struct mu_error *err)
{
	const struct access_privilege *before = access_privilege_find(a, &in->id);
	const struct rights_privilege p = {in->resource, in->action, in->selector, in->deny};
	struct rights *parsed = NULL;

	if (check_own_role(a, &in->role, err) < 0 ||
	    rights_known(in->resource, in->action, err) < 0 || rights_new(&p, 1, &parsed, err) < 0)
		return MU_FAILED;
	rights_free(parsed);
	if (before)
		return check_own_role(a, &before->role, err);
	if (n_privileges_of(a, &in->role) >= ACCESS_ROLE_PRIVILEGES_MAX)
		return too_many("privileges in this role", ACCESS_ROLE_PRIVILEGES_MAX, err);
	return check_room(a, 1, err);
}

static int check_privilege_delete(const struct access *a, const struct mu_uuid *id,
				  struct mu_error *err)
{
	const struct access_privilege *p = access_privilege_find(a, id);

	return p ? check_own_role(a, &p->role, err) : not_found("privilege", err);
}

static int check_link(const struct access *a, const struct access_link *l, struct mu_error *err)
{
	if (l->kind == ACCESS_MEMBER ? !access_group_find(a, &l->of) : !access_role_find(a, &l->of))
		return not_found(l->kind == ACCESS_MEMBER ? "group" : "role", err);
	if (l->kind == ACCESS_ROLE_GROUP ? !access_group_find(a, &l->to)
					 : !access_user_find(a, &l->to))
		return not_found(l->kind == ACCESS_ROLE_GROUP ? "group" : "user", err);
	if (a->n_links >= ACCESS_LINKS_MAX && link_at(a, l) == a->n_links)
		return too_many("members and holders of roles", ACCESS_LINKS_MAX, err);
	return 0;
}

int access_check(const struct access *a, const struct access_change *c, struct mu_error *err)
{
	switch (c->verb) {
	case ACCESS_USER_PUT:
		return check_user_put(a, &c->user, err);
	case ACCESS_USER_DELETE:
		return check_user_delete(a, &c->id, err);
	case ACCESS_GROUP_PUT:
		return check_group_put(a, &c->group, err);
	case ACCESS_GROUP_DELETE:
		return access_group_find(a, &c->id) ? 0 : not_found("group", err);
	case ACCESS_ROLE_PUT:
		return check_role_put(a, &c->role, err);
	case ACCESS_ROLE_COPY:
		return check_role_copy(a, c, err);
	case ACCESS_ROLE_DELETE:
		return check_own_role(a, &c->id, err);
	case ACCESS_PRIVILEGE_PUT:
		return check_privilege_put(a, &c->privilege, err);
	case ACCESS_PRIVILEGE_DELETE:
		return check_privilege_delete(a, &c->id, err);
	case ACCESS_LINK:
		return check_link(a, &c->link, err);
	case ACCESS_UNLINK:
		return link_at(a, &c->link) < a->n_links ? 0 : not_found("member or holder", err);
	}
	mu_assert_unreachable();
}

/* --- changes --- */

void access_copy(const struct access_privilege *p, const struct mu_uuid *role,
		 struct access_privilege *ret)
{
	char text[MU_UUID_TEXT];

	*ret = *p;
	ret->id = mu_uuid_derive(role, mu_uuid_format(&p->id, text));
	ret->role = *role;
}

static void copy_privileges(struct access *a, const struct mu_uuid *from, const struct mu_uuid *to)
{
	const struct access_privilege *p;
	struct access_privilege copy;

	for (size_t i = 0; (p = access_privilege_next(a, &i));) {
		if (!mu_uuid_equal(&p->role, from))
			continue;
		access_copy(p, to, &copy);
		set_put(&a->privileges, &copy, sizeof copy);
	}
}

static void role_delete(struct access *a, const struct mu_uuid *id)
{
	for (size_t i = a->privileges.n; i > 0; i--) {
		const struct access_privilege *p = (const void *)a->privileges.items[i - 1];

		if (mu_uuid_equal(&p->role, id))
			set_remove_at(&a->privileges, i - 1);
	}
	links_forget(a, id);
	set_remove(&a->roles, id);
}

void access_apply(struct access *a, const struct access_change *c)
{
	switch (c->verb) {
	case ACCESS_USER_PUT:
		set_put(&a->users, &c->user, sizeof c->user);
		return;
	case ACCESS_USER_DELETE:
		links_forget(a, &c->id);
		set_remove(&a->users, &c->id);
		return;
	case ACCESS_GROUP_PUT:
		set_put(&a->groups, &c->group, sizeof c->group);
		return;
	case ACCESS_GROUP_DELETE:
		links_forget(a, &c->id);
		set_remove(&a->groups, &c->id);
		return;
	case ACCESS_ROLE_COPY:
		copy_privileges(a, &c->id, &c->role.id);
		set_put(&a->roles, &c->role, sizeof c->role);
		return;
	case ACCESS_ROLE_PUT:
		set_put(&a->roles, &c->role, sizeof c->role);
		return;
	case ACCESS_ROLE_DELETE:
		role_delete(a, &c->id);
		return;
	case ACCESS_PRIVILEGE_PUT:
		set_put(&a->privileges, &c->privilege, sizeof c->privilege);
		return;
	case ACCESS_PRIVILEGE_DELETE:
		set_remove(&a->privileges, &c->id);
		return;
	case ACCESS_LINK:
		link_add(a, &c->link);
		return;
	case ACCESS_UNLINK:
		link_remove_at(a, link_at(a, &c->link));
		return;
	}
	mu_assert_unreachable();
}

/* --- what a user has --- */

bool access_has_role(const struct access *a, const struct mu_uuid *user, const struct mu_uuid *role)
{
	const struct access_link *l;

	for (size_t i = 0; (l = access_link_next(a, &i));) {
		struct access_link member = {ACCESS_MEMBER, l->to, *user};

		if (l->kind == ACCESS_MEMBER || !mu_uuid_equal(&l->of, role))
			continue;
		if (l->kind == ACCESS_ROLE_USER ? mu_uuid_equal(&l->to, user)
						: link_at(a, &member) < a->n_links)
			return true;
	}
	return false;
}

int access_rights(const struct access *a, const struct mu_uuid *user, struct rights **ret,
		  struct mu_error *err)
{
	MU_CLEANUP(mu_free)
	struct rights_privilege *list = mu_xcalloc(RIGHTS_MAX + 1, sizeof *list);
	const struct access_role *role;
	const struct access_privilege *p;
	size_t n = 0;

	for (size_t k = 0; (role = access_role_next(a, &k));) {
		if (!access_has_role(a, user, &role->id))
			continue;
		for (size_t i = 0; n <= RIGHTS_MAX && (p = access_privilege_next(a, &i));)
			if (mu_uuid_equal(&p->role, &role->id))
				list[n++] = (struct rights_privilege){p->resource, p->action,
								      p->selector, p->deny};
	}
	return rights_new(list, n, ret, err);
}
