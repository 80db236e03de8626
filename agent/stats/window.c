/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of batches, oldest first, and the dictionaries they refer to:
 *
 *     acked            sent              not sent yet
 *     (forgotten) | b b b b b b b b | b b b b b b
 *                                     ^ next_seq
 *
 * A dictionary lives as long as a batch refers to it or it is the newest. Batches are sent in
 * order, so the stream needs a dictionary exactly when the generation differs from the last one
 * that it was given.
 *
 * Counters are kept as they stand, and are sent as differences to the batch that was sent before:
 * a byte or two instead of five or six. When that is not the one with the number before, or there
 * is a counter that fell or was or became unknown, they go as they stand.
 */
#include "agent/stats/window.h"

#include "common/base/assert.h"
#include "common/base/list.h"

#include <stdlib.h>

#define BATCHES_DEFAULT 180
#define ACK_EVERY 12 /* a minute */
#define BYTES_DEFAULT ((size_t)32 << 20)

struct dictionary {
	struct mu_link link;
	uint32_t generation;
	size_t n_batches; /* that refer to it */
	size_t n;
	struct metric_series *series;
	size_t n_counted;
};

struct batch {
	struct mu_link link;
	uint64_t seq;
	struct dictionary *dictionary;
	mu_msec time;
	float *value;    /* dictionary->n of them */
	uint64_t *count; /* dictionary->n_counted */
};

struct window {
	size_t max_batches;
	size_t max_bytes;
	struct mu_link batches;
	struct mu_link dictionaries;
	struct dictionary *newest;
	struct window_status status;
	uint32_t last_generation;
	/* this stream */
	uint64_t next_seq;
	uint32_t sent_generation; /* 0 = none */
	uint64_t counted_seq;     /* batch that was sent last of the generation; 0 = none */
	uint64_t *counted;        /* its counters */
	int64_t *lanes;           /* what is sent of them, of all that go together */
};

struct window *window_new(const struct window_limits *limits)
{
	struct window *w = mu_xcalloc(1, sizeof *w);

	w->max_batches = limits->max_batches ? limits->max_batches : BATCHES_DEFAULT;
	w->max_bytes = limits->max_bytes ? limits->max_bytes : BYTES_DEFAULT;
	w->next_seq = 1;
	mu_link_init(&w->batches);
	mu_link_init(&w->dictionaries);
	return w;
}

static size_t batch_bytes(const struct batch *b)
{
	return sizeof *b + b->dictionary->n * sizeof b->value[0] +
	       b->dictionary->n_counted * sizeof b->count[0];
}

static size_t dictionary_bytes(const struct dictionary *d)
{
	return sizeof *d + d->n * sizeof d->series[0];
}

static void drop_dictionary(struct window *w, struct dictionary *d)
{
	mu_assert(d->n_batches == 0);
	w->status.bytes -= dictionary_bytes(d);
	mu_list_remove(&d->link);
	free(d->series);
	free(d);
}

static void drop_batch(struct window *w, struct batch *b)
{
	struct dictionary *d = b->dictionary;

	w->status.bytes -= batch_bytes(b);
	w->status.n_batches--;
	mu_list_remove(&b->link);
	free(b->value);
	free(b->count);
	free(b);
	if (--d->n_batches == 0 && d != w->newest)
		drop_dictionary(w, d);
}

struct window *window_free(struct window *w)
{
	if (!w)
		return NULL;
	w->newest = NULL;
	mu_list_each(it, &w->batches)
	{
		drop_batch(w, MU_CONTAINER_OF(it, struct batch, link));
	}
	mu_list_each(it, &w->dictionaries)
	{
		drop_dictionary(w, MU_CONTAINER_OF(it, struct dictionary, link));
	}
	free(w->counted);
	free(w->lanes);
	free(w);
	return NULL;
}

static void use_dictionary(struct window *w, const struct metric_list *l)
{
	struct dictionary *old = w->newest;
	struct dictionary *d;

	if (old && old->n == l->n && metric_series_equal(old->series, l->series, l->n))
		return;
	d = mu_xcalloc(1, sizeof *d);
	d->generation = ++w->last_generation;
	d->n = l->n;
	if (l->n > 0)
		d->series = mu_xmemdup(l->series, l->n * sizeof l->series[0]);
	for (size_t i = 0; i < l->n; i++)
		d->n_counted += l->series[i].since != 0;
	mu_list_push_back(&w->dictionaries, &d->link);
	w->status.bytes += dictionary_bytes(d);
	w->newest = d;
	if (old && old->n_batches == 0)
		drop_dictionary(w, old);
}

static uint64_t *counts_of(const struct dictionary *d, const struct metric_list *l)
{
	uint64_t *out = d->n_counted ? mu_xcalloc(d->n_counted, sizeof *out) : NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->series[i].since != 0)
			out[n++] = l->count[i];
	return out;
}

/* The oldest go while there are too many or they are too big; the newest stays whatever its size.
 */
static void trim(struct window *w)
{
	mu_list_each(it, &w->batches)
	{
		struct batch *b = MU_CONTAINER_OF(it, struct batch, link);

		if (w->status.n_batches <= 1 ||
		    (w->status.n_batches <= w->max_batches && w->status.bytes <= w->max_bytes))
			return;
		w->status.lost++;
		if (w->next_seq <= b->seq)
			w->next_seq = b->seq + 1;
		drop_batch(w, b);
	}
}

bool window_add(struct window *w, mu_msec time, const struct metric_list *l)
{
	struct batch *b;

	if (!mu_list_empty(&w->batches) &&
	    MU_CONTAINER_OF(w->batches.prev, struct batch, link)->time == time)
		return false;
	use_dictionary(w, l);
	b = mu_xcalloc(1, sizeof *b);
	b->seq = ++w->status.last_seq;
	b->dictionary = w->newest;
	b->time = time;
	if (l->n > 0)
		b->value = mu_xmemdup(l->value, l->n * sizeof l->value[0]);
	b->count = counts_of(b->dictionary, l);
	b->dictionary->n_batches++;
	mu_list_push_back(&w->batches, &b->link);
	w->status.bytes += batch_bytes(b);
	w->status.n_batches++;
	trim(w);
	return true;
}

void window_ack(struct window *w, uint64_t seq)
{
	if (seq <= w->status.acked_seq || seq > w->status.last_seq)
		return;
	w->status.acked_seq = seq;
	mu_list_each(it, &w->batches)
	{
		struct batch *b = MU_CONTAINER_OF(it, struct batch, link);

		if (b->seq > seq)
			break;
		drop_batch(w, b);
	}
	if (w->next_seq <= seq)
		w->next_seq = seq + 1;
}

void window_rewind(struct window *w, uint64_t seq)
{
	window_ack(w, seq);
	w->next_seq = 1;
	w->sent_generation = 0;
}

void window_skip(struct window *w, mu_msec time)
{
	mu_list_each(it, &w->batches)
	{
		const struct batch *b = MU_CONTAINER_OF(it, struct batch, link);

		if (b->time >= time)
			return;
		if (w->next_seq <= b->seq)
			w->next_seq = b->seq + 1;
	}
}

/* From the newest: a stream that keeps up is at the end. */
static struct batch *oldest(const struct window *w)
{
	struct batch *found = NULL;

	for (struct mu_link *it = w->batches.prev; it != &w->batches; it = it->prev) {
		struct batch *b = MU_CONTAINER_OF(it, struct batch, link);

		if (b->seq < w->next_seq)
			break;
		found = b;
	}
	return found;
}

mu_msec window_oldest(const struct window *w)
{
	const struct batch *b = oldest(w);

	return b ? b->time : 0;
}

/* On a stream every dictionary begins with a base. */
static void begin_counting(struct window *w, const struct dictionary *d)
{
	w->counted_seq = 0;
	w->counted = mu_xrealloc(w->counted, d->n_counted + 1, sizeof *w->counted);
}

static bool follows(uint64_t now, uint64_t before)
{
	return (now == METRIC_COUNT_UNKNOWN) == (before == METRIC_COUNT_UNKNOWN) && now >= before;
}

static void count(struct window *w, const struct batch *b, int64_t *lane, struct window_batch *ret)
{
	size_t n = b->dictionary->n_counted;
	bool base = w->counted_seq == 0 || w->counted_seq + 1 != b->seq;

	for (size_t i = 0; i < n && !base; i++)
		base = !follows(b->count[i], w->counted[i]);
	for (size_t i = 0; i < n; i++) {
		bool known = b->count[i] != METRIC_COUNT_UNKNOWN;

		lane[i] = !base   ? (int64_t)(b->count[i] - w->counted[i])
			  : known ? (int64_t)b->count[i]
				  : WINDOW_UNKNOWN;
		w->counted[i] = b->count[i];
	}
	w->counted_seq = b->seq;
	ret->base = base;
	ret->n_counted = n;
	ret->counted = lane;
}

static bool go_together(const struct batch *first, const struct batch *b, size_t n)
{
	size_t numbers = first->dictionary->n + first->dictionary->n_counted;

	return b->dictionary == first->dictionary && n <= WINDOW_BATCHES_MAX &&
	       n * numbers <= WINDOW_NUMBERS_MAX;
}

/* Of what waits from `first` on, how many. */
static size_t n_together(const struct window *w, struct batch *first)
{
	size_t n = 1;

	for (struct mu_link *it = first->link.next; it != &w->batches; it = it->next) {
		if (!go_together(first, MU_CONTAINER_OF(it, struct batch, link), n + 1))
			break;
		n++;
	}
	return n;
}

static void take(struct window *w, struct batch *first, struct window_batches *ret)
{
	struct mu_link *it = &first->link;
	size_t n_counted = first->dictionary->n_counted;

	ret->generation = first->dictionary->generation;
	ret->ack_later = true;
	ret->n = n_together(w, first);
	w->lanes = mu_xrealloc(w->lanes, ret->n * n_counted + 1, sizeof *w->lanes);
	for (size_t i = 0; i < ret->n; i++, it = it->next) {
		const struct batch *b = MU_CONTAINER_OF(it, struct batch, link);

		ret->batch[i] = (struct window_batch){
		    .seq = b->seq,
		    .time = b->time,
		    .n = b->dictionary->n,
		    .value = b->value,
		};
		count(w, b, w->lanes + i * n_counted, &ret->batch[i]);
		ret->ack_later &= b->seq % ACK_EVERY != 0;
		w->next_seq = b->seq + 1;
	}
}

enum window_item window_next(struct window *w, struct window_dictionary *ret_dictionary,
			     struct window_batches *ret_batches)
{
	struct batch *found = oldest(w);

	if (!found)
		return WINDOW_NOTHING;
	if (found->dictionary->generation != w->sent_generation) {
		const struct dictionary *d = found->dictionary;

		w->sent_generation = d->generation;
		begin_counting(w, d);
		*ret_dictionary = (struct window_dictionary){d->generation, d->n, d->series};
		return WINDOW_DICTIONARY;
	}
	take(w, found, ret_batches);
	return WINDOW_BATCHES;
}

void window_status(const struct window *w, struct window_status *ret)
{
	*ret = w->status;
}
