/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Done when three things have ended: the process and its two pipes. `struct child` holds the
 * handles and goes away when all of them are closed; the user's struct is not touched after `done`.
 *
 * A program may start others (a script, `ifup`). It is the leader of a group of its own, so that
 * killing it ends those too; and what it leaves running when it ends by itself, a daemon that still
 * holds the pipes, is not waited for longer than KILL_AFTER_MS.
 */
#include "common/loop/process.h"

#include "common/base/assert.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

enum { KILL_AFTER_MS = 5000, N_HANDLES = 4 };

struct child {
	struct mu_process *user; /* NULL after done */
	uv_process_t process;
	uv_pipe_t pipes[2]; /* stdout, stderr */
	uv_timer_t timer;
	char buffer[16384];
	bool exited;
	bool terminated; /* SIGTERM was sent; the next step is SIGKILL */
	unsigned n_eof;
	unsigned n_open;
};

static void on_closed(uv_handle_t *h)
{
	struct child *c = h->data;

	if (--c->n_open == 0)
		free(c);
}

static void close_all(struct child *c)
{
	uv_handle_t *all[N_HANDLES] = {(uv_handle_t *)&c->process, (uv_handle_t *)&c->pipes[0],
				       (uv_handle_t *)&c->pipes[1], (uv_handle_t *)&c->timer};

	for (unsigned i = 0; i < N_HANDLES; i++) {
		all[i]->data = c;
		if (!uv_is_closing(all[i]))
			uv_close(all[i], on_closed);
	}
}

static void maybe_done(struct child *c)
{
	struct mu_process *p = c->user;

	if (!c->exited || c->n_eof < 2 || !p)
		return;
	c->user = NULL;
	p->priv = NULL;
	close_all(c);
	p->done(p);
}

static void on_timer(uv_timer_t *timer);

static void on_process_exit(uv_process_t *process, int64_t status, int signum)
{
	struct child *c = process->data;
	struct mu_process *p = c->user;

	c->exited = true;
	if (c->n_eof < 2)
		(void)uv_timer_start(&c->timer, on_timer, KILL_AFTER_MS, 0);
	p->exit_code = signum ? -1 : (int)status;
	if (signum && p->err.code == MU_E_NONE)
		(void)mu_error_set(&p->err, MU_E_IO, "%s: killed by signal %d", p->argv[0], signum);
	else if (status && p->err.code == MU_E_NONE)
		(void)mu_error_set(&p->err, MU_E_IO, "%s: exit code %d", p->argv[0], (int)status);
	maybe_done(c);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret_buf)
{
	struct child *c = h->data;

	(void)suggested;
	*ret_buf = uv_buf_init(c->buffer, sizeof c->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct child *c = stream->data;
	struct mu_str *out =
	    stream == (uv_stream_t *)&c->pipes[0] ? &c->user->out : &c->user->errout;

	if (n < 0) {
		(void)uv_read_stop(stream);
		c->n_eof++;
		maybe_done(c);
		return;
	}
	/* Read on past the limit: a full pipe would hang the child. */
	if (out->len < c->user->output_max) {
		size_t room = c->user->output_max - out->len;

		mu_str_add_bytes(out, buf->base, (size_t)n < room ? (size_t)n : room);
	}
}

static void signal_group(const struct child *c, int signum)
{
	(void)kill(-c->process.pid, signum);
}

static void on_timer(uv_timer_t *timer)
{
	struct child *c = timer->data;

	if (c->exited) {
		if (c->terminated)
			signal_group(c, SIGKILL);
		c->n_eof = 2;
		maybe_done(c);
		return;
	}
	if (!c->terminated && c->user->err.code == MU_E_NONE)
		(void)mu_error_set(&c->user->err, MU_E_TIMEOUT, "%s: not finished after %lld ms",
				   c->user->argv[0], (long long)c->user->deadline);
	signal_group(c, c->terminated ? SIGKILL : SIGTERM);
	if (!c->terminated)
		(void)uv_timer_start(&c->timer, on_timer, KILL_AFTER_MS, 0);
	c->terminated = true;
}

static void done_not_started(void *ctx)
{
	struct mu_process *p = ctx;

	p->done(p);
}

void mu_process_start(struct mu_process *p, struct mu_loop *loop)
{
	uv_loop_t *uv = mu_loop_uv(loop);
	struct child *c = mu_xcalloc(1, sizeof *c);
	uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
	uv_process_options_t options = {
	    .exit_cb = on_process_exit, .file = p->argv[0], .flags = UV_PROCESS_DETACHED};
	int rc;

	mu_assert(!p->priv);
	p->exit_code = -1;
	mu_error_clear(&p->err);
	c->user = p;
	c->n_open = N_HANDLES;
	for (unsigned i = 0; i < 2; i++) {
		mu_assert(uv_pipe_init(uv, &c->pipes[i], 0) == 0);
		c->pipes[i].data = c;
		stdio[1 + i].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
		stdio[1 + i].data.stream = (uv_stream_t *)&c->pipes[i];
	}
	mu_assert(uv_timer_init(uv, &c->timer) == 0);
	c->timer.data = c;
	c->process.data = c;
	options.args = (char **)(uintptr_t)p->argv; /* libuv only reads them */
	options.stdio = stdio;
	options.stdio_count = 3;
	rc = uv_spawn(uv, &c->process, &options);
	if (rc != 0) {
		(void)mu_error_errno(&p->err, -rc, "%s: cannot start", p->argv[0]);
		c->user = NULL;
		close_all(c);
		mu_loop_post(loop, done_not_started, p);
		return;
	}
	p->priv = c;
	for (unsigned i = 0; i < 2; i++)
		mu_assert(uv_read_start((uv_stream_t *)&c->pipes[i], on_alloc, on_read) == 0);
	if (p->deadline > 0)
		(void)uv_timer_start(&c->timer, on_timer, (uint64_t)p->deadline, 0);
}

void mu_process_cancel(struct mu_process *p)
{
	struct child *c = p->priv;

	if (!c || c->terminated || c->exited)
		return;
	(void)mu_error_set(&p->err, MU_E_CANCELLED, "%s: cancelled", p->argv[0]);
	on_timer(&c->timer);
}

void mu_process_deinit(struct mu_process *p)
{
	mu_str_deinit(&p->out);
	mu_str_deinit(&p->errout);
}
