/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs of storage and CPU pools that are calls: a row of the table below says what the words after
 * the object mean. Each is asked for by the method's own route (method.c); what a row does not name
 * stays reachable by NAME=VALUE, --json, and `call`.
 */
#include "aggregator/cli/method.h"
#include "aggregator/cli/pairs.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"
#include "common/base/assert.h"
#include "common/base/id.h"

#include <string.h>

enum { WORDS_MAX = 2 };

/* A word: an argument's name, and what collection it is named from (NULL: it is the value). */
struct word {
	const char *argument;
	const char *collection;
};

enum rest {
	REST_OBJECTS, /* more objects: the same for each */
	REST_PAIRS,   /* NAME=VALUE: arguments */
	REST_CONFIG,  /* NAME=VALUE: device_config */
};

struct row {
	const char *verb; /* as in the table of verbs */
	const char *method;
	const char *collection; /* of the object */
	enum rest rest;
	struct word words[WORDS_MAX]; /* required */
};

static const struct row rows[] = {
    {"vm snapshot", "vm.snapshot", "vms", REST_PAIRS, {{NULL, NULL}}},
    {"vm revert", "vm.revert", "vms", REST_PAIRS, {{"snapshotId", "vm-snapshots"}}},
    {"vm attach-pci", "pci.attach", "vms", REST_PAIRS, {{"address", NULL}}},
    {"vm detach-pci", "pci.detach", "vms", REST_PAIRS, {{"address", NULL}}},
    {"vm attach-usb", "usb.attach", "vms", REST_PAIRS, {{"device", NULL}}},
    {"vm detach-usb", "usb.detach", "vms", REST_PAIRS, {{"device", NULL}}},
    {"host enable", "host.enable", "hosts", REST_OBJECTS, {{NULL, NULL}}},
    {"host disable", "host.disable", "hosts", REST_OBJECTS, {{NULL, NULL}}},
    {"host shutdown", "host.shutdown", "hosts", REST_PAIRS, {{NULL, NULL}}},
    {"host reboot", "host.reboot", "hosts", REST_PAIRS, {{NULL, NULL}}},
    {"host restart-agent", "host.restart_agent", "hosts", REST_OBJECTS, {{NULL, NULL}}},
    {"sr create", "sr.create", "hosts", REST_CONFIG, {{"name_label", NULL}, {"SR_type", NULL}}},
    {"sr edit", "sr.edit", "srs", REST_PAIRS, {{NULL, NULL}}},
    {"sr scan", "sr.scan", "srs", REST_OBJECTS, {{NULL, NULL}}},
    {"sr plug", "sr.plug", "srs", REST_OBJECTS, {{NULL, NULL}}},
    {"sr unplug", "sr.unplug", "srs", REST_OBJECTS, {{NULL, NULL}}},
    {"sr forget", "sr.forget", "srs", REST_OBJECTS, {{NULL, NULL}}},
    {"sr destroy", "sr.destroy", "srs", REST_OBJECTS, {{NULL, NULL}}},
    {"vdi create", "vdi.create", "srs", REST_PAIRS, {{"name_label", NULL}, {"virtual_size", NULL}}},
    {"vdi import", "vdi.import", "srs", REST_PAIRS, {{"path", NULL}}},
    {"vdi edit", "vdi.edit", "vdis", REST_PAIRS, {{NULL, NULL}}},
    {"vdi resize", "vdi.edit", "vdis", REST_PAIRS, {{"size", NULL}}},
    {"vdi snapshot", "vdi.snapshot", "vdis", REST_PAIRS, {{NULL, NULL}}},
    {"vdi clone", "vdi.clone", "vdis", REST_PAIRS, {{NULL, NULL}}},
    {"vdi revert", "vdi.revert", "vdis", REST_PAIRS, {{"snapshotId", "vdi-snapshots"}}},
    {"vdi move", "vdi.migrate", "vdis", REST_PAIRS, {{"srId", "srs"}}},
    {"host assign-pci", "pci.assign", "hosts", REST_PAIRS, {{"address", NULL}}},
    {"host release-pci", "pci.release", "hosts", REST_PAIRS, {{"address", NULL}}},
    {"cpupool create", "cpupool.create", "hosts", REST_PAIRS, {{"name", NULL}, {"cpus", NULL}}},
    {"cpupool destroy", "cpupool.destroy", "hosts", REST_PAIRS, {{"pool", NULL}}},
    {"cpupool add", "cpupool.add_cpus", "hosts", REST_PAIRS, {{"pool", NULL}, {"cpus", NULL}}},
    {"cpupool remove",
     "cpupool.remove_cpus",
     "hosts",
     REST_PAIRS,
     {{"pool", NULL}, {"cpus", NULL}}},
    {"cpupool set", "cpupool.set", "hosts", REST_PAIRS, {{"pool", NULL}}},
    {"cpupool move", "cpupool.move", "vms", REST_PAIRS, {{"pool", NULL}}},
    {"snapshot clone", "vm.clone", "vm-snapshots", REST_PAIRS, {{NULL, NULL}}},
    {"snapshot edit", "vm.edit", "vm-snapshots", REST_PAIRS, {{NULL, NULL}}},
    {"template clone", "vm.clone", "vm-templates", REST_PAIRS, {{NULL, NULL}}},
    {"template edit", "vm.edit", "vm-templates", REST_PAIRS, {{NULL, NULL}}},
    {"vdi-snapshot clone", "vdi.clone", "vdi-snapshots", REST_PAIRS, {{NULL, NULL}}},
    {"vdi-snapshot delete", "vdi.delete", "vdi-snapshots", REST_OBJECTS, {{NULL, NULL}}},
    {"vdi delete", "vdi.delete", "vdis", REST_OBJECTS, {{NULL, NULL}}},
};

static const struct row *row_of(const struct cli *cli)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].verb, mu_arena_printf(cli->arena, "%s %s", cli->verb->noun,
							 cli->verb->verb)) == 0)
			return &rows[i];
	mu_assert_unreachable();
}

int cli_find_id(struct cli *cli, const char *collection, const char *ref, const char **ret_id,
		struct mu_error *err)
{
	const struct mu_value *list, *object;
	const char *noun = mu_str_has_prefix(collection, "vm-") ? collection + 3 : collection;
	struct mu_uuid uuid;

	if (mu_uuid_parse(ref, &uuid)) {
		*ret_id = ref;
		return 0;
	}
	if (strcmp(collection, "vms") == 0) { /* host:name, too */
		if (cli_find_vm(cli, ref, &object, err) < 0)
			return MU_FAILED;
		*ret_id = mu_value_as_string(mu_value_get(object, "id"));
		return 0;
	}
	if (cli_api_call(
		cli->api, cli->arena, "GET",
		mu_arena_printf(cli->arena, "/rest/v0/%s?fields=id,name_label", collection), NULL,
		&list, err) < 0 ||
	    cli_resolve(list, /* "vm-snapshots": "snapshot" */
			mu_arena_printf(cli->arena, "%.*s", (int)strlen(noun) - 1, noun), ref,
			cli_care(cli), &object, err) < 0)
		return MU_FAILED;
	*ret_id = mu_value_as_string(mu_value_get(object, "id"));
	return 0;
}

/* Parameters are text, also those that look like something else. */
static int read_config(struct cli *cli, int argc, char **argv, struct mu_value **ret,
		       struct mu_error *err)
{
	struct mu_value *checked, *config = mu_value_object(cli->arena);

	if (cli_pairs_parse(cli->arena, argc, argv, &checked, err) < 0)
		return MU_FAILED;
	for (int i = 0; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');

		mu_value_set_string(
		    cli->arena, config,
		    mu_arena_strndup(cli->arena, argv[i], (size_t)(equals - argv[i])), equals + 1);
	}
	*ret = mu_value_object(cli->arena);
	mu_value_set(cli->arena, *ret, "device_config", config);
	return 0;
}

static int read_words(struct cli *cli, const struct row *row, int argc, char **argv,
		      struct mu_value **ret, struct mu_error *err)
{
	struct mu_value *args;
	int n = 0;

	while (n < WORDS_MAX && row->words[n].argument)
		n++;
	if ((row->rest == REST_CONFIG
		 ? read_config(cli, argc - n, argv + n, &args, err)
		 : cli_pairs_parse(cli->arena, argc - n, argv + n, &args, err)) < 0 ||
	    cli_names_to_ids(cli, args, err) < 0)
		return MU_FAILED;
	for (int i = 0; i < n; i++) {
		const char *value = argv[i];

		if (row->words[i].collection &&
		    cli_find_id(cli, row->words[i].collection, argv[i], &value, err) < 0)
			return MU_FAILED;
		if (mu_value_get(args, row->words[i].argument))
			return mu_error_set(err, MU_E_INVALID, "%s is given twice",
					    row->words[i].argument);
		mu_value_set_string(cli->arena, args, row->words[i].argument, value);
	}
	*ret = args;
	return 0;
}

/* With one host's SR where several have it: --host. */
static int call_one(struct cli *cli, const struct row *row, const char *ref,
		    struct mu_value *arguments)
{
	struct mu_error err = MU_ERROR_INIT;
	struct cli_method_call call = {
	    .method = row->method, .collection = row->collection, .arguments = arguments};

	if (cli_find_id(cli, row->collection, ref, &call.object, &err) < 0 ||
	    (cli->options.host &&
	     cli_find_id(cli, "hosts", cli->options.host, &call.host, &err) < 0))
		return cli_fail(&err);
	return cli_call_method(cli, ref, &call);
}

int cli_object_call(struct cli *cli, int argc, char **argv)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	const struct row *row = row_of(cli);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *arguments;

	if (row->rest != REST_OBJECTS) {
		if (read_words(cli, row, argc - 1, argv + 1, &arguments, &err) < 0)
			return cli_fail(&err);
		return call_one(cli, row, argv[0], arguments);
	}
	for (int i = 0; i < argc; i++)
		exits[i] = call_one(cli, row, argv[i], mu_value_object(cli->arena));
	return cli_exit_together(exits, (size_t)argc);
}
