/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/loop.h"
#include "common/loop/work.h"
#include "common/os/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static struct mu_loop *loop;
static int order[16];
static size_t n_order;

static void setup(void)
{
	loop = mu_loop_new();
	n_order = 0;
}

static void teardown(void)
{
	loop = mu_loop_free(loop);
}

TestSuite(loop, .init = setup, .fini = teardown, .timeout = 60);

static void note(void *ctx)
{
	order[n_order++] = *(int *)ctx;
}

static void post_more(void *ctx)
{
	static int nine = 9;

	note(ctx);
	mu_loop_post(loop, note, &nine);
	cr_assert_eq(order[n_order - 1], 1); /* not run inside the call */
}

Test(loop, posts_run_in_order_and_later)
{
	static int one = 1, two = 2;
	int want[] = {1, 2, 9};

	mu_loop_post(loop, post_more, &one);
	mu_loop_post(loop, note, &two);
	cr_assert_eq(n_order, 0);
	mu_loop_run(loop);
	cr_assert_arr_eq(order, want, sizeof want);
}

enum { N_THREADS = 4, N_POSTS = 5000 };

static int n_posted;

static void count(void *ctx)
{
	(void)ctx;
	if (++n_posted == N_THREADS * N_POSTS)
		mu_loop_unref(loop);
}

static void *poster(void *ctx)
{
	for (int i = 0; i < N_POSTS; i++)
		mu_loop_post_from_thread(loop, count, ctx);
	return NULL;
}

Test(loop, posts_from_threads_all_arrive_on_the_loop)
{
	pthread_t threads[N_THREADS];

	mu_loop_ref(loop);
	for (int i = 0; i < N_THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, poster, NULL), 0);
	mu_loop_run(loop);
	for (int i = 0; i < N_THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(n_posted, N_THREADS * N_POSTS);
}

static struct mu_timer *timer;

static void free_itself(void *ctx)
{
	note(ctx);
	timer = mu_timer_free(timer);
}

Test(loop, a_timer_fires_once_can_move_and_free_itself)
{
	static int one = 1;
	struct mu_timer *cancelled = mu_timer_new(loop, note, &one);
	mu_msec start = mu_clock_monotonic();

	timer = mu_timer_new(loop, free_itself, &one);
	mu_timer_set(timer, 60000);
	mu_timer_set(timer, 20);
	mu_timer_set(cancelled, 1);
	cr_assert(mu_timer_is_set(cancelled));
	mu_timer_cancel(cancelled);
	cr_assert_not(mu_timer_is_set(cancelled));
	mu_loop_run(loop);
	cr_assert_eq(n_order, 1);
	cr_assert_geq(mu_clock_monotonic() - start, 19);
	cancelled = mu_timer_free(cancelled);
	cr_assert_null(mu_timer_free(NULL));
}

struct job {
	struct mu_work work;
	int n;
	pthread_t ran_on;
};

static void work_run(struct mu_work *w)
{
	struct job *j = MU_CONTAINER_OF(w, struct job, work);

	j->n *= 2;
	j->ran_on = pthread_self();
}

static void work_done(struct mu_work *w)
{
	struct job *j = MU_CONTAINER_OF(w, struct job, work);

	cr_assert_not(pthread_equal(j->ran_on, pthread_self()));
	if (j->n < 16)
		mu_work_start(w, loop); /* again, from its own end */
}

Test(loop, work_runs_elsewhere_and_ends_here)
{
	struct job j = {.work = {.run = work_run, .done = work_done}, .n = 1};

	mu_work_start(&j.work, loop);
	mu_loop_run(loop);
	cr_assert_eq(j.n, 16);
}

static void stop(void *ctx)
{
	note(ctx);
	mu_loop_stop(loop);
}

Test(loop, signals_stop_it)
{
	static int one = 1;
	struct mu_signals *s = mu_signals_new(loop, stop, note, &one);

	mu_loop_ref(loop);
	cr_assert_eq(raise(SIGHUP), 0);
	cr_assert_eq(raise(SIGTERM), 0);
	cr_assert_eq(raise(SIGPIPE), 0); /* ignored */
	mu_loop_run(loop);
	cr_assert_eq(n_order, 2);
	mu_loop_unref(loop);
	s = mu_signals_free(s);
	cr_assert_null(s);
}

Test(loop, a_handle_left_open_is_a_bug, .signal = SIGABRT)
{
	(void)mu_timer_new(loop, note, NULL);
	mu_loop_free(loop);
}
