/* SPDX-License-Identifier: Apache-2.0 */
/* Making a network, for `network create` and for `apply`. */
#ifndef MUSTER_AGGREGATOR_CLI_NETWORK_H
#define MUSTER_AGGREGATOR_CLI_NETWORK_H

#include "aggregator/cli/cli.h"

/* Ask for it on all connected hosts, or on one; `body` has further arguments of network.create. */
int cli_network_make(struct cli *cli, const char *name, const char *host_id, struct mu_value *body,
		     const struct mu_value **ret_answer, struct mu_error *err);
/* The answer to what one host does, or several: waits for all, as the options say. */
int cli_network_finish(struct cli *cli, const char *label, const struct mu_value *answer);

#endif
