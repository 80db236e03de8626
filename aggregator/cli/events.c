/* SPDX-License-Identifier: Apache-2.0 */
/* Changes as they happen, and the server's pulse. */
#include "aggregator/cli/format.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/yaml.h"
#include "common/json/json.h"
#include "common/os/clock.h"

#include <string.h>

static const struct {
	const char *word;       /* as people say */
	const char *collection; /* as the API says */
} collections[] = {
    {"vm", "VM"},
    {"host", "host"},
    {"task", "task"},
    {"snapshot", "VM-snapshot"},
    {"template", "VM-template"},
    {"sr", "SR"},
    {"vdi", "VDI"},
    {"network", "network"},
    {"pif", "PIF"},
    {"alarm", "alarm"},
    {"message", "message"},
};

const char *cli_events_collection(const char *noun)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(collections); i++)
		if (strcmp(collections[i].word, noun) == 0)
			return collections[i].collection;
	return NULL;
}

struct stream {
	enum cli_output output;
	bool failed;
};

/* "2026-11-20T17:30:10.123Z update VM web-1 Running" */
static void add_line(struct mu_str *out, const char *event, const struct mu_value *object)
{
	static const char *const members[] = {"$subscription", "name_label", "id",
					      "power_state",   "status",     "text"};
	char now[MU_CLOCK_TEXT];

	mu_str_printf(out, "%s %s", mu_clock_format(mu_clock_wall(), now), event);
	for (size_t i = 0; i < MU_ARRAY_SIZE(members); i++) {
		const char *text = mu_value_as_string(mu_value_get(object, members[i]));

		if (!text || (strcmp(members[i], "id") == 0 && mu_value_get(object, "name_label")))
			continue;
		mu_str_add_char(out, ' ');
		cli_format_text(out, text);
	}
	mu_str_add_char(out, '\n');
}

static bool print_event(void *ctx, const char *event, const struct mu_value *object)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct mu_arena *arena = mu_arena_new();
	struct mu_value *whole = mu_value_object(arena);
	struct stream *stream = ctx;

	mu_value_set_string(arena, whole, "event", event);
	mu_value_set(arena, whole, "object", mu_value_copy(arena, object));
	switch (stream->output) {
	case CLI_JSON:
		mu_json_write(&out, whole, false);
		mu_str_add_char(&out, '\n');
		break;
	case CLI_YAML:
		mu_str_add(&out, "---\n");
		cli_yaml_write(&out, whole);
		break;
	case CLI_TABLE:
	case CLI_CSV:
		add_line(&out, event, object);
		break;
	case _CLI_OUTPUT_COUNT:
		break;
	}
	mu_arena_free(arena);
	stream->failed = cli_print(&out) != CLI_OK;
	return !stream->failed;
}

int cli_events(struct cli *cli, int argc, char **argv)
{
	const char *wanted[MU_ARRAY_SIZE(collections)];
	struct stream stream = {.output = cli_render_of(cli, NULL).output};
	struct mu_error err = MU_ERROR_INIT;
	size_t n = 0;

	for (size_t i = 0; i < MU_ARRAY_SIZE(collections); i++) {
		bool named = argc == 0;

		for (int k = 0; k < argc; k++)
			named = named || strcmp(argv[k], collections[i].word) == 0;
		if (named)
			wanted[n++] = collections[i].collection;
	}
	if (stream.output == CLI_CSV || n < (size_t)argc) {
		(void)fprintf(stderr, "muster: events: %s\n",
			      stream.output == CLI_CSV
				  ? "there is no CSV of them; hint: -o json"
				  : "of vm, host, task, snapshot, template, sr, "
				    "vdi, network, pif, each once");
		return CLI_USAGE;
	}
	if (cli_api_events(cli->api, wanted, n, print_event, &stream, &err) < 0)
		return cli_fail(&err);
	return stream.failed ? CLI_FAILED : CLI_OK;
}

int cli_ping(struct cli *cli, int argc, char **argv)
{
	static const struct cli_column columns[] = {
	    {"RESULT", "result", CLI_CELL_TEXT, false},
	    {"MILLISECONDS", "ms", CLI_CELL_NUMBER, false},
	    {NULL, NULL, CLI_CELL_TEXT, false},
	};
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	mu_msec begin = mu_clock_monotonic();
	const struct mu_value *answer;
	struct mu_value *shown;
	int r = cli_get(cli, "/rest/v0/ping", &answer);

	(void)argc;
	(void)argv;
	if (r != CLI_OK)
		return r;
	shown = answer->kind == MU_VALUE_OBJECT ? mu_value_copy(cli->arena, answer)
						: mu_value_object(cli->arena);
	mu_value_set_int(cli->arena, shown, "ms", mu_clock_monotonic() - begin);
	cli_render_object(&out, &render, shown);
	return cli_print(&out);
}
