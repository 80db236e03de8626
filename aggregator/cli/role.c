/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: what is in them, and who has them. */
#include "aggregator/cli/account.h"
#include "aggregator/cli/verbs.h"

#include <string.h>

static const struct cli_column role_columns[] = {
    {"NAME", "name", CLI_CELL_TEXT, false},
    {"BUILT IN", "isTemplate", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "description", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"USERS", "userIds", CLI_CELL_TEXT, true},
    {"GROUPS", "groupIds", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

const struct cli_column cli_privilege_columns[] = {
    {"EFFECT", "effect", CLI_CELL_TEXT, false}, {"RESOURCE", "resource", CLI_CELL_TEXT, false},
    {"ACTION", "action", CLI_CELL_TEXT, false}, {"OF", "selector", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},         {"ROLE", "roleId", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

const struct cli_named cli_roles = {"role", "/rest/v0/acl-roles?fields=*", role_columns};

int cli_role_copy(struct cli *cli, int argc, char **argv)
{
	struct mu_value *body = mu_value_object(cli->arena);
	struct mu_error err = MU_ERROR_INIT;
	const char *path;

	(void)argc;
	mu_value_set_string(cli->arena, body, "name", argv[1]);
	if (cli_named_path(cli, &cli_roles, argv[0], "/actions/copy", &path, &err) < 0)
		return cli_fail(&err);
	return cli_account_make(cli, &cli_roles, path, body);
}

/* --- privileges --- */

/* "vm:shutdown:clean": the resource is what stands before the first colon. */
static int split(struct cli *cli, const char *text, const char **ret_resource,
		 const char **ret_action, struct mu_error *err)
{
	const char *colon = strchr(text, ':');

	if (!colon || colon == text || !colon[1])
		return mu_error_set(err, MU_E_INVALID,
				    "'%.60s' is not RESOURCE:ACTION; hint: such as vm:start, vm:*",
				    text);
	*ret_resource = mu_arena_strndup(cli->arena, text, (size_t)(colon - text));
	*ret_action = colon + 1;
	return 0;
}

/* role allow, role deny */
int cli_role_grant(struct cli *cli, int argc, char **argv)
{
	static const struct cli_named privileges = {"privilege", "/rest/v0/acl-privileges",
						    cli_privilege_columns};
	struct mu_value *body = mu_value_object(cli->arena);
	const char *role, *resource, *action;
	struct mu_error err = MU_ERROR_INIT;

	if (split(cli, argv[1], &resource, &action, &err) < 0 ||
	    cli_named_path(cli, &cli_roles, argv[0], "", &role, &err) < 0)
		return cli_fail(&err);
	mu_value_set_string(cli->arena, body, "roleId", cli_account_id(role));
	mu_value_set_string(cli->arena, body, "resource", resource);
	mu_value_set_string(cli->arena, body, "action", action);
	mu_value_set_string(cli->arena, body, "effect", cli->verb->verb);
	if (argc > 2)
		mu_value_set_string(cli->arena, body, "selector", argv[2]);
	return cli_account_make(cli, &privileges, privileges.path, body);
}

static bool is_meant(const struct mu_value *p, const char *ref, const char *resource,
		     const char *action)
{
	if (mu_str_equal(mu_value_as_string(mu_value_get(p, "id")), ref))
		return true;
	return mu_str_equal(mu_value_as_string(mu_value_get(p, "resource")), resource) &&
	       mu_str_equal(mu_value_as_string(mu_value_get(p, "action")), action);
}

/* All privileges of that resource and action, whatever they select; or one by its id. */
int cli_role_revoke(struct cli *cli, int argc, char **argv)
{
	const char *path, *resource = "", *action = "";
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *list;
	size_t n = 0;

	(void)argc;
	if ((strchr(argv[1], ':') && split(cli, argv[1], &resource, &action, &err) < 0) ||
	    cli_named_path(cli, &cli_roles, argv[0], "/privileges?fields=*", &path, &err) < 0 ||
	    cli_api_call(cli->api, cli->arena, "GET", path, NULL, &list, &err) < 0)
		return cli_fail(&err);
	for (const struct mu_value *p = list->first; p; p = p->next) {
		if (!is_meant(p, argv[1], resource, action))
			continue;
		n++;
		path = mu_arena_printf(cli->arena, "/rest/v0/acl-privileges/%s",
				       mu_value_as_string(mu_value_get(p, "id")));
		if (cli_api_call(cli->api, cli->arena, "DELETE", path, NULL, NULL, &err) < 0 &&
		    err.code != MU_E_NONE)
			return cli_fail(&err);
	}
	if (n > 0)
		return CLI_OK;
	(void)mu_error_set(&err, MU_E_NOT_FOUND,
			   "role %.60s has no privilege %.60s; hint: muster role privileges",
			   argv[0], argv[1]);
	return cli_fail(&err);
}

/* --- who has them --- */

/* "ann", or "group:admins". */
static int holder(struct cli *cli, const char *role, const char *ref, const char **ret,
		  struct mu_error *err)
{
	bool group = mu_str_has_prefix(ref, "group:");
	const char *path;

	if (cli_named_path(cli, group ? &cli_groups : &cli_users,
			   group ? ref + strlen("group:") : ref, "", &path, err) < 0)
		return MU_FAILED;
	*ret = mu_arena_printf(cli->arena, "%s/%s/%s", role, group ? "groups" : "users",
			       cli_account_id(path));
	return 0;
}

static int each_holder(struct cli *cli, const char *method, int argc, char **argv)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	struct mu_error err = MU_ERROR_INIT;
	const char *role, *path;

	if (cli_named_path(cli, &cli_roles, argv[0], "", &role, &err) < 0)
		return cli_fail(&err);
	for (int i = 1; i < argc; i++) {
		mu_error_clear(&err);
		if (holder(cli, role, argv[i], &path, &err) < 0 ||
		    cli_api_call(cli->api, cli->arena, method, path, NULL, NULL, &err) < 0)
			exits[i - 1] = cli_fail(&err);
	}
	return cli_exit_together(exits, (size_t)argc - 1);
}

int cli_role_assign(struct cli *cli, int argc, char **argv)
{
	return each_holder(cli, "PUT", argc, argv);
}

int cli_role_unassign(struct cli *cli, int argc, char **argv)
{
	return each_holder(cli, "DELETE", argc, argv);
}
