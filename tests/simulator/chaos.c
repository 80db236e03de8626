/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a fleet: one random event at a time. */
#include "tests/simulator/sim.h"

#include <stdio.h>
#include <stdlib.h>

struct mend {
	size_t host;
};

/* --- VMs, by other hands than the agent's --- */

static void define(struct sim *s, struct host_vm *vm)
{
	vm->defined = true;
	vm->on_stop = (enum hv_on_event)sim_below(s, _HV_ON_COUNT);
	if (!vm->present)
		vm->vcpus = 1 + (uint32_t)sim_below(s, 4);
	(void)snprintf(vm->name, sizeof vm->name, "vm%llu", (unsigned long long)sim_below(s, 1000));
}

static void start(struct sim *s, struct sim_agent *agent, size_t slot)
{
	struct host_vm *vm = &agent->vms[slot];

	vm->present = true;
	vm->domain = (struct hv_domain){
	    .domid = {++agent->next_domid},
	    .id = agent_vm_id(agent->index, slot),
	    .name = "by hand",
	    .type = VM_TYPE_PV,
	    .ours = sim_chance(s, 70),
	    .vcpus_online = 1,
	    .vcpus_max = 1,
	    .created_at = s->now,
	};
}

static void vm_changes(struct sim *s)
{
	struct sim_agent *agent = &s->agents[sim_below(s, s->n_hosts)];
	size_t slot = sim_below(s, SIM_SLOTS);
	struct host_vm *vm = &agent->vms[slot];
	bool building = vm->present && vm->domain.incomplete;
	bool idle = !agent->up || vm_queue_idle(&agent->queues[slot]);

	if (building)
		return;
	if (!vm->defined && sim_chance(s, 60))
		define(s, vm);
	else if (!vm->present && !vm->saved && idle && sim_chance(s, 70))
		start(s, agent, slot);
	else if (vm->present && sim_chance(s, 40))
		vm->domain.paused = !vm->domain.paused;
	else if (vm->present && sim_chance(s, 50))
		vm->domain.shutdown = HV_SHUTDOWN_POWEROFF;
	else if (vm->present)
		vm->present = false;
	else if (vm->defined && idle && sim_chance(s, 50))
		vm->defined = vm->saved = vm->partial = false; /* removed */
	else
		define(s, vm);
	ops_hint(s, agent, slot);
}

/* --- what people ask --- */

static void ask(struct sim *s)
{
	struct vm_id vm = agent_vm_id(sim_below(s, s->n_hosts), sim_below(s, SIM_SLOTS));

	/* Until something fits. */
	for (int i = 0; i < 4; i++)
		aggregator_vm_op(s, &vm, (enum vm_op)sim_below(s, _VM_OP_COUNT),
				 sim_chance(s, 15) ? 1 + (mu_msec)sim_below(s, 3000) : 0);
}

struct pick {
	struct sim *s;
	struct mu_uuid task;
	unsigned n;
};

static bool pick_pending(const struct model_task *t, void *arg)
{
	struct pick *p = arg;

	if (t->status == TASK_PENDING && sim_below(p->s, ++p->n) == 0)
		p->task = t->id;
	return true;
}

static void abort_one(struct sim *s)
{
	struct pick p = {.s = s};

	if (!s->aggregator.up)
		return;
	tasks_each(s->aggregator.tasks, pick_pending, &p);
	if (p.n)
		aggregator_abort(s, &p.task);
}

/* --- what breaks --- */

static void on_mend(struct sim *s, void *arg)
{
	s->line_up[((struct mend *)arg)->host] = true;
}

static void cut(struct sim *s)
{
	struct mend *m = mu_xcalloc(1, sizeof *m);

	m->host = sim_below(s, s->n_hosts);
	sim_trace(s, "line of host %zu is cut", m->host);
	net_cut(s, m->host);
	s->line_up[m->host] = false;
	sim_after(s, (mu_msec)sim_below(s, sim_chance(s, 70) ? 300 : 10000), NULL, on_mend, m);
}

static void on_restart(struct sim *s, void *arg)
{
	size_t host = ((struct mend *)arg)->host;

	if (host < s->n_hosts)
		agent_start(s, &s->agents[host]);
	else if (!s->aggregator.up)
		aggregator_start(s);
}

static void restart(struct sim *s, size_t host)
{
	struct mend *m = mu_xcalloc(1, sizeof *m);

	m->host = host;
	if (host < s->n_hosts) {
		s->met->n_restarts += s->agents[host].up;
		agent_kill(s, &s->agents[host]);
	} else {
		s->met->n_crashes += s->aggregator.up;
		aggregator_kill(s);
	}
	sim_after(s, (mu_msec)sim_below(s, 2000), NULL, on_restart, m);
}

static void lose_one(struct sim *s)
{
	struct net_stream *stream = s->aggregator.hosts[sim_below(s, s->n_hosts)].stream;

	if (stream)
		stream->lose_delta = true;
}

void chaos_step(struct sim *s)
{
	uint64_t what = sim_below(s, 100);

	if (what < 52)
		vm_changes(s);
	else if (what < 60)
		agent_host_changes(s, &s->agents[sim_below(s, s->n_hosts)]);
	else if (what < 82)
		ask(s);
	else if (what < 86)
		abort_one(s);
	else if (what < 92)
		cut(s);
	else if (what < 95)
		restart(s, sim_below(s, s->n_hosts));
	else if (what < 98)
		restart(s, s->n_hosts);
	else
		lose_one(s);
}

void chaos_mend_all(struct sim *s)
{
	mu_list_each(it, &s->streams) MU_CONTAINER_OF(it, struct net_stream, link)->lose_delta =
	    false;
	for (size_t i = 0; i < s->n_hosts; i++) {
		s->line_up[i] = true;
		agent_start(s, &s->agents[i]);
		/* One more delta: a gap shows with what follows it. */
		agent_host_changes(s, &s->agents[i]);
	}
	if (!s->aggregator.up)
		aggregator_start(s);
}
