/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/host_power.h"

#include "common/base/assert.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A VM that comes back again and again (somebody starts it) must not keep the host for ever. */
enum { TRIES_MAX = 3, NAMES_SHOWN = 3 };

#define TO(s) (1u << (s))

static const struct {
	const char *name;
	unsigned next;
} states[_HOST_POWER_STATE_COUNT] = {
    [HOST_POWER_IDLE] = {"idle", TO(HOST_POWER_NOTING) | TO(HOST_POWER_CLEARING)},
    [HOST_POWER_NOTING] = {"noting", TO(HOST_POWER_CLEARING) | TO(HOST_POWER_STOPPING)},
    [HOST_POWER_CLEARING] = {"clearing", TO(HOST_POWER_SEALING) | TO(HOST_POWER_GOING) |
					     TO(HOST_POWER_STOPPING)},
    [HOST_POWER_SEALING] = {"sealing", TO(HOST_POWER_CLEARING) | TO(HOST_POWER_GOING) |
					   TO(HOST_POWER_STOPPING)},
    [HOST_POWER_GOING] = {"going", TO(HOST_POWER_OVER)},
    [HOST_POWER_STOPPING] = {"stopping", TO(HOST_POWER_OVER)},
    [HOST_POWER_OVER] = {"over", 0},
};

static const char *const vms_names[_HOST_POWER_VMS_COUNT] = {
    [HOST_POWER_KEEP] = "keep",
    [HOST_POWER_SHUTDOWN] = "shutdown",
    [HOST_POWER_SUSPEND] = "suspend",
};

const char *host_power_state_name(enum host_power_state s)
{
	return states[s].name;
}

const char *host_power_vms_name(enum host_power_vms v)
{
	return vms_names[v];
}

bool host_power_vms_parse(const char *name, enum host_power_vms *ret)
{
	for (unsigned i = 0; i < _HOST_POWER_VMS_COUNT; i++) {
		if (strcmp(name, vms_names[i]) == 0) {
			*ret = (enum host_power_vms)i;
			return true;
		}
	}
	return false;
}

void host_power_init(struct host_power *p)
{
	memset(p, 0, sizeof *p);
}

void host_power_deinit(struct host_power *p)
{
	free(p->orders);
	free(p->actions);
	host_power_init(p);
}

static void move(struct host_power *p, enum host_power_state to)
{
	mu_assert(states[p->state].next & TO(to));
	p->state = to;
}

static struct host_power_action *act(struct host_power *p, enum host_power_action_kind kind)
{
	struct host_power_action *a;

	p->actions = mu_xrealloc(p->actions, p->n_actions + 1, sizeof *p->actions);
	a = &p->actions[p->n_actions++];
	*a = (struct host_power_action){.kind = kind, .op = _VM_OP_COUNT};
	return a;
}

/* ---- orders ---- */

static struct host_power_order *order_find(struct host_power *p, const struct vm_id *id)
{
	for (size_t i = 0; i < p->n_orders; i++) {
		if (mu_uuid_equal(&p->orders[i].id.uuid, &id->uuid))
			return &p->orders[i];
	}
	return NULL;
}

static struct host_power_order *order_need(struct host_power *p, const struct host_power_vm *vm)
{
	struct host_power_order *o = order_find(p, &vm->id);

	if (o)
		return o;
	p->orders = mu_xrealloc(p->orders, p->n_orders + 1, sizeof *p->orders);
	o = &p->orders[p->n_orders++];
	*o = (struct host_power_order){.id = vm->id};
	(void)snprintf(o->name, sizeof o->name, "%s", vm->name);
	return o;
}

static size_t n_under_way(const struct host_power *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_orders; i++)
		n += p->orders[i].under_way;
	return n;
}

static void ask(struct host_power *p, struct host_power_order *o, enum vm_op op)
{
	struct host_power_action *a = act(p, HOST_POWER_ASK_VM);

	o->op = op;
	o->under_way = true;
	o->n_tries++;
	a->vm = o->id;
	a->op = op;
	a->deadline = op == VM_OP_HARD_SHUTDOWN ? 0 : p->vm_deadline;
}

/* ---- ending ---- */

static void finish_stopping(struct host_power *p)
{
	if (p->state != HOST_POWER_STOPPING || n_under_way(p))
		return;
	move(p, HOST_POWER_OVER);
	act(p, HOST_POWER_FINISH)->err = p->err;
}

/* p->err is set. What is under way is asked to stop, and waited for. */
static void stop(struct host_power *p)
{
	move(p, HOST_POWER_STOPPING);
	for (size_t i = 0; i < p->n_orders; i++) {
		if (p->orders[i].under_way)
			act(p, HOST_POWER_CANCEL_VM)->vm = p->orders[i].id;
	}
	finish_stopping(p);
}

/* ---- what cannot work ---- */

static int refuse_running(const struct host_power_event *e, struct mu_error *err)
{
	char names[NAMES_SHOWN * 48] = "";

	for (size_t i = 0; i < e->n_vms && i < NAMES_SHOWN; i++) {
		size_t used = strlen(names);

		(void)snprintf(names + used, sizeof names - used, "%s%.40s", i ? ", " : "",
			       e->vms[i].name);
	}
	return mu_error_set(err, MU_E_STATE,
			    "%zu VM%s on this host (%s%s); hint: say what shall become of "
			    "them: shutdown or suspend",
			    e->n_vms, e->n_vms == 1 ? " runs" : "s run", names,
			    e->n_vms > NAMES_SHOWN ? ", ..." : "");
}

static int check_vm(const struct host_power *p, const struct host_power_vm *vm,
		    struct mu_error *err)
{
	if (p->vms == HOST_POWER_SHUTDOWN && vm->paused && !p->force)
		return mu_error_set(err, MU_E_STATE,
				    "VM %s is paused and cannot shut down; hint: unpause it, or "
				    "allow force",
				    vm->name);
	if (p->vms == HOST_POWER_SUSPEND && vm->paused)
		return mu_error_set(err, MU_E_STATE,
				    "VM %s is paused and cannot be suspended; hint: unpause it",
				    vm->name);
	if (p->vms == HOST_POWER_SUSPEND && !vm->managed)
		return mu_error_set(err, MU_E_STATE,
				    "VM %s has no definition here and could not be resumed; hint: "
				    "adopt it, or shut it down",
				    vm->name);
	if (p->resume && vm->passed)
		return mu_error_set(err, MU_E_STATE,
				    "VM %s has a device of the host and cannot be suspended; hint: "
				    "shut it down, or detach that",
				    vm->name);
	return 0;
}

/* One that something was ordered of looks paused while it is being saved or destroyed. */
static int check(struct host_power *p, const struct host_power_event *e, struct mu_error *err)
{
	if (p->vms == HOST_POWER_KEEP && e->n_vms)
		return refuse_running(e, err);
	for (size_t i = 0; i < e->n_vms; i++) {
		const struct host_power_order *o = order_find(p, &e->vms[i].id);

		if (!(o && o->under_way) && check_vm(p, &e->vms[i], err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* ---- clearing ---- */

static enum vm_op op_for(const struct host_power *p, const struct host_power_vm *vm)
{
	if (p->vms == HOST_POWER_SUSPEND)
		return VM_OP_SUSPEND;
	return vm->paused ? VM_OP_HARD_SHUTDOWN : VM_OP_CLEAN_SHUTDOWN;
}

static int32_t highest(const struct host_power_event *e)
{
	int32_t order = INT32_MIN;

	for (size_t i = 0; i < e->n_vms; i++)
		order = e->vms[i].order > order ? e->vms[i].order : order;
	return order;
}

static void tell_progress(struct host_power *p, const struct host_power_event *e)
{
	int percent;

	if (e->n_vms > p->n_vms)
		p->n_vms = e->n_vms;
	percent = p->n_vms ? (int)((p->n_vms - e->n_vms) * 90 / p->n_vms) : 90;
	if (percent <= p->percent)
		return;
	p->percent = percent;
	act(p, HOST_POWER_PROGRESS)->percent = percent;
}

/* Those of the highest order that are still there, each once at a time. */
static int ask_highest(struct host_power *p, const struct host_power_event *e, struct mu_error *err)
{
	int32_t order = highest(e);

	for (size_t i = 0; i < e->n_vms; i++) {
		const struct host_power_vm *vm = &e->vms[i];
		struct host_power_order *o;

		if (vm->order != order)
			continue;
		o = order_need(p, vm);
		if (o->under_way)
			continue;
		if (o->n_tries >= TRIES_MAX)
			return mu_error_set(err, MU_E_STATE,
					    "VM %s was stopped %d times and is there again",
					    vm->name, TRIES_MAX);
		ask(p, o, op_for(p, vm));
	}
	return 0;
}

static void clear(struct host_power *p, const struct host_power_event *e)
{
	tell_progress(p, e);
	if (e->n_vms == 0 && n_under_way(p) == 0) {
		move(p, p->noted ? HOST_POWER_SEALING : HOST_POWER_GOING);
		act(p, p->noted ? HOST_POWER_SEAL : HOST_POWER_GO);
		return;
	}
	if (check(p, e, &p->err) < 0 || ask_highest(p, e, &p->err) < 0)
		stop(p);
}

/* ---- events ---- */

static bool failed(const struct mu_error *err)
{
	return err && err->code != MU_E_NONE;
}

static void vm_done(struct host_power *p, const struct host_power_event *e)
{
	struct host_power_order *o = order_find(p, &e->vm);

	mu_assert(o && o->under_way);
	o->under_way = false;
	if (p->state != HOST_POWER_CLEARING) {
		finish_stopping(p);
		return;
	}
	if (!failed(e->err)) {
		clear(p, e);
		return;
	}
	if (o->op == VM_OP_CLEAN_SHUTDOWN && p->force) {
		ask(p, o, VM_OP_HARD_SHUTDOWN);
		return;
	}
	p->err = *e->err;
	(void)mu_error_prefix(&p->err, "VM %s", o->name);
	stop(p);
}

/* What cannot work is refused by clear(), with nothing written. */
static void begin(struct host_power *p, const struct host_power_event *e)
{
	struct mu_error err = MU_ERROR_INIT;

	p->noted = p->resume && e->n_vms && check(p, e, &err) == 0;
	move(p, p->noted ? HOST_POWER_NOTING : HOST_POWER_CLEARING);
	if (p->noted)
		act(p, HOST_POWER_NOTE);
	else
		clear(p, e);
}

static void noted(struct host_power *p, const struct host_power_event *e)
{
	if (p->err.code == MU_E_NONE && failed(e->err)) {
		p->err = *e->err;
		(void)mu_error_prefix(&p->err, "what is to go on cannot be noted");
	}
	if (p->err.code != MU_E_NONE) {
		stop(p);
		return;
	}
	if (p->state == HOST_POWER_SEALING && e->n_vms == 0) {
		move(p, HOST_POWER_GOING);
		act(p, HOST_POWER_GO);
		return;
	}
	move(p, HOST_POWER_CLEARING);
	clear(p, e);
}

static void cancel(struct host_power *p)
{
	bool writes = p->state == HOST_POWER_NOTING || p->state == HOST_POWER_SEALING;

	if (p->state != HOST_POWER_CLEARING && !writes)
		return; /* before or behind the way back */
	(void)mu_error_set(&p->err, MU_E_CANCELLED, "cancelled; the host goes on, %s",
			   p->noted ? "VMs that were suspended already go on"
				    : "VMs that are down already stay down");
	if (!writes) /* NOTED still comes */
		stop(p);
}

void host_power_step(struct host_power *p, const struct host_power_event *event,
		     const struct host_power_action **ret_actions, size_t *ret_n)
{
	p->n_actions = 0;
	switch (event->kind) {
	case HOST_POWER_EV_BEGIN:
		begin(p, event);
		break;
	case HOST_POWER_EV_LOOK:
		if (p->state == HOST_POWER_CLEARING)
			clear(p, event);
		break;
	case HOST_POWER_EV_VM_DONE:
		vm_done(p, event);
		break;
	case HOST_POWER_EV_CANCEL:
		cancel(p);
		break;
	case HOST_POWER_EV_HOST_DONE:
		move(p, HOST_POWER_OVER);
		mu_error_clear(&p->err);
		act(p, HOST_POWER_FINISH)->err = event->err ? *event->err : p->err;
		break;
	case HOST_POWER_EV_NOTED:
		noted(p, event);
		break;
	}
	*ret_actions = p->actions;
	*ret_n = p->n_actions;
}
