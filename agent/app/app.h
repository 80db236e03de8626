/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent can be asked for: the use cases that its two doors, the admin socket and the
 * stream to the aggregator, have in common. Loop thread. Objects returned are valid until the
 * next loop turn.
 */
#ifndef MUSTER_AGENT_APP_APP_H
#define MUSTER_AGENT_APP_APP_H

#include "agent/core/journal.h"
#include "common/base/list.h"
#include "common/base/pipe.h"
#include "common/base/value.h"
#include "common/model/host.h"
#include "common/model/task.h"
#include "common/model/vm.h"

struct app;
struct console_request;

/* Looking */

const struct model_host *app_host(const struct app *app);
/* In a stable order, NULL at the end; *iter starts at 0. */
const struct model_vm *app_vm_next(const struct app *app, size_t *iter);
const struct model_vm *app_vm_find(const struct app *app, const struct vm_id *id);
/* Recent ones of this host, whoever asked, oldest first. */
const struct model_task *app_task_next(const struct app *app, size_t *iter);
const struct model_task *app_task_find(const struct app *app, const struct mu_uuid *id);
/* Did the aggregator ask for it? */
bool app_task_is_remote(const struct app *app, const struct mu_uuid *id);

enum app_change { APP_ADDED, APP_UPDATED, APP_REMOVED };

/* Told of every change, after it is in force. Embedded in its user; members may be NULL. */
struct app_listener {
	void (*host)(void *ctx, const struct model_host *h);
	void (*vm)(void *ctx, enum app_change what, const struct model_vm *vm);
	void (*task)(void *ctx, enum app_change what, const struct model_task *t);
	/* The journal holds the result of a command of the aggregator's, durably. */
	void (*result)(void *ctx, const struct journal_entry *e);
	void *ctx;
	struct mu_link link; /* private */
};

void app_listen(struct app *app, struct app_listener *listener);
void app_unlisten(struct app_listener *listener);

/* Asked for on this host */

/* done(arg, task, NULL) when the task exists durably, or done(arg, NULL, error); once, never inside
 * the call. `user` is for the record. */
void app_vm_op(struct app *app, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
	       const char *user,
	       void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
	       void *arg);
/* Create or replace a definition; it takes effect when the VM is started next. */
typedef void (*app_defined)(void *arg, const struct vm_id *vm, const struct mu_error *err);
void app_define(struct app *app, const struct mu_value *definition, app_defined done, void *arg);
/* Only of a halted VM. */
void app_undefine(struct app *app, const struct vm_id *vm, app_defined done, void *arg);
int app_task_abort(struct app *app, const struct mu_uuid *id, struct mu_error *err);

/* A viewer of a VM's console (agent/console/console.h), for either door. */
int app_console_open(struct app *app, const struct console_request *rq, struct mu_pipe near,
		     struct mu_pipe *ret_far, struct mu_error *err);

/* Asked for by the aggregator */

struct app_command {
	struct mu_uuid id;
	enum journal_kind kind;
	enum vm_op op;          /* JOURNAL_ACTION */
	struct vm_id vm;        /* JOURNAL_ACTION, JOURNAL_UNDEFINE */
	const char *definition; /* JOURNAL_DEFINE: JSON text */
	mu_msec deadline;       /* from now, 0 = none */
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
