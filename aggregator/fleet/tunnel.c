/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels, this side: asked for on the host's stream of state, opened by the host.
 *
 *     fleet_tunnel_open()   WAITING --the host's call, with the id--> LIVE --call over--> freed
 *                              '--30 s, or the host goes, or the user--------------------> freed
 *
 * A call is a stranger until its first message has named a tunnel that waits, on a connection with
 * that tunnel's host's certificate; it has ten seconds for that. An id is good once.
 */
#include "common/tunnel/tunnel.h"
#include "aggregator/fleet/fleet_priv.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>

enum {
	TUNNELS_PER_HOST = 32,
	OPEN_TIMEOUT_MS = 30 * 1000,
	HELLO_TIMEOUT_MS = 10 * 1000,
};

struct fleet_tunnel {
	struct mu_link link; /* fleet's tunnels */
	struct host_id host;
	struct mu_uuid id;
	bool live;
	struct mu_timer *timer; /* WAITING */
	struct tunnel tunnel;
};

/* A call of Fleet.Tunnel. */
struct caller {
	struct fleet *fleet;
	struct rpc_stream *stream;
	struct mu_timer *timer;      /* until it has said what it is */
	struct fleet_tunnel *tunnel; /* NULL: it has not, or was refused */
	bool refused;
};

static const Muster__V1__TunnelKind kinds[_FLEET_TUNNEL_KIND_COUNT] = {
    [FLEET_TUNNEL_CONSOLE_SERIAL] = MUSTER__V1__TUNNEL_KIND__TUNNEL_KIND_CONSOLE_SERIAL,
    [FLEET_TUNNEL_CONSOLE_VNC] = MUSTER__V1__TUNNEL_KIND__TUNNEL_KIND_CONSOLE_VNC,
    [FLEET_TUNNEL_TRANSFER] = MUSTER__V1__TUNNEL_KIND__TUNNEL_KIND_TRANSFER,
};

static void tunnel_free(struct fleet_tunnel *t)
{
	mu_list_remove(&t->link);
	mu_timer_free(t->timer);
	tunnel_deinit(&t->tunnel);
	free(t);
}

/* Asking for one */

/* The user's end, before and after the host has answered: a tunnel that waits has no stream whose
 * end would free it. */
static int far_send(void *side, const void *data, size_t len)
{
	struct fleet_tunnel *t = side;

	return tunnel_pipe.send(&t->tunnel, data, len);
}

static void far_writable(void *side)
{
	struct fleet_tunnel *t = side;

	tunnel_pipe.writable(&t->tunnel);
}

static void far_end(void *side)
{
	struct fleet_tunnel *t = side;

	tunnel_pipe.end(&t->tunnel);
}

static void far_close(void *side, const struct mu_error *why)
{
	struct fleet_tunnel *t = side;

	tunnel_pipe.close(&t->tunnel, why);
	if (!t->live)
		tunnel_free(t);
}

static const struct mu_pipe_ops far_ops = {
    .send = far_send,
    .writable = far_writable,
    .end = far_end,
    .close = far_close,
};

/* It will not come any more. */
static void give_up(struct fleet_tunnel *t, const struct mu_error *why)
{
	struct mu_pipe near = t->tunnel.near;

	tunnel_free(t);
	mu_pipe_close(&near, why);
}

static void on_open_timeout(void *ctx)
{
	struct mu_error why = MU_ERROR_INIT;

	(void)mu_error_set(&why, MU_E_TIMEOUT,
			   "the host's agent has not answered within %d s; hint: is it an older "
			   "version",
			   OPEN_TIMEOUT_MS / 1000);
	give_up(ctx, &why);
}

static size_t count_of(const struct fleet *f, const struct host_id *id)
{
	size_t n = 0;

	mu_list_each(it, &f->tunnels)
	{
		const struct fleet_tunnel *t = MU_CONTAINER_OF(it, struct fleet_tunnel, link);

		n += mu_uuid_equal(&t->host.uuid, &id->uuid);
	}
	return n;
}

static int ask(struct fleet *f, struct fleet_host *host, const struct fleet_tunnel_request *rq,
	       const struct mu_uuid *id)
{
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;
	Muster__V1__TunnelOpen open = MUSTER__V1__TUNNEL_OPEN__INIT;

	open.id = wire_uuid_encode(f->arena, id);
	open.kind = kinds[rq->kind];
	open.object = wire_uuid_encode(f->arena, &rq->object);
	open.user = mu_arena_strdup(f->arena, rq->user);
	open.from = mu_arena_strdup(f->arena, rq->from);
	open.write = rq->write;
	open.take = rq->take;
	open.arguments = mu_arena_strdup(f->arena, rq->arguments ? rq->arguments : "");
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_TUNNEL_OPEN;
	m.tunnel_open = &open;
	return link_send(host->link, &m);
}

int fleet_tunnel_open(struct fleet *f, const struct fleet_tunnel_request *rq, struct mu_pipe near,
		      struct mu_pipe *ret_far, struct mu_error *err)
{
	struct fleet_host *host = fleet_host_find(f, &rq->host);
	struct mu_uuid id = mu_random_uuid();
	struct fleet_tunnel *t;

	if (!host || !host->link)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "the host's agent is not connected; hint: try again when it is "
				    "back");
	if (count_of(f, &rq->host) >= TUNNELS_PER_HOST)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d tunnels to this host are open, the most; hint: close a "
				    "console or end a transfer",
				    TUNNELS_PER_HOST);
	if (ask(f, host, rq, &id) == RPC_FULL)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "the host's agent does not keep up; hint: try again later");
	t = mu_xcalloc(1, sizeof *t);
	t->host = rq->host;
	t->id = id;
	t->timer = mu_timer_new(f->loop, on_open_timeout, t);
	mu_timer_set(t->timer, OPEN_TIMEOUT_MS);
	tunnel_init(&t->tunnel, TUNNEL_AGGREGATOR);
	t->tunnel.near = near;
	mu_list_push_back(&f->tunnels, &t->link);
	*ret_far = (struct mu_pipe){.ops = &far_ops, .side = t};
	return 0;
}

void tunnel_host_away(struct fleet *f, const struct host_id *id, bool waiting,
		      const struct mu_error *why)
{
	mu_list_each(it, &f->tunnels)
	{
		struct fleet_tunnel *t = MU_CONTAINER_OF(it, struct fleet_tunnel, link);

		if (!mu_uuid_equal(&t->host.uuid, &id->uuid))
			continue;
		if (!t->live)
			give_up(t, why);
		else if (!waiting)
			tunnel_fail(&t->tunnel, why);
	}
}

/* The host's call */

static void refuse(struct caller *c, enum mu_error_code code, const char *text)
{
	mu_log_warning("tunnel refused peer=%s certificate=%s err=\"%s\"",
		       rpc_stream_peer(c->stream)->address, rpc_stream_peer(c->stream)->common_name,
		       text);
	c->refused = true;
	mu_timer_cancel(c->timer);
	rpc_stream_finish(c->stream, code, text);
}

static void on_hello_timeout(void *ctx)
{
	refuse(ctx, MU_E_TIMEOUT, "no hello came in time");
}

/* The certificate is this host's, and good: as for its stream of state. */
static bool may_have(const struct caller *c, const struct fleet_tunnel *t)
{
	const struct fleet_backend *b = &c->fleet->backend;
	const struct rpc_peer *peer = rpc_stream_peer(c->stream);
	char host[MU_UUID_TEXT];

	return strcmp(peer->common_name, mu_uuid_format(&t->host.uuid, host)) == 0 &&
	       b->certificate(b->ctx, &t->host, peer->fingerprint) == SESSION_CERT_GOOD;
}

/* One answer for all that is wrong: who guesses learns nothing. */
static struct fleet_tunnel *find_for(const struct caller *c, const struct mu_uuid *id)
{
	mu_list_each(it, &c->fleet->tunnels)
	{
		struct fleet_tunnel *t = MU_CONTAINER_OF(it, struct fleet_tunnel, link);

		if (!t->live && mu_uuid_equal(&t->id, id) && may_have(c, t))
			return t;
	}
	return NULL;
}

static int read_hello(const void *data, size_t len, struct mu_uuid *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__TunnelUp *m;

	if (wire_unpack_tunnel_up(a, data, len, &m, err) < 0)
		return MU_FAILED;
	if (m->kind_case != MUSTER__V1__TUNNEL_UP__KIND_HELLO)
		return mu_error_set(err, MU_E_PROTOCOL, "the first message is not a hello");
	return wire_uuid_decode(&m->hello->id, "hello.id", ret, err);
}

static void take_hello(struct caller *c, const void *data, size_t len)
{
	struct mu_error err = MU_ERROR_INIT;
	struct fleet_tunnel *t;
	struct mu_uuid id;

	if (read_hello(data, len, &id, &err) < 0) {
		refuse(c, err.code, err.text);
		return;
	}
	t = find_for(c, &id);
	if (!t) {
		refuse(c, MU_E_DENIED, "no tunnel of that id waits for this host");
		return;
	}
	mu_timer_cancel(c->timer);
	mu_timer_cancel(t->timer);
	c->tunnel = t;
	t->live = true;
	tunnel_attach(&t->tunnel, c->stream);
}

static void on_message(struct rpc_stream *s, const void *data, size_t len, void *ctx)
{
	struct caller *c = ctx;

	(void)s;
	if (c->tunnel)
		tunnel_on_message(&c->tunnel->tunnel, data, len);
	else if (!c->refused)
		take_hello(c, data, len);
}

static void on_writable(struct rpc_stream *s, void *ctx)
{
	struct caller *c = ctx;

	(void)s;
	if (c->tunnel)
		tunnel_on_writable(&c->tunnel->tunnel);
}

static void on_half_close(struct rpc_stream *s, void *ctx)
{
	struct caller *c = ctx;

	(void)s;
	if (c->tunnel)
		tunnel_on_half_close(&c->tunnel->tunnel);
	else if (!c->refused)
		refuse(c, MU_E_PROTOCOL, "no hello came");
}

static void on_end(struct rpc_stream *s, int grpc_status, const char *text, void *ctx)
{
	struct caller *c = ctx;

	(void)s;
	if (c->tunnel) {
		tunnel_on_end(&c->tunnel->tunnel, grpc_status, text);
		tunnel_free(c->tunnel);
	}
	mu_timer_free(c->timer);
	free(c);
}

static const struct rpc_stream_ops stream_ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_half_close = on_half_close,
    .on_end = on_end,
};

const struct rpc_stream_ops *tunnel_accept(struct fleet *f, struct rpc_stream *s, void **ret_ctx)
{
	struct caller *c = mu_xcalloc(1, sizeof *c);

	c->fleet = f;
	c->stream = s;
	c->timer = mu_timer_new(f->loop, on_hello_timeout, c);
	mu_timer_set(c->timer, HELLO_TIMEOUT_MS);
	*ret_ctx = c;
	return &stream_ops;
}
