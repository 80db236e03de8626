/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading of the host on demand. The hypervisor is asked on the loop thread, which takes
 * milliseconds; devices are looked up, and documents written, on a work thread; the journal is a
 * child process. Nothing is kept.
 */
#include "agent/app/app_priv.h"

#include "agent/host/bios.h"
#include "agent/host/details.h"
#include "agent/host/disks.h"
#include "agent/host/journal.h"
#include "agent/host/pci.h"
#include "agent/host/usb.h"
#include "common/base/assert.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/loop/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct app *app;
	struct host_read_op *op;
	struct host_journal journal;
	bool cancelled;
	struct mu_error err;
	/* details: made here, filled on the work thread */
	struct mu_work work;
	struct mu_arena *arena;
	struct mu_value *document;
	struct mu_str text;
	struct host_id host;
	const char *sysfs;
	struct host_usb_owner *usb_owners; /* in the arena */
	size_t n_usb_owners;
};

/* ---- what never changes ---- */

void host_learn(struct app *app)
{
	MU_CLEANUP(mu_free) struct hv_host_details *d = mu_xcalloc(1, sizeof *d);
	struct model_host *m = &app->machine;
	struct mu_error err = MU_ERROR_INIT;

	if (app->sysfs)
		host_bios_read(app->sysfs, &m->bios);
	if (hv_host_details(app->hv, d, &err) < 0) {
		mu_log_warning("host details not available err=\"%s\"", err.text);
		return;
	}
	(void)snprintf(m->cpu_vendor, sizeof m->cpu_vendor, "%s", d->cpu_vendor);
	m->cpu_family = d->cpu_family;
	m->cpu_model_number = d->cpu_model;
	m->cpu_stepping = d->cpu_stepping;
	m->threads_per_core = d->threads_per_core;
	m->iommu = d->iommu;
}

void host_add_facts(const struct app *app, struct model_host *h)
{
	const struct model_host *m = &app->machine;

	memcpy(h->cpu_vendor, m->cpu_vendor, sizeof h->cpu_vendor);
	h->cpu_family = m->cpu_family;
	h->cpu_model_number = m->cpu_model_number;
	h->cpu_stepping = m->cpu_stepping;
	h->threads_per_core = m->threads_per_core;
	h->iommu = m->iommu;
	h->bios = m->bios;
	h->maintenance = app->maintenance.on;
}

/* ---- the end of a reading ---- */

static void end(struct reading *r)
{
	struct host_read_op *op = r->op;
	struct app *app = r->app;

	mu_list_remove(&op->link);
	op->priv = NULL;
	if (r->cancelled)
		(void)mu_error_set(&r->err, MU_E_CANCELLED, "reading was cancelled");
	op->err = r->err;
	if (op->err.code == MU_E_NONE && r->text.len > HOST_READ_TEXT_MAX)
		(void)mu_error_set(&op->err, MU_E_TOO_LARGE, "the host's %s have %zu bytes",
				   host_read_name(op->what.kind), r->text.len);
	if (op->err.code == MU_E_NONE)
		op->text = r->text;
	else
		mu_str_deinit(&r->text);
	mu_arena_free(r->arena);
	free(r);
	app->n_reads--;
	op->done(op);
	host_check_stopped(app);
}

static void end_soon(void *ctx)
{
	end(ctx);
}

/* ---- details ---- */

static int ask_driver(struct reading *r, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_host_details *d = mu_xcalloc(1, sizeof *d);
	MU_CLEANUP(mu_free)
	struct hv_cpupool *pools = mu_xcalloc(HV_CPUPOOLS_MAX, sizeof *pools);
	size_t n_pools;

	if (hv_host_details(r->app->hv, d, err) < 0 ||
	    hv_cpupools(r->app->hv, pools, HV_CPUPOOLS_MAX, &n_pools, err) < 0)
		return MU_FAILED;
	host_details_add(r->arena, r->document, d);
	mu_value_set(r->arena, r->document, "cpupools",
		     host_details_pools(r->arena, pools, n_pools));
	mu_value_set(r->arena, r->document, "bios",
		     host_details_bios(r->arena, &r->app->machine.bios));
	return 0;
}

/* Of the domains that a definition is known of: libxl would have to be asked for others, one by
 * one. */
static void note_usb_owners(struct reading *r)
{
	const struct vm_view *view = r->app->view;
	const struct vm_entry *e;
	size_t n = 0;

	for (size_t i = 0; (e = vm_view_next(view, &i));) {
		const struct vm_spec *spec = e->present ? vm_entry_built(e) : NULL;

		n += spec ? spec->config.n_usb_devices : 0;
	}
	r->usb_owners = mu_arena_calloc(r->arena, n + 1, sizeof *r->usb_owners);
	for (size_t i = 0; (e = vm_view_next(view, &i));) {
		const struct vm_spec *spec = e->present ? vm_entry_built(e) : NULL;

		for (size_t k = 0; spec && k < spec->config.n_usb_devices; k++) {
			const struct hv_usb_device *usb = &spec->config.usb_devices[k];

			r->usb_owners[r->n_usb_owners++] =
			    (struct host_usb_owner){usb->bus, usb->address, e->id};
		}
	}
}

static int add_usbs(struct reading *r, struct pci_names *names)
{
	MU_CLEANUP(mu_free) struct host_usb *usbs = NULL;
	size_t n = 0;

	if (host_usb_read(r->sysfs, names, &usbs, &n, &r->err) < 0)
		return MU_FAILED;
	host_usb_set_owners(usbs, n, r->usb_owners, r->n_usb_owners);
	mu_value_set(r->arena, r->document, "usbs", host_details_usbs(r->arena, usbs, n));
	return 0;
}

static void add_devices(struct reading *r)
{
	MU_CLEANUP(pci_names_free) struct pci_names *names = NULL;
	MU_CLEANUP(mu_free) struct host_pci *pcis = NULL;
	size_t n = 0;

	if (!r->sysfs) {
		mu_value_set(r->arena, r->document, "pcis", mu_value_list(r->arena));
		mu_value_set(r->arena, r->document, "usbs", mu_value_list(r->arena));
		mu_value_set(r->arena, r->document, "disks", mu_value_list(r->arena));
		return;
	}
	names = pci_names_new();
	if (host_pci_read(r->sysfs, names, &pcis, &n, &r->err) < 0)
		return;
	mu_value_set(r->arena, r->document, "pcis", host_details_pcis(r->arena, &r->host, pcis, n));
	if (add_usbs(r, names) < 0)
		return;
	mu_value_set(r->arena, r->document, "disks", host_disks_read(r->arena, r->sysfs, "/proc"));
}

static void run_details(struct mu_work *w)
{
	struct reading *r = MU_CONTAINER_OF(w, struct reading, work);

	add_devices(r);
	if (r->err.code == MU_E_NONE)
		mu_json_write(&r->text, r->document, false);
}

static void on_details(struct mu_work *w)
{
	end(MU_CONTAINER_OF(w, struct reading, work));
}

static void start_details(struct reading *r)
{
	r->arena = mu_arena_new();
	r->document = mu_value_object(r->arena);
	r->host = r->app->id;
	r->sysfs = r->app->sysfs;
	note_usb_owners(r);
	if (ask_driver(r, &r->err) < 0) {
		mu_loop_post(r->app->loop, end_soon, r);
		return;
	}
	r->work = (struct mu_work){.run = run_details, .done = on_details};
	mu_work_start(&r->work, r->app->loop);
}

/* ---- messages of the hypervisor ---- */

/* What Xen prints is ASCII; what it quotes (a command line) need not be. Tabs and ends of lines
 * stay. */
static void clean(struct mu_str *text)
{
	MU_CLEANUP(mu_free) char *dirty = mu_str_take(text);
	const char *p = dirty;

	while (*p) {
		size_t len = strcspn(p, "\n\t");
		MU_CLEANUP(mu_free) char *piece = mu_xmalloc(len + 1);

		mu_utf8_sanitize(piece, len, p, len);
		mu_str_add(text, piece);
		p += len;
		if (*p)
			mu_str_add_char(text, *p++);
	}
}

static void start_dmesg(struct reading *r)
{
	if (hv_dmesg(r->app->hv, &r->text, &r->err) == 0)
		clean(&r->text);
	mu_loop_post(r->app->loop, end_soon, r);
}

/* ---- the journal ---- */

static void on_journal(struct host_journal *j)
{
	struct reading *r = MU_CONTAINER_OF(j, struct reading, journal);

	r->err = j->err;
	r->text = j->text;
	end(r);
}

static void start_journal(struct reading *r)
{
	r->journal.what = r->op->what;
	r->journal.done = on_journal;
	host_journal_start(&r->journal, r->app->loop);
}

/* ---- a VM's definition ---- */

static void start_definition(struct reading *r)
{
	(void)define_text(r->app, &r->op->what.vm, &r->text, &r->err);
	mu_loop_post(r->app->loop, end_soon, r);
}

/* ---- */

static int admit(const struct app *app, const struct host_read *what, struct mu_error *err)
{
	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (app->n_reads > APP_HOST_READS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d readings of this host are under way; hint: try again "
				    "later",
				    APP_HOST_READS_MAX);
	return host_read_check(what, err);
}

void app_host_read(struct app *app, struct host_read_op *op)
{
	struct reading *r = mu_xcalloc(1, sizeof *r);

	r->app = app;
	r->op = op;
	op->priv = r;
	op->text = (struct mu_str)MU_STR_INIT;
	mu_error_clear(&op->err);
	mu_link_init(&op->link);
	mu_list_push_back(&app->reads, &op->link);
	app->n_reads++;
	if (admit(app, &op->what, &r->err) < 0) {
		mu_loop_post(app->loop, end_soon, r);
		return;
	}
	switch (op->what.kind) {
	case HOST_READ_DETAILS:
		start_details(r);
		return;
	case HOST_READ_DMESG:
		start_dmesg(r);
		return;
	case HOST_READ_JOURNAL:
	case HOST_READ_BOOTS:
		start_journal(r);
		return;
	case HOST_READ_DEFINITION:
		start_definition(r);
		return;
	case _HOST_READ_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}

void app_host_read_cancel(struct app *app, struct host_read_op *op)
{
	struct reading *r = op->priv;

	(void)app;
	if (!r || r->cancelled)
		return;
	r->cancelled = true;
	if (r->journal.done)
		host_journal_cancel(&r->journal);
}

void host_stop(struct app *app)
{
	mu_list_each(it, &app->reads)
	{
		app_host_read_cancel(app, MU_CONTAINER_OF(it, struct host_read_op, link));
	}
	app->host_stopping = true;
	pcis_stop(app);
	networks_stop(app);
	host_check_stopped(app);
}

void host_check_stopped(struct app *app)
{
	if (!app->host_stopping || app->pci_watch || app->network || app->n_reads)
		return;
	app->host_stopping = false;
	app_host_stopped(app);
}
