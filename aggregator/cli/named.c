/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/named.h"

#include "aggregator/cli/pairs.h"
#include "aggregator/cli/resolve.h"

#include <string.h>

/* By `name`, as others are found by their name_label. */
static int find(struct cli *cli, const struct cli_named *n, const char *ref,
		const struct mu_value **ret, struct mu_error *err)
{
	const struct mu_value *list;
	struct mu_value *named;

	if (cli_api_call(cli->api, cli->arena, "GET", n->path, NULL, &list, err) < 0)
		return MU_FAILED;
	named = mu_value_copy(cli->arena, list);
	for (struct mu_value *o = named->first; o; o = o->next)
		mu_value_set_string(cli->arena, o, "name_label",
				    mu_value_as_string(mu_value_get(o, "name")));
	if (cli_resolve(named, n->noun, ref, cli_care(cli), ret, err) < 0)
		return MU_FAILED;
	mu_value_remove((struct mu_value *)(uintptr_t)*ret, "name_label");
	return 0;
}

int cli_named_path(struct cli *cli, const struct cli_named *n, const char *ref, const char *behind,
		   const char **ret, struct mu_error *err)
{
	const struct mu_value *object;

	if (find(cli, n, ref, &object, err) < 0)
		return MU_FAILED;
	*ret = mu_arena_printf(cli->arena, "%.*s/%s%s", (int)strcspn(n->path, "?"), n->path,
			       mu_value_as_string(mu_value_get(object, "id")), behind);
	return 0;
}

int cli_named_body(struct cli *cli, int argc, char **argv, struct mu_value **ret,
		   struct mu_error *err)
{
	struct mu_value *pairs;

	*ret = mu_value_object(cli->arena);
	if ((cli->options.json && cli_read_json(cli, cli->options.json, ret, err) < 0) ||
	    cli_pairs_parse(cli->arena, argc, argv, &pairs, err) < 0)
		return MU_FAILED;
	for (const struct mu_value *v = pairs->first; v; v = v->next) {
		mu_value_remove(*ret, v->name);
		mu_value_set(cli->arena, *ret, v->name, mu_value_copy(cli->arena, v));
	}
	return 0;
}

int cli_named_list(struct cli *cli, const struct cli_named *n)
{
	struct cli_render render = cli_render_of(cli, n->columns);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *list;
	int r;

	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = cli_get(cli, n->path, &list);
	return r == CLI_OK ? cli_print_list(cli, &render, list) : r;
}

int cli_named_show(struct cli *cli, const struct cli_named *n, int argc, char **argv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, n->columns);
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	int r;

	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;
		const struct mu_value *object;

		if (find(cli, n, argv[i], &object, &err) < 0) {
			exits[i] = cli_fail(&err);
			continue;
		}
		if (render.output == CLI_TABLE && out.len > 0)
			mu_str_add_char(&out, '\n');
		cli_render_object(&out, &render, object);
	}
	r = cli_exit_together(exits, (size_t)argc);
	return cli_print_view(cli, &out) == CLI_OK ? r : CLI_FAILED;
}

int cli_named_print(struct cli *cli, const struct cli_named *n, const struct mu_value *object)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, n->columns);

	cli_render_object(&out, &render, object);
	return cli_print(&out);
}

int cli_named_each(struct cli *cli, const struct cli_named *n, int argc, char **argv,
		   const char *method, const char *behind)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);

	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;
		const char *path;

		if (cli_named_path(cli, n, argv[i], behind, &path, &err) < 0 ||
		    cli_api_call(cli->api, cli->arena, method, path, NULL, NULL, &err) < 0)
			exits[i] = cli_fail(&err);
	}
	return cli_exit_together(exits, (size_t)argc);
}
