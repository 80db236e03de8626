/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/job.h"

#include <criterion/criterion.h>
#include <poll.h>

struct probe {
	struct mu_job job;
	struct mu_loop *loop;
	bool cancelled; /* seen by run */
	bool in_start;
	int n_done;
	int n_progress;
	int last_percent;
};

TestSuite(job, .timeout = 60);

static void run_until_cancelled(struct mu_job *j)
{
	struct probe *p = MU_CONTAINER_OF(j, struct probe, job);
	struct pollfd wait = {.fd = j->cancel.fd, .events = POLLIN};

	for (int i = 1; i <= 100; i++)
		mu_job_report(j, i);
	(void)poll(&wait, 1, -1);
	p->cancelled = mu_cancel_check(&j->cancel, NULL) < 0;
}

static void on_progress(struct mu_job *j, int percent)
{
	struct probe *p = MU_CONTAINER_OF(j, struct probe, job);

	p->n_progress++;
	cr_assert_geq(percent, p->last_percent);
	p->last_percent = percent;
	cr_assert_eq(p->n_done, 0);
	if (percent == 100)
		mu_job_cancel(j);
}

static void on_done(struct mu_job *j)
{
	struct probe *p = MU_CONTAINER_OF(j, struct probe, job);

	cr_assert(!p->in_start);
	p->n_done++;
}

static struct mu_error start(struct probe *p)
{
	struct mu_error err = MU_ERROR_INIT;

	p->in_start = true;
	cr_assert_eq(mu_job_start(&p->job, p->loop, &err), 0, "%s", err.text);
	p->in_start = false;
	return err;
}

Test(job, reports_is_cancelled_and_ends_once)
{
	struct probe p = {
	    .job = {.run = run_until_cancelled, .done = on_done, .progress = on_progress},
	    .loop = mu_loop_new()};

	start(&p);
	mu_loop_run(p.loop);
	cr_assert_eq(p.n_done, 1);
	cr_assert(p.cancelled);
	cr_assert_eq(p.last_percent, 100);
	cr_assert_leq(p.n_progress, 100);
	mu_job_cancel(&p.job); /* harmless */
	mu_loop_free(p.loop);
}

static void run_nothing(struct mu_job *j)
{
	mu_job_report(j, 50); /* nobody listens */
}

static void start_again(struct mu_job *j)
{
	struct probe *p = MU_CONTAINER_OF(j, struct probe, job);

	if (++p->n_done < 50)
		start(p);
}

Test(job, may_start_again_when_done)
{
	struct probe p = {.job = {.run = run_nothing, .done = start_again}, .loop = mu_loop_new()};

	start(&p);
	mu_loop_run(p.loop);
	cr_assert_eq(p.n_done, 50);
	mu_loop_free(p.loop);
}

enum { N_MANY = 40 }; /* more than the pool of work.h has threads */

Test(job, many_run_at_once)
{
	static struct probe many[N_MANY];
	struct mu_loop *loop = mu_loop_new();

	for (size_t i = 0; i < N_MANY; i++) {
		many[i] = (struct probe){.job = {.run = run_until_cancelled, .done = on_done},
					 .loop = loop};
		start(&many[i]);
	}
	for (size_t i = N_MANY; i > 0; i--)
		mu_job_cancel(&many[i - 1].job);
	mu_loop_run(loop);
	for (size_t i = 0; i < N_MANY; i++)
		cr_assert(many[i].cancelled && many[i].n_done == 1);
	mu_loop_free(loop);
}
