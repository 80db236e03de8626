/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that are named by `name` (rules of alarms, users, roles), where others have a name_label:
 * looked at, changed and deleted alike.
 */
#ifndef MUSTER_AGGREGATOR_CLI_NAMED_H
#define MUSTER_AGGREGATOR_CLI_NAMED_H

#include "aggregator/cli/cli.h"

struct cli_named {
	const char *noun;
	const char *path; /* of the list: "/rest/v0/users?fields=*" */
	const struct cli_column *columns;
};

/* "/rest/v0/users/ID<behind>" of what `ref` names. */
int cli_named_path(struct cli *cli, const struct cli_named *n, const char *ref, const char *behind,
		   const char **ret, struct mu_error *err);
/* NAME=VALUE words, over --json. */
int cli_named_body(struct cli *cli, int argc, char **argv, struct mu_value **ret,
		   struct mu_error *err);

/* These give exit codes. */
int cli_named_list(struct cli *cli, const struct cli_named *n);
int cli_named_show(struct cli *cli, const struct cli_named *n, int argc, char **argv);
int cli_named_print(struct cli *cli, const struct cli_named *n, const struct mu_value *object);
/* `method` of each one's path. */
int cli_named_each(struct cli *cli, const struct cli_named *n, int argc, char **argv,
		   const char *method, const char *behind);

#endif
