/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregator put together: the state of the process and who calls whom. One struct app a
 * process; its parts are in the files named below. Loop thread.
 */
#ifndef MUSTER_AGGREGATOR_APP_APP_H
#define MUSTER_AGGREGATOR_APP_APP_H

#include "aggregator/app/options.h"
#include "aggregator/core/inventory.h"
#include "aggregator/core/tags.h"
#include "aggregator/core/tasks.h"
#include "aggregator/fleet/ca.h"
#include "aggregator/fleet/fleet.h"
#include "aggregator/metrics/metrics.h"
#include "aggregator/remote/remote.h"
#include "aggregator/rest/admin.h"
#include "aggregator/rest/alarms.h"
#include "aggregator/rest/contract.h"
#include "aggregator/rest/exposition.h"
#include "aggregator/store/access.h"
#include "aggregator/store/store.h"
#include "common/base/map.h"
#include "common/http/http.h"
#include "common/loop/loop.h"
#include "common/rest/rest.h"
#include "common/rpc/rpc.h"

struct alarming;
struct https;
struct notifier;
struct refused;
struct sign_ins;
struct users;

enum app_storing { APP_STORING_STATE, APP_STORING_METRICS, _APP_STORING_COUNT };

struct app {
	const struct app_options *options;
	struct mu_loop *loop;
	struct ca *ca;
	struct store *store;
	/* the fleet */
	struct inventory *inventory;
	struct inventory_changes changes;
	struct tasks *tasks;
	struct mu_timer *task_timer; /* deadlines of commands that were never sent */
	struct mu_arena *arena;      /* for encoding, reset after each use */
	struct metrics *metrics;     /* NULL: not serving */
	struct remote *remote;       /* NULL: samples go nowhere else */
	struct alarming *alarming;   /* alarming.h; NULL: not serving */
	struct notifier *notifier;   /* the same */
	struct mu_map *metric_marks; /* host ids -> struct metric_mark, from the journal */
	struct mu_map *resync;       /* host ids whose stored state could not be read */
	size_t n_conflicts;          /* told today (state.c) */
	/* who may come in (access.c) */
	struct mu_map *certs;      /* fingerprint -> struct store_cert */
	struct mu_map *joins;      /* secret's hash -> struct store_join */
	struct mu_map *tokens;     /* secret's hash -> struct store_token */
	struct users *users;       /* users.h */
	struct sign_ins *sign_ins; /* sign_in.h */
	struct refused *refused;   /* refusals.h */
	struct tags *tags;         /* of hosts, networks, the pool */
	struct mu_map *enrolling;  /* host ids whose enrolment is being stored */
	struct mu_timer *daily;    /* certificates, what is over */
	char *fleet_address;
	/* servers */
	struct rpc *rpc;
	struct fleet *fleet;
	struct rest_backend backend;
	struct admin_ops admin;
	struct alarm_ops alarm_ops;
	struct exposition_ops exposition_ops;
	struct exposition *exposition;
	struct rest *rest;
	struct http_server *http;
	struct https *https; /* https.h */
	struct rest_pool pool;
	char trouble[_APP_STORING_COUNT][MU_ERROR_TEXT_MAX + 32]; /* app_storing() */
	struct mu_signals *signals;
	mu_msec started_at;
	bool stopping;
	mu_loop_cb closed;
	void *closed_ctx;
};

/* app.c: state without servers (for verbs), then the servers. */
int app_open(const struct app_options *options, struct app **ret_app, struct mu_error *err);
int app_serve(struct app *app, struct mu_error *err);
/* Run the loop until it is stopped by a signal and all is put away; frees `app`. */
void app_run(struct app *app);
/* End everything that app_open() made, without having served; frees `app`. */
void app_close(struct app *app);

/* Storing fails, or works again (NULL): so the pool says. */
void app_storing(struct app *app, enum app_storing what, const struct mu_error *err);

/* load.c: everything from the store into memory; the hosts' numbers into the fleet. */
int app_load(struct app *app, struct mu_error *err);
int app_load_marks(struct app *app, struct mu_error *err);

/* state.c: what hosts say. */
void app_fleet_backend(struct app *app, struct fleet_backend *ret);
/* Tell REST what happened in app->changes, and forget it. */
void app_publish(struct app *app);

/* operations.c: what people ask of VMs. */
void app_vm_op(struct app *app, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
	       const struct admin_asker *who,
	       void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
	       void *arg);
/* calls.c: the same of a call. */
void app_call(struct app *app, const struct rest_ask *ask, const struct admin_asker *who,
	      void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
	      void *arg);
/* keys.c: requests with an Idempotency-Key. `done` NULL: nobody waits. */
void app_key_put(struct app *app, const struct rest_key *key,
		 void (*done)(void *arg, const struct mu_error *err), void *arg);
void app_key_drop(struct app *app, const struct rest_key *key);
int app_keys_load(struct app *app, struct mu_error *err);

/* tags.c */
int app_tags_load(struct app *app, struct mu_error *err);
void app_tag(struct app *app, const struct rest_tagging *what, const struct admin_asker *who,
	     void (*done)(void *arg, const struct mu_error *err), void *arg);
/* operations.c: store a new task with its audit record, then confirm and send it; done() as in
 * app_vm_op(). */
void app_task_start(struct app *app, const struct model_task *task, const char *arguments,
		    const struct admin_asker *who,
		    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		    void *arg);
/* done() with `err`, from the loop. */
void app_task_refuse(struct app *app, const struct mu_error *err,
		     void (*done)(void *arg, const struct mu_uuid *task,
				  const struct mu_error *err),
		     void *arg);
/* tasks.c: make one of several, done() as in struct rest_backend; forget some that are over. */
void app_task_group(struct app *app, const struct rest_task_group *group,
		    const struct admin_asker *who,
		    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		    void *arg);
void app_tasks_delete(struct app *app, const struct mu_uuid *ids, size_t n,
		      const struct admin_asker *who,
		      void (*done)(void *arg, const struct mu_error *err), void *arg);
int app_task_abort(struct app *app, const struct mu_uuid *id, const struct admin_asker *who,
		   struct mu_error *err);
/* Note something of a task, for people. */
void app_task_say(struct app *app, const struct mu_uuid *id, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void app_task_lines(struct app *app, const struct host_id *host, const struct mu_uuid *id,
		    const struct task_line *lines, size_t n);
/* Its pending tasks say so. */
void app_tasks_host_away(struct app *app, const struct host_id *host);
/* Those that have been over for too long go. */
void app_tasks_trim(struct app *app);
/* Listeners are told. */
void app_task_changed(struct app *app, enum rest_change what, const struct model_task *t);
/* Groups that something became of are told, and end. */
void app_task_groups_step(struct app *app);
void app_task_progress(struct app *app, const struct host_id *host, const struct mu_uuid *id,
		       int percent);
void app_task_result(struct app *app, const struct host_id *host, const struct fleet_result *r);
void app_tasks_forget_host(struct app *app, const struct host_id *host);
/* At start: the last run may have died between removing a host and ending its tasks. */
void app_tasks_end_orphans(struct app *app);
void app_tasks_arm(struct app *app);
void app_on_task_timer(void *app);
void app_vm_define(struct app *app, const struct host_id *host, const struct mu_value *definition,
		   const struct admin_asker *who, fleet_defined done, void *arg);

/* access.c: API tokens and join tokens; enrol.c: hosts' certificates. */
int app_authenticate(struct app *app, const char *token, const struct http_peer *peer,
		     struct rest_user *ret_user, struct mu_error *err);
void app_admin_ops(struct app *app, struct admin_ops *ret);
void app_access_add_join(struct app *app, const struct store_join *j);
void app_access_add_token(struct app *app, const struct store_token *t);
void app_access_add_cert(struct app *app, const struct store_cert *c);
/* A user is gone. */
void app_tokens_forget(struct app *app, const struct mu_uuid *user);
void app_access_free(struct app *app);
/* Drop what is over, from memory and store. */
void app_access_trim(struct app *app);
enum session_certificate app_certificate(struct app *app, const struct host_id *id,
					 const char *fingerprint);
void app_enrol(struct app *app, const struct admin_enrol *in, const char *from,
	       void (*done)(void *arg, const struct admin_enrolled *out,
			    const struct mu_error *err),
	       void *arg);
void app_renew(struct app *app, const struct host_id *id, const char *csr);
void app_host_revoke(struct app *app, const struct host_id *id, bool forget,
		     const struct admin_asker *who, admin_done done, void *arg);

/* audit.c: one line for the log of changes, in the transaction of the change. */
void app_audit(struct app *app, struct store_tx *tx, const struct admin_asker *who,
	       const char *action, const struct mu_uuid *object, const char *result,
	       const char *detail);
/* The same with what was changed, as JSON, which may be NULL. */
void app_audit_change(struct app *app, struct store_tx *tx, const struct admin_asker *who,
		      const char *action, const struct mu_uuid *object, const char *result,
		      const char *detail, const char *before, const char *after);
/* Somebody was told no. */
void app_audit_refusal(struct app *app, const struct admin_asker *who, const char *action,
		       const struct mu_uuid *object, const struct mu_error *why);
/* At start and daily: drop what is too old, and log the hash of the newest record. */
void app_audit_daily(struct app *app);
void app_audit_list(void *app, size_t limit, int64_t before, admin_audit_rows done, void *arg);
void app_audit_verify(void *app, const struct audit_point *kept, admin_audit_verdict done,
		      void *arg);

/* metrics.c: the archives, after app_load(). */
int app_metrics_open(struct app *app, struct mu_error *err);
void app_metrics_free(struct app *app);
/* How far the host's numbers had come; zeros when nothing is known. */
void app_metrics_mark(const struct app *app, const struct host_id *host, uint64_t *ret_epoch,
		      uint64_t *ret_seq);
void app_metrics_batches(struct app *app, const struct fleet_batches *b,
			 struct fleet_receipt *receipt);
void app_metrics_count(struct app *app, const struct fleet_batches *b);
void app_metrics_row(struct app *app, const struct fleet_row *row, struct fleet_receipt *receipt);
void app_metrics_have(const struct app *app, const struct host_id *id, struct fleet_have *ret);
/* Daily: what is gone for long is dropped. */
void app_metrics_expire(struct app *app);

/* alarms.c: after app_load() and app_metrics_open(); started when REST is there. */
int app_alarms_open(struct app *app, struct mu_error *err);
void app_alarms_start(struct app *app);
void app_alarms_stop(struct app *app);
void app_alarms_free(struct app *app);
/* The object has changed, or is gone. */
void app_alarms_forget(struct app *app, const struct mu_uuid *object);
void app_each_alarm(struct app *app, bool (*each)(const struct alarm *a, void *arg), void *arg);
const struct alarm *app_alarm_find(const struct app *app, const struct mu_uuid *id);
/* alarm_rules.c */
void app_alarm_ops(struct app *app, struct alarm_ops *ret);

/* exposition.c: pages for Prometheus. */
void app_exposition_ops(struct app *app, struct exposition_ops *ret);

/* remote.c: samples, on to a store elsewhere, if the options say so. */
void app_remote_open(struct app *app);

/* transfer.c */
int app_transfer_open(struct app *app, const struct rest_transfer *rq,
		      const struct admin_asker *who, struct mu_pipe near, struct mu_pipe *ret_far,
		      struct mu_error *err);
/* console.c */
int app_console_open(struct app *app, const struct rest_console *rq, const struct admin_asker *who,
		     struct mu_pipe near, struct mu_pipe *ret_far, struct mu_error *err);

/* backend.c: common/rest's view of all this. */
void app_rest_backend(struct app *app, struct rest_backend *ret);

#endif
