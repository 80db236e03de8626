/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_probe.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <uv.h>

struct rpc_probe {
	rpc_probe_cb done;
	void *ctx;
	enum rpc_probe_result result;
	bool closing;
	struct mu_timer *timer;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_shutdown_t shutdown;
	char buf[64]; /* what comes is not looked at */
};

static void on_closed(uv_handle_t *h)
{
	struct rpc_probe *p = h->data;

	p->done(p->result, p->ctx);
	free(p);
}

static void finish(struct rpc_probe *p, enum rpc_probe_result result)
{
	if (p->closing)
		return;
	p->closing = true;
	p->result = result;
	p->timer = mu_timer_free(p->timer);
	uv_close((uv_handle_t *)&p->tcp, on_closed);
}

static void on_connected(uv_connect_t *req, int rc);
static void on_timeout(void *ctx);

struct rpc_probe *rpc_probe_start(struct mu_loop *loop, const struct sockaddr *address,
				  mu_msec limit, rpc_probe_cb done, void *ctx)
{
	struct rpc_probe *p = mu_xcalloc(1, sizeof *p);

	p->done = done;
	p->ctx = ctx;
	mu_assert(uv_tcp_init(mu_loop_uv(loop), &p->tcp) == 0);
	p->tcp.data = p;
	p->timer = mu_timer_new(loop, on_timeout, p);
	mu_timer_set(p->timer, limit);
	if (uv_tcp_connect(&p->connect, &p->tcp, address, on_connected) < 0)
		finish(p, RPC_PROBE_UNKNOWN);
	return p;
}

static void on_sent(uv_shutdown_t *req, int rc)
{
	(void)req;
	(void)rc;
}

static void on_buffer(uv_handle_t *h, size_t size, uv_buf_t *ret_buf)
{
	struct rpc_probe *p = h->data;

	(void)size;
	*ret_buf = uv_buf_init(p->buf, sizeof p->buf);
}

/* Bytes, the end, or a reset: each is an answer. */
static void on_answer(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct rpc_probe *p = stream->data;

	(void)buf;
	if (n != 0)
		finish(p, RPC_PROBE_ALIVE);
}

static void on_connected(uv_connect_t *req, int rc)
{
	struct rpc_probe *p = req->handle->data;

	if (p->closing)
		return;
	if (rc == UV_ECONNREFUSED) {
		finish(p, RPC_PROBE_REFUSED);
		return;
	}
	if (rc < 0 || uv_read_start((uv_stream_t *)&p->tcp, on_buffer, on_answer) < 0 ||
	    uv_shutdown(&p->shutdown, (uv_stream_t *)&p->tcp, on_sent) < 0)
		finish(p, RPC_PROBE_UNKNOWN);
}

/* Connected or not: a full backlog does not even let us in. */
static void on_timeout(void *ctx)
{
	finish(ctx, RPC_PROBE_SILENT);
}

void rpc_probe_cancel(struct rpc_probe *p)
{
	finish(p, RPC_PROBE_CANCELLED);
}
