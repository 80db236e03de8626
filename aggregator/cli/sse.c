/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/sse.h"

#include <string.h>

void cli_sse_init(struct cli_sse *s)
{
	*s = (struct cli_sse){.has_data = false};
}

void cli_sse_deinit(struct cli_sse *s)
{
	mu_str_deinit(&s->event);
	mu_str_deinit(&s->data);
	mu_str_deinit(&s->id);
}

static void start_over(struct cli_sse *s)
{
	mu_str_reset(&s->event);
	mu_str_reset(&s->data);
	s->has_data = false;
	s->too_large = false;
	s->ended = false;
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
	} else if (len == 2 && memcmp(line, "id", len) == 0) {
		mu_str_reset(&s->id);
		mu_str_add(&s->id, value);
	}
}

bool cli_sse_line(struct cli_sse *s, const char *line)
{
	if (s->ended)
		start_over(s);
	if (*line && s->data.len + strlen(line) > CLI_SSE_EVENT_MAX)
		s->too_large = true;
	else if (*line)
		take_field(s, line);
	else
		s->ended = true;
	/* Without data it is no event, and its name is forgotten. */
	return s->ended && s->has_data && !s->too_large;
}

const char *cli_sse_event(const struct cli_sse *s)
{
	return s->event.len > 0 ? s->event.data : "message";
}

const char *cli_sse_data(const struct cli_sse *s)
{
	return s->data.data ? s->data.data : "";
}

const char *cli_sse_id(const struct cli_sse *s)
{
	return s->id.data ? s->id.data : "";
}
