/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the journal to the handler and back. The arguments are read from the journal's entry, as
 * they would be after a crash, so that there is one form of them.
 */
#include "agent/app/calls.h"

#include "agent/app/app_priv.h"
#include "agent/app/quiesce.h"
#include "common/base/assert.h"
#include "common/json/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const struct app_call_handler *handlers;
	const size_t *n;
} families[] = {
    {calls_vm, &n_calls_vm},
    {calls_create, &n_calls_create},
    {calls_snapshot, &n_calls_snapshot},
    {calls_revert, &n_calls_revert},
    {calls_clone, &n_calls_clone},
    {calls_ova_import, &n_calls_ova_import},
    {calls_ova_export, &n_calls_ova_export},
    {calls_host, &n_calls_host},
    {calls_storage, &n_calls_storage},
    {calls_network, &n_calls_network},
    {calls_cpupool, &n_calls_cpupool},
    {calls_pci, &n_calls_pci},
    {calls_devices, &n_calls_devices},
};

static const struct app_call_handler *find_handler(const char *method)
{
	for (size_t f = 0; f < MU_ARRAY_SIZE(families); f++) {
		for (size_t i = 0; i < *families[f].n; i++) {
			if (!strcmp(families[f].handlers[i].method, method))
				return &families[f].handlers[i];
		}
	}
	return NULL;
}

static int unsupported(const char *method, struct mu_error *err)
{
	char shown[CALL_METHOD_MAX + 1];

	mu_utf8_sanitize(shown, CALL_METHOD_MAX, method, strlen(method));
	return mu_error_set(err, MU_E_UNSUPPORTED,
			    "agent %s cannot do %s; hint: upgrade it, if the aggregator is newer",
			    MUSTER_VERSION, shown);
}

int calls_read(struct mu_arena *a, const char *method, const char *arguments,
	       const struct call_method **ret_method, struct mu_value **ret_arguments,
	       struct mu_error *err)
{
	const struct call_method *m = call_find(method);
	struct mu_value *v;

	if (!m || !find_handler(method))
		return unsupported(method, err);
	if (strlen(arguments) > CALL_ARGUMENTS_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "arguments of more than %d bytes",
				    CALL_ARGUMENTS_MAX);
	if (mu_json_read(a, arguments, strlen(arguments), &v, err) < 0)
		return mu_error_prefix(err, "arguments");
	if (call_check(m, v, err) < 0)
		return MU_FAILED;
	*ret_method = m;
	*ret_arguments = v;
	return 0;
}

/* Running */

static struct app_call *find(const struct app *app, const struct mu_uuid *task)
{
	mu_list_each(it, &app->calls)
	{
		struct app_call *c = MU_CONTAINER_OF(it, struct app_call, link);

		if (mu_uuid_equal(&c->task, task))
			return c;
	}
	return NULL;
}

static void on_deadline(void *ctx);

void calls_start(struct app *app, const struct mu_uuid *task, mu_msec deadline,
		 void (*over)(struct app_call *c, const struct mu_error *err), void *arg)
{
	const struct journal_entry *e = journal_find(app->journal, task);
	struct app_call *c = mu_xcalloc(1, sizeof *c);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *arguments = NULL;

	c->app = app;
	c->task = *task;
	c->object = e->object;
	c->vm = e->vm;
	c->deadline_at = deadline ? mu_loop_now(app->loop) + deadline : 0;
	c->arena = mu_arena_new();
	c->over = over;
	c->arg = arg;
	mu_list_push_back(&app->calls, &c->link);
	if (calls_read(c->arena, e->method, e->arguments ? e->arguments : "{}", &c->method,
		       &arguments, &err) < 0) {
		app_call_finish(c, &err, NULL);
		return;
	}
	c->arguments = arguments;
	c->handler = find_handler(e->method);
	if (deadline) {
		c->timer = mu_timer_new(app->loop, on_deadline, c);
		mu_timer_set(c->timer, deadline);
	}
	c->handler->start(c);
}

const char *app_call_user(const struct app_call *c)
{
	return journal_find(c->app->journal, &c->task)->user;
}

void app_call_progress(struct app_call *c, int percent)
{
	tasks_progress(c->app, &c->task, percent);
}

void app_call_say(struct app_call *c, bool warning, const char *fmt, ...)
{
	char text[TASK_LINE_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	tasks_say(c->app, &c->task, warning, text);
}

static void check_stopped(struct app *app);

static void call_free(struct app_call *c)
{
	mu_list_remove(&c->link);
	mu_timer_free(c->timer);
	mu_arena_free(c->arena);
	free(c);
}

static void on_finished(void *ctx)
{
	struct app_call *c = ctx;
	struct app *app = c->app;

	if (c->late && c->err.code == MU_E_CANCELLED)
		(void)mu_error_set(&c->err, MU_E_TIMEOUT, "its deadline passed");
	c->over(c, c->err.code == MU_E_NONE ? NULL : &c->err);
	call_free(c);
	check_stopped(app);
}

void calls_value_text(const struct mu_value *value, char ret[static CALL_VALUE_MAX + 1])
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, value, false);
	ret[0] = '\0';
	if (text.len <= CALL_VALUE_MAX)
		memcpy(ret, text.data, text.len + 1);
}

void app_call_finish(struct app_call *c, const struct mu_error *err, const struct mu_value *value)
{
	mu_assert(!c->finished);
	c->finished = true;
	if (err)
		c->err = *err;
	if (c->err.code == MU_E_NONE && value) {
		calls_value_text(value, c->value);
		if (!c->value[0])
			(void)mu_error_set(&c->err, MU_E_INTERNAL,
					   "it was done, but what it gives back is longer than %d "
					   "bytes",
					   CALL_VALUE_MAX);
	}
	mu_loop_post(c->app->loop, on_finished, c);
}

static void cancel(struct app_call *c)
{
	if (c->finished || c->cancelled)
		return;
	c->cancelled = true;
	if (c->handler->cancel)
		c->handler->cancel(c);
}

static void on_deadline(void *ctx)
{
	struct app_call *c = ctx;

	c->late = !c->cancelled;
	cancel(c);
}

bool calls_goes_on(const struct app *app, const struct mu_uuid *task)
{
	const struct app_call *c = find(app, task);

	return c && !c->finished && !c->handler->cancel;
}

void calls_cancel(struct app *app, const struct mu_uuid *task)
{
	struct app_call *c = find(app, task);

	if (!c)
		return;
	if (!c->cancelled && calls_goes_on(app, task))
		app_call_say(c, true,
			     "%s cannot be stopped once it has begun: it goes on to its end",
			     c->method->name);
	cancel(c);
}

/* After a crash */

/* NULL: it is no call, or had not begun. */
static const struct app_call_handler *handler_of(const struct journal_entry *e)
{
	return e->kind == JOURNAL_CALL && e->stage == JOURNAL_STARTED ? find_handler(e->method)
								      : NULL;
}

void calls_urgent(struct app *app, const struct journal_entry *e)
{
	const struct app_call_handler *h = handler_of(e);

	if (h && h->urgent)
		h->urgent(app, e);
}

bool calls_verdict_waits(const struct app *app, const struct journal_entry *e)
{
	const struct app_call_handler *h = handler_of(e);

	return h && h->of_storage && app->storage && !storage_settled(app->storage);
}

void calls_verdict(struct app *app, const struct journal_entry *e, struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct app_call_handler *h = find_handler(e->method);
	const struct call_method *m;
	struct mu_value *arguments = NULL;

	if (!h || !h->verdict)
		return;
	(void)calls_read(a, e->method, e->arguments ? e->arguments : "{}", &m, &arguments, NULL);
	h->verdict(app, e, arguments, v);
}

/* The end */

static bool is_awaited(const struct app_call *c)
{
	return c->finished || !c->handler->outlives;
}

static void check_stopped(struct app *app)
{
	mu_loop_cb done = app->calls_stopped;

	mu_list_each(it, &app->calls)
	{
		if (is_awaited(MU_CONTAINER_OF(it, struct app_call, link)))
			return;
	}
	if (!done)
		return;
	app->calls_stopped = NULL;
	mu_loop_post(app->loop, done, app->calls_stopped_arg);
}

void calls_stop(struct app *app, mu_loop_cb done, void *arg)
{
	app->calls_stopped = done;
	app->calls_stopped_arg = arg;
	mu_list_each(it, &app->calls) cancel(MU_CONTAINER_OF(it, struct app_call, link));
	check_stopped(app);
}

void calls_deinit(struct app *app)
{
	struct app_call *c;

	while ((c = mu_list_first(&app->calls, struct app_call, link)))
		call_free(c);
	quiesce_drop(&app->thaws);
}
