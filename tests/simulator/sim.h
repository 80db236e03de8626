/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole fleet in one process under virtual time: the cores of both sides are the real ones,
 * clock, lines, disks and hypervisors are played. One seed decides everything, so that a run can
 * be had again. docs/design/simulator.md says what is checked and what is left out.
 */
#ifndef MUSTER_TESTS_SIMULATOR_SIM_H
#define MUSTER_TESTS_SIMULATOR_SIM_H

#include "tests/simulator/agent.h"
#include "tests/simulator/aggregator.h"

#include "common/base/rand.h"

enum { SIM_HOSTS_MAX = 8, SIM_HOSTS_MIN = 3, SIM_CHAOS = 300 };

/* A rule that is broken on purpose: the checks have to notice. */
enum sim_break {
	SIM_BREAK_NONE,
	SIM_BREAK_ACK,     /* state is acknowledged before it is on disk */
	SIM_BREAK_RESULT,  /* results are acknowledged before they are on disk */
	SIM_BREAK_JOURNAL, /* an agent forgets its journal when it restarts */
	SIM_BREAK_AWAY,    /* hosts are not marked as away */
	SIM_BREAK_DELTA,   /* an agent counts changes that it does not send */
	_SIM_BREAK_COUNT,
};

/* What is known of a command by nobody but the judge. */
struct sim_command {
	bool begun;      /* its first step was ordered */
	uint64_t life;   /* of the agent that did */
	bool has_result; /* durable in the host's journal */
	enum task_status result;
	bool ended_here; /* the aggregator may end it without the host: aborted, or too late */
};

struct sim {
	uint64_t seed;
	struct mu_rand rand;
	mu_msec now;
	uint64_t n_events;
	struct mu_link events;
	struct mu_link streams;
	enum sim_break rule;
	bool trace;
	bool failed;
	char failure[512];
	size_t n_hosts;
	mu_msec disk_latency;
	bool line_up[SIM_HOSTS_MAX];
	struct sim_agent agents[SIM_HOSTS_MAX];
	struct aggregator aggregator;
	struct sim_met *met;
	struct mu_map *commands; /* struct sim_command by id */
};

/* What runs have met: a run that nothing happens in shows nothing. */
struct sim_met {
	uint64_t n_acks;
	uint64_t n_resumes;
	uint64_t n_snapshots;
	uint64_t n_crashes;  /* of the aggregator */
	uint64_t n_restarts; /* of agents */
	uint64_t n_done;     /* commands with a result of their host's */
};

/* true: nothing was violated. Adds to *met. */
bool sim_run(uint64_t seed, enum sim_break rule, bool trace, struct sim_met *met, char *failure,
	     size_t size);

/* `fn` gets `arg` (heap, freed afterwards) after `delay`, unless *life is another number then.
 * Events of one moment come in the order in which they were asked for. */
void sim_after(struct sim *s, mu_msec delay, const uint64_t *life,
	       void (*fn)(struct sim *s, void *arg), void *arg);
uint64_t sim_below(struct sim *s, uint64_t n);
bool sim_chance(struct sim *s, unsigned percent);
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The first one counts and ends the run. */
void sim_violation(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct mu_uuid sim_uuid(struct sim *s);
struct sim_command *sim_command(struct sim *s, const struct mu_uuid *id);

/* chaos.c */
void chaos_step(struct sim *s);
void chaos_mend_all(struct sim *s);

/* check.c: the settled fleet */
void check_settled(struct sim *s);

#endif
