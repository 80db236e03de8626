/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: one table of options -> one struct, built before anything else starts.
 *
 * The same table reads the command line (--name value, --name=value), a file of "name = value"
 * lines, and prints --help, the man page's list and an example file. The command line wins over
 * the file, the file over the defaults. Every mistake names the option, where it was and what is
 * allowed. Not for use after start.
 */
#ifndef MUSTER_CONFIG_CONFIG_H
#define MUSTER_CONFIG_CONFIG_H

#include "common/base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum mu_option_type {
	MU_OPTION_STRING,   /* const char * */
	MU_OPTION_BOOL,     /* bool; on the command line a bare --name means true */
	MU_OPTION_INT,      /* int64_t, between min and max */
	MU_OPTION_DURATION, /* mu_msec: "5s", "200ms", "2m", "1h" */
	MU_OPTION_CHOICE,   /* const char *, one of `choices` separated by '|' */
	_MU_OPTION_TYPE_COUNT,
};

struct mu_option {
	const char *name; /* NULL ends the table */
	enum mu_option_type type;
	size_t offset;   /* of the field in the config struct */
	const char *def; /* as text; NULL: the field stays NULL/0 and the option has no default */
	const char *arg; /* name of the argument in --help, e.g. "DIR" */
	const char *help;
	int64_t min, max;    /* MU_OPTION_INT, MU_OPTION_DURATION (ms) */
	const char *choices; /* MU_OPTION_CHOICE */
};

/* Fill `config` with the defaults. Strings point into the table or into memory that lives as long
 * as the process. */
void mu_config_defaults(const struct mu_option *table, void *config);
/* Read `path`; a missing file is MU_E_NOT_FOUND. */
int mu_config_read_file(const struct mu_option *table, void *config, const char *path,
			struct mu_error *err);
/* Consume options from argv[1..]; stops at "--" or at the first argument that is no option.
 * *ret_next is the index of the first one left. */
int mu_config_read_args(const struct mu_option *table, void *config, int argc, char *const *argv,
			int *ret_next, struct mu_error *err);
/* Set one option from text, as the two above do; `where` ("--listen", "file:3") opens the error. */
int mu_config_set(const struct mu_option *table, void *config, const char *name, const char *value,
		  const char *where, struct mu_error *err);
/* The option list of --help. */
void mu_config_print_help(const struct mu_option *table, FILE *out);
/* A commented example configuration file. */
void mu_config_print_example(const struct mu_option *table, FILE *out);

#endif
