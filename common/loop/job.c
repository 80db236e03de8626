/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/job.h"

#include "common/base/assert.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct mu_job_thread {
	struct mu_job *job;
	struct mu_loop *loop;
	pthread_t thread;
	atomic_int percent;
	atomic_bool report_waits;
};

static void on_done(void *ctx)
{
	struct mu_job_thread *t = ctx;
	struct mu_job *j = t->job;

	mu_assert(pthread_join(t->thread, NULL) == 0);
	mu_loop_unref(t->loop);
	free(t);
	j->priv = NULL;
	mu_cancel_deinit(&j->cancel);
	j->done(j);
}

static void *run(void *arg)
{
	struct mu_job_thread *t = arg;

	t->job->run(t->job);
	mu_loop_post_from_thread(t->loop, on_done, t);
	return NULL;
}

int mu_job_start(struct mu_job *j, struct mu_loop *loop, struct mu_error *err)
{
	struct mu_job_thread *t = mu_xcalloc(1, sizeof *t);
	sigset_t all, before;
	int rc;

	mu_assert(!j->priv && j->run && j->done);
	t->job = j;
	t->loop = loop;
	atomic_init(&t->percent, 0);
	atomic_init(&t->report_waits, false);
	mu_cancel_init(&j->cancel);
	j->priv = t;
	mu_loop_ref(loop);
	/* Signals are the loop thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&t->thread, NULL, run, t);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return 0;
	mu_loop_unref(loop);
	mu_cancel_deinit(&j->cancel);
	j->priv = NULL;
	free(t);
	return mu_error_set(err, MU_E_EXHAUSTED, "no thread could be started (error %d)", rc);
}

void mu_job_cancel(struct mu_job *j)
{
	if (j->priv)
		mu_cancel_set(&j->cancel);
}

/* Posted before on_done(), so the thread's struct is still there. */
static void on_report(void *ctx)
{
	struct mu_job_thread *t = ctx;

	atomic_store(&t->report_waits, false);
	t->job->progress(t->job, atomic_load(&t->percent));
}

void mu_job_report(struct mu_job *j, int percent)
{
	struct mu_job_thread *t = j->priv;

	atomic_store(&t->percent, percent);
	if (j->progress && !atomic_exchange(&t->report_waits, true))
		mu_loop_post_from_thread(t->loop, on_report, t);
}
