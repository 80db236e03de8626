/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vm create`: the arguments of vm.create as options with names in place of ids, the rest as
 * NAME=VALUE. One request; which host is the server's choice, unless --host names one.
 */
#include "aggregator/cli/vm_create.h"

#include "aggregator/cli/pairs.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"
#include "common/os/file.h"

#include <string.h>

enum { FILE_MAX = 64 * 1024 };

/* The id of what `ref` names in a collection; nothing to do for NULL. */
static int find(struct cli *cli, const char *collection, const char *noun, const char *ref,
		const char **ret_id, struct mu_error *err)
{
	const struct mu_value *list, *object;

	if (!ref)
		return 0;
	if (cli_api_call(
		cli->api, cli->arena, "GET",
		mu_arena_printf(cli->arena, "/rest/v0/%s?fields=id,name_label", collection), NULL,
		&list, err) < 0 ||
	    cli_resolve(list, noun, ref, cli_care(cli), &object, err) < 0)
		return MU_FAILED;
	*ret_id = mu_value_as_string(mu_value_get(object, "id"));
	return 0;
}

static struct mu_value *list_of_one(struct cli *cli, struct mu_value *body, const char *name)
{
	struct mu_value *list = mu_value_set(cli->arena, body, name, mu_value_list(cli->arena));

	return mu_value_push(list, mu_value_object(cli->arena));
}

/* The first disk: how large, a clone of what. */
static int add_disk(struct cli *cli, const struct cli_vm_wish *wish, struct mu_value *body,
		    struct mu_error *err)
{
	const char *source = NULL;
	struct mu_value *disk;

	if (!wish->image && !wish->disk)
		return 0;
	if (find(cli, "vdis", "vdi", wish->image, &source, err) < 0)
		return MU_FAILED;
	disk = list_of_one(cli, body, "vdis");
	mu_value_set_string(cli->arena, disk, "userdevice", "0");
	if (source)
		mu_value_set_string(cli->arena, disk, "source", source);
	if (wish->disk)
		mu_value_set_string(cli->arena, disk, "size", wish->disk);
	return 0;
}

static int add_installer(struct cli *cli, const struct cli_vm_wish *wish, struct mu_value *body,
			 struct mu_error *err)
{
	const char *vdi = NULL;
	struct mu_value *install;

	if (find(cli, "vdis", "vdi", wish->cdrom, &vdi, err) < 0)
		return MU_FAILED;
	if (!vdi)
		return 0;
	install = mu_value_set(cli->arena, body, "install", mu_value_object(cli->arena));
	mu_value_set_string(cli->arena, install, "method", "cdrom");
	mu_value_set_string(cli->arena, install, "repository", vdi);
	return 0;
}

static int add_places(struct cli *cli, const struct cli_vm_wish *wish, struct mu_value *body,
		      struct mu_error *err)
{
	const char *template = NULL, *sr = NULL, *network = NULL, *host = NULL;

	if (find(cli, "vm-templates", "template", wish->template, &template, err) < 0 ||
	    find(cli, "srs", "sr", wish->sr, &sr, err) < 0 ||
	    find(cli, "networks", "network", wish->network, &network, err) < 0 ||
	    find(cli, "hosts", "host", wish->host, &host, err) < 0)
		return MU_FAILED;
	if (template)
		mu_value_set_string(cli->arena, body, "template", template);
	if (sr)
		mu_value_set_string(cli->arena, body, "srId", sr);
	if (host)
		mu_value_set_string(cli->arena, body, "affinity", host);
	if (network)
		mu_value_set_string(cli->arena, list_of_one(cli, body, "vifs"), "network", network);
	return 0;
}

int cli_pool_action(struct cli *cli, const char *action, const char **ret_path,
		    struct mu_error *err)
{
	const struct mu_value *pools;
	const char *id;

	if (cli_api_call(cli->api, cli->arena, "GET", "/rest/v0/pools?fields=id", NULL, &pools,
			 err) < 0)
		return MU_FAILED;
	id = pools->first ? mu_value_as_string(mu_value_get(pools->first, "id")) : NULL;
	*ret_path =
	    mu_arena_printf(cli->arena, "/rest/v0/pools/%s/actions/%s", id ? id : "", action);
	return 0;
}

int cli_vm_make(struct cli *cli, const char *name, const struct cli_vm_wish *wish,
		struct mu_value *body, const struct mu_value **ret_answer, struct mu_error *err)
{
	const char *path;

	mu_value_set_string(cli->arena, body, "name_label", name);
	if (wish->start)
		mu_value_set_bool(cli->arena, body, "boot", true);
	if (wish->cloud_config)
		mu_value_set_string(cli->arena, body, "cloud_config", wish->cloud_config);
	if (add_places(cli, wish, body, err) < 0 || add_disk(cli, wish, body, err) < 0 ||
	    add_installer(cli, wish, body, err) < 0 ||
	    cli_pool_action(cli, "create_vm", &path, err) < 0)
		return MU_FAILED;
	return cli_api_call(cli->api, cli->arena, "POST", path, body, ret_answer, err);
}

static int read_cloud_config(struct cli *cli, struct cli_vm_wish *wish, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (!cli->options.cloud_config)
		return 0;
	if (mu_file_read(cli->options.cloud_config, FILE_MAX, &text, err) < 0)
		return MU_FAILED;
	wish->cloud_config = mu_arena_strdup(cli->arena, text.data ? text.data : "");
	return 0;
}

int cli_vm_create(struct cli *cli, int argc, char **argv)
{
	const struct cli_options *o = &cli->options;
	struct cli_vm_wish wish = {
	    .template = o->template,
	    .sr = o->sr,
	    .network = o->network,
	    .host = o->host,
	    .cdrom = o->cdrom,
	    .image = o->image,
	    .disk = o->disk,
	    .start = o->start,
	};
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *answer;
	struct mu_value *body;

	if (cli_pairs_parse(cli->arena, argc - 1, argv + 1, &body, &err) < 0 ||
	    read_cloud_config(cli, &wish, &err) < 0 ||
	    cli_vm_make(cli, argv[0], &wish, body, &answer, &err) < 0)
		return cli_fail(&err);
	return cli_call_finish(cli, argv[0], answer);
}
