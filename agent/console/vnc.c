/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VNC: a connection to the VM's VNC server for each viewer. What the server says is passed on as it
 * is; what the viewer says goes through agent/core/rfb.h, which leaves out keys and pointer of
 * those who may only look. The server tells when the VM ends by closing the connection.
 *
 * Back-pressure is TCP's: while the viewer takes nothing, nothing is read from the server, and the
 * other way round.
 */
#include "agent/console/viewer.h"
#include "agent/core/rfb.h"
#include "common/loop/poll.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { INPUT_MAX = 65536 };

struct screen {
	struct viewer base;
	struct mu_link link; /* hub's screens */
	bool writer;         /* of this VM's screens, this one types */
	int fd;
	struct mu_poll *poll;
	bool connecting;
	struct rfb rfb;
	struct mu_str input; /* on its way to the server */
	bool waits;          /* was told that its input is not taken */
	bool ended;          /* no more input comes */
	char held[CONSOLE_PIECE_MAX];
	size_t n_held; /* read, and not taken by the viewer */
	struct mu_timer *later;
	struct mu_error why; /* found out inside a call: to be told by `later` */
};

static struct screen *other_writer(const struct screen *v)
{
	mu_list_each(it, &v->base.hub->screens)
	{
		struct screen *other = MU_CONTAINER_OF(it, struct screen, link);

		if (other != v && other->writer &&
		    mu_uuid_equal(&other->base.vm.uuid, &v->base.vm.uuid))
			return other;
	}
	return NULL;
}

static void choose_writer(struct screen *v, bool take)
{
	struct screen *was = other_writer(v);

	if (!v->base.wants_write || (was && !take))
		return;
	if (was) {
		viewer_log_taken(&was->base, &v->base);
		was->writer = false;
	}
	v->writer = true;
}

/* The oldest who wants to. */
static void writer_left(struct console_hub *hub, const struct vm_id *vm)
{
	mu_list_each(it, &hub->screens)
	{
		struct screen *v = MU_CONTAINER_OF(it, struct screen, link);

		if (v->base.wants_write && mu_uuid_equal(&v->base.vm.uuid, &vm->uuid)) {
			v->writer = true;
			return;
		}
	}
}

static void leave(struct screen *v)
{
	struct console_hub *hub = v->base.hub;
	struct vm_id vm = v->base.vm;
	bool writer = v->writer;

	mu_list_remove(&v->link);
	mu_poll_free(v->poll);
	mu_timer_free(v->later);
	(void)close(v->fd);
	mu_str_deinit(&v->input);
	viewer_deinit(&v->base);
	free(v);
	if (writer)
		writer_left(hub, &vm);
}

static void finish(struct screen *v, const struct mu_error *why)
{
	struct mu_pipe near = v->base.near;
	struct mu_error copy = *why;

	leave(v);
	mu_pipe_close(&near, &copy);
}

static void on_later(void *ctx)
{
	struct screen *v = ctx;

	finish(v, &v->why);
}

static void watch(struct screen *v)
{
	unsigned events = v->connecting || v->input.len > 0 ? MU_POLL_OUT : 0;

	if (!v->connecting && v->n_held == 0)
		events |= MU_POLL_IN;
	mu_poll_set(v->poll, events);
}

/* From the server */

/* 0, or MU_FAILED with v->why. */
static int show(struct screen *v)
{
	ssize_t n = recv(v->fd, v->held, sizeof v->held, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return mu_error_set(&v->why, MU_E_STATE,
				    "the VM's display has ended; hint: open it again when the VM "
				    "runs");
	v->n_held = (size_t)n;
	if (viewer_send(&v->base, v->held, v->n_held) == 0)
		v->n_held = 0;
	return 0;
}

static void viewer_writable(void *side)
{
	struct screen *v = side;

	if (v->n_held > 0 && viewer_send(&v->base, v->held, v->n_held) == 0)
		v->n_held = 0;
	watch(v);
}

/* To the server */

static int type(struct screen *v)
{
	ssize_t n = send(v->fd, v->input.data, v->input.len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return mu_error_errno(&v->why, errno, "the VM's display takes no input");
	if (n > 0) {
		v->input.len -= (size_t)n;
		memmove(v->input.data, v->input.data + n, v->input.len);
	}
	if (v->input.len == 0 && v->ended)
		(void)shutdown(v->fd, SHUT_WR);
	if (v->waits && v->input.len <= INPUT_MAX / 2) {
		v->waits = false;
		mu_pipe_writable(&v->base.near);
	}
	return 0;
}

static int viewer_types(void *side, const void *data, size_t len)
{
	struct screen *v = side;

	if (v->input.len > 0 && v->input.len + len > INPUT_MAX) {
		v->waits = true;
		return MU_PIPE_FULL;
	}
	if (v->why.code == MU_E_NONE &&
	    rfb_step(&v->rfb, data, len, v->writer, &v->input, &v->why) < 0)
		mu_timer_set(v->later, 0);
	v->base.n_typed += len;
	watch(v);
	return 0;
}

static void viewer_end(void *side)
{
	struct screen *v = side;

	v->ended = true;
	if (v->input.len == 0 && !v->connecting)
		(void)shutdown(v->fd, SHUT_WR);
}

static void viewer_close(void *side, const struct mu_error *why)
{
	(void)why;
	leave(side);
}

static const struct mu_pipe_ops viewer_ops = {
    .send = viewer_types,
    .writable = viewer_writable,
    .end = viewer_end,
    .close = viewer_close,
};

/* The connection */

static int connected(struct screen *v)
{
	int code = 0;
	socklen_t len = sizeof code;

	if (getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code != 0)
		return mu_error_errno(&v->why, code, "the VM's display cannot be reached");
	v->connecting = false;
	return 0;
}

static void on_poll(void *ctx, unsigned events)
{
	struct screen *v = ctx;
	int r = 0;

	if (v->connecting)
		r = connected(v);
	else if (events & MU_POLL_IN)
		r = show(v);
	if (r == 0 && events & MU_POLL_OUT && v->input.len > 0)
		r = type(v);
	if (r < 0)
		finish(v, &v->why);
	else
		watch(v);
}

static int dial_unix(const char *path, struct mu_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof addr.sun_path)
		return mu_error_set(err, MU_E_UNSUPPORTED, "the socket path %s is too long", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
		(void)mu_error_errno(err, errno, "the VM's display at %s", path);
		if (fd >= 0)
			(void)close(fd);
		return MU_FAILED;
	}
	return fd;
}

/* What listens on all addresses is reached at the loopback one. */
static int dial_tcp(const struct hv_console *where, struct mu_error *err)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(where->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(where->port)};
	bool v6 = inet_pton(AF_INET6, where->host, &in6.sin6_addr) == 1;
	const struct sockaddr *addr = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
	socklen_t len = v6 ? sizeof in6 : sizeof in;
	int fd;

	if (!v6 && inet_pton(AF_INET, where->host, &in.sin_addr) != 1)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "the VM's display listens on \"%s\", which is no address",
				    where->host);
	if (!v6 && in.sin_addr.s_addr == INADDR_ANY)
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (v6 && memcmp(&in6.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0)
		in6.sin6_addr = in6addr_loopback;
	fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (connect(fd, addr, len) < 0 && errno != EINPROGRESS)) {
		(void)mu_error_errno(err, errno, "the VM's display at %s port %u", where->host,
				     (unsigned)where->port);
		if (fd >= 0)
			(void)close(fd);
		return MU_FAILED;
	}
	return fd;
}

static int dial(struct console_hub *hub, const struct vm_id *vm, struct mu_error *err)
{
	struct hv_console where;
	struct console_vm known;

	if (!hub->options.look(hub->options.ctx, vm, &known))
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no such VM on this host");
	if (!known.running)
		return mu_error_set(err, MU_E_STATE,
				    "VM %s does not run, so it has no display; hint: start it",
				    known.name);
	if (hv_console(hub->options.hv, known.domid, HV_CONSOLE_VNC, &where, err) < 0)
		return MU_FAILED;
	return where.host[0] == '/' ? dial_unix(where.host, err) : dial_tcp(&where, err);
}

int vnc_open(struct console_hub *hub, const struct console_request *rq, struct mu_pipe near,
	     struct mu_pipe *ret_far, struct mu_error *err)
{
	struct mu_poll *poll = NULL;
	struct screen *v;
	int fd = dial(hub, &rq->vm, err);

	if (fd < 0)
		return MU_FAILED;
	v = mu_xcalloc(1, sizeof *v);
	if (mu_poll_new(hub->loop, fd, on_poll, v, &poll, err) < 0) {
		(void)close(fd);
		free(v);
		return MU_FAILED;
	}
	viewer_init(&v->base, hub, rq, near);
	v->fd = fd;
	v->poll = poll;
	v->connecting = true;
	v->later = mu_timer_new(hub->loop, on_later, v);
	mu_list_push_back(&hub->screens, &v->link);
	choose_writer(v, rq->take);
	watch(v);
	*ret_far = (struct mu_pipe){.ops = &viewer_ops, .side = v};
	return 0;
}

void vnc_close_all(struct console_hub *hub, const struct mu_error *why)
{
	mu_list_each(it, &hub->screens)
	{
		finish(MU_CONTAINER_OF(it, struct screen, link), why);
	}
}
