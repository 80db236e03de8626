/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four sources of news, none of them polled:
 *
 *     @introduceDomain, @releaseDomain   a domain came, stopped or went: list all, compare
 *     /local/domain/N                    one watch per domain: its name, its guest's facts; of
 *                                        dom0, where all backends are, its memory alone
 *     /local/pool                        CPU pools: their names
 *     /var/lib/xen (inotify)             libxl records a configuration when a domain is complete;
 *                                        no xenstore event tells that
 *
 * The second one is in the guest's hand: it may write thousands of times a second. So an event
 * only marks the domain, and it is read after a short pause, at most once a second. A guest that
 * keeps writing is not even listened to for a while (FLOOD_*).
 *
 * A domain's facts are read into a fresh struct and compared as a whole with what was told last;
 * only news goes to the loop thread.
 */
#include "agent/hv/xen/xen_store.h"

#include "agent/hv/xen/xen_convert.h"
#include "agent/hv/xen/xen_log.h"
#include "agent/hv/xen/xen_thread.h"
#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <xenctrl.h>
#include <xenstore.h>

#define READ_PAUSE 50            /* ms from the first event to reading */
#define READ_INTERVAL MU_SEC(1)  /* between two readings of one domain */
#define FLOOD_INTERVAL MU_SEC(1) /* more than FLOOD_EVENTS in that time: */
#define FLOOD_DEAF MU_SEC(10)    /* do not listen for so long */
#define POOL_TOKEN "pools"

enum {
	FLOOD_EVENTS = 1000,
	EVENTS_PER_TURN = 512,
	INFO_CHUNK = 256,
	PATH_BYTES = 384,
	TOKEN_BYTES = 24,
};

struct watched {
	struct mu_link link;
	struct xen_store *store;
	struct xen_facts facts; /* as told */
	struct mu_timer *timer;
	mu_msec read_at; /* monotonic */
	bool marked;     /* by an event since */
	bool told;
	bool seen; /* scratch of a rescan */
	bool deaf;
	mu_msec window_start;
	unsigned n_events; /* in the window */
};

struct xen_store {
	struct xen_store_listener listener;
	struct xen_thread thread;
	struct xen_log *log;
	struct xs_handle *xs;
	xc_interface *xch;
	struct mu_link domains;
	uv_poll_t poll;
	uv_fs_event_t files;
	bool started;
	/* loop thread */
	bool stopped;
	mu_loop_cb done;
	void *done_ctx;
};

/* ---- telling ---- */

struct news {
	struct xen_store *store;
	struct xen_facts facts;
	bool domain_news;
	bool guest_news;
};

static void deliver(void *ctx)
{
	struct news *n = ctx;
	struct xen_store *s = n->store;

	if (!s->stopped)
		s->listener.facts(s->listener.ctx, &n->facts, n->domain_news, n->guest_news);
	free(n);
}

static void tell(struct xen_store *s, const struct xen_facts *facts, bool domain_news,
		 bool guest_news)
{
	struct news *n = mu_xmalloc(sizeof *n);

	*n = (struct news){s, *facts, domain_news, guest_news};
	if (s->started)
		mu_loop_post_from_thread(s->thread.home, deliver, n);
	else
		deliver(n);
}

static void deliver_domains(void *ctx)
{
	struct xen_store *s = ctx;

	if (!s->stopped)
		s->listener.domains(s->listener.ctx);
}

static void tell_domains(struct xen_store *s)
{
	if (!s->started)
		return;
	mu_loop_post_from_thread(s->thread.home, deliver_domains, s);
}

struct pool_news {
	struct xen_store *store;
	struct xen_cpupool_names names;
};

static void deliver_pools(void *ctx)
{
	struct pool_news *n = ctx;
	struct xen_store *s = n->store;

	if (!s->stopped)
		s->listener.pools(s->listener.ctx, &n->names);
	free(n);
}

static void tell_pools(struct xen_store *s)
{
	struct pool_news *n = mu_xmalloc(sizeof *n);

	n->store = s;
	xen_cpupool_names_read(s->xs, &n->names);
	if (s->started)
		mu_loop_post_from_thread(s->thread.home, deliver_pools, n);
	else
		deliver_pools(n);
}

/* ---- reading ---- */

static bool same_domain(const struct xen_facts *a, const struct xen_facts *b)
{
	return mu_str_equal(a->name, b->name) && a->type_known == b->type_known &&
	       a->type == b->type && a->complete == b->complete && a->ours == b->ours &&
	       a->created_at == b->created_at && a->memory_static_bytes == b->memory_static_bytes;
}

static void read_again(struct watched *w)
{
	struct xen_store *s = w->store;
	struct xen_facts fresh;
	bool domain_news, guest_news;

	w->marked = false;
	w->read_at = mu_clock_monotonic();
	xen_facts_read(s->xs, w->facts.domid, &w->facts.id, &fresh);
	if (w->told && memcmp(&fresh, &w->facts, sizeof fresh) == 0)
		return;
	if (w->facts.name[0] != '\0' && fresh.name[0] == '\0')
		return; /* being torn down: what we know of it stays until it is gone */
	domain_news = !w->told || !same_domain(&fresh, &w->facts);
	guest_news = !w->told || memcmp(&fresh.guest, &w->facts.guest, sizeof fresh.guest) != 0;
	/* Not by assignment: the padding has to stay comparable. */
	memcpy(&w->facts, &fresh, sizeof fresh);
	w->told = true;
	tell(s, &fresh, domain_news, guest_news);
}

/* ---- one domain's events ---- */

static void domain_paths(const struct watched *w, char path[static PATH_BYTES],
			 char token[static TOKEN_BYTES])
{
	(void)snprintf(path, PATH_BYTES, "/local/domain/%" PRIu32 "%s", w->facts.domid.value,
		       w->facts.domid.value ? "" : "/memory");
	(void)snprintf(token, TOKEN_BYTES, "%" PRIu32, w->facts.domid.value);
}

static void listen_to(struct watched *w, bool on)
{
	char path[PATH_BYTES], token[TOKEN_BYTES];

	domain_paths(w, path, token);
	if (on)
		(void)xs_watch(w->store->xs, path, token); /* fires at once */
	else
		(void)xs_unwatch(w->store->xs, path, token);
	w->deaf = !on;
}

static void on_read_timer(void *ctx)
{
	struct watched *w = ctx;

	if (w->deaf)
		listen_to(w, true);
	read_again(w);
}

static void mark(struct watched *w)
{
	mu_msec now = mu_clock_monotonic();
	mu_msec next = w->told ? w->read_at + READ_INTERVAL : now;

	if (w->deaf)
		return;
	if (now - w->window_start > FLOOD_INTERVAL) {
		w->window_start = now;
		w->n_events = 0;
	}
	if (++w->n_events > FLOOD_EVENTS) {
		mu_log_warning("guest floods xenstore, not listening domid=%" PRIu32 " seconds=%d",
			       w->facts.domid.value, (int)(FLOOD_DEAF / 1000));
		listen_to(w, false);
		mu_timer_set(w->timer, FLOOD_DEAF);
		w->marked = true;
		return;
	}
	if (w->marked)
		return;
	w->marked = true;
	mu_timer_set(w->timer, next > now + READ_PAUSE ? next - now : READ_PAUSE);
}

/* ---- the set of domains ---- */

static struct watched *watched_find(struct xen_store *s, uint32_t domid)
{
	mu_list_each(it, &s->domains)
	{
		struct watched *w = MU_CONTAINER_OF(it, struct watched, link);

		if (w->facts.domid.value == domid)
			return w;
	}
	return NULL;
}

static void watched_free(struct watched *w)
{
	mu_list_remove(&w->link);
	w->timer = mu_timer_free(w->timer);
	free(w);
}

static void domain_went(struct watched *w)
{
	struct xen_facts gone = {.domid = w->facts.domid, .id = w->facts.id, .gone = true};

	if (!w->deaf)
		listen_to(w, false);
	tell(w->store, &gone, true, false);
	watched_free(w);
}

static struct watched *domain_came(struct xen_store *s, const struct hv_domain *d)
{
	struct watched *w = mu_xcalloc(1, sizeof *w);

	w->store = s;
	w->facts.domid = d->domid;
	w->facts.id = d->id;
	w->timer = mu_timer_new(s->thread.loop, on_read_timer, w);
	mu_list_push_back(&s->domains, &w->link);
	listen_to(w, true);
	read_again(w);
	return w;
}

static void domain_seen(struct xen_store *s, const xc_domaininfo_t *info)
{
	struct watched *w = watched_find(s, info->domain);
	struct hv_domain d;

	if (info->flags & XEN_DOMINF_xs_domain)
		return;
	xen_domain_from_info(info, &d);
	if (w && !mu_uuid_equal(&w->facts.id.uuid, &d.id.uuid)) {
		domain_went(w); /* the number is used again */
		w = NULL;
	}
	if (!w)
		w = domain_came(s, &d);
	else if (!d.dying && !w->facts.complete)
		read_again(w);
	w->seen = true;
}

static void rescan(struct xen_store *s)
{
	static const size_t max = HV_DOMAINS_MAX;
	MU_CLEANUP(mu_free) xc_domaininfo_t *infos = mu_xcalloc(INFO_CHUNK, sizeof *infos);
	uint32_t first = 0;
	size_t n_seen = 0;
	int n;

	mu_list_each(it, &s->domains) MU_CONTAINER_OF(it, struct watched, link)->seen = false;
	do {
		n = xc_domain_getinfolist(s->xch, first, INFO_CHUNK, infos);
		if (n < 0) {
			mu_log_warning("cannot list domains errno=%d", errno);
			return;
		}
		for (int i = 0; i < n && n_seen < max; i++, n_seen++)
			domain_seen(s, &infos[i]);
		if (n > 0)
			first = infos[n - 1].domain + 1u;
	} while (n == INFO_CHUNK && n_seen < max);
	mu_list_each(it, &s->domains)
	{
		struct watched *w = MU_CONTAINER_OF(it, struct watched, link);

		if (!w->seen)
			domain_went(w);
	}
	tell_domains(s);
}

struct sync {
	struct xen_store *store;
	struct hv_domid domid;
	mu_loop_cb cb;
	void *ctx;
};

static void run_sync(void *ctx)
{
	struct sync *sync = ctx;
	struct watched *w;

	rescan(sync->store);
	w = watched_find(sync->store, sync->domid.value);
	if (w)
		read_again(w);
	mu_loop_post_from_thread(sync->store->thread.home, sync->cb, sync->ctx);
	free(sync);
}

void xen_store_sync(struct xen_store *s, struct hv_domid domid, mu_loop_cb cb, void *ctx)
{
	struct sync *sync = mu_xmalloc(sizeof *sync);

	*sync = (struct sync){s, domid, cb, ctx};
	xen_thread_post(&s->thread, run_sync, sync);
}

struct withdraw {
	struct xen_store *store;
	struct hv_domid domid;
};

/* The guest answers a request by emptying it; only one that stands there unread is taken back. */
static void run_withdraw(void *ctx)
{
	struct withdraw *w = ctx;
	struct xs_handle *xs = w->store->xs;
	MU_CLEANUP(mu_free) char *request = NULL;
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, "/local/domain/%" PRIu32 "/control/shutdown",
		       w->domid.value);
	request = xs_read(xs, XBT_NULL, path, NULL);
	if (mu_str_equal(request, "poweroff") || mu_str_equal(request, "reboot"))
		(void)xs_write(xs, XBT_NULL, path, "", 0);
	free(w);
}

void xen_store_withdraw(struct xen_store *s, struct hv_domid domid)
{
	struct withdraw *w = mu_xmalloc(sizeof *w);

	*w = (struct withdraw){s, domid};
	xen_thread_post(&s->thread, run_withdraw, w);
}

/* ---- PCI devices ---- */

#define PCI_TOKEN "pci"

struct pci_news {
	struct xen_store *store;
	struct xen_pci_owners *owners;
};

static void deliver_owners(void *ctx)
{
	struct pci_news *n = ctx;
	struct xen_store *s = n->store;

	if (s->stopped)
		xen_pci_owners_free(n->owners);
	else
		s->listener.pci_owners(s->listener.ctx, n->owners);
	free(n);
}

static void read_owners(struct xen_store *s)
{
	unsigned n_names = 0;
	MU_CLEANUP(mu_free) char **names = xs_directory(s->xs, XBT_NULL, XEN_PCI_NOTES, &n_names);
	struct pci_news *news = mu_xmalloc(sizeof *news);

	*news = (struct pci_news){s, xen_pci_owners_new()};
	for (unsigned i = 0; names && i < n_names; i++) {
		MU_CLEANUP(mu_free) char *domid = NULL;
		char path[PATH_BYTES];
		uint64_t number;

		(void)snprintf(path, sizeof path, XEN_PCI_NOTES "/%s/domid", names[i]);
		domid = xs_read(s->xs, XBT_NULL, path, NULL);
		if (domid && mu_parse_u64(domid, &number) && number <= UINT32_MAX)
			xen_pci_owners_add(news->owners, names[i], (uint32_t)number);
	}
	mu_loop_post_from_thread(s->thread.home, deliver_owners, news);
}

/* ---- events ---- */

/* libxenstore closes its pipe when the connection breaks: readable for ever, and nothing to read.
 */
static void check_connection(struct xen_store *s)
{
	struct pollfd now = {.fd = xs_fileno(s->xs), .events = POLLIN};

	if (poll(&now, 1, 0) <= 0 || !(now.revents & (POLLHUP | POLLERR | POLLNVAL)))
		return;
	mu_log_error("connection to xenstored is lost, changes are not seen any more: restart the "
		     "agent");
	(void)uv_poll_stop(&s->poll);
}

static void on_xenstore(uv_poll_t *handle, int status, int events)
{
	struct xen_store *s = handle->data;
	bool domains_changed = false, pools_changed = false, pci_changed = false;

	(void)status, (void)events;
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		MU_CLEANUP(mu_free) char **event = xs_check_watch(s->xs);
		struct watched *w;
		uint64_t domid;

		if (!event) {
			if (i == 0)
				check_connection(s);
			break;
		}
		if (mu_str_equal(event[XS_WATCH_TOKEN], PCI_TOKEN)) {
			pci_changed = true;
			continue;
		}
		if (!mu_parse_u64(event[XS_WATCH_TOKEN], &domid)) {
			if (mu_str_equal(event[XS_WATCH_TOKEN], POOL_TOKEN))
				pools_changed = true;
			else
				domains_changed = true; /* "@" */
			continue;
		}
		w = domid <= UINT32_MAX ? watched_find(s, (uint32_t)domid) : NULL;
		if (w)
			mark(w);
	}
	if (domains_changed)
		rescan(s);
	if (pools_changed)
		tell_pools(s);
	if (pci_changed)
		read_owners(s);
}

/* "userdata-d.5.<uuid>.libxl-json" was moved to its place. */
static void on_file(uv_fs_event_t *handle, const char *filename, int events, int status)
{
	static const char prefix[] = "userdata-d.";
	struct xen_store *s = handle->data;
	struct watched *w;
	unsigned long domid;

	(void)events;
	if (status < 0 || !filename || !mu_str_has_prefix(filename, prefix))
		return;
	domid = strtoul(filename + sizeof prefix - 1, NULL, 10);
	w = domid <= UINT32_MAX ? watched_find(s, (uint32_t)domid) : NULL;
	if (w && !w->facts.complete)
		read_again(w);
}

/* ---- life ---- */

static struct xen_store *store_discard(struct xen_store *s)
{
	if (s->xch)
		(void)xc_interface_close(s->xch);
	xs_close(s->xs);
	xen_log_free(s->log);
	xen_thread_deinit(&s->thread);
	free(s);
	return NULL;
}

static int store_connect(struct xen_store *s, struct mu_error *err)
{
	s->xs = xs_open(0);
	if (!s->xs)
		return mu_error_errno(err, errno,
				      "cannot connect to xenstored; hint: is xenstored running? "
				      "systemctl status xenstored");
	s->xch = xc_interface_open(xen_log_logger(s->log), xen_log_logger(s->log), 0);
	if (!s->xch)
		return mu_error_errno(err, errno, "cannot open the hypervisor's interface");
	/* Both have the token "@", which is no number. */
	if (!xs_watch(s->xs, "@introduceDomain", "@") || !xs_watch(s->xs, "@releaseDomain", "@"))
		return mu_error_errno(err, errno, "cannot watch for domains in xenstore");
	if (!xs_watch(s->xs, XEN_CPUPOOL_DIR, POOL_TOKEN))
		return mu_error_errno(err, errno, "cannot watch for CPU pools in xenstore");
	if (!xs_watch(s->xs, XEN_PCI_NOTES, PCI_TOKEN)) /* fires at once */
		return mu_error_errno(err, errno, "cannot watch for PCI devices in xenstore");
	return 0;
}

static void watch_files(struct xen_store *s)
{
	int rc = uv_fs_event_start(&s->files, on_file, XEN_LIBXL_DIR, 0);

	if (rc != 0)
		mu_log_warning("cannot watch " XEN_LIBXL_DIR " err=\"%s\"", uv_strerror(rc));
}

int xen_store_new(struct mu_loop *home, const struct xen_store_listener *listener,
		  struct xen_store **ret, struct mu_error *err)
{
	struct xen_store *s = mu_xcalloc(1, sizeof *s);
	uv_loop_t *uv;

	s->listener = *listener;
	s->log = xen_log_new();
	mu_link_init(&s->domains);
	xen_thread_init(&s->thread, home);
	if (store_connect(s, err) < 0) {
		store_discard(s);
		return MU_FAILED;
	}
	uv = mu_loop_uv(s->thread.loop);
	mu_assert(uv_poll_init(uv, &s->poll, xs_fileno(s->xs)) == 0);
	mu_assert(uv_fs_event_init(uv, &s->files) == 0);
	s->poll.data = s->files.data = s;
	mu_assert(uv_poll_start(&s->poll, UV_READABLE, on_xenstore) == 0);
	watch_files(s);
	rescan(s);
	tell_pools(s);
	*ret = s;
	return 0;
}

int xen_store_start(struct xen_store *s, struct mu_error *err)
{
	s->started = true;
	if (xen_thread_start(&s->thread, "muster-store", err) < 0) {
		s->started = false;
		return MU_FAILED;
	}
	return 0;
}

static void close_all(void *ctx)
{
	struct xen_store *s = ctx;

	mu_list_each(it, &s->domains) watched_free(MU_CONTAINER_OF(it, struct watched, link));
	uv_close((uv_handle_t *)&s->poll, NULL);
	uv_close((uv_handle_t *)&s->files, NULL);
}

static void on_ended(void *ctx)
{
	struct xen_store *s = ctx;
	mu_loop_cb done = s->done;
	void *done_ctx = s->done_ctx;

	store_discard(s);
	done(done_ctx);
}

void xen_store_free(struct xen_store *s, mu_loop_cb done, void *ctx)
{
	s->stopped = true;
	s->done = done;
	s->done_ctx = ctx;
	xen_thread_stop(&s->thread, close_all, on_ended, s);
}
