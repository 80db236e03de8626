/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local window: the last minutes of metrics, kept until the aggregator has them. PURE.
 *
 * Samples are numbered 1, 2, ... within the agent's metric epoch. A stream takes from the window
 * with window_next(): a dictionary whenever the series have changed, then batches, as many at a
 * time as wait and fit. What is acknowledged is forgotten; a new stream rewinds to what the other
 * side has. The window is bounded: the oldest goes first, and is counted when it was never
 * acknowledged.
 */
#ifndef MUSTER_AGENT_STATS_WINDOW_H
#define MUSTER_AGENT_STATS_WINDOW_H

#include "agent/stats/metric.h"
#include "common/base/time.h"

#include <stdint.h>

struct window;

struct window_limits {
	size_t max_batches; /* 0 = 180: 15 minutes of 5 s. A number and not a span of time, as the
			       wall clock may jump */
	size_t max_bytes;   /* 0 = 32 MiB */
};

/* Point into the window: valid until the next call that changes it. */
struct window_dictionary {
	uint32_t generation;
	size_t n;
	const struct metric_series *series;
};

/* In a base: nobody knows how it stands. */
#define WINDOW_UNKNOWN INT64_MIN

struct window_batch {
	uint64_t seq;
	mu_msec time;
	size_t n;
	const float *value;
	/* Of the series that have a counter, in their order: what was added since the batch before
	 * on this stream, or (base) how they stand. */
	bool base;
	size_t n_counted;
	const int64_t *counted;
};

/* Of those that go together; the second only where there are several. */
enum { WINDOW_BATCHES_MAX = 32, WINDOW_NUMBERS_MAX = 16384 };

/* What waits, the oldest first: one when all goes well. */
struct window_batches {
	uint32_t generation;
	/* An acknowledgement costs the other side as much as taking a batch does: every
	 * twelfth batch asks for one. */
	bool ack_later;
	size_t n;
	struct window_batch batch[WINDOW_BATCHES_MAX];
};

enum window_item {
	WINDOW_NOTHING,
	WINDOW_DICTIONARY,
	WINDOW_BATCHES,
};

struct window_status {
	uint64_t last_seq; /* 0 = none yet */
	uint64_t acked_seq;
	uint64_t lost; /* batches dropped before they were acknowledged */
	size_t n_batches;
	size_t bytes;
};

struct window *window_new(const struct window_limits *limits);
struct window *window_free(struct window *w);
MU_DEFINE_CLEANUP(window_free, struct window *);

/* Keep one sample. `time` is on the grid (sample_grid); a second sample for the same point is
 * refused: false. */
bool window_add(struct window *w, mu_msec time, const struct metric_list *l);
/* The other side has everything up to `seq`. Numbers from the future or the past are ignored. */
void window_ack(struct window *w, uint64_t seq);
/* Of a new stream: nothing from before `time` is to be sent on it. */
void window_skip(struct window *w, mu_msec time);
/* The time of the oldest batch that is still to be sent; 0: there is none. */
mu_msec window_oldest(const struct window *w);
/* A new stream: the other side has `seq` (0 = nothing of this epoch) and no dictionary. */
void window_rewind(struct window *w, uint64_t seq);
/* What to send next on this stream; only the one that the result names is filled. */
enum window_item window_next(struct window *w, struct window_dictionary *ret_dictionary,
			     struct window_batches *ret_batches);
void window_status(const struct window *w, struct window_status *ret);

#endif
