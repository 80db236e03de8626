/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs that were suspended for a reboot of the host go on after it. What is to go on is on the disk
 * before the first one is suspended, and taken out when its resume has ended, one way or the other,
 * or when somebody else has let it go on: so nothing is resumed twice. core/resume_list.h says when
 * it is time; startup.c has them take their turn with those that start with the host.
 */
#include "agent/app/app_priv.h"

#include "common/log/log.h"
#include "common/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "resume.json"

/* Of one VM, from the request to the end of its task. */
struct going_on {
	struct mu_link link;
	struct app *app;
	struct vm_id vm;
	struct mu_uuid task; /* nil: not accepted yet */
};

/* ---- the file ---- */

static void store(struct app *app, void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[STATE_PATH_MAX + 1];

	state_dir_file(&app->dir, FILE_NAME, path);
	if (app->resuming.list.n_vms == 0) {
		writer_remove(app->writer, path, done, arg);
		return;
	}
	resume_list_encode(&app->resuming.list, &text);
	writer_replace(app->writer, path, &text, 0600, done, arg);
}

static void on_stored(void *arg, const struct mu_error *err)
{
	(void)arg;
	if (err)
		mu_log_error("what is to be resumed could not be noted err=\"%s\"", err->text);
}

void resuming_load(struct app *app)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[STATE_PATH_MAX + 1];
	struct mu_error err = MU_ERROR_INIT;
	int r = mu_file_read(state_dir_file(&app->dir, FILE_NAME, path), RESUME_LIST_TEXT_MAX,
			     &text, &err);

	if (r < 0 && err.code == MU_E_NOT_FOUND)
		return;
	if (r < 0 ||
	    resume_list_decode(text.data ? text.data : "", text.len, &app->resuming.list, &err) < 0)
		mu_log_error("VMs that a reboot has suspended stay so: not to be read path=%s "
			     "err=\"%s\"",
			     path, err.text);
}

/* ---- one VM ---- */

static void drop(struct app *app, const struct vm_id *vm)
{
	if (resume_list_drop(&app->resuming.list, vm))
		store(app, on_stored, NULL);
}

static struct going_on *find(const struct app *app, const struct vm_id *vm)
{
	mu_list_each(it, &app->resuming.under_way)
	{
		struct going_on *g = MU_CONTAINER_OF(it, struct going_on, link);

		if (mu_uuid_equal(&g->vm.uuid, &vm->uuid))
			return g;
	}
	return NULL;
}

/* An agent that stops leaves it to its next start. */
static void end(struct going_on *g, const struct mu_error *err)
{
	struct app *app = g->app;
	struct vm_id vm = g->vm;
	char id[MU_UUID_TEXT];

	mu_list_remove(&g->link);
	free(g);
	if (err && app->stopping)
		return;
	if (err)
		mu_log_error("VM not resumed after the reboot, it stays suspended vm=%s err=\"%s\"",
			     mu_uuid_format(&vm.uuid, id), err->text);
	drop(app, &vm);
}

static void on_accepted(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct going_on *g = arg;

	if (err)
		end(g, err);
	else
		g->task = *task;
}

static void on_task(void *ctx, enum app_change what, const struct model_task *t)
{
	struct app *app = ctx;

	if (what == APP_REMOVED || t->status == TASK_PENDING)
		return;
	mu_list_each(it, &app->resuming.under_way)
	{
		struct going_on *g = MU_CONTAINER_OF(it, struct going_on, link);

		if (!mu_uuid_equal(&g->task, &t->id))
			continue;
		end(g, t->status == TASK_SUCCESS ? NULL : &t->err);
		return;
	}
}

/* Somebody else has let it go on, or ended it. While they are being suspended all still run, and
 * before the last run's operations have been judged nobody knows. */
static void on_vm(void *ctx, enum app_change what, const struct model_vm *vm)
{
	struct app *app = ctx;

	if (app->power || !app->resuming.begun || !resume_list_has(&app->resuming.list, &vm->id) ||
	    find(app, &vm->id) || (what != APP_REMOVED && vm->power == VM_SUSPENDED))
		return;
	drop(app, &vm->id);
}

void resuming_go(struct app *app, const struct vm_id *id)
{
	const struct model_vm *vm = app_vm_find(app, id);
	struct going_on *g;

	if (!vm || vm->power != VM_SUSPENDED) {
		drop(app, id);
		return;
	}
	g = mu_xcalloc(1, sizeof *g);
	g->app = app;
	g->vm = *id;
	mu_list_push_back(&app->resuming.under_way, &g->link);
	app_vm_op(app, id, VM_OP_RESUME, 0, app->resuming.list.user, on_accepted, g);
}

/* ---- all of them ---- */

bool resuming_has(const struct app *app, const struct vm_id *id)
{
	const struct resume_list *l = &app->resuming.list;

	return resume_list_due(l, app->boot_id) && resume_list_has(l, id);
}

static void clear(struct app *app)
{
	app->resuming.list.n_vms = 0;
	store(app, on_stored, NULL);
}

/* VMs that are gone, or go on already, have had no news to drop them. */
void resuming_begin(struct app *app)
{
	struct resume_list *l = &app->resuming.list;
	size_t n_before = l->n_vms;

	app->resuming.begun = true;
	if (!resume_list_due(l, app->boot_id))
		return;
	if (app->maintenance.on) {
		mu_log_warning("VMs that a reboot has suspended stay so: the host is in "
			       "maintenance n=%zu",
			       l->n_vms);
		clear(app);
		return;
	}
	for (size_t i = l->n_vms; i > 0; i--) {
		const struct vm_id id = l->vms[i - 1];
		const struct model_vm *vm = app_vm_find(app, &id);

		if (!vm || vm->power != VM_SUSPENDED)
			(void)resume_list_drop(l, &id);
	}
	mu_log_info("VMs that a reboot has suspended go on n=%zu", l->n_vms);
	if (l->n_vms != n_before)
		store(app, on_stored, NULL);
}

int resuming_check(const struct app *app, struct mu_error *err)
{
	if (app->maintenance.on)
		return mu_error_set(err, MU_E_STATE,
				    "the host is in maintenance, nothing could go on after the "
				    "reboot; hint: enable it first");
	if (app->resuming.list.n_vms)
		return mu_error_set(err, MU_E_STATE,
				    "%zu VMs are still to go on since the last reboot; hint: try "
				    "again later",
				    app->resuming.list.n_vms);
	return 0;
}

void resuming_note(struct app *app, const struct host_power_vm *vms, size_t n, const char *user,
		   void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	struct resume_list *l = &app->resuming.list;

	l->sealed = false;
	(void)snprintf(l->boot_id, sizeof l->boot_id, "%s", app->boot_id);
	(void)snprintf(l->user, sizeof l->user, "%s", user);
	for (size_t i = 0; i < n; i++)
		resume_list_add(l, &vms[i].id);
	store(app, done, arg);
}

void resuming_seal(struct app *app, void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	app->resuming.list.sealed = true;
	store(app, done, arg);
}

/* The host stays up. Those that were not suspended drop out. */
void resuming_now(struct app *app)
{
	struct resume_list *l = &app->resuming.list;
	MU_CLEANUP(mu_free) struct vm_id *vms = NULL;
	size_t n;

	if (l->n_vms == 0)
		return;
	l->sealed = false;
	store(app, on_stored, NULL);
	if (app->stopping)
		return;
	resuming_begin(app);
	n = l->n_vms;
	vms = mu_xmemdup(l->vms, n * sizeof *vms);
	for (size_t i = 0; i < n; i++)
		resuming_go(app, &vms[i]);
}

void resuming_init(struct app *app)
{
	resume_list_init(&app->resuming.list);
	mu_link_init(&app->resuming.under_way);
	app->resuming.listener = (struct app_listener){.vm = on_vm, .task = on_task, .ctx = app};
	app_listen(app, &app->resuming.listener);
}

void resuming_deinit(struct app *app)
{
	mu_list_each(it, &app->resuming.under_way) free(MU_CONTAINER_OF(it, struct going_on, link));
	resume_list_deinit(&app->resuming.list);
	app_unlisten(&app->resuming.listener);
}
