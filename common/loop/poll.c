/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/poll.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <uv.h>

struct mu_poll {
	uv_poll_t uv;
	void (*cb)(void *ctx, unsigned events);
	void *ctx;
	unsigned events;
};

static void on_poll(uv_poll_t *uv, int status, int events)
{
	struct mu_poll *p = uv->data;
	unsigned told =
	    (events & UV_READABLE ? MU_POLL_IN : 0u) | (events & UV_WRITABLE ? MU_POLL_OUT : 0u);

	p->cb(p->ctx, status < 0 ? p->events : told);
}

int mu_poll_new(struct mu_loop *loop, int fd, void (*cb)(void *ctx, unsigned events), void *ctx,
		struct mu_poll **ret_poll, struct mu_error *err)
{
	struct mu_poll *p = mu_xcalloc(1, sizeof *p);

	if (uv_poll_init(mu_loop_uv(loop), &p->uv, fd) != 0) {
		free(p);
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "descriptor %d is of a kind that cannot be waited for", fd);
	}
	p->uv.data = p;
	p->cb = cb;
	p->ctx = ctx;
	*ret_poll = p;
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

struct mu_poll *mu_poll_free(struct mu_poll *p)
{
	if (p)
		uv_close((uv_handle_t *)&p->uv, on_closed);
	return NULL;
}

void mu_poll_set(struct mu_poll *p, unsigned events)
{
	int uv_events =
	    (events & MU_POLL_IN ? UV_READABLE : 0) | (events & MU_POLL_OUT ? UV_WRITABLE : 0);

	p->events = events;
	if (events)
		mu_assert(uv_poll_start(&p->uv, uv_events, on_poll) == 0);
	else
		(void)uv_poll_stop(&p->uv);
}
