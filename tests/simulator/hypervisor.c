/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor and the save files of a host, played: a step has its effect late, its result
 * later still, and the agent may die before either.
 */
#include "tests/simulator/sim.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct step {
	struct sim_agent *agent;
	size_t slot;
	uint32_t serial;
	enum vm_step step;
	struct mu_error err;
};

static void domain_make(struct sim *s, struct sim_agent *agent, size_t slot)
{
	struct host_vm *vm = &agent->vms[slot];

	vm->present = true;
	vm->domain = (struct hv_domain){
	    .domid = {++agent->next_domid},
	    .id = agent_vm_id(agent->index, slot),
	    .type = VM_TYPE_PVH,
	    .incomplete = true,
	    .ours = true,
	    .vcpus_online = vm->vcpus,
	    .vcpus_max = vm->vcpus,
	    .memory_bytes = 64 << 20,
	    .memory_max_bytes = 64 << 20,
	    .created_at = s->now,
	};
	memcpy(vm->domain.name, vm->name, sizeof vm->name);
}

void hypervisor_effect(struct sim_agent *agent, struct host_vm *vm, enum vm_step step)
{
	switch (step) {
	case VM_STEP_CREATE:
	case VM_STEP_RESTORE:
		vm->domain.incomplete = false;
		break;
	case VM_STEP_SAVE:
		vm->partial = true;
		vm->present = false;
		break;
	case VM_STEP_SHUTDOWN:
	case VM_STEP_REBOOT:
	case VM_STEP_DESTROY:
		vm->present = false;
		break;
	case VM_STEP_PAUSE:
	case VM_STEP_UNPAUSE:
		vm->domain.paused = step == VM_STEP_PAUSE;
		break;
	case VM_STEP_KEEP_SAVE:
		vm->saved = vm->partial;
		vm->partial = false;
		break;
	case VM_STEP_DROP_SAVE:
		vm->saved = false;
		break;
	case VM_STEP_ADOPT:
		vm->defined = true;
		(void)snprintf(vm->name, sizeof vm->name, "adopted%zu", agent->index);
		break;
	case VM_STEP_CALL: /* chaos asks for operations only */
	case _VM_STEP_COUNT:
		mu_assert_unreachable();
	}
}

static void on_step_told(struct sim *s, void *arg)
{
	const struct step *e = arg;

	ops_step_done(s, e->agent, e->slot, e->serial, &e->err);
}

static bool builds(enum vm_step step)
{
	return step == VM_STEP_CREATE || step == VM_STEP_RESTORE;
}

static void on_step_effect(struct sim *s, void *arg)
{
	struct step *e = mu_xmemdup(arg, sizeof *e);
	struct host_vm *vm = &e->agent->vms[e->slot];
	bool domain = e->step != VM_STEP_KEEP_SAVE && e->step != VM_STEP_DROP_SAVE;

	if (e->agent->cancelled[e->slot] == e->serial && domain)
		(void)mu_error_set(&e->err, MU_E_CANCELLED, "cancelled");
	else if (domain && e->step != VM_STEP_DESTROY && (!vm->present || sim_chance(s, 8)))
		(void)mu_error_set(&e->err, MU_E_INTERNAL, "the hypervisor says no");
	else
		hypervisor_effect(e->agent, vm, e->step);
	if (e->err.code != MU_E_NONE && builds(e->step))
		vm->present = false;
	sim_after(s, (mu_msec)sim_below(s, 30), &e->agent->life, on_step_told, e);
}

static void on_step_begins(struct sim *s, void *arg)
{
	struct step *e = mu_xmemdup(arg, sizeof *e);

	if (builds(e->step) && !e->agent->vms[e->slot].present)
		domain_make(s, e->agent, e->slot);
	sim_after(s, 1 + (mu_msec)sim_below(s, sim_chance(s, 5) ? 20000 : 200), &e->agent->life,
		  on_step_effect, e);
}

void hypervisor_start(struct sim *s, struct sim_agent *agent, size_t slot, uint32_t serial,
		      enum vm_step step)
{
	struct step *e = mu_xcalloc(1, sizeof *e);

	*e = (struct step){.agent = agent, .slot = slot, .serial = serial, .step = step};
	sim_trace(s, "host %zu: VM %zu: %s", agent->index, slot, vm_step_name(step));
	sim_after(s, (mu_msec)sim_below(s, 20), &agent->life, on_step_begins, e);
}
