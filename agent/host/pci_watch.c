/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/pci_watch.h"

#include "agent/host/pci.h"
#include "common/loop/work.h"

#include <stdlib.h>
#include <string.h>

#define INTERVAL MU_SEC(60)

struct host_pci_watch {
	struct mu_loop *loop;
	const char *sysfs;
	struct host_id host;
	struct host_pci_listener listener;
	struct mu_timer *timer;
	struct mu_work work;
	bool reading;
	bool again; /* asked for while it was reading */
	/* the work's */
	struct pci_names *names;
	struct host_pci *fresh;
	size_t n_fresh;
	struct mu_error err;
	/* as told, by address */
	struct host_pci *told;
	size_t n_told;
	/* stopping */
	mu_loop_cb stopped;
	void *stopped_ctx;
};

static void read_now(void *ctx);
static void run_read(struct mu_work *work);
static void on_read(struct mu_work *work);

struct host_pci_watch *host_pci_watch_new(struct mu_loop *loop, const char *sysfs,
					  const struct host_id *host,
					  const struct host_pci_listener *listener)
{
	struct host_pci_watch *w = mu_xcalloc(1, sizeof *w);

	w->loop = loop;
	w->sysfs = sysfs;
	w->host = *host;
	w->listener = *listener;
	w->timer = mu_timer_new(loop, read_now, w);
	read_now(w);
	return w;
}

void host_pci_watch_look(struct host_pci_watch *w)
{
	if (w->reading)
		w->again = true;
	else
		read_now(w);
}

static void read_now(void *ctx)
{
	struct host_pci_watch *w = ctx;

	mu_timer_cancel(w->timer);
	w->reading = true;
	w->again = false;
	w->work = (struct mu_work){.run = run_read, .done = on_read};
	mu_work_start(&w->work, w->loop);
}

static void run_read(struct mu_work *work)
{
	struct host_pci_watch *w = MU_CONTAINER_OF(work, struct host_pci_watch, work);

	if (!w->names)
		w->names = pci_names_new();
	mu_error_clear(&w->err);
	(void)host_pci_read(w->sysfs, w->names, &w->fresh, &w->n_fresh, &w->err);
}

static bool is_same(const struct host_pci *a, const struct host_pci *b)
{
	return strcmp(a->pci.driver, b->pci.driver) == 0 && a->vendor == b->vendor &&
	       a->device == b->device && a->class_code == b->class_code &&
	       strcmp(a->pci.device_name, b->pci.device_name) == 0;
}

static void tell_set(const struct host_pci_watch *w, const struct host_pci *p)
{
	struct model_object o;

	host_pci_object(p, &w->host, &o);
	w->listener.set(w->listener.ctx, &o);
}

static void tell_removed(const struct host_pci_watch *w, const struct host_pci *p)
{
	struct mu_uuid id = object_pci_id(&w->host, p->pci.address);

	w->listener.removed(w->listener.ctx, &id);
}

/* Both lists are in the order of addresses. */
static void compare(const struct host_pci_watch *w)
{
	size_t old = 0, new = 0;

	while (old < w->n_told || new < w->n_fresh) {
		int order = old == w->n_told ? 1
			    : new == w->n_fresh
				? -1
				: strcmp(w->told[old].pci.address, w->fresh[new].pci.address);

		if (order < 0) {
			tell_removed(w, &w->told[old++]);
			continue;
		}
		if (order > 0 || !is_same(&w->told[old], &w->fresh[new]))
			tell_set(w, &w->fresh[new]);
		old += order == 0;
		new ++;
	}
}

static void free_now(struct host_pci_watch *w)
{
	mu_loop_cb stopped = w->stopped;
	void *ctx = w->stopped_ctx;

	pci_names_free(w->names);
	mu_timer_free(w->timer);
	free(w->told);
	free(w->fresh);
	free(w);
	stopped(ctx);
}

static void on_read(struct mu_work *work)
{
	struct host_pci_watch *w = MU_CONTAINER_OF(work, struct host_pci_watch, work);

	w->reading = false;
	if (w->stopped) {
		free_now(w);
		return;
	}
	if (w->err.code != MU_E_NONE) {
		w->listener.failed(w->listener.ctx, &w->err);
	} else {
		compare(w);
		free(w->told);
		w->told = MU_TAKE(w->fresh);
		w->n_told = w->n_fresh;
	}
	mu_timer_set(w->timer, w->again ? 0 : INTERVAL);
}

static void stop_now(void *ctx)
{
	free_now(ctx);
}

void host_pci_watch_stop(struct host_pci_watch *w, mu_loop_cb done, void *ctx)
{
	w->stopped = done;
	w->stopped_ctx = ctx;
	mu_timer_cancel(w->timer);
	if (!w->reading)
		mu_loop_post(w->loop, stop_now, w);
}
