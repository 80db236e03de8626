/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/rand.h"

#include <criterion/criterion.h>

/* First outputs of splitmix64 from seed 1234567, published with the algorithm (Vigna). */
Test(rand, is_splitmix64)
{
	struct mu_rand r = {.state = 1234567};

	cr_assert_eq(mu_rand_next(&r), 6457827717110365317u);
	cr_assert_eq(mu_rand_next(&r), 3203168211198807973u);
	cr_assert_eq(mu_rand_next(&r), 9817491932198370423u);
}

Test(rand, ranges)
{
	struct mu_rand r = {.state = 1};

	for (int i = 0; i < 10000; i++) {
		double d = mu_rand_unit(&r);

		cr_assert_lt(mu_rand_below(&r, 7), 7);
		cr_assert(d >= 0 && d < 1);
	}
}
