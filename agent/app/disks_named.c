/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions that name a VDI. What runs or is suspended keeps what it names. A VDI that goes is
 * taken out of the definitions of halted VMs, as Xen Orchestra does it; one that moves is followed.
 */
#include "agent/app/app_priv.h"
#include "agent/app/disks.h"

#include <stdlib.h>
#include <string.h>

const struct hv_disk *disks_named_in(const struct vm_spec *spec, const struct mu_uuid *vdi)
{
	for (size_t i = 0; spec && i < spec->config.n_disks; i++) {
		if (mu_uuid_equal(&spec->config.disks[i].vdi, vdi))
			return &spec->config.disks[i];
	}
	return NULL;
}

static bool names(const struct vm_entry *e, const struct mu_uuid *vdi)
{
	return disks_named_in(e->spec, vdi) || disks_named_in(e->built, vdi);
}

int disks_check_unused(const struct app *app, const struct mu_uuid *vdi, struct mu_error *err)
{
	const struct vm_entry *e;
	char id[MU_UUID_TEXT];

	for (size_t i = 0; (e = vm_view_next(app->view, &i));) {
		if ((!e->present && !e->saved) || !names(e, vdi))
			continue;
		return mu_error_set(err, MU_E_STATE,
				    "in use by VM \"%s\" (%s); hint: shut it down, or take the "
				    "disk out of it",
				    e->spec ? e->spec->config.name : "",
				    mu_uuid_format(&e->id.uuid, id));
	}
	return 0;
}

/* ---- deleting with a VM ---- */

struct deletion {
	struct app *app;
	size_t n;
	size_t next;
	struct mu_uuid vdis[HV_DISKS_MAX];
	struct storage_op op;
	struct mu_error err;
	void (*done)(void *arg, const struct mu_error *err);
	void *arg;
};

static void delete_next(struct deletion *d);

static bool named_by_others(const struct app *app, const struct vm_id *vm,
			    const struct mu_uuid *vdi)
{
	const struct vm_entry *e;

	for (size_t i = 0; (e = vm_view_next(app->view, &i));) {
		if (!mu_uuid_equal(&e->id.uuid, &vm->uuid) && names(e, vdi))
			return true;
	}
	return false;
}

static void on_deletion_over(void *ctx)
{
	MU_CLEANUP(mu_free) struct deletion *d = ctx;

	d->done(d->arg, d->err.code == MU_E_NONE ? NULL : &d->err);
}

/* One that is gone already is no failure: the call may be asked for again. */
static void on_deleted(struct storage_op *op)
{
	struct deletion *d = op->ctx;
	char vdi[MU_UUID_TEXT];

	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND) {
		d->err = op->err;
		(void)mu_error_prefix(&d->err, "VDI %s", mu_uuid_format(&d->vdis[d->next], vdi));
		on_deletion_over(d);
		return;
	}
	d->next++;
	delete_next(d);
}

static void delete_next(struct deletion *d)
{
	if (!d->app->storage)
		(void)mu_error_set(&d->err, MU_E_CANCELLED, "the agent is stopping");
	if (d->next == d->n || d->err.code != MU_E_NONE) {
		mu_loop_post(d->app->loop, on_deletion_over, d);
		return;
	}
	d->op = (struct storage_op){
	    .kind = STORAGE_VDI_DELETE, .object = d->vdis[d->next], .done = on_deleted, .ctx = d};
	storage_op_start(d->app->storage, &d->op);
}

void disks_delete(struct app *app, const struct vm_spec *spec,
		  void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	struct deletion *d = mu_xcalloc(1, sizeof *d);

	d->app = app;
	d->done = done;
	d->arg = arg;
	for (size_t i = 0; i < spec->config.n_disks; i++) {
		const struct hv_disk *disk = &spec->config.disks[i];

		if (!mu_uuid_is_nil(&disk->vdi) && !disk->cdrom &&
		    !named_by_others(app, &spec->config.id, &disk->vdi))
			d->vdis[d->n++] = disk->vdi;
	}
	delete_next(d);
}

/* ---- following ---- */

struct replacement {
	struct app *app;
	struct mu_uuid vdi;
	struct mu_uuid other;
	struct mu_error err;
	void (*done)(void *arg, const struct mu_error *err);
	void *arg;
};

static void replace_next(struct replacement *r);

static void on_replaced(void *ctx)
{
	MU_CLEANUP(mu_free) struct replacement *r = ctx;

	r->done(r->arg, r->err.code == MU_E_NONE ? NULL : &r->err);
}

static void replace_in(struct vm_spec *spec, const struct replacement *r)
{
	struct hv_vm_config *c = &spec->config;
	size_t n = 0;

	for (size_t i = 0; i < c->n_disks; i++) {
		struct hv_disk *d = &c->disks[i];
		bool found = mu_uuid_equal(&d->vdi, &r->vdi);

		if (found)
			d->vdi = r->other;
		if (found && mu_uuid_is_nil(&r->other) && !d->cdrom)
			continue;
		c->disks[n++] = *d;
	}
	memset(&c->disks[n], 0, (c->n_disks - n) * sizeof *c->disks);
	c->n_disks = n;
}

static void on_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct replacement *r = arg;

	(void)vm;
	if (err) {
		r->err = *err;
		on_replaced(r);
		return;
	}
	replace_next(r);
}

static void replace_next(struct replacement *r)
{
	const struct vm_entry *e;

	for (size_t i = 0; (e = vm_view_next(r->app->view, &i));) {
		MU_CLEANUP(mu_free) struct vm_spec *spec = NULL;

		if (e->present || e->saved || !disks_named_in(e->spec, &r->vdi))
			continue;
		spec = mu_xmemdup(e->spec, sizeof *e->spec);
		replace_in(spec, r);
		define_store(r->app, spec, on_stored, r);
		return;
	}
	mu_loop_post(r->app->loop, on_replaced, r);
}

void disks_replace(struct app *app, const struct mu_uuid *vdi, const struct mu_uuid *other,
		   void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	struct replacement *r = mu_xcalloc(1, sizeof *r);

	r->app = app;
	r->vdi = *vdi;
	r->other = *other;
	r->done = done;
	r->arg = arg;
	replace_next(r);
}
