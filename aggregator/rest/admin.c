/* SPDX-License-Identifier: Apache-2.0 */
/* The route table. */
#include "aggregator/rest/admin.h"

#include "aggregator/rest/reply.h"
#include "common/base/mem.h"

#define V0 "/rest/v0"

static const struct rest_route routes[] = {
    {HTTP_GET, V0 "/ca", true, admin_ca},
    {HTTP_POST, V0 "/enrol", true, admin_enrol},
    {HTTP_GET, V0 "/join-tokens", false, admin_joins_list},
    {HTTP_POST, V0 "/join-tokens", false, admin_joins_create},
    {HTTP_DELETE, V0 "/join-tokens/{id}", false, admin_joins_delete},
    {HTTP_GET, V0 "/users/me/authentication_tokens", false, admin_tokens_list},
    {HTTP_POST, V0 "/users/me/authentication_tokens", false, admin_tokens_create},
    {HTTP_DELETE, V0 "/users/me/authentication_tokens/{id}", false, admin_tokens_delete},
    {HTTP_POST, V0 "/hosts/{id}/actions/revoke", false, admin_hosts_revoke},
    {HTTP_DELETE, V0 "/hosts/{id}", false, admin_hosts_delete},
    {HTTP_GET, V0 "/hosts/{id}/metrics", false, admin_hosts_metrics},
    {HTTP_GET, V0 "/audit", false, admin_audit},
    {HTTP_GET, V0 "/audit/head", false, admin_audit_head},
    {HTTP_GET, V0 "/audit/verify", false, admin_audit_verify},
    {HTTP_GET, V0 "/audit/{id}", false, admin_audit_record},
    /* Where Xen Orchestra's plugin has them. */
    {HTTP_GET, V0 "/plugins/audit/records", false, admin_xo_audit},
    {HTTP_GET, V0 "/plugins/audit/records/{id}", false, admin_xo_audit_record},
};

void admin_routes_add(struct rest *rest, const struct admin_ops *ops)
{
	/* The table's context is not const; the handlers only read. */
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), (void *)(uintptr_t)ops);
}
