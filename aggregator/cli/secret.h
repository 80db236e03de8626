/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords, from the terminal without echo; or, where standard input is none, a line of it. They
 * stand in no command line and no environment.
 */
#ifndef MUSTER_AGGREGATOR_CLI_SECRET_H
#define MUSTER_AGGREGATOR_CLI_SECRET_H

#include "common/base/error.h"

enum { CLI_SECRET_MAX = 256 };

int cli_secret_read(const char *prompt, char ret[static CLI_SECRET_MAX + 1], struct mu_error *err);
/* A new one: typed twice at a terminal. */
int cli_secret_new(const char *prompt, char ret[static CLI_SECRET_MAX + 1], struct mu_error *err);

#endif
