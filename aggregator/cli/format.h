/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How people read numbers, times and text in a terminal. Only tables use this; json, csv and yaml
 * carry the values as the API has them. Pure; any thread.
 */
#ifndef MUSTER_AGGREGATOR_CLI_FORMAT_H
#define MUSTER_AGGREGATOR_CLI_FORMAT_H

#include "common/base/str.h"
#include "common/base/time.h"

/* "512 MiB", "1.5 GiB": at most one decimal, none from 100 on; "-" when negative. */
void cli_format_bytes(struct mu_str *out, int64_t bytes);
/* "2026-11-20 17:30:10Z (3 min ago)"; "-" for 0. Both in ms since 1970 UTC. */
void cli_format_when(struct mu_str *out, mu_msec at, mu_msec now);
/* The shortest text that is read back as the same number: "0.9". */
void cli_format_real(struct mu_str *out, double real);
/* "[=====     ]  50 %" */
void cli_format_bar(struct mu_str *out, int percent);
/* Text from outside for a terminal: control characters become '?'. */
void cli_format_text(struct mu_str *out, const char *text);
/* Columns that `text` takes on a terminal: code points, wide East Asian ones as two. */
size_t cli_format_width(const char *text);

#endif
