/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/talk.h"

#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

/* Whoever embeds the talk may be gone when its turn comes. */
struct rest_talk_turn {
	struct rest_talk *talk; /* NULL: it is gone */
};

static void forget(struct rest_talk *t)
{
	if (t->turn)
		t->turn->talk = NULL;
	t->turn = NULL;
	mu_str_deinit(&t->in);
}

static void finish(struct rest_talk *t, const struct mu_error *why)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v = NULL;

	t->far.ops = NULL;
	if (why)
		err = *why;
	else if (!t->ops->line)
		(void)mu_json_read(a, t->in.data ? t->in.data : "", t->in.len, &v, &err);
	forget(t);
	t->ops->over(t->ctx, v, err.code != MU_E_NONE ? &err : NULL);
}

static void fail(struct rest_talk *t, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_PROTOCOL, "the host's agent answers %s", text);
	mu_pipe_close(&t->far, &err);
	finish(t, &err);
}

static void on_turn(void *ctx)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;
	struct rest_talk_turn *turn = ctx;
	struct rest_talk *t = turn->talk;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;
	const char *end;

	free(turn);
	if (!t)
		return;
	t->turn = NULL;
	end = memchr(t->in.data, '\n', t->in.len);
	if (!end) {
		fail(t, "with a line that is too long");
		return;
	}
	line = t->in;
	t->in = (struct mu_str)MU_STR_INIT;
	if (mu_json_read(a, line.data, (size_t)(end - line.data), &v, &err) < 0) {
		fail(t, "with a line that is no JSON");
		return;
	}
	t->told = true;
	t->ops->line(t->ctx, v);
}

/* The far end's view of us */

static int near_send(void *side, const void *data, size_t len)
{
	struct rest_talk *t = side;

	if (t->told)
		return t->ops->bytes(t->ctx, data, len);
	/* Behind the line nothing comes that was not asked for, and behind a line that is too long
	 * nothing counts. */
	if (t->turn || t->in.len > TALK_LINE_MAX)
		return 0;
	mu_str_add_bytes(&t->in, data, len);
	if (!t->ops->line || (!memchr(t->in.data, '\n', t->in.len) && t->in.len <= TALK_LINE_MAX))
		return 0;
	t->turn = mu_xcalloc(1, sizeof *t->turn);
	t->turn->talk = t;
	mu_loop_post(t->loop, on_turn, t->turn);
	return 0;
}

static void near_writable(void *side)
{
	struct rest_talk *t = side;

	if (t->ops->writable)
		t->ops->writable(t->ctx);
}

/* The close says it better. */
static void near_end(void *side)
{
	(void)side;
}

static void near_close(void *side, const struct mu_error *why)
{
	finish(side, why);
}

static const struct mu_pipe_ops near_ops = {
    .send = near_send,
    .writable = near_writable,
    .end = near_end,
    .close = near_close,
};

int rest_talk_open(struct rest_talk *t, struct rest *rest, const struct rest_user *user,
		   const char *from, const struct rest_transfer *rq, struct mu_error *err)
{
	const struct rest_backend *b = &rest->backend;

	t->loop = rest->loop;
	if (!b->transfer_open)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "contents of disks cannot be moved through here");
	return b->transfer_open(b->ctx, rq, user, from,
				(struct mu_pipe){.ops = &near_ops, .side = t}, &t->far, err);
}

void rest_talk_close(struct rest_talk *t, const char *why)
{
	struct mu_error err = MU_ERROR_INIT;

	if (!t->far.ops)
		return;
	(void)mu_error_set(&err, MU_E_CANCELLED, "%s", why);
	mu_pipe_close(&t->far, &err);
	forget(t);
}

int rest_talk_send(struct rest_talk *t, const void *data, size_t len)
{
	return mu_pipe_send(&t->far, data, len);
}

void rest_talk_end(struct rest_talk *t)
{
	mu_pipe_end(&t->far);
}

void rest_talk_go_on(struct rest_talk *t)
{
	mu_pipe_writable(&t->far);
}
