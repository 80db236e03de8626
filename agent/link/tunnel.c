/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels, this side: the aggregator asks on the stream of state, we dial back. They have a
 * connection of their own, so that whatever goes through them never stands before a state message;
 * it is there while there are tunnels. A refusal goes through the tunnel as well, as its end.
 */
#include "common/tunnel/tunnel.h"
#include "agent/console/console.h"
#include "agent/link/link_priv.h"
#include "agent/transfer/transfer.h"
#include "common/log/log.h"

#include <stdlib.h>

#define PATH "/muster.v1.Fleet/Tunnel"
#define KEEPALIVE MU_SEC(20)
#define KEEPALIVE_TIMEOUT MU_SEC(10)

enum {
	TUNNELS_MAX = 32,
	MESSAGE_MAX = TUNNEL_DATA_MAX + 4096,
};

struct link_tunnel {
	struct mu_link link;
	struct link *owner;
	struct rpc_stream *stream;
	struct tunnel tunnel;
};

void tunnels_init(struct link *link)
{
	mu_link_init(&link->tunnels.list);
}

/* The stream */

static void on_message(struct rpc_stream *s, const void *data, size_t len, void *ctx)
{
	struct link_tunnel *t = ctx;

	(void)s;
	tunnel_on_message(&t->tunnel, data, len);
}

static void on_writable(struct rpc_stream *s, void *ctx)
{
	struct link_tunnel *t = ctx;

	(void)s;
	tunnel_on_writable(&t->tunnel);
}

static void on_end(struct rpc_stream *s, int grpc_status, const char *text, void *ctx)
{
	struct link_tunnel *t = ctx;
	struct link *link = t->owner;

	(void)s;
	mu_list_remove(&t->link);
	tunnel_on_end(&t->tunnel, grpc_status, text);
	tunnel_deinit(&t->tunnel);
	free(t);
	if (--link->tunnels.n == 0)
		link->tunnels.channel = rpc_channel_free(link->tunnels.channel);
	link_check_stopped(link);
}

static const struct rpc_stream_ops stream_ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_end = on_end,
};

static void say_hello(struct link_tunnel *t, const struct mu_uuid *id)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__TunnelHello hello = MUSTER__V1__TUNNEL_HELLO__INIT;
	Muster__V1__TunnelUp m = MUSTER__V1__TUNNEL_UP__INIT;
	const void *data;
	size_t len;

	hello.id = wire_uuid_encode(a, id);
	m.kind_case = MUSTER__V1__TUNNEL_UP__KIND_HELLO;
	m.hello = &hello;
	wire_pack(a, &m.base, &data, &len);
	(void)rpc_stream_send(t->stream, data, len);
}

/* What is at this end */

static int open_console(struct link_tunnel *t, const Muster__V1__TunnelOpen *m,
			enum hv_console_kind kind, struct mu_error *err)
{
	const struct mu_pipe near = {.ops = &tunnel_pipe, .side = &t->tunnel};
	struct console_request rq = {
	    .kind = kind,
	    .write = m->write,
	    .take = m->take,
	    .user = m->user,
	    .from = m->from,
	};

	if (wire_uuid_decode(&m->object, "tunnel_open.object", &rq.vm.uuid, err) < 0)
		return MU_FAILED;
	return app_console_open(t->owner->app, &rq, near, &t->tunnel.near, err);
}

static int open_transfer(struct link_tunnel *t, const Muster__V1__TunnelOpen *m,
			 struct mu_error *err)
{
	const struct mu_pipe near = {.ops = &tunnel_pipe, .side = &t->tunnel};
	struct transfer_request rq = {.arguments = m->arguments, .user = m->user, .from = m->from};

	if (wire_uuid_decode(&m->object, "tunnel_open.object", &rq.object, err) < 0)
		return MU_FAILED;
	return app_transfer_open(t->owner->app, &rq, near, &t->tunnel.near, err);
}

static int open_end(struct link_tunnel *t, const Muster__V1__TunnelOpen *m, struct mu_error *err)
{
	switch (m->kind) {
	case MUSTER__V1__TUNNEL_KIND__TUNNEL_KIND_CONSOLE_SERIAL:
		return open_console(t, m, HV_CONSOLE_SERIAL, err);
	case MUSTER__V1__TUNNEL_KIND__TUNNEL_KIND_CONSOLE_VNC:
		return open_console(t, m, HV_CONSOLE_VNC, err);
	case MUSTER__V1__TUNNEL_KIND__TUNNEL_KIND_TRANSFER:
		return open_transfer(t, m, err);
	case MUSTER__V1__TUNNEL_KIND__TUNNEL_KIND_UNSPECIFIED:
	case _MUSTER__V1__TUNNEL_KIND_IS_INT_SIZE:
		break;
	}
	return mu_error_set(err, MU_E_UNSUPPORTED,
			    "agent %s does not know this kind of tunnel; hint: upgrade it",
			    MUSTER_VERSION);
}

/* Opening */

static int dial(struct link *link, struct mu_error *err)
{
	const struct rpc_channel_options options = {
	    .target = link->options.aggregator ? link->options.aggregator : link->id.address,
	    .tls = {.ca = link->id.ca, .cert = link->id.cert, .key = link->id.key},
	    .message_max = MESSAGE_MAX,
	    .send_max = TUNNEL_QUEUE_MAX,
	    .keepalive = KEEPALIVE,
	    .keepalive_timeout = KEEPALIVE_TIMEOUT,
	};

	if (link->tunnels.channel)
		return 0;
	return rpc_channel_new(link->rpc, &options, &link->tunnels.channel, err);
}

void tunnels_open(struct link *link, const Muster__V1__TunnelOpen *m)
{
	struct mu_error err = MU_ERROR_INIT;
	struct link_tunnel *t;
	struct mu_uuid id;

	if (wire_uuid_decode(&m->id, "tunnel_open.id", &id, &err) < 0) {
		link_break(link, err.text);
		return;
	}
	/* The aggregator keeps the same bound and says so to whoever asks; here it is for one that
	 * does not. */
	if (link->tunnels.n >= TUNNELS_MAX || dial(link, &err) < 0) {
		mu_log_warning("tunnel not opened open=%zu err=\"%s\"", link->tunnels.n, err.text);
		return;
	}
	t = mu_xcalloc(1, sizeof *t);
	t->owner = link;
	tunnel_init(&t->tunnel, TUNNEL_AGENT);
	mu_list_push_back(&link->tunnels.list, &t->link);
	link->tunnels.n++;
	t->stream = rpc_channel_open(link->tunnels.channel, PATH, &stream_ops, t);
	say_hello(t, &id);
	tunnel_attach(&t->tunnel, t->stream);
	if (open_end(t, m, &err) < 0)
		tunnel_fail(&t->tunnel, &err);
}

void tunnels_cancel(struct link *link)
{
	mu_list_each(it, &link->tunnels.list)
	{
		rpc_stream_cancel(MU_CONTAINER_OF(it, struct link_tunnel, link)->stream);
	}
}
