/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thin on purpose: the order of calls is that of fleet/link.c, fleet/fleet.c, app/state.c,
 * app/load.c and app/operations.c, and nothing else is here.
 */
#include "tests/simulator/aggregator.h"

#include "tests/simulator/sim.h"

#include "common/base/assert.h"

#include <string.h>

/* --- start and crash --- */

static bool load_task(struct sim *s, const struct model_task *t)
{
	tasks_load(s->aggregator.tasks, t, NULL);
	return true;
}

static void load_host(struct sim *s, size_t i)
{
	struct aggregator *a = &s->aggregator;
	struct disk_host *h = &a->disk.hosts[i];

	inventory_host_add(a->inventory, &h->model, &a->changes);
	for (size_t k = 0; k < SIM_SLOTS; k++) {
		if (h->has[k])
			inventory_delta(a->inventory, &h->model.id,
					&(struct inventory_report){.vms = &h->vms[k], .n_vms = 1},
					&a->changes);
	}
	session_mark_init(&a->hosts[i].mark, h->epoch, h->seq, 0, 0);
	a->hosts[i].stream = NULL;
}

void aggregator_start(struct sim *s)
{
	struct aggregator *a = &s->aggregator;
	const struct model_task *t;

	a->up = true;
	a->inventory = inventory_new();
	inventory_changes_init(&a->changes);
	a->tasks = tasks_new(TASKS_HISTORY);
	for (size_t i = 0; i < s->n_hosts; i++)
		load_host(s, i);
	for (size_t i = 0; (t = mu_map_next(a->disk.tasks, &i, NULL, NULL));)
		load_task(s, t);
	inventory_changes_reset(&a->changes);
	sim_trace(s, "aggregator starts");
}

void aggregator_kill(struct sim *s)
{
	struct aggregator *a = &s->aggregator;

	if (!a->up)
		return;
	sim_trace(s, "aggregator is killed");
	a->up = false;
	a->life++;
	a->disk.last = 0;
	a->inventory = inventory_free(a->inventory);
	inventory_changes_deinit(&a->changes);
	a->tasks = tasks_free(a->tasks);
	net_aggregator_dies(s);
}

/* --- the inventory --- */

static bool check_shown(const struct model_vm *vm, void *arg)
{
	struct sim *s = arg;
	size_t host = agent_index_of(&vm->host);

	if (vm->power == VM_RUNNING && !s->aggregator.hosts[host].stream)
		sim_violation(s, "host %zu is away, but VM %zu is shown as running", host,
			      agent_slot_of(&vm->id));
	return !s->failed;
}

static void publish(struct sim *s)
{
	struct aggregator *a = &s->aggregator;

	if (a->changes.n_items)
		inventory_each_vm(a->inventory, check_shown, s);
	inventory_changes_reset(&a->changes);
}

static void connected(struct sim *s, size_t host, bool up)
{
	struct aggregator *a = &s->aggregator;
	struct host_id id = agent_host_id(host);

	tasks_host_away(a->tasks, &id);
	if (up || s->rule != SIM_BREAK_AWAY)
		inventory_host_connected(a->inventory, &id, up, s->now, &a->changes);
	sim_trace(s, "aggregator: host %zu is %s", host, up ? "connected" : "away");
	inventory_each_vm(a->inventory, check_shown, s);
	publish(s);
}

/* --- the stream --- */

static void detach(struct sim *s, struct net_stream *stream)
{
	bool attached = stream->attached;

	stream->attached = false;
	if (!attached || s->aggregator.hosts[stream->host].stream != stream)
		return;
	s->aggregator.hosts[stream->host].stream = NULL;
	connected(s, stream->host, false);
}

static void finish(struct sim *s, struct net_stream *stream, const char *why)
{
	if (!stream->aggregator_open)
		return;
	sim_trace(s, "aggregator ends the stream of host %zu: %s", stream->host, why);
	stream->session.state = SESSION_OVER;
	net_aggregator_closes(s, stream);
	detach(s, stream);
}

void aggregator_ended(struct sim *s, struct net_stream *stream)
{
	detach(s, stream);
}

static void attach(struct sim *s, struct net_stream *stream)
{
	struct net_stream *old = s->aggregator.hosts[stream->host].stream;

	if (old) {
		old->attached = false; /* the host itself is not away */
		finish(s, old, "superseded");
	}
	stream->attached = true;
	s->aggregator.hosts[stream->host].stream = stream;
	connected(s, stream->host, true);
}

static void pump(struct sim *s, size_t host)
{
	struct aggregator *a = &s->aggregator;
	struct host_id id = agent_host_id(host);
	struct tasks_command c;
	struct net_message *m;

	while (a->hosts[host].stream && tasks_next_command(a->tasks, &id, s->now, &c)) {
		m = net_message_new(NET_COMMAND, 0);
		m->id = c.id;
		m->vm = c.vm;
		m->op = c.op;
		m->left = c.left;
		sim_trace(s, "aggregator: %s of VM %zu to host %zu, task %02x", vm_op_name(c.op),
			  agent_slot_of(&c.vm), host, c.id.bytes[0]);
		net_send(s, a->hosts[host].stream, NET_DOWN, m);
		tasks_sent(a->tasks, &c.id);
	}
}

/* The promise of an acknowledgement, judged by the disk itself. */
static void send_ack(struct sim *s, struct net_stream *stream, uint64_t seq)
{
	const struct disk_host *h = &s->aggregator.disk.hosts[stream->host];
	const struct sim_agent *agent = &s->agents[stream->host];
	struct net_message *m = net_message_new(NET_STATE_ACK, 0);

	if (stream->agent_open && (h->epoch != sync_epoch(agent->sync) || h->seq < seq))
		sim_violation(s, "host %zu: %llu is acknowledged, the disk has %llu", stream->host,
			      (unsigned long long)seq, (unsigned long long)h->seq);
	s->met->n_acks++;
	m->seq = seq;
	sim_trace(s, "aggregator: ack %llu to host %zu", (unsigned long long)seq, stream->host);
	net_send(s, stream, NET_DOWN, m);
}

static void send_welcome(struct sim *s, struct net_stream *stream, const struct session_action *a)
{
	struct net_message *m = net_message_new(NET_WELCOME, 0);

	s->met->n_resumes += a->resume;
	s->met->n_snapshots += !a->resume;
	m->resume = a->resume;
	m->seq = a->seq;
	sim_trace(s, "aggregator: welcome to host %zu, %s %llu", stream->host,
		  a->resume ? "resume" : "anew", (unsigned long long)a->seq);
	net_send(s, stream, NET_DOWN, m);
}

static void apply(struct sim *s, struct net_stream *stream, const struct session_action *act,
		  const struct net_message *m)
{
	struct aggregator *a = &s->aggregator;
	struct host_id id = agent_host_id(stream->host);
	struct disk_tx *tx = disk_tx_new(DISK_STATE, stream->host, m->n_vms);

	const struct inventory_report report = {
	    .host = m->has_host ? &m->host : NULL,
	    .vms = m->vms,
	    .n_vms = m->n_vms,
	    .removed = m->removed,
	    .n_removed = m->n_removed,
	};

	tx->snapshot = m->kind == NET_SNAPSHOT;
	if (tx->snapshot)
		inventory_snapshot(a->inventory, &id, &report, &a->changes);
	else
		inventory_delta(a->inventory, &id, &report, &a->changes);
	publish(s);
	tx->round = act->round;
	tx->epoch = act->epoch;
	tx->seq = act->seq;
	tx->model = *inventory_host_find(a->inventory, &id);
	tx->n_removed = m->n_removed;
	memcpy(tx->removed, m->removed, sizeof tx->removed);
	memcpy(tx->vms, m->vms, m->n_vms * sizeof tx->vms[0]);
	disk_commit(s, tx);
	if (s->rule == SIM_BREAK_ACK)
		send_ack(s, stream, act->seq);
}

static void result_acked(struct sim *s, size_t host, const struct mu_uuid *id)
{
	struct net_message *m;

	if (!s->aggregator.hosts[host].stream)
		return;
	m = net_message_new(NET_RESULT_ACK, 0);
	m->id = *id;
	net_send(s, s->aggregator.hosts[host].stream, NET_DOWN, m);
}

static void pass(struct sim *s, struct net_stream *stream, const struct net_message *m)
{
	struct host_id id = agent_host_id(stream->host);
	struct disk_tx *tx = disk_tx_new(DISK_RESULT, stream->host, 0);

	tx->task.id = m->id;
	tx->ends =
	    tasks_end(s->aggregator.tasks, &id, &m->id, m->status, &m->err, "", s->now, &tx->task);
	disk_commit(s, tx);
	if (s->rule == SIM_BREAK_RESULT)
		result_acked(s, stream->host, &m->id);
}

static void execute(struct sim *s, struct net_stream *stream, const struct session_actions *acts,
		    const struct net_message *m)
{
	for (size_t i = 0; i < acts->n_items && stream->aggregator_open; i++) {
		const struct session_action *a = &acts->items[i];

		switch (a->kind) {
		case SESSION_SEND_WELCOME:
			attach(s, stream);
			send_welcome(s, stream, a);
			break;
		case SESSION_SEND_COMMANDS:
			pump(s, stream->host);
			break;
		case SESSION_APPLY:
			apply(s, stream, a, m);
			break;
		case SESSION_SEND_ACK:
			send_ack(s, stream, a->seq);
			break;
		case SESSION_PASS:
			pass(s, stream, m);
			break;
		case SESSION_END:
			finish(s, stream, a->err.text);
			break;
		case SESSION_KEEP_DICTIONARY:
		case SESSION_STORE_BATCHES:
		case SESSION_COUNT_BATCHES:
		case SESSION_SEND_METRIC_ACK:
		case SESSION_KEEP_ROW_DICTIONARY:
		case SESSION_STORE_ROW:
		case _SESSION_ACTION_COUNT:
			mu_assert_unreachable();
		}
	}
}

static enum session_event_kind event_of(enum net_kind kind)
{
	switch (kind) {
	case NET_HELLO:
		return SESSION_EV_HELLO;
	case NET_SNAPSHOT:
		return SESSION_EV_SNAPSHOT;
	case NET_DELTA:
		return SESSION_EV_DELTA;
	case NET_RESULT:
	case NET_WELCOME:
	case NET_STATE_ACK:
	case NET_COMMAND:
	case NET_RESULT_ACK:
	case NET_CANCEL:
	case NET_END:
		break;
	}
	return SESSION_EV_OTHER;
}

void aggregator_receive(struct sim *s, struct net_stream *stream, const struct net_message *m)
{
	struct session_event ev = {.kind = event_of(m->kind), .epoch = m->epoch, .seq = m->seq};
	struct host_id id = agent_host_id(stream->host);
	struct session_actions acts;
	char text[MU_UUID_TEXT];
	struct session_hello hello = {
	    .protocol = SESSION_PROTOCOL,
	    .host_id = mu_uuid_format(&id.uuid, text),
	    .common_name = text,
	    .certificate = SESSION_CERT_GOOD,
	    .enrolled = true,
	    .state_epoch = m->epoch,
	    .last_acked_seq = m->seq,
	};

	if (ev.kind == SESSION_EV_HELLO)
		ev.hello = &hello;
	session_step(&stream->session, &s->aggregator.hosts[stream->host].mark, &ev, &acts);
	execute(s, stream, &acts, m);
}

/* --- what came to the disk --- */

static void put_task(struct sim *s, enum disk_kind kind, const struct model_task *t)
{
	struct disk_tx *tx = disk_tx_new(kind, agent_index_of(&t->host), 0);

	tx->task = *t;
	disk_commit(s, tx);
}

/* The task timer. */
static void expire(struct sim *s)
{
	const struct model_task *t;

	while ((t = tasks_expire(s->aggregator.tasks, s->now))) {
		sim_command(s, &t->id)->ended_here = true;
		put_task(s, DISK_TASK_PUT, t);
	}
}

static void on_expiry(struct sim *s, void *arg)
{
	(void)arg;
	expire(s);
}

static void state_stored(struct sim *s, const struct disk_tx *tx)
{
	struct net_stream *stream = s->aggregator.hosts[tx->host].stream;
	struct session_mark *mark = &s->aggregator.hosts[tx->host].mark;
	struct session_event ev = {
	    .kind = SESSION_EV_STORED, .round = tx->round, .epoch = tx->epoch, .seq = tx->seq};
	struct session_actions acts;

	session_mark_stored(mark, tx->round, tx->epoch, tx->seq);
	if (!stream)
		return;
	session_step(&stream->session, mark, &ev, &acts);
	execute(s, stream, &acts, NULL);
}

void aggregator_stored(struct sim *s, const struct disk_tx *tx)
{
	switch (tx->kind) {
	case DISK_STATE:
		state_stored(s, tx);
		return;
	case DISK_TASK_BEGIN:
		(void)tasks_confirm(s->aggregator.tasks, &tx->task.id);
		pump(s, tx->host);
		expire(s);
		return;
	case DISK_RESULT:
		if (tx->ends)
			(void)tasks_ended(s->aggregator.tasks, &tx->task);
		result_acked(s, tx->host, &tx->task.id);
		return;
	case DISK_TASK_PUT:
		return;
	}
}

/* --- what people ask for --- */

void aggregator_vm_op(struct sim *s, const struct vm_id *vm, enum vm_op op, mu_msec deadline)
{
	struct aggregator *a = &s->aggregator;
	const struct model_vm *shown = a->up ? inventory_vm_find(a->inventory, vm) : NULL;
	struct model_task t = {.status = TASK_PENDING, .op = op, .vm = *vm, .start = s->now};
	size_t host;

	if (!shown || !vm_op_allowed(op, shown->power))
		return;
	host = agent_index_of(&shown->host);
	t.id = sim_uuid(s);
	t.host = shown->host;
	t.updated = s->now;
	t.deadline = deadline ? s->now + deadline : 0;
	if (tasks_begin(a->tasks, &t, NULL, NULL) < 0)
		return;
	sim_trace(s, "asked: %s of VM %zu on host %zu, task %02x", vm_op_name(op),
		  agent_slot_of(vm), host, t.id.bytes[0]);
	put_task(s, DISK_TASK_BEGIN, &t);
	if (deadline)
		sim_after(s, deadline + 1, &a->life, on_expiry, NULL);
}

void aggregator_abort(struct sim *s, const struct mu_uuid *task)
{
	struct aggregator *a = &s->aggregator;
	const struct model_task *t = tasks_find(a->tasks, task);
	struct net_message *m;
	size_t host;
	bool cancel;

	if (!t || t->status != TASK_PENDING)
		return;
	host = agent_index_of(&t->host);
	t = tasks_abort(a->tasks, task, a->hosts[host].stream != NULL, s->now, &cancel);
	if (!t)
		return;
	sim_trace(s, "abort of %02x on host %zu, %s", task->bytes[0], host,
		  cancel ? "cancelled there" : "ended here");
	put_task(s, DISK_TASK_PUT, t);
	if (!cancel) {
		sim_command(s, task)->ended_here = true;
		return;
	}
	m = net_message_new(NET_CANCEL, 0);
	m->id = *task;
	net_send(s, a->hosts[host].stream, NET_DOWN, m);
}
