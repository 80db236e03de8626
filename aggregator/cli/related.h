/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to groups and roles without being a member of theirs: users and groups by name,
 * privileges as "allow vm:start" or "deny vm:* name_label:db". Each comes and goes by itself.
 */
#ifndef MUSTER_AGGREGATOR_CLI_RELATED_H
#define MUSTER_AGGREGATOR_CLI_RELATED_H

#include "aggregator/cli/cli.h"
#include "aggregator/cli/diff.h"

/* Add what `object` has to its spec, as texts. */
int cli_related_read(struct cli *cli, const struct cli_kind *kind, const struct mu_value *object,
		     struct mu_value *spec, struct mu_error *err);
/* Make what the diff says of these so: first what comes, then what goes. */
int cli_related_change(struct cli *cli, const struct cli_kind *kind, const char *id,
		       const struct cli_diff *diff, struct mu_error *err);

#endif
