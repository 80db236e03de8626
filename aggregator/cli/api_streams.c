/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that do not end by themselves: lines of JSON, events. */
#include "aggregator/cli/api_call.h"
#include "aggregator/cli/sse.h"
#include "common/json/json.h"

#include <stdio.h>
#include <string.h>

/* The server sends a ping every 30 s. */
enum { EVENTS_IDLE_MS = 90000 };

/* Lines */

struct lines {
	struct mu_arena *arena;
	bool (*each)(void *ctx, const struct mu_value *line);
	void *ctx;
	struct mu_error err;
};

static bool on_line(const char *text, void *ctx)
{
	struct lines *l = ctx;
	struct mu_value *line;

	mu_arena_reset(l->arena);
	if (mu_json_read(l->arena, text, strlen(text), &line, &l->err) < 0) {
		(void)mu_error_prefix(&l->err, "a line of the server's is no JSON");
		return false;
	}
	return l->each(l->ctx, line);
}

int cli_api_lines(struct cli_api *api, const char *path,
		  bool (*each)(void *ctx, const struct mu_value *line), void *ctx,
		  struct mu_error *err)
{
	__attribute__((
	    cleanup(http_client_response_deinit_cleanup))) struct http_client_response answer =
	    HTTP_CLIENT_RESPONSE_INIT;
	struct lines l = {.arena = mu_arena_new(), .each = each, .ctx = ctx, .err = MU_ERROR_INIT};
	struct api_call c;
	int r;

	api_call_init(&c, api, "GET", path, NULL);
	r = http_client_stream(&c.request, on_line, &l, &answer, err);
	if (r < 0)
		r = api_add_hint(api, err);
	else if (l.err.code != MU_E_NONE)
		r = mu_error_set(err, l.err.code, "%s", l.err.text);
	else if (answer.status > 299)
		r = api_refused(api, l.arena, &answer, err);
	api_call_deinit(&c);
	mu_arena_free(l.arena);
	return r;
}

/* Events */

struct events {
	const struct cli_api *api;
	struct cli_sse sse;
	struct mu_arena *arena;
	bool (*each)(void *ctx, const char *event, const struct mu_value *object);
	void *ctx;
	char *since; /* NULL: nobody wants to come back */
	bool ended;  /* by each() */
	struct mu_error err;
};

/* Keep where the stream is. Was that known before? Else there is nothing to wait for yet. */
static bool had_its_place(struct events *e)
{
	bool known = e->since[0] != '\0';

	/* Behind a gap the place is the newest, whatever that is when one comes back. */
	(void)snprintf(e->since, CLI_API_EVENT_ID_MAX, "%s",
		       strcmp(cli_sse_event(&e->sse), "gap") == 0 ? "" : cli_sse_id(&e->sse));
	e->ended = !known;
	return known;
}

static bool on_event_line(const char *line, void *ctx)
{
	struct events *e = ctx;
	struct mu_value *object;
	const char *event;

	if (!cli_sse_line(&e->sse, line))
		return true;
	event = cli_sse_event(&e->sse);
	if (strcmp(event, "init") == 0 || strcmp(event, "ping") == 0) {
		if (e->api->options.verbose)
			(void)fprintf(stderr, "< %s\n", event);
		return !e->since || had_its_place(e);
	}
	if (e->since)
		(void)had_its_place(e);
	mu_arena_reset(e->arena);
	if (mu_json_read(e->arena, cli_sse_data(&e->sse), strlen(cli_sse_data(&e->sse)), &object,
			 &e->err) < 0) {
		(void)mu_error_prefix(&e->err, "the server's event is no JSON");
		return false;
	}
	e->ended = !e->each(e->ctx, event, object);
	return !e->ended;
}

static int stream(struct cli_api *api, struct events *e, const char *path, struct mu_error *err)
{
	struct api_call c;
	int r;

	cli_sse_init(&e->sse);
	api_call_init(&c, api, "GET", path, NULL);
	c.request.idle_timeout = EVENTS_IDLE_MS;
	r = http_client_stream(&c.request, on_event_line, e, &c.answer, err);
	if (r < 0)
		r = api_add_hint(api, err);
	else if (e->err.code != MU_E_NONE)
		r = mu_error_set(err, e->err.code, "%s", e->err.text);
	else if (c.answer.status > 299)
		r = api_refused(api, e->arena, &c.answer, err);
	else if (!e->ended)
		r = mu_error_set(err, MU_E_UNAVAILABLE,
				 "the server has ended the stream of events");
	api_call_deinit(&c);
	cli_sse_deinit(&e->sse);
	return r;
}

int cli_api_events(struct cli_api *api, const char *const *collections, size_t n_collections,
		   bool (*each)(void *ctx, const char *event, const struct mu_value *object),
		   void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *arena = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str path = MU_STR_INIT;
	struct events e = {
	    .api = api, .arena = arena, .each = each, .ctx = ctx, .err = MU_ERROR_INIT};

	mu_str_add(&path, "/rest/v0/events?collections=");
	for (size_t i = 0; i < n_collections; i++)
		mu_str_printf(&path, "%s%s", i ? "," : "", collections[i]);
	return stream(api, &e, path.data, err);
}

static bool stop(void *ctx, const char *event, const struct mu_value *object)
{
	(void)ctx;
	(void)event;
	(void)object;
	return false;
}

int cli_api_await(struct cli_api *api, const char *collection,
		  char since[static CLI_API_EVENT_ID_MAX], struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *arena = mu_arena_new();
	struct events e = {
	    .api = api, .arena = arena, .each = stop, .since = since, .err = MU_ERROR_INIT};
	const char *path = mu_arena_printf(arena, "/rest/v0/events?collections=%s%s%s", collection,
					   *since ? "&since=" : "", since);

	return stream(api, &e, path, err);
}
