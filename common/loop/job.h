/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking work that may take long: a thread of its own, so that an hour of copying takes no place
 * in the pool of common/loop/work.h. `run` on that thread, then `done` on the loop, exactly once
 * and never inside start. Embedded in its user, which must outlive it; how many run at once is the
 * user's business.
 */
#ifndef MUSTER_LOOP_JOB_H
#define MUSTER_LOOP_JOB_H

#include "common/loop/loop.h"
#include "common/os/cancel.h"

struct mu_job {
	/* inputs */
	void (*run)(struct mu_job *j);  /* its thread: touches only what the embedder set aside */
	void (*done)(struct mu_job *j); /* loop thread; may start it again, or free it */
	void (*progress)(struct mu_job *j, int percent); /* loop thread, before done; may be NULL */
	/* for `run`: look at it between steps */
	struct mu_cancel cancel;
	/* private */
	struct mu_job_thread *priv;
};

/* MU_E_EXHAUSTED when there is no thread; `done` does not come then. */
int mu_job_start(struct mu_job *j, struct mu_loop *loop, struct mu_error *err);
/* Ask; `done` still comes. Harmless when it does not run. */
void mu_job_cancel(struct mu_job *j);
/* From `run`: at most one report waits, the newest counts. */
void mu_job_report(struct mu_job *j, int percent);

#endif
