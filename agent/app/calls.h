/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on this host (docs/design/objects.md): a handler per method, in a table. By the time a
 * handler is started its arguments were checked, its start is in the journal, and a call on a VM
 * has its turn in the VM's queue. A handler does not block; it ends its call exactly once. Loop
 * thread.
 */
#ifndef MUSTER_AGENT_APP_CALLS_H
#define MUSTER_AGENT_APP_CALLS_H

#include "agent/core/journal.h"
#include "common/base/list.h"
#include "common/base/value.h"
#include "common/loop/loop.h"

struct app;
struct app_call_handler;

struct app_call {
	struct app *app;
	struct mu_uuid task;
	const struct call_method *method;
	struct mu_uuid object;
	struct vm_id vm;                  /* the same, of a call on a VM */
	const struct mu_value *arguments; /* an object */
	struct mu_arena *arena;           /* lives as long as the call */
	mu_msec deadline_at;              /* loop's time; 0 = none */
	bool cancelled;                   /* asked to stop; after the deadline too */
	void *state;                      /* the handler's own */
	/* private */
	const struct app_call_handler *handler;
	struct mu_link link;
	struct mu_timer *timer; /* deadline */
	bool late;
	bool finished;
	struct mu_error err;
	char value[CALL_VALUE_MAX + 1];
	void (*over)(struct app_call *c, const struct mu_error *err);
	void *arg; /* of who started it */
};

struct app_call_handler {
	const char *method;
	void (*start)(struct app_call *c);
	/* Asks it to stop; app_call_finish() still follows. NULL: it is over soon anyway. */
	void (*cancel)(struct app_call *c);
	/* What became of a call that the agent died on after its start: `arguments` as it had them
	 * (NULL when damaged), *v as journal_verdict() filled it. NULL: nobody knows. */
	void (*verdict)(struct app *app, const struct journal_entry *e,
			const struct mu_value *arguments, struct journal_verdict *v);
	/* What cannot wait for the verdict, of a call that the agent died on. NULL: nothing. */
	void (*urgent)(struct app *app, const struct journal_entry *e);
	/* It is not waited for when the agent stops: the next run gives its verdict. Not for
	 * calls on a VM. */
	bool outlives;
	/* Its verdict waits until the SRs have been looked at. */
	bool of_storage;
};

/* The families of handlers, one file each. */
extern const struct app_call_handler calls_vm[];
extern const size_t n_calls_vm;
extern const struct app_call_handler calls_create[];
extern const size_t n_calls_create;
extern const struct app_call_handler calls_snapshot[];
extern const size_t n_calls_snapshot;
extern const struct app_call_handler calls_revert[];
extern const size_t n_calls_revert;
extern const struct app_call_handler calls_clone[];
extern const size_t n_calls_clone;
extern const struct app_call_handler calls_ova_import[];
extern const size_t n_calls_ova_import;
extern const struct app_call_handler calls_ova_export[];
extern const size_t n_calls_ova_export;
extern const struct app_call_handler calls_host[];
extern const size_t n_calls_host;
extern const struct app_call_handler calls_pci[];
extern const size_t n_calls_pci;
extern const struct app_call_handler calls_cpupool[];
extern const size_t n_calls_cpupool;
extern const struct app_call_handler calls_storage[];
extern const size_t n_calls_storage;
extern const struct app_call_handler calls_network[];
extern const size_t n_calls_network;
extern const struct app_call_handler calls_devices[];
extern const size_t n_calls_devices;

/* For handlers */

/* Who asked, for the record; valid as long as the call. */
const char *app_call_user(const struct app_call *c);
void app_call_progress(struct app_call *c, int percent);
/* A line for whoever looks at the task. */
void app_call_say(struct app_call *c, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* It is over: with `err`, or (NULL or MU_E_NONE) with `value`, an object of at most CALL_VALUE_MAX
 * bytes of text (NULL: {}). Takes effect in the next loop turn, so it may be called in start; `c`
 * must not be touched any more. */
void app_call_finish(struct app_call *c, const struct mu_error *err, const struct mu_value *value);

/* For the agent itself */

/* Arguments' text -> value, checked against the method. MU_E_UNSUPPORTED: no such method. */
int calls_read(struct mu_arena *a, const char *method, const char *arguments,
	       const struct call_method **ret_method, struct mu_value **ret_arguments,
	       struct mu_error *err);
/* Start the handler of a call that is in the journal; over(c, err) once, never inside: c->value is
 * what it gives back, c->arg is `arg`. */
void calls_start(struct app *app, const struct mu_uuid *task, mu_msec deadline,
		 void (*over)(struct app_call *c, const struct mu_error *err), void *arg);
/* The task of a call that may have ended meanwhile. */
void calls_cancel(struct app *app, const struct mu_uuid *task);
/* Has it begun, and goes on to its end whoever asks it to stop? */
bool calls_goes_on(const struct app *app, const struct mu_uuid *task);
/* A value's text, "" when it is longer than CALL_VALUE_MAX. */
void calls_value_text(const struct mu_value *value, char ret[static CALL_VALUE_MAX + 1]);
/* Is its verdict to be asked for only when storage_settled()? */
bool calls_verdict_waits(const struct app *app, const struct journal_entry *e);
/* Of every one, before any verdict. */
void calls_urgent(struct app *app, const struct journal_entry *e);
/* At start: what the domains have by now, where the last run died before it wrote that down. */
void calls_devices_look(struct app *app);
void calls_verdict(struct app *app, const struct journal_entry *e, struct journal_verdict *v);
/* Ask all to stop, then done(arg) from the loop when they are over. */
void calls_stop(struct app *app, mu_loop_cb done, void *arg);
void calls_deinit(struct app *app);

#endif
