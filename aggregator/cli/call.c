/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: `vm edit`, `vbd` and `vif` for people, `call` for everything that the API has a method
 * for. What a call gives back is printed when it has ended.
 */
#include "aggregator/cli/pairs.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/task.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/yaml.h"
#include "common/base/id.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <string.h>

/* Arguments that are ids, for whoever has names. */
static int names_to_ids(struct cli *cli, struct mu_value *arguments, struct mu_error *err)
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
	if (names_to_ids(cli, arguments, &err) < 0 || cli_find_vm(cli, argv[0], &vm, &err) < 0)
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

int cli_device(struct cli *cli, int argc, char **argv)
{
	int first = strstr(cli->verb->args, "DEVICE") ? 2 : 1;
	struct mu_value *body = mu_value_object(cli->arena);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *vm, *answer;
	struct mu_value *arguments;

	if (read_arguments(cli, argc - first, argv + first, &arguments, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	number_as_text(cli, arguments, "userdevice");
	number_as_text(cli, arguments, "device");
	if (first == 2) {
		mu_value_remove(arguments, "device");
		mu_value_set_string(cli->arena, arguments, "device", argv[1]);
	}
	if (names_to_ids(cli, arguments, &err) < 0 || cli_find_vm(cli, argv[0], &vm, &err) < 0)
		return cli_fail(&err);
	mu_value_set_string(cli->arena, body, "method", cli->verb->action);
	mu_value_set_string(cli->arena, body, "objectId",
			    mu_value_as_string(mu_value_get(vm, "id")));
	mu_value_set(cli->arena, body, "arguments", arguments);
	if (cli_api_call(cli->api, cli->arena, "POST", "/rest/v0/calls", body, &answer, &err) < 0)
		return cli_fail(&err);
	return cli_call_finish(cli, argv[0], answer);
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

int cli_call_method(struct cli *cli, const char *label, const char *method, const char *object,
		    const char *host, struct mu_value *arguments)
{
	struct mu_value *body = mu_value_object(cli->arena);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *answer;

	mu_value_set_string(cli->arena, body, "method", method);
	mu_value_set_string(cli->arena, body, "objectId", object);
	if (host)
		mu_value_set_string(cli->arena, body, "hostId", host);
	mu_value_set(cli->arena, body, "arguments", arguments);
	if (cli_api_call(cli->api, cli->arena, "POST", "/rest/v0/calls", body, &answer, &err) < 0)
		return cli_fail(&err);
	return cli_call_finish(cli, label, answer);
}

int cli_call(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *arguments;
	const char *id, *host = NULL;

	if (read_arguments(cli, argc - 2, argv + 2, &arguments, &err) < 0 ||
	    names_to_ids(cli, arguments, &err) < 0 ||
	    find_object(cli, argv[0], argv[1], &id, &err) < 0 ||
	    (cli->options.host && cli_find_id(cli, "hosts", cli->options.host, &host, &err) < 0))
		return cli_fail(&err);
	return cli_call_method(cli, argv[0], argv[0], id, host, arguments);
}
