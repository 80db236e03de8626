/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry per domain that was reported within the last second. A hint for a domain without an
 * entry is passed on in the next turn of the loop; later ones wait until its second is over.
 */
#include "agent/hv/hv_watch.h"

#include <stdlib.h>

#define GUEST_INTERVAL MU_SEC(1)

struct guest_entry {
	struct hv_domid domid;
	mu_msec not_before; /* of the next hint passed on */
	bool pending;
};

struct hv_watcher {
	struct mu_loop *loop;
	struct mu_timer *timer;
	struct hv_watch driver; /* what the driver calls */
	struct hv_watch user;
	bool active;
	bool domains_pending;
	size_t n_guests;
	size_t guests_cap;
	struct guest_entry *guests;
};

static void rearm(struct hv_watcher *w)
{
	mu_msec now = mu_loop_now(w->loop);
	mu_msec at = w->domains_pending ? now : MU_MSEC_NEVER;

	for (size_t i = 0; i < w->n_guests; i++) {
		if (w->guests[i].pending && w->guests[i].not_before < at)
			at = w->guests[i].not_before;
	}
	if (at == MU_MSEC_NEVER)
		mu_timer_cancel(w->timer);
	else
		mu_timer_set(w->timer, at > now ? at - now : 0);
}

static void on_domains_changed(void *ctx)
{
	struct hv_watcher *w = ctx;

	if (!w->active || w->domains_pending)
		return;
	w->domains_pending = true;
	rearm(w);
}

static void forget_old_guests(struct hv_watcher *w, mu_msec now)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_guests; i++) {
		if (w->guests[i].pending || w->guests[i].not_before > now)
			w->guests[n++] = w->guests[i];
	}
	w->n_guests = n;
}

static void on_guest_changed(struct hv_domid domid, void *ctx)
{
	struct hv_watcher *w = ctx;
	mu_msec now = mu_loop_now(w->loop);

	if (!w->active)
		return;
	for (size_t i = 0; i < w->n_guests; i++) {
		if (w->guests[i].domid.value == domid.value) {
			w->guests[i].pending = true;
			rearm(w);
			return;
		}
	}
	forget_old_guests(w, now);
	if (w->n_guests == w->guests_cap) {
		w->guests_cap = w->guests_cap ? 2 * w->guests_cap : 16;
		w->guests = mu_xrealloc(w->guests, w->guests_cap, sizeof *w->guests);
	}
	w->guests[w->n_guests++] =
	    (struct guest_entry){.domid = domid, .not_before = now, .pending = true};
	rearm(w);
}

/* The user's callbacks may report, set or stop the watch again. */
static void on_timer(void *ctx)
{
	struct hv_watcher *w = ctx;
	mu_msec now = mu_loop_now(w->loop);

	if (w->domains_pending) {
		w->domains_pending = false;
		if (w->user.domains_changed)
			w->user.domains_changed(w->user.ctx);
	}
	for (size_t i = 0; w->active && i < w->n_guests; i++) {
		struct guest_entry *g = &w->guests[i];
		struct hv_domid domid = g->domid;

		if (!g->pending || g->not_before > now)
			continue;
		g->pending = false;
		g->not_before = now + GUEST_INTERVAL;
		if (w->user.guest_changed)
			w->user.guest_changed(domid, w->user.ctx);
	}
	rearm(w);
}

struct hv_watcher *hv_watcher_new(struct mu_loop *loop)
{
	struct hv_watcher *w = mu_xcalloc(1, sizeof *w);

	w->loop = loop;
	w->timer = mu_timer_new(loop, on_timer, w);
	w->driver = (struct hv_watch){on_domains_changed, on_guest_changed, w};
	return w;
}

struct hv_watcher *hv_watcher_free(struct hv_watcher *w)
{
	if (!w)
		return NULL;
	mu_timer_free(w->timer);
	free(w->guests);
	free(w);
	return NULL;
}

const struct hv_watch *hv_watcher_set(struct hv_watcher *w, const struct hv_watch *user)
{
	w->active = user != NULL;
	if (user) {
		w->user = *user;
		return &w->driver;
	}
	w->domains_pending = false;
	w->n_guests = 0;
	mu_timer_cancel(w->timer);
	return NULL;
}
