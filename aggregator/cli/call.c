/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: `vm edit`, `vbd` and `vif` for people, `call` for everything that the API has a method
 * for. What a call gives back is printed when it has ended.
 */
#include "aggregator/cli/method.h"
#include "aggregator/cli/pairs.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/task.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/yaml.h"
#include "common/base/id.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <string.h>

int cli_names_to_ids(struct cli *cli, struct mu_value *arguments, struct mu_error *err)
{
	static const struct {
		const char *argument;
		const char *collection;
	} ids[] = {{"VDI", "vdis"},      {"networkId", "networks"}, {"srId", "srs"},
		   {"suspendSr", "srs"}, {"affinityHost", "hosts"}, {"snapshotId", "vm-snapshots"}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(ids); i++) {
		const char *ref = mu_value_as_string(mu_value_get(arguments, ids[i].argument));
		const char *id;

		if (!ref)
			continue;
		if (cli_find_id(cli, ids[i].collection, ref, &id, err) < 0)
			return mu_error_prefix(err, "%s", ids[i].argument);
		mu_value_remove(arguments, ids[i].argument);
		mu_value_set_string(cli->arena, arguments, ids[i].argument, id);
	}
	return 0;
}

/* name=value words, or --json. */
static int read_arguments(struct cli *cli, int argc, char **argv, struct mu_value **ret,
			  struct mu_error *err)
{
	if (!cli->options.json)
		return cli_pairs_parse(cli->arena, argc, argv, ret, err);
	if (argc > 0)
		return mu_error_set(err, MU_E_INVALID, "--json and name=value exclude each other");
	return cli_read_json(cli, cli->options.json, ret, err);
}

/* For whoever asked, beside what a script reads. Returns how many members that is. */
static size_t print_warnings(const struct mu_value *value)
{
	const struct mu_value *list = mu_value_get(value, "warnings");

	if (!list || list->kind != MU_VALUE_LIST)
		return 0;
	mu_value_each(it, list)
	{
		if (it->kind == MU_VALUE_STRING)
			(void)fprintf(stderr, "muster: %s\n", it->string);
	}
	return 1;
}

/* An id alone if that is all but for warnings; else the object as it is. */
static int print_value(struct cli *cli, const struct mu_value *value)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	const char *id = mu_value_as_string(mu_value_get(value, "id"));
	bool table = strcmp(cli->options.output, "table") == 0;
	size_t n_warnings = table ? print_warnings(value) : 0;

	if (strcmp(cli->options.output, "yaml") == 0)
		cli_yaml_write(&out, value);
	else if (table && id && value->n_children == 1 + n_warnings)
		mu_str_printf(&out, "%s\n", id);
	else
		mu_json_write(&out, value, true);
	return cli_print(&out);
}

int cli_call_finish(struct cli *cli, const char *label, const struct mu_value *answer)
{
	const char *task = mu_value_as_string(mu_value_get(answer, "taskId"));
	const struct mu_value *ended, *value;
	struct mu_error err = MU_ERROR_INIT;
	int r;

	if (!task) {
		(void)mu_error_set(&err, MU_E_PROTOCOL, "%s: the server's answer has no taskId",
				   label);
		return cli_fail(&err);
	}
	if (cli->options.no_wait) {
		(void)printf("%s\n", task);
		return CLI_OK;
	}
	r = cli_task_result(cli, task, label, &ended);
	value = ended ? mu_value_get(ended, "result") : NULL;
	if (r != CLI_OK || !value || value->n_children == 0)
		return r;
	return print_value(cli, value);
}

int cli_vm_edit(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *vm, *answer;
	struct mu_value *arguments;
	const char *path;

	if (read_arguments(cli, argc - 1, argv + 1, &arguments, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	if (cli_names_to_ids(cli, arguments, &err) < 0 || cli_find_vm(cli, argv[0], &vm, &err) < 0)
		return cli_fail(&err);
	path = mu_arena_printf(cli->arena, "/rest/v0/vms/%s?sync=false",
			       mu_value_as_string(mu_value_get(vm, "id")));
	if (cli_api_call(cli->api, cli->arena, "PATCH", path, arguments, &answer, &err) < 0)
		return cli_fail(&err);
	return cli_call_finish(cli, argv[0], answer);
}

/* Device numbers are texts ("0"), whatever they look like. */
static void number_as_text(struct cli *cli, struct mu_value *arguments, const char *name)
{
	const struct mu_value *v = mu_value_get(arguments, name);
	const char *text;

	if (!v || v->kind != MU_VALUE_INT)
		return;
	text = mu_arena_printf(cli->arena, "%" PRId64, v->integer);
	mu_value_remove(arguments, name);
	mu_value_set_string(cli->arena, arguments, name, text);
}

/* The VM's VBD or VIF at `device`, "xvda" or "0". *ret_id stays as it is if there is none that can
 * be seen: what is wrong is then for the VM's host to say. */
static int find_part(struct cli *cli, const char *collection, const char *vm, const char *device,
		     const char **ret_id, struct mu_error *err)
{
	const char *path =
	    mu_arena_printf(cli->arena, "/rest/v0/%s?fields=id,device,position&filter=%sVM%%3A%s",
			    collection, strcmp(collection, "vifs") == 0 ? "%24" : "", vm);
	const struct mu_value *parts;

	if (cli_api_call(cli->api, cli->arena, "GET", path, NULL, &parts, err) < 0)
		return MU_FAILED;
	mu_value_each(part, parts)
	{
		if (mu_str_equal(mu_value_as_string(mu_value_get(part, "device")), device) ||
		    mu_str_equal(mu_value_as_string(mu_value_get(part, "position")), device))
			*ret_id = mu_value_as_string(mu_value_get(part, "id"));
	}
	return 0;
}

/* What the verb's method is to be called with: the VM, or the device of it that is named. */
static int place_device(struct cli *cli, const char *vm, const char *device,
			struct mu_value *arguments, struct cli_method_call *call,
			struct mu_error *err)
{
	const char *collection = mu_str_has_prefix(cli->verb->action, "vbd.") ? "vbds" : "vifs";
	const char *part = NULL;

	*call = (struct cli_method_call){
	    .method = cli->verb->action, .collection = "vms", .object = vm, .arguments = arguments};
	if (!device)
		return 0;
	mu_value_remove(arguments, "device");
	if (find_part(cli, collection, vm, device, &part, err) < 0)
		return MU_FAILED;
	if (part) {
		call->collection = collection;
		call->object = part;
	} else {
		mu_value_set_string(cli->arena, arguments, "device", device);
	}
	return 0;
}

int cli_call_method(struct cli *cli, const char *label, const struct cli_method_call *call)
{
	struct mu_error err = MU_ERROR_INIT;
	struct cli_method_request request;
	const struct mu_value *answer;

	cli_method_request(cli->arena, call, &request);
	if (cli_api_call(cli->api, cli->arena, request.verb, request.path, request.body, &answer,
			 &err) < 0)
		return cli_fail(&err);
	return cli_call_finish(cli, label, answer);
}

int cli_device(struct cli *cli, int argc, char **argv)
{
	int first = strstr(cli->verb->args, "DEVICE") ? 2 : 1;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *arguments;
	struct cli_method_call call;
	const struct mu_value *vm;

	if (read_arguments(cli, argc - first, argv + first, &arguments, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	number_as_text(cli, arguments, "userdevice");
	number_as_text(cli, arguments, "device");
	if (cli_names_to_ids(cli, arguments, &err) < 0 ||
	    cli_find_vm(cli, argv[0], &vm, &err) < 0 ||
	    place_device(cli, mu_value_as_string(mu_value_get(vm, "id")),
			 first == 2 ? argv[1] : NULL, arguments, &call, &err) < 0)
		return cli_fail(&err);
	return cli_call_method(cli, argv[0], &call);
}

/* An id; or a name of what the method is about: "sr.scan" of an SR. */
static int find_object(struct cli *cli, const char *method, const char *ref, const char **ret_id,
		       struct mu_error *err)
{
	static const struct {
		const char *prefix;
		const char *collection;
	} objects[] = {{"vdi.create", "srs"},    {"vdi.import", "srs"},   {"vm.create", "hosts"},
		       {"vm.import_ova", "srs"}, {"vm.import", "hosts"},  {"sr.create", "hosts"},
		       {"cpupool.move", "vms"},  {"sr.", "srs"},          {"vdi.", "vdis"},
		       {"host.", "hosts"},       {"network.", "hosts"},   {"cpupool.", "hosts"},
		       {"pci.assign", "hosts"},  {"pci.release", "hosts"}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(objects); i++)
		if (mu_str_has_prefix(method, objects[i].prefix))
			return cli_find_id(cli, objects[i].collection, ref, ret_id, err);
	return cli_find_id(cli, "vms", ref, ret_id, err);
}

int cli_call(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	struct cli_method_call call = {.method = argv[0]};
	struct mu_value *arguments;

	if (read_arguments(cli, argc - 2, argv + 2, &arguments, &err) < 0 ||
	    cli_names_to_ids(cli, arguments, &err) < 0 ||
	    find_object(cli, argv[0], argv[1], &call.object, &err) < 0 ||
	    (cli->options.host &&
	     cli_find_id(cli, "hosts", cli->options.host, &call.host, &err) < 0))
		return cli_fail(&err);
	call.arguments = arguments;
	return cli_call_method(cli, argv[0], &call);
}
