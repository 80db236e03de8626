/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `muster`: one table of options, allowed anywhere among the words, each
 * only with the verbs that it means something to. Not for use after start.
 */
#ifndef MUSTER_AGGREGATOR_CLI_OPTIONS_H
#define MUSTER_AGGREGATOR_CLI_OPTIONS_H

#include "common/base/error.h"
#include "common/base/time.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Groups of options; a verb names the groups it takes. */
enum {
	CLI_OPT_ALWAYS = 0,
	CLI_OPT_OUTPUT = 1 << 0, /* prints objects */
	CLI_OPT_LIST = 1 << 1,   /* prints many */
	CLI_OPT_WAIT = 1 << 2,   /* starts or watches a task */
	CLI_OPT_FORCE = 1 << 3,
	CLI_OPT_HOST = 1 << 4,
	CLI_OPT_JSON = 1 << 5, /* takes arguments */
	CLI_OPT_JOURNAL = 1 << 6,
	CLI_OPT_CONSOLE = 1 << 7,
	CLI_OPT_CREATE = 1 << 8, /* makes a VM */
	CLI_OPT_IMPORT = 1 << 9,
	CLI_OPT_EXPORT = 1 << 10,
	CLI_OPT_STATS = 1 << 11,
	CLI_OPT_NETWORK = 1 << 12,
	CLI_OPT_DRY_RUN = 1 << 13,
	CLI_OPT_TOP = 1 << 14,
	CLI_OPT_RRD = 1 << 15,
	CLI_OPT_LOGIN = 1 << 16,
	CLI_OPT_FILE = 1 << 17,
	CLI_OPT_CONFIRM = 1 << 18,
	CLI_OPT_WATCH = 1 << 19,
	CLI_OPT_SURE = 1 << 20, /* no option: it destroys, so objects are named whole */
};

struct cli_options {
	const char *output;
	const char *fields;
	const char *filter;
	int64_t limit; /* 0 = all */
	bool no_header;
	bool wait;
	bool no_wait;
	mu_msec timeout;
	bool force;
	const char *host;
	const char *json;
	const char *unit;
	const char *since;
	const char *granularity;
	const char *export;
	bool batch;
	mu_msec delay;
	const char *sort;
	const char *flavour;
	int64_t lines;
	bool read_only;
	bool take;
	const char *template;
	const char *sr;
	const char *network;
	const char *cdrom;
	const char *image;
	const char *disk;
	const char *cloud_config;
	bool start;
	const char *format;
	const char *name;
	bool resume;
	bool dry_run;
	const char *file;
	bool yes;
	bool watch;
	const char *otp;
	const char *url;
	const char *token;
	const char *ca;
	const char *socket;
	bool insecure;
	bool verbose;
	bool help;
	bool version;
	uint64_t used; /* bit i: the table's option i was given */
};

/* Fill *ret with defaults, then with the options among argv[1..]; the words that are no options
 * stay in argv[1..*ret_argc) in their order. "--" ends the options. */
int cli_options_parse(struct cli_options *ret, int argc, char **argv, int *ret_argc,
		      struct mu_error *err);
/* Options of a verb's groups that make no sense with it: the first one's name, else NULL. */
const char *cli_options_refused(const struct cli_options *o, unsigned groups);
/* Take what was not given from MUSTER_URL, MUSTER_TOKEN, MUSTER_CA and MUSTER_SOCKET. */
void cli_options_environment(struct cli_options *o);
/* The --help list of the options in `groups` and those that go everywhere. */
void cli_options_help(unsigned groups, FILE *out);
/* Call each(ctx, "--name") for the options in `groups` and those that go everywhere. */
void cli_options_each(unsigned groups, void (*each)(void *ctx, const char *name), void *ctx);

#endif
