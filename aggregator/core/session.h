/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of a host as a state machine: who may open it, what may come next, what may be
 * acknowledged. docs/design/fleet-protocol.md is the description.
 *
 * PURE: numbers in, orders out. The messages' contents stay with the caller, who executes the
 * actions in order. SESSION_APPLY and SESSION_STORE_BATCHES mean: take the message at hand over and
 * store it; when it is on disk the caller tells so with SESSION_EV_STORED or
 * SESSION_EV_BATCHES_STORED, to the marks of the host and to whatever session the host has then.
 */
#ifndef MUSTER_AGGREGATOR_CORE_SESSION_H
#define MUSTER_AGGREGATOR_CORE_SESSION_H

#include "common/base/error.h"
#include "common/base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SESSION_PROTOCOL = 1, SESSION_SERIES_MAX = 131072 };

enum session_state {
	SESSION_OPENING,        /* waiting for Hello */
	SESSION_AWAIT_SNAPSHOT, /* welcomed, nothing to resume from */
	SESSION_LIVE,
	SESSION_OVER,
	_SESSION_STATE_COUNT,
};

/* How far a host's numbers have come. One per host, outlives its sessions. `stored` is what the
 * store has and what a restart begins with; `applied` runs ahead of it in memory. Every snapshot
 * begins a round: numbers are compared within a round only, for an agent may count wrongly. */
struct session_mark {
	uint64_t stored_round;
	uint64_t stored_epoch; /* 0 = no snapshot is stored */
	uint64_t stored_seq;
	uint64_t applied_round;
	uint64_t applied_epoch;
	uint64_t applied_seq;
	uint64_t metric_epoch;
	uint64_t metric_stored;
	uint64_t metric_taken;
};

enum session_certificate {
	SESSION_CERT_GOOD,
	SESSION_CERT_UNKNOWN, /* signed by the CA, but never issued to this host by this database */
	SESSION_CERT_REVOKED,
	_SESSION_CERT_COUNT,
};

struct session_hello {
	uint32_t protocol;
	const char *host_id;
	const char *common_name; /* of the verified certificate */
	enum session_certificate certificate;
	bool enrolled;
	uint64_t state_epoch;
	uint64_t last_acked_seq;
	uint64_t metric_epoch;
};

enum session_event_kind {
	SESSION_EV_HELLO,
	SESSION_EV_SNAPSHOT,       /* epoch, seq */
	SESSION_EV_DELTA,          /* seq */
	SESSION_EV_STORED,         /* round, epoch, seq */
	SESSION_EV_DICTIONARY,     /* generation, n */
	SESSION_EV_BATCHES,        /* generation, batches, n */
	SESSION_EV_BATCHES_STORED, /* epoch, seq: of the last of them */
	SESSION_EV_ROW_DICTIONARY, /* generation, n */
	SESSION_EV_ROW,            /* seq, generation, n */
	SESSION_EV_OTHER,          /* progress, result, certificate request */
	_SESSION_EV_COUNT,
};

struct session_batch {
	uint64_t seq;
	size_t n_values;
	size_t n_counted;
	bool base; /* these as they stand */
};

struct session_event {
	enum session_event_kind kind;
	const struct session_hello *hello;
	uint64_t round;
	uint64_t epoch;
	uint64_t seq;
	uint32_t generation;
	size_t n;         /* series, values or batches */
	size_t n_counted; /* of the series those that have a counter */
	const struct session_batch *batches;
};

enum session_action_kind {
	SESSION_SEND_WELCOME,    /* resume, seq, metric_seq */
	SESSION_SEND_COMMANDS,   /* all that are pending for the host */
	SESSION_APPLY,           /* round, epoch, seq: apply the message and store it */
	SESSION_SEND_ACK,        /* seq */
	SESSION_KEEP_DICTIONARY, /* generation */
	SESSION_COUNT_BATCHES,   /* first, n: they are here already, but for what they count */
	SESSION_STORE_BATCHES,   /* first, n; epoch, seq of the last */
	SESSION_SEND_METRIC_ACK, /* seq */
	SESSION_KEEP_ROW_DICTIONARY,
	SESSION_STORE_ROW, /* seq */
	SESSION_PASS,      /* handle the message */
	SESSION_END,       /* err */
	_SESSION_ACTION_COUNT,
};

struct session_action {
	enum session_action_kind kind;
	bool resume;
	uint64_t round;
	uint64_t epoch;
	uint64_t seq;
	uint64_t metric_seq;
	size_t first; /* of the message's batches */
	size_t n;
	struct mu_error err;
};

enum { SESSION_ACTIONS_MAX = 2 };

struct session_actions {
	struct session_action items[SESSION_ACTIONS_MAX];
	size_t n_items;
};

struct session_dictionary {
	bool there;
	uint32_t generation;
	size_t n_series;
	size_t n_counted;
	uint64_t counted_seq; /* batch with counters that came last; 0 = none */
};

struct session {
	enum session_state state;
	struct host_id host; /* once welcomed */
	uint64_t expected_seq;
	uint64_t acked_seq;
	struct session_dictionary live; /* of batches */
	struct session_dictionary kept; /* of rows */
};

void session_init(struct session *s);
/* What the store had at start; epoch 0 = no snapshot. */
void session_mark_init(struct session_mark *mark, uint64_t epoch, uint64_t seq,
		       uint64_t metric_epoch, uint64_t metric_seq);
/* `mark` is the host's; NULL only with SESSION_EV_HELLO of a host that is not enrolled. */
void session_step(struct session *s, struct session_mark *mark, const struct session_event *ev,
		  struct session_actions *out);
/* The marks alone, for what is on disk when the host has no session. */
void session_mark_stored(struct session_mark *mark, uint64_t round, uint64_t epoch, uint64_t seq);
/* The agent broke the protocol: its next Hello is answered with resume = false. */
void session_mark_distrust(struct session_mark *mark);
void session_mark_batches_stored(struct session_mark *mark, uint64_t epoch, uint64_t seq);

const char *session_state_name(enum session_state state);

#endif
