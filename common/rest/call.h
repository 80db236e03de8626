/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the resources of this folder share: the process's REST state, a request on its way through
 * a handler, and the replies that every resource gives in the same words.
 */
#ifndef MUSTER_REST_CALL_H
#define MUSTER_REST_CALL_H

#include "common/base/list.h"
#include "common/rest/rest.h"

struct rest_feed;

enum { REST_ROUTE_SETS_MAX = 8, REST_PING_EVERY_MS = 30000 };

struct rest {
	struct mu_loop *loop;
	struct rest_backend backend;
	struct mu_link waiters; /* waiters.c */
	struct rest_feed *feed; /* feed.c */
	mu_msec ping_every;     /* of event streams */
	size_t n_route_sets;
	struct {
		const struct rest_route *routes;
		size_t n_routes;
		void *ctx;
	} route_sets[REST_ROUTE_SETS_MAX];
};

struct rest_call {
	struct rest *rest;
	struct http_request *request;
	struct mu_arena *arena; /* the request's */
	struct rest_user user;
	const char *id;   /* {id} of the pattern, NULL if it has none */
	const char *name; /* its second variable */
};

/* 400: malformed. 422: understood, but wrong. 404 with {id, type}. */
struct http_reply *rest_bad_request(struct rest_call *c, const struct mu_error *err);
struct http_reply *rest_not_found(struct rest_call *c, const char *type, const char *id);
/* As http_reply_error() with no data. */
struct http_reply *rest_error(struct rest_call *c, const struct mu_error *err);
/* {"id": id} */
struct http_reply *rest_created(struct http_request *r, const char *collection,
				const struct mu_uuid *id);

/* The one question about rights, until there are roles: may this user change anything, type into a
 * console included? */
bool rest_may_change(const struct rest_user *user);
/* NULL, or the refusal when the VM's host is not connected. */
struct http_reply *rest_check_host(struct rest_call *c, const struct model_vm *vm);

/* Query parameters: `name=true` or `=false`; a number of seconds. MU_E_PROTOCOL. */
int rest_query_bool(struct rest_call *c, const char *name, bool *ret, struct mu_error *err);
int rest_query_seconds(struct rest_call *c, const char *name, int64_t *ret, struct mu_error *err);

/* The body as a JSON object; an absent body is an empty one. Members not in `known` (terminated by
 * NULL) are refused with MU_E_INVALID; `known` NULL accepts all. */
int rest_body(struct rest_call *c, const char *const *known, const struct mu_value **ret_body,
	      struct mu_error *err);
/* A string member, NULL when absent; MU_E_INVALID when it is no string. */
int rest_body_string(const struct mu_value *body, const char *name, const char **ret,
		     struct mu_error *err);

/* Resources, one file each: the handlers that rest.c's table names. */
struct http_reply *rest_get_hosts(struct rest_call *c);
struct http_reply *rest_get_host(struct rest_call *c);
struct http_reply *rest_get_host_tasks(struct rest_call *c);
struct http_reply *rest_post_host_vm(struct rest_call *c);
struct http_reply *rest_get_vms(struct rest_call *c);
struct http_reply *rest_get_vm(struct rest_call *c);
struct http_reply *rest_get_vm_tasks(struct rest_call *c);
struct http_reply *rest_delete_vm(struct rest_call *c);
struct http_reply *rest_get_vm_actions(struct rest_call *c);
struct http_reply *rest_post_vm_action(struct rest_call *c);
struct http_reply *rest_get_vm_console(struct rest_call *c);
struct http_reply *rest_get_pools(struct rest_call *c);
struct http_reply *rest_get_pool(struct rest_call *c);
struct http_reply *rest_get_tasks(struct rest_call *c);
struct http_reply *rest_get_task(struct rest_call *c);
struct http_reply *rest_post_task_abort(struct rest_call *c);
struct http_reply *rest_get_events(struct rest_call *c);
struct http_reply *rest_post_subscription(struct rest_call *c);
struct http_reply *rest_delete_subscription(struct rest_call *c);

/* waiters.c: replies that come when a task ends. */
enum rest_wait_for {
	REST_WAIT_TASK,   /* 200 with the task */
	REST_WAIT_ACTION, /* 204, or the task's error */
};
/* The handler's reply: at once if the task has ended, else pending. */
struct http_reply *rest_wait(struct rest *rest, struct http_request *r, const struct mu_uuid *task,
			     enum rest_wait_for what);
/* The same for a request that is pending already. */
void rest_wait_more(struct rest *rest, struct http_request *r, const struct mu_uuid *task,
		    enum rest_wait_for what);
void rest_waiters_task_changed(struct rest *rest, const struct model_task *t);

/* feed.c: server-sent events. */
struct rest_feed *rest_feed_new(struct rest *rest);
struct rest_feed *rest_feed_free(struct rest_feed *feed);
void rest_feed_host_changed(struct rest_feed *feed, enum rest_change what,
			    const struct model_host *h);
void rest_feed_vm_changed(struct rest_feed *feed, enum rest_change what, const struct model_vm *vm);
void rest_feed_task_changed(struct rest_feed *feed, enum rest_change what,
			    const struct model_task *t);

#endif
