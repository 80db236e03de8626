/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What separates an object from its declaration: the fields that the declaration names and that are
 * otherwise now. Lists are sets here: tags, members, addressees have no order. A size may be
 * written with its unit where the API has bytes; what is null and what is not there are the same.
 * Pure.
 */
#ifndef MUSTER_AGGREGATOR_CLI_DIFF_H
#define MUSTER_AGGREGATOR_CLI_DIFF_H

#include "aggregator/cli/document.h"
#include "common/base/str.h"

struct cli_change {
	const struct cli_field *field;
	const struct mu_value *from; /* null: there is nothing */
	const struct mu_value *to;
};

struct cli_diff {
	struct cli_change *changes; /* in the declaration's order */
	size_t n;
};

/* `have` is a whole spec (cli_spec_of, and what is related); both outlive the diff. */
struct cli_diff cli_diff(struct mu_arena *a, const struct cli_kind *kind,
			 const struct mu_value *have, const struct mu_value *want);
/* Members of a list that another lacks. */
const struct mu_value *cli_diff_lacking(struct mu_arena *a, const struct mu_value *list,
					const struct mu_value *other);
/* What PATCH gets: all changes but those of what is related. */
struct mu_value *cli_diff_body(struct mu_arena *a, const struct cli_diff *diff);
/* "    cpus: 2 -> 4", a line for each change; "    cpus: 4" where nothing is there yet. */
void cli_diff_write(struct mu_str *out, const struct cli_diff *diff, bool is_new);
/* "cpus, memory" */
const char *cli_diff_names(struct mu_arena *a, const struct cli_diff *diff);

#endif
