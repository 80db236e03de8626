/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     start - look and check - [thread: the driver] - done
 *
 * `run` is what the thread has: when its user has been answered at the deadline, or the driver is
 * closed, it goes on alone and frees itself when it comes back.
 */
#include "agent/hv/hv.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/loop/job.h"

#include <inttypes.h>
#include <stdlib.h>

#define DEADLINE MU_SEC(60)

/* A driver may learn a pool's name a moment after it was made: nobody shall be told that it is
 * there, and then that it is not. polls: the driver tells no changes of pools. */
enum { SHOW_EVERY_MS = 20, SHOW_TRIES = 100 };

struct run {
	struct mu_job job;
	struct hv_changer *changer; /* NULL: closed */
	const struct hv_ops *ops;
	void *impl;
	struct hv_cpupool_change change;
	int r;
	struct mu_error err;
};

struct hv_changer {
	struct mu_loop *loop;
	const struct hv_ops *ops;
	void *impl;
	struct mu_timer *timer;
	struct run *run;          /* the thread that is out */
	struct hv_cpupool_op *op; /* the one under way; NULL: answered */
	int n_looks;
};

struct hv_changer *hv_changer_new(struct mu_loop *loop, const struct hv_ops *ops, void *impl)
{
	struct hv_changer *c = mu_xcalloc(1, sizeof *c);

	c->loop = loop;
	c->ops = ops;
	c->impl = impl;
	return c;
}

struct hv_changer *hv_changer_free(struct hv_changer *c)
{
	if (!c)
		return NULL;
	mu_assert(!c->op && !c->run);
	free(c);
	return NULL;
}

static void answer(void *ctx)
{
	struct hv_cpupool_op *op = ctx;

	op->active = false;
	op->done(op);
}

/* The first answer counts. */
static void settle(struct hv_changer *c, int r, const struct mu_error *err)
{
	struct hv_cpupool_op *op = MU_TAKE(c->op);

	if (!op)
		return;
	c->timer = mu_timer_free(c->timer);
	op->r = r;
	if (r < 0)
		op->err = *err;
	mu_loop_post(c->loop, answer, op);
}

static void refuse(struct hv_changer *c, struct hv_cpupool_op *op, const struct mu_error *err)
{
	op->r = MU_FAILED;
	op->err = *err;
	mu_loop_post(c->loop, answer, op);
}

static void on_deadline(void *ctx)
{
	struct hv_changer *c = ctx;
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(
	    &err, MU_E_TIMEOUT,
	    "the hypervisor has not answered yet; hint: no other change of CPU pools "
	    "is possible until it does");
	mu_log_warning("change of CPU pools hangs pool=\"%s\"", c->run->change.name);
	settle(c, MU_FAILED, &err);
}

/* The thread. */
static void run_change(struct mu_job *j)
{
	struct run *run = MU_CONTAINER_OF(j, struct run, job);

	run->r = run->ops->cpupool_change(run->impl, &run->change, &run->err);
}

static bool is_shown(const struct hv_changer *c)
{
	MU_CLEANUP(mu_free) struct hv_cpupool *pools = mu_xcalloc(HV_CPUPOOLS_MAX, sizeof *pools);
	size_t n = 0;

	return c->ops->cpupools(c->impl, pools, HV_CPUPOOLS_MAX, &n, NULL) < 0 ||
	       hv_cpupool_is(pools, n, &c->op->change);
}

static void look_again(void *ctx)
{
	struct hv_changer *c = ctx;

	if (is_shown(c) || ++c->n_looks == SHOW_TRIES)
		settle(c, 0, NULL);
	else
		mu_timer_set(c->timer, SHOW_EVERY_MS);
}

static void on_changed(struct mu_job *j)
{
	MU_CLEANUP(mu_free) struct run *run = MU_CONTAINER_OF(j, struct run, job);
	struct hv_changer *c = run->changer;

	if (!c)
		return;
	c->run = NULL;
	if (!c->op || run->r < 0) {
		settle(c, run->r, &run->err);
		return;
	}
	c->timer = mu_timer_free(c->timer);
	c->timer = mu_timer_new(c->loop, look_again, c);
	c->n_looks = 0;
	look_again(c);
}

static int look(struct hv_changer *c, struct hv_cpupool_change *change, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_cpupool *pools = mu_xcalloc(HV_CPUPOOLS_MAX, sizeof *pools);
	const struct hv_cpupool *pool;
	struct model_host host;
	size_t n = 0;

	if (!c->ops->cpupools || !c->ops->cpupool_change)
		return mu_error_set(err, MU_E_UNSUPPORTED, "driver %s does not change CPU pools",
				    c->ops->name);
	if (c->run || c->op)
		return mu_error_set(err, MU_E_STATE,
				    "another change of CPU pools is under way; hint: wait for it");
	if (c->ops->host_info(c->impl, &host, err) < 0 ||
	    c->ops->cpupools(c->impl, pools, HV_CPUPOOLS_MAX, &n, err) < 0 ||
	    hv_cpupool_check(pools, n, host.cpus, change, err) < 0)
		return MU_FAILED;
	pool = hv_cpupool_find(pools, n, change->name);
	change->id = pool ? pool->id : 0;
	return 0;
}

static void start_thread(struct hv_changer *c, struct hv_cpupool_op *op)
{
	struct run *run = mu_xcalloc(1, sizeof *run);
	struct mu_error err = MU_ERROR_INIT;

	run->job = (struct mu_job){.run = run_change, .done = on_changed};
	run->changer = c;
	run->ops = c->ops;
	run->impl = c->impl;
	run->change = op->change;
	if (mu_job_start(&run->job, c->loop, &err) < 0) {
		free(run);
		refuse(c, op, &err);
		return;
	}
	c->run = run;
	c->op = op;
	c->timer = mu_timer_new(c->loop, on_deadline, c);
	mu_timer_set(c->timer, op->deadline ? op->deadline : DEADLINE);
}

void hv_changer_start(struct hv_changer *c, struct hv_cpupool_op *op)
{
	struct mu_error err = MU_ERROR_INIT;

	mu_assert(!op->active && op->done && (unsigned)op->change.what < _HV_CPUPOOL_WHAT_COUNT);
	op->active = true;
	op->r = 0;
	mu_error_clear(&op->err);
	if (look(c, &op->change, &err) < 0) {
		refuse(c, op, &err);
	} else if (c->ops->cpupool_change_blocks) {
		start_thread(c, op);
	} else {
		if (c->ops->cpupool_change(c->impl, &op->change, &op->err) < 0)
			op->r = MU_FAILED;
		mu_loop_post(c->loop, answer, op);
	}
}

void hv_changer_cancel(struct hv_changer *c, const struct hv_cpupool_op *op)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(
	    &err, MU_E_CANCELLED,
	    "cancelled; hint: the hypervisor was asked already, see how the pools are");
	if (c->op == op)
		settle(c, MU_FAILED, &err);
}

void hv_changer_close(struct hv_changer *c)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_CANCELLED, "the hypervisor driver is being closed");
	settle(c, MU_FAILED, &err);
	if (c->run)
		c->run->changer = NULL;
	c->run = NULL;
}
