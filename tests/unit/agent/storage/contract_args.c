/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/storage/contract_args.h"

#include "agent/storage/drivers.h"

#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sr_ops *const drivers[] = {&sr_fake_ops, &sr_dir_ops, &sr_lvmthin_ops,
					       &sr_nfs_ops};

/* A directory that an SR has left must be empty. */
static int directory_is_empty(const struct sr_contract *c, struct mu_error *err)
{
	const char *path = sr_config_get(&c->config, "location");
	DIR *d = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!d)
		return mu_error_set(err, MU_E_IO, "%s: cannot be read", path);
	while (r == 0 && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, "lost+found") != 0)
			r = mu_error_set(err, MU_E_INTERNAL, "left behind: %s/%s", path,
					 entry->d_name);
	}
	(void)closedir(d);
	return r;
}

static _Noreturn void usage(const char *program)
{
	fprintf(stderr,
		"usage: %s --driver TYPE [--param NAME=VALUE]... [--state DIR] [--only TEXT]\n",
		program);
	exit(2);
}

static void add_param(struct sr_config *c, const char *text, const char *program)
{
	const char *equals = strchr(text, '=');
	struct sr_param *p = &c->params[c->n_params];

	if (!equals || c->n_params == SR_PARAMS_MAX - 1 || equals - text >= (int)sizeof p->name ||
	    strlen(equals + 1) > MODEL_PATH_MAX)
		usage(program);
	snprintf(p->name, sizeof p->name, "%.*s", (int)(equals - text), text);
	snprintf(p->value, sizeof p->value, "%s", equals + 1);
	c->n_params++;
}

const char *contract_args(int argc, char **argv, struct sr_contract *c)
{
	static const struct option table[] = {
	    {"driver", required_argument, NULL, 'd'},
	    {"param", required_argument, NULL, 'p'},
	    {"state", required_argument, NULL, 's'},
	    {"only", required_argument, NULL, 'o'},
	    {NULL, 0, NULL, 0},
	};
	const char *only = NULL;
	int opt;

	*c = (struct sr_contract){.state_dir = "/tmp"};

	while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (opt == 'd')
			snprintf(c->config.type, sizeof c->config.type, "%s", optarg);
		else if (opt == 'p')
			add_param(&c->config, optarg, argv[0]);
		else if (opt == 's')
			c->state_dir = optarg;
		else if (opt == 'o')
			only = optarg;
		else
			usage(argv[0]);
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(drivers); i++) {
		if (strcmp(drivers[i]->type, c->config.type) == 0)
			c->ops = drivers[i];
	}
	if (!c->ops)
		usage(argv[0]);
	if (c->ops == &sr_dir_ops)
		c->leak_check = directory_is_empty;
	return only;
}
