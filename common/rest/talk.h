/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation with a host about the contents of its disks (docs/formats/transfer.md), as a
 * request's handler has it: a line of JSON comes back, then bytes or the end. Embedded in its user.
 * Loop thread.
 */
#ifndef MUSTER_REST_TALK_H
#define MUSTER_REST_TALK_H

#include "common/base/arena.h"
#include "common/base/value.h"
#include "common/rest/call.h"

enum { TALK_LINE_MAX = 64 << 10, TALK_SEND_MAX = 32 << 10 };

struct rest_talk_ops {
	/* The first line, whole, from a turn of its own; NULL: there is none before the end. */
	void (*line)(void *ctx, const struct mu_value *v);
	/* Bytes behind it: 0 or MU_PIPE_FULL, as a pipe's send(). NULL: none are expected. */
	int (*bytes)(void *ctx, const void *data, size_t len);
	/* There is room for more. */
	void (*writable)(void *ctx);
	/* It is over, once: `why` NULL, and what was the only line if `line` is NULL, or not. */
	void (*over)(void *ctx, const struct mu_value *v, const struct mu_error *why);
};

struct rest_talk {
	struct mu_loop *loop;
	const struct rest_talk_ops *ops;
	void *ctx;
	/* private */
	struct mu_pipe far;
	struct mu_str in; /* the line as far as it has come, or what came behind it too early */
	bool told;        /* the line was passed on */
	struct rest_talk_turn *turn; /* the line is about to be */
};

/* Zero it before. Nothing is called inside; when it fails nothing will be. */
int rest_talk_open(struct rest_talk *t, struct rest *rest, const struct rest_user *user,
		   const char *from, const struct rest_transfer *rq, struct mu_error *err);
/* It is not over: end it without a word. Harmless when it is. */
void rest_talk_close(struct rest_talk *t, const char *why);
/* As a pipe's. */
int rest_talk_send(struct rest_talk *t, const void *data, size_t len);
void rest_talk_end(struct rest_talk *t);
/* After bytes() has answered MU_PIPE_FULL. */
void rest_talk_go_on(struct rest_talk *t);

#endif
