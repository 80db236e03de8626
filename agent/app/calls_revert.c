/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     [snapshot] - [the memory: one name more] - copies of its disks - the VM's definition -
 *     [the memory is the VM's save file] - old disks deleted
 *
 * With the definition the disks change from the old to the new ones at once. Memory comes after it:
 * on the old disks it would be poison. A crash in between leaves a VM that is halted, with the
 * snapshot's disks, and a verdict that says so; what was linked is partial and swept. A crash after
 * the definition leaves old disks.
 */
#include "agent/app/copying.h"
#include "common/log/log.h"

#include <string.h>

static void on_old_deleted(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	/* The VM is where it was wanted; what is left can be deleted by hand. */
	if (err)
		mu_log_warning("old disk left behind err=\"%s\"", err->text);
	app_call_finish(k->call, NULL, NULL);
}

static bool named_elsewhere(const struct app *app, const struct mu_uuid *vdi)
{
	const struct vm_entry *e;

	for (size_t i = 0; (e = vm_view_next(app->view, &i));) {
		if (e->spec && vm_copy_names(e->spec, vdi))
			return true;
	}
	return false;
}

static void delete_old(struct copying *k)
{
	struct disk_set *set = &k->disks;

	set->n = 0;
	for (size_t i = 0; i < k->n_old; i++) {
		if (!named_elsewhere(k->call->app, &k->old[i]))
			set->items[set->n++] =
			    (struct disk_set_item){.kind = STORAGE_VDI_DELETE, .object = k->old[i]};
	}
	set->done = on_old_deleted;
	set->progress = NULL;
	disk_set_start(set);
}

/* The revert fails: a later suspend of the VM must not find it in its place. */
static void drop_memory(struct copying *k)
{
	char partial[STATE_PATH_MAX + 1];

	if (!mu_uuid_is_nil(&k->from_memory.uuid))
		writer_remove(k->call->app->writer,
			      state_dir_partial_save(&k->call->app->dir, &k->call->vm, partial),
			      NULL, NULL);
}

static void on_memory_is_save(void *arg, const struct mu_error *err)
{
	struct copying *k = arg;
	struct app *app = k->call->app;
	struct mu_error why;

	if (err) {
		why = *err;
		drop_memory(k);
		(void)mu_error_prefix(&why, "the disks are the snapshot's, the memory is not");
		copying_fail(k, &why);
		return;
	}
	vm_view_set_saved(app->view, &k->call->vm, true);
	facts_publish(app);
	delete_old(k);
}

static void on_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;
	struct app *app = k->call->app;
	char partial[STATE_PATH_MAX + 1];
	char save[STATE_PATH_MAX + 1];

	(void)vm;
	if (err) {
		drop_memory(k);
		copying_undo(k, err);
	} else if (mu_uuid_is_nil(&k->from_memory.uuid)) {
		delete_old(k);
	} else {
		writer_keep(app->writer, state_dir_partial_save(&app->dir, &k->call->vm, partial),
			    state_dir_save(&app->dir, &k->call->vm, save), on_memory_is_save, k);
	}
}

static void on_copied(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	if (err) {
		drop_memory(k);
		copying_fail(k, err);
	} else {
		define_store(k->call->app, &k->copy.spec, on_stored, k);
	}
}

static void on_memory_linked(void *arg, const struct mu_error *err)
{
	struct copying *k = arg;
	struct mu_error why;

	if (!err) {
		copying_disks(k, NULL, on_copied);
		return;
	}
	why = *err;
	(void)mu_error_prefix(&why, "the snapshot's memory");
	copying_fail(k, &why);
}

static void restore(struct copying *k)
{
	const struct app *app = k->call->app;
	char memory[STATE_PATH_MAX + 1];
	char partial[STATE_PATH_MAX + 1];

	k->copy = k->target;
	if (mu_uuid_is_nil(&k->from_memory.uuid))
		copying_disks(k, NULL, on_copied);
	else
		writer_link(app->writer, state_dir_memory(&app->dir, &k->from_memory, memory),
			    state_dir_partial_save(&app->dir, &k->call->vm, partial),
			    on_memory_linked, k);
}

/* Only disks that the snapshot has another state of: those that came later stay where they are. */
static void note_old(struct copying *k, const struct vm_spec *now)
{
	for (size_t i = 0; i < now->config.n_disks; i++) {
		const struct hv_disk *d = &now->config.disks[i];
		bool copied = false;

		for (size_t j = 0; j < k->target.n_disks; j++)
			copied |= !strcmp(k->target.disks[j].vdev, d->vdev);
		if (copied && !d->cdrom && !mu_uuid_is_nil(&d->vdi))
			k->old[k->n_old++] = d->vdi;
	}
}

static int plan(struct copying *k, struct mu_error *err)
{
	const struct app_call *c = k->call;
	const struct vm_spec *now = copying_spec(c->app, &c->vm, err);
	const struct vm_spec *snapshot;
	struct vm_id id;

	if (!now)
		return MU_FAILED;
	(void)mu_uuid_parse(mu_value_as_string(mu_value_get(c->arguments, "snapshotId")), &id.uuid);
	snapshot = copying_spec(c->app, &id, NULL);
	if (!snapshot)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "snapshotId: there is no such snapshot on this host");
	if (vm_copy_revert(now, snapshot, &c->task, &k->target, err) < 0)
		return mu_error_prefix(err, "snapshotId");
	if (snapshot->with_memory)
		k->from_memory = id;
	note_old(k, now);
	return 0;
}

static void start(struct app_call *c)
{
	struct copying *k = copying_begin(c);
	struct vm_id before = {mu_uuid_derive(&c->task, "before")};
	struct mu_error err = MU_ERROR_INIT;

	if (plan(k, &err) < 0 || (copying_flag(c, "snapshotBefore") &&
				  copying_plan_snapshot(k, &before, NULL, &err) < 0)) {
		copying_fail(k, &err);
	} else if (copying_flag(c, "snapshotBefore")) {
		k->then = restore;
		copying_take_snapshot(k);
	} else {
		restore(k);
	}
}

static bool has_new_disks(const struct journal_entry *e, const struct vm_spec *now,
			  const struct vm_spec *snapshot)
{
	MU_CLEANUP(mu_free) struct vm_copy *copy = mu_xmalloc(sizeof *copy);

	return mu_uuid_equal(&now->parent.uuid, &snapshot->config.id.uuid) &&
	       vm_copy_revert(now, snapshot, &e->task, copy, NULL) == 0 &&
	       (copy->n_disks == 0 || vm_copy_names(now, &copy->disks[0].to));
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);
	const struct vm_spec *snapshot;
	struct vm_id id = {{{0}}};

	if (!arguments)
		return;
	(void)mu_uuid_parse(mu_value_as_string(mu_value_get(arguments, "snapshotId")), &id.uuid);
	snapshot = copying_spec(app, &id, NULL);
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
	if (!snapshot || !entry || !entry->spec || !has_new_disks(e, entry->spec, snapshot)) {
		v->status = TASK_FAILURE;
		(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
				   "interrupted by a restart of the agent: the VM is as it was; "
				   "hint: ask again");
	} else if (snapshot->with_memory && !entry->saved) {
		v->status = TASK_FAILURE;
		(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
				   "interrupted by a restart of the agent: the VM's disks are the "
				   "snapshot's, its memory is not; hint: ask again, or start it");
	}
}

const struct app_call_handler calls_revert[] = {
    {.method = "vm.revert", .start = start, .cancel = copying_cancel, .verdict = verdict},
};
const size_t n_calls_revert = MU_ARRAY_SIZE(calls_revert);
