/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fleet has besides hosts, VMs and tasks: nouns that are only looked at, each a row of the
 * table at the end. The API names what an object belongs to by id; for people's eyes (and CSV) the
 * name stands beside it, from one more list for each such member.
 */
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"
#include "common/base/assert.h"
#include "common/base/map.h"

#include <string.h>

enum { REFS_MAX = 2 };

struct ref {
	const char *member;     /* "$SR": an id */
	const char *as;         /* "sr": the name, as a member of its own */
	const char *collection; /* where the name is */
};

struct kind {
	const char *noun;
	const char *collection;
	const struct cli_column *columns;
	struct ref refs[REFS_MAX];
};

static const struct cli_column sr_columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"TYPE", "SR_type", CLI_CELL_TEXT, false},
    {"HOST", "host", CLI_CELL_TEXT, false},
    {"SHARED", "shared", CLI_CELL_TEXT, false},
    {"ATTACHED", "attached", CLI_CELL_TEXT, false},
    {"SIZE", "size", CLI_CELL_BYTES, false},
    {"USED", "physical_usage", CLI_CELL_BYTES, false},
    {"PROMISED", "usage", CLI_CELL_BYTES, false},
    {"TROUBLE", "trouble", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"CONTENT", "content_type", CLI_CELL_TEXT, true},
    {"LOCATION", "location", CLI_CELL_TEXT, true},
    {"DATA %", "dataPercent", CLI_CELL_NUMBER, true},
    {"METADATA %", "metadataPercent", CLI_CELL_NUMBER, true},
    {"TAGS", "tags", CLI_CELL_TEXT, true},
    {"DISKS", "VDIs", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column vdi_columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"SIZE", "size", CLI_CELL_BYTES, false},
    {"USED", "usage", CLI_CELL_BYTES, false},
    {"SR", "sr", CLI_CELL_TEXT, false},
    {"FORMAT", "image_format", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"TYPE", "VDI_type", CLI_CELL_TEXT, true},
    {"READ-ONLY", "read_only", CLI_CELL_TEXT, true},
    {"MISSING", "missing", CLI_CELL_TEXT, true},
    {"PARENT", "parent", CLI_CELL_TEXT, true},
    {"SNAPSHOTS", "snapshots", CLI_CELL_TEXT, true},
    {"DRIVES", "$VBDs", CLI_CELL_TEXT, true},
    {"TAGS", "tags", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column network_columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"BRIDGE", "bridge", CLI_CELL_TEXT, false},
    {"MTU", "MTU", CLI_CELL_NUMBER, false},
    {"BONDED", "isBonded", CLI_CELL_TEXT, false},
    {"MANAGED", "managed", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"CARDS", "PIFs", CLI_CELL_TEXT, true},
    {"VM CARDS", "VIFs", CLI_CELL_TEXT, true},
    {"TAGS", "tags", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column pif_columns[] = {
    {"DEVICE", "device", CLI_CELL_TEXT, false},
    {"HOST", "host", CLI_CELL_TEXT, false},
    {"NETWORK", "network", CLI_CELL_TEXT, false},
    {"VLAN", "vlan", CLI_CELL_NUMBER, false},
    {"MAC", "mac", CLI_CELL_TEXT, false},
    {"ADDRESS", "ip", CLI_CELL_TEXT, false},
    {"LINK", "carrier", CLI_CELL_TEXT, false},
    {"MBIT/S", "speed", CLI_CELL_NUMBER, false},
    {"MANAGEMENT", "management", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column snapshot_columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"VM", "vm", CLI_CELL_TEXT, false},
    {"TAKEN", "snapshot_time", CLI_CELL_SECONDS, false},
    {"MEMORY", "withMemory", CLI_CELL_TEXT, false},
    {"HOST", "host", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"AFTER", "parent", CLI_CELL_TEXT, true},
    {"CPUS", "CPUs.max", CLI_CELL_NUMBER, true},
    {"MEMORY SIZE", "memory.size", CLI_CELL_BYTES, true},
    {"DISKS", "$VBDs", CLI_CELL_TEXT, true},
    {"TAGS", "tags", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column vdi_snapshot_columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"VDI", "vdi", CLI_CELL_TEXT, false},
    {"TAKEN", "snapshot_time", CLI_CELL_SECONDS, false},
    {"SIZE", "size", CLI_CELL_BYTES, false},
    {"USED", "usage", CLI_CELL_BYTES, false},
    {"SR", "sr", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"PARENT", "parent", CLI_CELL_TEXT, true},
    {"TAGS", "tags", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column template_columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"TYPE", "virtualizationMode", CLI_CELL_TEXT, false},
    {"CPUS", "CPUs.max", CLI_CELL_NUMBER, false},
    {"MEMORY", "memory.size", CLI_CELL_BYTES, false},
    {"HOST", "host", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"BUILT IN", "isDefaultTemplate", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column alarm_columns[] = {
    {"LEVEL", "level", CLI_CELL_TEXT, false},       {"SINCE", "time", CLI_CELL_MSEC, false},
    {"ALARM", "text", CLI_CELL_TEXT, false},        {"ID", "id", CLI_CELL_TEXT, false},
    {"OBJECT", "object.uuid", CLI_CELL_TEXT, true}, {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column message_columns[] = {
    {"TIME", "time", CLI_CELL_SECONDS, false},  {"NAME", "name", CLI_CELL_TEXT, false},
    {"MESSAGE", "body", CLI_CELL_TEXT, false},  {"ID", "id", CLI_CELL_TEXT, true},
    {"OBJECT", "$object", CLI_CELL_TEXT, true}, {"TASK", "taskId", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column pool_columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"CPUS", "cpus.cores", CLI_CELL_NUMBER, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column pbd_columns[] = {
    {"SR", "sr", CLI_CELL_TEXT, false},
    {"HOST", "on", CLI_CELL_TEXT, false},
    {"ATTACHED", "attached", CLI_CELL_TEXT, false},
    {"TROUBLE", "trouble", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column vbd_columns[] = {
    {"VM", "vm", CLI_CELL_TEXT, false},          {"DEVICE", "device", CLI_CELL_TEXT, false},
    {"VDI", "vdi", CLI_CELL_TEXT, false},        {"ATTACHED", "attached", CLI_CELL_TEXT, false},
    {"CD", "is_cd_drive", CLI_CELL_TEXT, false}, {"READ-ONLY", "read_only", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},          {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column vif_columns[] = {
    {"VM", "vm", CLI_CELL_TEXT, false},
    {"DEVICE", "device", CLI_CELL_TEXT, false},
    {"NETWORK", "network", CLI_CELL_TEXT, false},
    {"MAC", "MAC", CLI_CELL_TEXT, false},
    {"ATTACHED", "attached", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct cli_column dom0_columns[] = {
    {"HOST", "host", CLI_CELL_TEXT, false},
    {"STATE", "power_state", CLI_CELL_TEXT, false},
    {"TYPE", "virtualizationMode", CLI_CELL_TEXT, false},
    {"CPUS", "CPUs.number", CLI_CELL_NUMBER, false},
    {"OF", "CPUs.max", CLI_CELL_NUMBER, false},
    {"MEMORY", "memory.size", CLI_CELL_BYTES, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"NAME", "name_label", CLI_CELL_TEXT, true},
    {"STARTED", "startTime", CLI_CELL_SECONDS, true},
    {"TAGS", "tags", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

static const struct kind kinds[] = {
    {"pool", "pools", pool_columns, {{NULL, NULL, NULL}}},
    {"dom0", "vm-controllers", dom0_columns, {{"$container", "host", "hosts"}}},
    {"pbd", "pbds", pbd_columns, {{"SR", "sr", "srs"}, {"host", "on", "hosts"}}},
    {"vbd", "vbds", vbd_columns, {{"VM", "vm", "vms"}, {"VDI", "vdi", "vdis"}}},
    {"vif", "vifs", vif_columns, {{"$VM", "vm", "vms"}, {"$network", "network", "networks"}}},
    {"alarm", "alarms", alarm_columns, {{NULL, NULL, NULL}}},
    {"message", "messages", message_columns, {{NULL, NULL, NULL}}},
    {"sr", "srs", sr_columns, {{"$container", "host", "hosts"}}},
    {"vdi", "vdis", vdi_columns, {{"$SR", "sr", "srs"}}},
    {"network", "networks", network_columns, {{NULL, NULL, NULL}}},
    {"pif", "pifs", pif_columns, {{"$host", "host", "hosts"}, {"$network", "network", "networks"}}},
    {"snapshot",
     "vm-snapshots",
     snapshot_columns,
     {{"$container", "host", "hosts"}, {"$snapshot_of", "vm", "vms"}}},
    {"vdi-snapshot",
     "vdi-snapshots",
     vdi_snapshot_columns,
     {{"$SR", "sr", "srs"}, {"$snapshot_of", "vdi", "vdis"}}},
    {"template", "vm-templates", template_columns, {{"$container", "host", "hosts"}}},
};

static const struct kind *kind_of(const char *noun)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].noun, noun) == 0)
			return &kinds[i];
	mu_assert_unreachable();
}

/* Id -> name of all objects of a collection; NULL (with the exit code) when it cannot be read. */
static struct mu_map *read_names(struct cli *cli, const char *collection, int *ret_exit)
{
	const char *path =
	    mu_arena_printf(cli->arena, "/rest/v0/%s?fields=id,name_label", collection);
	const struct mu_value *list;
	struct mu_map *names;

	*ret_exit = cli_get(cli, path, &list);
	if (*ret_exit != CLI_OK)
		return NULL;
	names = mu_map_new();
	mu_value_each(o, list)
	{
		const char *id = mu_value_as_string(mu_value_get(o, "id"));
		const struct mu_value *name = mu_value_get(o, "name_label");

		if (id && mu_value_as_string(name))
			(void)mu_map_put_str(names, id, (void *)(uintptr_t)name->string);
	}
	return names;
}

/* Each object with the name of what its member leads to. */
static int add_names(struct cli *cli, const struct ref *ref, struct mu_value *list)
{
	int r;
	MU_CLEANUP(mu_map_free) struct mu_map *names = read_names(cli, ref->collection, &r);

	for (struct mu_value *o = names ? list->first : NULL; o; o = o->next) {
		const char *id = mu_value_as_string(mu_value_get(o, ref->member));

		mu_value_set_string(cli->arena, o, ref->as, id ? mu_map_find_str(names, id) : NULL);
	}
	return r;
}

/* What is to be shown: with names for people, and without where the API's objects are printed. */
static int read_list(struct cli *cli, const struct kind *kind, const struct cli_render *render,
		     const char *path, const struct mu_value **ret_list)
{
	int r = cli_get(cli, path, ret_list);
	struct mu_value *named;

	if (r != CLI_OK ||
	    (render->output != CLI_TABLE && render->output != CLI_CSV && !render->fields))
		return r;
	named = mu_value_copy(cli->arena, *ret_list);
	for (size_t i = 0; r == CLI_OK && i < REFS_MAX && kind->refs[i].member; i++)
		r = add_names(cli, &kind->refs[i], named);
	*ret_list = named;
	return r;
}

int cli_object_part(struct cli *cli, const char *noun, const char *filter, const char *fields,
		    struct mu_str *out)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str path = MU_STR_INIT;
	const struct kind *kind = kind_of(noun);
	struct cli_render render = cli_render_of(cli, kind->columns);
	const struct mu_value *list;
	int r;

	render.fields = fields;
	mu_str_printf(&path, "/rest/v0/%s?fields=*", kind->collection);
	cli_add_parameter(&path, "filter", filter);
	r = read_list(cli, kind, &render, path.data, &list);
	if (r != CLI_OK || !list->first)
		return r;
	mu_str_add_char(out, '\n');
	cli_render_list(out, &render, list);
	return CLI_OK;
}

int cli_object_list(struct cli *cli, int argc, char **argv)
{
	const struct kind *kind = kind_of(cli->verb->noun);
	struct cli_render render = cli_render_of(cli, kind->columns);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *list;
	int r;

	(void)argc;
	(void)argv;
	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = read_list(cli, kind, &render, cli_list_path(cli, kind->collection, kind->columns),
		      &list);
	if (r != CLI_OK)
		return r;
	return cli_print_list(cli, &render, list);
}

int cli_object_show(struct cli *cli, int argc, char **argv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	const struct kind *kind = kind_of(cli->verb->noun);
	struct cli_render render = cli_render_of(cli, kind->columns);
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	const struct mu_value *list, *object;
	int r =
	    read_list(cli, kind, &render,
		      mu_arena_printf(cli->arena, "/rest/v0/%s?fields=*", kind->collection), &list);

	if (r != CLI_OK)
		return r;
	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;

		if (cli_resolve(list, kind->noun, argv[i], cli_care(cli), &object, &err) < 0) {
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
