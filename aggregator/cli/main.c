/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster NOUN VERB [ARGUMENT...] [OPTION...]: a client of the REST API, and of nothing else.
 */
#include "aggregator/cli/stored.h"
#include "aggregator/cli/verbs.h"

#include <locale.h>
#include <string.h>

static int usage(const struct mu_error *err)
{
	(void)cli_fail(err);
	return CLI_USAGE;
}

/* What `muster login` has left, where nothing else says it; not where a socket is named. */
static int take_stored(struct cli *cli, struct mu_error *err)
{
	struct cli_options *o = &cli->options;
	struct cli_stored login;

	if (o->socket || (o->url && o->token))
		return 0;
	if (cli_stored_load(cli->arena, &login, err) < 0)
		return MU_FAILED;
	if (!login.url || (o->url && strcmp(o->url, login.url) != 0))
		return 0;
	o->url = login.url;
	if (!o->token)
		o->token = login.token;
	if (!o->ca)
		o->ca = login.ca;
	return 0;
}

static int connect_api(struct cli *cli, struct mu_error *err)
{
	struct cli_options *o = &cli->options;
	struct cli_api_options api = {.token = o->token,
				      .ca = o->ca,
				      .insecure = o->insecure,
				      .verbose = o->verbose,
				      .dry_run = o->dry_run};

	cli_options_environment(o);
	if ((!cli->verb || cli->verb->run != cli_logout) && take_stored(cli, err) < 0)
		return MU_FAILED;
	api.token = o->token;
	api.ca = o->ca;
	api.url = o->url;
	api.socket = o->url ? NULL : o->socket ? o->socket : cli_api_default_socket();
	return cli_api_new(&api, &cli->api, err);
}

/* Objects' names for the shell's completion; silent when the server cannot be asked. */
static void complete_objects(struct cli *cli, const char *collection)
{
	const char *path =
	    mu_arena_printf(cli->arena, "/rest/v0/%s?fields=id,name_label,name", collection);
	const struct mu_value *list;

	if (cli_api_call(cli->api, cli->arena, "GET", path, NULL, &list, NULL) < 0)
		return;
	mu_value_each(object, list)
	{
		const char *name = mu_value_as_string(mu_value_get(object, "name_label"));

		if (!name)
			name = mu_value_as_string(mu_value_get(object, "name"));
		if (!name)
			name = mu_value_as_string(mu_value_get(object, "id"));
		if (name && !strpbrk(name, "\n\r"))
			(void)printf("%s\n", name);
	}
}

static int complete(struct cli *cli, int argc, char **argv)
{
	const char *collection = cli_verb_objects(argc, argv);

	cli_verb_complete(argc, argv, stdout);
	if (collection && connect_api(cli, NULL) == 0)
		complete_objects(cli, collection);
	return CLI_OK;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	const char *refused;
	int first;

	if (cli_options_parse(&cli->options, argc, argv, &argc, &err) < 0)
		return usage(&err);
	if (cli->options.version) {
		(void)printf("muster %s\n", MUSTER_VERSION);
		return CLI_OK;
	}
	if (cli->options.help || (argc == 2 && strcmp(argv[1], "help") == 0)) {
		if (cli_verb_help(cli->options.help ? argc : 1, argv, stdout))
			return CLI_OK;
		(void)mu_error_set(&err, MU_E_INVALID, "there is no '%s'; hint: muster --help",
				   argv[1]);
		return usage(&err);
	}
	if (argc >= 2 && strcmp(argv[1], "complete") == 0)
		return complete(cli, argc - 1, argv + 1);
	cli->verb = cli_verb_find(argc, argv, &first, &err);
	if (!cli->verb)
		return usage(&err);
	refused = cli_options_refused(&cli->options, cli->verb->groups);
	if (refused) {
		(void)mu_error_set(&err, MU_E_INVALID, "--%s means nothing to %s%s%s; hint: --help",
				   refused, cli->verb->noun, *cli->verb->noun ? " " : "",
				   cli->verb->verb);
		return usage(&err);
	}
	if (connect_api(cli, &err) < 0)
		return cli_fail(&err);
	return cli->options.watch ? cli_watch(cli, argc - first, argv + first)
				  : cli->verb->run(cli, argc - first, argv + first);
}

int main(int argc, char **argv)
{
	/* Static: options' texts live as long as the process. */
	static struct cli cli;
	int r;

	(void)setlocale(LC_CTYPE, "");
	cli.arena = mu_arena_new();
	r = run(&cli, argc, argv);
	cli_api_free(cli.api);
	mu_arena_free(cli.arena);
	return r;
}
