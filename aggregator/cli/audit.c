/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: its records, and whether they are what was written. */
#include "aggregator/cli/verbs.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <string.h>

enum { LIMIT_DEFAULT = 100, PAGE_MAX = 1000 };

static const struct cli_column columns[] = {
    {"ID", "id", CLI_CELL_NUMBER, false},       {"TIME", "time", CLI_CELL_MSEC, false},
    {"USER", "user", CLI_CELL_TEXT, false},     {"FROM", "from", CLI_CELL_TEXT, false},
    {"ACTION", "action", CLI_CELL_TEXT, false}, {"RESULT", "result", CLI_CELL_STATE, false},
    {"OBJECT", "object", CLI_CELL_TEXT, false}, {"DETAIL", "detail", CLI_CELL_TEXT, false},
    {"BEFORE", "before", CLI_CELL_TEXT, true},  {"AFTER", "after", CLI_CELL_TEXT, true},
    {"HASH", "hash", CLI_CELL_TEXT, true},      {NULL, NULL, CLI_CELL_TEXT, false},
};

/* The next page behind `before` (0: the first), added to `all`. */
static int add_page(struct cli *cli, int64_t limit, int64_t before, struct mu_value *all,
		    size_t *ret_n)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str path = MU_STR_INIT;
	const struct mu_value *page;
	int r;

	mu_str_printf(&path, "/rest/v0/audit?limit=%" PRId64, limit);
	if (before)
		mu_str_printf(&path, "&before=%" PRId64, before);
	if (cli->options.filter)
		cli_add_parameter(&path, "filter", cli->options.filter);
	r = cli_get(cli, path.data, &page);
	if (r != CLI_OK)
		return r;
	mu_value_each(record, page)
	{
		mu_value_push(all, mu_value_copy(cli->arena, record));
	}
	*ret_n = page->n_children;
	return CLI_OK;
}

int cli_audit_list(struct cli *cli, int argc, char **argv)
{
	struct cli_render render = cli_render_of(cli, columns);
	int64_t left = cli->options.limit ? cli->options.limit : LIMIT_DEFAULT;
	struct mu_value *all = mu_value_list(cli->arena);
	struct mu_error err = MU_ERROR_INIT;
	int64_t before = 0;
	size_t n = 1;

	(void)argc;
	(void)argv;
	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	for (; left > 0 && n > 0; left -= (int64_t)n) {
		const struct mu_value *id;
		int r = add_page(cli, left < PAGE_MAX ? left : PAGE_MAX, before, all, &n);

		if (r != CLI_OK)
			return r;
		id = mu_value_get(all->last, "id");
		before = id ? id->integer : 0;
	}
	return cli_print_list(cli, &render, all);
}

int cli_audit_show(struct cli *cli, int argc, char **argv)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	int r;

	for (int i = 0; i < argc; i++) {
		const struct mu_value *record;
		struct mu_error err = MU_ERROR_INIT;
		int64_t id;

		if (!mu_parse_i64(argv[i], &id)) {
			(void)mu_error_set(&err, MU_E_INVALID, "'%.40s' is not a record's number",
					   argv[i]);
			(void)cli_fail(&err);
			return CLI_USAGE;
		}
		exits[i] = cli_get(cli, mu_arena_printf(cli->arena, "/rest/v0/audit/%" PRId64, id),
				   &record);
		if (exits[i] != CLI_OK)
			continue;
		if (render.output == CLI_TABLE && out.len > 0)
			mu_str_add_char(&out, '\n');
		cli_render_object(&out, &render, record);
	}
	r = cli_exit_together(exits, (size_t)argc);
	return cli_print(&out) == CLI_OK ? r : CLI_FAILED;
}

/* --- the chain --- */

static void print_point(const char *what, const struct mu_value *point)
{
	const struct mu_value *id = mu_value_get(point, "id");
	const char *hash = mu_value_as_string(mu_value_get(point, "hash"));

	if (id && hash)
		(void)printf("%s%" PRId64 ":%s\n", what, id->integer, hash);
}

int cli_audit_head(struct cli *cli, int argc, char **argv)
{
	const struct mu_value *head;
	int r = cli_get(cli, "/rest/v0/audit/head", &head);

	(void)argc;
	(void)argv;
	if (r == CLI_OK)
		print_point("", head);
	return r;
}

int cli_audit_verify(struct cli *cli, int argc, char **argv)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str path = MU_STR_INIT;
	const struct mu_value *found, *records;
	const char *why;
	int r;

	mu_str_add(&path, "/rest/v0/audit/verify");
	if (argc)
		cli_add_parameter(&path, "head", argv[0]);
	r = cli_get(cli, path.data, &found);
	if (r != CLI_OK)
		return r;
	why = mu_value_as_string(mu_value_get(found, "error"));
	if (why) {
		(void)fprintf(stderr, "muster: the audit log is not what was written: %s\n", why);
		return CLI_FAILED;
	}
	records = mu_value_get(found, "records");
	(void)printf("%" PRId64 " records are as they were written\n",
		     records ? records->integer : 0);
	print_point("dropped up to ", mu_value_get(found, "trimmed"));
	print_point("head ", mu_value_get(found, "last"));
	return CLI_OK;
}
