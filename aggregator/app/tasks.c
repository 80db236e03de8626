/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of tasks, and how tasks that are over go. */
#include "aggregator/store/tasks.h"
#include "aggregator/app/app.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is said of them --- */

static bool store_line(struct app *app, struct store_tx *tx, const struct mu_uuid *id,
		       const struct task_line *line)
{
	if (line)
		store_task_lines_add(tx, id, tasks_lines(app->tasks, id)->n - 1, line);
	return line;
}

static void lines_stored(struct app *app, struct store_tx *tx, const struct mu_uuid *id, bool any)
{
	const struct model_task *t = any ? tasks_find(app->tasks, id) : NULL;

	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
	if (t)
		app_task_changed(app, REST_UPDATE, t);
}

void app_task_say(struct app *app, const struct mu_uuid *id, bool warning, const char *fmt, ...)
{
	struct store_tx *tx = store_begin(app->store);
	char text[TASK_LINE_MAX + 1];
	const struct task_line line = {.at = mu_clock_wall(), .warning = warning, .text = text};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	lines_stored(app, tx, id, store_line(app, tx, id, tasks_say(app->tasks, id, &line)));
}

void app_task_lines(struct app *app, const struct host_id *host, const struct mu_uuid *id,
		    const struct task_line *lines, size_t n)
{
	struct store_tx *tx = store_begin(app->store);
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any |= store_line(app, tx, id, tasks_host_says(app->tasks, host, id, i, &lines[i]));
	lines_stored(app, tx, id, any);
}

struct pending_of {
	const struct host_id *host;
	struct mu_uuid *ids;
	size_t n;
};

static bool add_pending(const struct model_task *t, void *arg)
{
	struct pending_of *p = arg;

	if (t->status == TASK_PENDING && mu_uuid_equal(&t->host.uuid, &p->host->uuid)) {
		p->ids = mu_xrealloc(p->ids, p->n + 1, sizeof *p->ids);
		p->ids[p->n++] = t->id;
	}
	return true;
}

void app_tasks_host_away(struct app *app, const struct host_id *host)
{
	struct pending_of p = {.host = host};

	if (app->stopping)
		return;
	tasks_each(app->tasks, add_pending, &p);
	for (size_t i = 0; i < p.n; i++)
		app_task_say(app, &p.ids[i], true,
			     "the host is away: what becomes of it is known when it is back");
	free(p.ids);
}

/* --- groups --- */

struct group_request {
	struct app *app;
	struct mu_uuid group;
	struct mu_uuid *parts;
	size_t n;
	struct rest_refused *refused;
	size_t n_refused;
	void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err);
	void *arg;
};

static void say_refused(const struct group_request *req)
{
	char id[MU_UUID_TEXT];

	for (size_t i = 0; i < req->n_refused; i++)
		app_task_say(req->app, &req->group, true, "%s: %s",
			     mu_uuid_format(&req->refused[i].object, id), req->refused[i].err.text);
}

static void group_stored(void *ctx, const struct mu_error *err)
{
	struct group_request *req = ctx;
	struct app *app = req->app;
	const struct model_task *t;

	if (err) {
		tasks_drop(app->tasks, &req->group);
		req->done(req->arg, NULL, err);
	} else {
		t = tasks_confirm(app->tasks, &req->group);
		for (size_t i = 0; i < req->n; i++)
			(void)tasks_join(app->tasks, &req->group, &req->parts[i]);
		app_task_changed(app, REST_ADD, t);
		say_refused(req);
		req->done(req->arg, &req->group, NULL);
		app_task_groups_step(app);
	}
	free(req->refused);
	free(req->parts);
	free(req);
}

/* A group began with the first of its parts. */
static mu_msec first_start(struct app *app, const struct rest_task_group *group)
{
	mu_msec first = mu_clock_wall();

	for (size_t i = 0; i < group->n_tasks; i++) {
		const struct model_task *t = tasks_find(app->tasks, &group->tasks[i]);

		if (t && t->start < first)
			first = t->start;
	}
	return first;
}

void app_task_group(struct app *app, const struct rest_task_group *group,
		    const struct admin_asker *who,
		    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		    void *arg)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_task t = {
	    .id = mu_random_uuid(),
	    .status = TASK_PENDING,
	    .op = group->op,
	    .object = app->pool.id,
	    .n_parts = (uint32_t)(group->n_tasks + group->n_refused),
	    .start = first_start(app, group),
	    .updated = mu_clock_wall(),
	};
	struct group_request *req;
	struct store_tx *tx;

	if (group->n_refused)
		t.err = group->refused[0].err;
	if (group->method)
		(void)snprintf(t.method, sizeof t.method, "%s", group->method->name);
	mu_utf8_sanitize(t.user, sizeof t.user - 1, who->user, strlen(who->user));
	if (tasks_begin(app->tasks, &t, NULL, &err) < 0) {
		app_task_refuse(app, &err, done, arg);
		return;
	}
	req = mu_xcalloc(1, sizeof *req);
	*req = (struct group_request){
	    .app = app, .group = t.id, .n = group->n_tasks, .done = done, .arg = arg};
	req->parts = mu_xmemdup(group->tasks, group->n_tasks * sizeof *group->tasks);
	req->n_refused = group->n_refused;
	req->refused = group->n_refused
			   ? mu_xmemdup(group->refused, group->n_refused * sizeof *group->refused)
			   : NULL;
	tx = store_begin(app->store);
	store_tasks_put(tx, &t, NULL);
	for (size_t i = 0; i < req->n; i++)
		store_tasks_join(tx, &req->parts[i], &t.id);
	store_commit(tx, STORE_OR_FAIL, group_stored, req);
}

/* --- deletion --- */

struct delete_request {
	struct app *app;
	struct mu_uuid *ids;
	size_t n;
	void (*done)(void *arg, const struct mu_error *err);
	void *arg;
};

static void deleted(void *ctx, const struct mu_error *err)
{
	struct delete_request *req = ctx;
	struct model_task t;

	for (size_t i = 0; !err && i < req->n; i++) {
		if (tasks_delete(req->app->tasks, &req->ids[i], &t))
			app_task_changed(req->app, REST_REMOVE, &t);
	}
	req->done(req->arg, err);
	free(req->ids);
	free(req);
}

static bool add_part(const struct model_task *t, void *arg)
{
	struct delete_request *req = arg;

	req->ids = mu_xrealloc(req->ids, req->n + 1, sizeof *req->ids);
	req->ids[req->n++] = t->id;
	return true;
}

static void delete_one(struct delete_request *req, struct store_tx *tx, const struct mu_uuid *id)
{
	const struct model_task *t;
	size_t n = req->n;

	if (tasks_check_delete(req->app->tasks, id, NULL) < 0)
		return;
	t = tasks_find(req->app->tasks, id);
	(void)add_part(t, req);
	if (t->n_parts)
		tasks_each_part(req->app->tasks, id, add_part, req);
	for (; n < req->n; n++)
		store_tasks_delete(tx, &req->ids[n]);
}

/* Who asked for them, and what became of them, stays in the audit log. */
static void audit_deletion(struct delete_request *req, struct store_tx *tx,
			   const struct admin_asker *who)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%zu tasks", req->n);
	if (req->n == 1)
		app_audit(req->app, tx, who, "task.delete", &req->ids[0], "success", "");
	else if (req->n > 1)
		app_audit(req->app, tx, who, "task.delete", &req->app->pool.id, "success", text);
}

void app_tasks_delete(struct app *app, const struct mu_uuid *ids, size_t n,
		      const struct admin_asker *who,
		      void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	struct delete_request *req = mu_xcalloc(1, sizeof *req);
	struct store_tx *tx = store_begin(app->store);

	*req = (struct delete_request){.app = app, .done = done, .arg = arg};
	for (size_t i = 0; i < n; i++)
		delete_one(req, tx, &ids[i]);
	audit_deletion(req, tx, who);
	store_commit(tx, STORE_OR_FAIL, deleted, req);
}
