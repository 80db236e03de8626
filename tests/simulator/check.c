/* SPDX-License-Identifier: Apache-2.0 */
/* When everything is mended and nothing happens any more, the fleet has to be of one opinion. */
#include "tests/simulator/sim.h"

static void check_vm(struct sim *s, const struct sim_agent *agent, const struct vm_entry *e)
{
	const struct disk_host *disk = &s->aggregator.disk.hosts[agent->index];
	const struct model_vm *shown = inventory_vm_find(s->aggregator.inventory, &e->id);
	size_t slot = agent_slot_of(&e->id);

	if (!shown || !model_vm_equal(shown, &e->model))
		sim_violation(s, "host %zu: VM %zu is %s, shown as %s", agent->index, slot,
			      vm_power_name(e->model.power),
			      shown ? vm_power_name(shown->power) : "nothing");
	if (!disk->has[slot] || !model_vm_equal(&disk->vms[slot], &e->model))
		sim_violation(s, "host %zu: VM %zu is stored otherwise than it is", agent->index,
			      slot);
}

static void check_host(struct sim *s, const struct sim_agent *agent)
{
	const struct disk_host *disk = &s->aggregator.disk.hosts[agent->index];
	const struct model_host *shown;
	struct model_host host = agent->host;
	const struct vm_entry *e;
	size_t n = 0;
	size_t n_stored = 0;

	shown = inventory_host_find(s->aggregator.inventory, &host.id);
	host.last_seen = shown->last_seen;
	if (!model_host_equal(shown, &host))
		sim_violation(s, "host %zu is shown otherwise than it is", agent->index);
	for (size_t i = 0; (e = vm_view_next(agent->view, &i));) {
		if (!e->published)
			continue;
		check_vm(s, agent, e);
		n++;
	}
	for (size_t i = 0; i < SIM_SLOTS; i++)
		n_stored += disk->has[i];
	if (inventory_host_n_vms(s->aggregator.inventory, &host.id) != n || n_stored != n)
		sim_violation(s, "host %zu has %zu VMs, %zu are shown, %zu stored", agent->index, n,
			      inventory_host_n_vms(s->aggregator.inventory, &host.id), n_stored);
	if (journal_size(agent->journal))
		sim_violation(s, "host %zu: %zu results were never acknowledged", agent->index,
			      journal_size(agent->journal));
}

static void check_task(struct sim *s, const struct model_task *t)
{
	const struct model_task *shown = tasks_find(s->aggregator.tasks, &t->id);
	const struct sim_command *c = sim_command(s, &t->id);
	char id[MU_UUID_TEXT];

	mu_uuid_format(&t->id, id);
	if (t->status == TASK_PENDING)
		sim_violation(s, "task %s never ended: %s of VM %zu on host %zu", id,
			      vm_op_name(t->op), agent_slot_of(&t->vm), agent_index_of(&t->host));
	else if (!shown || shown->status != t->status)
		sim_violation(s, "task %s is stored as %s, shown as %s", id,
			      task_status_name(t->status),
			      shown ? task_status_name(shown->status) : "nothing");
	else if (!c->ended_here && (!c->has_result || c->result != t->status))
		sim_violation(s, "task %s is %s, its host says %s", id, task_status_name(t->status),
			      c->has_result ? task_status_name(c->result) : "nothing");
}

void check_settled(struct sim *s)
{
	const struct model_task *t;

	for (size_t i = 0; i < s->n_hosts; i++) {
		if (s->aggregator.hosts[i].stream)
			check_host(s, &s->agents[i]);
		else
			sim_violation(s, "host %zu does not come back", i);
	}
	for (size_t i = 0; (t = mu_map_next(s->aggregator.disk.tasks, &i, NULL, NULL));)
		check_task(s, t);
}
