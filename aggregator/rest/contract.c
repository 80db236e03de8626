/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/rest/contract.h"

static struct http_reply *get_contract(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	(void)user;
	(void)id;
	(void)ctx;
	return http_reply_text(r, 200, "application/json", contract_json, contract_len);
}

/* Xen Orchestra has a page to click through here. */
static struct http_reply *get_docs(struct http_request *r, const struct rest_user *user,
				   const char *id, void *ctx)
{
	struct http_reply *reply = http_reply_empty(r, 307);

	(void)user;
	(void)id;
	(void)ctx;
	http_reply_header(reply, "location", "/rest/v0/docs/swagger.json");
	return reply;
}

static const struct rest_route routes[] = {
    {HTTP_GET, "/rest/v0/docs", REST_OPEN, get_docs},
    {HTTP_GET, "/rest/v0/docs/swagger.json", REST_OPEN, get_contract},
};

void contract_routes_add(struct rest *rest)
{
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), NULL);
}
