/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host and its VMs did, for those who ask here: half an hour of steps and eight hours
 * of minutes of common/archive. PURE; where the rows lie is the owner's to say.
 */
#ifndef MUSTER_AGENT_STATS_HISTORY_H
#define MUSTER_AGENT_STATS_HISTORY_H

#include "agent/stats/metric.h"
#include "common/archive/stats.h"
#include "common/base/str.h"
#include "common/base/time.h"

struct history;

enum { HISTORY_MINUTES = 480 }; /* eight hours; no level has more rows */

/* `rows` and its `ctx` as in struct archive_options: NULL is memory that ends with the agent. */
struct history *history_new(const struct host_id *host,
			    void *(*rows)(void *ctx, uint32_t shard, size_t size), void *ctx);
const struct host_id *history_host(const struct history *h);
struct history *history_free(struct history *h);
MU_DEFINE_CLEANUP(history_free, struct history *);

/* Whose the columns of the rows are, as bytes; and back, at the start: steps of before become
 * minutes by `now`. False: they are damaged or another host's, and the history begins anew. */
void history_encode(const struct history *h, struct mu_str *out);
bool history_restore(struct history *h, const void *bytes, size_t len, mu_msec now);

/* The next sample, of a point of the grid, is of these series. True: what history_encode() gives is
 * to be kept now, before their values come. */
bool history_map(struct history *h, mu_msec time, const struct metric_list *l);
void history_add(struct history *h, mu_msec time, const struct metric_list *l);
/* Rows of steps or minutes, in the arena. MU_E_NOT_FOUND: nothing is known of
 * the object; MU_E_UNSUPPORTED: of hours and days. */
int history_read(const struct history *h, const struct stats_query *q, mu_msec now,
		 struct mu_arena *arena, struct stats_result *ret, struct mu_error *err);
/* What is in it, for backfill.h. */
const struct archive *history_archive(const struct history *h);
const struct catalogue *history_catalogue(const struct history *h);
/* Its newest values, when it was heard of within the last minute: those of its series, in their
 * order. NULL otherwise. `ret` has room for CATALOGUE_OBJECT_MAX. */
const struct catalogue_object *history_newest(const struct history *h, const struct mu_uuid *object,
					      mu_msec now, float *ret);

#endif
