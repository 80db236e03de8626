/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What export and import of files of this machine have in common. Both go on by themselves when
 * the connection breaks, as long as something comes through now and then; --resume goes on where an
 * earlier run was cut off.
 */
#ifndef MUSTER_AGGREGATOR_CLI_TRANSFER_H
#define MUSTER_AGGREGATOR_CLI_TRANSFER_H

#include "aggregator/cli/cli.h"
#include "common/base/time.h"

enum { TRANSFER_TRIES = 8 };

/* On a terminal. */
struct transfer_progress {
	const char *label;
	int64_t total; /* 0: not known yet */
	mu_msec shown_at;
	bool watched;
};
void transfer_show(struct transfer_progress *p, int64_t done);
void transfer_unshow(const struct transfer_progress *p);

/* Does it help to try again? */
bool transfer_may_pass(enum mu_error_code code);
/* After the `tries`th failure in a row. */
void transfer_pause(const char *label, unsigned tries, const struct mu_error *why);
const char *transfer_base_name(const char *path);
/* --format, or what the file's name ends in. MU_E_INVALID */
int transfer_format(const struct cli *cli, const char *file, const char **ret,
		    struct mu_error *err);

#endif
