/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_pause.h"

#include "agent/hv/xen/xen_domains.h"
#include "agent/hv/xen/xen_job.h"

#include <errno.h>

enum { UNPAUSES_MAX = 16 };

/* ---- on the loop thread ---- */

/* Xen's answer to a hypercall that failed; a domain that went meanwhile is libxl's to report. */
static bool complete(struct hv_op *op, const char *what, int rc)
{
	struct mu_error err = MU_ERROR_INIT;

	if (rc < 0 && errno == ESRCH)
		return false;
	if (rc < 0)
		(void)mu_error_errno(&err, errno, "%s", what);
	hv_op_complete(op, rc < 0 ? MU_FAILED : 0, &err);
	return true;
}

bool xen_pause_now(xc_interface *xch, struct hv_op *op, uint8_t *mark)
{
	struct hv_domain d;

	if (!xen_domains_probe(xch, op->domid, &d) || d.dying)
		return false;
	if (d.paused)
		return complete(op, "", 0);
	*mark = 1;
	return complete(op, "xc_domain_pause", xc_domain_pause(xch, op->domid.value));
}

bool xen_unpause_now(xc_interface *xch, struct hv_op *op, bool hvm, uint8_t *mark)
{
	struct hv_domain d;
	int rc = 0;

	if (!xen_domains_probe(xch, op->domid, &d) || d.dying ||
	    d.shutdown == HV_SHUTDOWN_SUSPEND || (hvm && !*mark))
		return false;
	*mark = 0;
	for (int i = 0; i < UNPAUSES_MAX && rc == 0 && d.paused; i++) {
		rc = xc_domain_unpause(xch, op->domid.value);
		if (!xen_domains_probe(xch, op->domid, &d))
			return false;
	}
	return complete(op, "xc_domain_unpause", rc);
}

/* ---- on the libxl thread ---- */

/* Xen counts pauses: two would need two unpauses. */
void job_pause(struct job *job, const struct hv_domain *d)
{
	if (d->paused) {
		job_finish(job, 0);
		return;
	}
	job_begun(job, libxl_domain_pause(job_ctx(job), job->domid.value,
					  job_expect(job, "libxl_domain_pause", job_finish_by_rc)));
}

static void unpause_once(struct job *job);

static void on_unpaused(struct job *job, int rc)
{
	struct hv_domain d;

	if (rc == 0 && job_probe(job, &d) && d.paused && ++job->n_unpauses < UNPAUSES_MAX)
		unpause_once(job);
	else
		job_finish_by_rc(job, rc);
}

static void unpause_once(struct job *job)
{
	job_begun(job, libxl_domain_unpause(job_ctx(job), job->domid.value,
					    job_expect(job, "libxl_domain_unpause", on_unpaused)));
}

/* A guest that was suspended for a save that never ended is woken up where it stands. */
void job_unpause(struct job *job, const struct hv_domain *d)
{
	if (d->shutdown == HV_SHUTDOWN_SUSPEND)
		job_begun(job,
			  libxl_domain_resume(job_ctx(job), job->domid.value, 1,
					      job_expect(job, "libxl_domain_resume", on_unpaused)));
	else if (d->paused)
		unpause_once(job);
	else
		job_finish(job, 0);
}
