/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a task on somebody's behalf, as the verbs that start one do.
 */
#ifndef MUSTER_AGGREGATOR_CLI_TASK_H
#define MUSTER_AGGREGATOR_CLI_TASK_H

#include "aggregator/cli/cli.h"

/* Wait for task `id`, showing progress on a terminal under `label`. Returns the exit code, its
 * reason printed; *ret_task is the ended task, or NULL. */
int cli_task_result(struct cli *cli, const char *id, const char *label,
		    const struct mu_value **ret_task);

#endif
