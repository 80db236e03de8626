/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/rpc/wire_cutter.h"

#include "common/base/assert.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <uv.h>

enum { LISTENER, CLIENT_SIDE, SERVER_SIDE, N_SOCKETS };

struct wire_cutter {
	uv_tcp_t sockets[N_SOCKETS];
	uv_connect_t connect;
	struct sockaddr_in to;
	bool cut;
	unsigned int n_open;
};

struct chunk {
	uv_write_t req;
	char data[65536];
};

static void on_buffer(uv_handle_t *h, size_t size, uv_buf_t *ret_buf)
{
	struct chunk *c = mu_xmalloc(sizeof *c);

	(void)h;
	(void)size;
	*ret_buf = uv_buf_init(c->data, sizeof c->data);
}

static void on_written(uv_write_t *req, int rc)
{
	(void)rc;
	free(MU_CONTAINER_OF(req, struct chunk, req));
}

static void on_read(uv_stream_t *from, ssize_t n, const uv_buf_t *buf)
{
	struct wire_cutter *w = from->data;
	struct chunk *c = buf->base ? MU_CONTAINER_OF(buf->base, struct chunk, data) : NULL;
	uv_tcp_t *to = &w->sockets[from == (uv_stream_t *)&w->sockets[CLIENT_SIDE] ? SERVER_SIDE
										   : CLIENT_SIDE];
	uv_buf_t out;

	if (n <= 0 || w->cut) {
		free(c);
		return;
	}
	out = uv_buf_init(c->data, (unsigned int)n);
	mu_assert(uv_write(&c->req, (uv_stream_t *)to, &out, 1, on_written) == 0);
}

static void on_connected(uv_connect_t *req, int rc)
{
	struct wire_cutter *w = req->handle->data;

	mu_assert(rc == 0);
	mu_assert(uv_read_start((uv_stream_t *)&w->sockets[CLIENT_SIDE], on_buffer, on_read) == 0);
	mu_assert(uv_read_start((uv_stream_t *)&w->sockets[SERVER_SIDE], on_buffer, on_read) == 0);
}

static void on_connection(uv_stream_t *listener, int rc)
{
	struct wire_cutter *w = listener->data;

	if (w->cut || rc < 0)
		return;
	mu_assert(uv_accept(listener, (uv_stream_t *)&w->sockets[CLIENT_SIDE]) == 0);
	mu_assert(uv_tcp_connect(&w->connect, &w->sockets[SERVER_SIDE],
				 (const struct sockaddr *)&w->to, on_connected) == 0);
}

struct wire_cutter *wire_cutter_new(struct mu_loop *loop, int to_port)
{
	struct wire_cutter *w = mu_xcalloc(1, sizeof *w);
	struct sockaddr_in any;

	mu_assert(uv_ip4_addr("127.0.0.1", to_port, &w->to) == 0);
	mu_assert(uv_ip4_addr("127.0.0.1", 0, &any) == 0);
	for (size_t i = 0; i < N_SOCKETS; i++) {
		mu_assert(uv_tcp_init(mu_loop_uv(loop), &w->sockets[i]) == 0);
		w->sockets[i].data = w;
		w->n_open++;
	}
	mu_assert(uv_tcp_bind(&w->sockets[LISTENER], (const struct sockaddr *)&any, 0) == 0);
	mu_assert(uv_listen((uv_stream_t *)&w->sockets[LISTENER], 1, on_connection) == 0);
	return w;
}

int wire_cutter_port(const struct wire_cutter *w)
{
	struct sockaddr_in address;
	int len = sizeof address;

	mu_assert(uv_tcp_getsockname(&w->sockets[LISTENER], (struct sockaddr *)&address, &len) ==
		  0);
	return ntohs(address.sin_port);
}

void wire_cutter_cut(struct wire_cutter *w)
{
	w->cut = true;
	(void)uv_read_stop((uv_stream_t *)&w->sockets[CLIENT_SIDE]);
	(void)uv_read_stop((uv_stream_t *)&w->sockets[SERVER_SIDE]);
}

static void on_closed(uv_handle_t *h)
{
	struct wire_cutter *w = h->data;

	if (--w->n_open == 0)
		free(w);
}

struct wire_cutter *wire_cutter_free(struct wire_cutter *w)
{
	for (size_t i = 0; i < N_SOCKETS; i++)
		uv_close((uv_handle_t *)&w->sockets[i], on_closed);
	return NULL;
}
