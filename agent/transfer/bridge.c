/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/transfer/bridge.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

static void watch(struct bridge *b)
{
	unsigned events = 0;

	if (b->out.len > 0)
		events |= MU_POLL_OUT;
	if (b->in.len == 0 && !b->in_ended)
		events |= MU_POLL_IN;
	mu_poll_set(b->poll, events);
}

static void end(struct bridge *b, const struct mu_error *why)
{
	mu_poll_set(b->poll, 0);
	mu_pipe_close(&b->near, why);
	b->closed(b->ctx);
}

/* To the thread */

/* The rest stays in b->out. A thread that is gone reads nothing: its end says why. */
static void flush(struct bridge *b)
{
	size_t sent = 0;

	while (sent < b->out.len) {
		ssize_t n = send(b->fd, b->out.data + sent, b->out.len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			n = (ssize_t)(b->out.len - sent);
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	if (sent == b->out.len) {
		mu_str_reset(&b->out);
	} else if (sent > 0) {
		MU_CLEANUP(mu_str_deinit) struct mu_str rest = MU_STR_INIT;

		mu_str_add_bytes(&rest, b->out.data + sent, b->out.len - sent);
		mu_str_reset(&b->out);
		mu_str_add_bytes(&b->out, rest.data, rest.len);
	}
	if (b->out.len == 0 && b->out_ended)
		(void)shutdown(b->fd, SHUT_WR);
}

static int pipe_send(void *side, const void *data, size_t len)
{
	struct bridge *b = side;

	if (b->out.len > 0) {
		b->out_waits = true;
		return MU_PIPE_FULL;
	}
	mu_str_add_bytes(&b->out, data, len);
	flush(b);
	watch(b);
	return 0;
}

static void pipe_end(void *side)
{
	struct bridge *b = side;

	b->out_ended = true;
	flush(b);
}

static void pipe_close(void *side, const struct mu_error *why)
{
	struct bridge *b = side;

	(void)why;
	b->near.ops = NULL;
	mu_poll_set(b->poll, 0);
	b->closed(b->ctx);
}

/* From the thread */

/* False: closed. */
static bool pass_on(struct bridge *b)
{
	if (b->in.len > 0 && mu_pipe_send(&b->near, b->in.data, b->in.len) == MU_PIPE_FULL)
		return true;
	mu_str_reset(&b->in);
	if (!b->in_ended || !b->finished)
		return true;
	end(b, NULL);
	return false;
}

static void pipe_writable(void *side)
{
	struct bridge *b = side;

	if (b->in.len > 0 && pass_on(b))
		watch(b);
}

const struct mu_pipe_ops bridge_pipe = {
    .send = pipe_send,
    .writable = pipe_writable,
    .end = pipe_end,
    .close = pipe_close,
};

static bool receive(struct bridge *b)
{
	char piece[PIECE];
	ssize_t n = recv(b->fd, piece, sizeof piece, 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		b->in_ended = true;
	else
		mu_str_add_bytes(&b->in, piece, (size_t)n);
	return pass_on(b);
}

static void on_ready(void *ctx, unsigned events)
{
	struct bridge *b = ctx;

	if (events & MU_POLL_OUT && b->out.len > 0) {
		flush(b);
		if (b->out.len == 0 && b->out_waits) {
			b->out_waits = false;
			mu_pipe_writable(&b->near);
			if (!b->near.ops)
				return;
		}
	}
	if (events & MU_POLL_IN && b->in.len == 0 && !b->in_ended && !receive(b))
		return;
	watch(b);
}

/* Life */

int bridge_init(struct bridge *b, struct mu_loop *loop, int *ret_fd, struct mu_error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return mu_error_errno(err, errno, "socketpair");
	if (mu_poll_new(loop, fds[0], on_ready, b, &b->poll, err) < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return MU_FAILED;
	}
	b->fd = fds[0];
	*ret_fd = fds[1];
	return 0;
}

void bridge_deinit(struct bridge *b)
{
	if (b->poll)
		(void)close(b->fd);
	b->poll = mu_poll_free(b->poll);
	mu_str_deinit(&b->out);
	mu_str_deinit(&b->in);
}

void bridge_start(struct bridge *b)
{
	watch(b);
}

void bridge_finish(struct bridge *b, const struct mu_error *why)
{
	if (!b->near.ops)
		return;
	if (why) {
		end(b, why);
		return;
	}
	b->finished = true;
	if (b->in_ended && b->in.len == 0)
		end(b, NULL);
}
