/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     loop thread                              libxl thread
 *     -----------                              ------------
 *     xen_ops_start: a job    ---- post --->   run: first step
 *                                              libxl_...() -> callback -> post -> next step ...
 *     deliver: hv_op_complete <--- post ----   job_finish
 *                             ---- post --->   job_free
 *
 * Why a thread: parts of libxl's calls are synchronous, above all populating a guest's memory and
 * loading its kernel, which takes long for a large VM. Meanwhile the agent goes on talking to its
 * aggregator, listing, sampling and fencing (docs/design/xen-driver.md has figures).
 *
 * Two traps of libxl are closed here once. A callback may come inside the call that starts the
 * operation, so it only posts, and a step never runs inside libxl. And a call may fail at once
 * without any callback, so job_begun() makes that look the same.
 *
 * The last round trip of a finished job keeps a cancel that is already under way from finding it
 * freed: posts arrive in order.
 */
#include "agent/hv/xen/xen_ops.h"

#include "agent/hv/xen/xen_change.h"
#include "agent/hv/xen/xen_convert.h"
#include "agent/hv/xen/xen_domains.h"
#include "agent/hv/xen/xen_facts.h"
#include "agent/hv/xen/xen_job.h"
#include "agent/hv/xen/xen_log.h"
#include "agent/hv/xen/xen_osevent.h"
#include "agent/hv/xen/xen_thread.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <libxl_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xenstore.h>

/* How long freeing waits for libxl to let go of what it does. */
#define FREE_GRACE MU_SEC(20)
#define SLOW_CALL MU_SEC(1) /* to be logged */
#define BUILD_GAP MU_SEC(10)

struct xen_ops {
	struct xen_thread thread;
	struct mu_loop *home;
	/* libxl thread */
	struct xen_log *log;
	libxl_ctx *ctx;
	xc_interface *xch;
	struct xs_handle *xs;
	struct xen_osevent *osevent;
	struct mu_link running;
	struct mu_link builds; /* of the running: those that wait for their turn */
	size_t n_building;
	mu_msec build_begun_at;
	struct mu_timer *build_timer;
	bool winding_down;
	/* loop thread */
	struct mu_link jobs;
	struct xen_ops_hooks hooks;
	struct mu_timer *grace;
	mu_loop_cb done;
	void *done_ctx;
	bool left_behind;
};

libxl_ctx *job_ctx(const struct job *job)
{
	return job->ops->ctx;
}

xc_interface *job_xch(const struct job *job)
{
	return job->ops->xch;
}

struct xs_handle *job_xs(const struct job *job)
{
	return job->ops->xs;
}

struct mu_loop *job_loop(const struct job *job)
{
	return job->ops->thread.loop;
}

bool job_vm_is_being_built(const struct job *job)
{
	mu_list_each(it, &job->ops->running)
	{
		const struct job *other = MU_CONTAINER_OF(it, struct job, link);

		if (other != job && other->building &&
		    mu_uuid_equal(&other->config->id.uuid, &job->config->id.uuid))
			return true;
	}
	return false;
}

/* ---- calling libxl ---- */

static void libxl_over(void *ctx)
{
	struct job *job = ctx;
	job_step next = job->next;

	job->in_libxl = false;
	job->abortable = false;
	job->next = NULL;
	next(job, job->rc);
}

/* Perhaps inside the call that started it. */
static void on_libxl_done(libxl_ctx *xl, int rc, void *ctx)
{
	struct job *job = ctx;

	(void)xl;
	job->rc = rc;
	mu_loop_post(job->ops->thread.loop, libxl_over, job);
}

const libxl_asyncop_how *job_expect(struct job *job, const char *what, job_step next)
{
	mu_assert(!job->in_libxl);
	job->what = what;
	job->next = next;
	job->log_mark = xen_log_mark(job->ops->log);
	job->begun_at = mu_clock_monotonic();
	job->in_libxl = true;
	job->how = (libxl_asyncop_how){.callback = on_libxl_done, .u.for_callback = job};
	return &job->how;
}

void job_begun(struct job *job, int rc)
{
	mu_msec took = mu_clock_monotonic() - job->begun_at;

	if (took >= SLOW_CALL)
		mu_log_info("libxl kept its thread call=%s ms=%" PRId64, job->what, took);
	if (rc != 0)
		on_libxl_done(job->ops->ctx, rc, job);
}

void job_note_error(struct job *job, int rc)
{
	char reason[XEN_LOG_REASON_MAX];

	if (job->err.code != MU_E_NONE)
		return;
	xen_log_reason(job->ops->log, job->log_mark, job->config ? job->xl_domid : job->domid.value,
		       reason);
	(void)mu_error_set(&job->err, xen_error_code(rc), "%s failed (rc %d, %s)%s%s", job->what,
			   rc, xen_error_name(rc), reason[0] ? ": " : "", reason);
}

void job_finish_by_rc(struct job *job, int rc)
{
	if (rc != 0)
		job_note_error(job, rc);
	job_finish(job, rc == 0 ? 0 : MU_FAILED);
}

static void on_save_progress(void *ctx, int percent);

/* ---- the end of a job ---- */

static void job_free(void *ctx)
{
	struct job *job = ctx;

	libxl_domain_config_dispose(&job->xl);
	libxl_domain_config_dispose(&job->record);
	libxl_domain_restore_params_dispose(&job->restore);
	libxl_bitmap_dispose(&job->cpus);
	libxl_device_disk_dispose(&job->disk);
	libxl_device_nic_dispose(&job->nic);
	libxl_device_pci_dispose(&job->pci);
	libxl_device_usbdev_dispose(&job->usb);
	free(job->config);
	free(job->path);
	free(job->part_path);
	free(job->record_before);
	free(job->backend);
	free(job->device);
	free(job->resources);
	free(job);
}

static void deliver_now(void *ctx)
{
	struct job *job = ctx;
	struct hv_op *op = job->op;

	mu_list_remove(&job->home_link);
	if (op) {
		op->priv = NULL;
		op->ret_domid.value = job->r == 0 && job->config ? job->xl_domid : 0;
		op->ret_number = job->r == 0 ? job->ret_number : 0;
		op->ret_stopped = job->stopped;
		hv_op_complete(op, job->r, &job->err);
	}
	xen_thread_post(&job->ops->thread, job_free, job);
}

static void deliver(void *ctx)
{
	struct job *job = ctx;
	const struct xen_ops_hooks *hooks = &job->ops->hooks;

	/* What was reported as failed must not happen later. */
	if (job->r < 0 && (job->kind == HV_SHUTDOWN || job->kind == HV_REBOOT))
		hooks->withdraw(hooks->ctx, job->domid);
	if (job->op && (job->config || job->kind == HV_SET_NAME) && job->r == 0)
		hooks->settle(hooks->ctx,
			      job->config ? (struct hv_domid){job->xl_domid} : job->domid,
			      deliver_now, job);
	else
		deliver_now(job);
}

static void on_idle(void *ctx);
static void build_next(void *ctx);

void job_finish(struct job *job, int r)
{
	struct xen_ops *ops = job->ops;

	job->r = r;
	mu_list_remove(&job->build_link);
	if (job->building) {
		ops->n_building--;
		mu_loop_post(ops->thread.loop, build_next, ops);
	}
	if (job->fd >= 0)
		(void)close(job->fd);
	job->fd = -1;
	job->timer = mu_timer_free(job->timer);
	mu_list_remove(&job->link);
	mu_loop_post_from_thread(ops->home, deliver, job);
	if (ops->winding_down && mu_list_empty(&ops->running))
		mu_loop_post_from_thread(ops->home, on_idle, ops);
}

void job_fail(struct job *job, enum mu_error_code code, const char *fmt, ...)
{
	char text[MU_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	(void)mu_error_set(&job->err, code, "%s", text);
	job_finish(job, MU_FAILED);
}

/* ---- builds take turns ---- */

/*
 * The first part of a build keeps the thread. So builds begin one after another, with room for what
 * others have to do in between; but one that hangs holds the next one up for BUILD_GAP only.
 */
static void build_next(void *ctx)
{
	struct xen_ops *ops = ctx;
	struct job *job = mu_list_first(&ops->builds, struct job, build_link);
	mu_msec since = mu_clock_monotonic() - ops->build_begun_at;

	if (!job)
		return;
	if (ops->n_building > 0 && since < BUILD_GAP) {
		mu_timer_set(ops->build_timer, BUILD_GAP - since);
		return;
	}
	mu_list_remove(&job->build_link);
	job->building = true;
	ops->n_building++;
	if (job->kind == HV_CREATE)
		job_create(job);
	else
		job_restore(job);
	ops->build_begun_at = mu_clock_monotonic(); /* `job` may be finished */
	mu_loop_post(ops->thread.loop, build_next, ops);
}

/* ---- start ---- */

static void run_on_domain(struct job *job)
{
	struct hv_domain d;

	if (!xen_domains_probe(job->ops->xch, job->domid, &d)) {
		if (job->kind == HV_DESTROY)
			job_finish(job, 0);
		else
			job_fail(job, MU_E_NOT_FOUND, "there is no domain %" PRIu32 " (any more)",
				 job->domid.value);
		return;
	}
	job->id = d.id;
	if (d.dying && job->kind != HV_DESTROY) {
		job_fail(job, MU_E_NOT_FOUND, "domain %" PRIu32 " is dying", job->domid.value);
		return;
	}
	switch (job->kind) {
	case HV_SHUTDOWN:
	case HV_REBOOT:
		job_shutdown(job);
		return;
	case HV_DESTROY:
		job_destroy(job);
		return;
	case HV_PAUSE:
		job_pause(job, &d);
		return;
	case HV_UNPAUSE:
		job_unpause(job, &d);
		return;
	case HV_SAVE:
	case HV_CHECKPOINT:
		job_save(job);
		return;
	case HV_DISK_ATTACH:
	case HV_DISK_DETACH:
	case HV_DISK_RESIZE:
	case HV_CD_INSERT:
	case HV_CD_EJECT:
	case HV_NIC_ATTACH:
	case HV_NIC_DETACH:
	case HV_NIC_RATE:
	case HV_PCI_ATTACH:
	case HV_PCI_DETACH:
	case HV_USB_ATTACH:
	case HV_USB_DETACH:
	case HV_SET_VCPUS:
	case HV_SET_MEMORY:
	case HV_SET_SCHED:
	case HV_SET_AFFINITY:
	case HV_SET_NAME:
		job_change(job, &d);
		return;
	case HV_CREATE:
	case HV_RESTORE:
	case HV_PCI_ASSIGN:
	case HV_PCI_RELEASE:
	case _HV_OP_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static void run(void *ctx)
{
	struct job *job = ctx;

	mu_list_push_back(&job->ops->running, &job->link);
	if (job->cancelled || job->ops->winding_down)
		job_fail(job, MU_E_CANCELLED, "cancelled before it began");
	else if (job->kind == HV_PCI_ASSIGN || job->kind == HV_PCI_RELEASE)
		job_change_host(job);
	else if (!job->config)
		run_on_domain(job);
	else {
		mu_list_push_back(&job->ops->builds, &job->build_link);
		mu_loop_post(job->ops->thread.loop, build_next, job->ops);
	}
}

void xen_ops_start(struct xen_ops *ops, struct hv_op *op, const struct xen_facts *facts)
{
	struct job *job = mu_xcalloc(1, sizeof *job);

	job->ops = ops;
	job->op = op;
	op->priv = job;
	job->kind = op->kind;
	job->domid = op->domid;
	job->config = op->config ? mu_xmemdup(op->config, sizeof *op->config) : NULL;
	job->path = op->path ? mu_xstrdup(op->path) : NULL;
	job->paused = op->paused;
	job->ours = facts && facts->ours;
	job->type_known = facts && facts->type_known;
	job->type = facts ? facts->type : VM_TYPE_PV;
	job->memory_static_bytes = facts ? facts->memory_static_bytes : -1;
	if (op->device)
		job->device = mu_xmemdup(op->device, sizeof *op->device);
	if (op->resources)
		job->resources = mu_xmemdup(op->resources, sizeof *op->resources);
	job->fd = -1;
	job->xl_domid = UINT32_MAX;
	mu_link_init(&job->link);
	mu_link_init(&job->build_link);
	libxl_domain_config_init(&job->xl);
	libxl_domain_config_init(&job->record);
	libxl_domain_restore_params_init(&job->restore);
	libxl_bitmap_init(&job->cpus);
	libxl_device_disk_init(&job->disk);
	libxl_device_nic_init(&job->nic);
	libxl_device_pci_init(&job->pci);
	libxl_device_usbdev_init(&job->usb);
	mu_list_push_back(&ops->jobs, &job->home_link);
	xen_thread_post(&ops->thread, run, job);
}

/* ---- cancel ---- */

static bool is_running(const struct job *job)
{
	return job->link.next != &job->link;
}

static void cancel(void *ctx)
{
	struct job *job = ctx;

	if (!is_running(job) || job->cancelled)
		return;
	job->cancelled = true;
	if (job->config && !job->building)
		job_fail(job, MU_E_CANCELLED, "cancelled before it began");
	else if (job->in_libxl && job->abortable)
		(void)libxl_ao_abort(job->ops->ctx, &job->how);
	else if (job->wait == JOB_WAIT_STOP || job->wait == JOB_WAIT_OTHERS)
		job_fail(job, MU_E_CANCELLED,
			 "cancelled while waiting for the guest to stop; hint: it may still do so");
}

void xen_ops_cancel(struct xen_ops *ops, struct hv_op *op)
{
	if (op->priv)
		xen_thread_post(&ops->thread, cancel, op->priv);
}

/* ---- news from outside ---- */

static void recheck_all(void *ctx)
{
	struct xen_ops *ops = ctx;

	mu_list_each(it, &ops->running)
	{
		struct job *job = MU_CONTAINER_OF(it, struct job, link);

		if (job->kind == HV_CHECKPOINT)
			job_note_stop(job);
		else if (job->wait != JOB_NO_WAIT)
			job_recheck(job);
	}
}

void xen_ops_domains_changed(struct xen_ops *ops)
{
	xen_thread_post(&ops->thread, recheck_all, ops);
}

struct progress {
	struct job *job;
	int percent;
};

static void deliver_progress(void *ctx)
{
	struct progress *p = ctx;

	if (p->job->op)
		hv_op_progress(p->job->op, p->percent);
	free(p);
}

/* libxl does not tell whose progress it is: with several streams nobody gets it. */
static void on_save_progress(void *ctx, int percent)
{
	struct xen_ops *ops = ctx;
	struct job *only = NULL;
	struct progress *p;

	mu_list_each(it, &ops->running)
	{
		struct job *job = MU_CONTAINER_OF(it, struct job, link);

		if (!job->streaming)
			continue;
		if (only)
			return;
		only = job;
	}
	if (!only)
		return;
	p = mu_xmalloc(sizeof *p);
	*p = (struct progress){only, percent};
	mu_loop_post_from_thread(ops->home, deliver_progress, p);
}

/* ---- life ---- */

static void on_disaster(void *user, libxl_event_type type, const char *msg, int errnoval)
{
	(void)user, (void)type;
	mu_log_error("libxl has lost its footing, restart the agent msg=\"%s\" errno=%d", msg,
		     errnoval);
}

/* Without a `disaster` hook libxl would end the process. */
static const libxl_event_hooks event_hooks = {.disaster = on_disaster};

static void ops_discard(struct xen_ops *ops)
{
	xen_log_free(ops->log);
	xen_thread_deinit(&ops->thread);
	free(ops);
}

int xen_ops_new(struct mu_loop *home, const struct xen_ops_hooks *hooks, struct xen_ops **ret,
		struct mu_error *err)
{
	struct xen_ops *ops = mu_xcalloc(1, sizeof *ops);
	xentoollog_logger *logger;
	int rc;

	ops->home = home;
	ops->hooks = *hooks;
	ops->log = xen_log_new();
	mu_link_init(&ops->running);
	mu_link_init(&ops->builds);
	mu_link_init(&ops->jobs);
	xen_thread_init(&ops->thread, home);
	xen_log_on_progress(ops->log, on_save_progress, ops);
	logger = xen_log_logger(ops->log);
	ops->xch = xc_interface_open(logger, logger, 0);
	if (!ops->xch) {
		ops_discard(ops);
		return mu_error_errno(err, errno, "cannot open the hypervisor's interface");
	}
	rc = libxl_ctx_alloc(&ops->ctx, LIBXL_VERSION, 0, logger);
	if (rc != 0) {
		(void)xc_interface_close(ops->xch);
		ops_discard(ops);
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "libxl does not start (rc %d, %s); hint: is xenstored running?",
				    rc, xen_error_name(rc));
	}
	ops->xs = xs_open(0);
	if (!ops->xs) {
		(void)libxl_ctx_free(ops->ctx);
		(void)xc_interface_close(ops->xch);
		ops_discard(ops);
		return mu_error_errno(err, errno, "cannot connect to xenstored");
	}
	libxl_event_register_callbacks(ops->ctx, &event_hooks, ops);
	ops->osevent = xen_osevent_new(ops->thread.loop, ops->ctx);
	ops->build_timer = mu_timer_new(ops->thread.loop, build_next, ops);
	if (xen_thread_start(&ops->thread, "muster-libxl", err) < 0) {
		xen_ops_free(ops, NULL, NULL);
		return MU_FAILED;
	}
	*ret = ops;
	return 0;
}

static void close_libxl(void *ctx)
{
	struct xen_ops *ops = ctx;

	(void)libxl_ctx_free(ops->ctx);
	ops->osevent = xen_osevent_free(ops->osevent);
	ops->build_timer = mu_timer_free(ops->build_timer);
	(void)xc_interface_close(ops->xch);
	xs_close(ops->xs);
}

static void on_ended(void *ctx)
{
	struct xen_ops *ops = ctx;
	mu_loop_cb done = ops->done;
	void *done_ctx = ops->done_ctx;

	ops_discard(ops);
	if (done)
		done(done_ctx);
}

static void on_idle(void *ctx)
{
	struct xen_ops *ops = ctx;

	if (ops->left_behind)
		return;
	ops->grace = mu_timer_free(ops->grace);
	xen_thread_stop(&ops->thread, close_libxl, on_ended, ops);
}

static void on_grace_over(void *ctx)
{
	struct xen_ops *ops = ctx;

	mu_log_warning("libxl hangs, its thread is left behind");
	ops->grace = mu_timer_free(ops->grace);
	ops->left_behind = true;
	if (ops->done)
		ops->done(ops->done_ctx);
}

static void wind_down(void *ctx)
{
	struct xen_ops *ops = ctx;

	ops->winding_down = true;
	if (mu_list_empty(&ops->running))
		mu_loop_post_from_thread(ops->home, on_idle, ops);
	mu_list_each(it, &ops->running) cancel(MU_CONTAINER_OF(it, struct job, link));
}

void xen_ops_free(struct xen_ops *ops, mu_loop_cb done, void *ctx)
{
	mu_list_each(it, &ops->jobs) MU_CONTAINER_OF(it, struct job, home_link)->op = NULL;
	ops->done = done;
	ops->done_ctx = ctx;
	ops->grace = mu_timer_new(ops->home, on_grace_over, ops);
	mu_timer_set(ops->grace, FREE_GRACE);
	if (ops->thread.running)
		xen_thread_post(&ops->thread, wind_down, ops);
	else
		mu_loop_post(ops->home, on_idle, ops);
}
