/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the driver to the view to the listeners. The driver's hints cause a listing at once. Two
 * slower beats find what came without a hint: `xl pause` and `xl unpause` raise no event of any
 * kind, so the domains are listed every few seconds (one hypercall); and once a minute the guests
 * are asked too, should a watch have been missed. Facts are kept here: who looks at them never asks
 * the driver.
 */
#include "agent/app/address.h"
#include "agent/app/app_priv.h"
#include "agent/app/disks.h"

#include "common/log/log.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_INTERVAL MU_SEC(5)
#define HEAL_INTERVAL MU_SEC(60)

static void on_look(void *ctx);
static void on_domains_changed(void *ctx);
static void on_guest_changed(struct hv_domid domid, void *ctx);

void facts_init(struct app *app)
{
	app->view = vm_view_new(&app->id);
	app->domains = mu_xcalloc(HV_DOMAINS_MAX, sizeof *app->domains);
	app->look = mu_timer_new(app->loop, on_look, app);
	app->watch = (struct hv_watch){
	    .domains_changed = on_domains_changed, .guest_changed = on_guest_changed, .ctx = app};
	address_find(app->address);
	model_host_init(&app->host);
	app->host.agent_started_at = mu_clock_wall();
}

void facts_deinit(struct app *app)
{
	app->look = mu_timer_free(app->look);
	app->view = vm_view_free(app->view);
	free(app->domains);
	app->domains = NULL;
}

/* The host */

static void refresh_host(struct app *app)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_host h;

	model_host_init(&h);
	if (hv_host_info(app->hv, &h, &err) < 0) {
		mu_log_warning("host facts not available err=\"%s\"", err.text);
		return;
	}
	host_add_facts(app, &h);
	h.id = app->id;
	if (*app->name)
		(void)snprintf(h.name, sizeof h.name, "%s", app->name);
	(void)snprintf(h.agent_version, sizeof h.agent_version, "%s", MUSTER_VERSION);
	(void)snprintf(h.boot_id, sizeof h.boot_id, "%s", app->boot_id);
	(void)snprintf(h.address, sizeof h.address, "%s", app->address);
	h.agent_started_at = app->host.agent_started_at;
	h.connected = true;
	if (model_host_equal(&h, &app->host))
		return;
	app->host = h;
	app_each_listener(it, app)
	{
		struct app_listener *l = MU_CONTAINER_OF(it, struct app_listener, link);

		if (l->host)
			l->host(l->ctx, &app->host);
	}
}

/* The VMs */

struct changes {
	struct app *app;
	size_t n;
	size_t cap;
	struct vm_id *ids;
};

static void tell_listeners(const struct vm_view_change *c, struct app *app)
{
	static const enum app_change whats[] = {[VM_VIEW_ADDED] = APP_ADDED,
						[VM_VIEW_CHANGED] = APP_UPDATED,
						[VM_VIEW_REMOVED] = APP_REMOVED};

	app_each_listener(it, app)
	{
		struct app_listener *l = MU_CONTAINER_OF(it, struct app_listener, link);

		if (l->vm)
			l->vm(l->ctx, whats[c->what], c->vm);
	}
}

static void vm_changed(const struct vm_view_change *c, void *arg)
{
	struct changes *all = arg;

	if (c->what != VM_VIEW_FACTS)
		tell_listeners(c, all->app);
	if (all->n == all->cap) {
		all->cap = all->cap ? 2 * all->cap : 16;
		all->ids = mu_xrealloc(all->ids, all->cap, sizeof *all->ids);
	}
	all->ids[all->n++] = c->vm->id;
}

void facts_publish(struct app *app)
{
	struct changes all = {.app = app};

	vm_view_refresh(app->view, vm_changed, &all);
	/* Now that the view is whole: queues may act on what they see. */
	for (size_t i = 0; i < all.n; i++)
		ops_facts(app, &all.ids[i]);
	free(all.ids);
	disks_look(app);
}

static void refresh_guest(struct app *app, struct hv_domid domid)
{
	struct mu_error err = MU_ERROR_INIT;
	struct vm_guest guest;

	memset(&guest, 0, sizeof guest);
	guest.memory_free_bytes = guest.memory_total_bytes = -1;
	if (hv_guest(app->hv, domid, &guest, &err) < 0)
		mu_log_debug("guest facts not available domid=%u err=\"%s\"", domid.value,
			     err.text);
	else
		vm_view_set_guest(app->view, domid, &guest);
}

static bool is_new(const struct app *app, const struct hv_domain *d)
{
	const struct vm_entry *e = vm_view_find(app->view, &d->id);

	return !e || !e->present || e->domain.domid.value != d->domid.value;
}

static void list(struct app *app, bool all_guests)
{
	struct mu_error err = MU_ERROR_INIT;
	bool *ask;
	size_t n;

	if (!app->hv) /* stopping */
		return;
	app->domains_known = hv_list(app->hv, app->domains, HV_DOMAINS_MAX, &n, &err) == 0;
	if (!app->domains_known) {
		mu_log_warning("domains cannot be listed, the last list stays err=\"%s\"",
			       err.text);
		return;
	}
	app->n_domains = n;
	ask = mu_xcalloc(n + 1, sizeof *ask);
	for (size_t i = 0; i < n; i++)
		ask[i] = !app->domains[i].dying && (all_guests || is_new(app, &app->domains[i]));
	vm_view_set_domains(app->view, app->domains, n);
	for (size_t i = 0; i < n; i++) {
		if (ask[i])
			refresh_guest(app, app->domains[i].domid);
	}
	free(ask);
	refresh_host(app);
	facts_publish(app);
	controller_look(app);
	pcis_look(app);
}

void facts_relist(struct app *app)
{
	list(app, false);
}

static void on_domains_changed(void *ctx)
{
	facts_relist(ctx);
}

static void on_guest_changed(struct hv_domid domid, void *ctx)
{
	struct app *app = ctx;

	refresh_guest(app, domid);
	facts_publish(app);
}

static void on_look(void *ctx)
{
	struct app *app = ctx;
	bool heal = mu_loop_now(app->loop) - app->healed_at >= HEAL_INTERVAL;

	if (heal) {
		app->healed_at = mu_loop_now(app->loop);
		address_find(app->address);
		networks_set_address(app);
	}
	list(app, heal);
	mu_timer_set(app->look, LOOK_INTERVAL);
}

void facts_start(struct app *app)
{
	app->healed_at = mu_loop_now(app->loop);
	mu_timer_set(app->look, LOOK_INTERVAL);
}

/* app.h */

const struct model_host *app_host(const struct app *app)
{
	return &app->host;
}

const struct model_vm *app_vm_next(const struct app *app, size_t *iter)
{
	const struct vm_entry *e;

	while ((e = vm_view_next(app->view, iter))) {
		if (e->published)
			return &e->model;
	}
	return NULL;
}

const struct model_vm *app_vm_find(const struct app *app, const struct vm_id *id)
{
	const struct vm_entry *e = vm_view_find(app->view, id);

	return e && e->published ? &e->model : NULL;
}

void app_listen(struct app *app, struct app_listener *listener)
{
	mu_link_init(&listener->link);
	mu_list_push_back(&app->listeners, &listener->link);
}

void app_unlisten(struct app_listener *listener)
{
	mu_list_remove(&listener->link);
}
