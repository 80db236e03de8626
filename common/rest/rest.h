/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST dialect (/rest/v0, after Xen Orchestra's; docs/design/rest.md), served alike by the
 * aggregator for a fleet and by the agent's admin socket for its own host.
 *
 * Resources here parse a request, call one use case of `struct rest_backend`, and render. The
 * backend is the process's state behind a table of functions; rest_handle() is http_server's
 * handler. Loop thread.
 */
#ifndef MUSTER_REST_REST_H
#define MUSTER_REST_REST_H

#include "common/archive/stats.h"
#include "common/base/pipe.h"
#include "common/http/http.h"
#include "common/model/alarm.h"
#include "common/model/call.h"
#include "common/model/host.h"
#include "common/model/host_read.h"
#include "common/model/object.h"
#include "common/model/task.h"
#include "common/model/task_lines.h"
#include "common/model/vm.h"

struct rest;
struct rights;

/* Who is asking, as far as it was established. */
struct rest_user {
	char name[MODEL_NAME_MAX + 1]; /* "admin", "root (local)" */
	bool admin;                    /* may do everything */
	struct mu_uuid account;        /* nil: none, as of local users */
	struct mu_uuid token;          /* that he came with; nil: none */
};

struct rest_sign_in {
	const char *name;
	const char *password;
	const char *otp; /* one-time or recovery code; NULL: none was given */
};

struct rest_pool {
	struct mu_uuid id;
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	const char *trouble; /* that it cannot store; NULL: none. The backend's */
};

/* A call (common/model/call.h). The arguments have passed call_check(). */
struct rest_ask {
	const struct call_method *method;
	struct mu_uuid object;
	struct host_id host; /* where to run it; nil: wherever the object is */
	const struct mu_value *arguments;
	mu_msec deadline; /* ms since 1970 UTC, 0 = the backend's own */
};

enum rest_console_kind { REST_CONSOLE_SERIAL, REST_CONSOLE_VNC };

struct rest_console {
	struct vm_id vm;
	enum rest_console_kind kind;
	bool write; /* wants to type */
	bool take;  /* even if another does */
};

/* A conversation about the contents of disks: docs/formats/transfer.md. */
struct rest_transfer {
	struct host_id host;
	struct mu_uuid object;
	const char *op;        /* "download": what is asked for, for the record */
	const char *arguments; /* a JSON object, `op` among it */
};

/* The same asked of many: their tasks, and those who were refused at once. */
struct rest_refused {
	struct mu_uuid object;
	struct mu_error err;
};
struct rest_task_group {
	enum vm_op op;
	const struct call_method *method; /* NULL: `op` */
	const struct mu_uuid *tasks;
	size_t n_tasks;
	const struct rest_refused *refused;
	size_t n_refused;
};

/* A request with an Idempotency-Key, and its answer. */
enum { REST_KEY_MAX = 128 };
struct rest_key {
	char user[MODEL_NAME_MAX + 1];
	char key[REST_KEY_MAX + 1];
	uint64_t request; /* hash of what was asked */
	mu_msec at;
	int status; /* 0: not answered */
	char type[64];
	char location[128];
	const char *body;
	size_t body_len;
};

/* A request that was refused on the spot, for the record. */
struct rest_refusal {
	const struct rest_user *user; /* NULL: nobody knew who asked */
	const struct http_request *request;
	const char *pattern; /* the route's, "/rest/v0/vms/{id}"; NULL: there is none, or not yet */
	int status;
	const char *why;
};

/* A tag of what has none of its own. */
enum rest_tagged {
	REST_TAGGED_HOST,
	REST_TAGGED_NETWORK,
	REST_TAGGED_POOL,
	REST_TAGGED_CONTROLLER,
	_REST_TAGGED_COUNT
};
struct rest_tagging {
	enum rest_tagged kind;
	struct mu_uuid object;
	const char *tag;
	bool add;
};

struct rest_backend {
	void *ctx;
	/* Fill *ret_user, or fail with MU_E_UNAUTHENTICATED. `token` is the bearer token or cookie
	 * (NULL when the request has none); the peer tells local sockets. */
	int (*authenticate)(void *ctx, const char *token, const struct http_peer *peer,
			    struct rest_user *ret_user, struct mu_error *err);
	/* By name and password. Asynchronous, as to look takes long: done(arg, user, NULL) or
	 * done(arg, NULL, error), exactly once, never inside the call. MU_E_UNAUTHENTICATED;
	 * MU_E_EXHAUSTED: too many wrong ones, later again. Optional: NULL = no passwords here. */
	void (*sign_in)(void *ctx, const struct rest_sign_in *in, const char *from,
			void (*done)(void *arg, const struct rest_user *user,
				     const struct mu_error *err),
			void *arg);
	/* Has that been found good a moment ago, and is good still? With sign_in. */
	bool (*signed_in)(void *ctx, const struct rest_sign_in *in, struct rest_user *ret_user);
	/* Whoever signed in so may have been changed since, or be gone: MU_E_UNAUTHENTICATED. With
	 * sign_in. */
	int (*refresh)(void *ctx, struct rest_user *user, struct mu_error *err);
	/* What an account that is no administrator's may; valid until the next loop turn. Optional:
	 * NULL = nothing. */
	const struct rights *(*rights)(void *ctx, const struct mu_uuid *account);
	/* Walk the objects in a stable order; stop when `each` returns false. */
	void (*each_host)(void *ctx, bool (*each)(const struct model_host *h, void *arg),
			  void *arg);
	void (*each_vm)(void *ctx, bool (*each)(const struct model_vm *vm, void *arg), void *arg);
	void (*each_task)(void *ctx, bool (*each)(const struct model_task *t, void *arg),
			  void *arg);
	void (*each_object)(void *ctx, enum object_kind kind,
			    bool (*each)(const struct model_object *o, void *arg), void *arg);
	/* Every host's view of one object; each_object() and object_find() give the best of them.
	 */
	void (*each_report)(void *ctx, const struct mu_uuid *id,
			    bool (*each)(const struct model_object *o, void *arg), void *arg);
	/* NULL when unknown; valid until the next loop turn. */
	const struct model_host *(*host_find)(void *ctx, const struct host_id *id);
	const struct model_vm *(*vm_find)(void *ctx, const struct vm_id *id);
	const struct model_object *(*object_find)(void *ctx, const struct mu_uuid *id);
	const struct model_task *(*task_find)(void *ctx, const struct mu_uuid *id);
	/* The power state that a VM had when its host was last heard of. Optional: NULL = what the
	 * VM itself says. */
	enum vm_power (*vm_last_power)(void *ctx, const struct model_vm *vm);
	void (*pool)(void *ctx, struct rest_pool *ret_pool); /* the pool every host is in */
	/* What is raised, found out by rules. Optional: NULL = only how full SRs are, by fixed
	 * limits. */
	void (*each_alarm)(void *ctx, bool (*each)(const struct alarm *a, void *arg), void *arg);
	/* With each_alarm. NULL when there is none of the id; valid until the next loop turn. */
	const struct alarm *(*alarm_find)(void *ctx, const struct mu_uuid *id);
	/* Start `op`. `deadline` is ms since 1970 UTC, 0 = the backend's own. The state was checked
	 * against vm_op_allowed() by the caller, the backend checks again where it counts.
	 * Asynchronous, because nothing may be answered before it is durable and nothing durable
	 * happens on the loop: done(arg, task, NULL) once the task exists durably and is pending,
	 * else done(arg, NULL, error). Exactly once, never inside the call. */
	void (*vm_op)(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
		      const struct rest_user *user, const char *from,
		      void (*done)(void *arg, const struct mu_uuid *task,
				   const struct mu_error *err),
		      void *arg);
	/* The same for start and resume on a host in maintenance, which vm_op refuses. Optional:
	 * NULL = not supported. */
	void (*vm_op_anyway)(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
			     const struct rest_user *user, const char *from,
			     void (*done)(void *arg, const struct mu_uuid *task,
					  const struct mu_error *err),
			     void *arg);
	/* Store a definition (create or replace) on a host. JSON as docs/formats/vm-definition.md.
	 * Optional: NULL = not supported. done(arg, vm, NULL) or done(arg, NULL, error), exactly
	 * once, never inside the call. */
	void (*vm_define)(void *ctx, const struct host_id *host, const struct mu_value *definition,
			  const struct rest_user *user, const char *from,
			  void (*done)(void *arg, const struct vm_id *vm,
				       const struct mu_error *err),
			  void *arg);
	/* Start a call; as vm_op. Optional: NULL = not supported. */
	void (*call)(void *ctx, const struct rest_ask *ask, const struct rest_user *user,
		     const char *from,
		     void (*done)(void *arg, const struct mu_uuid *task,
				  const struct mu_error *err),
		     void *arg);
	/* Read what a host does not report by itself; op->host is known. `op` is the caller's until
	 * op->done. Optional: NULL = not supported. */
	void (*host_read)(void *ctx, struct host_read_op *op);
	/* Nobody waits for it any more: ask for its early end, done() still comes. With host_read.
	 */
	void (*host_read_cancel)(void *ctx, struct host_read_op *op);
	/* These tasks become the parts of one, which is durable: done(arg, task, NULL), or
	 * done(arg, NULL, error) and they go on for themselves. Never inside the call. Optional,
	 * with each_part: NULL = they stay on their own. */
	void (*task_group)(void *ctx, const struct rest_task_group *group,
			   const struct rest_user *user, const char *from,
			   void (*done)(void *arg, const struct mu_uuid *task,
					const struct mu_error *err),
			   void *arg);
	/* In order of start; stop when `each` returns false. */
	void (*each_part)(void *ctx, const struct mu_uuid *group,
			  bool (*each)(const struct model_task *t, void *arg), void *arg);
	/* Forget tasks that are over; others, and what is not known, are left out. done() when that
	 * is durable, never inside the call. Optional: NULL = not supported. */
	void (*tasks_delete)(void *ctx, const struct mu_uuid *ids, size_t n,
			     const struct rest_user *user, const char *from,
			     void (*done)(void *arg, const struct mu_error *err), void *arg);
	/* MU_FAILED: why it may not be forgotten now. With tasks_delete. */
	int (*task_check_delete)(void *ctx, const struct mu_uuid *id, struct mu_error *err);
	/* Tags of hosts, networks, controllers and the pool: how many, *ret_tags valid until the
	 * next loop turn. Optional, both: NULL = they have none. */
	size_t (*tags_of)(void *ctx, const struct mu_uuid *id, char *const **ret_tags);
	/* done() when it is durable and shown, never inside the call. */
	void (*tag)(void *ctx, const struct rest_tagging *what, const struct rest_user *user,
		    const char *from, void (*done)(void *arg, const struct mu_error *err),
		    void *arg);
	/* What was said of a task, NULL = nothing; valid until the next loop turn. Optional. */
	const struct task_lines *(*task_lines)(void *ctx, const struct mu_uuid *id);
	int (*task_abort)(void *ctx, const struct mu_uuid *id, const struct rest_user *user,
			  const char *from, struct mu_error *err);
	/* Keep a key over restarts: done(arg, NULL) when it is durable; `done` NULL: nobody waits.
	 * Never inside the call. Optional, both: NULL = for as long as the process runs. */
	void (*key_put)(void *ctx, const struct rest_key *key,
			void (*done)(void *arg, const struct mu_error *err), void *arg);
	void (*key_drop)(void *ctx, const struct rest_key *key);
	/* Rows of a VM's or host's statistics. Optional: NULL = none are kept. done() exactly once,
	 * never inside the call: `r`, valid during the call, or an error; MU_E_NOT_FOUND: nothing
	 * is known of the object. */
	void (*stats)(void *ctx, const struct stats_query *q,
		      void (*done)(void *arg, const struct stats_result *r,
				   const struct mu_error *err),
		      void *arg);
	/* The newest values of an object, NaN among them; nothing when it was not heard of within a
	 * minute. How many it has is returned. Optional, with stats. */
	size_t (*newest)(void *ctx, const struct mu_uuid *id,
			 void (*each)(void *arg, const char *name, float value), void *arg);
	/* A viewer of a VM's console, who may do what it asks for. `near` leads to the viewer,
	 * *ret_far to the console; nothing is sent inside. What goes wrong later closes the pipe.
	 * Optional: NULL = no consoles. */
	int (*console_open)(void *ctx, const struct rest_console *rq, const struct rest_user *user,
			    const char *from, struct mu_pipe near, struct mu_pipe *ret_far,
			    struct mu_error *err);
	/* Talk to a host about the contents of its disks; as console_open. Optional: NULL = not
	 * supported. */
	int (*transfer_open)(void *ctx, const struct rest_transfer *rq,
			     const struct rest_user *user, const char *from, struct mu_pipe near,
			     struct mu_pipe *ret_far, struct mu_error *err);
	/* A change was refused before it came to any of these, or somebody may not look, or is
	 * not known. Optional. */
	void (*refused)(void *ctx, const struct rest_refusal *refusal);
};

/* The table is copied. */
struct rest *rest_new(struct mu_loop *loop, const struct rest_backend *backend);
/* After http_server_stop() is done. Takes NULL; returns NULL. */
struct rest *rest_free(struct rest *rest);
struct http_reply *rest_handle(struct http_request *r, void *rest); /* http_server's handler */
bool rest_streams(struct http_request *r, void *rest);              /* and its `streams` */

/* Since it was made. */
struct rest_counts {
	uint64_t n_requests[_HTTP_METHOD_COUNT];
	uint64_t n_refused; /* of these: nobody knew who asked */
};
void rest_counts(const struct rest *rest, struct rest_counts *ret);

/* At start, oldest first: what was kept. */
void rest_keys_add(struct rest *rest, const struct rest_key *key);

/* Tell it about changes, after the backend shows them: feeds /events subscriptions and ?wait and
 * ?sync requests. VMs of a host that comes or goes change too: their power state reads otherwise.
 */
enum rest_change { REST_ADD, REST_UPDATE, REST_REMOVE };
void rest_host_changed(struct rest *rest, enum rest_change what, const struct model_host *h);
void rest_vm_changed(struct rest *rest, enum rest_change what, const struct model_vm *vm);
void rest_object_changed(struct rest *rest, enum rest_change what, const struct model_object *o);
/* One host's view of an object, also where it is not the one shown. */
void rest_report_changed(struct rest *rest, enum rest_change what, const struct model_object *o);
void rest_task_changed(struct rest *rest, enum rest_change what, const struct model_task *t);
/* Of a backend that has each_alarm(). */
void rest_alarm_changed(struct rest *rest, enum rest_change what, const struct alarm *a);

/* Further routes of one process (enrolment, tokens): called when no common route matches; returns
 * NULL when it has none either. `user` is NULL for routes that are REST_OPEN. */
struct rest_route {
	enum http_method method;
	const char *pattern; /* "/rest/v0/join-tokens/{id}": {id} is passed as `id` */
	const char *right;   /* as struct rest_route_info has it */
	struct http_reply *(*handle)(struct http_request *r, const struct rest_user *user,
				     const char *id, void *ctx);
	bool tries; /* it heeds rest_is_trial() */
};
void rest_add_routes(struct rest *rest, const struct rest_route *routes, size_t n_routes,
		     void *ctx);
/* As http_reply_error(), with what a client looks for when it is the list's filter that is wrong.
 */
struct http_reply *rest_refuse_list(struct http_request *r, const struct mu_error *err);
/* The value of a `Link` header: the same request, for the page behind `cursor`. In its arena. */
const char *rest_next_page(const struct http_request *r, const char *cursor);
/* Objects of such routes that have an ETag: If-Match is looked at before a handler is called. */
struct rest_etagged {
	const char *collection; /* "users" */
	/* The object {id} as GET shows it to the user; NULL: there is none, or he may not see it.
	 */
	struct mu_value *(*shown)(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx);
};
void rest_add_tagged(struct rest *rest, const struct rest_etagged *tagged, size_t n_tagged,
		     void *ctx);
/* dryRun=true: say whether it would be done, and do nothing. Where a route does not heed it the
 * request is refused before its handler sees it. */
bool rest_is_trial(struct http_request *r);
/* GET's answer with such an object: its ETag, and 304 if the client has it already. */
struct http_reply *rest_reply_tagged(struct http_request *r, const struct mu_value *object);

/* The routes served here, for the check against proto/rest/openapi.yaml; patterns as above. */
struct rest_route_info {
	enum http_method method;
	const char *pattern;
	/* The privilege that it takes ("vm:shutdown:clean", common/rights), for the object {id};
	 * "vm:{action}": that of the path's action. GET without a variable, of common/rest: for
	 * each object that is in the answer. Or one of the words below. Not stated (NULL):
	 * REST_ADMIN. */
	const char *right;
	bool streams; /* the body comes in pieces */
};
#define REST_OPEN "open" /* to all, without authentication */
#define REST_SIGNED_IN                                                                             \
	"signed-in" /* to every user: the answer has only what is his, or to be seen */
#define REST_ADMIN "admin"
size_t rest_routes(const struct rest_route_info **ret_routes);

/* Does the object match a filter, as in a list? False when there is none of the id. What is built
 * for it is in the arena. */
struct query_filter;
bool rest_matches(struct rest *rest, enum alarm_of of, const struct mu_uuid *id,
		  const struct query_filter *filter, struct mu_arena *a);
/* An alarm as GET shows it, and as one line. */
struct mu_value *rest_alarm_value(struct rest *rest, struct mu_arena *a, const struct alarm *alarm);

#endif
