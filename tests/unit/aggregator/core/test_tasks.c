/* SPDX-License-Identifier: Apache-2.0 */
/* The life of tasks: what may be said of one when its host, its stream or its deadline is gone. */
#include "aggregator/core/tasks.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tasks *t;
static const struct host_id host_a = {{{0xa}}};
static const struct host_id host_b = {{{0xb}}};

static void setup(void)
{
	t = tasks_new(3);
}

static void teardown(void)
{
	tasks_free(t);
}

TestSuite(tasks, .init = setup, .fini = teardown);

static struct mu_uuid id_of(int n)
{
	struct mu_uuid id = {{0}};

	id.bytes[0] = (uint8_t)(n >> 8);
	id.bytes[1] = (uint8_t)n;
	id.bytes[15] = 1;
	return id;
}

static struct model_task task(int n, const struct host_id *host, mu_msec deadline)
{
	return (struct model_task){
	    .id = id_of(n),
	    .op = VM_OP_PAUSE,
	    .vm = {{{7}}},
	    .host = *host,
	    .start = n,
	    .deadline = deadline,
	};
}

/* Asked for and stored. */
static struct mu_uuid begin(int n, const struct host_id *host, mu_msec deadline)
{
	struct model_task m = task(n, host, deadline);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tasks_begin(t, &m, NULL, &err), 0, "%s", err.text);
	cr_assert_not_null(tasks_confirm(t, &m.id));
	return m.id;
}

static struct mu_uuid sent(int n, const struct host_id *host, mu_msec deadline)
{
	struct mu_uuid id = begin(n, host, deadline);

	tasks_sent(t, &id);
	return id;
}

static bool tell(const struct host_id *host, const struct mu_uuid *id, enum task_status status,
		 struct model_task *ret)
{
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(&err, MU_E_IO, "broken");
	return tasks_end(t, host, id, status, &err, "", 50, ret);
}

static void finish(const struct mu_uuid *id, enum task_status status)
{
	struct model_task end;

	cr_assert(tell(&host_a, id, status, &end));
	cr_assert_eq(tasks_find(t, id)->status, TASK_PENDING, "seen before it is stored");
	cr_assert_not_null(tasks_ended(t, &end));
}

static bool next(const struct host_id *host, mu_msec now, struct tasks_command *ret)
{
	return tasks_next_command(t, host, now, ret);
}

Test(tasks, hidden_until_stored)
{
	struct model_task m = task(1, &host_a, 0);
	struct tasks_command c;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tasks_begin(t, &m, NULL, &err), 0);
	cr_assert_null(tasks_find(t, &m.id));
	cr_assert_not(next(&host_a, 1, &c), "a command may not leave before its task is stored");
	cr_assert_lt(tasks_begin(t, &m, NULL, &err), 0);
	cr_assert_eq(err.code, MU_E_EXISTS);
	tasks_confirm(t, &m.id);
	cr_assert_eq(tasks_find(t, &m.id)->status, TASK_PENDING);
	cr_assert(next(&host_a, 1, &c));
	cr_assert(mu_uuid_equal(&c.id, &m.id));
	cr_assert_eq(c.op, VM_OP_PAUSE);
	cr_assert_eq(c.left, 0);
}

Test(tasks, dropped_was_never_there)
{
	struct model_task m = task(1, &host_a, 0);
	struct mu_uuid stranger = id_of(99);

	cr_assert_eq(tasks_begin(t, &m, NULL, NULL), 0);
	cr_assert_eq(tasks_n_pending(t), 1);
	tasks_drop(t, &m.id);
	tasks_drop(t, &m.id);
	cr_assert_eq(tasks_n_pending(t), 0);
	cr_assert_null(tasks_confirm(t, &m.id));
	m.id = begin(2, &host_a, 0);
	tasks_drop(t, &m.id);
	cr_assert_not_null(tasks_find(t, &m.id), "what is stored cannot be dropped");
	tasks_sent(t, &stranger);
}

Test(tasks, sent_once_a_stream)
{
	struct mu_uuid id = begin(1, &host_a, 0);
	struct tasks_command c;

	cr_assert_not(next(&host_b, 1, &c), "another host's");
	cr_assert(next(&host_a, 1, &c));
	tasks_sent(t, &id);
	cr_assert_not(next(&host_a, 1, &c));
	tasks_host_away(t, &host_b);
	cr_assert_not(next(&host_a, 1, &c));
	tasks_host_away(t, &host_a);
	cr_assert(next(&host_a, 1, &c), "again on the next stream, with its id");
	cr_assert(mu_uuid_equal(&c.id, &id));
}

Test(tasks, results_end_them)
{
	struct mu_uuid a = sent(1, &host_a, 0);
	struct mu_uuid b = sent(2, &host_a, 0);
	struct mu_uuid c = sent(3, &host_a, 0);
	struct model_task end;

	finish(&a, TASK_SUCCESS);
	finish(&b, TASK_FAILURE);
	finish(&c, TASK_INTERRUPTED);
	cr_assert_eq(tasks_find(t, &a)->status, TASK_SUCCESS);
	cr_assert_eq(tasks_find(t, &a)->progress, 100);
	cr_assert_eq(tasks_find(t, &a)->err.code, MU_E_NONE);
	cr_assert_eq(tasks_find(t, &b)->status, TASK_FAILURE);
	cr_assert_str_eq(tasks_find(t, &b)->err.text, "broken");
	cr_assert_eq(tasks_find(t, &b)->end, 50);
	cr_assert_eq(tasks_find(t, &c)->status, TASK_INTERRUPTED);
	cr_assert_eq(tasks_n_pending(t), 0);
	/* Once over, always over. */
	cr_assert_not(tell(&host_a, &a, TASK_FAILURE, &end));
	cr_assert_null(tasks_progress(t, &host_a, &a, 5, 60));
	cr_assert_eq(tasks_find(t, &a)->status, TASK_SUCCESS);
}

Test(tasks, an_end_is_stored_once_and_takes_effect_once)
{
	struct mu_uuid id = sent(1, &host_a, 0);
	struct model_task end;
	struct model_task again;

	cr_assert(tell(&host_a, &id, TASK_FAILURE, &end));
	cr_assert_eq(end.status, TASK_FAILURE);
	cr_assert_not(tell(&host_a, &id, TASK_FAILURE, &again), "told twice, stored once");
	cr_assert_not_null(tasks_forget_host(t, &host_a, 60));
	cr_assert_null(tasks_ended(t, &end), "something else was first");
	cr_assert_eq(tasks_find(t, &id)->status, TASK_INTERRUPTED);
}

Test(tasks, only_its_own_host_may_speak_of_it)
{
	struct mu_uuid id = sent(1, &host_a, 0);
	struct mu_uuid stranger = id_of(99);
	struct model_task end;

	cr_assert_not(tell(&host_b, &id, TASK_SUCCESS, &end));
	cr_assert_null(tasks_progress(t, &host_b, &id, 50, 1));
	cr_assert_not(tell(&host_a, &stranger, TASK_SUCCESS, &end));
	cr_assert_not(tell(&host_a, &id, TASK_PENDING, &end));
	cr_assert_eq(tasks_find(t, &id)->status, TASK_PENDING);
}

Test(tasks, progress_is_clamped_and_told_once)
{
	struct mu_uuid id = sent(1, &host_a, 0);

	cr_assert_eq(tasks_progress(t, &host_a, &id, 40, 7)->progress, 40);
	cr_assert_null(tasks_progress(t, &host_a, &id, 40, 8));
	cr_assert_eq(tasks_progress(t, &host_a, &id, 400, 9)->progress, 100);
	cr_assert_eq(tasks_progress(t, &host_a, &id, -4, 9)->progress, 0);
	cr_assert_eq(tasks_find(t, &id)->updated, 9);
}

Test(tasks, deadline_before_sending_is_a_failure)
{
	struct mu_uuid id = begin(1, &host_a, 100);
	struct tasks_command c;

	begin(2, &host_a, 0);
	cr_assert_eq(tasks_next_expiry(t), 100);
	cr_assert(next(&host_a, 40, &c));
	cr_assert_eq(c.left, 60);
	cr_assert_null(tasks_expire(t, 99));
	cr_assert(next(&host_a, 100, &c));
	cr_assert_not(mu_uuid_equal(&c.id, &id), "too late to be sent");
	cr_assert(mu_uuid_equal(&tasks_expire(t, 100)->id, &id));
	cr_assert_null(tasks_expire(t, 100));
	cr_assert_eq(tasks_find(t, &id)->status, TASK_FAILURE);
	cr_assert_eq(tasks_find(t, &id)->err.code, MU_E_TIMEOUT);
	cr_assert_eq(tasks_next_expiry(t), MU_MSEC_NEVER);
}

Test(tasks, deadline_after_sending_is_the_agents_to_tell)
{
	struct mu_uuid id = sent(1, &host_a, 100);
	struct tasks_command c;

	cr_assert_eq(tasks_next_expiry(t), MU_MSEC_NEVER);
	cr_assert_null(tasks_expire(t, 1000));
	tasks_host_away(t, &host_a);
	cr_assert_null(tasks_expire(t, 1000), "it may have run");
	cr_assert(next(&host_a, 1000, &c));
	cr_assert_eq(c.left, 1, "an agent that never saw it must not run it now");
	cr_assert_eq(tasks_find(t, &id)->status, TASK_PENDING);
}

Test(tasks, from_the_store_may_have_been_sent)
{
	struct model_task pending = task(1, &host_a, 100);
	struct model_task over = task(2, &host_a, 0);
	struct tasks_command c;

	over.status = TASK_SUCCESS;
	tasks_load(t, &pending, NULL);
	tasks_load(t, &pending, NULL);
	tasks_load(t, &over, NULL);
	cr_assert_eq(tasks_n_pending(t), 1);
	cr_assert_null(tasks_expire(t, 1000));
	cr_assert(next(&host_a, 1000, &c));
	cr_assert_eq(c.left, 1);
}

Test(tasks, abort_depends_on_what_is_possible)
{
	struct mu_uuid fresh = begin(1, &host_a, 0);
	struct mu_uuid here = sent(2, &host_a, 0);
	struct mu_uuid away = sent(3, &host_b, 0);
	bool cancel;

	cr_assert_eq(tasks_abort(t, &fresh, true, 9, &cancel)->status, TASK_FAILURE);
	cr_assert_not(cancel);
	cr_assert_eq(tasks_abort(t, &here, true, 9, &cancel)->status, TASK_PENDING);
	cr_assert(cancel);
	cr_assert_eq(tasks_find(t, &here)->abort_requested, 9);
	cr_assert_eq(tasks_abort(t, &away, false, 9, &cancel)->status, TASK_INTERRUPTED);
	cr_assert_not(cancel);
	cr_assert_null(tasks_abort(t, &away, false, 9, &cancel));
}

Test(tasks, abort_comes_too_late_for_an_end_that_is_being_stored)
{
	struct mu_uuid id = sent(1, &host_a, 0);
	struct model_task end;
	bool cancel;

	cr_assert(tell(&host_a, &id, TASK_SUCCESS, &end));
	cr_assert_null(tasks_abort(t, &id, true, 60, &cancel));
	cr_assert_not(cancel);
	cr_assert_null(tasks_abort(t, &id, false, 60, &cancel));
	cr_assert_eq(tasks_find(t, &id)->abort_requested, 0);
	cr_assert_eq(tasks_ended(t, &end)->status, TASK_SUCCESS);
}

Test(tasks, forgotten_host_leaves_no_pending_task)
{
	struct mu_uuid a = sent(1, &host_a, 0);
	struct mu_uuid b = begin(2, &host_a, 0);
	struct mu_uuid c = sent(3, &host_b, 0);
	int n = 0;

	while (tasks_forget_host(t, &host_a, 5))
		n++;
	cr_assert_eq(n, 2);
	cr_assert_eq(tasks_find(t, &a)->status, TASK_INTERRUPTED);
	cr_assert_eq(tasks_find(t, &b)->status, TASK_INTERRUPTED);
	cr_assert_eq(tasks_find(t, &c)->status, TASK_PENDING);
}

Test(tasks, history_is_bounded_and_keeps_the_newest)
{
	struct model_task old;
	struct mu_uuid pending = sent(0, &host_a, 0);
	struct mu_uuid first = id_of(1);

	for (int i = 1; i <= 5; i++) {
		struct mu_uuid id = sent(i, &host_a, 0);

		finish(&id, TASK_SUCCESS);
	}
	cr_assert(tasks_evict(t, 60, &old));
	cr_assert(mu_uuid_equal(&old.id, &first), "the oldest that is over");
	cr_assert(tasks_evict(t, 60, &old));
	cr_assert_not(tasks_evict(t, 60, &old));
	cr_assert_not_null(tasks_find(t, &pending));
}

Test(tasks, history_is_for_thirty_days)
{
	struct model_task old;
	struct mu_uuid first = sent(1, &host_a, 0);
	struct mu_uuid second = sent(2, &host_a, 0);

	finish(&second, TASK_SUCCESS); /* at 50, as all here */
	cr_assert_not(tasks_evict(t, 49 + TASKS_KEEP, &old));
	cr_assert(tasks_evict(t, 50 + TASKS_KEEP, &old));
	cr_expect(mu_uuid_equal(&old.id, &second));
	cr_expect_not(tasks_evict(t, 50 + TASKS_KEEP, &old));
	cr_expect_not_null(tasks_find(t, &first), "it has not ended");
}

static const struct task_line *host_says(const struct host_id *host, const struct mu_uuid *id,
					 size_t number)
{
	struct task_line line = {.from_host = true, .text = (char[]){"copied"}};

	return tasks_host_says(t, host, id, number, &line);
}

/* A host tells all it has said, again and again: after a break, and with the result. */
Test(tasks, what_is_said_of_them_is_kept_once)
{
	struct task_line own = {.warning = true, .text = (char[]){"its host is away"}};
	struct mu_uuid id = sent(1, &host_a, 0);
	struct mu_uuid nobody = id_of(77);

	cr_assert_not_null(host_says(&host_a, &id, 0));
	cr_assert_not_null(tasks_say(t, &id, &own));
	cr_expect_null(host_says(&host_a, &id, 0));
	cr_assert_not_null(host_says(&host_a, &id, 1));
	cr_expect_null(host_says(&host_b, &id, 2), "it is not that one's");
	cr_expect_null(host_says(&host_a, &nobody, 0));
	cr_expect_null(tasks_say(t, &nobody, &own));
	cr_expect_null(tasks_lines(t, &nobody));
	cr_assert_eq(tasks_lines(t, &id)->n, 3);
	cr_expect(tasks_lines(t, &id)->lines[1].warning);
	finish(&id, TASK_SUCCESS);
	cr_expect_null(host_says(&host_a, &id, 2), "it is over");
	cr_expect_eq(tasks_lines(t, &id)->n, 3);
}

Test(tasks, too_much_said_of_old_ones_sends_them_away)
{
	enum { N = TASKS_LINES_MAX / TASK_LINES_MAX + 3 };
	struct task_line line = {.text = (char[]){"x"}};
	struct model_task old;
	int n_gone = 0;

	tasks_free(t);
	t = tasks_new(N);
	for (int i = 0; i < N; i++) {
		struct mu_uuid id = sent(i, &host_a, 0);

		for (int k = 0; k < TASK_LINES_MAX; k++)
			cr_assert_not_null(tasks_say(t, &id, &line));
		finish(&id, TASK_SUCCESS);
	}
	while (tasks_evict(t, 60, &old))
		n_gone++;
	cr_expect_eq(n_gone, N - TASKS_LINES_MAX / TASK_LINES_MAX);
}

Test(tasks, what_is_over_can_be_deleted)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_task old;
	struct mu_uuid id = sent(1, &host_a, 0);
	struct mu_uuid nobody = id_of(77);

	cr_expect_lt(tasks_check_delete(t, &id, &err), 0);
	cr_expect_eq(err.code, MU_E_STATE);
	cr_expect_not(tasks_delete(t, &id, &old));
	cr_expect_lt(tasks_check_delete(t, &nobody, &err), 0);
	cr_expect_eq(err.code, MU_E_NOT_FOUND);
	finish(&id, TASK_SUCCESS);
	cr_expect_eq(tasks_check_delete(t, &id, NULL), 0);
	cr_expect(tasks_delete(t, &id, &old));
	cr_expect(mu_uuid_equal(&old.id, &id));
	cr_expect_null(tasks_find(t, &id));
	cr_expect_not(tasks_delete(t, &id, &old));
}

Test(tasks, pending_tasks_of_a_host_are_bounded)
{
	struct model_task m;
	struct mu_error err = MU_ERROR_INIT;

	for (int i = 0; i < TASKS_PENDING_PER_HOST; i++)
		begin(i, &host_a, 0);
	m = task(5000, &host_a, 0);
	cr_assert_lt(tasks_begin(t, &m, NULL, &err), 0);
	cr_assert_eq(err.code, MU_E_EXHAUSTED);
	m = task(5001, &host_b, 0);
	cr_assert_eq(tasks_begin(t, &m, NULL, &err), 0, "another host's bound is its own");
}

static bool count(const struct model_task *task_, void *arg)
{
	int *n = arg;

	cr_assert_not_null(task_);
	return ++*n < 2;
}

Test(tasks, walk_shows_what_is_stored_and_stops)
{
	struct model_task hidden = task(9, &host_a, 0);
	int n = 0;

	tasks_begin(t, &hidden, NULL, NULL);
	begin(1, &host_a, 0);
	tasks_each(t, count, &n);
	cr_assert_eq(n, 1);
	begin(2, &host_a, 0);
	begin(3, &host_a, 0);
	n = 0;
	tasks_each(t, count, &n);
	cr_assert_eq(n, 2);
}

/* Calls: the command has all of it, as often as it is sent; the value comes with the end. */
Test(tasks, a_call_keeps_its_arguments_until_it_has_ended)
{
	struct model_task m = task(1, &host_a, 0);
	struct mu_error none = MU_ERROR_INIT;
	struct tasks_command c;
	struct model_task end;

	m.op = _VM_OP_COUNT;
	m.object = id_of(9);
	memcpy(m.method, "vdi.edit", sizeof "vdi.edit");
	cr_assert_eq(tasks_begin(t, &m, "{\"size\":1}", NULL), 0);
	cr_assert_not_null(tasks_confirm(t, &m.id));
	for (int i = 0; i < 2; i++) {
		cr_assert(next(&host_a, 5, &c));
		cr_assert_str_eq(c.method, "vdi.edit");
		cr_assert_str_eq(c.arguments, "{\"size\":1}");
		cr_assert(mu_uuid_equal(&c.object, &m.object));
		tasks_sent(t, &m.id);
		tasks_host_away(t, &host_a);
	}
	cr_assert(tasks_end(t, &host_a, &m.id, TASK_SUCCESS, &none, "{\"id\":1}", 9, &end));
	cr_assert_str_eq(end.value, "{\"id\":1}");
	cr_assert_str_eq(tasks_find(t, &m.id)->value, "", "not before it is stored");
	cr_assert_str_eq(tasks_ended(t, &end)->value, "{\"id\":1}");
	/* From the store, without arguments. */
	m.id = id_of(2);
	tasks_load(t, &m, NULL);
	cr_assert(next(&host_a, 5, &c));
	cr_assert_str_eq(c.arguments, "{}");
}

Test(tasks, arguments_are_bounded_in_all)
{
	MU_CLEANUP(mu_free) char *text = mu_xcalloc(1, CALL_ARGUMENTS_MAX + 1);
	struct mu_error err = MU_ERROR_INIT;
	struct model_task m;
	int n = 0;

	memset(text, 'x', CALL_ARGUMENTS_MAX);
	for (;; n++) {
		m = task(n, &host_a, 0);
		if (tasks_begin(t, &m, text, &err) < 0)
			break;
	}
	cr_assert_eq(n, TASKS_ARGUMENTS_MAX / CALL_ARGUMENTS_MAX);
	cr_assert_eq(err.code, MU_E_EXHAUSTED);
	cr_assert(strstr(err.text, "bytes of arguments"), "%s", err.text);
	m.id = id_of(0);
	tasks_drop(t, &m.id);
	m = task(n, &host_a, 0);
	cr_assert_eq(tasks_begin(t, &m, text, &err), 0, "there is room again");
}
