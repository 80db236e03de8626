/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VM's operations and calls: what runs, what waits, what comes next. A pure state machine;
 * time, results and facts come in as events, orders go out as actions (vm_queue.c has the picture).
 * One per VM, so that a hung VM holds up no other. Plain data, no ownership.
 */
#ifndef MUSTER_AGENT_CORE_VM_QUEUE_H
#define MUSTER_AGENT_CORE_VM_QUEUE_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"
#include "common/model/task.h"

enum {
	VM_QUEUE_MAX = 8,  /* operations that wait */
	VM_QUEUE_HARD = 2, /* and hard ones on top: a full line must not protect a hung guest */
	VM_QUEUE_ACTIONS_MAX = 2 * VM_QUEUE_MAX + 4,
	VM_QUEUE_STEPS_MAX = 2,
};

/* How long a cancelled step may keep a hard operation waiting. */
#define VM_QUEUE_CANCEL_GRACE MU_SEC(10)

enum vm_queue_state {
	VM_QUEUE_IDLE,
	VM_QUEUE_RECORDING,  /* the journal's start record is on its way to the disk */
	VM_QUEUE_RUNNING,    /* a step runs */
	VM_QUEUE_CANCELLING, /* the step was asked to stop */
	_VM_QUEUE_STATE_COUNT,
};

/* What the shell executes, one at a time. */
enum vm_step {
	VM_STEP_CREATE,
	VM_STEP_RESTORE, /* from the save file */
	VM_STEP_SHUTDOWN,
	VM_STEP_REBOOT,
	VM_STEP_DESTROY,
	VM_STEP_PAUSE,
	VM_STEP_UNPAUSE,
	VM_STEP_SAVE,      /* to a partial save file */
	VM_STEP_KEEP_SAVE, /* the partial save file becomes the save file, durably */
	VM_STEP_DROP_SAVE, /* remove the save file */
	VM_STEP_ADOPT,     /* write a definition from the domain's configuration */
	VM_STEP_CALL,      /* run a call's handler */
	_VM_STEP_COUNT,
};

/* The VM as of the event. */
struct vm_facts {
	enum vm_kind kind; /* of its definition */
	enum vm_power power;
	bool defined;
	bool saved;
	bool present;
	bool incomplete;          /* present, but not wholly built */
	bool ours;                /* built by our driver, in this run or one before */
	bool nameless;            /* present, and nobody has given it a name yet */
	struct hv_domid domid;    /* when present */
	enum hv_shutdown stopped; /* why the guest of the present domain has stopped */
	enum hv_on_event on_stop; /* what the definition says about that */
};

bool vm_facts_equal(const struct vm_facts *a, const struct vm_facts *b);

/* An operation or a call: a call is one step, and never hard. */
struct vm_request {
	struct mu_uuid task;
	enum vm_op op;                  /* _VM_OP_COUNT for a call */
	const struct call_method *call; /* NULL for an operation */
	mu_msec deadline_at;            /* monotonic; 0 = none */
};

enum vm_queue_event_kind {
	VM_EVENT_SUBMIT,
	VM_EVENT_RECORDED,    /* the start record of `task` is durable */
	VM_EVENT_STEP_DONE,   /* `serial`, `err` (code MU_E_NONE: it worked) */
	VM_EVENT_CANCEL,      /* `task` */
	VM_EVENT_FACTS,       /* the VM changed, or time passed */
	VM_EVENT_CONTINUE,    /* a save that nobody will finish holds the guest: let it go on */
	VM_EVENT_START_AGAIN, /* a reboot died with the agent after it had stopped the VM */
};

struct vm_queue_event {
	enum vm_queue_event_kind kind;
	mu_msec now; /* monotonic */
	const struct vm_facts *facts;
	const struct vm_request *request; /* SUBMIT */
	struct mu_uuid task;              /* RECORDED, CANCEL */
	uint32_t serial;                  /* STEP_DONE */
	const struct mu_error *err;       /* STEP_DONE */
};

enum vm_queue_action_kind {
	VM_ACTION_RECORD,      /* write the start record of `task`, then RECORDED */
	VM_ACTION_STEP,        /* start `step` as `serial`, then STEP_DONE */
	VM_ACTION_CANCEL_STEP, /* ask `serial` to stop */
	VM_ACTION_ABANDON,     /* forget `serial`: its result will not be waited for */
	VM_ACTION_FINISH,      /* `task` ended with `err` (code MU_E_NONE: success) */
	VM_ACTION_SHOW,        /* the VM's current operation is `op` of `task` now */
	VM_ACTION_REPORT,      /* an operation nobody asked for failed: `err` */
};

struct vm_queue_action {
	enum vm_queue_action_kind kind;
	struct mu_uuid task; /* nil: nobody's */
	enum vm_op op;       /* _VM_OP_COUNT: a call's, or none */
	enum vm_step step;
	uint32_t serial;
	mu_msec deadline; /* STEP: from now, 0 = the step's own */
	struct mu_error err;
};

struct vm_queue_actions {
	size_t n;
	struct vm_queue_action items[VM_QUEUE_ACTIONS_MAX];
};

struct vm_queue {
	enum vm_queue_state state;
	struct vm_facts facts;
	struct vm_request current; /* nil task: by our own decision */
	enum vm_step steps[VM_QUEUE_STEPS_MAX];
	size_t n_steps;
	size_t step; /* index of the present one */
	uint32_t serial;
	bool cancelled;
	mu_msec cancelled_at;
	size_t n_waiting;
	struct vm_request waiting[VM_QUEUE_MAX + VM_QUEUE_HARD];
	/* restarting a guest that stops again at once */
	mu_msec created_at;
	unsigned n_quick_stops;
	mu_msec hold_until;  /* our own decisions wait until then */
	bool start_again;    /* asked for by VM_EVENT_START_AGAIN, until done or overtaken */
	mu_msec shell_since; /* a nameless, half-built domain has our id; 0 = there is none */
};

void vm_queue_init(struct vm_queue *q);
/* May `request` be put in? MU_E_STATE, MU_E_EXHAUSTED, ... with what to do. To be asked before
 * the request is made durable; SUBMIT asserts it. */
int vm_queue_accepts(const struct vm_queue *q, const struct vm_facts *facts,
		     const struct vm_request *request, struct mu_error *err);
/* Appends to *actions, which the caller has emptied. */
void vm_queue_step(struct vm_queue *q, const struct vm_queue_event *event,
		   struct vm_queue_actions *actions);
/* When VM_EVENT_FACTS is wanted next whatever happens; MU_MSEC_NEVER = not. */
mu_msec vm_queue_wake_at(const struct vm_queue *q);
/* Nothing runs and nothing waits. */
bool vm_queue_idle(const struct vm_queue *q);
const char *vm_queue_state_name(enum vm_queue_state s);
const char *vm_step_name(enum vm_step s);

#endif
