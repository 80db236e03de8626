/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: what programs sign in with. Their text is shown once, when they are made. */
#include "aggregator/cli/account.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"

#define MINE "/rest/v0/users/me/authentication_tokens"

static const struct cli_column columns[] = {
    {"DESCRIPTION", "description", CLI_CELL_TEXT, false},
    {"CREATED", "created_at", CLI_CELL_MSEC, false},
    {"EXPIRES", "expiration", CLI_CELL_MSEC, false},
    {"ID", "uuid", CLI_CELL_TEXT, false},
    {"CLIENT", "client.id", CLI_CELL_TEXT, true},
    {"LAST USES", "last_uses", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

int cli_token_list(struct cli *cli, int argc, char **argv)
{
	struct cli_named tokens = {"token", MINE, columns};
	struct mu_error err = MU_ERROR_INIT;

	if (argc > 0 && cli_named_path(cli, &cli_users, argv[0], "/authentication_tokens",
				       &tokens.path, &err) < 0)
		return cli_fail(&err);
	return cli_named_list(cli, &tokens);
}

/* The text alone for a person or a script, all of it for a program. */
int cli_token_create(struct cli *cli, int argc, char **argv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	const struct mu_value *made, *client;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *body;

	if (cli_named_body(cli, argc, argv, &body, &err) < 0)
		return cli_fail(&err);
	client = mu_value_get(body, "client");
	if (mu_value_as_string(client)) {
		const char *id = client->string;

		mu_value_remove(body, "client");
		mu_value_set_string(
		    cli->arena,
		    mu_value_set(cli->arena, body, "client", mu_value_object(cli->arena)), "id",
		    id);
	}
	if (cli_api_call(cli->api, cli->arena, "POST", MINE, body, &made, &err) < 0)
		return cli_fail(&err);
	made = mu_value_get(made, "token");
	if (render.output == CLI_TABLE && !render.fields)
		mu_str_printf(&out, "%s\n", mu_value_as_string(mu_value_get(made, "id")));
	else
		cli_render_object(&out, &render, made);
	return cli_print(&out);
}

/* By id or description. */
static int find(struct cli *cli, const char *ref, const char **ret_id, struct mu_error *err)
{
	const struct mu_value *list, *token;
	struct mu_value *named;

	if (cli_api_call(cli->api, cli->arena, "GET", MINE, NULL, &list, err) < 0)
		return MU_FAILED;
	named = mu_value_copy(cli->arena, list);
	for (struct mu_value *o = named->first; o; o = o->next) {
		mu_value_set_string(cli->arena, o, "id",
				    mu_value_as_string(mu_value_get(o, "uuid")));
		mu_value_set_string(cli->arena, o, "name_label",
				    mu_value_as_string(mu_value_get(o, "description")));
	}
	if (cli_resolve(named, "token", ref, cli_care(cli), &token, err) < 0)
		return MU_FAILED;
	*ret_id = mu_value_as_string(mu_value_get(token, "id"));
	return 0;
}

int cli_token_delete(struct cli *cli, int argc, char **argv)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);

	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;
		const char *id;

		if (find(cli, argv[i], &id, &err) < 0 ||
		    cli_api_call(cli->api, cli->arena, "DELETE",
				 mu_arena_printf(cli->arena, MINE "/%s", id), NULL, NULL, &err) < 0)
			exits[i] = cli_fail(&err);
	}
	return cli_exit_together(exits, (size_t)argc);
}
