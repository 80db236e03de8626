/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_job.h"

enum { UNPAUSES_MAX = 16 };

static void finish_by_rc(struct job *job, int rc)
{
	if (rc != 0)
		job_note_error(job, rc);
	job_finish(job, rc == 0 ? 0 : MU_FAILED);
}

/* Xen counts pauses: two would need two unpauses. */
void job_pause(struct job *job, const struct hv_domain *d)
{
	if (d->paused) {
		job_finish(job, 0);
		return;
	}
	job_begun(job, libxl_domain_pause(job_ctx(job), job->domid.value,
					  job_expect(job, "libxl_domain_pause", finish_by_rc)));
}

static void unpause_once(struct job *job);

static void on_unpaused(struct job *job, int rc)
{
	struct hv_domain d;

	if (rc == 0 && job_probe(job, &d) && d.paused && ++job->n_unpauses < UNPAUSES_MAX)
		unpause_once(job);
	else
		finish_by_rc(job, rc);
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
