/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks as people see them, and the journal behind them: a change is first a line on the disk and
 * only then shown, so that nothing is told that a crash could take back. Where the disk refuses, a
 * new task is refused too; a result is told all the same, as hiding it would help nobody.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS_MAX = 512 }; /* finished ones go first */

/* A task's change on its way to the disk. */
struct pending {
	struct app *app;
	struct mu_uuid task;
	enum app_change what;
	struct model_task model; /* as it will be */
	writer_done done;
	void *arg;
};

void tasks_init(struct app *app)
{
	app->journal = journal_new();
	app->tasks = mu_map_new();
}

static void task_free(struct app_task *t)
{
	if (t)
		task_lines_deinit(&t->lines);
	free(t);
}

void tasks_deinit(struct app *app)
{
	struct app_task *t;

	for (size_t i = 0; app->tasks && (t = mu_map_next(app->tasks, &i, NULL, NULL));)
		task_free(t);
	app->tasks = mu_map_free(app->tasks);
	app->journal = journal_free(app->journal);
}

static struct app_task *find(const struct app *app, const struct mu_uuid *id)
{
	return mu_map_find(app->tasks, id->bytes, sizeof id->bytes);
}

static void tell(struct app *app, enum app_change what, const struct model_task *t)
{
	app_each_listener(it, app)
	{
		struct app_listener *l = MU_CONTAINER_OF(it, struct app_listener, link);

		if (l->task)
			l->task(l->ctx, what, t);
	}
}

static void tell_said(struct app *app, const struct model_task *t)
{
	app_each_listener(it, app)
	{
		struct app_listener *l = MU_CONTAINER_OF(it, struct app_listener, link);

		if (l->said)
			l->said(l->ctx, t);
	}
}

static void tell_result(struct app *app, const struct journal_entry *e)
{
	app_each_listener(it, app)
	{
		struct app_listener *l = MU_CONTAINER_OF(it, struct app_listener, link);

		if (l->result)
			l->result(l->ctx, e);
	}
}

static void drop_old(struct app *app)
{
	struct app_task *t;

	for (size_t i = 0; mu_map_size(app->tasks) > TASKS_MAX &&
			   (t = mu_map_next(app->tasks, &i, NULL, NULL));) {
		if (t->model.status == TASK_PENDING)
			continue;
		tell(app, APP_REMOVED, &t->model);
		mu_map_remove(app->tasks, t->model.id.bytes, sizeof t->model.id.bytes);
		task_free(t);
	}
}

static struct app_task *add(struct app *app, const struct journal_entry *e)
{
	struct app_task *t = mu_xcalloc(1, sizeof *t);

	t->local = e->local;
	t->model.id = e->task;
	t->model.status = e->status;
	t->model.op = e->op;
	memcpy(t->model.method, e->method, sizeof t->model.method);
	t->model.object = e->object;
	t->model.vm = e->vm;
	t->model.host = app->id;
	memcpy(t->model.user, e->user, sizeof t->model.user);
	t->model.start = e->accepted_at;
	t->model.updated = e->finished_at ? e->finished_at : e->accepted_at;
	t->model.end = e->finished_at;
	t->model.progress = e->status == TASK_SUCCESS ? 100 : 0;
	t->model.err = e->err;
	memcpy(t->model.value, e->value, sizeof t->model.value);
	/* An id that was acknowledged, and so forgotten, may come again by mistake. */
	task_free(mu_map_put(app->tasks, e->task.bytes, sizeof e->task.bytes, t));
	return t;
}

void tasks_load(struct app *app)
{
	const struct journal_entry *e;

	for (size_t i = 0; (e = journal_next(app->journal, &i));)
		(void)add(app, e);
}

/* The journal */

static void on_rewritten(void *arg, const struct mu_error *err)
{
	(void)arg;
	if (err)
		mu_log_warning("journal could not be rewritten err=\"%s\"", err->text);
}

static void append(struct app *app, struct mu_str *line, writer_done done, void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str all = MU_STR_INIT;

	writer_append(app->writer, line, done, arg);
	if (!journal_wants_rewrite(app->journal))
		return;
	journal_encode(app->journal, &all);
	writer_rewrite(app->writer, &all, on_rewritten, NULL);
}

static void on_written(void *arg, const struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct pending *p = arg;
	const struct journal_entry *e;
	struct app_task *t;

	if (err)
		mu_log_error("journal write failed err=\"%s\"", err->text);
	if (p->done)
		p->done(p->arg, err);
	t = find(p->app, &p->task);
	if (!t || (err && p->what == APP_ADDED))
		return;
	if (p->model.status != TASK_PENDING) {
		t->model = p->model;
		tell(p->app, APP_UPDATED, &t->model);
		e = journal_find(p->app->journal, &p->task);
		if (e && !e->local)
			tell_result(p->app, e);
		drop_old(p->app);
	} else {
		tell(p->app, p->what, &t->model);
	}
}

static struct pending *pending_new(struct app *app, const struct mu_uuid *task,
				   enum app_change what)
{
	struct pending *p = mu_xcalloc(1, sizeof *p);
	const struct app_task *t = find(app, task);

	p->app = app;
	p->task = *task;
	p->what = what;
	if (t)
		p->model = t->model;
	return p;
}

int tasks_accept(struct app *app, const struct journal_entry *e, mu_msec deadline,
		 writer_done accepted, void *arg, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;
	struct pending *p;

	if (journal_accept(app->journal, e, &line, err) < 0)
		return MU_FAILED;
	add(app, e)->model.deadline = deadline ? e->accepted_at + deadline : 0;
	p = pending_new(app, &e->task, APP_ADDED);
	p->done = accepted;
	p->arg = arg;
	append(app, &line, on_written, p);
	return 0;
}

void tasks_start(struct app *app, const struct mu_uuid *task, const struct vm_facts *facts,
		 writer_done recorded, void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;

	journal_start(app->journal, task, facts, app->boot_id, mu_clock_wall(), &line);
	append(app, &line, recorded, arg);
}

void tasks_progress(struct app *app, const struct mu_uuid *task, int percent)
{
	struct app_task *t = find(app, task);

	if (!t || t->model.status != TASK_PENDING || percent <= t->model.progress || percent > 100)
		return;
	t->model.progress = percent;
	t->model.updated = mu_clock_wall();
	tell(app, APP_UPDATED, &t->model);
}

void tasks_say(struct app *app, const struct mu_uuid *task, bool warning, const char *text)
{
	struct app_task *t = find(app, task);
	struct task_line line = {.at = mu_clock_wall(), .warning = warning, .from_host = true};

	line.text = (char *)(uintptr_t)text; /* it is copied */
	if (t && t->model.status == TASK_PENDING && task_lines_add(&t->lines, &line))
		tell_said(app, &t->model);
}

void tasks_set_value(struct app *app, const struct mu_uuid *task, const char *value)
{
	struct app_task *t = find(app, task);

	if (t && t->model.status == TASK_PENDING)
		(void)snprintf(t->model.value, sizeof t->model.value, "%s", value);
}

static void log_finish(const struct model_task *t)
{
	bool call = t->method[0], definition = !call && t->op == _VM_OP_COUNT;
	const char *what = definition ? "definition" : task_what(t);
	const char *object = call ? "object" : "vm";
	char of[MU_UUID_TEXT], id[MU_UUID_TEXT];

	mu_uuid_format(call ? &t->object : &t->vm.uuid, of);
	mu_uuid_format(&t->id, id);
	if (t->status == TASK_SUCCESS)
		mu_log_info("task done op=%s %s=%s task=%s user=\"%s\"", what, object, of, id,
			    t->user);
	else
		mu_log_warning("task failed op=%s %s=%s task=%s user=\"%s\" err=\"%s\"", what,
			       object, of, id, t->user, t->err.text);
}

void tasks_finish(struct app *app, const struct mu_uuid *task, enum task_status status,
		  const struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;
	struct pending *p = pending_new(app, task, APP_UPDATED);
	mu_msec now = mu_clock_wall();

	if (status != TASK_SUCCESS)
		p->model.value[0] = '\0';
	journal_done(app->journal, task, status, err, p->model.value, now, &line);
	p->model.status = status;
	p->model.end = p->model.updated = now;
	if (status == TASK_SUCCESS)
		p->model.progress = 100;
	if (err)
		p->model.err = *err;
	log_finish(&p->model);
	append(app, &line, on_written, p);
}

/* app.h */

const struct model_task *app_task_next(const struct app *app, size_t *iter)
{
	const struct app_task *t = mu_map_next(app->tasks, iter, NULL, NULL);

	return t ? &t->model : NULL;
}

const struct model_task *app_task_find(const struct app *app, const struct mu_uuid *id)
{
	const struct app_task *t = find(app, id);

	return t ? &t->model : NULL;
}

const struct task_lines *app_task_lines(const struct app *app, const struct mu_uuid *id)
{
	const struct app_task *t = find(app, id);

	return t ? &t->lines : NULL;
}

bool app_task_is_remote(const struct app *app, const struct mu_uuid *id)
{
	const struct app_task *t = find(app, id);

	return t && !t->local;
}

static void request_abort(struct app *app, struct app_task *t)
{
	struct vm_id vm = t->model.vm;
	struct mu_uuid id = t->model.id;
	bool queued = !mu_uuid_is_nil(&vm.uuid);

	if (!t->model.abort_requested) {
		t->model.abort_requested = t->model.updated = mu_clock_wall();
		tell(app, APP_UPDATED, &t->model);
	}
	if (queued)
		ops_cancel(app, &vm, &id);
	else
		calls_cancel(app, &id);
}

int app_task_abort(struct app *app, const struct mu_uuid *id, struct mu_error *err)
{
	struct app_task *t = find(app, id);

	if (!t)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such task on this host");
	if (t->model.status != TASK_PENDING)
		return mu_error_set(err, MU_E_STATE, "the task has ended already: %s",
				    task_status_name(t->model.status));
	if (mu_uuid_is_nil(&t->model.vm.uuid) ? calls_goes_on(app, id)
					      : ops_goes_on(app, &t->model.vm, id))
		return mu_error_set(err, MU_E_STATE,
				    "this cannot be stopped once it has begun: it goes on to its "
				    "end; hint: wait for the task");
	request_abort(app, t);
	return 0;
}

/* Deletion */

int app_task_check_delete(const struct app *app, const struct mu_uuid *id, struct mu_error *err)
{
	const struct app_task *t = find(app, id);

	if (!t)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such task on this host");
	if (t->model.status == TASK_PENDING)
		return mu_error_set(err, MU_E_STATE,
				    "the task has not ended; hint: abort it, or wait for it");
	if (!t->local && journal_find(app->journal, id))
		return mu_error_set(err, MU_E_STATE,
				    "the aggregator has not heard how the task ended; hint: wait "
				    "until the host is connected");
	return 0;
}

struct deletion {
	struct app *app;
	struct mu_uuid *ids;
	size_t n;
	void (*done)(void *arg, const struct mu_error *err);
	void *arg;
};

static void on_deleted(void *arg, const struct mu_error *err)
{
	struct deletion *d = arg;

	for (size_t i = 0; !err && i < d->n; i++) {
		struct app_task *t = mu_map_remove(d->app->tasks, &d->ids[i], sizeof d->ids[i]);

		if (t)
			tell(d->app, APP_REMOVED, &t->model);
		task_free(t);
	}
	d->done(d->arg, err);
	free(d->ids);
	free(d);
}

void app_tasks_delete(struct app *app, const struct mu_uuid *ids, size_t n,
		      void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str lines = MU_STR_INIT;
	struct deletion *d = mu_xcalloc(1, sizeof *d);

	*d = (struct deletion){.app = app, .done = done, .arg = arg};
	d->ids = mu_xcalloc(n ? n : 1, sizeof *d->ids);
	for (size_t i = 0; i < n; i++) {
		if (app_task_check_delete(app, &ids[i], NULL) < 0)
			continue;
		d->ids[d->n++] = ids[i];
		journal_forget(app->journal, &ids[i], &lines);
	}
	append(app, &lines, on_deleted, d);
}

void app_command_cancel(struct app *app, const struct mu_uuid *id)
{
	struct app_task *t = find(app, id);

	if (t && t->model.status == TASK_PENDING)
		request_abort(app, t);
}

void app_result_acked(struct app *app, const struct mu_uuid *id)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;
	const struct journal_entry *e = journal_find(app->journal, id);

	if (!e || e->local || e->stage != JOURNAL_DONE)
		return;
	journal_forget(app->journal, id, &line);
	append(app, &line, NULL, NULL);
}

/* Shown as ended means: on the disk. (No longer shown at all: it ended long ago.) */
static bool durable(const struct app *app, const struct journal_entry *e)
{
	const struct app_task *t = find(app, &e->task);

	return e->stage == JOURNAL_DONE && (!t || t->model.status != TASK_PENDING);
}

const struct journal_entry *app_result_next(const struct app *app, size_t *iter)
{
	const struct journal_entry *e;

	while ((e = journal_next(app->journal, iter))) {
		if (!e->local && durable(app, e))
			return e;
	}
	return NULL;
}

bool tasks_tell_known(struct app *app, const struct mu_uuid *task)
{
	const struct journal_entry *e = journal_find(app->journal, task);

	if (!e)
		return false;
	if (!e->local && durable(app, e))
		tell_result(app, e);
	return true;
}
