/* SPDX-License-Identifier: Apache-2.0 */
/* As agent/link: link.c (attempts), pump.c (up), inbound.c (down). */
#include "tests/simulator/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { HELLO_PATIENCE = 15000 };

struct turn {
	struct sim_agent *agent;
	struct net_stream *stream;
};

/* --- ids --- */

struct host_id agent_host_id(size_t index)
{
	return (struct host_id){{{0x40, (uint8_t)index, 1}}};
}

struct vm_id agent_vm_id(size_t index, size_t slot)
{
	return (struct vm_id){{{0x50, (uint8_t)index, (uint8_t)slot, 1}}};
}

size_t agent_index_of(const struct host_id *id)
{
	return id->uuid.bytes[1];
}

size_t agent_slot_of(const struct vm_id *id)
{
	return id->uuid.bytes[2];
}

/* --- attempts --- */

static void after(struct sim *s, struct sim_agent *agent, mu_msec delay,
		  void (*fn)(struct sim *s, void *arg))
{
	struct turn *t = mu_xcalloc(1, sizeof *t);

	*t = (struct turn){.agent = agent, .stream = agent->stream};
	sim_after(s, delay, &agent->life, fn, t);
}

static void on_patience(struct sim *s, void *arg)
{
	const struct turn *t = arg;

	if (t->agent->state != AGENT_HELLO || t->agent->stream != t->stream)
		return;
	net_agent_closes(s, t->stream);
	agent_ended(s, t->agent);
}

static void on_dial(struct sim *s, void *arg)
{
	struct sim_agent *agent = ((struct turn *)arg)->agent;
	struct net_message *m;

	agent->stream = net_dial(s, agent->index);
	if (!agent->stream) {
		after(s, agent, backoff_next(&agent->backoff, 0), on_dial);
		return;
	}
	agent->state = AGENT_HELLO;
	agent->live_since = 0;
	m = net_message_new(NET_HELLO, 0);
	m->epoch = sync_epoch(agent->sync);
	m->seq = sync_acked(agent->sync);
	sim_trace(s, "host %zu says hello, acked %llu", agent->index, (unsigned long long)m->seq);
	net_send(s, agent->stream, NET_UP, m);
	after(s, agent, HELLO_PATIENCE, on_patience);
}

void agent_ended(struct sim *s, struct sim_agent *agent)
{
	struct agent_task *t;
	mu_msec lived = agent->state == AGENT_LIVE ? s->now - agent->live_since + 1 : 0;

	for (size_t i = 0; (t = mu_map_next(agent->tasks, &i, NULL, NULL));)
		t->sent = false;
	agent->stream = NULL;
	agent->state = AGENT_WAITING;
	sim_trace(s, "host %zu: its stream is over", agent->index);
	after(s, agent, backoff_next(&agent->backoff, lived), on_dial);
}

static void break_stream(struct sim *s, struct sim_agent *agent, const char *why)
{
	sim_trace(s, "host %zu ends the stream: %s", agent->index, why);
	net_agent_closes(s, agent->stream);
	agent_ended(s, agent);
}

/* --- up --- */

static void send_delta(struct sim *s, struct sim_agent *agent, const struct sync_delta *d)
{
	struct net_message *m = net_message_new(NET_DELTA, d->n_changed);
	const struct vm_entry *e;

	m->seq = d->seq;
	m->has_host = d->host;
	m->host = agent->host;
	for (size_t i = 0; i < d->n_changed; i++) {
		const struct vm_id id = {d->changed[i]};

		e = vm_view_find(agent->view, &id);
		if (e && e->published && (s->rule != SIM_BREAK_DELTA || !sim_chance(s, 2)))
			m->vms[m->n_vms++] = e->model;
	}
	for (size_t i = 0; i < d->n_removed; i++)
		m->removed[m->n_removed++] = d->removed[i];
	sim_trace(s, "host %zu: delta %llu, %zu changed, %zu removed", agent->index,
		  (unsigned long long)m->seq, m->n_vms, m->n_removed);
	net_send(s, agent->stream, NET_UP, m);
}

static void pump_state(struct sim *s, struct sim_agent *agent)
{
	struct sync_delta *d = mu_xmalloc(sizeof *d);

	while (sync_next(agent->sync, d)) {
		if (d->seq - sync_acked(agent->sync) > SYNC_WINDOW_MAX)
			sim_violation(s, "host %zu: %llu is sent, but only %llu is acknowledged",
				      agent->index, (unsigned long long)d->seq,
				      (unsigned long long)sync_acked(agent->sync));
		send_delta(s, agent, d);
	}
	free(d);
}

static void pump_results(struct sim *s, struct sim_agent *agent)
{
	const struct journal_entry *e;
	struct agent_task *t;
	struct net_message *m;

	for (size_t i = 0; (e = journal_next(agent->journal, &i));) {
		t = ops_task(agent, &e->task);
		if (e->stage != JOURNAL_DONE || !t->over || t->sent)
			continue;
		t->sent = true;
		m = net_message_new(NET_RESULT, 0);
		m->id = e->task;
		m->status = e->status;
		m->err = e->err;
		net_send(s, agent->stream, NET_UP, m);
	}
}

static void pump(struct sim *s, struct sim_agent *agent)
{
	if (agent->state != AGENT_LIVE)
		return;
	pump_state(s, agent);
	pump_results(s, agent);
}

static void on_soon(struct sim *s, void *arg)
{
	struct sim_agent *agent = ((struct turn *)arg)->agent;

	agent->pumping_soon = false;
	pump(s, agent);
}

void agent_pump_soon(struct sim *s, struct sim_agent *agent)
{
	if (agent->pumping_soon)
		return;
	agent->pumping_soon = true;
	after(s, agent, 0, on_soon);
}

static void send_snapshot(struct sim *s, struct sim_agent *agent, uint64_t seq)
{
	struct net_message *m = net_message_new(NET_SNAPSHOT, vm_view_size(agent->view));
	const struct vm_entry *e;

	m->epoch = sync_epoch(agent->sync);
	m->seq = seq;
	m->has_host = true;
	m->host = agent->host;
	for (size_t i = 0; (e = vm_view_next(agent->view, &i));) {
		if (e->published)
			m->vms[m->n_vms++] = e->model;
	}
	sim_trace(s, "host %zu: snapshot %llu", agent->index, (unsigned long long)seq);
	net_send(s, agent->stream, NET_UP, m);
}

/* --- down --- */

static void on_welcome(struct sim *s, struct sim_agent *agent, const struct net_message *m)
{
	uint64_t seq;

	agent->state = AGENT_LIVE;
	agent->live_since = s->now;
	if (sync_welcome(agent->sync, m->resume, m->seq, &seq) == SYNC_SNAPSHOT)
		send_snapshot(s, agent, seq);
	pump(s, agent);
}

void agent_receive(struct sim *s, struct sim_agent *agent, const struct net_message *m)
{
	if ((agent->state == AGENT_HELLO) != (m->kind == NET_WELCOME)) {
		sim_violation(s, "host %zu: message %u at the wrong time", agent->index, m->kind);
		return;
	}
	switch (m->kind) {
	case NET_WELCOME:
		on_welcome(s, agent, m);
		break;
	case NET_STATE_ACK:
		if (sync_ack(agent->sync, m->seq))
			pump(s, agent);
		else
			break_stream(s, agent, "an acknowledgement for what was never sent");
		break;
	case NET_COMMAND:
		ops_command(s, agent, m);
		break;
	case NET_RESULT_ACK:
		ops_result_acked(s, agent, &m->id);
		break;
	case NET_CANCEL:
		ops_cancel(s, agent, &m->id);
		break;
	case NET_HELLO:
	case NET_SNAPSHOT:
	case NET_DELTA:
	case NET_RESULT:
	case NET_END:
		break;
	}
}

/* --- life --- */

void agent_host_changes(struct sim *s, struct sim_agent *agent)
{
	if (!agent->up)
		return;
	agent->host.memory_free_bytes = (int64_t)sim_below(s, 1024) << 20;
	sync_host_changed(agent->sync);
	agent_pump_soon(s, agent);
}

void agent_start(struct sim *s, struct sim_agent *agent)
{
	if (agent->up)
		return;
	sim_trace(s, "agent of host %zu starts", agent->index);
	agent->up = true;
	model_host_init(&agent->host);
	agent->host.id = agent_host_id(agent->index);
	agent->host.connected = true;
	agent->host.agent_started_at = s->now;
	(void)snprintf(agent->host.name, sizeof agent->host.name, "host%zu", agent->index);
	agent->sync = sync_new(mu_rand_next(&s->rand) | 1);
	backoff_init(&agent->backoff, mu_rand_next(&s->rand));
	agent->state = AGENT_WAITING;
	ops_start(s, agent);
	sync_host_changed(agent->sync);
	after(s, agent, 0, on_dial);
}

void agent_kill(struct sim *s, struct sim_agent *agent)
{
	if (!agent->up)
		return;
	sim_trace(s, "agent of host %zu is killed", agent->index);
	agent->up = false;
	agent->life++;
	if (agent->stream)
		net_agent_closes(s, agent->stream);
	agent->stream = NULL;
	agent->pumping_soon = false;
	agent->sync = sync_free(agent->sync);
	ops_stop(agent);
}
