/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/related.h"

#include "aggregator/cli/account.h"

#include <string.h>

struct relation {
	const char *noun;
	const char *field;
	const char *ids; /* member of the object; NULL: privileges, which are a list of their own */
	const struct cli_named *of;
};

static const struct relation relations[] = {
    {"group", "users", "users", &cli_users},
    {"role", "privileges", NULL, NULL},
    {"role", "users", "userIds", &cli_users},
    {"role", "groups", "groupIds", &cli_groups},
};

static const char *text_of(const struct mu_value *object, const char *member)
{
	const char *text = mu_value_as_string(mu_value_get(object, member));

	return text ? text : "";
}

/* --- reading --- */

/* Their names; an id that nobody has any more stays an id. */
static int read_names(struct cli *cli, const struct relation *r, const struct mu_value *object,
		      struct mu_value *ret, struct mu_error *err)
{
	const struct mu_value *ids = mu_value_get(object, r->ids), *all;

	if (!ids || !ids->first)
		return 0;
	if (cli_api_call(cli->api, cli->arena, "GET", r->of->path, NULL, &all, err) < 0)
		return MU_FAILED;
	mu_value_each(id, ids)
	{
		const char *name = mu_value_as_string(id);

		mu_value_each(one, all)
		{
			if (mu_str_equal(text_of(one, "id"), name)) {
				name = text_of(one, "name");
				break;
			}
		}
		mu_value_push(ret, mu_value_string(cli->arena, name));
	}
	return 0;
}

/* "allow vm:start", "deny vm:* name_label:db" */
static const char *privilege_text(struct cli *cli, const struct mu_value *p)
{
	const char *selector = text_of(p, "selector");

	return mu_arena_printf(cli->arena, "%s %s:%s%s%s", text_of(p, "effect"),
			       text_of(p, "resource"), text_of(p, "action"), *selector ? " " : "",
			       selector);
}

static int list_privileges(struct cli *cli, const char *role, const struct mu_value **ret,
			   struct mu_error *err)
{
	return cli_api_call(
	    cli->api, cli->arena, "GET",
	    mu_arena_printf(cli->arena, "/rest/v0/acl-roles/%s/privileges?fields=*", role), NULL,
	    ret, err);
}

static int read_privileges(struct cli *cli, const struct mu_value *object, struct mu_value *ret,
			   struct mu_error *err)
{
	const struct mu_value *all;

	if (list_privileges(cli, text_of(object, "id"), &all, err) < 0)
		return MU_FAILED;
	mu_value_each(p, all)
	    mu_value_push(ret, mu_value_string(cli->arena, privilege_text(cli, p)));
	return 0;
}

int cli_related_read(struct cli *cli, const struct cli_kind *kind, const struct mu_value *object,
		     struct mu_value *spec, struct mu_error *err)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(relations); i++) {
		const struct relation *r = &relations[i];
		struct mu_value *texts;

		if (strcmp(r->noun, kind->noun) != 0)
			continue;
		texts = mu_value_set(cli->arena, spec, r->field, mu_value_list(cli->arena));
		if ((r->ids ? read_names(cli, r, object, texts, err)
			    : read_privileges(cli, object, texts, err)) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* --- changing --- */

/* PUT or DELETE /groups/ID/users/ID */
static int change_name(struct cli *cli, const struct relation *r, const char *collection,
		       const char *method, const char *id, const char *name, struct mu_error *err)
{
	const char *path;

	if (cli_named_path(cli, r->of, name, "", &path, err) < 0)
		return MU_FAILED;
	path = mu_arena_printf(cli->arena, "/rest/v0/%s/%s/%s/%s", collection, id, r->field,
			       cli_account_id(path));
	return cli_api_call(cli->api, cli->arena, method, path, NULL, NULL, err);
}

static int add_privilege(struct cli *cli, const char *role, const char *text, struct mu_error *err)
{
	struct mu_value *body = mu_value_object(cli->arena);
	const char *resource = strchr(text, ' ');
	const char *action = resource ? strchr(resource, ':') : NULL;
	size_t effect = resource ? (size_t)(resource - text) : 0;

	if (!action)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "privileges: '%.80s' is not \"allow RESOURCE:ACTION [FILTER]\", "
		    "or deny",
		    text);
	resource++;
	action++;
	mu_value_set_string(cli->arena, body, "roleId", role);
	mu_value_set_string(cli->arena, body, "effect", mu_arena_strndup(cli->arena, text, effect));
	mu_value_set_string(
	    cli->arena, body, "resource",
	    mu_arena_strndup(cli->arena, resource, (size_t)(action - 1 - resource)));
	mu_value_set_string(cli->arena, body, "action",
			    mu_arena_strndup(cli->arena, action, strcspn(action, " ")));
	action += strcspn(action, " ");
	if (*action)
		mu_value_set_string(cli->arena, body, "selector", action + 1);
	return cli_api_call(cli->api, cli->arena, "POST", "/rest/v0/acl-privileges", body, NULL,
			    err);
}

static int remove_privilege(struct cli *cli, const char *role, const char *text,
			    struct mu_error *err)
{
	const struct mu_value *all;

	if (list_privileges(cli, role, &all, err) < 0)
		return MU_FAILED;
	mu_value_each(p, all)
	{
		const char *path =
		    mu_arena_printf(cli->arena, "/rest/v0/acl-privileges/%s", text_of(p, "id"));

		if (strcmp(privilege_text(cli, p), text) == 0 &&
		    cli_api_call(cli->api, cli->arena, "DELETE", path, NULL, NULL, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int change_one(struct cli *cli, const struct cli_kind *kind, const struct relation *r,
		      const char *id, const char *text, bool comes, struct mu_error *err)
{
	if (r->ids)
		return change_name(cli, r, kind->collection, comes ? "PUT" : "DELETE", id, text,
				   err);
	return comes ? add_privilege(cli, id, text, err) : remove_privilege(cli, id, text, err);
}

static int change_all(struct cli *cli, const struct cli_kind *kind, const struct relation *r,
		      const char *id, const struct cli_change *c, struct mu_error *err)
{
	const struct mu_value *come = cli_diff_lacking(cli->arena, c->to, c->from);
	const struct mu_value *go = cli_diff_lacking(cli->arena, c->from, c->to);

	mu_value_each(text, come)
	{
		if (change_one(cli, kind, r, id, text->string, true, err) < 0)
			return MU_FAILED;
	}
	mu_value_each(text, go)
	{
		if (change_one(cli, kind, r, id, text->string, false, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

int cli_related_change(struct cli *cli, const struct cli_kind *kind, const char *id,
		       const struct cli_diff *diff, struct mu_error *err)
{
	for (size_t i = 0; i < diff->n; i++)
		for (size_t k = 0; k < MU_ARRAY_SIZE(relations); k++) {
			const struct relation *r = &relations[k];

			if (strcmp(r->noun, kind->noun) == 0 &&
			    strcmp(r->field, diff->changes[i].field->name) == 0 &&
			    change_all(cli, kind, r, id, &diff->changes[i], err) < 0)
				return MU_FAILED;
		}
	return 0;
}
