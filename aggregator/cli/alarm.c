/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms, their rules, and who is told. Rules and targets are named by `name`, or by id. */
#include "aggregator/cli/named.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/when.h"
#include "common/base/assert.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <string.h>

static const struct cli_column rule_columns[] = {
    {"NAME", "name", CLI_CELL_TEXT, false},
    {"KIND", "kind", CLI_CELL_TEXT, false},
    {"CONDITION", "condition", CLI_CELL_TEXT, false},
    {"SERIES", "series", CLI_CELL_TEXT, false},
    {"WARNING", "warning", CLI_CELL_NUMBER, false},
    {"CRITICAL", "critical", CLI_CELL_NUMBER, false},
    {"FOR", "for", CLI_CELL_NUMBER, false},
    {"ENABLED", "enabled", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"EXPRESSION", "expression", CLI_CELL_TEXT, true},
    {"LEVEL", "level", CLI_CELL_TEXT, true},
    {"FILTER", "filter", CLI_CELL_TEXT, true},
    {"COMPARISON", "comparison", CLI_CELL_TEXT, true},
    {"AGGREGATE", "aggregate", CLI_CELL_TEXT, true},
    {"WINDOW", "window", CLI_CELL_NUMBER, true},
    {"HYSTERESIS", "hysteresis", CLI_CELL_NUMBER, true},
    {"CLEAR AFTER", "clearAfter", CLI_CELL_NUMBER, true},
    {"NOTIFY", "notify", CLI_CELL_TEXT, true},
    {"SILENT UNTIL", "silentUntil", CLI_CELL_MSEC, true},
    {"BUILT IN", "builtin", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column target_columns[] = {
    {"NAME", "name", CLI_CELL_TEXT, false},   {"TYPE", "type", CLI_CELL_TEXT, false},
    {"LEVEL", "level", CLI_CELL_TEXT, false}, {"URL", "url", CLI_CELL_TEXT, false},
    {"TO", "to", CLI_CELL_TEXT, false},       {"ID", "id", CLI_CELL_TEXT, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column trial_columns[] = {
    {"LEVEL", "level", CLI_CELL_TEXT, false}, {"TYPE", "type", CLI_CELL_TEXT, false},
    {"NAME", "name", CLI_CELL_TEXT, false},   {"VALUE", "value", CLI_CELL_TEXT, false},
    {"ID", "object", CLI_CELL_TEXT, false},   {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_named nouns[] = {
    {"alarm-rule", "/rest/v0/alarm-rules", rule_columns},
    {"alarm-target", "/rest/v0/alarm-targets", target_columns},
    {"alarm", "/rest/v0/alarms?fields=*", NULL},
};

static const struct cli_named *noun_of(const struct cli *cli)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(nouns); i++)
		if (strcmp(nouns[i].noun, cli->verb->noun) == 0)
			return &nouns[i];
	mu_assert_unreachable();
}

int cli_alarm_list(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_named_list(cli, noun_of(cli));
}

int cli_alarm_show(struct cli *cli, int argc, char **argv)
{
	return cli_named_show(cli, noun_of(cli), argc, argv);
}

static int64_t count(const struct mu_value *trial, const char *name)
{
	const struct mu_value *v = mu_value_get(trial, name);

	return v && v->kind == MU_VALUE_INT ? v->integer : 0;
}

/* No alarm is good news only of what was looked at. */
static void note_unknown(const struct mu_value *trial)
{
	int64_t n_matched = count(trial, "matched"), n_unknown = count(trial, "unknown");

	if (n_matched == 0)
		(void)fputs("muster: it means no object now; hint: its kind and filter\n", stderr);
	else if (n_unknown > 0)
		(void)fprintf(stderr,
			      "muster: of %lld of the %lld objects that it means nothing is known; "
			      "hint: muster vm|host|sr stats has the names of series\n",
			      (long long)n_unknown, (long long)n_matched);
}

/* The objects it would be an alarm of; JSON and YAML are all of the answer. */
static int print_trial(struct cli *cli, const struct mu_value *trial)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, trial_columns);
	const struct mu_value *results = mu_value_get(trial, "results");

	if (render.output == CLI_JSON || render.output == CLI_YAML)
		cli_render_object(&out, &render, trial);
	else if (results)
		cli_render_list(&out, &render, results);
	if (render.output == CLI_TABLE)
		note_unknown(trial);
	return cli_print(&out);
}

int cli_alarm_create(struct cli *cli, int argc, char **argv)
{
	const struct cli_named *noun = noun_of(cli);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *made;
	struct mu_value *body;
	bool trial = cli->options.dry_run && strcmp(noun->noun, "alarm-rule") == 0;

	if (cli_named_body(cli, argc - 1, argv + 1, &body, &err) < 0)
		return cli_fail(&err);
	mu_value_remove(body, "name");
	mu_value_set_string(cli->arena, body, "name", argv[0]);
	if (cli_api_call(cli->api, cli->arena, "POST",
			 trial ? mu_arena_printf(cli->arena, "%s?dryRun=true", noun->path)
			       : noun->path,
			 body, &made, &err) < 0)
		return cli_fail(&err);
	return trial ? print_trial(cli, made) : cli_named_print(cli, noun, made);
}

static int edit(struct cli *cli, const char *ref, const struct mu_value *body)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *made;
	const char *path;

	if (cli_named_path(cli, noun_of(cli), ref, "", &path, &err) < 0 ||
	    cli_api_call(cli->api, cli->arena, "PATCH", path, body, &made, &err) < 0)
		return cli_fail(&err);
	return cli_named_print(cli, noun_of(cli), made);
}

int cli_alarm_edit(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *body;

	if (cli_named_body(cli, argc - 1, argv + 1, &body, &err) < 0)
		return cli_fail(&err);
	return edit(cli, argv[0], body);
}

/* "2h" from now on; a moment; "off". */
static int read_until(const char *text, mu_msec *ret, struct mu_error *err)
{
	mu_msec now = mu_clock_wall();
	mu_msec at = 0;

	if (strcmp(text, "off") != 0 && cli_when_parse(text, now, &at, err) < 0)
		return MU_FAILED;
	/* A length of time is read as so long ago. */
	*ret = at > 0 && !strchr(text, '-') ? now + (now - at) : at;
	return 0;
}

int cli_alarm_silence(struct cli *cli, int argc, char **argv)
{
	struct mu_value *body = mu_value_object(cli->arena);
	struct mu_error err = MU_ERROR_INIT;
	mu_msec until;

	(void)argc;
	if (read_until(argv[1], &until, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	mu_value_set_int(cli->arena, body, "silentUntil", until);
	return edit(cli, argv[0], body);
}

int cli_alarm_delete(struct cli *cli, int argc, char **argv)
{
	return cli_named_each(cli, noun_of(cli), argc, argv, "DELETE", "");
}

int cli_alarm_acknowledge(struct cli *cli, int argc, char **argv)
{
	return cli_named_each(cli, noun_of(cli), argc, argv, "POST", "/actions/acknowledge");
}

int cli_alarm_target_test(struct cli *cli, int argc, char **argv)
{
	return cli_named_each(cli, noun_of(cli), argc, argv, "POST", "/actions/test");
}

int cli_alarm_rule_test(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *trial;
	const char *path;

	(void)argc;
	if (cli_named_path(cli, noun_of(cli), argv[0], "/actions/test", &path, &err) < 0 ||
	    cli_api_call(cli->api, cli->arena, "POST", path, NULL, &trial, &err) < 0)
		return cli_fail(&err);
	return print_trial(cli, trial);
}
