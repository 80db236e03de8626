/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posts: one mutex-guarded list, one uv_async. The async is sent only when the list was empty, and
 * a drain takes the whole list, so a burst of posts costs one wake-up. What a callback posts is
 * run in the next iteration: a chain of posts cannot starve I/O.
 *
 * The async handle is unreferenced unless mu_loop_ref() holds it, so that a loop with nothing to
 * wait for ends; mu_loop_run() looks at the list itself before it believes that.
 */
#include "common/loop/loop.h"

#include "common/base/assert.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

struct post {
	struct post *next;
	mu_loop_cb cb;
	void *ctx;
};

struct mu_loop {
	uv_loop_t uv;
	uv_async_t async;
	pthread_mutex_t lock;
	struct post *first; /* under lock */
	struct post **last; /* under lock */
	unsigned n_refs;
	bool stopped;
};

struct mu_timer {
	uv_timer_t uv;
	mu_loop_cb cb;
	void *ctx;
};

static void drain(uv_async_t *async)
{
	struct mu_loop *loop = async->data;
	struct post *p;

	(void)pthread_mutex_lock(&loop->lock);
	p = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	(void)pthread_mutex_unlock(&loop->lock);
	while (p) {
		struct post *next = p->next;

		p->cb(p->ctx);
		free(p);
		p = next;
	}
}

struct mu_loop *mu_loop_new(void)
{
	struct mu_loop *loop = mu_xcalloc(1, sizeof *loop);

	mu_assert(uv_loop_init(&loop->uv) == 0);
	mu_assert(uv_async_init(&loop->uv, &loop->async, drain) == 0);
	uv_unref((uv_handle_t *)&loop->async);
	loop->async.data = loop;
	loop->last = &loop->first;
	(void)pthread_mutex_init(&loop->lock, NULL);
	return loop;
}

static bool has_posts(struct mu_loop *loop)
{
	bool any;

	(void)pthread_mutex_lock(&loop->lock);
	any = loop->first != NULL;
	(void)pthread_mutex_unlock(&loop->lock);
	return any;
}

void mu_loop_run(struct mu_loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped) {
		(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
		if (!has_posts(loop))
			break;
		if (!loop->stopped)
			drain(&loop->async);
	}
}

void mu_loop_stop(struct mu_loop *loop)
{
	loop->stopped = true;
	uv_stop(&loop->uv);
}

struct mu_loop *mu_loop_free(struct mu_loop *loop)
{
	if (!loop)
		return NULL;
	while (has_posts(loop))
		drain(&loop->async);
	uv_close((uv_handle_t *)&loop->async, NULL);
	/* Handles that were freed but not yet closed finish here; a live one would hang us, and is
	 * found by uv_loop_close() instead. */
	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
	mu_assert(!has_posts(loop));
	mu_assert(uv_loop_close(&loop->uv) == 0);
	(void)pthread_mutex_destroy(&loop->lock);
	free(loop);
	return NULL;
}

struct uv_loop_s *mu_loop_uv(struct mu_loop *loop)
{
	return &loop->uv;
}

mu_msec mu_loop_now(const struct mu_loop *loop)
{
	return (mu_msec)uv_now(&loop->uv);
}

void mu_loop_post_from_thread(struct mu_loop *loop, mu_loop_cb cb, void *ctx)
{
	struct post *p = mu_xmalloc(sizeof *p);
	bool was_empty;

	*p = (struct post){.cb = cb, .ctx = ctx};
	(void)pthread_mutex_lock(&loop->lock);
	was_empty = loop->first == NULL;
	*loop->last = p;
	loop->last = &p->next;
	(void)pthread_mutex_unlock(&loop->lock);
	if (was_empty)
		mu_assert(uv_async_send(&loop->async) == 0);
}

void mu_loop_post(struct mu_loop *loop, mu_loop_cb cb, void *ctx)
{
	mu_loop_post_from_thread(loop, cb, ctx);
}

void mu_loop_ref(struct mu_loop *loop)
{
	if (loop->n_refs++ == 0)
		uv_ref((uv_handle_t *)&loop->async);
}

void mu_loop_unref(struct mu_loop *loop)
{
	mu_assert(loop->n_refs > 0);
	if (--loop->n_refs == 0)
		uv_unref((uv_handle_t *)&loop->async);
}

/* Timers */

static void on_timer(uv_timer_t *uv)
{
	struct mu_timer *t = uv->data;

	t->cb(t->ctx);
}

struct mu_timer *mu_timer_new(struct mu_loop *loop, mu_loop_cb cb, void *ctx)
{
	struct mu_timer *t = mu_xcalloc(1, sizeof *t);

	mu_assert(uv_timer_init(&loop->uv, &t->uv) == 0);
	t->uv.data = t;
	t->cb = cb;
	t->ctx = ctx;
	return t;
}

static void free_closed_timer(uv_handle_t *h)
{
	free(h->data);
}

struct mu_timer *mu_timer_free(struct mu_timer *t)
{
	if (t)
		uv_close((uv_handle_t *)&t->uv, free_closed_timer);
	return NULL;
}

void mu_timer_set(struct mu_timer *t, mu_msec delay)
{
	/* uv_timer_start counts from the loop's cached time, which may be old by now. */
	uv_update_time(t->uv.loop);
	(void)uv_timer_start(&t->uv, on_timer, delay > 0 ? (uint64_t)delay : 0, 0);
}

void mu_timer_cancel(struct mu_timer *t)
{
	(void)uv_timer_stop(&t->uv);
}

bool mu_timer_is_set(const struct mu_timer *t)
{
	return uv_is_active((const uv_handle_t *)&t->uv) != 0;
}

/* Signals */

enum { N_SIGNALS = 3 };

struct mu_signals {
	uv_signal_t uv[N_SIGNALS];
	mu_loop_cb on_stop;
	mu_loop_cb on_hup;
	void *ctx;
	unsigned n_open;
};

static void on_signal(uv_signal_t *uv, int signum)
{
	struct mu_signals *s = uv->data;

	(signum == SIGHUP ? s->on_hup : s->on_stop)(s->ctx);
}

struct mu_signals *mu_signals_new(struct mu_loop *loop, mu_loop_cb on_stop, mu_loop_cb on_hup,
				  void *ctx)
{
	static const int numbers[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
	struct mu_signals *s = mu_xcalloc(1, sizeof *s);

	s->on_stop = on_stop;
	s->on_hup = on_hup;
	s->ctx = ctx;
	for (unsigned i = 0; i < N_SIGNALS; i++) {
		if (numbers[i] == SIGHUP && !on_hup)
			continue;
		mu_assert(uv_signal_init(&loop->uv, &s->uv[i]) == 0);
		s->uv[i].data = s;
		mu_assert(uv_signal_start(&s->uv[i], on_signal, numbers[i]) == 0);
		uv_unref((uv_handle_t *)&s->uv[i]);
		s->n_open++;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	return s;
}

static void free_closed_signal(uv_handle_t *h)
{
	struct mu_signals *s = h->data;

	if (--s->n_open == 0)
		free(s);
}

struct mu_signals *mu_signals_free(struct mu_signals *s)
{
	if (s)
		for (unsigned i = 0; i < N_SIGNALS; i++)
			if (s->uv[i].data)
				uv_close((uv_handle_t *)&s->uv[i], free_closed_signal);
	return NULL;
}
