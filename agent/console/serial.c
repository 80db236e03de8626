/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial console: one terminal, read once, shown to many.
 *
 *     guest -> xenconsoled or QEMU -> pty -> ring of 64 KiB -+-> viewer (its own position)
 *                                      ^                     +-> viewer
 *                                      +---- what the writer types
 *
 * A viewer that cannot take more stays where it is in the ring; when it was overtaken it is told
 * how much it missed. So a slow viewer costs nothing and holds up nobody. A guest that says more
 * than RATE_BYTES a second is read at that rate: what it says beyond waits in the pty, and
 * xenconsoled then forgets the oldest of it.
 *
 * The terminal is open only while somebody looks: two readers of a pty would take each other's
 * bytes, and `xl console` is one. xenconsoled keeps what is said meanwhile. The ring stays for a
 * while after the last viewer, for a page that is loaded anew.
 *
 * Nothing tells when xenconsoled has made a domain's terminal, so it is looked for again and again
 * for a minute.
 */
#include "agent/console/viewer.h"
#include "agent/core/console_ring.h"
#include "common/base/str.h"
#include "common/loop/poll.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum {
	RATE_BYTES = 1 << 20, /* a second */
	BURST_BYTES = 256 << 10,
	INPUT_MAX = 16384, /* typed and not yet taken by the guest's side */
	NOTE_MAX = 1024,
	LOOK_AGAIN_MS = 250,
	LOOKS_MAX = 240,
	BREATH_MS = 50,
	LINGER_MS = 60 * 1000,
};

struct serial {
	struct mu_link link; /* hub's serials */
	struct console_hub *hub;
	struct vm_id vm;
	struct console_ring ring;
	struct mu_link viewers;
	struct serial_viewer *writer;
	/* the domain, its terminal */
	struct console_vm known;
	int fd; /* -1 = closed */
	struct mu_poll *poll;
	struct mu_timer *look; /* for the terminal */
	unsigned n_looks;
	struct mu_str input;
	/* how much it may say */
	int64_t allowance;
	mu_msec counted_at;
	struct mu_timer *breath;
	struct mu_timer *linger;
};

struct serial_viewer {
	struct viewer base;
	struct mu_link link;
	struct serial *serial;
	uint64_t pos;
	struct mu_str note; /* for this viewer alone, before what comes next */
	struct mu_timer *first;
	bool waits; /* was told that its input is not taken */
};

/* Telling */

static void note(struct serial_viewer *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct serial_viewer *v, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (v->note.len < NOTE_MAX)
		mu_str_printf(&v->note, "\r\n[muster: %s]\r\n", text);
}

static void pump(struct serial_viewer *v)
{
	struct console_ring *ring = &v->serial->ring;

	for (;;) {
		uint64_t lost = 0;
		size_t len = 0;
		const char *data;

		if (v->note.len > 0) {
			if (viewer_send(&v->base, v->note.data, v->note.len) == MU_PIPE_FULL)
				return;
			mu_str_reset(&v->note);
		}
		data = console_ring_at(ring, &v->pos, CONSOLE_PIECE_MAX, &len, &lost);
		if (lost > 0) {
			note(v, "%" PRIu64 " bytes left out: this connection is too slow", lost);
			continue;
		}
		if (!data || viewer_send(&v->base, data, len) == MU_PIPE_FULL)
			return;
		v->pos += len;
	}
}

static void pump_all(struct serial *s)
{
	mu_list_each(it, &s->viewers)
	{
		pump(MU_CONTAINER_OF(it, struct serial_viewer, link));
	}
}

/* To all, and to those who come later. */
static void announce(struct serial *s, const char *what)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;

	mu_str_printf(&line, "\r\n[muster: %s %s]\r\n", s->known.name, what);
	console_ring_add(&s->ring, line.data, line.len);
	pump_all(s);
}

/* The terminal */

static void watch(struct serial *s)
{
	unsigned events = s->input.len > 0 ? MU_POLL_OUT : 0;

	if (s->allowance > 0)
		events |= MU_POLL_IN;
	if (s->fd >= 0)
		mu_poll_set(s->poll, events);
}

static void detach(struct serial *s)
{
	mu_timer_cancel(s->look);
	if (s->fd < 0)
		return;
	s->poll = mu_poll_free(s->poll);
	(void)close(s->fd);
	s->fd = -1;
	s->input.len = 0;
}

static void look_again(struct serial *s)
{
	if (s->n_looks++ < LOOKS_MAX)
		mu_timer_set(s->look, LOOK_AGAIN_MS); /* polls: nobody tells of a new terminal */
	else
		announce(s, "has no serial console that could be found");
}

static void on_poll(void *ctx, unsigned events);

static int open_tty(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios raw;

	if (fd >= 0 && tcgetattr(fd, &raw) == 0) {
		cfmakeraw(&raw);
		(void)tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

static void attach(struct serial *s)
{
	struct mu_error err = MU_ERROR_INIT;
	struct hv_console where;

	if (s->fd >= 0 || !s->known.running || mu_list_empty(&s->viewers))
		return;
	if (hv_console(s->hub->options.hv, s->known.domid, HV_CONSOLE_SERIAL, &where, &err) < 0 ||
	    (s->fd = open_tty(where.tty)) < 0) {
		look_again(s);
		return;
	}
	if (mu_poll_new(s->hub->loop, s->fd, on_poll, s, &s->poll, &err) < 0) {
		(void)close(s->fd);
		s->fd = -1;
		look_again(s);
		return;
	}
	s->n_looks = 0;
	watch(s);
}

static void on_look(void *ctx)
{
	attach(ctx);
}

/* A bucket that fills with time. */
static void take_allowance(struct serial *s, size_t n)
{
	mu_msec now = mu_loop_now(s->hub->loop);

	s->allowance += (now - s->counted_at) * RATE_BYTES / 1000;
	if (s->allowance > BURST_BYTES)
		s->allowance = BURST_BYTES;
	s->counted_at = now;
	s->allowance -= (int64_t)n;
	if (s->allowance <= 0)
		mu_timer_set(s->breath, BREATH_MS);
}

static void on_breath(void *ctx)
{
	struct serial *s = ctx;

	take_allowance(s, 0);
	watch(s);
}

enum tty_state { TTY_MORE, TTY_EMPTY, TTY_END };

static enum tty_state read_tty(struct serial *s)
{
	char data[CONSOLE_PIECE_MAX];
	ssize_t n = read(s->fd, data, sizeof data);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return TTY_EMPTY;
	if (n <= 0)
		return TTY_END;
	take_allowance(s, (size_t)n);
	console_ring_add(&s->ring, data, (size_t)n);
	pump_all(s);
	return TTY_MORE;
}

static void write_tty(struct serial *s)
{
	struct serial_viewer *w = s->writer;
	ssize_t n = write(s->fd, s->input.data, s->input.len);

	if (n <= 0)
		return;
	s->input.len -= (size_t)n;
	memmove(s->input.data, s->input.data + n, s->input.len);
	if (s->input.len > INPUT_MAX / 2 || !w || !w->waits)
		return;
	w->waits = false;
	mu_pipe_writable(&w->base.near);
}

static void on_poll(void *ctx, unsigned events)
{
	struct serial *s = ctx;

	if (events & MU_POLL_IN && read_tty(s) == TTY_END) {
		detach(s);
		look_again(s); /* the domain goes, or xenconsoled begins anew */
		return;
	}
	if (events & MU_POLL_OUT && s->input.len > 0)
		write_tty(s);
	watch(s);
}

/* Who types */

static void let_write(struct serial *s, struct serial_viewer *v)
{
	s->writer = v;
	if (v && v->waits) {
		v->waits = false;
		mu_pipe_writable(&v->base.near);
	}
}

static void choose_writer(struct serial *s, struct serial_viewer *v, bool take)
{
	struct serial_viewer *was = s->writer;

	if (!v->base.wants_write)
		return;
	if (!was) {
		let_write(s, v);
	} else if (take) {
		viewer_log_taken(&was->base, &v->base);
		note(was, "%s types here from now on, you can read", v->base.user);
		s->input.len = 0;
		was->waits = false;
		mu_timer_set(was->first, 0);
		let_write(s, v);
	} else {
		note(v, "you can read; %s types here, and can be taken over from", was->base.user);
	}
}

static void writer_left(struct serial *s)
{
	s->writer = NULL;
	s->input.len = 0;
	mu_list_each(it, &s->viewers)
	{
		struct serial_viewer *v = MU_CONTAINER_OF(it, struct serial_viewer, link);

		if (!v->base.wants_write)
			continue;
		note(v, "you can type from now on");
		mu_timer_set(v->first, 0);
		let_write(s, v);
		return;
	}
}

/* Viewers */

static struct serial *serial_free(struct serial *s)
{
	detach(s);
	mu_list_remove(&s->link);
	mu_timer_free(s->look);
	mu_timer_free(s->breath);
	mu_timer_free(s->linger);
	mu_str_deinit(&s->input);
	free(s);
	return NULL;
}

static void leave(struct serial_viewer *v)
{
	struct serial *s = v->serial;

	mu_list_remove(&v->link);
	mu_timer_free(v->first);
	viewer_deinit(&v->base);
	mu_str_deinit(&v->note);
	if (s->writer == v)
		writer_left(s);
	free(v);
	if (!mu_list_empty(&s->viewers))
		return;
	detach(s);
	mu_timer_set(s->linger, LINGER_MS);
}

static int viewer_types(void *side, const void *data, size_t len)
{
	struct serial_viewer *v = side;
	struct serial *s = v->serial;

	if (s->writer != v || s->fd < 0)
		return 0; /* it may only look, or nobody is there to hear it */
	if (s->input.len + len > INPUT_MAX && s->input.len > 0) {
		v->waits = true;
		return MU_PIPE_FULL;
	}
	mu_str_add_bytes(&s->input, data, len);
	v->base.n_typed += len;
	watch(s);
	return 0;
}

static void viewer_writable(void *side)
{
	pump(side);
}

/* Whoever types no more may still read. */
static void viewer_end(void *side)
{
	(void)side;
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

static void close_all(struct serial *s, const struct mu_error *why)
{
	mu_list_each(it, &s->viewers)
	{
		struct serial_viewer *v = MU_CONTAINER_OF(it, struct serial_viewer, link);

		v->base.wants_write = false; /* none of them succeeds another */
	}
	mu_list_each(it, &s->viewers)
	{
		struct serial_viewer *v = MU_CONTAINER_OF(it, struct serial_viewer, link);
		struct mu_pipe near = v->base.near;

		leave(v);
		mu_pipe_close(&near, why);
	}
}

void serial_close_all(struct console_hub *hub, const struct mu_error *why)
{
	mu_list_each(it, &hub->serials)
	{
		struct serial *s = MU_CONTAINER_OF(it, struct serial, link);

		close_all(s, why);
		serial_free(s);
	}
}

/* The VM */

static struct serial *find(struct console_hub *hub, const struct vm_id *vm)
{
	mu_list_each(it, &hub->serials)
	{
		struct serial *s = MU_CONTAINER_OF(it, struct serial, link);

		if (mu_uuid_equal(&s->vm.uuid, &vm->uuid))
			return s;
	}
	return NULL;
}

/* From one domain, or none, to another. */
static void follow(struct serial *s, const struct console_vm *now)
{
	bool other = now->running != s->known.running ||
		     (now->running && now->domid.value != s->known.domid.value);
	bool stopped = s->known.running && other;

	if (!other) {
		s->known = *now;
		return;
	}
	/* Its last words; no more of them than anybody may say at once. */
	while (s->fd >= 0 && s->allowance > 0 && read_tty(s) == TTY_MORE)
		;
	detach(s);
	if (stopped)
		announce(s, "has stopped; this console follows it when it starts again");
	s->known = *now;
	s->n_looks = 0;
	if (now->running)
		announce(s, "has started");
	attach(s);
}

void serial_vm_changed(struct console_hub *hub, const struct vm_id *vm)
{
	struct serial *s = find(hub, vm);
	struct console_vm now;

	if (!s || !hub->options.look(hub->options.ctx, vm, &now))
		return;
	if (!mu_list_empty(&s->viewers))
		mu_timer_cancel(s->linger);
	follow(s, &now);
}

/* A domain that others made is unknown between two of its lives: wait a while for the next. */
void serial_vm_gone(struct console_hub *hub, const struct vm_id *vm)
{
	struct serial *s = find(hub, vm);
	struct console_vm now;

	if (!s)
		return;
	now = s->known;
	now.running = false;
	follow(s, &now);
	mu_timer_set(s->linger, LINGER_MS);
}

/* Nobody has looked, or the VM has been gone, for long enough. */
static void on_linger(void *ctx)
{
	struct serial *s = ctx;
	struct mu_error why = MU_ERROR_INIT;

	(void)mu_error_set(&why, MU_E_NOT_FOUND, "VM %s is not on this host any more",
			   s->known.name);
	close_all(s, &why);
	serial_free(s);
}

static struct serial *serial_new(struct console_hub *hub, const struct vm_id *vm,
				 const struct console_vm *known)
{
	struct serial *s = mu_xcalloc(1, sizeof *s);

	s->hub = hub;
	s->vm = *vm;
	s->known = *known;
	s->fd = -1;
	s->allowance = BURST_BYTES;
	s->counted_at = mu_loop_now(hub->loop);
	s->look = mu_timer_new(hub->loop, on_look, s);
	s->breath = mu_timer_new(hub->loop, on_breath, s);
	s->linger = mu_timer_new(hub->loop, on_linger, s);
	mu_link_init(&s->viewers);
	mu_list_push_back(&hub->serials, &s->link);
	return s;
}

/* The first turn of a new viewer, and of one that has something to be told. */
static void on_first(void *ctx)
{
	struct serial_viewer *v = ctx;
	struct serial *s = v->serial;

	pump(v);
	if (!mu_timer_is_set(s->look))
		attach(s);
}

int serial_open(struct console_hub *hub, const struct console_request *rq, struct mu_pipe near,
		struct mu_pipe *ret_far, struct mu_error *err)
{
	struct serial *s = find(hub, &rq->vm);
	struct serial_viewer *v;
	struct console_vm known;

	if (!hub->options.look(hub->options.ctx, &rq->vm, &known))
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no such VM on this host");
	if (!s)
		s = serial_new(hub, &rq->vm, &known);
	mu_timer_cancel(s->linger);
	v = mu_xcalloc(1, sizeof *v);
	viewer_init(&v->base, hub, rq, near);
	v->serial = s;
	v->pos = console_ring_begin(&s->ring);
	v->first = mu_timer_new(hub->loop, on_first, v);
	mu_list_push_back(&s->viewers, &v->link);
	mu_timer_set(v->first, 0);
	if (!known.running)
		note(v, "%s does not run; this console follows it when it starts", known.name);
	choose_writer(s, v, rq->take);
	*ret_far = (struct mu_pipe){.ops = &viewer_ops, .side = v};
	return 0;
}
