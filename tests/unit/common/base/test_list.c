/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/list.h"

#include <criterion/criterion.h>

struct item {
	int n;
	struct mu_link link;
};

static void expect(struct mu_link *head, const int *want, size_t n_want)
{
	size_t i = 0;

	mu_list_each(it, head)
	{
		cr_assert_lt(i, n_want);
		cr_assert_eq(MU_CONTAINER_OF(it, struct item, link)->n, want[i++]);
	}
	cr_assert_eq(i, n_want);
}

Test(list, order_and_removal)
{
	struct item items[4] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
	struct mu_link head;

	mu_link_init(&head);
	cr_assert(mu_list_empty(&head));
	cr_assert_null(mu_list_first(&head, struct item, link));
	mu_list_push_back(&head, &items[1].link);
	mu_list_push_back(&head, &items[3].link);
	mu_list_push_front(&head, &items[0].link);
	mu_list_insert_before(&items[3].link, &items[2].link);
	expect(&head, (const int[]){0, 1, 2, 3}, 4);
	cr_assert_eq(mu_list_first(&head, struct item, link), &items[0]);
	mu_list_remove(&items[2].link);
	mu_list_remove(&items[2].link); /* harmless */
	expect(&head, (const int[]){0, 1, 3}, 3);
	mu_list_each(it, &head) mu_list_remove(it);
	cr_assert(mu_list_empty(&head));
}
