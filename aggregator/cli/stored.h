/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `muster login` leaves behind: where, and a token, in a file that only its user can read
 * (docs/formats/login.md).
 */
#ifndef MUSTER_AGGREGATOR_CLI_STORED_H
#define MUSTER_AGGREGATOR_CLI_STORED_H

#include "common/base/arena.h"
#include "common/base/error.h"

struct cli_stored {
	const char *url; /* NULL: nobody has signed in */
	const char *token;
	const char *ca; /* NULL: the system's */
};

/* Texts in the arena. A file that others can read, or that is damaged, is an error. */
int cli_stored_load(struct mu_arena *a, struct cli_stored *ret, struct mu_error *err);
int cli_stored_save(struct mu_arena *a, const struct cli_stored *s, struct mu_error *err);
int cli_stored_remove(struct mu_arena *a, struct mu_error *err);

#endif
