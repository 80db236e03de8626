/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host: its hypervisor and files, which stay, and its agent, whose memory goes at a restart. The
 * agent's cores are held together as agent/link (agent.c) and agent/app (ops.c) do it.
 */
#ifndef MUSTER_TESTS_SIMULATOR_AGENT_H
#define MUSTER_TESTS_SIMULATOR_AGENT_H

#include "tests/simulator/net.h"

#include "agent/core/backoff.h"
#include "agent/core/journal.h"
#include "agent/core/sync.h"
#include "agent/core/vm_view.h"

enum agent_state { AGENT_WAITING, AGENT_HELLO, AGENT_LIVE };

/* What is on the host about one VM id. */
struct host_vm {
	bool defined;
	char name[16];
	uint32_t vcpus;
	enum hv_on_event on_stop;
	bool saved;
	bool partial; /* a save file that may not be whole */
	bool present;
	struct hv_domain domain;
};

struct sim_agent {
	size_t index;
	/* the host's */
	struct host_vm vms[SIM_SLOTS];
	uint32_t next_domid;
	struct mu_str file; /* the journal, as far as it is durable */
	/* the agent's */
	bool up;
	uint64_t life;
	mu_msec file_last;
	struct vm_view *view;
	struct journal *journal;
	struct mu_map *tasks; /* struct agent_task by id */
	struct vm_queue queues[SIM_SLOTS];
	uint32_t cancelled[SIM_SLOTS]; /* serial of the step that was asked to stop */
	struct model_host host;
	struct sync *sync;
	struct backoff backoff;
	enum agent_state state;
	struct net_stream *stream;
	mu_msec live_since;
	bool pumping_soon;
};

struct agent_task {
	bool over; /* durably */
	bool sent; /* the result, on this stream */
};

struct host_id agent_host_id(size_t index);
struct vm_id agent_vm_id(size_t index, size_t slot);
size_t agent_index_of(const struct host_id *id);
size_t agent_slot_of(const struct vm_id *id);

void agent_start(struct sim *s, struct sim_agent *agent);
void agent_kill(struct sim *s, struct sim_agent *agent);
void agent_receive(struct sim *s, struct sim_agent *agent, const struct net_message *m);
void agent_ended(struct sim *s, struct sim_agent *agent);
void agent_host_changes(struct sim *s, struct sim_agent *agent);
/* To the stream, from the next turn on. */
void agent_pump_soon(struct sim *s, struct sim_agent *agent);

/* ops.c */
void ops_start(struct sim *s, struct sim_agent *agent);
void ops_stop(struct sim_agent *agent);
void ops_command(struct sim *s, struct sim_agent *agent, const struct net_message *m);
void ops_cancel(struct sim *s, struct sim_agent *agent, const struct mu_uuid *task);
void ops_result_acked(struct sim *s, struct sim_agent *agent, const struct mu_uuid *task);
/* The definition, domain or save file of a VM changed: the view is told soon, or at once. */
void ops_hint(struct sim *s, struct sim_agent *agent, size_t slot);
void ops_step_done(struct sim *s, struct sim_agent *agent, size_t slot, uint32_t serial,
		   const struct mu_error *err);
struct agent_task *ops_task(const struct sim_agent *agent, const struct mu_uuid *id);

/* hypervisor.c: ops_step_done() follows, if the agent lives. */
void hypervisor_start(struct sim *s, struct sim_agent *agent, size_t slot, uint32_t serial,
		      enum vm_step step);
/* What the step does when nothing goes wrong. */
void hypervisor_effect(struct sim_agent *agent, struct host_vm *vm, enum vm_step step);

#endif
