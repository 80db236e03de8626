/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As agent/app: facts.c (the view), ops.c (queues), tasks.c (journal), asks.c (commands) and
 * startup.c (verdicts), over the hypervisor of hypervisor.c.
 */
#include "tests/simulator/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_ID "5d1c0f5e-0000-4000-8000-000000000001"

struct slot_event {
	struct sim_agent *agent;
	size_t slot;
};

enum written { WRITTEN_ACCEPTED, WRITTEN_STARTED, WRITTEN_DONE, WRITTEN_FORGOTTEN };

struct line {
	struct sim_agent *agent;
	enum written what;
	struct mu_uuid task;
	size_t slot;
	bool rewrite;
	enum task_status status;
	size_t len;
	char text[];
};

static void send_event(struct sim *s, struct sim_agent *agent, size_t slot,
		       struct vm_queue_event *event);

/* --- the view --- */

struct changed {
	struct sim_agent *agent;
	bool slots[SIM_SLOTS];
	bool any;
};

static void on_change(const struct vm_view_change *c, void *arg)
{
	struct changed *all = arg;

	if (c->what == VM_VIEW_REMOVED)
		sync_removed(all->agent->sync, &c->vm->id.uuid);
	else if (c->what != VM_VIEW_FACTS)
		sync_changed(all->agent->sync, &c->vm->id.uuid);
	all->slots[agent_slot_of(&c->vm->id)] = true;
	all->any = true;
}

static void publish(struct sim *s, struct sim_agent *agent)
{
	struct vm_queue_event event = {.kind = VM_EVENT_FACTS};
	struct changed all = {.agent = agent};

	vm_view_refresh(agent->view, on_change, &all);
	if (all.any)
		agent_pump_soon(s, agent);
	for (size_t i = 0; i < SIM_SLOTS; i++) {
		if (all.slots[i])
			send_event(s, agent, i, &event);
	}
}

static struct vm_spec *spec_of(const struct sim_agent *agent, size_t slot)
{
	const struct host_vm *vm = &agent->vms[slot];
	struct vm_spec *spec;

	if (!vm->defined)
		return NULL;
	spec = mu_xmalloc(sizeof *spec);
	vm_spec_init(spec);
	spec->config.id = agent_vm_id(agent->index, slot);
	(void)snprintf(spec->config.name, sizeof spec->config.name, "%s", vm->name);
	spec->config.vcpus = spec->config.vcpus_max = vm->vcpus;
	spec->config.memory_bytes = spec->config.memory_max_bytes = 64 << 20;
	spec->config.on_poweroff = spec->config.on_reboot = spec->config.on_crash = vm->on_stop;
	return spec;
}

static void list_domains(struct sim_agent *agent)
{
	struct hv_domain domains[SIM_SLOTS];
	size_t n = 0;

	for (size_t i = 0; i < SIM_SLOTS; i++) {
		if (agent->vms[i].present)
			domains[n++] = agent->vms[i].domain;
	}
	vm_view_set_domains(agent->view, domains, n);
}

static void take_vm(struct sim_agent *agent, size_t slot)
{
	const struct vm_id id = agent_vm_id(agent->index, slot);
	const struct host_vm *vm = &agent->vms[slot];
	const struct vm_entry *e = vm_view_find(agent->view, &id);

	if (vm->defined || (e && e->spec))
		vm_view_set_spec(agent->view, &id, spec_of(agent, slot));
	if (vm->saved || (e && e->saved))
		vm_view_set_saved(agent->view, &id, vm->saved);
}

static void relist(struct sim *s, struct sim_agent *agent)
{
	for (size_t i = 0; i < SIM_SLOTS; i++)
		take_vm(agent, i);
	list_domains(agent);
	publish(s, agent);
}

static void on_hint(struct sim *s, void *arg)
{
	struct slot_event *e = arg;

	relist(s, e->agent);
}

static struct slot_event *slot_event(struct sim_agent *agent, size_t slot)
{
	struct slot_event *e = mu_xcalloc(1, sizeof *e);

	e->agent = agent;
	e->slot = slot;
	return e;
}

void ops_hint(struct sim *s, struct sim_agent *agent, size_t slot)
{
	if (agent->up)
		sim_after(s, (mu_msec)sim_below(s, 60), &agent->life, on_hint,
			  slot_event(agent, slot));
}

/* --- the journal's file --- */

struct agent_task *ops_task(const struct sim_agent *agent, const struct mu_uuid *id)
{
	return mu_map_find(agent->tasks, id->bytes, sizeof id->bytes);
}

/* What a command came to: told once, whatever happens afterwards. */
static void note_result(struct sim *s, const struct line *l)
{
	struct sim_command *c = sim_command(s, &l->task);

	if (c->has_result)
		sim_violation(s, "host %zu: a command has two results, %s and %s", l->agent->index,
			      task_status_name(c->result), task_status_name(l->status));
	s->met->n_done++;
	c->has_result = true;
	c->result = l->status;
}

static void on_written(struct sim *s, void *arg)
{
	struct vm_queue_event event = {.kind = VM_EVENT_RECORDED};
	struct line *l = arg;
	struct agent_task *t;

	if (l->rewrite)
		mu_str_reset(&l->agent->file);
	mu_str_add_bytes(&l->agent->file, l->text, l->len);
	if (l->rewrite)
		return;
	switch (l->what) {
	case WRITTEN_STARTED:
		event.task = l->task;
		send_event(s, l->agent, l->slot, &event);
		return;
	case WRITTEN_DONE:
		note_result(s, l);
		t = ops_task(l->agent, &l->task);
		t->over = true;
		t->sent = false;
		agent_pump_soon(s, l->agent);
		return;
	case WRITTEN_ACCEPTED:
	case WRITTEN_FORGOTTEN:
		return;
	}
}

static struct line *line_new(struct sim_agent *agent, enum written what, const struct mu_str *text)
{
	struct line *l = mu_xcalloc(1, sizeof *l + text->len);

	l->agent = agent;
	l->what = what;
	l->len = text->len;
	if (text->len)
		memcpy(l->text, text->data, text->len);
	return l;
}

static void enqueue(struct sim *s, struct line *l)
{
	mu_msec at = s->now + 1 + (mu_msec)sim_below(s, 20);

	if (at < l->agent->file_last)
		at = l->agent->file_last;
	l->agent->file_last = at;
	sim_after(s, at - s->now, &l->agent->life, on_written, l);
}

static void append(struct sim *s, struct line *l)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str all = MU_STR_INIT;
	struct sim_agent *agent = l->agent;

	enqueue(s, l);
	if (!journal_wants_rewrite(agent->journal))
		return;
	journal_encode(agent->journal, &all);
	l = line_new(agent, WRITTEN_FORGOTTEN, &all);
	l->rewrite = true;
	enqueue(s, l);
}

/* --- tasks --- */

static void task_add(struct sim_agent *agent, const struct mu_uuid *id, bool over)
{
	struct agent_task *t = mu_xcalloc(1, sizeof *t);

	t->over = over;
	free(mu_map_put(agent->tasks, id->bytes, sizeof id->bytes, t));
}

static void task_finish(struct sim *s, struct sim_agent *agent, const struct mu_uuid *task,
			enum task_status status, const struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct line *l;

	sim_trace(s, "host %zu: %02x is over: %s %s", agent->index, task->bytes[0],
		  task_status_name(status), err ? err->text : "");
	journal_done(agent->journal, task, status, err, NULL, s->now, &text);
	l = line_new(agent, WRITTEN_DONE, &text);
	l->task = *task;
	l->status = status;
	append(s, l);
}

static void task_record(struct sim *s, struct sim_agent *agent, size_t slot,
			const struct mu_uuid *task)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct vm_id id = agent_vm_id(agent->index, slot);
	struct vm_facts facts = vm_entry_facts(vm_view_find(agent->view, &id));
	struct line *l;

	journal_start(agent->journal, task, &facts, BOOT_ID, s->now, &text);
	l = line_new(agent, WRITTEN_STARTED, &text);
	l->task = *task;
	l->slot = slot;
	append(s, l);
}

void ops_command(struct sim *s, struct sim_agent *agent, const struct net_message *m)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct vm_request request = {.task = m->id, .op = m->op};
	struct vm_queue_event event = {.kind = VM_EVENT_SUBMIT, .request = &request};
	struct journal_entry e = {
	    .task = m->id, .op = m->op, .vm = m->vm, .user = "aggregator", .accepted_at = s->now};
	size_t slot = agent_slot_of(&m->vm);
	const struct vm_entry *entry = vm_view_find(agent->view, &m->vm);
	struct vm_facts facts = vm_entry_facts(entry);
	struct mu_error err = MU_ERROR_INIT;

	sim_trace(s, "host %zu: command %02x comes", agent->index, m->id.bytes[0]);
	if (journal_find(agent->journal, &m->id)) {
		if (ops_task(agent, &m->id)->over)
			ops_task(agent, &m->id)->sent = false;
		agent_pump_soon(s, agent);
		return;
	}
	if (journal_accept(agent->journal, &e, &text, &err) < 0)
		return;
	task_add(agent, &m->id, false);
	append(s, line_new(agent, WRITTEN_ACCEPTED, &text));
	request.deadline_at = m->left ? s->now + m->left : 0;
	if (!entry || !entry->published)
		(void)mu_error_set(&err, MU_E_NOT_FOUND, "no such VM on this host");
	if (err.code != MU_E_NONE ||
	    vm_queue_accepts(&agent->queues[slot], &facts, &request, &err) < 0)
		task_finish(s, agent, &m->id, TASK_FAILURE, &err);
	else
		send_event(s, agent, slot, &event);
}

void ops_cancel(struct sim *s, struct sim_agent *agent, const struct mu_uuid *task)
{
	struct vm_queue_event event = {.kind = VM_EVENT_CANCEL, .task = *task};
	const struct journal_entry *e = journal_find(agent->journal, task);

	if (e && e->stage != JOURNAL_DONE)
		send_event(s, agent, agent_slot_of(&e->vm), &event);
}

void ops_result_acked(struct sim *s, struct sim_agent *agent, const struct mu_uuid *task)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const struct journal_entry *e = journal_find(agent->journal, task);

	if (!e || e->stage != JOURNAL_DONE)
		return;
	journal_forget(agent->journal, task, &text);
	append(s, line_new(agent, WRITTEN_FORGOTTEN, &text));
}

/* --- the queues --- */

void ops_step_done(struct sim *s, struct sim_agent *agent, size_t slot, uint32_t serial,
		   const struct mu_error *err)
{
	struct vm_queue_event event = {.kind = VM_EVENT_STEP_DONE, .serial = serial, .err = err};

	relist(s, agent);
	send_event(s, agent, slot, &event);
}

static void start_step(struct sim *s, struct sim_agent *agent, size_t slot,
		       const struct vm_queue_action *a)
{
	struct sim_command *c;

	if (!mu_uuid_is_nil(&a->task)) {
		c = sim_command(s, &a->task);
		if (c->begun && c->life != agent->life)
			sim_violation(s, "host %zu: a command for VM %zu goes on after a restart",
				      agent->index, slot);
		c->begun = true;
		c->life = agent->life;
	}
	hypervisor_start(s, agent, slot, a->serial, a->step);
}

static void record(struct sim *s, struct sim_agent *agent, size_t slot, const struct mu_uuid *task)
{
	sim_trace(s, "host %zu: VM %zu: records %02x", agent->index, slot, task->bytes[0]);
	if (sim_command(s, task)->begun)
		sim_violation(s, "host %zu: a command for VM %zu runs again", agent->index, slot);
	task_record(s, agent, slot, task);
}

static void execute(struct sim *s, struct sim_agent *agent, size_t slot,
		    const struct vm_queue_action *a)
{
	struct vm_id id = agent_vm_id(agent->index, slot);

	switch (a->kind) {
	case VM_ACTION_RECORD:
		record(s, agent, slot, &a->task);
		return;
	case VM_ACTION_STEP:
		start_step(s, agent, slot, a);
		return;
	case VM_ACTION_CANCEL_STEP:
		agent->cancelled[slot] = a->serial;
		return;
	case VM_ACTION_FINISH:
		task_finish(s, agent, &a->task,
			    a->err.code == MU_E_NONE ? TASK_SUCCESS : TASK_FAILURE, &a->err);
		return;
	case VM_ACTION_SHOW:
		vm_view_set_op(agent->view, &id, a->op, mu_uuid_is_nil(&a->task) ? NULL : &a->task);
		publish(s, agent);
		return;
	case VM_ACTION_ABANDON:
	case VM_ACTION_REPORT:
		return;
	}
}

static void on_wake(struct sim *s, void *arg)
{
	struct vm_queue_event event = {.kind = VM_EVENT_FACTS};
	struct slot_event *e = arg;

	if (vm_queue_wake_at(&e->agent->queues[e->slot]) <= s->now)
		send_event(s, e->agent, e->slot, &event);
}

static void send_event(struct sim *s, struct sim_agent *agent, size_t slot,
		       struct vm_queue_event *event)
{
	struct vm_id id = agent_vm_id(agent->index, slot);
	struct vm_facts facts = vm_entry_facts(vm_view_find(agent->view, &id));
	struct vm_queue_actions *actions = mu_xcalloc(1, sizeof *actions);
	mu_msec wake;

	event->now = s->now;
	event->facts = &facts;
	vm_queue_step(&agent->queues[slot], event, actions);
	wake = vm_queue_wake_at(&agent->queues[slot]);
	if (wake != MU_MSEC_NEVER)
		sim_after(s, wake > s->now ? wake - s->now : 0, &agent->life, on_wake,
			  slot_event(agent, slot));
	for (size_t i = 0; i < actions->n; i++)
		execute(s, agent, slot, &actions->items[i]);
	free(actions);
}

/* --- start --- */

static void judge(struct sim *s, struct sim_agent *agent, const struct mu_uuid *task)
{
	const struct journal_entry *e = journal_find(agent->journal, task);
	struct vm_queue_event event = {.kind = VM_EVENT_CONTINUE};
	size_t slot = agent_slot_of(&e->vm);
	struct journal_world world = {
	    .boot_id = BOOT_ID,
	    .facts = vm_entry_facts(vm_view_find(agent->view, &e->vm)),
	    .partial_save = agent->vms[slot].partial,
	};
	struct journal_verdict v;

	journal_verdict(e, &world, &v);
	switch (v.follow) {
	case JOURNAL_LEAVE:
		break;
	case JOURNAL_START_AGAIN:
		event.kind = VM_EVENT_START_AGAIN;
		send_event(s, agent, slot, &event);
		break;
	case JOURNAL_CONTINUE:
		send_event(s, agent, slot, &event);
		break;
	case JOURNAL_KEEP_SAVE:
		hypervisor_effect(agent, &agent->vms[slot], VM_STEP_KEEP_SAVE);
		take_vm(agent, slot);
		break;
	}
	task_finish(s, agent, task, v.status, &v.err);
}

static void judge_all(struct sim *s, struct sim_agent *agent)
{
	struct mu_uuid *open = mu_xcalloc(journal_size(agent->journal) + 1, sizeof *open);
	const struct journal_entry *e;
	size_t n = 0;

	for (size_t i = 0; (e = journal_next(agent->journal, &i));) {
		if (e->stage != JOURNAL_DONE)
			open[n++] = e->task;
	}
	for (size_t i = 0; i < n; i++)
		judge(s, agent, &open[i]);
	for (size_t i = 0; i < SIM_SLOTS; i++)
		agent->vms[i].partial = false;
	free(open);
}

void ops_start(struct sim *s, struct sim_agent *agent)
{
	struct host_id id = agent_host_id(agent->index);
	const struct journal_entry *e;
	size_t n_damaged;

	agent->view = vm_view_new(&id);
	agent->journal = journal_new();
	agent->tasks = mu_map_new();
	agent->file_last = 0;
	memset(agent->cancelled, 0, sizeof agent->cancelled);
	for (size_t i = 0; i < SIM_SLOTS; i++) {
		vm_queue_init(&agent->queues[i]);
		take_vm(agent, i);
	}
	if (s->rule == SIM_BREAK_JOURNAL)
		mu_str_reset(&agent->file);
	journal_load(agent->journal, agent->file.data ? agent->file.data : "", agent->file.len,
		     &n_damaged);
	if (n_damaged)
		sim_violation(s, "host %zu: %zu damaged journal lines", agent->index, n_damaged);
	for (size_t i = 0; (e = journal_next(agent->journal, &i));)
		task_add(agent, &e->task, e->stage == JOURNAL_DONE);
	list_domains(agent);
	judge_all(s, agent);
	publish(s, agent);
}

void ops_stop(struct sim_agent *agent)
{
	struct agent_task *t;

	for (size_t i = 0; (t = mu_map_next(agent->tasks, &i, NULL, NULL));)
		free(t);
	agent->tasks = mu_map_free(agent->tasks);
	agent->journal = journal_free(agent->journal);
	agent->view = vm_view_free(agent->view);
}
