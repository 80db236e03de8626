/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outgoing side of the stream's state: what to tell the aggregator next. It knows ids and
 * numbers only; contents are read from the view when a message is made. So a slow or absent
 * aggregator costs a few bytes per VM and object, however often it changes. Ids are unique over all
 * kinds (docs/design/objects.md), so what an id is of does not matter here. Pure; sync.c has the
 * idea.
 */
#ifndef MUSTER_AGENT_CORE_SYNC_H
#define MUSTER_AGENT_CORE_SYNC_H

#include "common/base/id.h"
#include "common/base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SYNC_DELTA_MAX = 256,     /* VMs and objects in one delta */
	SYNC_WINDOW_MAX = 64,     /* deltas sent and not acknowledged */
	SYNC_REMOVED_MAX = 10000, /* removals remembered for a resume; more force a snapshot */
};

struct sync;

struct sync_delta {
	uint64_t seq;
	bool host;
	size_t n_changed;
	size_t n_removed;
	struct mu_uuid changed[SYNC_DELTA_MAX];
	struct mu_uuid removed[SYNC_DELTA_MAX];
};

enum sync_start { SYNC_RESUME, SYNC_SNAPSHOT };

/* `epoch` names this numbering: random at every start of the agent. */
struct sync *sync_new(uint64_t epoch);
/* Takes NULL; returns NULL. */
struct sync *sync_free(struct sync *s);
MU_DEFINE_CLEANUP(sync_free, struct sync *);

uint64_t sync_epoch(const struct sync *s);
uint64_t sync_acked(const struct sync *s);

void sync_host_changed(struct sync *s);
void sync_changed(struct sync *s, const struct mu_uuid *id);
void sync_removed(struct sync *s, const struct mu_uuid *id);

/* The aggregator's Welcome. SYNC_SNAPSHOT: send everything, numbered *ret_seq, and nothing else is
 * pending then; what there is no room for is given back with sync_changed(). */
enum sync_start sync_welcome(struct sync *s, bool resume, uint64_t resume_seq, uint64_t *ret_seq);
/* Fill the next delta; false when there is nothing to say or the window is full. */
bool sync_next(struct sync *s, struct sync_delta *ret_delta);
/* Durable at the aggregator up to `seq`. false: it acknowledges what was never sent. */
bool sync_ack(struct sync *s, uint64_t seq);

#endif
