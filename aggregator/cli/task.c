/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/task.h"

#include "aggregator/cli/format.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"
#include "common/base/id.h"

#include <string.h>

static const struct cli_column columns[] = {
    {"ID", "id", CLI_CELL_TEXT, false},
    {"STATUS", "status", CLI_CELL_STATE, false},
    {"WHAT", "properties.method", CLI_CELL_TEXT, false},
    {"OBJECT", "properties.objectId", CLI_CELL_TEXT, false},
    {"PROGRESS", "progress", CLI_CELL_NUMBER, false},
    {"STARTED", "start", CLI_CELL_MSEC, false},
    {"UPDATED", "updatedAt", CLI_CELL_MSEC, true},
    {"ENDED", "end", CLI_CELL_MSEC, true},
    {"ABORT ASKED", "abortionRequestedAt", CLI_CELL_MSEC, true},
    {"USER", "properties.userId", CLI_CELL_TEXT, true},
    {"RESULT", "result.message", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

int cli_task_list(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_list(cli, "tasks", columns);
}

/* The whole id of a task given by id or by its start. */
static int find_id(struct cli *cli, const char *ref, const char **ret_id)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *list, *found;
	struct mu_uuid id;
	int r;

	if (mu_uuid_parse(ref, &id)) {
		*ret_id = ref;
		return CLI_OK;
	}
	r = cli_get(cli, "/rest/v0/tasks?fields=id", &list);
	if (r != CLI_OK)
		return r;
	if (cli_resolve(list, "task", ref, &found, &err) < 0)
		return cli_fail(&err);
	*ret_id = mu_value_as_string(mu_value_get(found, "id"));
	return *ret_id ? CLI_OK : CLI_FAILED;
}

/* Run `one` for each argument and add the exit codes up. */
static int each_task(struct cli *cli, int argc, char **argv,
		     int (*one)(struct cli *cli, const char *id))
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);

	for (int i = 0; i < argc; i++) {
		const char *id = NULL;

		exits[i] = find_id(cli, argv[i], &id);
		if (exits[i] == CLI_OK)
			exits[i] = one(cli, id);
	}
	return cli_exit_together(exits, (size_t)argc);
}

static int print_task(struct cli *cli, const struct mu_value *task)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);

	cli_render_object(&out, &render, task);
	return cli_print(&out);
}

static int show_one(struct cli *cli, const char *id)
{
	const struct mu_value *task;
	int r = cli_get(cli, mu_arena_printf(cli->arena, "/rest/v0/tasks/%s", id), &task);

	return r == CLI_OK ? print_task(cli, task) : r;
}

int cli_task_show(struct cli *cli, int argc, char **argv)
{
	return each_task(cli, argc, argv, show_one);
}

static void show_progress(void *ctx, int percent)
{
	const char *label = ctx;

	if (percent >= 0)
		(void)fprintf(stderr, "\r\033[K%s: %d %%", label, percent);
	else
		(void)fprintf(stderr, "\r\033[K%s ...", label);
}

int cli_task_result(struct cli *cli, const char *id, const char *label,
		    const struct mu_value **ret_task)
{
	struct mu_error err = MU_ERROR_INIT;
	MU_CLEANUP(mu_free) char *shown = mu_xstrdup(label);
	bool watched = cli_is_watched();
	const char *status, *text, *code;
	int r;

	*ret_task = NULL;
	r = cli_api_wait(cli->api, cli->arena, id, cli->options.timeout,
			 watched ? show_progress : NULL, shown, ret_task, &err);
	if (watched)
		(void)fputs("\r\033[K", stderr);
	if (r < 0)
		return cli_fail(&err);
	if (r == CLI_API_RUNNING) {
		(void)fprintf(stderr, "muster: %s: still running; hint: muster task wait %s\n",
			      label, id);
		(void)printf("%s\n", id);
		return CLI_RUNNING;
	}
	status = mu_value_as_string(mu_value_get(*ret_task, "status"));
	if (mu_str_equal(status, "success"))
		return CLI_OK;
	text = mu_value_as_string(cli_render_at(*ret_task, "result.message"));
	code = mu_value_as_string(cli_render_at(*ret_task, "result.code"));
	(void)fprintf(stderr, "muster: %s: %s%s%s\n", label, status ? status : "no status",
		      text ? ": " : "", text ? text : "");
	return code ? (int)cli_exit_of(mu_error_from_name(code)) : CLI_FAILED;
}

static int wait_one(struct cli *cli, const char *id)
{
	const struct mu_value *task;
	int r = cli_task_result(cli, id, id, &task);

	if (task) {
		int printed = print_task(cli, task);

		return r == CLI_OK ? printed : r;
	}
	return r;
}

int cli_task_wait(struct cli *cli, int argc, char **argv)
{
	return each_task(cli, argc, argv, wait_one);
}

static int abort_one(struct cli *cli, const char *id)
{
	const char *path = mu_arena_printf(cli->arena, "/rest/v0/tasks/%s/actions/abort", id);
	struct mu_error err = MU_ERROR_INIT;

	if (cli_api_call(cli->api, cli->arena, "POST", path, NULL, NULL, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

int cli_task_abort(struct cli *cli, int argc, char **argv)
{
	return each_task(cli, argc, argv, abort_one);
}
