/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do and see what: common/rights, asked about REST's routes and objects. */
#ifndef MUSTER_REST_ACCESS_H
#define MUSTER_REST_ACCESS_H

#include "common/rest/render.h"
#include "common/rights/rights.h"

/* NULL, or the refusal: may the user have this route, of the objects that its variables name? */
struct http_reply *rest_access_check(struct rest_call *c, const struct rest_route_info *info,
				     const char *const vars[2]);
/* NULL, 404 or 403: may he do "sr:import:vm" with the object? `id` NULL: with every one. */
struct http_reply *rest_access_need(struct rest_call *c, const char *right,
				    const struct mu_uuid *id);
/* 403: what is the administrators' alone. */
struct http_reply *rest_access_admins(struct rest_call *c);

/* access_named.c. NULL, or 404: a request's body may name, anywhere in it, what its user may see.
 */
struct http_reply *rest_access_named(struct rest_call *c, const struct mu_value *body);
/* NULL, or the refusal: a call's arguments may use what they name. They have passed call_check().
 */
struct http_reply *rest_access_arguments(struct rest_call *c, const struct rest_target *t,
					 const struct mu_value *args);
/* The same for a VM out of an archive, on an SR. */
struct http_reply *rest_access_import(struct rest_call *c, const struct mu_uuid *sr,
				      const struct mu_value *args);
/* May he do "vm:console:type" with the object? */
bool rest_may(struct rest *rest, const struct rest_user *user, const char *right,
	      const struct mu_uuid *id);
/* For an error's text: its id for who may not see it, which its VMs have too. NULL: "(unknown)". */
const char *rest_access_host_name(struct rest_call *c, const struct model_host *h);
/* 403 with the privilege that is missing; `id` NULL: of no object. */
struct http_reply *rest_denied(struct rest_call *c, const char *resource, const char *action,
			       const char *id);
/* The right for POST /vms/{id}/actions/`verb`: "shutdown:clean" for clean_shutdown. */
const char *rest_action_right(const char *verb);

/* What a user may do an action with, of the objects of a type. For one turn of the loop. */
struct rest_sight {
	/* private */
	struct rights_check check;
	const struct rest_type *type;
	const char *own; /* NULL: nothing is his because he made it */
	bool used[REST_FIELDS_MAX];
};
void rest_sight_init(struct rest_sight *s, struct rest *rest, const struct rest_user *user,
		     const struct rest_type *type, const char *action, struct mu_arena *a);
/* What is built for it is in the render's arena. */
bool rest_sight_sees(const struct rest_sight *s, struct rest_render *r, const void *object);

/* The same for a walk over objects, with memory of its own. */
struct rest_viewer {
	struct rest_sight sight;
	struct rest_render render;
};
void rest_viewer_init(struct rest_viewer *v, struct rest_call *c, const struct rest_type *type,
		      const char *action);
void rest_viewer_deinit(struct rest_viewer *v);
bool rest_viewer_sees(struct rest_viewer *v, const void *object);

#endif
