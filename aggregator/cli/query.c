/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `query`: any request of the API, for what has no words of its own. The answer is printed as it
 * is: JSON indented, text as text.
 */
#include "aggregator/cli/pairs.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/yaml.h"
#include "common/json/json.h"

#include <string.h>

#define V0 "/rest/v0/"

static bool is_method(const char *word)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i], word) == 0)
			return true;
	return false;
}

/* "vms", "/vms" and "/rest/v0/vms" are the same. */
static const char *whole_path(struct cli *cli, const char *path)
{
	if (mu_str_has_prefix(path, V0))
		return path;
	return mu_arena_printf(cli->arena, V0 "%s", path[0] == '/' ? path + 1 : path);
}

/* NAME=VALUE words behind a path: what they say is text. */
static int add_parameters(struct cli *cli, int argc, char **argv, const char **path,
			  struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	mu_str_add(&s, *path);
	for (int i = 0; i < argc; i++) {
		const char *equal = strchr(argv[i], '=');

		if (!equal || equal == argv[i])
			return mu_error_set(err, MU_E_INVALID, "'%.80s' is not NAME=VALUE",
					    argv[i]);
		cli_add_parameter(&s,
				  mu_arena_strndup(cli->arena, argv[i], (size_t)(equal - argv[i])),
				  equal + 1);
	}
	*path = mu_arena_strdup(cli->arena, s.data);
	return 0;
}

static int read_body(struct cli *cli, int argc, char **argv, struct mu_value **ret,
		     struct mu_error *err)
{
	*ret = NULL;
	if (cli->options.json && argc > 0)
		return mu_error_set(err, MU_E_INVALID, "--json and NAME=VALUE exclude each other");
	if (cli->options.json)
		return cli_read_json(cli, cli->options.json, ret, err);
	return argc > 0 ? cli_pairs_parse(cli->arena, argc, argv, ret, err) : 0;
}

static int print_answer(struct cli *cli, const struct mu_value *v)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	if (strcmp(cli->options.output, "yaml") == 0)
		cli_yaml_write(&out, v);
	else if (v->kind != MU_VALUE_NULL)
		mu_json_write(&out, v, true);
	return cli_print(&out);
}

static int print_text(const char *text)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	mu_str_add(&out, text);
	return cli_print(&out);
}

static int get(struct cli *cli, const char *path)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;
	const char *text;

	if (cli_api_text(cli->api, cli->arena, path, &text, &err) < 0)
		return cli_fail(&err);
	if (mu_json_read(cli->arena, text, strlen(text), &v, NULL) < 0)
		return print_text(text);
	return print_answer(cli, v);
}

int cli_query(struct cli *cli, int argc, char **argv)
{
	const char *method = is_method(argv[0]) ? argv[0] : "GET";
	int first = is_method(argv[0]) ? 2 : 1;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *body = NULL;
	const struct mu_value *answer;
	bool reads = strcmp(method, "GET") == 0;
	const char *path;
	int r;

	if (argc < first) {
		(void)mu_error_set(&err, MU_E_INVALID, "%s what? hint: muster query --help",
				   argv[0]);
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	path = whole_path(cli, argv[first - 1]);
	if (reads && cli->options.json)
		r = mu_error_set(&err, MU_E_INVALID, "--json: a GET has no body; hint: NAME=VALUE");
	else if (reads)
		r = add_parameters(cli, argc - first, argv + first, &path, &err);
	else
		r = read_body(cli, argc - first, argv + first, &body, &err);
	if (r < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	if (reads && cli->options.dry_run)
		return print_text(mu_arena_printf(cli->arena, "GET %s\n", path));
	if (reads)
		return get(cli, path);
	if (cli_api_call(cli->api, cli->arena, method, path, body, &answer, &err) < 0)
		return cli_fail(&err);
	return print_answer(cli, answer);
}
