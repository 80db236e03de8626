/* SPDX-License-Identifier: Apache-2.0 */
/* A moment as people type it. Pure. */
#ifndef MUSTER_AGGREGATOR_CLI_WHEN_H
#define MUSTER_AGGREGATOR_CLI_WHEN_H

#include "common/base/error.h"
#include "common/base/time.h"

/* "90s", "15m", "2h", "3d": so long before `now`; "2026-01-31", "2026-01-31 12:30",
 * "2026-01-31T12:30:00Z": UTC. *ret is ms since 1970. */
int cli_when_parse(const char *text, mu_msec now, mu_msec *ret, struct mu_error *err);

#endif
