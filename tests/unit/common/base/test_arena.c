/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/arena.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

Test(arena, allocations_are_aligned_apart_and_keep_their_content)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	unsigned char *parts[2000];

	for (size_t i = 0; i < 2000; i++) {
		parts[i] = mu_arena_alloc(a, i % 97);
		cr_assert_eq((uintptr_t)parts[i] % alignof(max_align_t), 0);
		memset(parts[i], (int)(i & 0xff), i % 97);
	}
	for (size_t i = 0; i < 2000; i++)
		for (size_t k = 0; k < i % 97; k++)
			cr_assert_eq(parts[i][k], i & 0xff);
}

Test(arena, an_allocation_larger_than_any_block_works)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	unsigned char *p = mu_arena_alloc(a, 5 << 20);

	p[0] = p[(5 << 20) - 1] = 1;
	cr_assert_geq(mu_arena_used(a), (size_t)5 << 20);
	cr_assert_not_null(mu_arena_alloc(a, 10));
}

Test(arena, reset_forgets_and_reuses)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	mu_arena_reset(a);
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 100; k++)
			memset(mu_arena_alloc(a, 100), 1, 100);
		mu_arena_reset(a);
		cr_assert_eq(mu_arena_used(a), 0);
	}
}

Test(arena, copies)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	static const int numbers[] = {1, 2, 3};
	int *zero = mu_arena_calloc(a, 8, sizeof *zero);

	for (int i = 0; i < 8; i++)
		cr_assert_eq(zero[i], 0);
	cr_assert_str_eq(mu_arena_strdup(a, "dom0"), "dom0");
	cr_assert_str_eq(mu_arena_strndup(a, "domain", 3), "dom");
	cr_assert_str_eq(mu_arena_strndup(a, "do", 3), "do");
	cr_assert_str_eq(mu_arena_printf(a, "%s-%d", "vif", 3), "vif-3");
	cr_assert_arr_eq(mu_arena_memdup(a, numbers, sizeof numbers), numbers, sizeof numbers);
	cr_assert_not_null(mu_arena_memdup(a, NULL, 0));
}

Test(arena, free_takes_null)
{
	cr_assert_null(mu_arena_free(NULL));
}

Test(arena, a_product_that_overflows_aborts, .signal = SIGABRT)
{
	mu_arena_calloc(mu_arena_new(), SIZE_MAX / 2, 4);
}

Test(mem, copies_and_growth)
{
	MU_CLEANUP(mu_free) char *s = mu_xstrdup("xen");
	MU_CLEANUP(mu_free) char *part = mu_xstrndup("xenstore", 3);
	MU_CLEANUP(mu_free) char *f = mu_xasprintf("%s%d", "vm", 1);
	MU_CLEANUP(mu_free) int *n = mu_xrealloc(NULL, 4, sizeof *n);
	MU_CLEANUP(mu_free) void *none = mu_xmemdup(NULL, 0);
	MU_CLEANUP(mu_free) char *moved = MU_TAKE(s);

	cr_assert_null(s);
	cr_assert_str_eq(moved, part);
	cr_assert_str_eq(f, "vm1");
	cr_assert_not_null(none);
	n[3] = 1;
}

Test(mem, out_of_memory_aborts, .signal = SIGABRT)
{
	free(mu_xrealloc(NULL, SIZE_MAX / 2, 4));
}
