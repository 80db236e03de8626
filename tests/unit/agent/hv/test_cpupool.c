/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of CPU pools that the hypervisor does not come back from: its user is answered at the
 * deadline, the next change is refused, nothing else waits, and closing leaves the thread behind.
 */
#include "agent/hv/hv.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

/* The part of a driver that pools need, whose change hangs until it is told to go on. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool hangs;
	unsigned n_changes;
	bool made;
	enum mu_error_code fails;
} driver = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static int host_info(void *impl, struct model_host *ret, struct mu_error *err)
{
	(void)impl, (void)err;
	model_host_init(ret);
	ret->cpus = 4;
	return 0;
}

static int cpupools(void *impl, struct hv_cpupool *ret, size_t max, size_t *ret_n,
		    struct mu_error *err)
{
	(void)impl, (void)err;
	cr_assert_geq(max, 2u);
	memset(ret, 0, 2 * sizeof *ret);
	memcpy(ret[0].name, "Pool-0", sizeof "Pool-0");
	ret[0].n_domains = 1;
	ret[0].n_cpus = 1;
	memcpy(ret[1].name, "new", sizeof "new");
	ret[1].n_cpus = 1;
	ret[1].cpus[0] = 2;
	(void)pthread_mutex_lock(&driver.lock);
	*ret_n = driver.made ? 2 : 1;
	(void)pthread_mutex_unlock(&driver.lock);
	return 0;
}

static int change(void *impl, const struct hv_cpupool_change *c, struct mu_error *err)
{
	enum mu_error_code fails;

	(void)impl, (void)c;
	(void)pthread_mutex_lock(&driver.lock);
	driver.n_changes++;
	while (driver.hangs)
		(void)pthread_cond_wait(&driver.cond, &driver.lock);
	fails = driver.fails;
	driver.made = fails == MU_E_NONE;
	(void)pthread_mutex_unlock(&driver.lock);
	return fails == MU_E_NONE ? 0 : mu_error_set(err, fails, "the hypervisor refuses");
}

static const struct hv_ops ops = {.name = "pools",
				  .host_info = host_info,
				  .cpupools = cpupools,
				  .cpupool_change = change,
				  .cpupool_change_blocks = true};

static struct mu_loop *loop;
static struct hv_changer *changer;
static struct mu_timer *guard;

static void set_hanging(bool hangs)
{
	(void)pthread_mutex_lock(&driver.lock);
	driver.hangs = hangs;
	(void)pthread_cond_broadcast(&driver.cond);
	(void)pthread_mutex_unlock(&driver.lock);
}

static void too_long(void *ctx)
{
	(void)ctx;
	cr_assert(false, "nothing happened for a minute");
}

static void setup(void)
{
	loop = mu_loop_new();
	guard = mu_timer_new(loop, too_long, NULL);
	mu_timer_set(guard, MU_SEC(60));
	changer = hv_changer_new(loop, &ops, NULL);
	driver.n_changes = 0;
	driver.made = false;
	driver.fails = MU_E_NONE;
	set_hanging(false);
}

static void teardown(void)
{
	set_hanging(false);
	guard = mu_timer_free(guard);
	mu_loop_run(loop);
	changer = hv_changer_free(changer);
	loop = mu_loop_free(loop);
}

TestSuite(cpupool, .init = setup, .fini = teardown);

static void on_done(struct hv_cpupool_op *op)
{
	(*(unsigned *)op->ctx)++;
	mu_loop_stop(loop);
}

static struct hv_cpupool_op creation(unsigned *n_done)
{
	struct hv_cpupool_op op = {.change = {.what = HV_CPUPOOL_CREATE}, .done = on_done};

	memcpy(op.change.name, "new", sizeof "new");
	memcpy(op.change.cpus, "2", sizeof "2");
	op.ctx = n_done;
	return op;
}

static void wait_for(const unsigned *n, unsigned count)
{
	while (*n < count)
		mu_loop_run(loop);
}

Test(cpupool, done_and_failed)
{
	unsigned n_done = 0;
	struct hv_cpupool_op op = creation(&n_done);

	hv_changer_start(changer, &op);
	cr_expect_eq(n_done, 0);
	wait_for(&n_done, 1);
	cr_expect_eq(op.r, 0, "%s", op.err.text);
	driver.made = false;
	driver.fails = MU_E_EXHAUSTED;
	hv_changer_start(changer, &op);
	wait_for(&n_done, 2);
	cr_expect_lt(op.r, 0);
	cr_expect_eq(op.err.code, MU_E_EXHAUSTED);
}

Test(cpupool, one_that_hangs_is_answered_and_stops_only_its_like)
{
	unsigned n_done = 0;
	struct hv_cpupool_op op = creation(&n_done), other = creation(&n_done);

	set_hanging(true);
	op.deadline = 50;
	hv_changer_start(changer, &op);
	hv_changer_start(changer, &other);
	wait_for(&n_done, 1);
	cr_expect_eq(other.err.code, MU_E_STATE, "while it runs");
	wait_for(&n_done, 2);
	cr_expect_eq(op.err.code, MU_E_TIMEOUT, "%s", op.err.text);
	hv_changer_start(changer, &other);
	wait_for(&n_done, 3);
	cr_expect_eq(other.err.code, MU_E_STATE, "and while it hangs");
	cr_expect_eq(driver.n_changes, 1u);
	set_hanging(false);
}

Test(cpupool, cancelled)
{
	unsigned n_done = 0;
	struct hv_cpupool_op op = creation(&n_done);

	set_hanging(true);
	hv_changer_start(changer, &op);
	hv_changer_cancel(changer, &op);
	hv_changer_cancel(changer, &op);
	cr_expect_eq(n_done, 0);
	wait_for(&n_done, 1);
	cr_expect_eq(op.err.code, MU_E_CANCELLED);
	set_hanging(false);
}

Test(cpupool, closed_while_it_hangs)
{
	unsigned n_done = 0;
	struct hv_cpupool_op op = creation(&n_done);

	set_hanging(true);
	hv_changer_start(changer, &op);
	hv_changer_close(changer);
	wait_for(&n_done, 1);
	cr_expect_eq(op.err.code, MU_E_CANCELLED);
	set_hanging(false);
}

Test(cpupool, what_is_refused_reaches_no_driver)
{
	unsigned n_done = 0;
	struct hv_cpupool_op op = creation(&n_done);

	memcpy(op.change.cpus, "9", sizeof "9");
	hv_changer_start(changer, &op);
	cr_expect_eq(n_done, 0);
	wait_for(&n_done, 1);
	cr_expect_eq(op.err.code, MU_E_INVALID);
	cr_expect_eq(driver.n_changes, 0u);
}
