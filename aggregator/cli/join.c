/* SPDX-License-Identifier: Apache-2.0 */
/* How hosts come, and go: tokens to join with, a host that is not trusted any more, or forgotten.
 */
#include "aggregator/cli/named.h"
#include "aggregator/cli/verbs.h"

#include <string.h>

static const struct cli_column columns[] = {
    {"NAME", "name", CLI_CELL_TEXT, false},
    {"CREATED", "created_at", CLI_CELL_MSEC, false},
    {"EXPIRES", "expiration", CLI_CELL_MSEC, false},
    {"USED", "used_at", CLI_CELL_MSEC, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"BY", "created_by", CLI_CELL_TEXT, true},
    {"USED BY", "used_by", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_named join_tokens = {"join-token", "/rest/v0/join-tokens", columns};

int cli_join_list(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_named_list(cli, &join_tokens);
}

/* The text alone for a person or a script: it is shown once. */
int cli_join_create(struct cli *cli, int argc, char **argv)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *made;
	struct mu_value *body;

	if (cli_named_body(cli, argc, argv, &body, &err) < 0 ||
	    cli_api_call(cli->api, cli->arena, "POST", join_tokens.path, body, &made, &err) < 0)
		return cli_fail(&err);
	if (render.output == CLI_TABLE && !render.fields)
		mu_str_printf(&out, "%s\n", mu_value_as_string(mu_value_get(made, "token")));
	else
		cli_render_object(&out, &render, made);
	return cli_print(&out);
}

int cli_join_delete(struct cli *cli, int argc, char **argv)
{
	return cli_named_each(cli, &join_tokens, argc, argv, "DELETE", "");
}

static int each_host(struct cli *cli, int argc, char **argv, const char *method, const char *behind)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);

	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;
		const char *id;

		if (cli_find_id(cli, "hosts", argv[i], &id, &err) < 0 ||
		    cli_api_call(cli->api, cli->arena, method,
				 mu_arena_printf(cli->arena, "/rest/v0/hosts/%s%s", id, behind),
				 NULL, NULL, &err) < 0)
			exits[i] = cli_fail(&err);
	}
	return cli_exit_together(exits, (size_t)argc);
}

int cli_host_revoke(struct cli *cli, int argc, char **argv)
{
	return each_host(cli, argc, argv, "POST", "/actions/revoke");
}

int cli_host_forget(struct cli *cli, int argc, char **argv)
{
	return each_host(cli, argc, argv, "DELETE", "");
}
