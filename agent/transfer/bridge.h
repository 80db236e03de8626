/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a struct mu_pipe that is a socket: what comes through the pipe can be read from the
 * other end of the socket by a thread that blocks, and what it writes goes out through the pipe.
 * The kernel's buffer is the back-pressure both ways. Embedded in its user; loop thread.
 */
#ifndef MUSTER_AGENT_TRANSFER_BRIDGE_H
#define MUSTER_AGENT_TRANSFER_BRIDGE_H

#include "common/base/pipe.h"
#include "common/base/str.h"
#include "common/loop/poll.h"

struct bridge {
	/* inputs */
	struct mu_pipe near;       /* leads to whoever asked; ops NULL: has closed */
	void (*closed)(void *ctx); /* the pipe is closed, by whichever side; once */
	void *ctx;
	/* private */
	int fd;
	struct mu_poll *poll;
	struct mu_str out; /* for the thread, not taken by the socket yet */
	struct mu_str in;  /* from it, not taken by the pipe yet */
	bool out_waits;    /* the pipe was told MU_PIPE_FULL */
	bool out_ended;
	bool in_ended;
	bool finished; /* the thread has, well: closes when all is passed on */
};

/* The pipe's side of it: {&bridge_pipe, b}. */
extern const struct mu_pipe_ops bridge_pipe;
/* *ret_fd is the thread's end, for the caller to close: non-blocking. */
int bridge_init(struct bridge *b, struct mu_loop *loop, int *ret_fd, struct mu_error *err);
/* Takes one that was never initialised (zero); nobody is told. */
void bridge_deinit(struct bridge *b);
/* From the next turn on bytes flow. */
void bridge_start(struct bridge *b);
/* The thread is done and its end is closed. `why` NULL: what it has written goes out first. May
 * call closed(). */
void bridge_finish(struct bridge *b, const struct mu_error *why);

#endif
