/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs: listing, and what can be done to them. An action on several VMs starts all of them first
 * and waits afterwards, so that they run side by side; each has its own result, and the exit code
 * says whether all, some or none went well.
 */
#include "aggregator/cli/method.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/task.h"
#include "aggregator/cli/verbs.h"
#include "common/base/id.h"

#include <string.h>

static const struct cli_column columns[] = {
    {"NAME", "name_label", CLI_CELL_TEXT, false},
    {"STATE", "power_state", CLI_CELL_STATE, false},
    {"HOST", "host", CLI_CELL_TEXT, false},
    {"CPUS", "CPUs.number", CLI_CELL_NUMBER, false},
    {"MEMORY", "memory.size", CLI_CELL_BYTES, false},
    {"ADDRESS", "mainIpAddress", CLI_CELL_TEXT, false},
    {"ID", "id", CLI_CELL_TEXT, false},
    {"DESCRIPTION", "name_description", CLI_CELL_TEXT, true},
    {"TYPE", "virtualizationMode", CLI_CELL_TEXT, true},
    {"MANAGED", "managed", CLI_CELL_TEXT, true},
    {"AUTOSTART", "auto_poweron", CLI_CELL_TEXT, true},
    {"MAX CPUS", "CPUs.max", CLI_CELL_NUMBER, true},
    {"MEMORY USED", "memory.usage", CLI_CELL_BYTES, true},
    {"OS", "os_version.name", CLI_CELL_TEXT, true},
    {"STARTED", "startTime", CLI_CELL_SECONDS, true},
    {"DOING", "current_operations", CLI_CELL_TEXT, true},
    {"TAGS", "tags", CLI_CELL_TEXT, true},
    {"PENDING", "pending", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

/* What is needed to find the VMs that somebody named, and to say where they are. */
struct inventory {
	const struct mu_value *vms;
	const struct mu_value *hosts;
};

static int read_inventory(struct cli *cli, const char *vms_path, struct inventory *ret)
{
	int r = cli_get(cli, vms_path, &ret->vms);

	return r == CLI_OK ? cli_get(cli, "/rest/v0/hosts?fields=id,name_label", &ret->hosts) : r;
}

static const char *host_name(const struct inventory *inv, const struct mu_value *vm)
{
	const char *container = mu_value_as_string(mu_value_get(vm, "$container"));

	mu_value_each(host, inv->hosts) if (
	    mu_str_equal(mu_value_as_string(mu_value_get(host, "id")),
			 container)) return mu_value_as_string(mu_value_get(host, "name_label"));
	return NULL;
}

/* The object as the API has it, with the host's name beside its id for people's eyes. */
static struct mu_value *with_host(struct cli *cli, const struct inventory *inv,
				  const struct mu_value *vm)
{
	struct mu_value *copy = mu_value_copy(cli->arena, vm);

	mu_value_set_string(cli->arena, copy, "host", host_name(inv, vm));
	return copy;
}

static bool shows_host(const struct cli *cli, const struct cli_render *render)
{
	return render->output == CLI_TABLE || render->output == CLI_CSV || cli->options.fields;
}

/* Those of --host, with their hosts' names where they are shown. */
static int choose(struct cli *cli, const struct cli_render *render, const struct inventory *inv,
		  const struct mu_value **ret_list)
{
	struct mu_value *chosen = mu_value_list(cli->arena);
	const struct mu_value *host = NULL;
	struct mu_error err = MU_ERROR_INIT;

	if (cli->options.host &&
	    cli_resolve(inv->hosts, "host", cli->options.host, cli_care(cli), &host, &err) < 0)
		return cli_fail(&err);
	mu_value_each(vm, inv->vms)
	{
		if (host &&
		    !mu_value_equal(mu_value_get(vm, "$container"), mu_value_get(host, "id")))
			continue;
		mu_value_push(chosen, shows_host(cli, render) ? with_host(cli, inv, vm)
							      : mu_value_copy(cli->arena, vm));
	}
	*ret_list = chosen;
	return CLI_OK;
}

int cli_vm_list(struct cli *cli, int argc, char **argv)
{
	struct cli_render render = cli_render_of(cli, columns);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *list;
	struct inventory inv;
	int r;

	(void)argc;
	(void)argv;
	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = read_inventory(cli, cli_list_path(cli, "vms", columns), &inv);
	if (r == CLI_OK)
		r = choose(cli, &render, &inv, &list);
	if (r != CLI_OK)
		return r;
	return cli_print_list(cli, &render, list);
}

/* What is its own, for a person: who asked for fields, or for JSON, has the API's object. */
static int show_parts(struct cli *cli, const char *id, struct mu_str *out)
{
	static const struct {
		const char *noun, *member, *fields;
	} parts[] = {
	    {"vbd", "VM", "DEVICE,VDI,ATTACHED,CD,READ-ONLY"},
	    {"vif", "$VM", "DEVICE:CARD,NETWORK,MAC,ATTACHED"},
	    {"snapshot", "$snapshot_of", "NAME:SNAPSHOT,TAKEN,MEMORY,ID"},
	};
	int r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && i < MU_ARRAY_SIZE(parts); i++) {
		const char *filter = mu_arena_printf(cli->arena, "%s:%s", parts[i].member, id);

		r = cli_object_part(cli, parts[i].noun, filter, parts[i].fields, out);
	}
	return r;
}

int cli_vm_show(struct cli *cli, int argc, char **argv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	const struct mu_value *vm;
	struct inventory inv;
	int r = read_inventory(cli, "/rest/v0/vms?fields=*", &inv);

	if (r != CLI_OK)
		return r;
	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;

		if (cli_resolve_vm(inv.vms, inv.hosts, argv[i], cli_care(cli), &vm, &err) < 0) {
			exits[i] = cli_fail(&err);
			continue;
		}
		if (render.output == CLI_TABLE && out.len > 0)
			mu_str_add_char(&out, '\n');
		cli_render_object(&out, &render,
				  shows_host(cli, &render) ? with_host(cli, &inv, vm) : vm);
		if (render.output == CLI_TABLE && !render.fields)
			exits[i] =
			    show_parts(cli, mu_value_as_string(mu_value_get(vm, "id")), &out);
	}
	r = cli_exit_together(exits, (size_t)argc);
	return cli_print_view(cli, &out) == CLI_OK ? r : CLI_FAILED;
}

int cli_find_vm(struct cli *cli, const char *ref, const struct mu_value **ret_vm,
		struct mu_error *err)
{
	struct inventory inv;

	if (cli_api_call(cli->api, cli->arena, "GET",
			 "/rest/v0/vms?fields=id,name_label,$container", NULL, &inv.vms, err) < 0 ||
	    cli_api_call(cli->api, cli->arena, "GET", "/rest/v0/hosts?fields=id,name_label", NULL,
			 &inv.hosts, err) < 0)
		return MU_FAILED;
	return cli_resolve_vm(inv.vms, inv.hosts, ref, cli_care(cli), ret_vm, err);
}

/* Snapshots and templates are VMs in collections of their own. */
static bool is_of_vms(const struct cli *cli)
{
	return strcmp(cli->verb->noun, "vm") == 0;
}

static const char *collection(const struct cli *cli)
{
	return mu_arena_printf(cli->arena, "%s%ss", is_of_vms(cli) ? "" : "vm-", cli->verb->noun);
}

static int resolve(struct cli *cli, const struct inventory *inv, const char *ref,
		   const struct mu_value **ret, struct mu_error *err)
{
	return is_of_vms(cli)
		   ? cli_resolve_vm(inv->vms, inv->hosts, ref, cli_care(cli), ret, err)
		   : cli_resolve(inv->vms, cli->verb->noun, ref, cli_care(cli), ret, err);
}

/* One VM of an action. */
struct job {
	const char *name;
	const char *task; /* NULL: could not be started */
	int exit;
};

static void start_job(struct cli *cli, const struct inventory *inv, const char *ref,
		      struct job *job)
{
	const char *action = cli->options.force ? cli->verb->forced : cli->verb->action;
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *vm, *answer;
	struct cli_method_request request;
	const char *id;

	job->name = ref;
	if (resolve(cli, inv, ref, &vm, &err) < 0) {
		job->exit = cli_fail(&err);
		return;
	}
	job->name = mu_value_as_string(mu_value_get(vm, "name_label"));
	id = mu_value_as_string(mu_value_get(vm, "id"));
	request = (struct cli_method_request){
	    "POST", mu_arena_printf(cli->arena, "/rest/v0/vms/%s/actions/%s", id, action), NULL};
	if (strchr(action, '.')) /* a call that is no action */
		cli_method_request(cli->arena,
				   &(struct cli_method_call){.method = action,
							     .collection = collection(cli),
							     .object = id},
				   &request);
	if (cli_api_call(cli->api, cli->arena, request.verb, request.path, request.body, &answer,
			 &err) < 0) {
		if (!strstr(err.text, job->name))
			(void)mu_error_prefix(&err, "%s", job->name);
		job->exit = cli_fail(&err);
		return;
	}
	job->task = mu_value_as_string(mu_value_get(answer, "taskId"));
	if (!job->task) {
		(void)mu_error_set(&err, MU_E_PROTOCOL, "%s: the server's answer has no taskId",
				   job->name);
		job->exit = cli_fail(&err);
	}
}

static void finish_job(struct cli *cli, const struct cli_render *render, struct job *job,
		       struct mu_value *results)
{
	const struct mu_value *task;

	if (cli->options.no_wait) {
		(void)printf("%s\n", job->task);
		return;
	}
	job->exit = cli_task_result(cli, job->task, job->name, &task);
	if (task)
		mu_value_push(results, mu_value_copy(cli->arena, task));
	if (job->exit == CLI_OK && render->output == CLI_TABLE)
		(void)printf("%s %s\n", job->name, cli->verb->done);
}

int cli_vm_action(struct cli *cli, int argc, char **argv)
{
	static const struct cli_column results_columns[] = {
	    {"ID", "id", CLI_CELL_TEXT, false},
	    {"STATUS", "status", CLI_CELL_STATE, false},
	    {"VM", "properties.objectId", CLI_CELL_TEXT, false},
	    {"MESSAGE", "result.message", CLI_CELL_TEXT, false},
	    {NULL, NULL, CLI_CELL_TEXT, false},
	};
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, results_columns);
	struct mu_value *results = mu_value_list(cli->arena);
	struct job *jobs = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *jobs);
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	const char *path = mu_arena_printf(
	    cli->arena, "/rest/v0/%s?fields=id,name_label,$container", collection(cli));
	struct inventory inv;
	int r = read_inventory(cli, path, &inv);

	if (r != CLI_OK)
		return r;
	for (int i = 0; i < argc; i++)
		start_job(cli, &inv, argv[i], &jobs[i]);
	for (int i = 0; i < argc; i++) {
		if (jobs[i].task)
			finish_job(cli, &render, &jobs[i], results);
		exits[i] = jobs[i].exit;
	}
	if (!cli->options.no_wait && render.output != CLI_TABLE)
		cli_render_list(&out, &render, results);
	r = cli_exit_together(exits, (size_t)argc);
	return cli_print(&out) == CLI_OK ? r : CLI_FAILED;
}

int cli_vm_definition(struct cli *cli, int argc, char **argv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	const char *id, *path, *text;

	(void)argc;
	if (cli_find_id(cli, collection(cli), argv[0], &id, &err) < 0)
		return cli_fail(&err);
	path = mu_arena_printf(cli->arena, "/rest/v0/%s/%s/definition", collection(cli), id);
	if (cli_api_text(cli->api, cli->arena, path, &text, &err) < 0)
		return cli_fail(&err);
	mu_str_add(&out, text);
	return cli_print(&out);
}

/* Where the VM of that id is: replacing a definition takes no --host. */
static const char *host_of(struct cli *cli, const struct mu_value *definition)
{
	const char *uuid = mu_value_as_string(mu_value_get(definition, "uuid"));
	const struct mu_value *vm;
	struct mu_uuid id;

	if (!uuid || !mu_uuid_parse(uuid, &id) ||
	    cli_api_call(cli->api, cli->arena, "GET",
			 mu_arena_printf(cli->arena, "/rest/v0/vms/%s", uuid), NULL, &vm, NULL) < 0)
		return NULL;
	return mu_value_as_string(mu_value_get(vm, "$container"));
}

int cli_choose_host(struct cli *cli, const char **ret_id, struct mu_error *err)
{
	const struct mu_value *hosts, *host;

	if (cli_api_call(cli->api, cli->arena, "GET", "/rest/v0/hosts?fields=id,name_label", NULL,
			 &hosts, err) < 0)
		return MU_FAILED;
	host = hosts->first;
	if (cli->options.host) {
		if (cli_resolve(hosts, "host", cli->options.host, cli_care(cli), &host, err) < 0)
			return MU_FAILED;
	} else if (hosts->n_children != 1) {
		return mu_error_set(err, MU_E_INVALID, "there are %zu hosts; hint: --host NAME",
				    hosts->n_children);
	}
	*ret_id = mu_value_as_string(mu_value_get(host, "id"));
	return 0;
}

int cli_vm_define(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *answer;
	struct mu_value *definition;
	const char *path, *id;

	(void)argc;
	if (cli_read_json(cli, argv[0], &definition, &err) < 0)
		return cli_fail(&err);
	id = cli->options.host ? NULL : host_of(cli, definition);
	if (!id && cli_choose_host(cli, &id, &err) < 0)
		return cli_fail(&err);
	path = mu_arena_printf(cli->arena, "/rest/v0/hosts/%s/vms", id);
	if (cli_api_call(cli->api, cli->arena, "POST", path, definition, &answer, &err) < 0)
		return cli_fail(&err);
	id = mu_value_as_string(mu_value_get(answer, "id"));
	(void)printf("%s\n", id ? id : "");
	return CLI_OK;
}

int cli_vm_undefine(struct cli *cli, int argc, char **argv)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	const struct mu_value *vm;
	struct inventory inv;
	int r = read_inventory(cli, "/rest/v0/vms?fields=id,name_label,$container", &inv);

	if (r != CLI_OK)
		return r;
	for (int i = 0; i < argc; i++) {
		struct mu_error err = MU_ERROR_INIT;
		const char *path;

		r = cli_resolve_vm(inv.vms, inv.hosts, argv[i], cli_care(cli), &vm, &err);
		if (r == 0) {
			path = mu_arena_printf(cli->arena, "/rest/v0/vms/%s?disks=false",
					       mu_value_as_string(mu_value_get(vm, "id")));
			r = cli_api_call(cli->api, cli->arena, "DELETE", path, NULL, NULL, &err);
		}
		exits[i] = r < 0 ? cli_fail(&err) : CLI_OK;
	}
	return cli_exit_together(exits, (size_t)argc);
}
