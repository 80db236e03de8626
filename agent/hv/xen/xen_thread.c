/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_thread.h"

#include "common/base/assert.h"

void xen_thread_init(struct xen_thread *t, struct mu_loop *home)
{
	*t = (struct xen_thread){.home = home, .loop = mu_loop_new()};
}

static void *thread_main(void *arg)
{
	struct xen_thread *t = arg;

	mu_loop_run(t->loop);
	mu_loop_post_from_thread(t->home, t->ended, t->ctx);
	return NULL;
}

int xen_thread_start(struct xen_thread *t, const char *name, struct mu_error *err)
{
	int rc;

	/* Signals stay unblocked: libxl's children inherit the mask, and a QEMU that does not hear
	 * SIGTERM would be worse than a handler that runs here (libuv's only writes to a pipe). */
	mu_loop_ref(t->loop);
	rc = pthread_create(&t->id, NULL, thread_main, t);
	if (rc != 0) {
		mu_loop_unref(t->loop);
		return mu_error_errno(err, rc, "cannot start the thread \"%s\"", name);
	}
	(void)pthread_setname_np(t->id, name);
	t->running = true;
	return 0;
}

void xen_thread_post(struct xen_thread *t, mu_loop_cb cb, void *ctx)
{
	mu_loop_post_from_thread(t->loop, cb, ctx);
}

static void let_end(void *arg)
{
	struct xen_thread *t = arg;

	mu_loop_unref(t->loop);
}

void xen_thread_stop(struct xen_thread *t, mu_loop_cb last, mu_loop_cb ended, void *ctx)
{
	t->ended = ended;
	t->ctx = ctx;
	if (t->running) {
		xen_thread_post(t, last, ctx);
		xen_thread_post(t, let_end, t);
		return;
	}
	last(ctx);
	mu_loop_run(t->loop);
	mu_loop_post(t->home, ended, ctx);
}

void xen_thread_deinit(struct xen_thread *t)
{
	if (t->running)
		mu_assert(pthread_join(t->id, NULL) == 0);
	t->running = false;
	t->loop = mu_loop_free(t->loop);
}
