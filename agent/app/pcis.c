/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI devices as objects. What there is, agent/host reads out of sysfs; who has it, the driver
 * says. A simulated host without a tree to read has those of the driver's model.
 */
#include "agent/app/app_priv.h"

#include "agent/host/pci.h"
#include "agent/host/pci_watch.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mu_uuid owner_of(const struct app *app, const char *address)
{
	const struct vm_entry *e;

	for (size_t i = 0; i < app->n_pcis; i++) {
		if (!app->pcis[i].domid.value || strcmp(app->pcis[i].address, address) != 0)
			continue;
		e = vm_view_find_domid(app->view, app->pcis[i].domid);
		return e ? e->id.uuid : (struct mu_uuid){{0}};
	}
	return (struct mu_uuid){{0}};
}

/* ---- out of sysfs ---- */

static void on_set(void *ctx, const struct model_object *o)
{
	struct app *app = ctx;
	struct model_object owned = *o;

	owned.pci.vm = owner_of(app, o->pci.address);
	app_object_set(app, &owned);
}

static void on_removed(void *ctx, const struct mu_uuid *id)
{
	app_object_remove(ctx, id);
}

static void on_failed(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	mu_log_warning("PCI devices cannot be read, the last list stays err=\"%s\"", err->text);
}

static void on_stopped(void *ctx)
{
	struct app *app = ctx;

	app->pci_watch = NULL;
	host_check_stopped(app);
}

/* ---- out of the model ---- */

static void describe(const struct app *app, const struct hv_host_pci *d, struct model_object *ret)
{
	MU_CLEANUP(pci_names_free) struct pci_names *names = pci_names_new();
	struct host_pci p = {.class_code = d->class_code, .vendor = d->vendor, .device = d->device};
	char modalias[80];

	(void)snprintf(p.pci.address, sizeof p.pci.address, "%s", d->address);
	(void)snprintf(modalias, sizeof modalias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
		       d->vendor, d->device, d->subsystem_vendor, d->subsystem_device,
		       d->class_code >> 16, d->class_code >> 8 & 255, d->class_code & 255);
	host_pci_name(&p, names, modalias);
	host_pci_object(&p, &app->id, ret);
}

static void set_modelled(struct app *app, const struct hv_host_pci *d)
{
	struct mu_uuid id = object_pci_id(&app->id, d->address);
	const struct model_object *known = app_object_find(app, &id);
	struct model_object o;

	if (known)
		o = *known;
	else
		describe(app, d, &o);
	(void)snprintf(o.pci.driver, sizeof o.pci.driver, "%s",
		       d->assignable ? "pciback" : d->driver);
	o.pci.assignable = d->assignable;
	o.pci.vm = owner_of(app, d->address);
	app_object_set(app, &o);
}

/* ---- both ---- */

static void set_owners(struct app *app)
{
	const struct model_object *o;
	struct model_object owned;

	for (size_t i = 0; (o = app_object_next(app, OBJECT_PCI, &i));) {
		owned = *o;
		owned.pci.vm = owner_of(app, o->pci.address);
		app_object_set(app, &owned);
	}
}

void pcis_look(struct app *app)
{
	struct mu_error err = MU_ERROR_INIT;

	if (!app->pcis)
		return;
	if (hv_pci_list(app->hv, app->pcis, HV_HOST_PCI_MAX, &app->n_pcis, &err) < 0) {
		mu_log_debug("owners of PCI devices not available err=\"%s\"", err.text);
		return;
	}
	if (app->pci_watch) {
		set_owners(app);
		return;
	}
	for (size_t i = 0; i < app->n_pcis; i++)
		set_modelled(app, &app->pcis[i]);
}

void pcis_init(struct app *app)
{
	const struct host_pci_listener listener = {on_set, on_removed, on_failed, app};

	app->pcis = mu_xcalloc(HV_HOST_PCI_MAX, sizeof *app->pcis);
	if (app->sysfs)
		app->pci_watch = host_pci_watch_new(app->loop, app->sysfs, &app->id, &listener);
}

void pcis_stop(struct app *app)
{
	if (app->pci_watch)
		host_pci_watch_stop(app->pci_watch, on_stopped, app);
}

void pcis_deinit(struct app *app)
{
	free(app->pcis);
	app->pcis = NULL;
}
