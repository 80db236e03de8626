/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks of the fleet: which are pending, which command goes to which host next, and a bounded
 * history of what became of the others. docs/design/fleet-protocol.md has the life cycle.
 *
 * PURE: times come in, the caller stores and sends. A task is hidden until tasks_confirm() says
 * that it is stored; only then may its command leave. Returned pointers are valid until the next
 * call that changes the table.
 */
#ifndef MUSTER_AGGREGATOR_CORE_TASKS_H
#define MUSTER_AGGREGATOR_CORE_TASKS_H

#include "common/model/task.h"
#include "common/model/task_lines.h"

#include <stddef.h>

struct tasks;

enum {
	TASKS_HISTORY = 10000,          /* finished tasks that are kept, for TASKS_KEEP */
	TASKS_LINES_MAX = 100000,       /* of all: the oldest finished tasks go before */
	TASKS_PENDING_PER_HOST = 500,   /* more are refused */
	TASKS_ARGUMENTS_MAX = 16 << 20, /* bytes of all pending calls' */
};

#define TASKS_KEEP (30 * MU_SEC(86400))

/* A command that has to leave now. */
struct tasks_command {
	struct mu_uuid id;
	struct vm_id vm;
	enum vm_op op;
	const char *method; /* of a call, else NULL; valid until the task changes */
	struct mu_uuid object;
	const char *arguments;
	mu_msec left; /* until the deadline, at least 1; 0 = none */
};

struct tasks *tasks_new(size_t history);
/* Takes NULL; returns NULL. */
struct tasks *tasks_free(struct tasks *t);

/* From the store, in order of start. A pending one may have been sent before. `arguments` of a
 * pending call (JSON text), else NULL; copied. */
void tasks_load(struct tasks *t, const struct model_task *task, const char *arguments);
/* A new pending task, still hidden. MU_E_EXISTS, MU_E_EXHAUSTED. */
int tasks_begin(struct tasks *t, const struct model_task *task, const char *arguments,
		struct mu_error *err);
/* It is stored: visible from now on. */
const struct model_task *tasks_confirm(struct tasks *t, const struct mu_uuid *id);
/* It could not be stored: it never was. */
void tasks_drop(struct tasks *t, const struct mu_uuid *id);

/* NULL when unknown or hidden. */
const struct model_task *tasks_find(const struct tasks *t, const struct mu_uuid *id);
size_t tasks_n_pending(const struct tasks *t);
/* In order of start; stop when `each` returns false. */
void tasks_each(const struct tasks *t, bool (*each)(const struct model_task *task, void *arg),
		void *arg);

/* The next command of `host` that was not sent on its present stream. */
bool tasks_next_command(const struct tasks *t, const struct host_id *host, mu_msec now,
			struct tasks_command *ret);
void tasks_sent(struct tasks *t, const struct mu_uuid *id);
/* The host's stream is gone: everything pending is to be sent again on the next. */
void tasks_host_away(struct tasks *t, const struct host_id *host);

/*
 * What follows changes at most one task and returns it, or NULL when nothing changed (unknown id,
 * already finished, not that host's). `host` is whose stream it came on.
 */
const struct model_task *tasks_progress(struct tasks *t, const struct host_id *host,
					const struct mu_uuid *id, int percent, mu_msec now);
/*
 * The end that the host told, in two steps, so that nobody sees it before it is stored: how the
 * task will look (false when there is nothing to store: unknown, not that host's, over or ending
 * already), and, when that is on disk, its taking effect (NULL when something else ended it
 * meanwhile). `status` is not TASK_PENDING; `err` is kept unless it is success, `value` (of a call)
 * if it is.
 */
bool tasks_end(struct tasks *t, const struct host_id *host, const struct mu_uuid *id,
	       enum task_status status, const struct mu_error *err, const char *value, mu_msec now,
	       struct model_task *ret);
const struct model_task *tasks_ended(struct tasks *t, const struct model_task *end);
/* Somebody wants it to stop: noted, and *ret_cancel says whether the host has to be told. Without
 * a way to tell, it ends at once: interrupted if it may have been sent, else failed. NULL also
 * while the end that the host told is being stored: nothing may be stored over it. */
const struct model_task *tasks_abort(struct tasks *t, const struct mu_uuid *id, bool connected,
				     mu_msec now, bool *ret_cancel);
/* One task whose deadline passed before it could be sent; call until NULL. */
const struct model_task *tasks_expire(struct tasks *t, mu_msec now);
/* One pending task of a host that was forgotten; call until NULL. */
const struct model_task *tasks_forget_host(struct tasks *t, const struct host_id *host,
					   mu_msec now);
/* When the tasks_expire() has something to do next; MU_MSEC_NEVER = nothing waits. */
mu_msec tasks_next_expiry(const struct tasks *t);
/* Take the oldest finished task out if there is more than the history holds, or if it has ended
 * too long ago; call until false. */
bool tasks_evict(struct tasks *t, mu_msec now, struct model_task *ret);
/* May it be taken out? MU_E_NOT_FOUND; MU_E_STATE: it has not ended, or what it is a part of. */
int tasks_check_delete(const struct tasks *t, const struct mu_uuid *id, struct mu_error *err);
/* Take it out; false when that may not be, or is done. */
bool tasks_delete(struct tasks *t, const struct mu_uuid *id, struct model_task *ret);

/* What was said of a task: NULL when unknown or hidden, and, of those that add to it, when there is
 * nothing new to be stored. */
const struct task_lines *tasks_lines(const struct tasks *t, const struct mu_uuid *id);
const struct task_line *tasks_say(struct tasks *t, const struct mu_uuid *id,
				  const struct task_line *line);
/* The line of this number that its host tells; those that are known are passed over. */
const struct task_line *tasks_host_says(struct tasks *t, const struct host_id *host,
					const struct mu_uuid *id, size_t number,
					const struct task_line *line);

/*
 * Groups (`n_parts`): begun and confirmed as any task, without a host. The group ends when all that
 * joined it have, as a failure if one did, or was refused: then there are fewer than `n_parts`, and
 * the group's `err` says why. To abort it only notes that: its parts are aborted one by one.
 */
/* False when there is no such group or part, or it is one already. */
bool tasks_join(struct tasks *t, const struct mu_uuid *group, const struct mu_uuid *part);
void tasks_each_part(const struct tasks *t, const struct mu_uuid *group,
		     bool (*each)(const struct model_task *task, void *arg), void *arg);
/* One group that has ended, or got on, since something became of a part; call until NULL. */
const struct model_task *tasks_group_changed(struct tasks *t, mu_msec now);

#endif
