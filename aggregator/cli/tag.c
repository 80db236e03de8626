/* SPDX-License-Identifier: Apache-2.0 */
/* Tags come and go one by one, so that two who tag at once lose nothing. */
#include "aggregator/cli/verbs.h"

#include <string.h>

static const struct {
	const char *noun;
	const char *collection;
} taggable[] = {
    {"vm", "vms"},
    {"snapshot", "vm-snapshots"},
    {"template", "vm-templates"},
    {"sr", "srs"},
    {"vdi", "vdis"},
    {"host", "hosts"},
    {"dom0", "vm-controllers"},
    {"network", "networks"},
    {"pool", "pools"},
};

static const char *collection_of(const char *noun, struct mu_error *err)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(taggable); i++)
		if (strcmp(taggable[i].noun, noun) == 0)
			return taggable[i].collection;
	(void)mu_error_set(err, MU_E_INVALID,
			   "'%.40s' has no tags; hint: vm, snapshot, template, sr, vdi, host, "
			   "dom0, network or pool",
			   noun);
	return NULL;
}

/* NOUN OBJECT TAG... */
static int each_tag(struct cli *cli, const char *method, int argc, char **argv)
{
	int *exits = mu_arena_calloc(cli->arena, (size_t)argc, sizeof *exits);
	struct mu_error err = MU_ERROR_INIT;
	const char *collection = collection_of(argv[0], &err), *id;

	if (!collection) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	if (cli_find_id(cli, collection, argv[1], &id, &err) < 0)
		return cli_fail(&err);
	for (int i = 2; i < argc; i++) {
		MU_CLEANUP(mu_str_deinit) struct mu_str path = MU_STR_INIT;

		mu_error_clear(&err);
		mu_str_printf(&path, "/rest/v0/%s/%s/tags/", collection, id);
		cli_add_encoded(&path, argv[i]);
		if (cli_api_call(cli->api, cli->arena, method, path.data, NULL, NULL, &err) < 0)
			exits[i - 2] = cli_fail(&err);
	}
	return cli_exit_together(exits, (size_t)argc - 2);
}

int cli_tag_add(struct cli *cli, int argc, char **argv)
{
	return each_tag(cli, "PUT", argc, argv);
}

int cli_tag_remove(struct cli *cli, int argc, char **argv)
{
	return each_tag(cli, "DELETE", argc, argv);
}
