/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `verify` finds in a fleet: things that work today and will not tomorrow, or that nobody can
 * have meant. Pure: lists as the API has them in, findings out.
 */
#ifndef MUSTER_AGGREGATOR_CLI_CHECK_H
#define MUSTER_AGGREGATOR_CLI_CHECK_H

#include "common/base/value.h"

/* Lists of the API; null for what could not be read. */
struct cli_fleet {
	const struct mu_value *hosts;
	const struct mu_value *vms;
	const struct mu_value *vifs;
	const struct mu_value *srs;
	const struct mu_value *vdis;
	const struct mu_value *alarms;
	const struct mu_value *audit; /* the answer of /audit/verify */
};

/* [{level, kind, object, host, finding}]: "error", "warning" or "note", the worst first; `host` of
 * VMs, since two may have one name. */
struct mu_value *cli_check(struct mu_arena *a, const struct cli_fleet *fleet);

#endif
