/* SPDX-License-Identifier: Apache-2.0 */
/* Networks made and deleted on all hosts, or on --host. Each host has a task of its own. */
#include "aggregator/cli/network.h"

#include "aggregator/cli/pairs.h"
#include "aggregator/cli/task.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/vm_create.h"
#include "common/base/id.h"

#include <string.h>

/* A card by its device ("eth1") becomes the id of one of that name: of the host, or of any, since
 * the others' of the same name are meant as well. */
static int pif_to_id(struct cli *cli, const char *host_id, struct mu_value *body,
		     struct mu_error *err)
{
	const char *device = mu_value_as_string(mu_value_get(body, "pif"));
	const struct mu_value *pifs, *found = NULL;
	struct mu_uuid uuid;

	if (!device || mu_uuid_parse(device, &uuid))
		return 0;
	if (cli_api_call(cli->api, cli->arena, "GET", "/rest/v0/pifs?fields=id,device,$host", NULL,
			 &pifs, err) < 0)
		return MU_FAILED;
	for (const struct mu_value *it = pifs->first; it && !found; it = it->next) {
		const char *host = mu_value_as_string(mu_value_get(it, "$host"));

		if (strcmp(mu_value_as_string(mu_value_get(it, "device")), device) == 0 &&
		    (!host_id || (host && strcmp(host, host_id) == 0)))
			found = it;
	}
	if (!found)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "there is no network card '%.60s' on %s; hint: muster pif list",
				    device, host_id ? "this host" : "any host");
	mu_value_remove(body, "pif");
	mu_value_set_string(cli->arena, body, "pif", mu_value_as_string(mu_value_get(found, "id")));
	return 0;
}

int cli_network_make(struct cli *cli, const char *name, const char *host_id, struct mu_value *body,
		     const struct mu_value **ret_answer, struct mu_error *err)
{
	bool internal = !mu_value_get(body, "pif");
	struct mu_value *hosts;
	const char *path;

	if (pif_to_id(cli, host_id, body, err) < 0 ||
	    cli_pool_action(cli, internal ? "create_internal_network" : "create_network", &path,
			    err) < 0)
		return MU_FAILED;
	mu_value_remove(body, "name");
	mu_value_set_string(cli->arena, body, "name", name);
	if (host_id) {
		hosts = mu_value_set(cli->arena, body, "hosts", mu_value_list(cli->arena));
		mu_value_push(hosts, mu_value_string(cli->arena, host_id));
	}
	return cli_api_call(cli->api, cli->arena, "POST", path, body, ret_answer, err);
}

/* One host's part of it. */
static int finish_one(struct cli *cli, const char *label, const struct mu_value *one)
{
	const char *task = mu_value_as_string(mu_value_get(one, "taskId"));
	const char *host = mu_value_as_string(mu_value_get(one, "id"));
	const char *why = mu_value_as_string(cli_render_at(mu_value_get(one, "error"), "message"));
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *ended;

	if (!task) {
		(void)mu_error_set(&err, MU_E_STATE, "%s: host %.36s: %s", label, host ? host : "",
				   why ? why : "no task");
		return cli_fail(&err);
	}
	if (!cli->options.no_wait)
		return cli_task_result(cli, task, label, &ended);
	(void)printf("%s\n", task);
	return CLI_OK;
}

int cli_network_finish(struct cli *cli, const char *label, const struct mu_value *answer)
{
	const struct mu_value *tasks = mu_value_get(answer, "tasks");
	int *exits;
	size_t n = 0;

	if (!tasks)
		return finish_one(cli, label, answer);
	exits = mu_arena_calloc(cli->arena, tasks->n_children, sizeof *exits);
	mu_value_each(one, tasks) exits[n++] = finish_one(cli, label, one);
	return cli_exit_together(exits, n);
}

int cli_network_create(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *answer;
	const char *host = NULL;
	struct mu_value *body;

	if (cli_pairs_parse(cli->arena, argc - 1, argv + 1, &body, &err) < 0 ||
	    (cli->options.host && cli_find_id(cli, "hosts", cli->options.host, &host, &err) < 0) ||
	    cli_network_make(cli, argv[0], host, body, &answer, &err) < 0)
		return cli_fail(&err);
	return cli_network_finish(cli, argv[0], answer);
}

static int delete_one(struct cli *cli, const char *ref)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *answer;
	const char *id;

	if (cli_find_id(cli, "networks", ref, &id, &err) < 0 ||
	    cli_api_call(cli->api, cli->arena, "DELETE",
			 mu_arena_printf(cli->arena, "/rest/v0/networks/%s?sync=false", id), NULL,
			 &answer, &err) < 0)
		return cli_fail(&err);
	return cli_network_finish(cli, ref, answer);
}

int cli_network_delete(struct cli *cli, int argc, char **argv)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);

	for (int i = 0; i < argc; i++)
		exits[i] = delete_one(cli, argv[i]);
	return cli_exit_together(exits, (size_t)argc);
}
