/* SPDX-License-Identifier: Apache-2.0 */
/* muster-agent enrol: join a fleet with a token. */
#ifndef MUSTER_AGENT_APP_JOIN_H
#define MUSTER_AGENT_APP_JOIN_H

#include "agent/app/config.h"
#include "common/base/error.h"

int join_fleet(const struct agent_config *config, struct mu_error *err);

#endif
