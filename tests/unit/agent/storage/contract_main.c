/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the contract against one driver and prints TAP. Standalone, so that it can be copied into a
 * Xen host's dom0:
 *
 *   sr-contract --driver fake --param medium=x
 *   sr-contract --driver dir --param location=/srv/empty-directory
 *   sr-contract ... --only TEXT     only the cases with TEXT in their name
 */
#include "agent/storage/drivers.h"
#include "common/os/clock.h"
#include "tests/unit/agent/storage/contract.h"

#include <dirent.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sr_ops *const drivers[] = {&sr_fake_ops, &sr_dir_ops, &sr_lvmthin_ops};

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

static const char *parse(int argc, char **argv, struct sr_contract *c)
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
	return only;
}

static int run_case(const struct sr_contract *c, size_t i)
{
	mu_msec begin = mu_clock_monotonic();
	struct mu_error err = MU_ERROR_INIT;
	int r = sr_contract_run(c, i, &err);

	printf("%s %zu - %s # %" PRId64 " ms\n", r == 0 ? "ok" : "not ok", i + 1,
	       sr_contract_case_name(i), mu_clock_monotonic() - begin);
	if (r < 0)
		printf("# %s\n", err.text);
	fflush(stdout);
	return r < 0;
}

int main(int argc, char **argv)
{
	struct sr_contract c = {.state_dir = "/tmp"};
	const char *only = parse(argc, argv, &c);
	int n_failed = 0;

	if (strcmp(c.config.type, "dir") == 0)
		c.leak_check = directory_is_empty;
	printf("1..%zu\n", sr_contract_n_cases());
	for (size_t i = 0; i < sr_contract_n_cases(); i++) {
		if (only && !strstr(sr_contract_case_name(i), only))
			printf("ok %zu - %s # SKIP not asked for\n", i + 1,
			       sr_contract_case_name(i));
		else
			n_failed += run_case(&c, i);
	}
	return n_failed > 0;
}
