/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines between agents and the aggregator. A stream delivers in order and late; when its line is
 * cut a tail of what is under way is lost, and each end learns of it in its own time.
 */
#ifndef MUSTER_TESTS_SIMULATOR_NET_H
#define MUSTER_TESTS_SIMULATOR_NET_H

#include "aggregator/core/session.h"
#include "common/base/list.h"
#include "common/model/host.h"
#include "common/model/task.h"

enum { SIM_SLOTS = 8 }; /* VM ids of a host */

struct sim;

enum net_way { NET_UP, NET_DOWN, _NET_WAY_COUNT };

enum net_kind {
	NET_HELLO,    /* epoch, seq: acknowledged */
	NET_SNAPSHOT, /* epoch, seq, host, vms */
	NET_DELTA,    /* seq, host, vms, removed */
	NET_RESULT,   /* id, status, err */
	NET_WELCOME,  /* resume, seq */
	NET_STATE_ACK,
	NET_COMMAND, /* id, vm, op, left */
	NET_RESULT_ACK,
	NET_CANCEL,
	NET_END, /* the other side has ended the stream */
};

/* As the wire's messages, decoded. */
struct net_message {
	struct net_stream *stream;
	enum net_way way;
	enum net_kind kind;
	uint64_t epoch;
	uint64_t seq;
	bool resume;
	struct mu_uuid id;
	struct vm_id vm;
	enum vm_op op;
	mu_msec left;
	enum task_status status;
	struct mu_error err;
	bool has_host;
	struct model_host host;
	size_t n_removed;
	struct mu_uuid removed[SIM_SLOTS];
	size_t n_vms;
	struct model_vm vms[];
};

struct net_stream {
	struct mu_link link;
	size_t host;
	bool cut;
	bool lose_delta;               /* the next one */
	mu_msec until[_NET_WAY_COUNT]; /* what would arrive later is lost */
	mu_msec last[_NET_WAY_COUNT];
	bool agent_open;
	bool aggregator_open;
	/* the aggregator's */
	struct session session;
	bool attached;
};

/* NULL: nobody answers. */
struct net_stream *net_dial(struct sim *s, size_t host);
struct net_message *net_message_new(enum net_kind kind, size_t n_vms);
/* Takes over `m`. */
void net_send(struct sim *s, struct net_stream *stream, enum net_way way, struct net_message *m);
void net_cut(struct sim *s, size_t host);
/* One end goes: the other is told behind what was sent before. */
void net_agent_closes(struct sim *s, struct net_stream *stream);
void net_aggregator_closes(struct sim *s, struct net_stream *stream);
/* The aggregator died. */
void net_aggregator_dies(struct sim *s);
void net_deinit(struct sim *s);

#endif
