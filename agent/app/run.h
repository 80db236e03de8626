/* SPDX-License-Identifier: Apache-2.0 */
/* muster-agent run: the daemon, until SIGTERM. */
#ifndef MUSTER_AGENT_APP_RUN_H
#define MUSTER_AGENT_APP_RUN_H

#include "agent/app/config.h"
#include "common/base/error.h"

int run_agent(const struct agent_config *config, struct mu_error *err);

#endif
