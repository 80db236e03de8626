/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events out of a stream of bytes, as the WHATWG standard has them: fields "event" and
 * "data", comments and everything else skipped. Pure; bounded: an event of more than
 * CLI_SSE_EVENT_MAX bytes is an error.
 */
#ifndef MUSTER_AGGREGATOR_CLI_SSE_H
#define MUSTER_AGGREGATOR_CLI_SSE_H

#include "common/base/error.h"
#include "common/base/str.h"

enum { CLI_SSE_EVENT_MAX = 4 << 20 };

struct cli_sse {
	struct mu_str line;
	struct mu_str event;
	struct mu_str data;
	bool has_data;
	bool after_cr; /* a LF that follows belongs to the CR before */
};

void cli_sse_init(struct cli_sse *s);
void cli_sse_deinit(struct cli_sse *s);
/* Take more bytes; each(ctx, event, data) for every event that ends in them, until it returns
 * false: the rest of the bytes is dropped then. */
int cli_sse_feed(struct cli_sse *s, const char *bytes, size_t len,
		 bool (*each)(void *ctx, const char *event, const char *data), void *ctx,
		 struct mu_error *err);

#endif
