/* SPDX-License-Identifier: Apache-2.0 */
/* The verb "import": prints the definition that another tool's file comes to. Needs no host. */
#ifndef MUSTER_AGENT_APP_IMPORT_FILE_H
#define MUSTER_AGENT_APP_IMPORT_FILE_H

#include "agent/app/config.h"
#include "common/base/error.h"

int import_file(const struct agent_config *config, struct mu_error *err);

#endif
