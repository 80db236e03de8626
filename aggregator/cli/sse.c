/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/sse.h"

#include <string.h>

void cli_sse_init(struct cli_sse *s)
{
	*s = (struct cli_sse){.has_data = false};
}

void cli_sse_deinit(struct cli_sse *s)
{
	mu_str_deinit(&s->line);
	mu_str_deinit(&s->event);
	mu_str_deinit(&s->data);
}

/* "field: value", one blank behind the colon optional. */
static void take_field(struct cli_sse *s, const char *line)
{
	const char *colon = strchr(line, ':');
	size_t len = colon ? (size_t)(colon - line) : strlen(line);
	const char *value = colon ? colon + 1 : "";

	if (*value == ' ')
		value++;
	if (len == 5 && memcmp(line, "event", len) == 0) {
		mu_str_reset(&s->event);
		mu_str_add(&s->event, value);
	} else if (len == 4 && memcmp(line, "data", len) == 0) {
		if (s->has_data)
			mu_str_add_char(&s->data, '\n');
		mu_str_add(&s->data, value);
		s->has_data = true;
	}
}

/* The line is whole. Returns what `each` does when an event ends with it. */
static bool end_line(struct cli_sse *s,
		     bool (*each)(void *ctx, const char *event, const char *data), void *ctx)
{
	bool more = true;

	if (s->line.len > 0) {
		take_field(s, s->line.data);
	} else {
		/* Without data it is no event, and the name is forgotten. */
		if (s->has_data)
			more = each(ctx, s->event.len > 0 ? s->event.data : "message",
				    s->data.data ? s->data.data : "");
		mu_str_reset(&s->event);
		mu_str_reset(&s->data);
		s->has_data = false;
	}
	mu_str_reset(&s->line);
	return more;
}

int cli_sse_feed(struct cli_sse *s, const char *bytes, size_t len,
		 bool (*each)(void *ctx, const char *event, const char *data), void *ctx,
		 struct mu_error *err)
{
	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];
		bool joined = c == '\n' && s->after_cr;

		s->after_cr = c == '\r';
		if (joined)
			continue;
		if (c == '\n' || c == '\r') {
			if (!end_line(s, each, ctx))
				return 0;
			continue;
		}
		mu_str_add_char(&s->line, c);
		if (s->line.len + s->data.len > CLI_SSE_EVENT_MAX)
			return mu_error_set(err, MU_E_TOO_LARGE,
					    "the server sends an event of more than %d bytes",
					    CLI_SSE_EVENT_MAX);
	}
	return 0;
}
