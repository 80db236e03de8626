/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events out of lines, as the WHATWG standard has them: fields "event", "data"
 * and "id", comments and everything else skipped. Pure; an event of more than CLI_SSE_EVENT_MAX
 * bytes is cut off and dropped.
 */
#ifndef MUSTER_AGGREGATOR_CLI_SSE_H
#define MUSTER_AGGREGATOR_CLI_SSE_H

#include "common/base/str.h"

enum { CLI_SSE_EVENT_MAX = 4 << 20 };

struct cli_sse {
	struct mu_str event;
	struct mu_str data;
	struct mu_str id; /* the newest that was named */
	bool has_data;
	bool too_large;
	bool ended;
};

void cli_sse_init(struct cli_sse *s);
void cli_sse_deinit(struct cli_sse *s);
/* Take one line, without its end. True when an event is whole with it: `event` and `data` say what,
 * until the next call. */
bool cli_sse_line(struct cli_sse *s, const char *line);
/* The name of the event that is whole. */
const char *cli_sse_event(const struct cli_sse *s);
const char *cli_sse_data(const struct cli_sse *s);
/* What to come back with for what follows; "" when no event had one. */
const char *cli_sse_id(const struct cli_sse *s);

#endif
