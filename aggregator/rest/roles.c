/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, their privileges, and who has them. */
#include "aggregator/rest/access.h"
#include "aggregator/rest/rows.h"
#include "common/base/mem.h"
#include "common/os/random.h"

#include <string.h>

static struct http_reply *refuse(struct http_request *r, const struct mu_error *err)
{
	return rest_refuse_list(r, err);
}

static const struct access_role *need(const struct admin_ops *ops, const char *id,
				      struct mu_error *err)
{
	const struct access_role *role = NULL;
	struct mu_uuid uuid;

	if (mu_uuid_parse(id, &uuid))
		role = access_role_find(ops->access(ops->ctx), &uuid);
	if (!role)
		(void)mu_error_set(err, MU_E_NOT_FOUND, "no such role: %.60s", id);
	return role;
}

ADMIN_HANDLER(roles_list)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role;
	struct rows rows;

	(void)user, (void)id;
	if (rows_begin(&rows, r, "acl-roles", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (role = access_role_next(access, &i));)
		rows_add(&rows, role_value(r->arena, access, role));
	return rows_end(&rows);
}

ADMIN_OBJECT(role_shown)
{
	const struct admin_ops *ops = ctx;
	const struct access_role *role = need(ops, id, NULL);

	(void)user;
	return role ? role_value(r->arena, ops->access(ops->ctx), role) : NULL;
}

ADMIN_HANDLER(roles_get)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role = need(ops, id, &err);

	(void)user;
	return role ? rest_reply_tagged(r, role_value(r->arena, ops->access(ops->ctx), role))
		    : refuse(r, &err);
}

/* Make, change (`before`) or copy (`from`). */
static struct http_reply *put(const struct admin_ops *ops, struct http_request *r,
			      const struct rest_user *user, const struct access_role *before,
			      const struct access_role *from)
{
	struct access_change c = {.verb = from ? ACCESS_ROLE_COPY : ACCESS_ROLE_PUT};
	const char *name = NULL, *description = NULL;
	const struct body_field fields[] = {
	    {"name", MU_VALUE_STRING, !before, &name},
	    {"description", MU_VALUE_STRING, false, &description},
	};
	struct mu_error err = MU_ERROR_INIT;

	if (before || from)
		c.role = *(before ? before : from);
	if (body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0 ||
	    (name && take_text(c.role.name, sizeof c.role.name, "name", name, &err) < 0) ||
	    (description && take_text(c.role.description, sizeof c.role.description, "description",
				      description, &err) < 0))
		return refuse(r, &err);
	if (before)
		return access_answer(
		    ops, r, user, &c, NULL, "role.update",
		    mu_arena_printf(r->arena, "%s -> %s", before->name, c.role.name), NULL, NULL);
	c.role.id = mu_random_uuid();
	c.role.builtin = false;
	if (from)
		c.id = from->id;
	return access_answer(ops, r, user, &c, NULL, from ? "role.copy" : "role.create",
			     from ? mu_arena_printf(r->arena, "%s of %s", name, from->name) : name,
			     "acl-roles", &c.role.id);
}

ADMIN_HANDLER(roles_create)
{
	(void)id;
	return put(ctx, r, user, NULL, NULL);
}

ADMIN_HANDLER(roles_update)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role = need(ctx, id, &err);

	return role ? put(ctx, r, user, role, NULL) : refuse(r, &err);
}

ADMIN_HANDLER(roles_copy)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role = need(ctx, id, &err);

	return role ? put(ctx, r, user, NULL, role) : refuse(r, &err);
}

ADMIN_HANDLER(roles_delete)
{
	const struct admin_ops *ops = ctx;
	struct access_change c = {.verb = ACCESS_ROLE_DELETE};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role = need(ops, id, &err);

	if (!role)
		return refuse(r, &err);
	c.id = role->id;
	return access_answer(ops, r, user, &c, NULL, "role.delete",
			     mu_arena_strdup(r->arena, role->name), NULL, NULL);
}

ADMIN_HANDLER(roles_privileges)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role = need(ops, id, &err);
	const struct access_privilege *p;
	struct rows rows;

	(void)user;
	if (!role || rows_begin(&rows, r, "acl-privileges", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (p = access_privilege_next(access, &i));)
		if (mu_uuid_equal(&p->role, &role->id))
			rows_add(&rows, privilege_value(r->arena, p));
	return rows_end(&rows);
}

ADMIN_HANDLER(roles_users)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role = need(ops, id, &err);
	const struct access_link *l;
	struct rows rows;

	(void)user;
	if (!role || rows_begin(&rows, r, "users", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (l = access_link_next(access, &i));)
		if (l->kind == ACCESS_ROLE_USER && mu_uuid_equal(&l->of, &role->id))
			rows_add(&rows,
				 user_value(r->arena, access, access_user_find(access, &l->to)));
	return rows_end(&rows);
}

ADMIN_HANDLER(roles_groups)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_role *role = need(ops, id, &err);
	const struct access_link *l;
	struct rows rows;

	(void)user;
	if (!role || rows_begin(&rows, r, "groups", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (l = access_link_next(access, &i));)
		if (l->kind == ACCESS_ROLE_GROUP && mu_uuid_equal(&l->of, &role->id))
			rows_add(&rows,
				 group_value(r->arena, access, access_group_find(access, &l->to)));
	return rows_end(&rows);
}

static struct http_reply *assign(const struct admin_ops *ops, struct http_request *r,
				 const struct rest_user *user, const char *id,
				 enum access_link_kind kind, bool give)
{
	struct access_change c = {.verb = give ? ACCESS_LINK : ACCESS_UNLINK,
				  .link = {.kind = kind}};
	struct mu_error err = MU_ERROR_INIT;

	if (id_read(id, "role", &c.link.of, &err) < 0 ||
	    id_read(path_last(r), kind == ACCESS_ROLE_USER ? "user" : "group", &c.link.to, &err) <
		0)
		return refuse(r, &err);
	return access_answer(
	    ops, r, user, &c, NULL, give ? "role.assign" : "role.unassign",
	    link_in_words(r->arena, ops->access(ops->ctx), &c.link, give ? "to" : "from"), NULL,
	    NULL);
}

ADMIN_HANDLER(roles_user_put)
{
	return assign(ctx, r, user, id, ACCESS_ROLE_USER, true);
}

ADMIN_HANDLER(roles_user_delete)
{
	return assign(ctx, r, user, id, ACCESS_ROLE_USER, false);
}

ADMIN_HANDLER(roles_group_put)
{
	return assign(ctx, r, user, id, ACCESS_ROLE_GROUP, true);
}

ADMIN_HANDLER(roles_group_delete)
{
	return assign(ctx, r, user, id, ACCESS_ROLE_GROUP, false);
}

/* --- privileges --- */

static const struct access_privilege *need_privilege(const struct admin_ops *ops, const char *id,
						     struct mu_error *err)
{
	const struct access_privilege *p = NULL;
	struct mu_uuid uuid;

	if (mu_uuid_parse(id, &uuid))
		p = access_privilege_find(ops->access(ops->ctx), &uuid);
	if (!p)
		(void)mu_error_set(err, MU_E_NOT_FOUND, "no such privilege: %.60s", id);
	return p;
}

ADMIN_HANDLER(privileges_list)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_privilege *p;
	struct rows rows;

	(void)user, (void)id;
	if (rows_begin(&rows, r, "acl-privileges", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (p = access_privilege_next(access, &i));)
		rows_add(&rows, privilege_value(r->arena, p));
	return rows_end(&rows);
}

ADMIN_OBJECT(privilege_shown)
{
	const struct access_privilege *p = need_privilege(ctx, id, NULL);

	(void)user;
	return p ? privilege_value(r->arena, p) : NULL;
}

ADMIN_HANDLER(privileges_get)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct access_privilege *p = need_privilege(ctx, id, &err);

	(void)user;
	return p ? rest_reply_tagged(r, privilege_value(r->arena, p)) : refuse(r, &err);
}

static int read_privilege(struct http_request *r, bool is_new, struct access_privilege *p,
			  struct mu_error *err)
{
	const char *role = NULL, *resource = NULL, *action = NULL, *effect = NULL, *selector = NULL;
	const struct body_field fields[] = {
	    {"roleId", MU_VALUE_STRING, is_new, &role},
	    {"resource", MU_VALUE_STRING, is_new, &resource},
	    {"action", MU_VALUE_STRING, is_new, &action},
	    {"effect", MU_VALUE_STRING, is_new, &effect},
	    {"selector", MU_VALUE_STRING, false, &selector},
	};

	if (body_read(r, fields, MU_ARRAY_SIZE(fields), err) < 0 ||
	    (role && id_read(role, "role", &p->role, err) < 0) ||
	    (resource &&
	     take_text(p->resource, sizeof p->resource, "resource", resource, err) < 0) ||
	    (action && take_text(p->action, sizeof p->action, "action", action, err) < 0) ||
	    (selector && take_text(p->selector, sizeof p->selector, "selector", selector, err) < 0))
		return MU_FAILED;
	if (effect && strcmp(effect, "allow") != 0 && strcmp(effect, "deny") != 0)
		return mu_error_set(err, MU_E_INVALID, "body.effect: allow or deny");
	if (effect)
		p->deny = effect[0] == 'd';
	return 0;
}

static const char *in_words(struct mu_arena *a, const struct access_privilege *p)
{
	return mu_arena_printf(a, "%s %s:%s%s%s", p->deny ? "deny" : "allow", p->resource,
			       p->action, p->selector[0] ? " of " : "", p->selector);
}

ADMIN_HANDLER(privileges_create)
{
	struct access_change c = {.verb = ACCESS_PRIVILEGE_PUT};
	struct mu_error err = MU_ERROR_INIT;

	(void)id;
	c.privilege.id = mu_random_uuid();
	if (read_privilege(r, true, &c.privilege, &err) < 0)
		return refuse(r, &err);
	return access_answer(ctx, r, user, &c, NULL, "privilege.create",
			     in_words(r->arena, &c.privilege), "acl-privileges", &c.privilege.id);
}

ADMIN_HANDLER(privileges_update)
{
	struct access_change c = {.verb = ACCESS_PRIVILEGE_PUT};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_privilege *p = need_privilege(ctx, id, &err);

	if (!p)
		return refuse(r, &err);
	c.privilege = *p;
	if (read_privilege(r, false, &c.privilege, &err) < 0)
		return refuse(r, &err);
	return access_answer(ctx, r, user, &c, NULL, "privilege.update",
			     mu_arena_printf(r->arena, "%s -> %s", in_words(r->arena, p),
					     in_words(r->arena, &c.privilege)),
			     NULL, NULL);
}

ADMIN_HANDLER(privileges_delete)
{
	struct access_change c = {.verb = ACCESS_PRIVILEGE_DELETE};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_privilege *p = need_privilege(ctx, id, &err);

	if (!p)
		return refuse(r, &err);
	c.id = p->id;
	return access_answer(ctx, r, user, &c, NULL, "privilege.delete", in_words(r->arena, p),
			     NULL, NULL);
}
