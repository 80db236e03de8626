/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host and its VMs did, for those who ask here: half an hour of steps and eight hours
 * of minutes of common/archive, in memory, from the agent's start on. PURE.
 */
#ifndef MUSTER_AGENT_STATS_HISTORY_H
#define MUSTER_AGENT_STATS_HISTORY_H

#include "agent/stats/metric.h"
#include "common/archive/stats.h"
#include "common/base/time.h"

struct history;

struct history *history_new(const struct host_id *host);
struct history *history_free(struct history *h);
MU_DEFINE_CLEANUP(history_free, struct history *);

/* One sample, of a point of the grid. */
void history_add(struct history *h, mu_msec time, const struct metric_list *l);
/* Rows of steps or minutes, in the arena. MU_E_NOT_FOUND: nothing is known of
 * the object; MU_E_UNSUPPORTED: of hours and days. */
int history_read(const struct history *h, const struct stats_query *q, mu_msec now,
		 struct mu_arena *arena, struct stats_result *ret, struct mu_error *err);

#endif
