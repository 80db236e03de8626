/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/task.h"

#include "aggregator/cli/format.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/yaml.h"
#include "common/base/id.h"
#include "common/json/json.h"
#include "common/os/clock.h"

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
    {"PART OF", "properties.parentId", CLI_CELL_TEXT, true},
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
	if (cli_resolve(list, "task", ref, cli_care(cli), &found, &err) < 0)
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

static void add_lines(struct mu_str *out, const struct mu_value *lines, const char *what)
{
	mu_value_each(line, lines)
	{
		const char *text = mu_value_as_string(mu_value_get(line, "message"));

		mu_str_printf(out, "%s: ", what);
		cli_format_text(out, text ? text : "");
		mu_str_add_char(out, '\n');
	}
}

/* What a table has no cell for: what was said, and the parts. */
static int print_rest(struct cli *cli, const struct mu_value *task)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	const struct mu_value *infos = mu_value_get(task, "infos");
	const struct mu_value *warnings = mu_value_get(task, "warnings");
	const struct mu_value *parts = mu_value_get(task, "tasks");

	if (render.output != CLI_TABLE)
		return CLI_OK;
	if (infos)
		add_lines(&out, infos, "info");
	if (warnings)
		add_lines(&out, warnings, "warning");
	if (parts && parts->n_children) {
		mu_str_add_char(&out, '\n');
		cli_render_list(&out, &render, parts);
	}
	return cli_print(&out);
}

static int show_one(struct cli *cli, const char *id)
{
	const struct mu_value *task;
	int r = cli_get(cli, mu_arena_printf(cli->arena, "/rest/v0/tasks/%s", id), &task);

	if (r == CLI_OK)
		r = print_task(cli, task);
	return r == CLI_OK ? print_rest(cli, task) : r;
}

int cli_task_show(struct cli *cli, int argc, char **argv)
{
	return each_task(cli, argc, argv, show_one);
}

static void show_progress(void *ctx, int percent)
{
	static const char full[] = "####################";
	const int width = (int)sizeof full - 1;
	const char *label = ctx;
	int done = percent > 100 ? width : percent * width / 100;

	if (percent >= 0)
		(void)fprintf(stderr, "\r\033[K%s: [%.*s%*s] %d %%", label, done, full,
			      width - done, "", percent);
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

/* ---- watching ---- */

struct watch {
	enum cli_output output;
	struct mu_arena *arena;
	const char *status; /* of the one that is watched, when it has ended; in the arena */
	const char *code;
	bool failed;
};

/* "2026-11-20T17:30:10.123Z update 0b6f... pending 40 % vm.clone" */
static void add_change(struct mu_str *out, const char *what, const struct mu_value *task)
{
	const char *method = mu_value_as_string(cli_render_at(task, "properties.method"));
	const char *status = mu_value_as_string(mu_value_get(task, "status"));
	const char *message = mu_value_as_string(cli_render_at(task, "result.message"));
	const char *id = mu_value_as_string(mu_value_get(task, "id"));
	const struct mu_value *progress = mu_value_get(task, "progress");
	char now[MU_CLOCK_TEXT];

	mu_str_printf(out, "%s %s ", mu_clock_format(mu_clock_wall(), now), what);
	cli_format_text(out, id ? id : "?");
	if (status) {
		mu_str_add_char(out, ' ');
		cli_format_text(out, status);
	}
	if (progress && progress->kind == MU_VALUE_INT)
		mu_str_printf(out, " %lld %%", (long long)progress->integer);
	if (method) {
		mu_str_add_char(out, ' ');
		cli_format_text(out, method);
	}
	if (message) {
		mu_str_add(out, ": ");
		cli_format_text(out, message);
	}
	mu_str_add_char(out, '\n');
}

static void note_end(struct watch *w, const struct mu_value *task)
{
	const char *status = mu_value_as_string(mu_value_get(task, "status"));
	const char *code = mu_value_as_string(cli_render_at(task, "result.code"));

	if (!status || strcmp(status, "pending") == 0)
		return;
	w->status = mu_arena_strdup(w->arena, status);
	w->code = code ? mu_arena_strdup(w->arena, code) : NULL;
}

/* ["update", {...}] */
static bool print_change(void *ctx, const struct mu_value *line)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	const struct mu_value *first = line->kind == MU_VALUE_LIST ? line->first : NULL;
	const char *what = first ? mu_value_as_string(first) : NULL;
	struct watch *w = ctx;

	if (!what || !first->next)
		return true; /* a newer server's */
	if (w->output == CLI_TABLE) {
		add_change(&out, what, first->next);
	} else if (w->output == CLI_YAML) {
		mu_str_add(&out, "---\n");
		cli_yaml_write(&out, line);
	} else {
		mu_json_write(&out, line, false);
		mu_str_add_char(&out, '\n');
	}
	note_end(w, first->next);
	w->failed = cli_print(&out) != CLI_OK;
	return !w->failed;
}

static int watch_path(struct cli *cli, const char *path, bool one)
{
	struct watch w = {.output = cli_render_of(cli, NULL).output, .arena = cli->arena};
	struct mu_error err = MU_ERROR_INIT;

	if (w.output == CLI_CSV) {
		(void)fputs("muster: task watch: there is no CSV of it; hint: -o json\n", stderr);
		return CLI_USAGE;
	}
	if (cli_api_lines(cli->api, path, print_change, &w, &err) < 0)
		return cli_fail(&err);
	if (w.failed || !one)
		return w.failed ? CLI_FAILED : CLI_OK;
	if (mu_str_equal(w.status, "success"))
		return CLI_OK;
	return w.code ? (int)cli_exit_of(mu_error_from_name(w.code)) : CLI_FAILED;
}

static int watch_one(struct cli *cli, const char *id)
{
	return watch_path(
	    cli,
	    mu_arena_printf(cli->arena, "/rest/v0/tasks/%s?watch=true&ndjson=true&fields=*", id),
	    true);
}

int cli_task_watch(struct cli *cli, int argc, char **argv)
{
	return argc ? each_task(cli, argc, argv, watch_one)
		    : watch_path(cli, "/rest/v0/tasks?watch=true&ndjson=true&fields=*", false);
}

/* ---- forgetting ---- */

static int delete_path(struct cli *cli, const char *path)
{
	struct mu_error err = MU_ERROR_INIT;

	if (cli_api_call(cli->api, cli->arena, "DELETE", path, NULL, NULL, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

static int delete_one(struct cli *cli, const char *id)
{
	return delete_path(cli, mu_arena_printf(cli->arena, "/rest/v0/tasks/%s", id));
}

int cli_task_delete(struct cli *cli, int argc, char **argv)
{
	return each_task(cli, argc, argv, delete_one);
}

int cli_task_clear(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return delete_path(cli, "/rest/v0/tasks");
}
