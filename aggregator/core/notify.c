/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue keeps the order of the first notice of each alarm; a newer one of the same alarm takes
 * its place, so it is never longer than there are alarms, and never over NOTIFY_QUEUE_MAX. What
 * failed again and again lets the others go before it: it may be the one that the target cannot
 * take.
 *
 * All that waits or is being sent is kept by the keeper, as one notice of a target and an alarm:
 * while one is being sent and a newer one waits, that is the newer one.
 */
#include "aggregator/core/notify.h"

#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
	struct mu_link link;
	uint64_t seq;
	struct notify_notice notice;
	bool raised_unsent; /* it was raised, and nobody has been told of it */
	mu_msec since;
	mu_msec since_wall;
	unsigned n_tries;
};

struct outbox {
	struct mu_link link;
	struct notify_target target;
	struct mu_link queue;
	size_t n_queue;
	uint64_t next_seq;
	struct waiting *sending; /* out of the queue */
	size_t n_dropped;
	unsigned n_failed; /* tries of any notice since one was judged */
	mu_msec not_before;
	double tokens; /* of the limit */
	mu_msec tokens_at;
};

struct notify {
	struct notify_keeper keeper;
	struct mu_link outboxes;
	size_t n_outboxes;
};

struct notify *notify_new(const struct notify_keeper *keeper)
{
	struct notify *n = mu_xcalloc(1, sizeof *n);

	n->keeper = *keeper;
	mu_link_init(&n->outboxes);
	return n;
}

static void outbox_free(struct notify *n, struct outbox *o)
{
	mu_list_each(it, &o->queue)
	{
		mu_list_remove(it);
		free(MU_CONTAINER_OF(it, struct waiting, link));
	}
	free(o->sending);
	mu_list_remove(&o->link);
	n->n_outboxes--;
	free(o);
}

struct notify *notify_free(struct notify *n)
{
	if (!n)
		return NULL;
	mu_list_each(it, &n->outboxes) outbox_free(n, MU_CONTAINER_OF(it, struct outbox, link));
	free(n);
	return NULL;
}

/* --- targets --- */

static struct outbox *outbox_find(const struct notify *n, const struct mu_uuid *id)
{
	mu_list_each(it, &n->outboxes)
	{
		struct outbox *o = MU_CONTAINER_OF(it, struct outbox, link);

		if (mu_uuid_equal(&o->target.id, id))
			return o;
	}
	return NULL;
}

int notify_target_add(struct notify *n, const struct notify_target *t, struct mu_error *err)
{
	struct outbox *o;

	if (n->n_outboxes >= NOTIFY_TARGETS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "there are %d targets; hint: delete some",
				    NOTIFY_TARGETS_MAX);
	o = mu_xcalloc(1, sizeof *o);
	o->target = *t;
	o->tokens = NOTIFY_BURST;
	mu_link_init(&o->queue);
	mu_list_push_back(&n->outboxes, &o->link);
	n->n_outboxes++;
	return 0;
}

void notify_target_remove(struct notify *n, const struct mu_uuid *id)
{
	struct outbox *o = outbox_find(n, id);

	if (o)
		outbox_free(n, o);
}

const struct notify_target *notify_target_find(const struct notify *n, const struct mu_uuid *id)
{
	const struct outbox *o = outbox_find(n, id);

	return o ? &o->target : NULL;
}

const struct notify_target *notify_target_next(const struct notify *n, size_t *iter)
{
	size_t i = 0;

	mu_list_each(it, &n->outboxes)
	{
		if (i++ == *iter) {
			++*iter;
			return &MU_CONTAINER_OF(it, struct outbox, link)->target;
		}
	}
	return NULL;
}

/* --- in --- */

static struct waiting *waiting_find(struct outbox *o, const struct mu_uuid *alarm)
{
	mu_list_each(it, &o->queue)
	{
		struct waiting *w = MU_CONTAINER_OF(it, struct waiting, link);

		if (mu_uuid_equal(&w->notice.alarm.id, alarm))
			return w;
	}
	return NULL;
}

/* The one to be sent: in order, but what was tried too often; of those the one that was tried
 * least. */
static struct waiting *first(const struct outbox *o)
{
	struct waiting *least = NULL;

	mu_list_each(it, &o->queue)
	{
		struct waiting *w = MU_CONTAINER_OF(it, struct waiting, link);

		if (w->n_tries < NOTIFY_TRIES_FIRST)
			return w;
		if (!least || w->n_tries < least->n_tries)
			least = w;
	}
	return least;
}

static void drop(struct outbox *o, struct waiting *w)
{
	mu_list_remove(&w->link);
	o->n_queue--;
	free(w);
}

static void take_newer(struct waiting *w, const struct notify_notice *notice)
{
	w->notice = *notice;
	if (w->raised_unsent && notice->what == ALARMS_LEVEL)
		w->notice.what = ALARMS_RAISED;
}

static void keep(const struct notify *n, const struct outbox *o, const struct waiting *w)
{
	const struct notify_kept kept = {
	    .target = o->target.id,
	    .seq = w->seq,
	    .notice = w->notice,
	    .raised_unsent = w->raised_unsent,
	    .since = w->since_wall,
	    .n_tries = w->n_tries,
	};

	n->keeper.keep(n->keeper.ctx, &kept);
}

/* One of its alarm was sent, or never will be: what is kept is another, or nothing. */
static void forget(const struct notify *n, struct outbox *o, const struct mu_uuid *alarm)
{
	if (waiting_find(o, alarm))
		return;
	if (o->sending && mu_uuid_equal(&o->sending->notice.alarm.id, alarm))
		keep(n, o, o->sending);
	else
		n->keeper.forget(n->keeper.ctx, &o->target.id, alarm);
}

/* A newer notice of an alarm of which one waits. */
static void replace(const struct notify *n, struct outbox *o, struct waiting *w,
		    const struct notify_notice *notice)
{
	if (notice->what == ALARMS_CLEARED && w->raised_unsent) {
		drop(o, w); /* came and went: nobody has to know */
		forget(n, o, &notice->alarm.id);
		return;
	}
	take_newer(w, notice);
	keep(n, o, w);
}

static struct waiting *queue_new(struct outbox *o, uint64_t seq)
{
	struct waiting *w = mu_xcalloc(1, sizeof *w);

	w->seq = seq;
	o->next_seq = seq + 1;
	mu_list_push_back(&o->queue, &w->link);
	o->n_queue++;
	return w;
}

static void put(const struct notify *n, struct outbox *o, const struct notify_notice *notice,
		mu_msec now)
{
	struct waiting *w = waiting_find(o, &notice->alarm.id);

	if (w) {
		replace(n, o, w, notice);
		return;
	}
	if (o->n_queue >= NOTIFY_QUEUE_MAX) {
		o->n_dropped++;
		return;
	}
	w = queue_new(o, o->next_seq);
	w->notice = *notice;
	w->raised_unsent = notice->what == ALARMS_RAISED;
	w->since = now;
	w->since_wall = notice->wall;
	keep(n, o, w);
}

bool notify_restore(struct notify *n, const struct notify_kept *kept, mu_msec now, mu_msec wall)
{
	struct outbox *o = outbox_find(n, &kept->target);
	struct waiting *w;

	if (!o || o->n_queue >= NOTIFY_QUEUE_MAX)
		return false;
	w = queue_new(o, kept->seq);
	w->notice = kept->notice;
	w->since = now - (wall > kept->since ? wall - kept->since : 0);
	w->since_wall = kept->since;
	w->n_tries = kept->n_tries;
	if (o->n_failed < w->n_tries)
		o->n_failed = w->n_tries;
	/* The first one may have been on its way when the program ended. */
	w->raised_unsent = kept->raised_unsent && first(o) != w;
	return true;
}

static bool is_told(const struct alarms_change *c)
{
	if (!c->notify || c->what == ALARMS_VALUE || c->what == ALARMS_ACKNOWLEDGED)
		return false;
	return c->what == ALARMS_CLEARED || !c->alarm.acknowledged_at;
}

/* What it is to somebody who is told from that level on; false: nothing. */
static bool seen_from(enum alarm_level level, const struct alarms_change *c, enum alarms_what *ret)
{
	bool new = c->what == ALARMS_RAISED || c->what == ALARMS_ANNOUNCED;
	bool was = !new && c->before >= level;
	bool is = c->what != ALARMS_CLEARED && c->alarm.level >= level;

	if (!was && !is)
		return false;
	*ret = !was ? ALARMS_RAISED : is ? ALARMS_LEVEL : ALARMS_CLEARED;
	return true;
}

void notify_put(struct notify *n, const struct alarms_change *c, const struct mu_uuid *delivery,
		mu_msec now, mu_msec wall)
{
	struct notify_notice notice = {.wall = wall, .alarm = c->alarm};
	char text[MU_UUID_TEXT];

	if (!is_told(c))
		return;
	mu_list_each(it, &n->outboxes)
	{
		struct outbox *o = MU_CONTAINER_OF(it, struct outbox, link);

		if (!seen_from(o->target.level, c, &notice.what))
			continue;
		notice.delivery = mu_uuid_derive(delivery, mu_uuid_format(&o->target.id, text));
		put(n, o, &notice, now);
	}
}

/* --- out --- */

static void refill(struct outbox *o, mu_msec now)
{
	if (now > o->tokens_at)
		o->tokens += (double)(now - o->tokens_at) / NOTIFY_EVERY_MS;
	if (o->tokens > NOTIFY_BURST)
		o->tokens = NOTIFY_BURST;
	o->tokens_at = now;
}

static bool is_ready(struct outbox *o, mu_msec now)
{
	if (o->sending || o->n_queue == 0 || now < o->not_before)
		return false;
	refill(o, now);
	return o->tokens >= 1;
}

bool notify_next(struct notify *n, mu_msec now, struct mu_uuid *ret_target,
		 struct notify_notice *ret)
{
	mu_list_each(it, &n->outboxes)
	{
		struct outbox *o = MU_CONTAINER_OF(it, struct outbox, link);

		if (!is_ready(o, now))
			continue;
		o->sending = first(o);
		mu_list_remove(&o->sending->link);
		o->n_queue--;
		o->sending->notice.n_dropped = o->n_dropped;
		*ret_target = o->target.id;
		*ret = o->sending->notice;
		return true;
	}
	return false;
}

static mu_msec backoff(unsigned n_failed)
{
	mu_msec wait = NOTIFY_RETRY_MS;

	for (unsigned i = 1; i < n_failed && wait < NOTIFY_RETRY_MAX_MS; i++)
		wait *= 2;
	return wait < NOTIFY_RETRY_MAX_MS ? wait : NOTIFY_RETRY_MAX_MS;
}

static void give_up(const struct notify *n, struct outbox *o, struct waiting *w)
{
	forget(n, o, &w->notice.alarm.id);
	free(w);
	o->n_dropped++;
}

static void queue_return(struct outbox *o, struct waiting *w)
{
	struct mu_link *behind = &o->queue;

	mu_list_each(it, &o->queue)
	{
		if (MU_CONTAINER_OF(it, struct waiting, link)->seq > w->seq) {
			behind = it;
			break;
		}
	}
	mu_list_insert_before(behind, &w->link);
	o->n_queue++;
}

/* Back to its place in the queue, with what is newer of its alarm, if that waits by now. It may
 * have arrived all the same: from now on its end is told. */
static bool later(const struct notify *n, struct outbox *o, struct waiting *w, mu_msec now)
{
	struct waiting *newer = waiting_find(o, &w->notice.alarm.id);

	w->n_tries++;
	o->n_failed++;
	o->not_before = now + backoff(o->n_failed);
	if (newer) {
		take_newer(w, &newer->notice);
		drop(o, newer);
	}
	w->raised_unsent = false;
	if (now - w->since < NOTIFY_GIVE_UP_MS) {
		queue_return(o, w);
		keep(n, o, w);
		return true;
	}
	give_up(n, o, w);
	return false;
}

bool notify_result(struct notify *n, const struct mu_uuid *target, enum notify_outcome outcome,
		   mu_msec now)
{
	struct outbox *o = outbox_find(n, target);
	struct waiting *w;

	if (!o) /* it was removed meanwhile */
		return true;
	w = MU_TAKE(o->sending);
	mu_assert(w);
	switch (outcome) {
	case NOTIFY_SENT:
		o->n_failed = 0;
		refill(o, now);
		o->tokens -= 1;
		o->n_dropped -= w->notice.n_dropped;
		forget(n, o, &w->notice.alarm.id);
		free(w);
		return true;
	case NOTIFY_LATER:
		return later(n, o, w, now);
	case NOTIFY_NEVER:
		o->n_failed = 0;
		give_up(n, o, w);
		return false;
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every outcome is above */
}

static mu_msec wait_of(const struct outbox *o, mu_msec now)
{
	double missing = 1 - o->tokens - (double)(now - o->tokens_at) / NOTIFY_EVERY_MS;
	mu_msec wait = o->not_before > now ? o->not_before - now : 0;
	mu_msec limit = missing > 0 ? (mu_msec)(missing * NOTIFY_EVERY_MS) + 1 : 0;

	return limit > wait ? limit : wait;
}

mu_msec notify_wait(const struct notify *n, mu_msec now)
{
	mu_msec least = -1;

	mu_list_each(it, &n->outboxes)
	{
		const struct outbox *o = MU_CONTAINER_OF(it, struct outbox, link);
		mu_msec wait = wait_of(o, now);

		if (!o->sending && o->n_queue > 0 && (least < 0 || wait < least))
			least = wait;
	}
	return least;
}

const char *notify_what_name(enum alarms_what what)
{
	switch (what) {
	case ALARMS_RAISED:
		return "raised";
	case ALARMS_CLEARED:
		return "cleared";
	case ALARMS_LEVEL:
	case ALARMS_VALUE:
	case ALARMS_ANNOUNCED:
	case ALARMS_ACKNOWLEDGED:
	case _ALARMS_WHAT_COUNT:
		break;
	}
	return "changed";
}

bool notify_what_parse(const char *name, enum alarms_what *ret)
{
	static const enum alarms_what told[] = {ALARMS_RAISED, ALARMS_LEVEL, ALARMS_CLEARED};

	for (size_t i = 0; i < MU_ARRAY_SIZE(told); i++) {
		if (strcmp(notify_what_name(told[i]), name) == 0) {
			*ret = told[i];
			return true;
		}
	}
	return false;
}
