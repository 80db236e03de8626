/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.snapshot, vm.revert, vm.clone: what core/vm_copy plans, done in an order that leaves the old
 * or the new state whenever the agent dies.
 *
 *     snapshot   prepare - pause - take - unpause - keep - definition of the snapshot - the VM's
 * parent revert     [snapshot] - copies of its disks - the VM's definition - old disks deleted
 *     clone      copies of the disks - definition
 *
 * The definition is what counts: a crash before it leaves disks that nobody names (their ids follow
 * from the new VM's, so the same request made again finds them in its way and says so), a crash
 * after it leaves old disks. Between pause and unpause the guest stands still: the verdict lets it
 * go on.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disk_set.h"
#include "agent/core/vm_copy.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <string.h>

struct copying {
	struct app_call *call;
	struct vm_copy copy;
	/* a snapshot */
	struct storage_snapshots snapshots;
	struct hv_op op;
	bool paused; /* by us */
	mu_msec stopped_ms;
	/* copies */
	struct disk_set disks;
	/* revert: the disks that the VM had */
	size_t n_old;
	struct mu_uuid old[HV_DISKS_MAX];
	struct vm_copy target;           /* after `snapshotBefore` */
	void (*then)(struct copying *k); /* after the snapshot; NULL: the call is over */
	struct mu_error err;
};

static struct copying *begin(struct app_call *c)
{
	struct copying *k = mu_arena_calloc(c->arena, 1, sizeof *k);

	k->call = c;
	c->state = k;
	return k;
}

static void fail(struct copying *k, const struct mu_error *err)
{
	app_call_finish(k->call, err, NULL);
}

static const struct vm_spec *spec_of(const struct app *app, const struct vm_id *id,
				     struct mu_error *err)
{
	const struct vm_entry *e = vm_view_find(app->view, id);

	if (e && e->spec)
		return e->spec;
	(void)mu_error_set(err, MU_E_NOT_FOUND, "there is no such VM on this host");
	return NULL;
}

static struct vm_id new_id(const struct app_call *c)
{
	struct vm_id id = {mu_uuid_derive(&c->task, "vm")};

	(void)mu_uuid_parse(mu_value_as_string(mu_value_get(c->arguments, "id"))
				? mu_value_as_string(mu_value_get(c->arguments, "id"))
				: "",
			    &id.uuid);
	return id;
}

static bool flag(const struct app_call *c, const char *name)
{
	const struct mu_value *v = mu_value_get(c->arguments, name);

	return v && v->boolean;
}

static void set_id(struct mu_arena *a, struct mu_value *v, const struct vm_id *id)
{
	char text[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&id->uuid, text));
}

/* ---- a snapshot ---- */

static void snapshot_over(struct copying *k)
{
	struct mu_value *v;

	if (k->then) {
		k->then(k);
		return;
	}
	v = mu_value_object(k->call->arena);
	set_id(k->call->arena, v, &k->copy.spec.config.id);
	mu_value_set_int(k->call->arena, v, "pausedMs", k->stopped_ms);
	app_call_finish(k->call, NULL, v);
}

static void on_parent_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;

	(void)vm;
	if (err)
		mu_log_warning("snapshot's place in the tree not kept err=\"%s\"", err->text);
	snapshot_over(k);
}

static void on_snapshot_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;
	const struct vm_spec *now;
	struct vm_spec *spec;

	(void)vm;
	if (err) {
		fail(k, err);
		return;
	}
	now = spec_of(k->call->app, &k->call->vm, NULL);
	if (!now) {
		snapshot_over(k);
		return;
	}
	spec = mu_arena_memdup(k->call->arena, now, sizeof *now);
	spec->parent = k->copy.spec.config.id;
	define_store(k->call->app, spec, on_parent_stored, k);
}

static void on_ended(struct storage_snapshots *ss)
{
	struct copying *k = ss->ctx;

	if (k->err.code != MU_E_NONE)
		fail(k, &k->err);
	else if (ss->r < 0)
		fail(k, &ss->err);
	else
		define_store(k->call->app, &k->copy.spec, on_snapshot_stored, k);
}

static void end_snapshots(struct copying *k)
{
	k->snapshots.done = on_ended;
	storage_snapshots_end(&k->snapshots, k->err.code == MU_E_NONE);
}

static void on_unpaused(struct hv_op *op)
{
	struct copying *k = op->ctx;

	k->stopped_ms = mu_clock_monotonic() - k->stopped_ms;
	k->paused = false;
	/* A guest that is gone meanwhile stands still no longer. */
	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND && k->err.code == MU_E_NONE)
		k->err = op->err;
	end_snapshots(k);
}

static void on_taken(struct storage_snapshots *ss)
{
	struct copying *k = ss->ctx;

	if (ss->r < 0)
		k->err = ss->err;
	if (!k->paused) {
		end_snapshots(k);
		return;
	}
	k->op =
	    (struct hv_op){.kind = HV_UNPAUSE, .domid = k->op.domid, .done = on_unpaused, .ctx = k};
	hv_op_start(k->call->app->hv, &k->op);
}

static void take(struct copying *k)
{
	k->snapshots.done = on_taken;
	storage_snapshots_take(&k->snapshots);
}

static void on_paused(struct hv_op *op)
{
	struct copying *k = op->ctx;

	k->paused = op->r == 0;
	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND) {
		k->err = op->err;
		end_snapshots(k);
		return;
	}
	take(k);
}

static void on_prepared(struct storage_snapshots *ss)
{
	struct copying *k = ss->ctx;
	const struct vm_entry *e = vm_view_find(k->call->app->view, &k->call->vm);

	if (ss->r < 0) {
		fail(k, &ss->err);
		return;
	}
	if (k->call->cancelled) {
		(void)mu_error_set(&k->err, MU_E_CANCELLED, "cancelled");
		end_snapshots(k);
		return;
	}
	if (!e || !e->present || e->domain.paused || !ss->ret_pause) {
		take(k);
		return;
	}
	k->stopped_ms = mu_clock_monotonic();
	k->op =
	    (struct hv_op){.kind = HV_PAUSE, .domid = e->domain.domid, .done = on_paused, .ctx = k};
	hv_op_start(k->call->app->hv, &k->op);
}

static void take_snapshot(struct copying *k)
{
	struct storage_snapshots *ss = &k->snapshots;

	if (k->copy.n_disks == 0) {
		define_store(k->call->app, &k->copy.spec, on_snapshot_stored, k);
		return;
	}
	ss->n = k->copy.n_disks;
	for (size_t i = 0; i < ss->n; i++) {
		ss->list[i].vdi = k->copy.disks[i].from;
		ss->list[i].id = k->copy.disks[i].to;
		(void)snprintf(ss->list[i].name, sizeof ss->list[i].name, "%.*s %s",
			       (int)(MODEL_NAME_MAX - sizeof k->copy.disks[i].vdev),
			       k->copy.spec.config.name, k->copy.disks[i].vdev);
	}
	ss->done = on_prepared;
	ss->ctx = k;
	storage_snapshots_prepare(k->call->app->storage, ss);
}

static int plan_snapshot(struct copying *k, const struct vm_id *id, const char *name,
			 struct mu_error *err)
{
	struct app_call *c = k->call;
	const struct vm_spec *now = spec_of(c->app, &c->vm, err);

	if (!now)
		return MU_FAILED;
	if (flag(c, "quiesce"))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "quiesce: no guest agent on plain Xen can be asked to; hint: "
				    "leave it out, disks are taken at one moment all the same");
	if (flag(c, "memory"))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "memory: a snapshot holds disks only; hint: suspend the VM to "
				    "keep its memory");
	if (spec_of(c->app, id, NULL))
		return mu_error_set(err, MU_E_EXISTS, "id: there is a VM of this id already");
	return vm_copy_snapshot(now, id, name, mu_clock_wall(), &k->copy, err);
}

static void start_snapshot(struct app_call *c)
{
	struct copying *k = begin(c);
	struct mu_error err = MU_ERROR_INIT;
	struct vm_id id = new_id(c);

	if (plan_snapshot(k, &id, mu_value_as_string(mu_value_get(c->arguments, "name_label")),
			  &err) < 0)
		fail(k, &err);
	else
		take_snapshot(k);
}

/* ---- copies of disks ---- */

static void on_copy_progress(struct disk_set *set, int percent)
{
	const struct copying *k = set->ctx;

	app_call_progress(k->call, percent);
}

static void copy_disks(struct copying *k, const struct mu_uuid *sr,
		       void (*done)(struct disk_set *set, const struct mu_error *err))
{
	struct disk_set *set = &k->disks;

	set->app = k->call->app;
	set->n = k->copy.n_disks;
	set->done = done;
	set->progress = on_copy_progress;
	set->ctx = k;
	for (size_t i = 0; i < set->n; i++) {
		struct disk_set_item *item = &set->items[i];

		*item = (struct disk_set_item){.kind = STORAGE_VDI_CLONE,
					       .object = k->copy.disks[i].from,
					       .id = k->copy.disks[i].to};
		if (sr)
			item->sr = *sr;
		(void)snprintf(item->name, sizeof item->name, "%.*s %s",
			       (int)(MODEL_NAME_MAX - sizeof k->copy.disks[i].vdev),
			       k->copy.spec.config.name, k->copy.disks[i].vdev);
	}
	disk_set_start(set);
}

static void cancel(struct app_call *c)
{
	struct copying *k = c->state;

	disk_set_cancel(&k->disks);
}

static void on_copies_undone(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	(void)err;
	fail(k, &k->err);
}

/* The definition could not be stored: the disks that it would name go again. */
static void undo_copies(struct copying *k, const struct mu_error *err)
{
	k->err = *err;
	k->disks.done = on_copies_undone;
	disk_set_undo(&k->disks);
}

/* ---- clone ---- */

static void on_clone_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;
	struct mu_value *v;

	if (err) {
		undo_copies(k, err);
		return;
	}
	v = mu_value_object(k->call->arena);
	set_id(k->call->arena, v, vm);
	app_call_finish(k->call, NULL, v);
}

static void on_cloned(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	if (err)
		fail(k, err);
	else
		define_store(k->call->app, &k->copy.spec, on_clone_stored, k);
}

static int plan_clone(struct copying *k, struct mu_error *err)
{
	struct app_call *c = k->call;
	const struct vm_spec *from = spec_of(c->app, &c->vm, err);
	const char *mac = mu_value_as_string(mu_value_get(c->arguments, "mac"));
	struct vm_id id = new_id(c);

	if (!from)
		return MU_FAILED;
	if (spec_of(c->app, &id, NULL))
		return mu_error_set(err, MU_E_EXISTS, "id: there is a VM of this id already");
	if (flag(c, "fast") && mu_value_get(c->arguments, "srId"))
		return mu_error_set(err, MU_E_INVALID,
				    "fast: only within the SR of each disk; hint: leave srId out");
	if (vm_copy_clone(from, &id, mu_value_as_string(mu_value_get(c->arguments, "name_label")),
			  flag(c, "asTemplate") ? VM_KIND_TEMPLATE : VM_KIND_VM,
			  mac && !strcmp(mac, "keep"), &k->copy, err) < 0)
		return MU_FAILED;
	return define_check_name(c->app, &k->copy.spec, err);
}

static void start_clone(struct app_call *c)
{
	struct copying *k = begin(c);
	const char *sr_text = mu_value_as_string(mu_value_get(c->arguments, "srId"));
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid sr;

	if (plan_clone(k, &err) < 0)
		fail(k, &err);
	else
		copy_disks(k, sr_text && mu_uuid_parse(sr_text, &sr) ? &sr : NULL, on_cloned);
}

/* ---- revert ---- */

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

static void on_reverted(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;
	struct disk_set *set = &k->disks;

	(void)vm;
	if (err) {
		undo_copies(k, err);
		return;
	}
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

static void on_restored(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	if (err)
		fail(k, err);
	else
		define_store(k->call->app, &k->copy.spec, on_reverted, k);
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

static void restore(struct copying *k)
{
	k->copy = k->target;
	copy_disks(k, NULL, on_restored);
}

static int plan_revert(struct copying *k, struct mu_error *err)
{
	struct app_call *c = k->call;
	const struct vm_spec *now = spec_of(c->app, &c->vm, err);
	const struct vm_spec *snapshot;
	struct vm_id id;

	if (!now)
		return MU_FAILED;
	(void)mu_uuid_parse(mu_value_as_string(mu_value_get(c->arguments, "snapshotId")), &id.uuid);
	snapshot = spec_of(c->app, &id, NULL);
	if (!snapshot)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "snapshotId: there is no such snapshot on this host");
	if (vm_copy_revert(now, snapshot, &c->task, &k->target, err) < 0)
		return mu_error_prefix(err, "snapshotId");
	note_old(k, now);
	return 0;
}

static void start_revert(struct app_call *c)
{
	struct copying *k = begin(c);
	struct vm_id before = {mu_uuid_derive(&c->task, "before")};
	struct mu_error err = MU_ERROR_INIT;

	if (plan_revert(k, &err) < 0 ||
	    (flag(c, "snapshotBefore") && plan_snapshot(k, &before, NULL, &err) < 0)) {
		fail(k, &err);
	} else if (flag(c, "snapshotBefore")) {
		k->then = restore;
		take_snapshot(k);
	} else {
		restore(k);
	}
}

/* ---- verdicts ---- */

static void verdict_new(struct app *app, const struct mu_value *arguments,
			const struct journal_entry *e, const char *what, struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *text = mu_value_as_string(mu_value_get(arguments, "id"));
	struct vm_id id = {mu_uuid_derive(&e->task, "vm")};
	struct mu_value *value;

	if (text)
		(void)mu_uuid_parse(text, &id.uuid);
	if (!spec_of(app, &id, NULL)) {
		v->status = TASK_FAILURE;
		(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
				   "interrupted by a restart of the agent: there is no %s; hint: "
				   "ask again",
				   what);
		return;
	}
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
	value = mu_value_object(a);
	set_id(a, value, &id);
	calls_value_text(value, v->value);
}

static void verdict_snapshot(struct app *app, const struct journal_entry *e,
			     const struct mu_value *arguments, struct journal_verdict *v)
{
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);

	if (arguments)
		verdict_new(app, arguments, e, "snapshot", v);
	if (entry && entry->present && entry->domain.paused && e->power_before == VM_RUNNING &&
	    !strcmp(e->boot_id, app->boot_id))
		v->follow = JOURNAL_CONTINUE;
}

static void verdict_clone(struct app *app, const struct journal_entry *e,
			  const struct mu_value *arguments, struct journal_verdict *v)
{
	if (arguments)
		verdict_new(app, arguments, e, "clone", v);
}

static void verdict_revert(struct app *app, const struct journal_entry *e,
			   const struct mu_value *arguments, struct journal_verdict *v)
{
	const struct vm_spec *now = spec_of(app, &e->vm, NULL);
	MU_CLEANUP(mu_free) struct vm_copy *copy = mu_xmalloc(sizeof *copy);
	struct vm_id id;

	if (!arguments)
		return;
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
	if (now &&
	    mu_uuid_parse(mu_value_as_string(mu_value_get(arguments, "snapshotId")), &id.uuid) &&
	    mu_uuid_equal(&now->parent.uuid, &id.uuid) && spec_of(app, &id, NULL) &&
	    vm_copy_revert(now, spec_of(app, &id, NULL), &e->task, copy, NULL) == 0 &&
	    (copy->n_disks == 0 || vm_copy_names(now, &copy->disks[0].to)))
		return;
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
			   "interrupted by a restart of the agent: the VM is as it was; hint: ask "
			   "again");
}

const struct app_call_handler calls_snapshot[] = {
    {.method = "vm.snapshot",
     .start = start_snapshot,
     .cancel = cancel,
     .verdict = verdict_snapshot},
    {.method = "vm.revert", .start = start_revert, .cancel = cancel, .verdict = verdict_revert},
    {.method = "vm.clone", .start = start_clone, .cancel = cancel, .verdict = verdict_clone},
};
const size_t n_calls_snapshot = MU_ARRAY_SIZE(calls_snapshot);
