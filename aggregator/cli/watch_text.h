/* SPDX-License-Identifier: Apache-2.0 */
/* What --watch prints when a list is read again: texts out of texts. Pure. */
#ifndef MUSTER_AGGREGATOR_CLI_WATCH_TEXT_H
#define MUSTER_AGGREGATOR_CLI_WATCH_TEXT_H

#include "common/base/str.h"

/* One line a change: "+ " a line that is new or otherwise than before, "- " one that is gone. Lines
 * that begin with the same column are the same object. */
void cli_watch_changes(struct mu_str *out, const char *before, const char *after);
/* A screen of `rows` lines: drawn over what is there, without a flicker; says when lines are left
 * out. */
void cli_watch_screen(struct mu_str *out, const char *text, size_t rows);

#endif
