/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be sent, request by request: a pass goes over all objects, in turns of the loop, and
 * takes of each what there is since it was sent last. Private to aggregator/remote.
 */
#ifndef MUSTER_AGGREGATOR_REMOTE_GATHER_H
#define MUSTER_AGGREGATOR_REMOTE_GATHER_H

#include "aggregator/remote/mark.h"
#include "aggregator/remote/remote.h"

struct gather;

/* `options` lives as long. Objects are sent from behind `step` on. */
struct gather *gather_new(const struct remote_options *options, uint32_t step);
struct gather *gather_free(struct gather *g);
/* At start: this one was sent so far. What the last run may have sent since then goes step by step,
 * so that what the store refuses, as it has it, takes nothing else with it. */
void gather_restore(struct gather *g, const struct mu_uuid *id, const struct cursor *c);
/* All as the mark's bytes. */
void gather_mark(struct gather *g, uint32_t step, struct mu_str *ret);

/* A new pass; it is `step` now. */
void gather_begin(struct gather *g, uint32_t step);

enum gather_state {
	GATHER_GOES_ON, /* call again, in another turn */
	GATHER_FULL,    /* there is a request to be sent */
	GATHER_OVER,    /* the pass is, and there is no request */
};

enum gather_state gather_turn(struct gather *g);
const struct mu_str *gather_bytes(const struct gather *g);
size_t gather_n_samples(const struct gather *g);
/* What the request has need not be sent again; on with the pass. */
void gather_commit(struct gather *g);
/* After GATHER_OVER: there is more already. */
bool gather_more(const struct gather *g);
uint64_t gather_n_lost(const struct gather *g);

#endif
