/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending domains: shutdown, reboot, destroy and save.
 *
 *     shutdown, reboot:  ask the guest --> wait until it has stopped --+
 *                                                                      v
 *     save:              suspend to a file, make it durable -----> destroy --> wait until gone
 *     destroy:           ----------------------------------------------^
 *
 * A guest that stopped stays as a domain until a toolstack destroys it. For a domain made by
 * `xl create` that is xl's own process in the background: it is given a moment (OTHERS_GRACE). If
 * both do it, one finds the domain gone, which is what was wanted.
 *
 * Waiting is for @releaseDomain (xen_ops_domains_changed), with a slow timer behind it. A destroyed
 * domain lingers while somebody maps its memory: normally for milliseconds, but a stuck backend
 * can make it for ever, so that wait has an end (GONE_GRACE).
 *
 * A save is complete when the file has its name: it is written beside it, synced, and renamed
 * before the domain is destroyed. Whatever fails before that wakes the guest up again.
 *
 * A checkpoint is a save of a guest that runs meanwhile, and ends when the guest stands still: the
 * caller, who snapshots its disks now, lets it go on (xen_pause.c), and syncs the file after that.
 */
#include "agent/hv/xen/xen_domains.h"
#include "agent/hv/xen/xen_job.h"
#include "agent/hv/xen/xen_save.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECHECK_INTERVAL MU_SEC(5)
#define OTHERS_GRACE MU_SEC(5)
#define DESTROY_GRACE MU_SEC(30)
#define GONE_GRACE MU_SEC(10)

bool job_probe(const struct job *job, struct hv_domain *ret)
{
	return xen_domains_probe(job_xch(job), job->domid, ret) &&
	       mu_uuid_equal(&ret->id.uuid, &job->id.uuid);
}

/* ---- waiting ---- */

static void on_wait_timer(void *ctx);

static void wait_for(struct job *job, enum job_wait wait, mu_msec at_most)
{
	job->wait = wait;
	if (!job->timer)
		job->timer = mu_timer_new(job_loop(job), on_wait_timer, job);
	mu_timer_set(job->timer, at_most);
}

static void wait_over(struct job *job)
{
	job->wait = JOB_NO_WAIT;
	if (job->timer)
		mu_timer_cancel(job->timer);
}

static void gone(struct job *job)
{
	wait_over(job);
	job_pci_let_go(job);
	job_finish(job, job->err.code == MU_E_NONE ? 0 : MU_FAILED);
}

static void has_stopped(struct job *job)
{
	if (job->ours) {
		wait_over(job);
		job_destroy(job);
	} else if (job->wait != JOB_WAIT_OTHERS) {
		wait_for(job, JOB_WAIT_OTHERS, OTHERS_GRACE);
	}
}

void job_recheck(struct job *job)
{
	struct hv_domain d;

	if (!job_probe(job, &d))
		gone(job);
	else if (d.dying && job->wait != JOB_WAIT_GONE)
		wait_for(job, JOB_WAIT_GONE, GONE_GRACE);
	else if (d.shutdown != HV_SHUTDOWN_NONE && job->wait == JOB_WAIT_STOP)
		has_stopped(job);
}

void job_note_stop(struct job *job)
{
	struct hv_domain d;

	if (job->streaming && !job->stopped_at && job_probe(job, &d) &&
	    d.shutdown == HV_SHUTDOWN_SUSPEND)
		job->stopped_at = mu_clock_monotonic();
}

/* A stopped domain that was paused is being destroyed: that is how libxl begins. */
static void others_had_time(struct job *job)
{
	struct hv_domain d;

	if (job_probe(job, &d) && d.paused && !job->others_began) {
		job->others_began = true;
		wait_for(job, JOB_WAIT_OTHERS, DESTROY_GRACE);
		return;
	}
	wait_over(job);
	job_destroy(job);
}

static void on_wait_timer(void *ctx)
{
	struct job *job = ctx;

	switch (job->wait) {
	case JOB_WAIT_STOP:
		mu_timer_set(job->timer, RECHECK_INTERVAL);
		job_recheck(job);
		return;
	case JOB_WAIT_OTHERS:
		others_had_time(job);
		return;
	case JOB_WAIT_GONE:
		mu_log_warning("domain is dead but something still holds its memory domid=%" PRIu32,
			       job->domid.value);
		gone(job);
		return;
	case JOB_NO_WAIT:
		break;
	}
	mu_assert_unreachable();
}

/* ---- destroy ---- */

static void on_destroyed(struct job *job, int rc)
{
	struct hv_domain d;

	if (!job_probe(job, &d)) {
		gone(job);
		return;
	}
	if (!d.dying && rc != 0) {
		job_note_error(job, rc);
		job_finish(job, MU_FAILED);
		return;
	}
	wait_for(job, JOB_WAIT_GONE, GONE_GRACE);
}

void job_destroy(struct job *job)
{
	job_begun(job, libxl_domain_destroy(job_ctx(job), job->domid.value,
					    job_expect(job, "libxl_domain_destroy", on_destroyed)));
}

/* ---- shutdown, reboot ---- */

static void on_asked(struct job *job, int rc);

static void press_power_button(struct job *job)
{
	const libxl_asyncop_how *how = job_expect(job, "libxl_send_trigger", on_asked);

	job->abortable = true;
	job_begun(job,
		  libxl_send_trigger(job_ctx(job), job->domid.value, LIBXL_TRIGGER_POWER, 0, how));
}

static void on_asked(struct job *job, int rc)
{
	struct hv_domain d;
	bool exists = job_probe(job, &d);

	if (exists && d.shutdown == HV_SHUTDOWN_NONE && !d.dying && rc != 0) {
		if (rc == ERROR_NOPARAVIRT && job->kind == HV_SHUTDOWN && !job->cancelled) {
			press_power_button(job);
			return;
		}
		if (rc == ERROR_NOPARAVIRT)
			(void)mu_error_set(&job->err, MU_E_UNSUPPORTED,
					   "the guest has no PV drivers, so it cannot be asked to "
					   "reboot; hint: reboot it from inside, or hard_reboot");
		else if (rc == ERROR_TIMEDOUT || rc == ERROR_GUEST_TIMEDOUT)
			(void)mu_error_set(&job->err, MU_E_TIMEOUT,
					   "the guest did not react to the request; hint: "
					   "hard_shutdown ends it without asking");
		job_note_error(job, rc);
		job_finish(job, MU_FAILED);
		return;
	}
	if (job->cancelled) {
		job_fail(job, MU_E_CANCELLED,
			 "cancelled; hint: the guest was asked and may still stop");
		return;
	}
	wait_for(job, JOB_WAIT_STOP, RECHECK_INTERVAL);
	job_recheck(job);
}

void job_shutdown(struct job *job)
{
	const libxl_asyncop_how *how;
	struct hv_domain d;
	uint32_t domid = job->domid.value;

	if (!job_probe(job, &d) || d.shutdown != HV_SHUTDOWN_NONE) {
		wait_for(job, JOB_WAIT_STOP, RECHECK_INTERVAL); /* it has stopped already */
		job_recheck(job);
		return;
	}
	if (job->kind == HV_REBOOT) {
		how = job_expect(job, "libxl_domain_reboot", on_asked);
		job->abortable = true;
		job_begun(job, libxl_domain_reboot(job_ctx(job), domid, how));
	} else {
		how = job_expect(job, "libxl_domain_shutdown", on_asked);
		job->abortable = true;
		job_begun(job, libxl_domain_shutdown(job_ctx(job), domid, how));
	}
}

/* ---- save ---- */

static void save_failed(struct job *job)
{
	if (job->part_path)
		(void)unlink(job->part_path);
	job_finish(job, MU_FAILED);
}

static void on_woken(struct job *job, int rc)
{
	if (rc != 0)
		mu_log_warning("guest stays suspended after a failed save domid=%" PRIu32 " rc=%d",
			       job->domid.value, rc);
	save_failed(job);
}

/* job->err says why. */
static void wake_up(struct job *job)
{
	struct hv_domain d;

	job->streaming = false;
	if (job_probe(job, &d) && d.shutdown == HV_SHUTDOWN_SUSPEND)
		job_begun(job,
			  libxl_domain_resume(job_ctx(job), job->domid.value, 1,
					      job_expect(job, "libxl_domain_resume", on_woken)));
	else
		save_failed(job);
}

static int sync_folder_of(const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return mu_error_errno(err, errno, "folder of %s", path);
	rc = fsync(fd);
	(void)close(fd);
	return rc < 0 ? mu_error_errno(err, errno, "sync the folder of %s", path) : 0;
}

/* On a pool thread: a sync takes as long as the disk. */
static void make_durable(struct mu_work *w)
{
	struct job *job = MU_CONTAINER_OF(w, struct job, work);

	job->work_r = MU_FAILED;
	if (fsync(job->fd) < 0)
		(void)mu_error_errno(&job->work_err, errno, "sync %s", job->part_path);
	else if (rename(job->part_path, job->path) < 0)
		(void)mu_error_errno(&job->work_err, errno, "rename %s", job->part_path);
	else
		job->work_r = sync_folder_of(job->path, &job->work_err);
}

static void on_durable(struct mu_work *w)
{
	struct job *job = MU_CONTAINER_OF(w, struct job, work);

	if (job->work_r == 0 && !job->cancelled) {
		job_destroy(job);
		return;
	}
	job->err = job->work_err;
	if (job->work_r == 0)
		(void)mu_error_set(&job->err, MU_E_CANCELLED, "cancelled while it was saved");
	(void)unlink(job->path); /* the guest goes on: the file must not be restored */
	wake_up(job);
}

/* It stands still until somebody lets it go on. */
static void checkpoint_over(struct job *job)
{
	if (!job->cancelled && rename(job->part_path, job->path) == 0) {
		job->stopped = job->stopped_at ? mu_clock_monotonic() - job->stopped_at : 0;
		job_finish(job, 0);
		return;
	}
	if (job->cancelled)
		(void)mu_error_set(&job->err, MU_E_CANCELLED, "cancelled while it was saved");
	else
		(void)mu_error_errno(&job->err, errno, "rename %s", job->part_path);
	wake_up(job);
}

static void note_save_error(struct job *job, int rc)
{
	if (rc == ERROR_GUEST_TIMEDOUT)
		(void)mu_error_set(&job->err, MU_E_TIMEOUT,
				   "the guest did not react to the request to suspend; hint: it "
				   "needs PV drivers that can");
	job_note_error(job, rc);
}

static void on_suspended(struct job *job, int rc)
{
	job->streaming = false;
	if (rc != 0) {
		note_save_error(job, rc);
		wake_up(job);
		return;
	}
	if (job->kind == HV_CHECKPOINT) {
		checkpoint_over(job);
		return;
	}
	job->work = (struct mu_work){.run = make_durable, .done = on_durable};
	mu_work_start(&job->work, job_loop(job));
}

static int begin_file(struct job *job, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *json = NULL;

	job->xl.c_info.domid = 0; /* a restored domain gets a number of its own */
	json = libxl_domain_config_to_json(job_ctx(job), &job->xl);
	if (!json)
		return mu_error_set(err, MU_E_INTERNAL, "its configuration does not become JSON");
	job->part_path = mu_xasprintf("%s.part", job->path);
	job->fd = open(job->part_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (job->fd < 0)
		return mu_error_errno(err, errno, "save file %s", job->part_path);
	if (xen_save_write_head(job->fd, json, err) < 0)
		return mu_error_prefix(err, "save file %s", job->part_path);
	return 0;
}

/*
 * Can memory be copied while the guest runs on? Then Xen has to note what it writes, which it does
 * not for PV guests where it is built without shadow paging (Debian's). Tried, as nothing tells;
 * libxc would fail, and libxl say that the guest does not react.
 */
static bool can_live(const struct job *job)
{
	xc_interface *xch = job_xch(job);
	uint32_t domid = job->domid.value;

	if (xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0) < 0 &&
	    (errno == EOPNOTSUPP || errno == ENOSYS))
		return false;
	(void)xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
	return true;
}

static void on_config(struct job *job, int rc)
{
	const int live = job->kind == HV_CHECKPOINT && can_live(job) ? LIBXL_SUSPEND_LIVE : 0;
	const libxl_asyncop_how *how;

	if (rc != 0) {
		job_note_error(job, rc);
		job_finish(job, MU_FAILED);
		return;
	}
	if (begin_file(job, &job->err) < 0) {
		save_failed(job);
		return;
	}
	if (job->cancelled) {
		(void)mu_error_set(&job->err, MU_E_CANCELLED, "cancelled before it was saved");
		save_failed(job);
		return;
	}
	how = job_expect(job, "libxl_domain_suspend", on_suspended);
	job->abortable = true;
	job->streaming = true;
	job_begun(job, libxl_domain_suspend(job_ctx(job), job->domid.value, job->fd, live, how));
}

void job_save(struct job *job)
{
	struct hv_domain d;

	if (!job_probe(job, &d) || d.shutdown != HV_SHUTDOWN_NONE) {
		job_fail(job, MU_E_STATE, "the guest has stopped and cannot be saved");
		return;
	}
	if (d.paused) {
		job_fail(job, MU_E_STATE,
			 "the guest is paused and cannot react; hint: unpause it first");
		return;
	}
	job_begun(job, libxl_retrieve_domain_configuration(
			   job_ctx(job), job->domid.value, &job->xl,
			   job_expect(job, "libxl_retrieve_domain_configuration", on_config)));
}
