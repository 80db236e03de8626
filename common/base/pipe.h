/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A two-way stream of bytes between two parts of a program, with back-pressure and an end: what a
 * console's viewer, a tunnel and a WebSocket have in common, so that each can be plugged into any
 * other.
 *
 * Each side holds a struct mu_pipe that leads to the other: its functions and its object. Rules:
 * - send() takes all of the bytes (copied) or nothing: MU_PIPE_FULL. The side that refused then
 *   calls the other's writable() once it has room.
 * - send(), end() and close() call nothing back; writable() may. So what a side finds out inside a
 *   send() it tells from a later turn of the loop.
 * - end() says that no more bytes come from the caller; the other direction goes on.
 * - close() comes at most once, from either side. Afterwards neither calls the other again, and
 *   each frees its own object. `why` NULL: the stream ended as it should.
 */
#ifndef MUSTER_BASE_PIPE_H
#define MUSTER_BASE_PIPE_H

#include "common/base/error.h"

#include <stddef.h>

enum { MU_PIPE_FULL = 1 };

struct mu_pipe_ops {
	int (*send)(void *side, const void *data, size_t len);
	void (*writable)(void *side);
	void (*end)(void *side);
	void (*close)(void *side, const struct mu_error *why);
};

struct mu_pipe {
	const struct mu_pipe_ops *ops; /* NULL: leads nowhere (any more) */
	void *side;
};

static inline int mu_pipe_send(const struct mu_pipe *to, const void *data, size_t len)
{
	return to->ops ? to->ops->send(to->side, data, len) : 0;
}

static inline void mu_pipe_writable(const struct mu_pipe *to)
{
	if (to->ops)
		to->ops->writable(to->side);
}

static inline void mu_pipe_end(const struct mu_pipe *to)
{
	if (to->ops)
		to->ops->end(to->side);
}

/* `to` leads nowhere afterwards. */
static inline void mu_pipe_close(struct mu_pipe *to, const struct mu_error *why)
{
	struct mu_pipe other = *to;

	to->ops = NULL;
	if (other.ops)
		other.ops->close(other.side, why);
}

#endif
