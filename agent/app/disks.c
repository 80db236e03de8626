/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds what. A `held` is one VDI of one VM, from before it is activated until it is not any
 * more:
 *
 *   [start of a VM] -> holding -> held -> (VM gone, by the facts) -> releasing -> forgotten
 *                         |                                             |
 *                      failed: releasing                    failed: again, a few times
 *
 * A domain that is dying may still write, and counts as one. So does a save file: what is resumed
 * expects its disks as they were. After a restart of the agent all definitions' disks are taken for
 * held, and those that are not in use are let go by the same rule; that also cleans up after a VM
 * that ended while there was no agent.
 */
#include "agent/app/disks.h"

#include "agent/app/app_priv.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELEASE_TRIES = 6 };
#define RELEASE_AGAIN MU_SEC(5)
#define DYING_PATIENCE MU_SEC(10)

struct held {
	struct mu_link link;
	struct app *app;
	struct vm_id vm;
	struct mu_uuid vdi;
	bool readonly;
	bool unwanted; /* let go of it though the VM goes on */
	bool releasing;
	unsigned tries;
	mu_msec again_at;
	struct storage_op op; /* the release */
};

static void hold_next(struct disks_use *u);

/* The SRs changed, or a release is to be tried again. */
static void on_timer(void *ctx)
{
	disks_look(ctx);
	startup_judge_late(ctx, false);
}

void disks_init(struct app *app)
{
	mu_link_init(&app->disks);
	mu_link_init(&app->disk_uses);
	app->disk_timer = mu_timer_new(app->loop, on_timer, app);
	app->delete_disks = disks_delete;
}

static void held_free(struct held *h)
{
	mu_list_remove(&h->link);
	free(h);
}

void disks_deinit(struct app *app)
{
	mu_list_each(it, &app->disks) held_free(MU_CONTAINER_OF(it, struct held, link));
	app->disk_timer = mu_timer_free(app->disk_timer);
}

static struct held *held_find(const struct app *app, const struct vm_id *vm,
			      const struct mu_uuid *vdi)
{
	mu_list_each(it, &app->disks)
	{
		struct held *h = MU_CONTAINER_OF(it, struct held, link);

		if (mu_uuid_equal(&h->vm.uuid, &vm->uuid) && mu_uuid_equal(&h->vdi, vdi))
			return h;
	}
	return NULL;
}

static struct held *held_need(struct app *app, const struct vm_id *vm, const struct mu_uuid *vdi,
			      bool readonly)
{
	struct held *h = held_find(app, vm, vdi);

	if (!h) {
		h = mu_xcalloc(1, sizeof *h);
		h->app = app;
		h->vm = *vm;
		h->vdi = *vdi;
		mu_list_push_back(&app->disks, &h->link);
	}
	h->readonly = readonly;
	h->unwanted = false;
	h->tries = 0;
	return h;
}

/* ---- is it in use ---- */

static bool is_listed(const struct app *app, const struct vm_id *vm)
{
	for (size_t i = 0; i < app->n_domains; i++) {
		if (mu_uuid_equal(&app->domains[i].id.uuid, &vm->uuid))
			return true;
	}
	return false;
}

/* As a destroy leaves it that died with the agent, or another program's. One without a name has
 * nothing more to be torn down: something holds its memory, perhaps for ever. */
static bool is_dying(const struct app *app, const struct vm_id *vm)
{
	const struct vm_entry *e = vm_view_find(app->view, vm);

	for (size_t i = 0; (!e || !e->present) && i < app->n_domains; i++) {
		const struct hv_domain *d = &app->domains[i];

		if (d->dying && d->name[0] && mu_uuid_equal(&d->id.uuid, &vm->uuid))
			return true;
	}
	return false;
}

static bool is_being_built(const struct app *app, const struct vm_id *vm)
{
	mu_list_each(it, &app->disk_uses)
	{
		const struct disks_use *u = MU_CONTAINER_OF(it, struct disks_use, link);

		if (mu_uuid_equal(&u->vm.uuid, &vm->uuid))
			return true;
	}
	return false;
}

static bool is_in_use(const struct app *app, const struct vm_id *vm)
{
	const struct vm_entry *e = vm_view_find(app->view, vm);

	return (e && e->spec && e->saved) || is_listed(app, vm) || is_being_built(app, vm) ||
	       !ops_idle(app, vm);
}

/* ---- letting go ---- */

static void on_released(struct storage_op *op)
{
	struct held *h = op->ctx;
	struct app *app = h->app;
	char vdi[MU_UUID_TEXT];

	h->releasing = false;
	/* Used again meanwhile: that hold stands behind this release in the SR's queue. */
	if (!h->unwanted && is_in_use(app, &h->vm))
		return;
	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND && app->storage &&
	    ++h->tries < RELEASE_TRIES) {
		h->again_at = mu_loop_now(app->loop) + RELEASE_AGAIN;
		disks_look_soon(app);
		return;
	}
	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND && app->storage)
		mu_log_warning("a disk that nobody uses stays active vdi=%s err=\"%s\"",
			       mu_uuid_format(&h->vdi, vdi), op->err.text);
	held_free(h);
}

/* Where it is may not be known yet, and it may be active there. */
static bool may_be_released(const struct app *app, const struct held *h)
{
	struct model_object vdi, sr;

	if (!storage_find(app->storage, &h->vdi, &vdi) ||
	    !storage_find(app->storage, &vdi.vdi.sr, &sr) || !sr.sr.attached)
		return storage_settled(app->storage);
	return true;
}

static void release(struct held *h)
{
	h->releasing = true;
	h->op = (struct storage_op){.kind = STORAGE_RELEASE,
				    .object = h->vdi,
				    .holder = h->vm.uuid,
				    .done = on_released,
				    .ctx = h};
	storage_op_start(h->app->storage, &h->op);
}

static void look_at(struct held *h, mu_msec now)
{
	struct app *app = h->app;

	if (h->releasing || (!h->unwanted && is_in_use(app, &h->vm)) || !may_be_released(app, h))
		return;
	if (h->again_at <= now)
		release(h);
	else if (!mu_timer_is_set(app->disk_timer))
		mu_timer_set(app->disk_timer, h->again_at - now);
}

static bool is_waiting(const struct disks_use *u)
{
	return !u->holding && !u->finished;
}

void disks_look(struct app *app)
{
	if (!app->storage || !app->domains_known)
		return;
	mu_list_each(it, &app->disks)
	{
		look_at(MU_CONTAINER_OF(it, struct held, link), mu_loop_now(app->loop));
	}
	mu_list_each(it, &app->disk_uses)
	{
		struct disks_use *u = MU_CONTAINER_OF(it, struct disks_use, link);

		if (is_waiting(u))
			hold_next(u);
	}
}

/* Not from inside the storage's callbacks. */
void disks_look_soon(struct app *app)
{
	if (app->disk_timer)
		mu_timer_set(app->disk_timer, 0);
}

void disks_let_go(struct app *app, const struct vm_id *vm, const struct mu_uuid *vdi)
{
	struct held *h = held_find(app, vm, vdi);

	if (h)
		h->unwanted = true;
	disks_look(app);
}

/* ---- at start ---- */

static bool is_readonly(const struct hv_disk *d)
{
	return d->readonly || d->cdrom;
}

static void claim(struct app *app, const struct vm_entry *e, const struct hv_disk *d, bool clean)
{
	struct mu_error err = MU_ERROR_INIT;
	bool in_use = !app->domains_known || is_in_use(app, &e->id);
	char vm[MU_UUID_TEXT];

	if (in_use || clean)
		(void)held_need(app, &e->id, &d->vdi, is_readonly(d));
	if (in_use && storage_claim(app->storage, &d->vdi, &e->id.uuid, is_readonly(d), &err) < 0)
		mu_log_error("a disk of a VM that runs is not its own vm=%s disk=%s err=\"%s\"",
			     mu_uuid_format(&e->id.uuid, vm), d->vdev, err.text);
}

void disks_claim(struct app *app, bool clean)
{
	const struct vm_entry *e;

	for (size_t i = 0; (e = vm_view_next(app->view, &i));) {
		const struct vm_spec *spec = vm_entry_built(e);

		if (!spec)
			spec = e->spec;
		for (size_t d = 0; spec && d < spec->config.n_disks; d++) {
			if (!mu_uuid_is_nil(&spec->config.disks[d].vdi))
				claim(app, e, &spec->config.disks[d], clean);
		}
	}
}

/* ---- taking ---- */

static void on_finished(void *ctx)
{
	struct disks_use *u = ctx;

	u->done(u, u->err.code == MU_E_NONE ? NULL : &u->err);
}

static void finish(struct disks_use *u)
{
	u->finished = true;
	mu_timer_cancel(u->timer);
	mu_loop_post(u->app->loop, on_finished, u);
}

static void fail(struct disks_use *u, const struct mu_error *err)
{
	char vdi[MU_UUID_TEXT];
	const struct hv_disk *d = &u->disks[u->next];

	u->err = *err;
	if (u->next < u->n_disks)
		(void)mu_error_prefix(&u->err, "disk %s (VDI %s)", d->vdev,
				      mu_uuid_format(&d->vdi, vdi));
	finish(u);
}

struct unplugged {
	bool in_trouble;
	char names[160];
};

/* "nfs1 (no route to host), old" */
static void note_unplugged(const struct model_object *o, void *ctx)
{
	char piece[MODEL_NAME_MAX + MODEL_TEXT_MAX + 8];
	struct unplugged *all = ctx;
	size_t at = strlen(all->names);
	const char *why = o->sr.trouble;

	if (o->kind != OBJECT_SR || o->sr.attached)
		return;
	all->in_trouble = all->in_trouble || why[0];
	(void)snprintf(piece, sizeof piece, "%s%s%s%s%s", at ? ", " : "", o->name,
		       why[0] ? " (" : "", why, why[0] ? ")" : "");
	mu_utf8_sanitize(all->names + at, sizeof all->names - 1 - at, piece, strlen(piece));
}

bool disks_may_come(const struct app *app)
{
	struct unplugged all = {.in_trouble = false};

	storage_each(app->storage, note_unplugged, &all);
	return all.in_trouble || !storage_settled(app->storage);
}

/* 0: it is there; positive: wait; negative: it is not. */
static int find_disk(const struct disks_use *u, const struct mu_uuid *id, struct mu_error *err)
{
	struct unplugged all = {.in_trouble = false};
	mu_msec waited = mu_loop_now(u->app->loop) - u->started_at;
	struct model_object vdi, sr;
	bool known = storage_find(u->app->storage, id, &vdi), comes;

	if (known && vdi.kind != OBJECT_VDI)
		return mu_error_set(err, MU_E_INVALID, "that is a %s", object_kind_name(vdi.kind));
	known = known && storage_find(u->app->storage, &vdi.vdi.sr, &sr);
	if (known && sr.sr.attached)
		return 0;
	comes =
	    known ? sr.sr.trouble[0] || !storage_settled(u->app->storage) : disks_may_come(u->app);
	if (comes && waited < DISKS_PATIENCE)
		return 1;
	storage_each(u->app->storage, note_unplugged, &all);
	if (known)
		return mu_error_set(err, MU_E_STATE,
				    "its storage repository %s is not plugged: %s; hint: plug it",
				    sr.name, sr.sr.trouble[0] ? sr.sr.trouble : "it was unplugged");
	if (all.names[0])
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "there is no such VDI in what is plugged; not plugged: %s",
				    all.names);
	return mu_error_set(err, MU_E_NOT_FOUND, "there is no such VDI on this host");
}

/* The SR would say so as well, but knows only ids. */
static int check_others(const struct disks_use *u, const struct hv_disk *d, struct mu_error *err)
{
	char id[MU_UUID_TEXT];

	mu_list_each(it, &u->app->disks)
	{
		const struct held *h = MU_CONTAINER_OF(it, struct held, link);
		const struct vm_entry *e = vm_view_find(u->app->view, &h->vm);

		if (mu_uuid_equal(&h->vm.uuid, &u->vm.uuid) || !mu_uuid_equal(&h->vdi, &d->vdi) ||
		    (h->readonly && is_readonly(d)) || !is_in_use(u->app, &h->vm))
			continue;
		return mu_error_set(
		    err, MU_E_STATE, "in use by VM \"%s\" (%s); hint: shut that down first",
		    e && e->spec ? e->spec->config.name : "", mu_uuid_format(&h->vm.uuid, id));
	}
	return 0;
}

static void give_up(struct disks_use *u)
{
	struct mu_error err = MU_ERROR_INIT;

	if (u->late)
		(void)mu_error_set(&err, MU_E_TIMEOUT, "not held before the deadline");
	else
		(void)mu_error_set(&err, MU_E_CANCELLED, "cancelled");
	fail(u, &err);
}

/* An HVM guest's CD drives are QEMU's, whatever the SR would rather have. */
static bool is_emulated(const struct disks_use *u, const struct hv_disk *d)
{
	const struct vm_entry *e = vm_view_find(u->app->view, &u->vm);
	const struct vm_spec *spec = e ? vm_entry_built(e) : NULL;

	if (e && !spec)
		spec = e->spec;
	return d->cdrom && spec && spec->config.type == VM_TYPE_HVM;
}

static void on_held(struct storage_op *op)
{
	struct disks_use *u = op->ctx;
	struct hv_disk *d = &u->disks[u->next];

	u->holding = false;
	if (op->r < 0) {
		fail(u, &op->err);
		return;
	}
	(void)snprintf(d->path, sizeof d->path, "%s", op->ret_path.path);
	(void)snprintf(d->format, sizeof d->format, "%s", op->ret_path.format);
	(void)snprintf(d->backend, sizeof d->backend, "%s",
		       op->ret_path.backend == SR_BACKEND_PHY && !is_emulated(u, d) ? "phy"
										    : "qdisk");
	u->next++;
	hold_next(u);
}

static mu_msec time_left(const struct disks_use *u, mu_msec all)
{
	mu_msec left = all - (mu_loop_now(u->app->loop) - u->started_at);

	return left > 1 ? left : 1;
}

static void start_hold(struct disks_use *u)
{
	const struct hv_disk *d = &u->disks[u->next];

	(void)held_need(u->app, &u->vm, &d->vdi, is_readonly(d));
	u->holding = true;
	u->op = (struct storage_op){.kind = STORAGE_HOLD,
				    .object = d->vdi,
				    .holder = u->vm.uuid,
				    .readonly = is_readonly(d),
				    .deadline = u->deadline ? time_left(u, u->deadline) : 0,
				    .done = on_held,
				    .ctx = u};
	storage_op_start(u->app->storage, &u->op);
}

/* For an SR, or for an old domain's end: a change of those wakes us as well. */
static void wait(struct disks_use *u, mu_msec patience)
{
	mu_msec all = u->deadline && u->deadline < patience ? u->deadline : patience;

	mu_timer_set(u->timer, time_left(u, all));
}

static bool waits_for_old_domain(const struct disks_use *u)
{
	return !u->cancelled && mu_loop_now(u->app->loop) - u->started_at < DYING_PATIENCE &&
	       is_dying(u->app, &u->vm);
}

static void hold_next(struct disks_use *u)
{
	struct mu_error err = MU_ERROR_INIT;
	int r;

	if (waits_for_old_domain(u)) {
		wait(u, DYING_PATIENCE);
		return;
	}
	while (u->next < u->n_disks && mu_uuid_is_nil(&u->disks[u->next].vdi))
		u->next++;
	if (u->next == u->n_disks) {
		finish(u);
		return;
	}
	if (!u->app->storage)
		u->cancelled = true;
	if (u->cancelled) {
		give_up(u);
		return;
	}
	r = find_disk(u, &u->disks[u->next].vdi, &err);
	if (r > 0)
		wait(u, DISKS_PATIENCE);
	else if (r < 0 || check_others(u, &u->disks[u->next], &err) < 0)
		fail(u, &err);
	else
		start_hold(u);
}

static void on_waited(void *ctx)
{
	struct disks_use *u = ctx;

	if (!is_waiting(u))
		return;
	u->late = u->deadline && mu_loop_now(u->app->loop) - u->started_at >= u->deadline;
	u->cancelled = u->cancelled || u->late;
	hold_next(u);
}

void disks_use_start(struct disks_use *u)
{
	u->started_at = mu_loop_now(u->app->loop);
	u->timer = mu_timer_new(u->app->loop, on_waited, u);
	mu_list_push_back(&u->app->disk_uses, &u->link);
	hold_next(u);
}

void disks_use_cancel(struct disks_use *u)
{
	if (!u->timer || u->finished || u->cancelled)
		return;
	u->cancelled = true;
	if (u->holding)
		storage_op_cancel(&u->op);
	else
		give_up(u);
}

void disks_stop(struct app *app)
{
	mu_list_each(it, &app->disk_uses)
	{
		disks_use_cancel(MU_CONTAINER_OF(it, struct disks_use, link));
	}
}

void disks_use_end(struct disks_use *u)
{
	if (!u->timer)
		return;
	u->timer = mu_timer_free(u->timer);
	mu_list_remove(&u->link);
}
