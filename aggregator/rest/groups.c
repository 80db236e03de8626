/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, and who is in them. */
#include "aggregator/rest/access.h"
#include "aggregator/rest/rows.h"
#include "common/base/mem.h"
#include "common/os/random.h"

#include <string.h>

static struct http_reply *refuse(struct http_request *r, const struct mu_error *err)
{
	return rest_refuse_list(r, err);
}

static const struct access_group *need(const struct admin_ops *ops, const char *id,
				       struct mu_error *err)
{
	const struct access_group *g = NULL;
	struct mu_uuid uuid;

	if (mu_uuid_parse(id, &uuid))
		g = access_group_find(ops->access(ops->ctx), &uuid);
	if (!g)
		(void)mu_error_set(err, MU_E_NOT_FOUND, "no such group: %.60s", id);
	return g;
}

/* Roles come with a group, also such that deny: to move people in and out, or to delete it, is to
 * hand out privileges. */
static int need_admin_for(const struct admin_ops *ops, const struct rest_user *user,
			  const struct mu_uuid *group, struct mu_error *err)
{
	const struct access *access = ops->access(ops->ctx);
	const struct access_link *l;

	for (size_t i = 0; !user->admin && (l = access_link_next(access, &i));)
		if (l->kind == ACCESS_ROLE_GROUP && mu_uuid_equal(&l->to, group))
			return mu_error_set(
			    err, MU_E_DENIED,
			    "only administrators may do this to a group with roles");
	return 0;
}

ADMIN_HANDLER(groups_list)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_group *g;
	struct rows rows;

	(void)user, (void)id;
	if (rows_begin(&rows, r, "groups", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (g = access_group_next(access, &i));)
		rows_add(&rows, group_value(r->arena, access, g));
	return rows_end(&rows);
}

ADMIN_OBJECT(group_shown)
{
	const struct admin_ops *ops = ctx;
	const struct access_group *g = need(ops, id, NULL);

	(void)user;
	return g ? group_value(r->arena, ops->access(ops->ctx), g) : NULL;
}

ADMIN_HANDLER(groups_get)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const struct access_group *g = need(ops, id, &err);

	(void)user;
	return g ? rest_reply_tagged(r, group_value(r->arena, ops->access(ops->ctx), g))
		 : refuse(r, &err);
}

static struct http_reply *put(const struct admin_ops *ops, struct http_request *r,
			      const struct rest_user *user, const struct access_group *before)
{
	struct access_change c = {.verb = ACCESS_GROUP_PUT};
	const char *name = NULL;
	const struct body_field fields[] = {{"name", MU_VALUE_STRING, true, &name}};
	struct mu_error err = MU_ERROR_INIT;

	c.group.id = before ? before->id : mu_random_uuid();
	if (body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0 ||
	    take_text(c.group.name, sizeof c.group.name, "name", name, &err) < 0)
		return refuse(r, &err);
	if (before)
		return access_answer(ops, r, user, &c, NULL, "group.update",
				     mu_arena_printf(r->arena, "name %s -> %s", before->name, name),
				     NULL, NULL);
	return access_answer(ops, r, user, &c, NULL, "group.create", name, "groups", &c.group.id);
}

ADMIN_HANDLER(groups_create)
{
	(void)id;
	return put(ctx, r, user, NULL);
}

ADMIN_HANDLER(groups_update)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct access_group *g = need(ctx, id, &err);

	return g ? put(ctx, r, user, g) : refuse(r, &err);
}

ADMIN_HANDLER(groups_delete)
{
	const struct admin_ops *ops = ctx;
	struct access_change c = {.verb = ACCESS_GROUP_DELETE};
	struct mu_error err = MU_ERROR_INIT;
	const struct access_group *g = need(ops, id, &err);

	if (!g || need_admin_for(ops, user, &g->id, &err) < 0)
		return refuse(r, &err);
	c.id = g->id;
	return access_answer(ops, r, user, &c, NULL, "group.delete",
			     mu_arena_strdup(r->arena, g->name), NULL, NULL);
}

ADMIN_HANDLER(groups_users)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_group *g = need(ops, id, &err);
	const struct access_link *l;
	struct rows rows;

	(void)user;
	if (!g || rows_begin(&rows, r, "users", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (l = access_link_next(access, &i));)
		if (l->kind == ACCESS_MEMBER && mu_uuid_equal(&l->of, &g->id))
			rows_add(&rows,
				 user_value(r->arena, access, access_user_find(access, &l->to)));
	return rows_end(&rows);
}

ADMIN_HANDLER(groups_roles)
{
	const struct admin_ops *ops = ctx;
	const struct access *access = ops->access(ops->ctx);
	struct mu_error err = MU_ERROR_INIT;
	const struct access_group *g = need(ops, id, &err);
	const struct access_link *l;
	struct rows rows;

	(void)user;
	if (!g || rows_begin(&rows, r, "acl-roles", &err) < 0)
		return refuse(r, &err);
	for (size_t i = 0; (l = access_link_next(access, &i));)
		if (l->kind == ACCESS_ROLE_GROUP && mu_uuid_equal(&l->to, &g->id))
			rows_add(&rows,
				 role_value(r->arena, access, access_role_find(access, &l->of)));
	return rows_end(&rows);
}

static struct http_reply *member(const struct admin_ops *ops, struct http_request *r,
				 const struct rest_user *user, const char *id, bool in)
{
	struct access_change c = {.verb = in ? ACCESS_LINK : ACCESS_UNLINK,
				  .link = {.kind = ACCESS_MEMBER}};
	struct mu_error err = MU_ERROR_INIT;

	if (id_read(id, "group", &c.link.of, &err) < 0 ||
	    id_read(path_last(r), "user", &c.link.to, &err) < 0 ||
	    need_admin_for(ops, user, &c.link.of, &err) < 0)
		return refuse(r, &err);
	return access_answer(
	    ops, r, user, &c, NULL, in ? "group.add-user" : "group.remove-user",
	    link_in_words(r->arena, ops->access(ops->ctx), &c.link, in ? "to" : "from"), NULL,
	    NULL);
}

ADMIN_HANDLER(groups_user_put)
{
	return member(ctx, r, user, id, true);
}

ADMIN_HANDLER(groups_user_delete)
{
	return member(ctx, r, user, id, false);
}
