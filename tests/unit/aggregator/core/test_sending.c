/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/sending.h"

#include "common/base/mem.h"

#include <criterion/criterion.h>

static const struct sending_window window = {.oldest = 100, .synced = 90, .n_max = 12, .end = 12};

static struct sending_due due(uint32_t sent, uint32_t last, uint32_t host_last)
{
	const struct sending_object o = {sent, last, host_last};
	struct sending_due ret;

	sending_next(&o, &window, &ret);
	return ret;
}

#define EXPECT(got, want_first, want_n, want_more, want_over, want_lost)                           \
	do {                                                                                       \
		struct sending_due got_ = (got);                                                   \
                                                                                                   \
		cr_expect_eq(got_.first, (want_first), "first %u", got_.first);                    \
		cr_expect_eq(got_.n, (want_n), "n %u", got_.n);                                    \
		cr_expect_eq(got_.more, (want_more));                                              \
		cr_expect_eq(got_.over, (want_over));                                              \
		cr_expect_eq(got_.lost, (want_lost), "lost %u", got_.lost);                        \
	} while (0)

Test(sending, what_is_next)
{
	EXPECT(due(110, 111, 111), 111, 1, false, false, 0);
	EXPECT(due(110, 122, 122), 111, 12, false, false, 0);
	EXPECT(due(110, 123, 123), 111, 12, true, false, 0);
	EXPECT(due(110, 110, 110), 111, 0, false, false, 0);
	/* nothing was ever heard of it */
	EXPECT(due(0, 0, 200), 1, 0, false, false, 0);
	/* its clock went back */
	EXPECT(due(110, 105, 130), 111, 0, false, false, 0);
}

Test(sending, what_is_not_kept_any_more)
{
	/* 96 to 99 were there, and not sent */
	EXPECT(due(95, 101, 101), 100, 2, false, false, 4);
	/* it was silent until 90, when all was sent */
	EXPECT(due(50, 101, 101), 100, 2, false, false, 9);
	EXPECT(due(50, 95, 95), 100, 0, false, false, 9);
	EXPECT(due(99, 101, 101), 100, 2, false, false, 0);

	const struct sending_window synced = {.oldest = 100, .synced = 120, .n_max = 12, .end = 12};
	const struct sending_object back = {50, 121, 121};
	struct sending_due ret;

	sending_next(&back, &synced, &ret);
	EXPECT(ret, 100, 12, true, false, 0);
}

Test(sending, an_object_is_over)
{
	EXPECT(due(110, 110, 121), 111, 0, false, false, 0);
	EXPECT(due(110, 110, 122), 111, 0, false, true, 0);
	/* what there is of it comes first; it was ended already */
	EXPECT(due(109, 110, 122), 110, 1, false, false, 0);
	EXPECT(due(111, 110, 140), 112, 0, false, false, 0);
	/* a host away: not over, however long */
	EXPECT(due(110, 110, 110), 111, 0, false, false, 0);
}

Test(sending, answers)
{
	static const int taken[] = {200, 202, 204}, refused[] = {400, 409, 413, 415, 422};
	static const int again[] = {0, 301, 401, 403, 404, 408, 429, 500, 502, 503, 599};

	for (size_t i = 0; i < MU_ARRAY_SIZE(taken); i++)
		cr_expect_eq(sending_judge(taken[i]), SENDING_TAKEN);
	for (size_t i = 0; i < MU_ARRAY_SIZE(refused); i++)
		cr_expect_eq(sending_judge(refused[i]), SENDING_REFUSED);
	for (size_t i = 0; i < MU_ARRAY_SIZE(again); i++)
		cr_expect_eq(sending_judge(again[i]), SENDING_AGAIN);
}

Test(sending, waits)
{
	struct mu_rand rand = {1};
	mu_msec least = MU_MSEC_NEVER, most = 0;

	for (unsigned n = 1, longest = 1000; n < 40; n++) {
		for (unsigned i = 0; i < 100; i++) {
			mu_msec wait = sending_wait(n, 0, &rand);

			cr_assert(wait >= longest / 2 && wait <= longest, "%u: %lld", n,
				  (long long)wait);
			least = n == 39 && wait < least ? wait : least;
			most = n == 39 && wait > most ? wait : most;
		}
		longest = longest * 2 > SENDING_WAIT_MAX_MS ? SENDING_WAIT_MAX_MS : longest * 2;
	}
	/* Many that fail together do not come back together. */
	cr_expect_gt(most - least, SENDING_WAIT_MAX_MS / 4);
	cr_expect_eq(sending_wait(1, 5000, &rand), 5000);
	cr_expect_eq(sending_wait(1, MU_SEC(86400), &rand), SENDING_ASKED_MAX_MS);
}
