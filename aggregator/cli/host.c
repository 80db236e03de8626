/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"

static const struct cli_column columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"STATE", "power_state", CLI_CELL_STATE, false},
    {"CONNECTED", "connected", CLI_CELL_TEXT, false},
    {"CPUS", "cpus.cores", CLI_CELL_NUMBER, false},
    {"MEMORY", "memory.size", CLI_CELL_BYTES, false},
    {"USED", "memory.usage", CLI_CELL_BYTES, false},
    {"LAST SEEN", "lastSeen", CLI_CELL_MSEC, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"ADDRESS", "address", CLI_CELL_TEXT, true},
    {"SOCKETS", "cpus.sockets", CLI_CELL_NUMBER, true},
    {"CPU", "CPUs.modelname", CLI_CELL_TEXT, true},
    {"XEN", "version", CLI_CELL_TEXT, true},
    {"BOOTED", "startTime", CLI_CELL_SECONDS, true},
    {"AGENT STARTED", "agentStartTime", CLI_CELL_SECONDS, true},
    {"VMS", "residentVms", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

int cli_host_list(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_list(cli, "hosts", columns);
}

int cli_host_show(struct cli *cli, int argc, char **argv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	const struct mu_value *list, *host;
	int r = cli_get(cli, "/rest/v0/hosts?fields=*", &list);

	if (r != CLI_OK)
		return r;
	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;

		if (cli_resolve(list, "host", argv[i], &host, &err) < 0)
			exits[i] = cli_fail(&err);
		else
			cli_render_object(&out, &render, host);
	}
	r = cli_exit_together(exits, (size_t)argc);
	return cli_print(&out) == CLI_OK ? r : CLI_FAILED;
}
