/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the resources of this folder share: the process's REST state, a request on its way through
 * a handler, and the replies that every resource gives in the same words.
 */
#ifndef MUSTER_REST_CALL_H
#define MUSTER_REST_CALL_H

#include "common/base/list.h"
#include "common/rest/rest.h"

struct alarm;
struct rest_alarms;
struct rest_message;
struct rest_feed;
struct rest_keys;
struct rest_relations;
struct rest_type;

enum {
	REST_ROUTE_SETS_MAX = 8,
	REST_CALL_ROUTES_MAX = 96,
	REST_PING_EVERY_MS = 30000,
	REST_SESSION_EVERY_MS = 2000,
	REST_STRANGER_PATIENCE_MS = 30000,
	REST_STRANGERS_MAX = 64
};

struct rest {
	struct mu_loop *loop;
	struct rest_backend backend;
	struct mu_link waiters;      /* waiters.c */
	struct mu_link host_groups;  /* host_groups.c: those that wait */
	struct mu_link task_watches; /* task_watch.c */
	size_t n_task_watches;
	struct rest_feed *feed; /* feed.c */
	struct rest_relations *relations;
	struct rest_alarms *alarms;
	struct rest_keys *keys;
	mu_msec ping_every;      /* of event streams */
	struct mu_link sessions; /* session.h */
	struct mu_timer *session_timer;
	mu_msec session_every;
	struct rest_counts counts;
	size_t n_exports;      /* export.h: being made */
	size_t n_export_bytes; /* waiting for who reads them */
	unsigned n_strangers;  /* xo_socket.c: who have not signed in */
	mu_msec stranger_patience;
	size_t n_route_sets;
	struct {
		const struct rest_route *routes;
		size_t n_routes;
		void *ctx;
	} route_sets[REST_ROUTE_SETS_MAX];
	size_t n_tagged_sets;
	struct {
		const struct rest_etagged *tagged;
		size_t n_tagged;
		void *ctx;
	} tagged_sets[REST_ROUTE_SETS_MAX];
};

struct rest_call {
	struct rest *rest;
	struct http_request *request;
	struct mu_arena *arena; /* the request's */
	struct rest_user user;
	const char *token;            /* that the user came with, NULL = none */
	bool refused;                 /* something, whatever is answered */
	const char *id;               /* {id} of the pattern, NULL if it has none */
	const char *name;             /* its second variable */
	const struct rest_type *type; /* the route's, if it has one */
};

/* sign_in.c: find out who asks, and go on: now, or when it is known. */
typedef struct http_reply *(*rest_next)(struct rest_call *c);
struct http_reply *rest_authenticate(struct rest_call *c, rest_next next);

/* refusal.c: give `reply` back; if it is a refusal, the backend is told. `pattern` is the route's,
 * NULL when it is not known yet. */
struct http_reply *rest_tell_refusal(struct rest_call *c, const char *pattern,
				     struct http_reply *reply);
/* 400: malformed. 422: understood, but wrong. 404 with {id, type}. */
struct http_reply *rest_bad_request(struct rest_call *c, const struct mu_error *err);
struct http_reply *rest_not_found(struct rest_call *c, const char *type, const char *id);
/* As http_reply_error() with no data. */
struct http_reply *rest_error(struct rest_call *c, const struct mu_error *err);
/* 409 with what clients read: {actual, expected, object, property}. */
struct http_reply *rest_wrong_state(struct http_request *r, const struct model_vm *vm,
				    const char *property, const char *actual, const char *expected,
				    const struct mu_error *err);
struct http_reply *rest_unsupported(struct rest_call *c, const char *what);
/* Ask the backend; the reply comes when it has answered, or with `sync` when the task has ended. */
struct http_reply *rest_change_call(struct rest_call *c, const struct rest_ask *ask, bool sync);
/* {"id": id} */
struct http_reply *rest_created(struct http_request *r, const char *collection,
				const struct mu_uuid *id);

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
struct http_reply *rest_get_host_details(struct rest_call *c);
struct http_reply *rest_get_host_dmesg(struct rest_call *c);
struct http_reply *rest_get_host_journal(struct rest_call *c);
struct http_reply *rest_get_host_boots(struct rest_call *c);
struct http_reply *rest_get_definition(struct rest_call *c);
struct http_reply *rest_get_host_smt(struct rest_call *c);
struct http_reply *rest_get_host_stats(struct rest_call *c);
struct http_reply *rest_get_vm_stats(struct rest_call *c);
struct http_reply *rest_get_pool_stats(struct rest_call *c);
struct http_reply *rest_get_sr_stats(struct rest_call *c);
struct http_reply *rest_get_vm_rrd(struct rest_call *c); /* rrd.c */
struct http_reply *rest_get_host_rrd(struct rest_call *c);
struct http_reply *rest_get_vm_rrd_query(struct rest_call *c);
struct http_reply *rest_get_host_rrd_query(struct rest_call *c);
struct http_reply *rest_get_rrd_updates(struct rest_call *c); /* rrd_updates.c */
struct http_reply *rest_get_newest_stats(struct rest_call *c);
/* Is c->id the pool that every host is in? */
bool rest_pool_is_ours(const struct rest_call *c);
struct http_reply *rest_get_vm_vdis(struct rest_call *c);
/* c->id as a VM proper: no snapshot, no template. NULL when there is none. */
const struct model_vm *rest_vm_find(struct rest_call *c, struct vm_id *ret_id);
struct http_reply *rest_get_vm_actions(struct rest_call *c);
struct http_reply *rest_post_vm_action(struct rest_call *c);
struct http_reply *rest_post_vm_group(struct rest_call *c); /* groups.c */
struct http_reply *rest_get_vm_console(struct rest_call *c);
struct http_reply *rest_get_pools(struct rest_call *c);
struct http_reply *rest_get_pool(struct rest_call *c);
struct http_reply *rest_get_tasks(struct rest_call *c);
struct http_reply *rest_get_task(struct rest_call *c);
struct http_reply *rest_delete_tasks(struct rest_call *c);
struct http_reply *rest_tag_host(struct rest_call *c); /* tags.c: PUT, DELETE */
struct http_reply *rest_tag_network(struct rest_call *c);
struct http_reply *rest_tag_pool(struct rest_call *c);
struct http_reply *rest_tag_controller(struct rest_call *c);
struct http_reply *rest_delete_task(struct rest_call *c);
struct http_reply *rest_post_task_abort(struct rest_call *c);      /* 204 */
struct http_reply *rest_post_task_abort_told(struct rest_call *c); /* {"success": true} */
struct http_reply *rest_get_events(struct rest_call *c);
struct http_reply *rest_post_subscription(struct rest_call *c);
struct http_reply *rest_delete_subscription(struct rest_call *c);

/* downloads.c, uploads.c, uploads_whole.c: the contents of disks. */
struct http_reply *rest_get_vm_content(struct rest_call *c);
struct http_reply *rest_get_vdi_content(struct rest_call *c);
struct http_reply *rest_put_vdi_content(struct rest_call *c);
struct http_reply *rest_post_sr_vdi(struct rest_call *c);
struct http_reply *rest_post_pool_vm(struct rest_call *c);
struct http_reply *rest_post_sr_upload(struct rest_call *c);
struct http_reply *rest_post_vdi_upload(struct rest_call *c);
struct http_reply *rest_get_uploads(struct rest_call *c);
struct http_reply *rest_get_upload(struct rest_call *c);
struct http_reply *rest_patch_upload(struct rest_call *c);
struct http_reply *rest_delete_upload(struct rest_call *c);

/* calls.c, calls_table.c: routes that are calls. */
enum rest_source {
	/* the path's {id} is */
	REST_FROM_VM,
	REST_FROM_VM_SNAPSHOT,
	REST_FROM_VM_TEMPLATE,
	REST_FROM_VBD, /* of a VM; its device becomes an argument */
	REST_FROM_VIF,
	REST_FROM_SR,
	REST_FROM_VDI,
	REST_FROM_PBD,     /* an SR, on its host */
	REST_FROM_NETWORK, /* all hosts that have it; its bridge becomes an argument */
	REST_FROM_HOST,
	REST_FROM_POOL,       /* a host is chosen */
	REST_FROM_POOL_HOSTS, /* all hosts */
	REST_FROM_POOL_PIF,   /* the same, and the device of the body's `pif` is an argument */
	/* the body has it as property `in_body` */
	REST_FROM_BODY_VM,
	REST_FROM_BODY_SR,
	REST_FROM_BODY_HOST,
	REST_FROM_BODY, /* POST /calls: everything */
};

struct rest_call_route {
	struct rest_route_info info;
	const char *method; /* NULL: REST_FROM_BODY */
	enum rest_source source;
	bool sync;           /* unless the client says `sync=false` */
	const char *in_body; /* REST_FROM_BODY_*: the property */
	const char *ignored; /* properties that ask for what is so here anyway, blanks between */
	const char *listed;  /* the path's second variable is this argument, a list of it alone */
	const char *usual;   /* arguments where the body does not say otherwise: a JSON object */
};

extern const struct rest_call_route rest_call_routes[];
extern const size_t rest_n_call_routes;
struct http_reply *rest_call_handle(struct rest_call *c, const struct rest_call_route *route);
/* The call whose route is POST /vms/{id}/actions/`verb`, NULL if there is none. */
const struct call_method *rest_call_of_vm(const char *verb);

/* An id for what the call makes, unless the arguments have one: so a repeated request is recognised
 * wherever it broke. */
void rest_call_choose_id(struct rest_call *c, const struct call_method *m,
			 struct mu_value *arguments);

/* calls_place.c: what a request is about. NULL, or the refusal. */
struct rest_target {
	const struct call_method *method;
	struct mu_uuid object;
	struct host_id host;
	const struct model_vm *vm; /* when it is one */
};
struct http_reply *rest_call_place(struct rest_call *c, const struct rest_call_route *route,
				   struct mu_value *body, struct rest_target *ret);

/* A host for vm.create with this body. */
struct http_reply *rest_place_new_vm(struct rest_call *c, const struct mu_value *body,
				     struct rest_target *t);
struct http_reply *rest_check_pool(struct rest_call *c); /* the path's */
/* A property that is an id. */
struct http_reply *rest_body_id(struct rest_call *c, const struct mu_value *body, const char *name,
				const char **ret);
/* The report of the host that is asked best: a connected one, if there is one. */
struct http_reply *rest_object_need(struct rest_call *c, enum object_kind kind, const char *text,
				    const struct model_object **ret);

/* host_groups.c: the call on all hosts, or those that `hosts` of the body names. */
struct http_reply *rest_call_on_hosts(struct rest_call *c, const struct rest_call_route *route,
				      struct mu_value *body, bool sync, mu_msec deadline);
void rest_host_groups_task_changed(struct rest *rest, const struct model_task *t);

/* Give a member another value; NULL takes it out. */
void rest_body_replace(struct mu_arena *a, struct mu_value *body, const char *name,
		       const char *value);

/* task_groups.c: what was asked of many, as one task. */
struct rest_together {
	struct mu_uuid *tasks;
	size_t n_tasks;
	struct rest_refused *refused;
	size_t n_refused;
};
/* One who was asked: has a task, or (nil) was refused. */
void rest_together_add(struct rest_together *t, const struct mu_uuid *object,
		       const struct mu_uuid *task, const struct mu_error *refusal);
/* One task of them that does `method`, or `op`. False when there is none to be made; done() does
 * not come then. Either way `t` is over. */
bool rest_together_make(
    struct rest *rest, struct rest_together *t, const struct call_method *method, enum vm_op op,
    const struct rest_user *user, const char *from,
    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err), void *arg);
/* 202 with the list of what became of each, and the task (nil: none) that is to be asked about. */
struct http_reply *rest_reply_group(struct http_request *r, struct mu_value *tasks,
				    const struct mu_uuid *task);

/* collections.c: of c->type. */
struct http_reply *rest_get_list(struct rest_call *c);
struct http_reply *rest_get_one(struct rest_call *c);
struct http_reply *rest_get_tasks_of(struct rest_call *c);
struct http_reply *rest_get_messages_of(struct rest_call *c);
struct http_reply *rest_get_alarms_of(struct rest_call *c);
struct http_reply *rest_get_backup_jobs_of(struct rest_call *c);
struct http_reply *rest_get_controller_vdis(struct rest_call *c);

/* dashboard.c */
struct http_reply *rest_get_dashboard(struct rest_call *c);
struct http_reply *rest_get_pool_dashboard(struct rest_call *c);
struct http_reply *rest_get_vm_dashboard(struct rest_call *c);

/* waiters.c: replies that come when a task ends. */
enum rest_wait_for {
	REST_WAIT_TASK,   /* 200 with the task */
	REST_WAIT_ACTION, /* 204, 201 or 200 with what it gives back, or the task's error */
};
/* The handler's reply: at once if the task has ended, else pending. */
struct http_reply *rest_wait(struct rest *rest, struct http_request *r, const struct mu_uuid *task,
			     enum rest_wait_for what);
/* The same for a request that is pending already. */
void rest_wait_more(struct rest *rest, struct http_request *r, const struct mu_uuid *task,
		    enum rest_wait_for what);
/* Of a task that has ended, as REST_WAIT_ACTION says. */
struct http_reply *rest_reply_ended(struct rest *rest, struct http_request *r,
				    const struct model_task *t);
void rest_waiters_task_changed(struct rest *rest, const struct model_task *t);

/* session.c: the timer's. */
void rest_sessions_check(void *rest);

/* feed.c: server-sent events. */
struct rest_feed *rest_feed_new(struct rest *rest);
struct rest_feed *rest_feed_free(struct rest_feed *feed);
struct rest_relations *rest_feed_relations_new(struct rest_feed *feed,
					       const struct rest_backend *backend);
void rest_feed_host_changed(struct rest_feed *feed, enum rest_change what,
			    const struct model_host *h);
void rest_feed_task_changed(struct rest_feed *feed, enum rest_change what,
			    const struct model_task *t);
void rest_feed_alarm_changed(struct rest_feed *feed, enum rest_change what, const struct alarm *a);
void rest_feed_message_changed(struct rest_feed *feed, enum rest_change what,
			       const struct rest_message *m);

#endif
