/* SPDX-License-Identifier: Apache-2.0 */
/* muster-agent check: read every definition, print what is wrong, change nothing. */
#ifndef MUSTER_AGENT_APP_CHECK_H
#define MUSTER_AGENT_APP_CHECK_H

#include "agent/app/config.h"
#include "common/base/error.h"

int check_state(const struct agent_config *config, struct mu_error *err);

#endif
