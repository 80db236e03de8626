/* SPDX-License-Identifier: Apache-2.0 */
/* The route table. */
#include "aggregator/rest/admin.h"

#include "aggregator/rest/access.h"
#include "common/base/mem.h"

#define V0 "/rest/v0"

static const struct rest_route routes[] = {
    {HTTP_GET, V0 "/ca", REST_OPEN, admin_ca},
    {HTTP_POST, V0 "/enrol", REST_OPEN, admin_enrol},
    {HTTP_GET, V0 "/join-tokens", "host:join", admin_joins_list},
    {HTTP_POST, V0 "/join-tokens", "host:join", admin_joins_create},
    {HTTP_DELETE, V0 "/join-tokens/{id}", "host:join", admin_joins_delete},
    {HTTP_POST, V0 "/hosts/{id}/actions/revoke", "host:detach", admin_hosts_revoke},
    {HTTP_DELETE, V0 "/hosts/{id}", "host:forget", admin_hosts_delete},
    {HTTP_GET, V0 "/hosts/{id}/metrics", "host:read", admin_hosts_metrics},
    {HTTP_GET, V0 "/audit", "audit:read", admin_audit},
    {HTTP_GET, V0 "/audit/head", "audit:read", admin_audit_head},
    {HTTP_GET, V0 "/audit/verify", "audit:read", admin_audit_verify},
    {HTTP_GET, V0 "/audit/{id}", "audit:read", admin_audit_record},
    /* Where Xen Orchestra's plugin has them. */
    {HTTP_GET, V0 "/plugins/audit/records", "audit:read", admin_xo_audit},
    {HTTP_GET, V0 "/plugins/audit/records/{id}", "audit:read", admin_xo_audit_record},

    {HTTP_POST, V0 "/auth/login", REST_OPEN, auth_login},
    {HTTP_POST, V0 "/auth/logout", REST_SIGNED_IN, auth_logout},

    /* With {id} "me", or his own, for everybody: the handlers ask for more where it takes more. */
    {HTTP_GET, V0 "/users", "user:read", users_list},
    {HTTP_POST, V0 "/users", "user:create", users_create, true},
    {HTTP_GET, V0 "/users/{id}", REST_SIGNED_IN, users_get},
    {HTTP_PATCH, V0 "/users/{id}", REST_SIGNED_IN, users_update, true},
    {HTTP_DELETE, V0 "/users/{id}", "user:delete", users_delete, true},
    {HTTP_GET, V0 "/users/{id}/groups", REST_SIGNED_IN, users_groups},
    {HTTP_GET, V0 "/users/{id}/acl-privileges", REST_SIGNED_IN, users_privileges},
    {HTTP_POST, V0 "/users/{id}/otp", REST_SIGNED_IN, users_otp_new},
    {HTTP_PUT, V0 "/users/{id}/otp", REST_SIGNED_IN, users_otp_put},
    {HTTP_DELETE, V0 "/users/{id}/otp", REST_SIGNED_IN, users_otp_delete},
    {HTTP_GET, V0 "/users/{id}/authentication_tokens", REST_SIGNED_IN, admin_tokens_list},
    {HTTP_POST, V0 "/users/{id}/authentication_tokens", REST_SIGNED_IN, admin_tokens_create},
    {HTTP_DELETE, V0 "/users/{id}/authentication_tokens/{token}", REST_SIGNED_IN,
     admin_tokens_delete},

    /* Whoever hands out privileges has them all: that is the administrators', also by way of a
     * group that has roles. */
    {HTTP_GET, V0 "/groups", "group:read", groups_list},
    {HTTP_POST, V0 "/groups", "group:create", groups_create, true},
    {HTTP_GET, V0 "/groups/{id}", "group:read", groups_get},
    {HTTP_PATCH, V0 "/groups/{id}", "group:update:name", groups_update, true},
    {HTTP_DELETE, V0 "/groups/{id}", "group:delete", groups_delete, true},
    {HTTP_GET, V0 "/groups/{id}/users", "group:read", groups_users},
    {HTTP_PUT, V0 "/groups/{id}/users/{user}", "group:update:users", groups_user_put, true},
    {HTTP_DELETE, V0 "/groups/{id}/users/{user}", "group:update:users", groups_user_delete, true},
    {HTTP_GET, V0 "/groups/{id}/acl-roles", "group:read", groups_roles},
    {HTTP_GET, V0 "/acl-roles", "acl-role:read", roles_list},
    {HTTP_POST, V0 "/acl-roles", REST_ADMIN, roles_create, true},
    {HTTP_GET, V0 "/acl-roles/{id}", "acl-role:read", roles_get},
    {HTTP_PATCH, V0 "/acl-roles/{id}", REST_ADMIN, roles_update, true},
    {HTTP_DELETE, V0 "/acl-roles/{id}", REST_ADMIN, roles_delete, true},
    {HTTP_POST, V0 "/acl-roles/{id}/actions/copy", REST_ADMIN, roles_copy, true},
    {HTTP_GET, V0 "/acl-roles/{id}/privileges", "acl-privilege:read", roles_privileges},
    {HTTP_GET, V0 "/acl-roles/{id}/users", "acl-role:read", roles_users},
    {HTTP_PUT, V0 "/acl-roles/{id}/users/{user}", REST_ADMIN, roles_user_put, true},
    {HTTP_DELETE, V0 "/acl-roles/{id}/users/{user}", REST_ADMIN, roles_user_delete, true},
    {HTTP_GET, V0 "/acl-roles/{id}/groups", "acl-role:read", roles_groups},
    {HTTP_PUT, V0 "/acl-roles/{id}/groups/{group}", REST_ADMIN, roles_group_put, true},
    {HTTP_DELETE, V0 "/acl-roles/{id}/groups/{group}", REST_ADMIN, roles_group_delete, true},
    {HTTP_GET, V0 "/acl-privileges", "acl-privilege:read", privileges_list},
    {HTTP_POST, V0 "/acl-privileges", REST_ADMIN, privileges_create, true},
    {HTTP_GET, V0 "/acl-privileges/{id}", "acl-privilege:read", privileges_get},
    {HTTP_PATCH, V0 "/acl-privileges/{id}", REST_ADMIN, privileges_update, true},
    {HTTP_DELETE, V0 "/acl-privileges/{id}", REST_ADMIN, privileges_delete, true},
};

static const struct rest_etagged tagged[] = {
    {"users", user_shown},
    {"groups", group_shown},
    {"acl-roles", role_shown},
    {"acl-privileges", privilege_shown},
};

void admin_routes_add(struct rest *rest, const struct admin_ops *ops)
{
	/* The table's context is not const; the handlers only read. */
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), (void *)(uintptr_t)ops);
	rest_add_tagged(rest, tagged, MU_ARRAY_SIZE(tagged), (void *)(uintptr_t)ops);
}
