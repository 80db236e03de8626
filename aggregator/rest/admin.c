/* SPDX-License-Identifier: Apache-2.0 */
/* The route table. */
#include "aggregator/rest/admin.h"

#include "aggregator/rest/reply.h"
#include "common/base/mem.h"

#define V0 "/rest/v0"

static const struct rest_route routes[] = {
    {HTTP_GET, V0 "/ca", REST_OPEN, admin_ca},
    {HTTP_POST, V0 "/enrol", REST_OPEN, admin_enrol},
    {HTTP_GET, V0 "/join-tokens", "host:join", admin_joins_list},
    {HTTP_POST, V0 "/join-tokens", "host:join", admin_joins_create},
    {HTTP_DELETE, V0 "/join-tokens/{id}", "host:join", admin_joins_delete},
    {HTTP_GET, V0 "/users/me/authentication_tokens", REST_SIGNED_IN, admin_tokens_list},
    {HTTP_POST, V0 "/users/me/authentication_tokens", REST_SIGNED_IN, admin_tokens_create},
    {HTTP_DELETE, V0 "/users/me/authentication_tokens/{id}", REST_SIGNED_IN, admin_tokens_delete},
    {HTTP_POST, V0 "/hosts/{id}/actions/revoke", "host:detach", admin_hosts_revoke},
    {HTTP_DELETE, V0 "/hosts/{id}", "host:forget", admin_hosts_delete},
    {HTTP_GET, V0 "/hosts/{id}/metrics", "host:read", admin_hosts_metrics},
    {HTTP_GET, V0 "/audit", "audit:read", admin_audit},
};

void admin_routes_add(struct rest *rest, const struct admin_ops *ops)
{
	/* The table's context is not const; the handlers only read. */
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), (void *)(uintptr_t)ops);
}
