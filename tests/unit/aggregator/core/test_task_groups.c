/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: what becomes of one follows from its parts. */
#include "aggregator/core/tasks.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tasks *t;
static const struct host_id host = {{{0xa}}};

static void setup(void)
{
	t = tasks_new(2);
}

static void teardown(void)
{
	tasks_free(t);
}

TestSuite(task_groups, .init = setup, .fini = teardown);

static struct mu_uuid id_of(int n)
{
	return (struct mu_uuid){{(uint8_t)n, 1}};
}

static struct model_task task(int n)
{
	return (struct model_task){.id = id_of(n), .op = VM_OP_PAUSE, .host = host, .start = n};
}

static void begin(const struct model_task *m)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tasks_begin(t, m, NULL, &err), 0, "%s", err.text);
	cr_assert_not_null(tasks_confirm(t, &m->id));
}

/* Tasks 1 to `n`, joined in task 100, of which there should be `n_parts`. */
static struct mu_uuid group(int n, uint32_t n_parts)
{
	struct model_task g = {.id = id_of(100), .op = VM_OP_PAUSE, .n_parts = n_parts};

	(void)mu_error_set(&g.err, MU_E_DENIED, "not yours");
	for (int i = 1; i <= n; i++) {
		struct model_task m = task(i);

		begin(&m);
		tasks_sent(t, &m.id);
	}
	begin(&g);
	for (int i = 1; i <= n; i++) {
		struct mu_uuid id = id_of(i);

		cr_assert(tasks_join(t, &g.id, &id));
	}
	return g.id;
}

static void finish(int n, enum task_status status)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid id = id_of(n);
	struct model_task end;

	(void)mu_error_set(&err, MU_E_IO, "%d is broken", n);
	cr_assert(tasks_end(t, &host, &id, status, &err, "", 50, &end));
	cr_assert_not_null(tasks_ended(t, &end));
}

static const struct model_task *changed(void)
{
	return tasks_group_changed(t, 60);
}

Test(task_groups, ends_with_the_last_part)
{
	struct mu_uuid g = group(3, 3);
	const struct model_task *m;

	cr_expect_null(changed(), "nothing of it is new");
	finish(1, TASK_SUCCESS);
	finish(2, TASK_SUCCESS);
	m = changed();
	cr_assert_not_null(m);
	cr_expect_eq(m->status, TASK_PENDING);
	cr_expect_eq(m->progress, 66);
	cr_expect_null(changed());
	finish(3, TASK_SUCCESS);
	m = changed();
	cr_assert_not_null(m);
	cr_expect(mu_uuid_equal(&m->id, &g));
	cr_expect_eq(m->status, TASK_SUCCESS);
	cr_expect_eq(m->progress, 100);
	cr_expect_eq(m->end, 60);
	cr_expect_null(changed());
}

Test(task_groups, progress_is_that_of_all)
{
	struct mu_uuid one = id_of(1);
	const struct model_task *m;

	(void)group(2, 2);
	cr_assert_not_null(tasks_progress(t, &host, &one, 50, 40));
	m = changed();
	cr_assert_not_null(m);
	cr_expect_eq(m->progress, 25);
	cr_expect_eq(m->updated, 60);
}

/* An event of a large group has all of its parts. */
Test(task_groups, large_ones_get_on_in_steps)
{
	struct mu_uuid one = id_of(1);
	const struct model_task *m;

	(void)group(20, 20);
	(void)tasks_progress(t, &host, &one, 99, 40);
	cr_expect_null(changed());
	finish(1, TASK_SUCCESS);
	cr_expect_null(changed(), "5 of 100");
	finish(2, TASK_SUCCESS);
	m = changed();
	cr_assert_not_null(m);
	cr_expect_eq(m->progress, 10);
}

Test(task_groups, one_that_fails_is_the_failure_of_all)
{
	const struct model_task *m;

	(void)group(3, 3);
	finish(3, TASK_INTERRUPTED);
	finish(2, TASK_FAILURE);
	finish(1, TASK_SUCCESS);
	m = changed();
	cr_assert_not_null(m);
	cr_expect_eq(m->status, TASK_FAILURE);
	cr_expect_eq(m->err.code, MU_E_IO);
	cr_expect_str_eq(m->err.text, "1 of 3 failed, the first: 2 is broken");
}

Test(task_groups, what_is_not_known_of_one_is_not_known_of_all)
{
	const struct model_task *m;

	(void)group(2, 2);
	finish(2, TASK_INTERRUPTED);
	finish(1, TASK_SUCCESS);
	m = changed();
	cr_assert_not_null(m);
	cr_expect_eq(m->status, TASK_INTERRUPTED);
	cr_expect_str_eq(m->err.text, "of 1 of 2 nothing is known, the first: 2 is broken");
}

Test(task_groups, who_was_refused_has_failed)
{
	const struct model_task *m;

	(void)group(1, 3);
	finish(1, TASK_SUCCESS);
	m = changed();
	cr_assert_not_null(m);
	cr_expect_eq(m->status, TASK_FAILURE);
	cr_expect_eq(m->err.code, MU_E_DENIED);
	cr_expect_str_eq(m->err.text, "2 of 3 failed, the first: not yours");
}

Test(task_groups, what_cannot_be_joined)
{
	struct mu_uuid g = group(1, 2);
	struct mu_uuid part = id_of(1);
	struct mu_uuid nobody = id_of(9);
	struct model_task hidden = task(8);

	cr_assert_eq(tasks_begin(t, &hidden, NULL, NULL), 0);
	cr_expect_not(tasks_join(t, &g, &part), "it is one already");
	cr_expect_not(tasks_join(t, &g, &g));
	cr_expect_not(tasks_join(t, &g, &nobody));
	cr_expect_not(tasks_join(t, &g, &hidden.id));
	cr_expect_not(tasks_join(t, &part, &nobody), "no group");
	cr_expect_not(tasks_join(t, &nobody, &part));
}

static bool count(const struct model_task *m, void *arg)
{
	struct mu_uuid g = id_of(100);
	int *n = arg;

	cr_expect(mu_uuid_equal(&m->parent, &g));
	return ++*n < 2;
}

Test(task_groups, parts_are_walked)
{
	struct mu_uuid g = group(3, 3);
	struct mu_uuid nobody = id_of(9);
	int n = 0;

	tasks_each_part(t, &g, count, &n);
	cr_expect_eq(n, 2, "it can be ended");
	finish(1, TASK_SUCCESS);
	n = -9;
	tasks_each_part(t, &g, count, &n);
	cr_expect_eq(n, -6);
	tasks_each_part(t, &nobody, count, &n);
	cr_expect_eq(n, -6);
}

Test(task_groups, abort_notes_it_and_leaves_the_rest_to_the_parts)
{
	struct mu_uuid g = group(2, 2);
	const struct model_task *m;
	bool cancel = true;

	m = tasks_abort(t, &g, false, 45, &cancel);
	cr_assert_not_null(m);
	cr_expect_not(cancel);
	cr_expect_eq(m->status, TASK_PENDING);
	cr_expect_eq(m->abort_requested, 45);
}

/* A group is reckoned from its parts: they stay as long as it is pending. */
Test(task_groups, parts_outlast_their_group)
{
	struct mu_uuid part = id_of(1);
	struct mu_error err = MU_ERROR_INIT;
	struct model_task old;

	(void)group(4, 4);
	for (int i = 1; i <= 3; i++)
		finish(i, TASK_SUCCESS);
	cr_expect_not(tasks_evict(t, 60, &old), "the history holds two");
	cr_expect_lt(tasks_check_delete(t, &part, &err), 0);
	cr_expect_eq(err.code, MU_E_STATE);
	cr_expect_not(tasks_delete(t, &part, &old));
	finish(4, TASK_SUCCESS);
	cr_assert_not_null(changed());
	cr_expect_eq(tasks_check_delete(t, &part, NULL), 0);
	cr_expect(tasks_evict(t, 60, &old));
	cr_expect(mu_uuid_equal(&old.id, &part));
}

Test(task_groups, a_group_that_goes_leaves_its_parts)
{
	struct mu_uuid g = group(2, 2);
	struct mu_uuid part = id_of(1);
	struct model_task old;

	finish(1, TASK_SUCCESS);
	finish(2, TASK_SUCCESS);
	cr_assert_not_null(changed());
	cr_expect(tasks_delete(t, &g, &old));
	cr_assert_not_null(tasks_find(t, &part));
	cr_expect(tasks_delete(t, &part, &old));
}

/* The program died between the last part's end and the group's. */
Test(task_groups, from_the_store_it_is_reckoned_anew)
{
	struct model_task g = {.id = id_of(100), .op = VM_OP_PAUSE, .n_parts = 2};
	struct model_task one = task(1), two = task(2), lone = task(3);
	const struct model_task *m;

	one.parent = two.parent = g.id;
	lone.parent = id_of(99); /* which is gone */
	one.status = two.status = lone.status = TASK_SUCCESS;
	tasks_load(t, &g, NULL);
	tasks_load(t, &one, NULL);
	tasks_load(t, &two, NULL);
	tasks_load(t, &lone, NULL);
	m = changed();
	cr_assert_not_null(m);
	cr_expect_eq(m->status, TASK_SUCCESS);
	cr_expect_null(changed());
}
