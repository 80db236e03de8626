/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     GREETING -> FREEZING -> FROZEN -> THAWING -> (closed, done)
 *                    |           |         ^
 *                    +- refused -+---------+
 *                       too late
 *
 * One connection for all of it: QEMU serves one client at a time, and the guest agent knows the
 * others' replies from ours by the greeting. A timer stands behind each state.
 */
#include "agent/app/quiesce.h"

#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/loop/poll.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum state { IDLE, GREETING, FREEZING, FROZEN, THAWING, GONE };

static void on_timer(void *ctx);

static void shut(struct quiesce *q)
{
	q->poll = mu_poll_free(q->poll);
	q->timer = mu_timer_free(q->timer);
	if (q->fd >= 0)
		(void)close(q->fd);
	q->fd = -1;
	guest_agent_deinit(&q->agent);
	mu_str_deinit(&q->out);
	q->n_sent = 0;
	q->agent = (struct guest_agent){.synced = false};
	q->state = IDLE;
}

static void over(struct quiesce *q)
{
	shut(q);
	if (q->told && !q->wanted) {
		q->state = GONE; /* the user hears it when he asks */
		return;
	}
	q->done(q, q->err.code == MU_E_NONE ? NULL : &q->err);
}

static void watch(struct quiesce *q)
{
	mu_poll_set(q->poll, MU_POLL_IN | (q->n_sent < q->out.len ? MU_POLL_OUT : 0));
}

static void enter(struct quiesce *q, enum state state, mu_msec at_most)
{
	q->state = state;
	mu_timer_set(q->timer, at_most);
	watch(q);
}

static void ask_to_thaw(struct quiesce *q)
{
	guest_agent_ask(GUEST_AGENT_THAW, &q->out);
	enter(q, THAWING, QUIESCE_THAW_MAX);
}

/* The first reason counts. Whoever was asked to freeze is asked to thaw, once. */
static void fail(struct quiesce *q, const struct mu_error *why)
{
	if (q->err.code == MU_E_NONE)
		q->err = *why;
	if (q->asked && q->state != THAWING)
		ask_to_thaw(q);
	else
		over(q);
}

/* ---- what it says ---- */

static void answered(struct quiesce *q)
{
	switch ((enum state)q->state) {
	case GREETING:
		if (q->only_thaw) {
			ask_to_thaw(q);
			return;
		}
		guest_agent_ask(GUEST_AGENT_FREEZE, &q->out);
		q->asked = true;
		enter(q, FREEZING, QUIESCE_FREEZE_MAX);
		return;
	case FREEZING:
		enter(q, FROZEN, QUIESCE_FROZEN_MAX);
		q->told = true;
		q->done(q, NULL);
		return;
	case THAWING:
		over(q);
		return;
	case FROZEN: /* nothing was asked */
	case IDLE:
	case GONE:
		return;
	}
	mu_assert_unreachable();
}

static void hear(struct quiesce *q)
{
	struct mu_error err = MU_ERROR_INIT;
	char data[GUEST_AGENT_LINE_MAX];
	ssize_t n = recv(q->fd, data, sizeof data, 0);
	int64_t number;
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		(void)mu_error_set(&err, MU_E_UNAVAILABLE, "the guest agent's channel was closed");
		q->asked = false; /* there is nobody to tell */
		fail(q, &err);
		return;
	}
	r = guest_agent_hear(&q->agent, data, (size_t)n, &number, &err);
	if (r < 0)
		fail(q, &err);
	else if (r > 0)
		answered(q);
}

static void say(struct quiesce *q)
{
	struct mu_error err = MU_ERROR_INIT;
	ssize_t n = send(q->fd, q->out.data + q->n_sent, q->out.len - q->n_sent, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		(void)mu_error_errno(&err, errno, "the guest agent's channel");
		q->asked = false;
		fail(q, &err);
		return;
	}
	q->n_sent += (size_t)n;
	watch(q);
}

static void on_poll(void *ctx, unsigned events)
{
	struct quiesce *q = ctx;

	if ((events & MU_POLL_OUT) && q->n_sent < q->out.len)
		say(q);
	else
		hear(q);
}

static void on_timer(void *ctx)
{
	struct quiesce *q = ctx;
	struct mu_error err = MU_ERROR_INIT;

	switch ((enum state)q->state) {
	case GREETING:
		(void)mu_error_set(&err, MU_E_TIMEOUT,
				   "quiesce: the guest agent does not answer; hint: does qemu-ga "
				   "run in the guest?");
		break;
	case FREEZING:
		(void)mu_error_set(&err, MU_E_TIMEOUT,
				   "quiesce: the guest has not frozen its file systems in %d s",
				   (int)(QUIESCE_FREEZE_MAX / 1000));
		break;
	case FROZEN:
		(void)mu_error_set(&err, MU_E_TIMEOUT,
				   "quiesce: the guest was let go after %d s, before the snapshot "
				   "was taken",
				   (int)(QUIESCE_FROZEN_MAX / 1000));
		break;
	case THAWING:
		(void)mu_error_set(&err, MU_E_TIMEOUT,
				   "quiesce: the guest agent does not answer, its file systems may "
				   "be frozen; hint: look at the guest, reset it if they are");
		break;
	case IDLE:
	case GONE:
		return;
	}
	fail(q, &err);
}

/* ---- the connection ---- */

static int dial(struct quiesce *q, struct mu_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	_Static_assert(sizeof address.sun_path == GUEST_AGENT_PATH_MAX + 1, "a path fits");
	memcpy(address.sun_path, q->path, strlen(q->path) + 1);
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (q->fd < 0)
		return mu_error_errno(err, errno, "socket");
	if (connect(q->fd, (struct sockaddr *)&address, sizeof address) < 0)
		return mu_error_errno(err, errno, "quiesce: the guest agent's channel %s", q->path);
	return mu_poll_new(q->loop, q->fd, on_poll, q, &q->poll, err);
}

static void on_dialled(void *ctx)
{
	struct quiesce *q = ctx;

	if (dial(q, &q->err) < 0) {
		over(q);
		return;
	}
	q->timer = mu_timer_new(q->loop, on_timer, q);
	guest_agent_greet(&q->agent, (int64_t)(mu_random_u64() >> 12), &q->out);
	enter(q, GREETING, QUIESCE_ANSWER_MAX);
}

void quiesce_freeze(struct quiesce *q)
{
	mu_assert(q->state == IDLE);
	q->fd = -1;
	mu_loop_post(q->loop, on_dialled, q);
}

static void on_gone(void *ctx)
{
	over(ctx);
}

void quiesce_thaw(struct quiesce *q)
{
	q->wanted = true;
	if (q->state == FROZEN)
		ask_to_thaw(q);
	else if (q->state == GONE)
		mu_loop_post(q->loop, on_gone, q);
	/* THAWING: done() comes with the reason why it went before */
}

/* ---- after a crash ---- */

static void on_thawed_anyway(struct quiesce *q, const struct mu_error *err)
{
	mu_list_remove(&q->link);
	if (err)
		mu_log_warning("guest not thawed socket=%s err=\"%s\"", q->path, err->text);
	free(q);
}

void quiesce_thaw_anyway(struct mu_loop *loop, const char *path, struct mu_link *list)
{
	struct quiesce *q = mu_xcalloc(1, sizeof *q);

	mu_assert(strlen(path) <= GUEST_AGENT_PATH_MAX);
	q->loop = loop;
	memcpy(q->path, path, strlen(path) + 1);
	q->only_thaw = true;
	q->fd = -1;
	q->done = on_thawed_anyway;
	mu_list_push_back(list, &q->link);
	on_dialled(q);
}

void quiesce_drop(struct mu_link *list)
{
	while (!mu_list_empty(list)) {
		struct quiesce *q = mu_list_first(list, struct quiesce, link);

		mu_list_remove(&q->link);
		shut(q);
		free(q);
	}
}
