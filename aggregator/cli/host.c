/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"

#include <stdio.h>
#include <string.h>

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
    {"ENABLED", "enabled", CLI_CELL_TEXT, true},
    {"MAKER", "bios_strings.system-manufacturer", CLI_CELL_TEXT, true},
    {"MACHINE", "bios_strings.system-product-name", CLI_CELL_TEXT, true},
    {"SERIAL", "bios_strings.system-serial-number", CLI_CELL_TEXT, true},
    {"BIOS", "bios_strings.bios-version", CLI_CELL_TEXT, true},
    {"VMS", "residentVms", CLI_CELL_TEXT, true},
    /* Of the details, which a host that is there adds. */
    {"MICROCODE", "details.cpu.microcode", CLI_CELL_TEXT, true},
    {"CORES PER SOCKET", "details.cpu.coresPerSocket", CLI_CELL_NUMBER, true},
    {"THREADS PER CORE", "details.cpu.threadsPerCore", CLI_CELL_NUMBER, true},
    {"XEN COMMAND LINE", "details.xen.commandLine", CLI_CELL_TEXT, true},
    {"XEN CAPABILITIES", "details.xen.capabilities", CLI_CELL_TEXT, true},
    {"VIRTUALISATION", "details.xen.virtCaps", CLI_CELL_TEXT, true},
    {"KERNEL", "kernel", CLI_CELL_TEXT, true},
    {"KERNEL COMMAND LINE", "details.dom0.commandLine", CLI_CELL_TEXT, true},
    {"DOM0 VCPUS", "details.dom0.vcpus", CLI_CELL_NUMBER, true},
    {"DOM0 MEMORY", "details.dom0.memoryBytes", CLI_CELL_BYTES, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

int cli_host_list(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_list(cli, "hosts", columns);
}

/* Lists of the details, each a table of its own below the sheet. */

static const struct cli_column numa_columns[] = {
    {"NODE", "node", CLI_CELL_NUMBER, false},     {"MEMORY", "memoryBytes", CLI_CELL_BYTES, false},
    {"FREE", "freeBytes", CLI_CELL_BYTES, false}, {"DISTANCES", "distances", CLI_CELL_TEXT, false},
    {"CPUS", "cpus", CLI_CELL_TEXT, false},       {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column pool_columns[] = {
    {"POOL", "name", CLI_CELL_TEXT, false},
    {"SCHEDULER", "scheduler", CLI_CELL_TEXT, false},
    {"CPUS", "cpus", CLI_CELL_TEXT, false},
    {"DOMAINS", "domainCount", CLI_CELL_NUMBER, false},
    {"TSLICE MS", "parameters.tsliceMs", CLI_CELL_NUMBER, false},
    {"RATELIMIT US", "parameters.ratelimitUs", CLI_CELL_NUMBER, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column disk_columns[] = {
    {"DISK", "name", CLI_CELL_TEXT, false},
    {"SIZE", "sizeBytes", CLI_CELL_BYTES, false},
    {"MODEL", "model", CLI_CELL_TEXT, false},
    {"SERIAL", "serial", CLI_CELL_TEXT, false},
    {"ROTATES", "rotational", CLI_CELL_TEXT, false},
    {"USED BY", "uses", CLI_CELL_TEXT, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

/* With "uses", what a table can show of `usedBy`: "mount /". */
static const struct mu_value *disk_rows(struct mu_arena *a, const struct mu_value *disks)
{
	struct mu_value *rows = mu_value_list(a);

	mu_value_each(disk, disks)
	{
		struct mu_value *row = mu_value_push(rows, mu_value_copy(a, disk));
		struct mu_value *uses = mu_value_list(a);
		const struct mu_value *used_by = mu_value_get(disk, "usedBy");

		for (const struct mu_value *u = used_by ? used_by->first : NULL; u; u = u->next) {
			const char *kind = mu_value_as_string(mu_value_get(u, "kind"));
			const char *name = mu_value_as_string(mu_value_get(u, "name"));

			mu_value_push(
			    uses, mu_value_string(a, mu_arena_printf(a, "%s %s", kind ? kind : "?",
								     name ? name : "?")));
		}
		mu_value_set(a, row, "uses", uses);
	}
	return rows;
}

static void add_table(struct cli *cli, struct mu_str *out, const struct cli_column *cells,
		      const struct mu_value *list)
{
	struct cli_render render = cli_render_of(cli, cells);

	if (!list || list->n_children == 0)
		return;
	mu_str_add_char(out, '\n');
	cli_render_list(out, &render, list);
}

static void add_tables(struct cli *cli, struct mu_str *out, const struct mu_value *details)
{
	const struct mu_value *disks = mu_value_get(details, "disks");

	add_table(cli, out, numa_columns, mu_value_get(details, "numa"));
	add_table(cli, out, pool_columns, mu_value_get(details, "cpupools"));
	add_table(cli, out, disk_columns, disks ? disk_rows(cli->arena, disks) : NULL);
}

/* The host with its details, for a person; without them when it is away, or when they are not
 * wanted. */
static const struct mu_value *with_details(struct cli *cli, const struct mu_value *host)
{
	const struct mu_value *connected = mu_value_get(host, "connected"), *answer;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *merged;
	const char *path;

	if (!connected || !connected->boolean)
		return host;
	path = mu_arena_printf(cli->arena, "/rest/v0/hosts/%s/details",
			       mu_value_as_string(mu_value_get(host, "id")));
	if (cli_api_call(cli->api, cli->arena, "GET", path, NULL, &answer, &err) < 0) {
		(void)fprintf(stderr, "muster: no details: %s\n", err.text);
		return host;
	}
	merged = mu_value_copy(cli->arena, host);
	mu_value_set(cli->arena, merged, "details", mu_value_copy(cli->arena, answer));
	return merged;
}

static void show_one(struct cli *cli, struct mu_str *out, const struct cli_render *render,
		     const struct mu_value *host)
{
	const char *fields = cli->options.fields;
	bool wanted = fields ? strstr(fields, "details.") != NULL : render->output == CLI_TABLE;
	const struct mu_value *shown = wanted ? with_details(cli, host) : host;

	cli_render_object(out, render, shown);
	if (wanted && !fields)
		add_tables(cli, out, mu_value_get(shown, "details"));
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

		if (cli_resolve(list, "host", argv[i], cli_care(cli), &host, &err) < 0)
			exits[i] = cli_fail(&err);
		else
			show_one(cli, &out, &render, host);
	}
	r = cli_exit_together(exits, (size_t)argc);
	return cli_print_view(cli, &out) == CLI_OK ? r : CLI_FAILED;
}
