/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal in raw mode, and back again on every way out: by call, by exit(), by a signal that
 * ends the process. One terminal a process.
 */
#ifndef MUSTER_AGGREGATOR_CLI_TERMINAL_H
#define MUSTER_AGGREGATOR_CLI_TERMINAL_H

#include "common/base/error.h"

/* Remember how `fd` is (its flags too, as who waits for it changes them); a terminal becomes raw.
 */
int cli_terminal_begin(int fd, struct mu_error *err);
/* Of a terminal: lines are typed as ever, but not shown. Ctrl-C ends the process, Ctrl-Z is a key.
 */
int cli_terminal_begin_hidden(int fd, struct mu_error *err);
/* The same for a screen of its own on `out`: keys come one by one, Ctrl-C is still SIGINT, and
 * signals that end the process leave the terminal as it was. Ctrl-Z is a key. */
int cli_terminal_begin_screen(int fd, int out, struct mu_error *err);
/* As it was. Harmless when nothing began. */
void cli_terminal_end(void);

#endif
