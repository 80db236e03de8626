/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of users, groups and roles share. */
#ifndef MUSTER_AGGREGATOR_REST_ACCESS_H
#define MUSTER_AGGREGATOR_REST_ACCESS_H

#include "aggregator/rest/reply.h"

/* A change, with 204 or (`collection`) 201 and the id of what was made. A trial: 204, or why not.
 */
struct http_reply *access_answer(const struct admin_ops *ops, struct http_request *r,
				 const struct rest_user *user, const struct access_change *c,
				 const char *password, const char *action, const char *detail,
				 const char *collection, const struct mu_uuid *id);
/* The path's last segment, behind {id}. */
const char *path_last(const struct http_request *r);
/* "me", or an id; who asks locally is the first administrator. NULL: there is none, *err says so.
 */
const struct access_user *user_need(const struct admin_ops *ops, const struct rest_user *user,
				    const char *id, struct mu_error *err);
/* Is it he who asks? */
bool user_is(const struct admin_ops *ops, const struct rest_user *user,
	     const struct access_user *who);
/* For the audit log: "role viewer (ID) to user ann (ID)". What is not there any more has its id
 * alone. */
const char *link_in_words(struct mu_arena *a, const struct access *access,
			  const struct access_link *l, const char *between);
/* MU_E_DENIED unless the user has the privilege. */
int need_right(const struct admin_ops *ops, const struct rest_user *user, const char *resource,
	       const char *action, struct mu_error *err);
/* MU_E_INVALID when it is longer than `size` - 1. */
int take_text(char *dst, size_t size, const char *name, const char *text, struct mu_error *err);
/* "30 days", "1 hour", or a number of ms. */
int body_lifetime(const struct mu_value *v, mu_msec *ret, struct mu_error *err);

struct mu_value *user_value(struct mu_arena *a, const struct access *access,
			    const struct access_user *u);
struct mu_value *group_value(struct mu_arena *a, const struct access *access,
			     const struct access_group *g);
struct mu_value *role_value(struct mu_arena *a, const struct access *access,
			    const struct access_role *role);
struct mu_value *privilege_value(struct mu_arena *a, const struct access_privilege *p);
struct mu_value *token_value(struct mu_arena *a, const struct admin_token *t);

/* Objects that have an ETag (struct rest_etagged). */
#define ADMIN_OBJECT(name)                                                                         \
	struct mu_value *name(struct http_request *r, const struct rest_user *user,                \
			      const char *id, void *ctx)

ADMIN_OBJECT(user_shown);
ADMIN_OBJECT(group_shown);
ADMIN_OBJECT(role_shown);
ADMIN_OBJECT(privilege_shown);

#define ADMIN_HANDLER(name)                                                                        \
	struct http_reply *name(struct http_request *r, const struct rest_user *user,              \
				const char *id, void *ctx)

ADMIN_HANDLER(users_list);
ADMIN_HANDLER(users_get);
ADMIN_HANDLER(users_create);
ADMIN_HANDLER(users_update);
ADMIN_HANDLER(users_delete);
ADMIN_HANDLER(users_groups);
ADMIN_HANDLER(users_privileges);
ADMIN_HANDLER(users_otp_new);
ADMIN_HANDLER(users_otp_put);
ADMIN_HANDLER(users_otp_delete);
ADMIN_HANDLER(groups_list);
ADMIN_HANDLER(groups_get);
ADMIN_HANDLER(groups_create);
ADMIN_HANDLER(groups_update);
ADMIN_HANDLER(groups_delete);
ADMIN_HANDLER(groups_users);
ADMIN_HANDLER(groups_user_put);
ADMIN_HANDLER(groups_user_delete);
ADMIN_HANDLER(groups_roles);
ADMIN_HANDLER(roles_list);
ADMIN_HANDLER(roles_get);
ADMIN_HANDLER(roles_create);
ADMIN_HANDLER(roles_update);
ADMIN_HANDLER(roles_delete);
ADMIN_HANDLER(roles_copy);
ADMIN_HANDLER(roles_privileges);
ADMIN_HANDLER(roles_users);
ADMIN_HANDLER(roles_groups);
ADMIN_HANDLER(roles_user_put);
ADMIN_HANDLER(roles_user_delete);
ADMIN_HANDLER(roles_group_put);
ADMIN_HANDLER(roles_group_delete);
ADMIN_HANDLER(privileges_list);
ADMIN_HANDLER(privileges_get);
ADMIN_HANDLER(privileges_create);
ADMIN_HANDLER(privileges_update);
ADMIN_HANDLER(privileges_delete);
ADMIN_HANDLER(auth_login);
ADMIN_HANDLER(auth_logout);

#endif
