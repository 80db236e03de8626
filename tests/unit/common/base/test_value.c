/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/value.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <string.h>

static struct mu_arena *a;

static void setup(void)
{
	a = mu_arena_new();
}

static void teardown(void)
{
	a = mu_arena_free(a);
}

TestSuite(value, .init = setup, .fini = teardown);

Test(value, object_members_keep_order_and_are_found)
{
	struct mu_value *o = mu_value_object(a);
	char name[] = "vm";
	size_t n = 0;
	static const char *const names[] = {"b", "i", "r", "s", "l"};

	mu_value_set_bool(a, o, "b", true);
	mu_value_set_int(a, o, "i", -5);
	mu_value_set_real(a, o, "r", 0.5);
	mu_value_set_string(a, o, "s", name);
	name[0] = 'X'; /* it has a copy */
	mu_value_push(mu_value_set(a, o, "l", mu_value_list(a)), mu_value_null(a));
	mu_value_each(child, o) cr_assert_str_eq(child->name, names[n++]);
	cr_assert_eq(n, o->n_children);
	cr_assert(mu_value_get(o, "b")->boolean);
	cr_assert_eq(mu_value_get(o, "i")->integer, -5);
	cr_assert_str_eq(mu_value_as_string(mu_value_get(o, "s")), "vm");
	cr_assert_null(mu_value_as_string(mu_value_get(o, "i")));
	cr_assert_null(mu_value_as_string(NULL));
	cr_assert_null(mu_value_get(o, "x"));
	cr_assert_null(mu_value_get(NULL, "x"));
	cr_assert_null(mu_value_get(mu_value_get(o, "l"), "x"));
}

Test(value, what_json_cannot_say_becomes_null)
{
	cr_assert_eq(mu_value_real(a, NAN)->kind, MU_VALUE_NULL);
	cr_assert_eq(mu_value_real(a, INFINITY)->kind, MU_VALUE_NULL);
	cr_assert_eq(mu_value_string(a, NULL)->kind, MU_VALUE_NULL);
}

static struct mu_value *sample(bool other_order, int64_t leaf)
{
	struct mu_value *o = mu_value_object(a), *l = mu_value_list(a);

	mu_value_push(l, mu_value_int(a, 1));
	mu_value_push(l, mu_value_string(a, "x"));
	mu_value_push(l, mu_value_bool(a, true));
	mu_value_push(l, mu_value_null(a));
	if (other_order)
		mu_value_set_int(a, o, "leaf", leaf);
	mu_value_set(a, o, "list", l);
	if (!other_order)
		mu_value_set_int(a, o, "leaf", leaf);
	return o;
}

Test(value, equality_is_deep_and_ignores_the_order_of_members)
{
	struct mu_value *longer = sample(false, 1);

	cr_assert(mu_value_equal(sample(false, 1), sample(true, 1)));
	cr_assert_not(mu_value_equal(sample(false, 1), sample(true, 2)));
	mu_value_set_int(a, longer, "more", 1);
	cr_assert_not(mu_value_equal(sample(false, 1), longer));
	cr_assert_not(mu_value_equal(mu_value_list(a), mu_value_object(a)));
	cr_assert(mu_value_equal(mu_value_int(a, 1), mu_value_real(a, 1.0)));
	cr_assert(mu_value_equal(mu_value_real(a, 1.0), mu_value_int(a, 1)));
	cr_assert(mu_value_equal(mu_value_real(a, 0.5), mu_value_real(a, 0.5)));
	cr_assert_not(mu_value_equal(mu_value_real(a, 0.5), mu_value_real(a, 0.25)));
	cr_assert_not(mu_value_equal(mu_value_string(a, "a"), mu_value_string(a, "b")));
	cr_assert_not(mu_value_equal(mu_value_bool(a, true), mu_value_bool(a, false)));
	cr_assert(mu_value_equal(mu_value_null(a), mu_value_null(a)));
}

Test(value, copies_are_deep)
{
	struct mu_arena *b = mu_arena_new();
	struct mu_value *copy = mu_value_copy(b, sample(false, 3));

	cr_assert(mu_value_equal(copy, sample(true, 3)));
	mu_arena_reset(a);
	memset(mu_arena_alloc(a, 3000), 0xff, 3000);
	cr_assert_eq(mu_value_get(copy, "leaf")->integer, 3);
	mu_arena_free(b);
}

Test(value, kinds_have_names)
{
	for (int k = 0; k < _MU_VALUE_KIND_COUNT; k++)
		cr_assert_gt(strlen(mu_value_kind_name((enum mu_value_kind)k)), 0);
}

Test(value, a_child_has_one_parent, .signal = SIGABRT)
{
	struct mu_value *l = mu_value_list(a), *x = mu_value_int(a, 1);

	mu_value_push(l, x);
	mu_value_push(l, mu_value_int(a, 2));
	mu_value_push(l, x);
}

Test(value, members_can_be_found_and_removed)
{
	struct mu_value *v = mu_value_object(a);

	cr_assert_null(mu_value_find(NULL, "a"));
	cr_assert_null(mu_value_find(mu_value_list(a), "a"));
	mu_value_set_int(a, v, "a", 1);
	mu_value_set_int(a, v, "b", 2);
	mu_value_set_int(a, v, "c", 3);
	mu_value_find(v, "b")->integer = 5;
	cr_assert_eq(mu_value_get(v, "b")->integer, 5);
	mu_value_remove(v, "x");
	cr_assert_eq(v->n_children, 3u);
	mu_value_remove(v, "c"); /* the last */
	mu_value_set_int(a, v, "d", 4);
	mu_value_remove(v, "a"); /* the first */
	cr_assert_eq(v->n_children, 2u);
	cr_assert_str_eq(v->first->name, "b");
	cr_assert_str_eq(v->last->name, "d");
	mu_value_remove(v, "b");
	mu_value_remove(v, "d");
	cr_assert_null(v->first);
	cr_assert_null(v->last);
}
