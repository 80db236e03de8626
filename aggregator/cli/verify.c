/* SPDX-License-Identifier: Apache-2.0 */
/* `verify`: the fleet is read, and looked over (check.h). Nothing is changed. */
#include "aggregator/cli/check.h"
#include "aggregator/cli/verbs.h"

#include <string.h>

static const struct cli_column columns[] = {
    {"LEVEL", "level", CLI_CELL_TEXT, false},     {"KIND", "kind", CLI_CELL_TEXT, false},
    {"OBJECT", "object", CLI_CELL_TEXT, false},   {"HOST", "host", CLI_CELL_TEXT, false},
    {"FINDING", "finding", CLI_CELL_TEXT, false}, {NULL, NULL, CLI_CELL_TEXT, false},
};

/* What is not served here (an agent has no audit log) is not looked at; what may not be read is
 * said. */
static int read_fleet(struct cli *cli, struct cli_fleet *fleet, struct mu_error *err)
{
	const struct {
		const char *path;
		const struct mu_value **ret;
	} parts[] = {
	    {"hosts?fields=id,name_label,connected,enabled,rebootRequired,memory", &fleet->hosts},
	    {"vms?fields=id,name_label,power_state,$container,managed,pending,auto_poweron,memory",
	     &fleet->vms},
	    {"vifs?fields=device,MAC,$VM,$network", &fleet->vifs},
	    {"srs?fields=name_label,content_type,size,physical_usage,attached,trouble",
	     &fleet->srs},
	    {"vdis?fields=name_label,missing", &fleet->vdis},
	    {"alarms?fields=id,level,text", &fleet->alarms},
	    {"audit/verify", &fleet->audit},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(parts); i++) {
		struct mu_error why = MU_ERROR_INIT;

		*parts[i].ret = mu_value_null(cli->arena);
		if (cli_api_call(cli->api, cli->arena, "GET",
				 mu_arena_printf(cli->arena, "/rest/v0/%s", parts[i].path), NULL,
				 parts[i].ret, &why) == 0 ||
		    why.code == MU_E_NOT_FOUND)
			continue;
		if (why.code != MU_E_DENIED)
			return mu_error_set(err, why.code, "%s", why.text);
		(void)fprintf(stderr, "muster: not looked at: %s\n", why.text);
	}
	return 0;
}

static bool is_bad(const struct mu_value *findings)
{
	mu_value_each(one, findings)
	{
		if (!mu_str_equal(mu_value_as_string(mu_value_get(one, "level")), "note"))
			return true;
	}
	return false;
}

int cli_verify(struct cli *cli, int argc, char **argv)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *findings;
	struct cli_fleet fleet;

	(void)argc;
	(void)argv;
	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	if (read_fleet(cli, &fleet, &err) < 0)
		return cli_fail(&err);
	findings = cli_check(cli->arena, &fleet);
	if (findings->first || render.output != CLI_TABLE)
		cli_render_list(&out, &render, findings);
	else
		mu_str_printf(&out, "%zu hosts, %zu VMs: nothing to say\n", fleet.hosts->n_children,
			      fleet.vms->n_children);
	if (cli_print(&out) != CLI_OK)
		return CLI_FAILED;
	return is_bad(findings) ? CLI_DIFFERS : CLI_OK;
}
