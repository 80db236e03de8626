/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "name=value" words as an object. A value that is JSON is what it says (4, true, null, ["a"],
 * "\"4\""); anything else is text (2GiB, web server). Pure.
 */
#ifndef MUSTER_AGGREGATOR_CLI_PAIRS_H
#define MUSTER_AGGREGATOR_CLI_PAIRS_H

#include "common/base/error.h"
#include "common/base/value.h"

/* MU_E_INVALID for a word without "=", without a name, or of a name that was there. */
int cli_pairs_parse(struct mu_arena *a, int argc, char **argv, struct mu_value **ret_object,
		    struct mu_error *err);

#endif
