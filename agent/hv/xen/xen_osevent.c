/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl may register one descriptor several times, libuv has one uv_poll per descriptor: so a
 * watched descriptor (struct fd_watch) carries the merged mask, and its registrations (struct
 * fd_reg) are asked one by one.
 *
 * Rules kept here (libxl_event.h):
 * - A hook only notes and (re)arms; it never calls back into libxl. The occurrence calls are made
 *   from libuv's callbacks, which never run inside libxl.
 * - Any occurrence call may add, change or remove any registration, also of the same descriptor,
 *   so after each call the list is searched anew for one that still has something pending.
 * - What happened is asked with poll() at that moment: libuv folds POLLHUP into "readable", and
 *   libxl's bootloader console must be able to tell them apart.
 * - uv_poll_init() makes a descriptor non-blocking. libxl reads its save helper's pipe as a
 * blocking one and takes EAGAIN for the helper's death, so the flags are put back.
 * - Regular files (a save file) cannot be polled by epoll; poll(2) calls them always ready, and so
 *   do we, with an idle handle while libxl is interested.
 * - libxl gives timeouts as wall-clock moments: the span to it is computed once, then the clock
 *   may jump. Before a timeout occurs its registration is gone for libxl, so it is unlinked first.
 * - A libxl call that kept the thread for seconds makes other operations' timeouts late. What they
 *   wait for may have come meanwhile, and libuv runs timers before I/O: so a late timeout lets the
 *   descriptors go first (DEFER_MS), else libxl would give up on what is there.
 * - SIGCHLD: libuv's signal handles are shared fairly, and libxl reaps only its own children.
 */
#include "agent/hv/xen/xen_osevent.h"

#include "common/base/assert.h"
#include "common/base/list.h"

#include <fcntl.h>
#include <libxl_event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

enum { LATE_MS = 200, DEFER_MS = 500 };

struct xen_osevent {
	libxl_ctx *ctx; /* NULL: freed, nothing may be called any more */
	uv_loop_t *uv;
	struct mu_link fds;
	struct mu_link timeouts;
	uv_signal_t sigchld;
};

struct fd_watch {
	struct mu_link link; /* xen_osevent.fds; in no list: closing */
	struct mu_link regs;
	struct xen_osevent *owner;
	int fd;
	bool is_file;
	union {
		uv_handle_t handle;
		uv_poll_t poll;
		uv_idle_t idle;
	} uv;
};

struct fd_reg {
	struct mu_link link; /* fd_watch.regs */
	struct fd_watch *watch;
	void *for_libxl;
	short events;
	short pending;
};

struct timeout {
	struct mu_link link; /* xen_osevent.timeouts; in no list: over */
	struct xen_osevent *owner;
	void *for_libxl;
	uint64_t due; /* on the loop's clock */
	bool deferred;
	uv_timer_t uv;
};

/* File descriptors */

static short merged_events(const struct fd_watch *w)
{
	short events = 0;

	mu_list_each(it, &w->regs) events =
	    (short)(events | MU_CONTAINER_OF(it, struct fd_reg, link)->events);
	return events;
}

static struct fd_reg *first_pending(const struct fd_watch *w)
{
	mu_list_each(it, &w->regs)
	{
		struct fd_reg *reg = MU_CONTAINER_OF(it, struct fd_reg, link);

		if (reg->pending)
			return reg;
	}
	return NULL;
}

static void rearm(struct fd_watch *w);

static void fd_occurred(struct fd_watch *w)
{
	struct xen_osevent *e = w->owner;
	struct pollfd now = {.fd = w->fd, .events = merged_events(w)};
	struct fd_reg *reg;

	if (poll(&now, 1, 0) <= 0)
		return;
	mu_list_each(it, &w->regs)
	{
		reg = MU_CONTAINER_OF(it, struct fd_reg, link);
		reg->pending = (short)(now.revents & (reg->events | POLLERR | POLLHUP | POLLNVAL));
		if (!reg->events)
			reg->pending = 0;
	}
	/* `w` outlives this: it is freed by the loop after it was closed. */
	while ((reg = first_pending(w))) {
		short revents = reg->pending;

		reg->pending = 0;
		libxl_osevent_occurred_fd(e->ctx, reg->for_libxl, w->fd, reg->events, revents);
	}
}

static void on_poll(uv_poll_t *poll_handle, int status, int events)
{
	struct fd_watch *w = poll_handle->data;

	(void)events;
	fd_occurred(w);
	/* libuv stops a handle that has an error. */
	if (status < 0 && !mu_list_empty(&w->link))
		rearm(w);
}

static void on_idle(uv_idle_t *idle)
{
	fd_occurred(idle->data);
}

static void rearm(struct fd_watch *w)
{
	short events = merged_events(w);
	int want = 0;

	if (w->is_file) {
		(void)(events ? uv_idle_start(&w->uv.idle, on_idle) : uv_idle_stop(&w->uv.idle));
		return;
	}
	want |= events & POLLIN ? UV_READABLE : 0;
	want |= events & POLLOUT ? UV_WRITABLE : 0;
	want |= events & POLLPRI ? UV_PRIORITIZED : 0;
	if (want)
		(void)uv_poll_start(&w->uv.poll, want, on_poll);
	else
		(void)uv_poll_stop(&w->uv.poll);
}

static struct fd_watch *watch_find(struct xen_osevent *e, int fd)
{
	mu_list_each(it, &e->fds)
	{
		struct fd_watch *w = MU_CONTAINER_OF(it, struct fd_watch, link);

		if (w->fd == fd)
			return w;
	}
	return NULL;
}

static struct fd_watch *watch_new(struct xen_osevent *e, int fd)
{
	struct fd_watch *w = mu_xcalloc(1, sizeof *w);
	int flags = fcntl(fd, F_GETFL);
	int rc = uv_poll_init(e->uv, &w->uv.poll, fd);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags);
	if (rc == UV_EPERM) {
		w->is_file = true;
		rc = uv_idle_init(e->uv, &w->uv.idle);
	}
	if (rc != 0) {
		free(w);
		return NULL;
	}
	w->uv.handle.data = w;
	w->owner = e;
	w->fd = fd;
	mu_link_init(&w->regs);
	mu_list_push_back(&e->fds, &w->link);
	return w;
}

static void free_closed_watch(uv_handle_t *h)
{
	free(h->data);
}

static void watch_close(struct fd_watch *w)
{
	mu_list_remove(&w->link);
	uv_close(&w->uv.handle, free_closed_watch);
}

static int hook_fd_register(void *user, int fd, void **ret_reg, short events, void *for_libxl)
{
	struct xen_osevent *e = user;
	struct fd_watch *w = watch_find(e, fd);
	struct fd_reg *reg;

	if (!w)
		w = watch_new(e, fd);
	if (!w)
		return ERROR_OSEVENT_REG_FAIL;
	reg = mu_xcalloc(1, sizeof *reg);
	reg->watch = w;
	reg->for_libxl = for_libxl;
	reg->events = events;
	mu_list_push_back(&w->regs, &reg->link);
	rearm(w);
	*ret_reg = reg;
	return 0;
}

static int hook_fd_modify(void *user, int fd, void **reg_update, short events)
{
	struct fd_reg *reg = *reg_update;

	(void)user, (void)fd;
	reg->events = events;
	reg->pending = (short)(reg->pending & events);
	rearm(reg->watch);
	return 0;
}

static void hook_fd_deregister(void *user, int fd, void *for_app)
{
	struct fd_reg *reg = for_app;
	struct fd_watch *w = reg->watch;

	(void)user, (void)fd;
	mu_list_remove(&reg->link);
	free(reg);
	if (mu_list_empty(&w->regs))
		watch_close(w);
	else
		rearm(w);
}

/* Timeouts */

static void free_closed_timeout(uv_handle_t *h)
{
	free(h->data);
}

static void timeout_close(struct timeout *t)
{
	mu_list_remove(&t->link);
	uv_close((uv_handle_t *)&t->uv, free_closed_timeout);
}

static void on_timeout(uv_timer_t *timer)
{
	struct timeout *t = timer->data;
	struct xen_osevent *e = t->owner;
	void *for_libxl = t->for_libxl;

	if (!t->deferred && uv_now(e->uv) > t->due + LATE_MS) {
		t->deferred = true;
		(void)uv_timer_start(&t->uv, on_timeout, DEFER_MS, 0);
		return;
	}
	timeout_close(t);
	libxl_osevent_occurred_timeout(e->ctx, for_libxl);
}

static uint64_t ms_until(struct timeval when)
{
	struct timeval now;
	int64_t ms;

	(void)gettimeofday(&now, NULL);
	ms = (int64_t)(when.tv_sec - now.tv_sec) * 1000 + (when.tv_usec - now.tv_usec + 999) / 1000;
	return ms > 0 ? (uint64_t)ms : 0;
}

static void timeout_arm(struct timeout *t, uint64_t ms)
{
	uv_update_time(t->owner->uv); /* libxl may have taken seconds since the loop looked */
	t->due = uv_now(t->owner->uv) + ms;
	(void)uv_timer_start(&t->uv, on_timeout, ms, 0);
}

static int hook_timeout_register(void *user, void **ret_reg, struct timeval when, void *for_libxl)
{
	struct xen_osevent *e = user;
	struct timeout *t = mu_xcalloc(1, sizeof *t);

	t->owner = e;
	t->for_libxl = for_libxl;
	(void)uv_timer_init(e->uv, &t->uv);
	t->uv.data = t;
	mu_list_push_back(&e->timeouts, &t->link);
	timeout_arm(t, ms_until(when));
	*ret_reg = t;
	return 0;
}

/* Only ever called with {0, 0}: as soon as possible. */
static int hook_timeout_modify(void *user, void **reg_update, struct timeval when)
{
	struct timeout *t = *reg_update;

	(void)user, (void)when;
	timeout_arm(t, 0);
	return 0;
}

static void hook_timeout_deregister(void *user, void *for_app)
{
	(void)user;
	timeout_close(for_app);
}

/* Life */

static void on_sigchld(uv_signal_t *handle, int signum)
{
	struct xen_osevent *e = handle->data;

	(void)signum;
	if (e->ctx)
		libxl_childproc_sigchld_occurred(e->ctx);
}

static const libxl_osevent_hooks hooks = {
    .fd_register = hook_fd_register,
    .fd_modify = hook_fd_modify,
    .fd_deregister = hook_fd_deregister,
    .timeout_register = hook_timeout_register,
    .timeout_modify = hook_timeout_modify,
    .timeout_deregister = hook_timeout_deregister,
};

/* A daemon ignores SIGPIPE; QEMU and the hotplug scripts must not inherit that. */
static pid_t fork_with_sigpipe(void *user)
{
	pid_t pid = fork();

	(void)user;
	if (pid == 0)
		(void)signal(SIGPIPE, SIG_DFL);
	return pid;
}

static const libxl_childproc_hooks child_hooks = {
    .chldowner = libxl_sigchld_owner_mainloop,
    .fork_replacement = fork_with_sigpipe,
};

struct xen_osevent *xen_osevent_new(struct mu_loop *loop, libxl_ctx *ctx)
{
	struct xen_osevent *e = mu_xcalloc(1, sizeof *e);

	e->ctx = ctx;
	e->uv = mu_loop_uv(loop);
	mu_link_init(&e->fds);
	mu_link_init(&e->timeouts);
	mu_assert(uv_signal_init(e->uv, &e->sigchld) == 0);
	e->sigchld.data = e;
	mu_assert(uv_signal_start(&e->sigchld, on_sigchld, SIGCHLD) == 0);
	libxl_osevent_register_hooks(ctx, &hooks, e);
	libxl_childproc_setmode(ctx, &child_hooks, NULL);
	return e;
}

static void free_closed(uv_handle_t *h)
{
	free(h->data);
}

struct xen_osevent *xen_osevent_free(struct xen_osevent *e)
{
	if (!e)
		return NULL;
	e->ctx = NULL;
	mu_assert(mu_list_empty(&e->fds));
	mu_list_each(it, &e->timeouts) timeout_close(MU_CONTAINER_OF(it, struct timeout, link));
	uv_close((uv_handle_t *)&e->sigchld, free_closed);
	return NULL;
}
