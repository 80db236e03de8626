/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/map.h"
#include "common/base/rand.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int values[1000];

Test(map, put_find_remove)
{
	MU_CLEANUP(mu_map_free) struct mu_map *m = mu_map_new();

	cr_assert_null(mu_map_find_str(m, "a"));
	cr_assert_null(mu_map_remove_str(m, "a"));
	cr_assert_null(mu_map_put_str(m, "a", &values[1]));
	cr_assert_eq(mu_map_put_str(m, "a", &values[2]), &values[1]);
	cr_assert_null(mu_map_put_str(m, "", &values[3]));
	cr_assert_eq(mu_map_size(m), 2);
	cr_assert_eq(mu_map_find_str(m, ""), &values[3]);
	cr_assert_eq(mu_map_remove_str(m, "a"), &values[2]);
	cr_assert_null(mu_map_find_str(m, "a"));
	cr_assert_eq(mu_map_size(m), 1);
	cr_assert_null(mu_map_free(NULL));
}

/* Against a model that cannot be wrong: an array indexed by the key. */
Test(map, agrees_with_an_array_over_random_operations)
{
	struct mu_rand rand = {.state = 42};

	for (int round = 0; round < 20; round++) {
		MU_CLEANUP(mu_map_free) struct mu_map *m = mu_map_new();
		void *model[1000] = {NULL};
		size_t live = 0;

		mu_map_seed(mu_rand_next(&rand));
		for (int i = 0; i < 5000; i++) {
			uint64_t key = mu_rand_below(&rand, round % 2 ? 20 : 1000);
			char text[32];
			int len = snprintf(text, sizeof text, "key-of-some-length-%lu", key);

			if (mu_rand_below(&rand, 3)) {
				void *old = mu_map_put(m, text, (size_t)len, &values[key]);

				cr_assert_eq(old, model[key]);
				live += !model[key];
				model[key] = &values[key];
			} else {
				cr_assert_eq(mu_map_remove(m, text, (size_t)len), model[key]);
				live -= model[key] != NULL;
				model[key] = NULL;
			}
			cr_assert_eq(mu_map_size(m), live);
		}
	}
}

Test(map, iterates_in_order_of_insertion_and_allows_removal)
{
	MU_CLEANUP(mu_map_free) struct mu_map *m = mu_map_new();
	const void *key;
	size_t key_len, n = 0;
	char text[24];
	void *v;

	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		mu_map_put_str(m, text, &values[i]);
	}
	for (size_t i = 0; (v = mu_map_next(m, &i, &key, &key_len)); n++) {
		(void)snprintf(text, sizeof text, "%zu", n);
		cr_assert_eq(v, &values[n]);
		cr_assert_eq(key_len, strlen(text));
		cr_assert_arr_eq(key, text, key_len);
		if (n % 2)
			mu_map_remove(m, key, key_len);
	}
	cr_assert_eq(n, 100);
	cr_assert_eq(mu_map_size(m), 50);
	n = 0;
	for (size_t i = 0; (v = mu_map_next(m, &i, NULL, NULL)); n += 2)
		cr_assert_eq(v, &values[n]);
}

Test(map, refuses_null_values, .signal = SIGABRT)
{
	mu_map_put_str(mu_map_new(), "a", NULL);
}
