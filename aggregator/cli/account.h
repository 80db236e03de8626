/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups and roles, as their verbs name them. */
#ifndef MUSTER_AGGREGATOR_CLI_ACCOUNT_H
#define MUSTER_AGGREGATOR_CLI_ACCOUNT_H

#include "aggregator/cli/named.h"

extern const struct cli_named cli_users;
extern const struct cli_named cli_groups;
extern const struct cli_named cli_roles;
extern const struct cli_column cli_privilege_columns[];

/* The last member of "/rest/v0/users/ID". */
const char *cli_account_id(const char *path);
/* POST to the noun's list, and what has become of it. */
int cli_account_make(struct cli *cli, const struct cli_named *n, const char *path,
		     const struct mu_value *body);

#endif
