/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups. Passwords are asked for, and stand in no command line. */
#include "aggregator/cli/account.h"
#include "aggregator/cli/secret.h"
#include "aggregator/cli/verbs.h"
#include "common/base/assert.h"

#include <string.h>

static const struct cli_column user_columns[] = {
    {"NAME", "name", CLI_CELL_TEXT, false},
    {"PERMISSION", "permission", CLI_CELL_TEXT, false},
    {"PASSWORD", "hasPassword", CLI_CELL_TEXT, false},
    {"CODES", "hasOtp", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"GROUPS", "groups", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column group_columns[] = {
    {"NAME", "name", CLI_CELL_TEXT, false},  {"ID", "id", CLI_CELL_TEXT, false},
    {"USERS", "users", CLI_CELL_TEXT, true}, {"ROLES", "aclRoleIds", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

const struct cli_named cli_users = {"user", "/rest/v0/users?fields=*", user_columns};
const struct cli_named cli_groups = {"group", "/rest/v0/groups?fields=*", group_columns};

static const struct cli_named *noun_of(const struct cli *cli)
{
	static const struct cli_named *const nouns[] = {&cli_users, &cli_groups, &cli_roles};

	for (size_t i = 0; i < MU_ARRAY_SIZE(nouns); i++)
		if (strcmp(nouns[i]->noun, cli->verb->noun) == 0)
			return nouns[i];
	mu_assert_unreachable();
}

const char *cli_account_id(const char *path)
{
	return strrchr(path, '/') + 1;
}

int cli_account_list(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_named_list(cli, noun_of(cli));
}

int cli_account_show(struct cli *cli, int argc, char **argv)
{
	return cli_named_show(cli, noun_of(cli), argc, argv);
}

int cli_account_delete(struct cli *cli, int argc, char **argv)
{
	return cli_named_each(cli, noun_of(cli), argc, argv, "DELETE", "");
}

static int print_now(struct cli *cli, const struct cli_named *n, const char *path)
{
	const struct mu_value *object;
	int r = cli_get(cli, path, &object);

	return r == CLI_OK ? cli_named_print(cli, n, object) : r;
}

int cli_account_make(struct cli *cli, const struct cli_named *n, const char *path,
		     const struct mu_value *body)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *made;

	if (cli_api_call(cli->api, cli->arena, "POST", path, body, &made, &err) < 0)
		return cli_fail(&err);
	return print_now(cli, n,
			 mu_arena_printf(cli->arena, "%.*s/%s", (int)strcspn(n->path, "?"), n->path,
					 mu_value_as_string(mu_value_get(made, "id"))));
}

/* A command line is read by others. */
static int refuse_password(const struct mu_value *body, struct mu_error *err)
{
	if (!mu_value_get(body, "password"))
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "a password is not given here; hint: muster user passwd");
}

int cli_account_create(struct cli *cli, int argc, char **argv)
{
	const struct cli_named *n = noun_of(cli);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *body;

	if (cli_named_body(cli, argc - 1, argv + 1, &body, &err) < 0 ||
	    refuse_password(body, &err) < 0)
		return cli_fail(&err);
	mu_value_remove(body, "name");
	mu_value_set_string(cli->arena, body, "name", argv[0]);
	return cli_account_make(cli, n,
				mu_arena_strndup(cli->arena, n->path, strcspn(n->path, "?")), body);
}

int cli_account_edit(struct cli *cli, int argc, char **argv)
{
	const struct cli_named *n = noun_of(cli);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *body;
	const char *path;

	if (cli_named_body(cli, argc - 1, argv + 1, &body, &err) < 0 ||
	    refuse_password(body, &err) < 0 ||
	    cli_named_path(cli, n, argv[0], "", &path, &err) < 0 ||
	    cli_api_call(cli->api, cli->arena, "PATCH", path, body, NULL, &err) < 0)
		return cli_fail(&err);
	return print_now(cli, n, path);
}

/* --- passwords --- */

/* His own takes the old one, and a code where he has these. */
static int ask_own(struct cli *cli, struct mu_value *body, struct mu_error *err)
{
	const struct mu_value *me, *codes;
	char secret[CLI_SECRET_MAX + 1];

	if (cli_api_call(cli->api, cli->arena, "GET", "/rest/v0/users/me", NULL, &me, err) < 0 ||
	    cli_secret_read("Password now (empty if there is none): ", secret, err) < 0)
		return MU_FAILED;
	if (*secret)
		mu_value_set_string(cli->arena, body, "oldPassword", secret);
	codes = mu_value_get(me, "hasOtp");
	if (codes && codes->kind == MU_VALUE_BOOL && codes->boolean) {
		if (cli_secret_read("One-time code: ", secret, err) < 0)
			return MU_FAILED;
		mu_value_set_string(cli->arena, body, "otp", secret);
	}
	explicit_bzero(secret, sizeof secret);
	return 0;
}

int cli_user_passwd(struct cli *cli, int argc, char **argv)
{
	struct mu_value *body = mu_value_object(cli->arena);
	const char *path = "/rest/v0/users/me";
	struct mu_error err = MU_ERROR_INIT;
	char secret[CLI_SECRET_MAX + 1];

	if ((argc > 0 ? cli_named_path(cli, &cli_users, argv[0], "", &path, &err)
		      : ask_own(cli, body, &err)) < 0 ||
	    cli_secret_new("New password: ", secret, &err) < 0)
		return cli_fail(&err);
	mu_value_set_string(cli->arena, body, "password", secret);
	explicit_bzero(secret, sizeof secret);
	if (cli_api_call(cli->api, cli->arena, "PATCH", path, body, NULL, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

/* --- members --- */

/* PUT or DELETE /groups/ID/users/ID */
static int each_member(struct cli *cli, const char *method, int argc, char **argv)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	struct mu_error err = MU_ERROR_INIT;
	const char *group, *user;

	if (cli_named_path(cli, &cli_groups, argv[0], "/users/", &group, &err) < 0)
		return cli_fail(&err);
	for (int i = 1; i < argc; i++) {
		mu_error_clear(&err);
		if (cli_named_path(cli, &cli_users, argv[i], "", &user, &err) < 0 ||
		    cli_api_call(cli->api, cli->arena, method,
				 mu_arena_printf(cli->arena, "%s%s", group, cli_account_id(user)),
				 NULL, NULL, &err) < 0)
			exits[i - 1] = cli_fail(&err);
	}
	return cli_exit_together(exits, (size_t)argc - 1);
}

int cli_group_add(struct cli *cli, int argc, char **argv)
{
	return each_member(cli, "PUT", argc, argv);
}

int cli_group_remove(struct cli *cli, int argc, char **argv)
{
	return each_member(cli, "DELETE", argc, argv);
}

/* --- privileges --- */

/* Of a role; of a user, all that he has by his roles. */
int cli_account_privileges(struct cli *cli, int argc, char **argv)
{
	struct cli_named privileges = {"privilege", "/rest/v0/users/me/acl-privileges?fields=*",
				       cli_privilege_columns};
	const char *behind =
	    noun_of(cli) == &cli_roles ? "/privileges?fields=*" : "/acl-privileges?fields=*";
	struct mu_error err = MU_ERROR_INIT;

	if (argc > 0 &&
	    cli_named_path(cli, noun_of(cli), argv[0], behind, &privileges.path, &err) < 0)
		return cli_fail(&err);
	return cli_named_list(cli, &privileges);
}
