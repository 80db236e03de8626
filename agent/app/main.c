/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster-agent: the daemon on a Xen host, and its verbs.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage.
 */
#include "agent/app/agent.h"
#include "agent/app/check.h"
#include "agent/app/import_file.h"
#include "agent/app/join.h"
#include "agent/app/run.h"
#include "common/base/map.h"
#include "common/log/log.h"
#include "common/os/random.h"
#include "common/tls/tls.h"

#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	const char *arg; /* what stands behind the options; NULL: nothing */
	const struct mu_option *options;
	int (*run)(const struct agent_config *config, struct mu_error *err);
	const char *help;
};

static int print_example(const struct agent_config *config, struct mu_error *err)
{
	(void)config, (void)err;
	mu_config_print_example(agent_options, stdout);
	return 0;
}

static const struct verb verbs[] = {
    {"run", NULL, agent_options, run_agent, "manage this host (the default)"},
    {"enrol", NULL, agent_enrol_options, join_fleet,
     "get this host's certificate with a join token"},
    {"check", NULL, agent_options, check_state, "look for mistakes in the VM definitions"},
    {"import", "FILE", agent_import_options, import_file,
     "print the VM definition that another tool's FILE comes to"},
    {"example-config", NULL, agent_options, print_example,
     "print a configuration file, all commented"},
};

static const struct verb *find_verb(int argc, char *const *argv)
{
	if (argc < 2 || argv[1][0] == '-')
		return &verbs[0];
	for (size_t i = 0; i < MU_ARRAY_SIZE(verbs); i++) {
		if (!strcmp(verbs[i].name, argv[1]))
			return &verbs[i];
	}
	return NULL;
}

static void print_help(const struct verb *verb)
{
	printf("usage: muster-agent [VERB] [OPTION...]\n\n");
	for (size_t i = 0; i < MU_ARRAY_SIZE(verbs); i++)
		printf("  %-15s %s%s%s\n", verbs[i].name, verbs[i].help,
		       verbs[i].arg ? "; needs " : "", verbs[i].arg ? verbs[i].arg : "");
	printf("\nOptions of \"%s\":\n", verb->name);
	mu_config_print_help(verb->options, stdout);
}

/* The file first, then the command line over it. Static: their strings live as long as we do. */
static int read_options(const struct verb *verb, int argc, char *const *argv,
			const struct agent_config **ret_config, struct mu_error *err)
{
	static struct agent_config from_args;
	static struct agent_config config;
	int next;

	mu_config_defaults(verb->options, &from_args);
	if (mu_config_read_args(verb->options, &from_args, argc, argv, &next, err) < 0)
		return MU_FAILED;
	if (next < argc && verb->arg)
		from_args.input = argv[next++];
	if (next < argc)
		return mu_error_set(err, MU_E_INVALID, "unexpected argument \"%s\"", argv[next]);
	*ret_config = &from_args;
	if (!from_args.file)
		return 0;
	mu_config_defaults(verb->options, &config);
	*ret_config = &config;
	if (mu_config_read_file(verb->options, &config, from_args.file, err) < 0)
		return MU_FAILED;
	config.input = from_args.input;
	return mu_config_read_args(verb->options, &config, argc, argv, &next, err);
}

int main(int argc, char **argv)
{
	const struct verb *verb = find_verb(argc, argv);
	const struct agent_config *config;
	struct mu_error err = MU_ERROR_INIT;

	tls_init();
	if (!verb) {
		fprintf(stderr, "muster-agent: unknown verb \"%s\"; hint: muster-agent --help\n",
			argv[1]);
		return 2;
	}
	if (argc > 1 && argv[1][0] != '-') {
		argc--;
		argv++;
	}
	if (read_options(verb, argc, argv, &config, &err) < 0) {
		fprintf(stderr, "muster-agent: %s; hint: muster-agent --help\n", err.text);
		return 2;
	}
	if (config->help) {
		print_help(verb);
		return 0;
	}
	if (config->version) {
		printf("muster-agent %s\n", MUSTER_VERSION);
		return 0;
	}
	mu_log_set_level((enum mu_log_level)mu_log_level_parse(config->log_level));
	mu_map_seed(mu_random_u64());
	if (verb->run(config, &err) < 0) {
		mu_log_error("muster-agent %s failed err=\"%s\"", verb->name, err.text);
		return 1;
	}
	return 0;
}
