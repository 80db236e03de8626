/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST API as a command line needs it: one call at a time, each waiting for its answer on a
 * loop of its own. Values live in the arena that is passed in. One thread.
 */
#ifndef MUSTER_AGGREGATOR_CLI_API_H
#define MUSTER_AGGREGATOR_CLI_API_H

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/base/value.h"
#include "common/http/ws_client.h"

struct cli_api;

struct cli_api_options {
	const char *url;    /* "https://host:port", or NULL for the socket */
	const char *socket; /* path */
	const char *token;  /* NULL: none */
	const char *ca;     /* PEM file; NULL: the system's */
	bool insecure;
	bool verbose; /* calls on stderr */
	bool
	    dry_run; /* show on stdout what would be sent to change something, and do not send it */
};

/* Where a call would go when nothing is named: the local agent's socket if there is one, else the
 * local aggregator's. */
const char *cli_api_default_socket(void);

/* Connects to nothing yet. The options' strings must outlive it. */
int cli_api_new(const struct cli_api_options *options, struct cli_api **ret_api,
		struct mu_error *err);
struct cli_api *cli_api_free(struct cli_api *api);

/* One call: "GET", "/rest/v0/vms?fields=*". `body` may be NULL. *ret_body (may be NULL) is the
 * answer, null for an empty one. A status of 400 and up fails with the code it stands for and the
 * server's words. A connection that breaks, or a server that answered before and is away, is tried
 * again for half a minute; a change only if the server can tell the second from the first. In a dry
 * run a change fails with MU_E_NONE: it has been shown, and there is nothing to say. */
int cli_api_call(struct cli_api *api, struct mu_arena *a, const char *method, const char *path,
		 const struct mu_value *body, const struct mu_value **ret_body,
		 struct mu_error *err);

/* From now on the server is asked whether it would do what is to be changed, and does nothing
 * (dryRun=true); also in a dry run. What it would refuse fails as ever. */
void cli_api_try(struct cli_api *api);

enum { CLI_API_ETAG_TEXT = 80 };
/* GET of one object, with its ETag, "" where it has none. */
int cli_api_look(struct cli_api *api, struct mu_arena *a, const char *path,
		 const struct mu_value **ret_body, char ret_etag[static CLI_API_ETAG_TEXT],
		 struct mu_error *err);
enum { CLI_API_STALE = 1 };
/* PATCH of an object that still has that ETag (NULL or "": whatever it has); CLI_API_STALE when it
 * has another by now, and nothing was changed. */
int cli_api_patch(struct cli_api *api, struct mu_arena *a, const char *path, const char *etag,
		  const struct mu_value *body, const struct mu_value **ret_body,
		  struct mu_error *err);

/* Bytes: the request's body is a file's, or the answer's go to somebody (http_client_bytes). A
 * status of 400 and up fails as above; *ret_response is to be deinitialised in any case. */
struct http_client_bytes;
struct http_client_header;
struct http_client_response;
int cli_api_move(struct cli_api *api, struct mu_arena *a, const char *method, const char *path,
		 const struct http_client_header *headers, size_t n_headers,
		 const struct http_client_bytes *bytes, struct http_client_response *ret_response,
		 struct mu_error *err);

/* GET `path`, whose answer is text: NUL-terminated, in `a`. */
int cli_api_text(struct cli_api *api, struct mu_arena *a, const char *path, const char **ret_text,
		 struct mu_error *err);

enum { CLI_API_RUNNING = 1 };
/* Wait for the end of a task. Returns CLI_API_RUNNING when `timeout` has passed before; *ret_task
 * is then NULL. A server that goes away in between is asked again for half a minute. `progress`
 * (may be NULL) is called about once a second with percent or -1. */
int cli_api_wait(struct cli_api *api, struct mu_arena *a, const char *task, mu_msec timeout,
		 void (*progress)(void *ctx, int percent), void *ctx,
		 const struct mu_value **ret_task, struct mu_error *err);

/* Subscribe to `collections` and call `each` for every event until it returns false (0) or the
 * server ends the stream (MU_E_UNAVAILABLE). */
int cli_api_events(struct cli_api *api, const char *const *collections, size_t n_collections,
		   bool (*each)(void *ctx, const char *event, const struct mu_value *object),
		   void *ctx, struct mu_error *err);

enum { CLI_API_EVENT_ID_MAX = 24 };
/* Return at the next event of a collection after that with the id `since`, which becomes the new
 * one's; for "" at once, with the newest. Fails as cli_api_events() does. */
int cli_api_await(struct cli_api *api, const char *collection,
		  char since[static CLI_API_EVENT_ID_MAX], struct mu_error *err);

/* Each line of an ndjson stream, as it comes, until `each` returns false or the server ends it. */
int cli_api_lines(struct cli_api *api, const char *path,
		  bool (*each)(void *ctx, const struct mu_value *line), void *ctx,
		  struct mu_error *err);

/* Would a WebSocket at `path` be opened? Fails as the server would refuse it. */
int cli_api_may_upgrade(struct cli_api *api, struct mu_arena *a, const char *path,
			struct mu_error *err);
/* Fill in where it is, who asks and whom to trust; texts live in the arena, or with the API. */
void cli_api_websocket(const struct cli_api *api, struct mu_arena *a, const char *path,
		       struct http_ws_client_options *options);
/* The code that a server means by an HTTP status, as far as it tells. */
enum mu_error_code cli_api_code_of_status(int status);

#endif
