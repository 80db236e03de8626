/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the aggregator does not have although this host has been running: rows of the history that
 * are sent behind what is new, after a long cut or a restart of the agent in one. PURE.
 *
 * The aggregator tells with its Welcome what it has of the host's own series; what the history has
 * more of is sent: steps that the other side has a place for as steps, what is older as minutes, as
 * far back as the other side takes them. One row at a time: the next when this one is acknowledged,
 * so that an aggregator that is busy is not kept busy by this. Nothing is remembered: on the next
 * stream all is compared anew, and a row that comes twice changes nothing.
 */
#ifndef MUSTER_AGENT_STATS_BACKFILL_H
#define MUSTER_AGENT_STATS_BACKFILL_H

#include "agent/stats/history.h"

/* Known steps of each row, the oldest first; of steps 0 or 1. */
struct backfill_have {
	uint32_t last_minute;
	size_t n_minutes;
	const uint8_t *minutes;
	uint32_t last_step;
	size_t n_steps;
	const uint8_t *steps;
};

/* All of `h`, slot by slot; valid until the last row is acknowledged, or backfill_end(). */
struct backfill_dictionary {
	uint32_t generation;
	size_t n;
	const struct catalogue_want *series;
};

/* Valid until the next call. */
struct backfill_row {
	uint64_t seq;
	uint32_t generation;
	enum archive_level level;
	uint32_t row;
	size_t n;
	const float *average;
	const float *min; /* of minutes only, as the next two */
	const float *max;
	const uint8_t *known;
};

enum backfill_item {
	BACKFILL_NOTHING, /* all is sent, or an acknowledgement is waited for */
	BACKFILL_DICTIONARY,
	BACKFILL_ROW,
};

struct backfill;

/* `h` must outlive it. */
struct backfill *backfill_new(const struct history *h);
struct backfill *backfill_free(struct backfill *b);
MU_DEFINE_CLEANUP(backfill_free, struct backfill *);

/* Batches from before this are not worth sending at `now`: a minute says as much. */
mu_msec backfill_limit(mu_msec now);
/* A stream has begun, on which steps from `live` on are sent as batches (0: none is). How many rows
 * are to be sent. */
size_t backfill_begin(struct backfill *b, const struct backfill_have *have, mu_msec now,
		      mu_msec live);
/* The stream is over. */
void backfill_end(struct backfill *b);
/* What to send next; only the one that the result names is filled. */
enum backfill_item backfill_next(struct backfill *b, struct backfill_dictionary *ret_dictionary,
				 struct backfill_row *ret_row);
/* False: it is not the one that is waited for. */
bool backfill_ack(struct backfill *b, uint64_t seq);

#endif
