/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks on disk: calls, groups, and what was said of them. */
#include "fixture.h"

#include "aggregator/store/tasks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct host_id host = {{{3}}};

TestSuite(store_tasks, .init = setup, .fini = teardown);

static void open_store(void)
{
	struct store_options options = {.path = path};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(store_open(loop, &options, &store, &err), 0, "%s", err.text);
}

static void on_disk(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	cr_assert_null(err);
	mu_loop_stop(loop);
}

static void commit(struct store_tx *tx)
{
	store_commit(tx, STORE_OR_FAIL, on_disk, NULL);
	mu_loop_run(loop);
}

static struct model_task kept_in_order[3];
static size_t n_kept_in_order;

static int keep_in_order(const struct model_task *t, const char *arguments, void *arg,
			 struct mu_error *err)
{
	(void)arguments;
	(void)arg;
	(void)err;
	kept_in_order[n_kept_in_order++] = *t;
	return 0;
}

/* It joins while its end is on its way: neither loses anything. */
Test(store_tasks, a_group_comes_before_its_parts)
{
	struct model_task part = {.id = {{1}}, .op = VM_OP_PAUSE, .host = host, .start = 5};
	struct model_task group = {
	    .id = {{9}}, .op = VM_OP_PAUSE, .object = {{8}}, .n_parts = 2, .start = 5};
	struct store_tx *tx;

	open_store();
	tx = store_begin(store);
	store_tasks_put(tx, &part, NULL);
	store_tasks_put(tx, &group, NULL);
	store_tasks_join(tx, &part.id, &group.id);
	part.status = TASK_SUCCESS;
	store_tasks_put(tx, &part, NULL);
	commit(tx);
	cr_assert_eq(store_tasks_list(store, keep_in_order, NULL, NULL), 0);
	cr_assert_eq(n_kept_in_order, 2);
	cr_expect_eq(kept_in_order[0].n_parts, 2);
	cr_expect_eq(kept_in_order[0].object.bytes[0], 8);
	cr_expect(mu_uuid_equal(&kept_in_order[1].parent, &group.id));
	cr_expect_eq(kept_in_order[1].status, TASK_SUCCESS);
	close_store();
}

static struct {
	size_t n;
	struct task_line lines[4];
	char texts[4][TASK_LINE_MAX + 1];
} said;

static void keep_line(const struct mu_uuid *task, const struct task_line *line, void *arg)
{
	(void)arg;
	cr_assert_eq(task->bytes[0], 1);
	snprintf(said.texts[said.n], sizeof said.texts[said.n], "%s", line->text);
	said.lines[said.n++] = *line;
}

Test(store_tasks, what_was_said_of_a_task_goes_with_it)
{
	struct model_task t = {.id = {{1}}, .op = VM_OP_PAUSE, .host = host};
	struct task_line first = {.at = 5, .from_host = true, .text = (char[]){"one"}};
	struct task_line second = {.at = 6, .warning = true, .text = (char[]){"two"}};
	struct store_tx *tx;

	open_store();
	tx = store_begin(store);
	store_tasks_put(tx, &t, NULL);
	store_task_lines_add(tx, &t.id, 1, &second);
	store_task_lines_add(tx, &t.id, 0, &first);
	commit(tx);
	cr_assert_eq(store_task_lines_list(store, keep_line, NULL, NULL), 0);
	cr_assert_eq(said.n, 2);
	cr_expect_str_eq(said.texts[0], "one");
	cr_expect(said.lines[0].at == 5 && said.lines[0].from_host && !said.lines[0].warning);
	cr_expect_str_eq(said.texts[1], "two");
	cr_expect(said.lines[1].at == 6 && !said.lines[1].from_host && said.lines[1].warning);
	tx = store_begin(store);
	store_tasks_delete(tx, &t.id);
	commit(tx);
	said.n = 0;
	cr_assert_eq(store_task_lines_list(store, keep_line, NULL, NULL), 0);
	cr_expect_eq(said.n, 0);
	close_store();
}

static struct model_task kept_task;
static char kept_arguments[64];

static int keep_one(const struct model_task *t, const char *arguments, void *arg,
		    struct mu_error *err)
{
	(void)arg;
	(void)err;
	kept_task = *t;
	snprintf(kept_arguments, sizeof kept_arguments, "%s", arguments ? arguments : "(none)");
	return 0;
}

/* A call comes back as it was, with its arguments for as long as they may have to be sent. */
Test(store_tasks, calls_and_their_arguments)
{
	struct model_task t = {.id = {{9}}, .op = _VM_OP_COUNT, .object = {{8}}, .host = host};
	struct store_tx *tx;

	snprintf(t.method, sizeof t.method, "vdi.create");
	open_store();
	tx = store_begin(store);
	store_tasks_put(tx, &t, "{\"virtual_size\":1}");
	commit(tx);
	t.abort_requested = 5;
	tx = store_begin(store);
	store_tasks_put(tx, &t, NULL);
	commit(tx);
	cr_assert_eq(store_tasks_list(store, keep_one, NULL, NULL), 0);
	cr_assert_str_eq(kept_task.method, "vdi.create");
	cr_assert_eq(kept_task.op, _VM_OP_COUNT);
	cr_assert_eq(kept_task.object.bytes[0], 8);
	cr_assert_eq(kept_task.abort_requested, 5);
	cr_assert_str_eq(kept_arguments, "{\"virtual_size\":1}", "an abort does not forget them");
	t.status = TASK_SUCCESS;
	snprintf(t.value, sizeof t.value, "{\"id\":\"x\"}");
	tx = store_begin(store);
	store_tasks_put(tx, &t, NULL);
	commit(tx);
	cr_assert_eq(store_tasks_list(store, keep_one, NULL, NULL), 0);
	cr_assert_str_eq(kept_task.value, "{\"id\":\"x\"}");
	cr_assert_str_eq(kept_arguments, "(none)");
}
