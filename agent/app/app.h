/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent can be asked for: the use cases that its two doors, the admin socket and the
 * stream to the aggregator, have in common. Loop thread. Objects returned are valid until the
 * next loop turn.
 */
#ifndef MUSTER_AGENT_APP_APP_H
#define MUSTER_AGENT_APP_APP_H

#include "agent/core/host_power.h"
#include "agent/core/journal.h"
#include "common/archive/stats.h"
#include "common/base/list.h"
#include "common/base/pipe.h"
#include "common/base/value.h"
#include "common/model/host.h"
#include "common/model/host_read.h"
#include "common/model/object.h"
#include "common/model/task.h"
#include "common/model/task_lines.h"
#include "common/model/vm.h"

struct app;
struct console_request;
struct transfer_request;

/* Looking */

const struct model_host *app_host(const struct app *app);
/* In a stable order, NULL at the end; *iter starts at 0. */
const struct model_vm *app_vm_next(const struct app *app, size_t *iter);
const struct model_vm *app_vm_find(const struct app *app, const struct vm_id *id);
/* What the host has besides VMs: of a kind, or of all (_OBJECT_KIND_COUNT), in order of arrival. */
const struct model_object *app_object_next(const struct app *app, enum object_kind kind,
					   size_t *iter);
const struct model_object *app_object_find(const struct app *app, const struct mu_uuid *id);
/* Recent ones of this host, whoever asked, oldest first. */
const struct model_task *app_task_next(const struct app *app, size_t *iter);
const struct model_task *app_task_find(const struct app *app, const struct mu_uuid *id);
/* NULL when unknown. */
const struct task_lines *app_task_lines(const struct app *app, const struct mu_uuid *id);
/* Did the aggregator ask for it? */
bool app_task_is_remote(const struct app *app, const struct mu_uuid *id);

enum app_change { APP_ADDED, APP_UPDATED, APP_REMOVED };

/* Told of every change, after it is in force. Embedded in its user; members may be NULL. */
struct app_listener {
	void (*host)(void *ctx, const struct model_host *h);
	void (*vm)(void *ctx, enum app_change what, const struct model_vm *vm);
	void (*object)(void *ctx, enum app_change what, const struct model_object *o);
	void (*task)(void *ctx, enum app_change what, const struct model_task *t);
	void (*said)(void *ctx, const struct model_task *t); /* something more of it */
	/* The journal holds the result of a command of the aggregator's, durably. */
	void (*result)(void *ctx, const struct journal_entry *e);
	void *ctx;
	struct mu_link link; /* private */
};

void app_listen(struct app *app, struct app_listener *listener);
void app_unlisten(struct app_listener *listener);

/* Found out on this host */

/* It is so now: whole, copied, told to everybody if it is news. `o->host` does not count. The id
 * is unique over all kinds. Over OBJECT_VIEW_MAX objects are not shown, with a line in the log. */
void app_object_set(struct app *app, const struct model_object *o);
/* It is gone; an unknown id is ignored. */
void app_object_remove(struct app *app, const struct mu_uuid *id);

/* Asked for on this host */

/* done(arg, task, NULL) when the task exists durably, or done(arg, NULL, error); once, never inside
 * the call. `deadline` is ms since 1970 UTC, 0 = none; `user` is for the record. */
void app_vm_op(struct app *app, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
	       const char *user,
	       void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
	       void *arg);
/* Call `method` of `object`, the same way. `arguments` is an object. */
void app_call_ask(struct app *app, const char *method, const struct mu_uuid *object,
		  const struct mu_value *arguments, mu_msec deadline, const char *user,
		  void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		  void *arg);
/* Create or replace a definition; it takes effect when the VM is started next. */
typedef void (*app_defined)(void *arg, const struct vm_id *vm, const struct mu_error *err);
void app_define(struct app *app, const struct mu_value *definition, app_defined done, void *arg);
/* May it be forgotten? MU_E_NOT_FOUND; MU_E_STATE: it has not ended, or the aggregator has not
 * heard how. */
int app_task_check_delete(const struct app *app, const struct mu_uuid *id, struct mu_error *err);
/* Forget those that may be; done(arg) when that is durable. */
void app_tasks_delete(struct app *app, const struct mu_uuid *ids, size_t n,
		      void (*done)(void *arg, const struct mu_error *err), void *arg);
int app_task_abort(struct app *app, const struct mu_uuid *id, struct mu_error *err);

/* Of the host itself; host.c */

/* Read what is not part of the reported state. At most APP_HOST_READS_MAX at a time. */
enum { APP_HOST_READS_MAX = 8 };
void app_host_read(struct app *app, struct host_read_op *op);
/* Ask; done() still comes. Harmless for one that is not under way. */
void app_host_read_cancel(struct app *app, struct host_read_op *op);

/* Maintenance: a host that is not enabled starts and resumes no VM, but by app_vm_op_anyway(), and
 * none by itself when it boots. Survives restarts. maintenance.c */
void app_host_set_enabled(struct app *app, bool enabled, const char *user,
			  void (*done)(void *arg, const struct mu_error *err), void *arg);
/* As app_vm_op(), whether or not the host takes VMs. */
void app_vm_op_anyway(
    struct app *app, const struct vm_id *vm, enum vm_op op, mu_msec deadline, const char *user,
    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err), void *arg);

/* Shutdown and reboot, with the VMs handled as asked; one at a time. While it is under way no VM is
 * started. Embedded in its user. host_power.c */
struct app_host_power {
	/* inputs */
	bool reboot;
	enum host_power_vms vms;
	bool resume;         /* SUSPEND: they go on after the reboot, or when that fails */
	bool force;          /* power off what does not stop when asked */
	mu_msec vm_deadline; /* of each VM, 0 = the operation's own */
	char user[MODEL_NAME_MAX + 1];
	void (*done)(struct app_host_power *op);                  /* once, never inside start */
	void (*progress)(struct app_host_power *op, int percent); /* may be NULL */
	void *ctx;
	/* results */
	struct mu_error err; /* MU_E_NONE: the system is going down */
	/* private */
	struct power_run *run;
};

void app_host_power_start(struct app *app, struct app_host_power *op);
/* Possible until the system has been told to go down; done() still comes. */
void app_host_power_cancel(struct app *app, struct app_host_power *op);

/* A viewer of a VM's console (agent/console/console.h), for either door. */
int app_console_open(struct app *app, const struct console_request *rq, struct mu_pipe near,
		     struct mu_pipe *ret_far, struct mu_error *err);

/* The contents of disks (agent/transfer/transfer.h), for either door. transfer.c */
int app_transfer_open(struct app *app, const struct transfer_request *rq, struct mu_pipe near,
		      struct mu_pipe *ret_far, struct mu_error *err);

/* Rows of this host's or a VM's statistics, from memory. done() once, from the loop, never inside;
 * `r` is valid during the call. metrics.c */
void app_stats(struct app *app, const struct stats_query *q,
	       void (*done)(void *arg, const struct stats_result *r, const struct mu_error *err),
	       void *arg);
size_t app_stats_newest(struct app *app, const struct mu_uuid *id,
			void (*each)(void *arg, const char *name, float value), void *arg);

/* Asked for by the aggregator */

struct app_command {
	struct mu_uuid id;
	enum journal_kind kind;
	enum vm_op op;          /* JOURNAL_ACTION */
	struct vm_id vm;        /* JOURNAL_ACTION, JOURNAL_UNDEFINE */
	const char *definition; /* JOURNAL_DEFINE: JSON text */
	/* JOURNAL_CALL */
	const char *method;
	struct mu_uuid object;
	const char *arguments; /* JSON text */
	mu_msec deadline;      /* from now, 0 = none */
};

/* Run it, unless the id is known: then its result is told again if there is one. Whatever becomes
 * of it is told to `result` of the listeners. */
void app_command(struct app *app, const struct app_command *c);
void app_command_cancel(struct app *app, const struct mu_uuid *id);
/* The aggregator has the result: forget it. */
void app_result_acked(struct app *app, const struct mu_uuid *id);
/* Results that were not acknowledged; *iter starts at 0, NULL at the end. */
const struct journal_entry *app_result_next(const struct app *app, size_t *iter);

#endif
