/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was there before: definitions, save files, the journal, the domains. Commands that the last
 * run died on are judged by what is there now (core/verdict.c); then, once per boot of the host,
 * the VMs that start with it are started.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disks.h"
#include "common/log/log.h"
#include "common/os/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void take_spec(struct vm_spec *spec, void *arg)
{
	struct app *app = arg;
	struct vm_id id = spec->config.id;

	vm_view_set_spec(app->view, &id, spec);
}

static void take_built(struct vm_spec *spec, void *arg)
{
	struct app *app = arg;
	struct vm_id id = spec->config.id;

	vm_view_set_built(app->view, &id, spec);
}

static void take_save(const struct vm_id *id, bool partial, void *arg)
{
	struct app *app = arg;

	if (!partial) {
		vm_view_set_saved(app->view, id, true);
		return;
	}
	app->partials = mu_xrealloc(app->partials, app->n_partials + 1, sizeof *app->partials);
	app->partials[app->n_partials++] = *id;
}

static bool has_partial(const struct app *app, const struct vm_id *id)
{
	for (size_t i = 0; i < app->n_partials; i++) {
		if (mu_uuid_equal(&app->partials[i].uuid, &id->uuid))
			return true;
	}
	return false;
}

/* Memory that no snapshot names is removed: of one that was not ended, or is gone. */
static void take_memory(const struct vm_id *id, bool partial, void *arg)
{
	struct app *app = arg;
	const struct vm_entry *e = vm_view_find(app->view, id);
	struct mu_error err = MU_ERROR_INIT;
	char path[STATE_PATH_MAX + 1];
	struct stat st;

	if (!partial && e && e->spec && e->spec->with_memory) {
		if (stat(state_dir_memory(&app->dir, id, path), &st) == 0)
			vm_view_set_memory(app->view, id, st.st_size);
		return;
	}
	if (app->n_damaged_vms) /* one that was set aside may have been its snapshot */
		return;
	if (partial)
		state_dir_partial_memory(&app->dir, id, path);
	else
		state_dir_memory(&app->dir, id, path);
	mu_log_info("memory of no snapshot, removed file=%s", path);
	if (mu_file_remove(path, &err) < 0)
		mu_log_warning("memory left behind err=\"%s\"", err.text);
}

/* Verdicts */

static int keep_save(struct app *app, const struct vm_id *id, struct mu_error *err)
{
	char from[STATE_PATH_MAX + 1];
	char to[STATE_PATH_MAX + 1];

	state_dir_partial_save(&app->dir, id, from);
	state_dir_save(&app->dir, id, to);
	if (writer_keep_now(from, to, err) < 0)
		return MU_FAILED;
	vm_view_set_saved(app->view, id, true);
	return 0;
}

static void judge(struct app *app, const struct mu_uuid *task)
{
	const struct journal_entry *e = journal_find(app->journal, task);
	struct vm_id vm = e->vm;
	struct journal_world world = {
	    .boot_id = app->boot_id,
	    .facts = vm_entry_facts(vm_view_find(app->view, &e->vm)),
	    .partial_save = has_partial(app, &e->vm),
	};
	struct journal_verdict v;

	journal_verdict(e, &world, &v);
	if (e->kind == JOURNAL_CALL && e->stage == JOURNAL_STARTED)
		calls_verdict(app, e, &v);
	switch (v.follow) {
	case JOURNAL_LEAVE:
		break;
	case JOURNAL_CONTINUE:
		ops_continue(app, &vm, VM_EVENT_CONTINUE);
		break;
	case JOURNAL_START_AGAIN:
		ops_continue(app, &vm, VM_EVENT_START_AGAIN);
		break;
	case JOURNAL_KEEP_SAVE:
		if (keep_save(app, &vm, &v.err) < 0)
			v.status = TASK_FAILURE;
		break;
	}
	tasks_set_value(app, task, v.value);
	tasks_finish(app, task, v.status, &v.err);
}

/* Of those that wait for the SRs, `app->late` keeps the ids. */
static void judge_all(struct app *app)
{
	const struct journal_entry *e;
	struct mu_uuid *open = mu_xcalloc(journal_size(app->journal) + 1, sizeof *open);
	size_t n = 0;

	app->late = mu_xcalloc(journal_size(app->journal) + 1, sizeof *app->late);
	for (size_t i = 0; (e = journal_next(app->journal, &i));) {
		if (e->stage == JOURNAL_DONE)
			continue;
		calls_urgent(app, e);
		if (calls_verdict_waits(app, e))
			app->late[app->n_late++] = e->task;
		else
			open[n++] = e->task;
	}
	for (size_t i = 0; i < n; i++)
		judge(app, &open[i]);
	free(open);
}

void startup_judge_late(struct app *app, bool anyway)
{
	if (!app->n_late || !app->storage || (!anyway && !storage_settled(app->storage)))
		return;
	while (app->n_late > 0)
		judge(app, &app->late[--app->n_late]);
}

/* What no verdict has kept is of no use. */
static void drop_partials(struct app *app)
{
	char path[STATE_PATH_MAX + 1];

	for (size_t i = 0; i < app->n_partials; i++)
		writer_remove(app->writer,
			      state_dir_partial_save(&app->dir, &app->partials[i], path), NULL,
			      NULL);
	app->n_partials = 0;
}

/* Autostart */

static void on_autostarted(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	(void)arg;
	(void)task;
	if (err)
		mu_log_error("autostart failed err=\"%s\"", err->text);
}

static void autostart_one(struct app *app, const struct autostart_vm *a)
{
	const struct model_vm *vm = app_vm_find(app, &a->id);

	if (a->goes_on) {
		resuming_go(app, &a->id);
		return;
	}
	if (!vm || !vm->managed)
		return;
	if (vm->power == VM_HALTED)
		app_vm_op(app, &a->id, VM_OP_START, 0, "autostart", on_autostarted, NULL);
	else if (vm->power == VM_SUSPENDED)
		app_vm_op(app, &a->id, VM_OP_RESUME, 0, "autostart", on_autostarted, NULL);
}

static void on_autostart(void *ctx)
{
	struct app *app = ctx;
	mu_msec now = mu_loop_now(app->loop) - app->autostart_from;

	while (app->next_autostart < app->n_autostart && !app->stopping) {
		const struct autostart_vm *a = &app->autostart[app->next_autostart];

		if (a->at > now) {
			mu_timer_set(app->autostart_timer, a->at - now);
			return;
		}
		app->next_autostart++;
		autostart_one(app, a);
	}
}

static void on_boot_noted(void *arg, const struct mu_error *err)
{
	struct app *app = arg;

	if (err) {
		mu_log_error("autostart left out: the boot could not be noted err=\"%s\"",
			     err->text);
		return;
	}
	app->autostart_from = mu_loop_now(app->loop);
	on_autostart(app);
}

static bool started_this_boot(const struct app *app, const char *path)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	return mu_file_read(path, 256, &text, NULL) == 0 && text.data &&
	       mu_str_has_prefix(text.data, app->boot_id);
}

static void plan_autostart(struct app *app)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[STATE_PATH_MAX + 1];
	const struct model_vm *vm;
	bool again;

	state_dir_file(&app->dir, "autostart-boot-id", path);
	resuming_begin(app);
	again = started_this_boot(app, path);
	app->autostart = mu_xcalloc(vm_view_size(app->view) + 1, sizeof *app->autostart);
	if (app->maintenance.on && !again)
		mu_log_info("autostart left out in this boot: the host is in maintenance");
	for (size_t i = 0; !app->maintenance.on && (vm = app_vm_next(app, &i));) {
		bool goes_on = resuming_has(app, &vm->id);

		if (goes_on || (!again && vm->managed && vm->autostart))
			app->autostart[app->n_autostart++] =
			    (struct autostart_vm){.id = vm->id,
						  .order = vm->start_order,
						  .goes_on = goes_on,
						  .delay = vm->start_delay_ms};
	}
	autostart_plan(app->autostart, app->n_autostart);
	app->autostart_timer = mu_timer_new(app->loop, on_autostart, app);
	if (again) {
		on_boot_noted(app, NULL);
		return;
	}
	mu_str_printf(&text, "%s\n", app->boot_id);
	writer_replace(app->writer, path, &text, 0600, on_boot_noted, app);
}

void startup_deinit(struct app *app)
{
	app->autostart_timer = mu_timer_free(app->autostart_timer);
	free(app->autostart);
	app->autostart = NULL;
	free(app->late);
	app->late = NULL;
	free(app->partials);
	app->partials = NULL;
}

/* All of it */

static void clean_journal(struct app *app, size_t n_damaged)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str all = MU_STR_INIT;

	if (!n_damaged)
		return;
	mu_log_warning("journal had damaged lines, left out n=%zu", n_damaged);
	journal_encode(app->journal, &all);
	writer_rewrite(app->writer, &all, NULL, NULL);
}

int startup_load(struct app *app, struct mu_error *err)
{
	if (state_dir_load_vms(&app->dir, false, take_spec, app, &app->n_damaged_vms, err) < 0 ||
	    state_dir_load_built(&app->dir, take_built, app, err) < 0 ||
	    state_dir_load_saves(&app->dir, take_save, app, err) < 0 ||
	    state_dir_load_memory(&app->dir, take_memory, app, err) < 0 ||
	    state_dir_load_journal(&app->dir, app->journal, &app->n_damaged_lines, err) < 0)
		return MU_FAILED;
	maintenance_load(app);
	resuming_load(app);
	mu_log_info("state loaded vms=%zu damaged_definitions=%zu journal=%zu",
		    vm_view_size(app->view), app->n_damaged_vms, journal_size(app->journal));
	return 0;
}

void startup_resume(struct app *app)
{
	char path[STATE_PATH_MAX + 1];

	clean_journal(app, app->n_damaged_lines);
	tasks_load(app);
	facts_relist(app);
	calls_devices_look(app);
	state_dir_file(&app->dir, "autostart-boot-id", path);
	disks_claim(app, started_this_boot(app, path));
	judge_all(app);
	drop_partials(app);
	facts_publish(app);
	plan_autostart(app);
}
