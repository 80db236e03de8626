/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of api.h: one request and what comes of it. Private to api.c and api_streams.c. */
#ifndef MUSTER_AGGREGATOR_CLI_API_CALL_H
#define MUSTER_AGGREGATOR_CLI_API_CALL_H

#include "aggregator/cli/api.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/http/client.h"

struct cli_api {
	struct cli_api_options options;
	char *base;          /* "https://host:port", no slash at the end */
	char *authorization; /* "Bearer ...", or NULL */
	bool answered;       /* there is a server, or was a moment ago */
	bool tries;          /* changes are only tried */
};

struct api_call {
	struct http_client_request request;
	struct http_client_header headers[8];
	struct http_client_response answer;
	struct mu_str body;
	char *url;
	mu_msec begin;
};

/* `body` NULL: none. The call refers to itself: it stays where it is. */
void api_call_init(struct api_call *c, const struct cli_api *api, const char *method,
		   const char *path, const struct mu_value *body);
void api_call_deinit(struct api_call *c);
/* What to do about a call that got no answer. MU_FAILED */
int api_add_hint(const struct cli_api *api, struct mu_error *err);
/* What a server says that refuses. MU_FAILED */
int api_refused(const struct cli_api *api, struct mu_arena *a,
		const struct http_client_response *answer, struct mu_error *err);

#endif
