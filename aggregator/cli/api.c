/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/api_call.h"

#include "common/base/assert.h"
#include "common/http/client.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	CALL_MS = 60000,
	PROGRESS_EVERY_MS = 1000,
	RETRY_EVERY_MS = 500,
	RETRY_FOR_MS = 30000,
	/* A disk that is converted for a download says nothing before the first byte. */
	MOVE_IDLE_MS = 15 * 60 * 1000,
	ERROR_TEXT_SHOWN = 300,
};

const char *cli_api_default_socket(void)
{
	static const char agent[] = "/run/muster/agent.sock";

	return access(agent, F_OK) == 0 ? agent : "/run/muster-aggregator/aggregator.sock";
}

int cli_api_new(const struct cli_api_options *options, struct cli_api **ret_api,
		struct mu_error *err)
{
	const char *url = options->socket ? "http://localhost" : options->url;
	size_t len = strlen(url);
	struct cli_api *api;

	if (!options->socket && !mu_str_has_prefix(url, "https://"))
		return mu_error_set(err, MU_E_INVALID,
				    "the URL '%.100s' does not begin with https://; "
				    "hint: https://HOST:PORT, or --socket PATH",
				    url);
	while (len > 0 && url[len - 1] == '/')
		len--;
	api = mu_xcalloc(1, sizeof *api);
	api->options = *options;
	api->base = mu_xstrndup(url, len);
	if (options->token)
		api->authorization = mu_xasprintf("Bearer %s", options->token);
	*ret_api = api;
	return 0;
}

struct cli_api *cli_api_free(struct cli_api *api)
{
	if (!api)
		return NULL;
	free(api->base);
	free(api->authorization);
	free(api);
	return NULL;
}

/* One call */

void api_call_deinit(struct api_call *c)
{
	http_client_response_deinit(&c->answer);
	mu_str_deinit(&c->body);
	free(c->url);
}

void api_call_init(struct api_call *c, const struct cli_api *api, const char *method,
		   const char *path, const struct mu_value *body)
{
	struct http_client_request *rq = &c->request;

	*c = (struct api_call){.begin = mu_clock_monotonic(), .answer = HTTP_CLIENT_RESPONSE_INIT};
	c->url = mu_xasprintf("%s%s", api->base, path);
	*rq = (struct http_client_request){
	    .method = method,
	    .url = c->url,
	    .unix_path = api->options.socket,
	    .headers = c->headers,
	    .ca_file = api->options.ca,
	    .insecure = api->options.insecure,
	    .timeout = CALL_MS,
	};
	if (api->authorization)
		c->headers[rq->n_headers++] =
		    (struct http_client_header){"authorization", api->authorization};
	if (body) {
		mu_json_write(&c->body, body, false);
		rq->body = c->body.data;
		rq->body_len = c->body.len;
		c->headers[rq->n_headers++] =
		    (struct http_client_header){"content-type", "application/json"};
	}
	if (api->options.verbose)
		(void)fprintf(stderr, "> %s %s\n", method, path);
}

static void show_answer(const struct cli_api *api, const struct api_call *c, int status, size_t len)
{
	if (api->options.verbose)
		(void)fprintf(stderr, "< %d, %zu bytes, %lld ms\n", status, len,
			      (long long)(mu_clock_monotonic() - c->begin));
}

int api_add_hint(const struct cli_api *api, struct mu_error *err)
{
	const char *hint = NULL;
	struct mu_error plain;

	if (!err || api->options.socket)
		return MU_FAILED; /* the socket's errors say it themselves */
	if (err->code == MU_E_UNAVAILABLE)
		hint = "; hint: does muster-aggregator run there? --url and MUSTER_URL choose it";
	else if (err->code == MU_E_DENIED)
		hint = " (--ca FILE or MUSTER_CA)";
	if (!hint)
		return MU_FAILED;
	plain = *err;
	return mu_error_set(err, plain.code, "%.*s%s", ERROR_TEXT_SHOWN, plain.text, hint);
}

enum mu_error_code cli_api_code_of_status(int status)
{
	static const struct {
		int status;
		enum mu_error_code code;
	} codes[] = {
	    {400, MU_E_INVALID},     {401, MU_E_UNAUTHENTICATED}, {403, MU_E_DENIED},
	    {404, MU_E_NOT_FOUND},   {409, MU_E_STATE},           {413, MU_E_TOO_LARGE},
	    {422, MU_E_INVALID},     {501, MU_E_UNSUPPORTED},     {502, MU_E_UNAVAILABLE},
	    {503, MU_E_UNAVAILABLE}, {504, MU_E_TIMEOUT},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(codes); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return MU_E_INTERNAL;
}

int api_refused(const struct cli_api *api, struct mu_arena *a,
		const struct http_client_response *answer, struct mu_error *err)
{
	const char *text = NULL, *hint = "";
	struct mu_value *body = NULL;

	if (answer->body.len > 0 &&
	    mu_json_read(a, answer->body.data, answer->body.len, &body, NULL) == 0)
		text = mu_value_as_string(mu_value_get(body, "error"));
	if (answer->status == 401)
		hint = api->options.token
			   ? "; hint: is MUSTER_TOKEN (or --token) right? else: muster login"
			   : "; hint: muster login, or set MUSTER_TOKEN";
	if (text)
		return mu_error_set(err, cli_api_code_of_status(answer->status), "%.*s%s",
				    ERROR_TEXT_SHOWN, text, hint);
	return mu_error_set(err, cli_api_code_of_status(answer->status), "the server answers %d%s",
			    answer->status, hint);
}

static int read_answer(const struct cli_api *api, struct mu_arena *a,
		       const struct http_client_response *answer, const struct mu_value **ret_body,
		       struct mu_error *err)
{
	struct mu_value *body;

	if (answer->status < 200 || answer->status > 299)
		return api_refused(api, a, answer, err);
	if (answer->body.len == 0)
		body = mu_value_null(a);
	else if (mu_json_read(a, answer->body.data, answer->body.len, &body, err) < 0)
		return mu_error_prefix(err, "the server's answer is no JSON");
	if (ret_body)
		*ret_body = body;
	return 0;
}

static int send(struct cli_api *api, struct api_call *c, struct mu_error *err)
{
	if (http_client_call(&c->request, &c->answer, err) < 0)
		return api_add_hint(api, err);
	api->answered = true;
	show_answer(api, c, c->answer.status, c->answer.body.len);
	return 0;
}

static int call_within(struct cli_api *api, struct mu_arena *a, const char *method,
		       const char *path, const struct mu_value *body, mu_msec timeout,
		       const struct mu_value **ret_body, struct mu_error *err)
{
	struct api_call c;
	int r;

	api_call_init(&c, api, method, path, body);
	c.request.timeout = timeout;
	r = send(api, &c, err);
	if (r == 0)
		r = read_answer(api, a, &c.answer, ret_body, err);
	api_call_deinit(&c);
	return r;
}

/* --- a server that is away for a moment --- */

static void pause_before_retry(void)
{
	struct timespec span = {.tv_nsec = RETRY_EVERY_MS * 1000000L};

	(void)nanosleep(&span, NULL); /* polls: a server that is away has no way to call */
}

/* Of these the server keeps what came of a key. Others have secrets in their answers, or bodies
 * that are not held. */
static bool takes_key(const char *method, const char *path)
{
	static const char *const collections[] = {
	    "calls",         "vms",  "vm-snapshots", "vm-templates", "srs",   "vdis",
	    "vdi-snapshots", "vbds", "vifs",         "pbds",         "pools", "networks",
	};
	const char *name = path + strlen("/rest/v0/");
	size_t len = strcspn(name, "/?");

	if (strcmp(method, "PUT") == 0 || strstr(path, "/uploads"))
		return false;
	for (size_t i = 0; i < MU_ARRAY_SIZE(collections); i++)
		if (strlen(collections[i]) == len && strncmp(collections[i], name, len) == 0)
			return true;
	return mu_str_has_prefix(name, "hosts/") && strstr(name, "/actions/");
}

/* As a parameter, since a header does not survive HTTP/2 (docs/design/rest.md). */
static const char *with_key(struct mu_arena *a, const char *path)
{
	struct mu_uuid key = mu_random_uuid();
	char text[MU_UUID_TEXT];

	return mu_arena_printf(a, "%s%cidempotencyKey=%s", path, strchr(path, '?') ? '&' : '?',
			       mu_uuid_format(&key, text));
}

/* Sends it until there is an answer, or no hope for one. `again`: twice is as good as once. */
static int send_patiently(struct cli_api *api, struct api_call *c, bool again, struct mu_error *err)
{
	mu_msec end = c->begin + RETRY_FOR_MS;
	struct mu_error why = MU_ERROR_INIT;

	for (;;) {
		bool broken;

		if (send(api, c, &why) == 0)
			return 0;
		broken = c->answer.broken;
		if (why.code != MU_E_UNAVAILABLE || !(broken ? again : api->answered) ||
		    mu_clock_monotonic() >= end)
			break;
		api->answered = true; /* a connection stood */
		pause_before_retry();
		http_client_response_deinit(&c->answer);
		mu_error_clear(&why);
	}
	return mu_error_set(err, why.code, "%s", why.text);
}

/* --- calls --- */

void cli_api_try(struct cli_api *api)
{
	api->tries = true;
}

static const char *with_trial(struct mu_arena *a, const char *path)
{
	return mu_arena_printf(a, "%s%cdryRun=true", path, strchr(path, '?') ? '&' : '?');
}

/* A trial is the server's own dry run. */
static bool is_only_shown(const struct cli_api *api, const char *method, const char *path)
{
	return api->options.dry_run && strcmp(method, "GET") != 0 && !strstr(path, "dryRun=true");
}

static int show(const char *method, const char *path, const struct mu_value *body,
		struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_str_printf(&text, "%s %s\n", method, path);
	if (body)
		mu_json_write(&text, body, true);
	if (fwrite(text.data, 1, text.len, stdout) != text.len)
		return mu_error_set(err, MU_E_IO, "cannot write to stdout");
	mu_error_clear(err);
	return MU_FAILED;
}

/* As cli_api_call(), with what a header says, and one of the answer (ret_etag may be NULL). */
static int call(struct cli_api *api, struct mu_arena *a, const char *method, const char *path,
		const char *if_match, const struct mu_value *body, const struct mu_value **ret_body,
		char *ret_etag, struct mu_error *err)
{
	bool reads = strcmp(method, "GET") == 0, keyed = !reads && takes_key(method, path);
	struct api_call c;
	int r;

	if (api->tries && !reads)
		path = with_trial(a, path);
	if (is_only_shown(api, method, path))
		return show(method, path, body, err);
	api_call_init(&c, api, method, keyed ? with_key(a, path) : path, body);
	if (if_match && *if_match)
		c.headers[c.request.n_headers++] =
		    (struct http_client_header){"if-match", if_match};
	r = send_patiently(api, &c, reads || keyed, err);
	if (r == 0 && c.answer.status == 412)
		r = CLI_API_STALE;
	else if (r == 0)
		r = read_answer(api, a, &c.answer, ret_body, err);
	if (r == 0 && ret_etag)
		http_client_header(&c.answer, "etag", ret_etag, CLI_API_ETAG_TEXT);
	api_call_deinit(&c);
	return r;
}

int cli_api_call(struct cli_api *api, struct mu_arena *a, const char *method, const char *path,
		 const struct mu_value *body, const struct mu_value **ret_body,
		 struct mu_error *err)
{
	return call(api, a, method, path, NULL, body, ret_body, NULL, err);
}

int cli_api_look(struct cli_api *api, struct mu_arena *a, const char *path,
		 const struct mu_value **ret_body, char ret_etag[static CLI_API_ETAG_TEXT],
		 struct mu_error *err)
{
	return call(api, a, "GET", path, NULL, NULL, ret_body, ret_etag, err);
}

int cli_api_patch(struct cli_api *api, struct mu_arena *a, const char *path, const char *etag,
		  const struct mu_value *body, const struct mu_value **ret_body,
		  struct mu_error *err)
{
	return call(api, a, "PATCH", path, etag, body, ret_body, NULL, err);
}

int cli_api_move(struct cli_api *api, struct mu_arena *a, const char *method, const char *path,
		 const struct http_client_header *headers, size_t n_headers,
		 const struct http_client_bytes *bytes, struct http_client_response *ret_response,
		 struct mu_error *err)
{
	struct api_call c;
	int r;

	if (is_only_shown(api, method, path))
		return show(method, path, NULL, err);
	api_call_init(&c, api, method, path, NULL);
	c.request.idle_timeout = MOVE_IDLE_MS;
	for (size_t i = 0; i < n_headers; i++) {
		mu_assert(c.request.n_headers < MU_ARRAY_SIZE(c.headers));
		c.headers[c.request.n_headers++] = headers[i];
	}
	r = http_client_move(&c.request, bytes, ret_response, err);
	show_answer(api, &c, ret_response->status, ret_response->body.len);
	api_call_deinit(&c);
	if (r < 0)
		return api_add_hint(api, err);
	return ret_response->status < 400 ? 0 : api_refused(api, a, ret_response, err);
}

int cli_api_text(struct cli_api *api, struct mu_arena *a, const char *path, const char **ret_text,
		 struct mu_error *err)
{
	struct api_call c;
	int r;

	api_call_init(&c, api, "GET", path, NULL);
	r = send_patiently(api, &c, true, err);
	if (r == 0 && (c.answer.status < 200 || c.answer.status > 299))
		r = api_refused(api, a, &c.answer, err);
	if (r == 0)
		*ret_text = mu_arena_strndup(a, c.answer.body.data ? c.answer.body.data : "",
					     c.answer.body.len);
	api_call_deinit(&c);
	return r;
}

/* Waiting for a task */

struct wait {
	struct cli_api *api;
	struct mu_arena *arena;
	const char *path;
	mu_msec end;         /* monotonic */
	mu_msec unreachable; /* since when; 0 = it answers */
	void (*progress)(void *ctx, int percent);
	void *ctx;
};

static void show_progress(const struct wait *w)
{
	const struct mu_value *task = NULL, *percent;

	if (!w->progress)
		return;
	if (call_within(w->api, w->arena, "GET", w->path, NULL, CALL_MS, &task, NULL) < 0)
		return;
	percent = mu_value_get(task, "progress");
	w->progress(w->ctx, percent && percent->kind == MU_VALUE_INT ? (int)percent->integer : -1);
}

/* One request that the server answers when the task has ended, at the latest after `span`.
 * 1: ask again. */
static int wait_once(struct wait *w, mu_msec now, mu_msec span, const struct mu_value **ret_task,
		     struct mu_error *err)
{
	const char *path = mu_arena_printf(w->arena, "%s?wait=true", w->path);
	struct mu_error why = MU_ERROR_INIT;

	if (call_within(w->api, w->arena, "GET", path, NULL, span, ret_task, &why) == 0) {
		w->unreachable = 0;
		return mu_str_equal(mu_value_as_string(mu_value_get(*ret_task, "status")),
				    "pending");
	}
	if (why.code == MU_E_TIMEOUT) {
		w->unreachable = 0;
		show_progress(w);
		return 1;
	}
	if (why.code == MU_E_UNAVAILABLE) {
		if (w->unreachable == 0)
			w->unreachable = now;
		if (now - w->unreachable < RETRY_FOR_MS) {
			pause_before_retry();
			return 1;
		}
	}
	return mu_error_set(err, why.code, "%s", why.text);
}

int cli_api_wait(struct cli_api *api, struct mu_arena *a, const char *task, mu_msec timeout,
		 void (*progress)(void *ctx, int percent), void *ctx,
		 const struct mu_value **ret_task, struct mu_error *err)
{
	mu_msec now = mu_clock_monotonic();
	struct wait w = {
	    .api = api,
	    .arena = a,
	    .path = mu_arena_printf(a, "/rest/v0/tasks/%s", task),
	    .end = now + timeout,
	    .progress = progress,
	    .ctx = ctx,
	};

	for (; now < w.end; now = mu_clock_monotonic()) {
		const struct mu_value *found = NULL;
		mu_msec span = w.end - now;
		int r;

		if (progress && span > PROGRESS_EVERY_MS)
			span = PROGRESS_EVERY_MS;
		r = wait_once(&w, now, span, &found, err);
		if (r == 0)
			*ret_task = found;
		if (r <= 0)
			return r;
	}
	*ret_task = NULL;
	return CLI_API_RUNNING;
}

/* WebSocket */

int cli_api_may_upgrade(struct cli_api *api, struct mu_arena *a, const char *path,
			struct mu_error *err)
{
	enum { UPGRADE_REQUIRED = 426 };
	__attribute__((
	    cleanup(http_client_response_deinit_cleanup))) struct http_client_response answer =
	    HTTP_CLIENT_RESPONSE_INIT;
	struct api_call c;
	int r;

	api_call_init(&c, api, "GET", path, NULL);
	c.request.timeout = CALL_MS;
	r = http_client_call(&c.request, &answer, err);
	if (r < 0)
		r = api_add_hint(api, err);
	else if (answer.status != UPGRADE_REQUIRED)
		r = api_refused(api, a, &answer, err);
	api_call_deinit(&c);
	return r;
}

void cli_api_websocket(const struct cli_api *api, struct mu_arena *a, const char *path,
		       struct http_ws_client_options *options)
{
	options->url = mu_arena_printf(a, "%s%s", api->base, path);
	options->unix_path = api->options.socket;
	options->authorization = api->authorization;
	options->ca_file = api->options.ca;
	options->insecure = api->options.insecure;
	if (api->options.verbose)
		(void)fprintf(stderr, "> WebSocket %s\n", path);
}
