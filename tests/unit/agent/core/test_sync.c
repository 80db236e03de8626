/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/autostart.h"
#include "agent/core/backoff.h"
#include "agent/core/sync.h"
#include "common/base/rand.h"

#include <criterion/criterion.h>
#include <string.h>

static struct mu_uuid id_of(unsigned n)
{
	struct mu_uuid id = {{0}};

	memcpy(id.bytes, &n, sizeof n);
	return id;
}

static void change(struct sync *s, unsigned n)
{
	struct mu_uuid id = id_of(n);

	sync_changed(s, &id);
}

static void gone(struct sync *s, unsigned n)
{
	struct mu_uuid id = id_of(n);

	sync_removed(s, &id);
}

static struct sync *live(uint64_t *ret_seq)
{
	struct sync *s = sync_new(42);

	cr_assert_eq(sync_welcome(s, false, 0, ret_seq), SYNC_SNAPSHOT);
	return s;
}

Test(sync, changes_are_coalesced)
{
	uint64_t seq;
	MU_CLEANUP(sync_free) struct sync *s = live(&seq);
	struct sync_delta d;

	cr_assert_eq(sync_epoch(s), 42);
	cr_assert_eq(seq, 1);
	cr_assert_not(sync_next(s, &d), "the snapshot said it all");
	for (int i = 0; i < 100; i++)
		change(s, 7);
	gone(s, 8);
	sync_host_changed(s);
	cr_assert(sync_next(s, &d));
	cr_assert(d.seq == 2 && d.host && d.n_changed == 1 && d.n_removed == 1);
	cr_assert_not(sync_next(s, &d));
	gone(s, 7);
	change(s, 7);
	cr_assert(sync_next(s, &d));
	cr_assert(d.seq == 3 && !d.host && d.n_changed == 1 && d.n_removed == 0);
}

Test(sync, the_window_is_bounded)
{
	uint64_t seq;
	MU_CLEANUP(sync_free) struct sync *s = live(&seq);
	struct sync_delta d;
	unsigned n = 0;

	cr_assert(sync_ack(s, seq));
	for (;; n++) {
		change(s, n);
		if (!sync_next(s, &d))
			break;
	}
	cr_assert_eq(n, SYNC_WINDOW_MAX);
	cr_assert(sync_ack(s, seq + 1));
	cr_assert(sync_ack(s, seq), "a late one");
	cr_assert_eq(sync_acked(s), seq + 1);
	cr_assert(sync_next(s, &d));
	cr_assert_not(sync_ack(s, d.seq + 1), "of what was never sent");
}

Test(sync, a_delta_is_bounded)
{
	uint64_t seq;
	MU_CLEANUP(sync_free) struct sync *s = live(&seq);
	struct sync_delta d;

	for (unsigned n = 0; n < SYNC_DELTA_MAX + 1; n++)
		change(s, n);
	cr_assert(sync_next(s, &d));
	cr_assert_eq(d.n_changed, SYNC_DELTA_MAX);
	cr_assert(sync_next(s, &d));
	cr_assert_eq(d.n_changed, 1);
}

Test(sync, resume_sends_what_is_missing)
{
	uint64_t seq;
	MU_CLEANUP(sync_free) struct sync *s = live(&seq);
	struct sync_delta d;

	change(s, 1);
	cr_assert(sync_next(s, &d)); /* 2 */
	change(s, 2);
	gone(s, 3);
	sync_host_changed(s);
	cr_assert(sync_next(s, &d)); /* 3 */
	change(s, 4);
	cr_assert_eq(sync_welcome(s, true, 2, &seq), SYNC_RESUME);
	cr_assert(sync_next(s, &d));
	cr_assert_eq(d.seq, 3);
	cr_assert(d.host && d.n_changed == 2 && d.n_removed == 1);
	/* Nothing is missing. */
	cr_assert_eq(sync_welcome(s, true, 3, &seq), SYNC_RESUME);
	cr_assert_not(sync_next(s, &d));
}

Test(sync, a_snapshot_where_resuming_would_lie)
{
	uint64_t seq;
	MU_CLEANUP(sync_free) struct sync *s = sync_new(1);
	struct sync_delta d;

	cr_assert_eq(sync_welcome(s, true, 0, &seq), SYNC_SNAPSHOT, "there was none yet");
	gone(s, 1);
	cr_assert(sync_next(s, &d));
	cr_assert(sync_ack(s, d.seq));
	cr_assert_eq(sync_welcome(s, true, d.seq - 1, &seq), SYNC_SNAPSHOT, "tombstone is gone");
	cr_assert_eq(sync_welcome(s, true, seq + 1, &seq), SYNC_SNAPSHOT, "from the future");
	for (unsigned n = 0; n <= SYNC_REMOVED_MAX; n++)
		gone(s, n);
	cr_assert_eq(sync_welcome(s, true, seq, &seq), SYNC_SNAPSHOT, "too many removals");
	cr_assert_eq(sync_welcome(s, true, seq - 1, &seq), SYNC_SNAPSHOT,
		     "from before a snapshot that got lost");
	cr_assert_not(sync_next(s, &d));
	cr_assert_null(sync_free(NULL));
}

/* The other side: what it holds durably, and what it was told since. */
struct mirror {
	bool durable[32];
	bool told[32];
	uint64_t durable_seq;
	uint64_t seq;
};

static void apply(struct mirror *m, const struct sync_delta *d, const bool truth[32])
{
	cr_assert_eq(d->seq, m->seq + 1, "a gap");
	m->seq = d->seq;
	for (size_t i = 0; i < d->n_changed; i++)
		m->told[d->changed[i].bytes[0]] = truth[d->changed[i].bytes[0]];
	for (size_t i = 0; i < d->n_removed; i++)
		m->told[d->removed[i].bytes[0]] = false;
}

static void store(struct mirror *m)
{
	memcpy(m->durable, m->told, sizeof m->durable);
	m->durable_seq = m->seq;
}

static void reconnect(struct sync *s, struct mirror *m, bool resume, const bool truth[32])
{
	uint64_t seq;

	memcpy(m->told, m->durable, sizeof m->told);
	m->seq = m->durable_seq;
	if (sync_welcome(s, resume && m->seq, m->seq, &seq) == SYNC_SNAPSHOT) {
		memcpy(m->told, truth, sizeof m->told);
		m->seq = seq;
	}
}

/* Whatever is lost on the way: when all is quiet, both sides agree. */
Test(sync, both_sides_agree_in_the_end)
{
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		MU_CLEANUP(sync_free) struct sync *s = sync_new(seed);
		struct mu_rand rand = {seed};
		struct mirror m = {.seq = 0};
		struct sync_delta d;
		bool truth[32] = {false};

		reconnect(s, &m, false, truth);
		for (int step = 0; step < 200; step++) {
			unsigned n = (unsigned)mu_rand_below(&rand, 32);

			switch (mu_rand_below(&rand, 8)) {
			case 0:
			case 1:
			case 2:
				truth[n] = true;
				change(s, n);
				break;
			case 3:
				truth[n] = false;
				gone(s, n);
				break;
			case 4:
				if (sync_next(s, &d))
					apply(&m, &d, truth);
				break;
			case 5:
				store(&m);
				break;
			case 6:
				cr_assert(sync_ack(s, m.durable_seq));
				break;
			default:
				if (mu_rand_below(&rand, 4) == 0)
					reconnect(s, &m, mu_rand_below(&rand, 4) > 0, truth);
			}
		}
		store(&m);
		cr_assert(sync_ack(s, m.durable_seq));
		while (sync_next(s, &d))
			apply(&m, &d, truth);
		cr_assert_arr_eq(m.told, truth, sizeof truth, "seed %u", (unsigned)seed);
	}
}

Test(autostart, order_then_id_and_delays_add_up)
{
	struct autostart_vm vms[] = {
	    {.id = {id_of(3)}, .order = 5, .delay = 100},
	    {.id = {id_of(2)}, .order = 0, .delay = 0},
	    {.id = {id_of(1)}, .order = 5, .delay = 1000},
	    {.id = {id_of(4)}, .order = -1, .delay = 10},
	};
	static const uint8_t order[] = {4, 2, 1, 3};
	static const mu_msec at[] = {10, 10, 1010, 1110};

	autostart_plan(vms, 4);
	for (size_t i = 0; i < 4; i++) {
		cr_assert_eq(vms[i].id.uuid.bytes[0], order[i]);
		cr_assert_eq(vms[i].at, at[i]);
	}
	autostart_plan(NULL, 0);
}

Test(backoff, grows_with_jitter_and_starts_anew)
{
	struct backoff b;
	mu_msec wait = 0, sum = 0;

	backoff_init(&b, 7);
	for (int i = 0; i < 50; i++) {
		wait = backoff_next(&b, i % 2);
		cr_assert(wait >= BACKOFF_FIRST && wait <= BACKOFF_MAX);
		if (i > 10)
			sum += wait;
	}
	cr_assert_gt(sum / 39, BACKOFF_MAX / 2, "long at last");
	wait = backoff_next(&b, BACKOFF_GOOD);
	cr_assert_leq(wait, 2 * BACKOFF_FIRST, "short after a good stream");
}
