/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a host is shut down or rebooted with VMs on it: which VM is asked for what and when, and when
 * the host itself goes. Pure: every event brings the VMs as they are now; orders come out. The
 * shell (agent/app/host_power.c) executes them and answers with events.
 *
 *     IDLE --begin--> CLEARING --no VM runs--> GOING --host done--> OVER
 *                        | failed, cancelled     (no way back)
 *                        v
 *                     STOPPING --nothing under way--> OVER
 *
 *     With `resume` what is about to be suspended is written down first, and that the host goes at
 *     last: IDLE --> NOTING --> CLEARING --> SEALING --> GOING
 *
 * VMs stop in reverse start order: those of the highest order first, side by side, then the next.
 * Nothing is begun that is known to fail at the beginning already.
 */
#ifndef MUSTER_AGENT_CORE_HOST_POWER_H
#define MUSTER_AGENT_CORE_HOST_POWER_H

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/model/vm.h"

/* What becomes of the VMs. */
enum host_power_vms {
	HOST_POWER_KEEP,     /* nothing: refuse when any runs */
	HOST_POWER_SHUTDOWN, /* clean shutdown */
	HOST_POWER_SUSPEND,  /* saved; they go on when they are resumed */
	_HOST_POWER_VMS_COUNT,
};

enum host_power_state {
	HOST_POWER_IDLE,
	HOST_POWER_NOTING,
	HOST_POWER_CLEARING,
	HOST_POWER_SEALING,
	HOST_POWER_GOING,
	HOST_POWER_STOPPING,
	HOST_POWER_OVER,
	_HOST_POWER_STATE_COUNT,
};

/* A VM that has a domain: runs or is paused. */
struct host_power_vm {
	struct vm_id id;
	char name[MODEL_NAME_MAX + 1];
	int32_t order; /* start order */
	bool paused;
	bool managed;
	bool passed; /* has a device of the host's: it cannot be saved */
};

enum host_power_event_kind {
	HOST_POWER_EV_BEGIN,
	HOST_POWER_EV_LOOK,      /* the VMs changed */
	HOST_POWER_EV_VM_DONE,   /* what was ordered of `vm` has ended: `err` */
	HOST_POWER_EV_CANCEL,    /* stop, as long as there is a way back */
	HOST_POWER_EV_HOST_DONE, /* the host goes down, or will not: `err` */
	HOST_POWER_EV_NOTED,     /* NOTE or SEAL is on the disk, or not: `err` */
};

struct host_power_event {
	enum host_power_event_kind kind;
	const struct host_power_vm *vms; /* all that have a domain now */
	size_t n_vms;
	struct vm_id vm;            /* VM_DONE */
	const struct mu_error *err; /* VM_DONE, HOST_DONE, NOTED; NULL or MU_E_NONE: it worked */
};

enum host_power_action_kind {
	HOST_POWER_ASK_VM,    /* do `op` with `vm`, then VM_DONE */
	HOST_POWER_CANCEL_VM, /* what was ordered of `vm` shall stop; VM_DONE still follows */
	HOST_POWER_GO,        /* the host: the point of no return; then HOST_DONE */
	HOST_POWER_PROGRESS,  /* `percent` */
	HOST_POWER_NOTE,      /* write down that the event's VMs are to go on; then NOTED */
	HOST_POWER_SEAL,      /* and that the host goes: in its next boot; then NOTED */
	HOST_POWER_FINISH,    /* it is over: `err`, MU_E_NONE = the host goes down */
};

struct host_power_action {
	enum host_power_action_kind kind;
	struct vm_id vm;
	enum vm_op op;
	mu_msec deadline; /* ASK_VM: from now */
	int percent;
	struct mu_error err;
};

/* A VM that something was ordered of. */
struct host_power_order {
	struct vm_id id;
	char name[MODEL_NAME_MAX + 1];
	enum vm_op op;
	bool under_way;
	unsigned n_tries;
};

struct host_power {
	/* inputs, set before BEGIN */
	enum host_power_vms vms;
	bool resume;         /* SUSPEND: they go on when the host is up again */
	bool force;          /* power off what does not stop when asked, and what is paused */
	mu_msec vm_deadline; /* of each VM's clean shutdown or suspend, 0 = the operation's own */
	/* private */
	enum host_power_state state;
	struct host_power_order *orders;
	size_t n_orders;
	size_t n_vms;        /* the most there were */
	struct mu_error err; /* why it is STOPPING */
	int percent;         /* told last */
	bool noted;
	/* the actions of the step at hand */
	struct host_power_action *actions;
	size_t n_actions;
};

void host_power_init(struct host_power *p);
void host_power_deinit(struct host_power *p);
/* *ret_actions is valid until the next step, and in order. */
void host_power_step(struct host_power *p, const struct host_power_event *event,
		     const struct host_power_action **ret_actions, size_t *ret_n);

/* "keep", "shutdown", "suspend". */
const char *host_power_vms_name(enum host_power_vms v);
bool host_power_vms_parse(const char *name, enum host_power_vms *ret);
const char *host_power_state_name(enum host_power_state s);

#endif
