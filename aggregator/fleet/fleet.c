/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC port and the enrolled hosts; a stream's life is in link.c. */
#include "aggregator/fleet/fleet.h"

#include "aggregator/fleet/fleet_priv.h"
#include "common/base/assert.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

enum {
	SEND_MAX = 1 << 20,
	KEEPALIVE_MS = 20 * 1000,
	KEEPALIVE_TIMEOUT_MS = 20 * 1000,
	PROBE_INTERVAL_MS = 15 * 1000,
	ARENA_KEEP = 1 << 20,
};

#define CONNECT_PATH "/muster.v1.Fleet/Connect"

static const struct rpc_stream_ops *on_stream(struct rpc_stream *s, const char *path, void *ctx,
					      void **ret_ctx, struct mu_error *err)
{
	if (strcmp(path, CONNECT_PATH) == 0)
		return link_open(ctx, s, ret_ctx);
	if (strcmp(path, FLEET_TUNNEL_PATH) == 0)
		return tunnel_accept(ctx, s, ret_ctx);
	mu_error_set(err, MU_E_UNSUPPORTED,
		     "there are only " CONNECT_PATH " and " FLEET_TUNNEL_PATH " here");
	return NULL;
}

int fleet_new(struct mu_loop *loop, struct rpc *rpc, const struct fleet_options *options,
	      struct fleet **ret_fleet, struct mu_error *err)
{
	struct fleet *f = mu_xcalloc(1, sizeof *f);
	struct rpc_server_options server = {
	    .listen = options->listen,
	    .tls = options->tls,
	    .message_max = WIRE_MESSAGE_MAX,
	    .send_max = SEND_MAX,
	    .keepalive = KEEPALIVE_MS,
	    .keepalive_timeout = KEEPALIVE_TIMEOUT_MS,
	    .probe_interval = PROBE_INTERVAL_MS,
	    .on_stream = on_stream,
	    .ctx = f,
	};

	f->loop = loop;
	f->backend = *options->backend;
	f->hello_timeout = options->hello_timeout;
	f->hosts = mu_map_new();
	f->arena = mu_arena_new();
	mu_link_init(&f->links);
	mu_link_init(&f->requests);
	mu_link_init(&f->reads);
	mu_link_init(&f->tunnels);
	if (rpc_server_new(rpc, &server, &f->server, err) < 0) {
		mu_map_free(f->hosts);
		mu_arena_free(f->arena);
		free(f);
		return mu_error_prefix(err, "listening for agents on %s", options->listen);
	}
	*ret_fleet = f;
	return 0;
}

int fleet_port(const struct fleet *f)
{
	return rpc_server_port(f->server);
}

void fleet_set_tls(struct fleet *f, const struct rpc_tls *tls)
{
	rpc_server_set_tls(f->server, tls);
}

static void on_stopped(void *ctx)
{
	struct fleet *f = ctx;
	mu_loop_cb done = f->stopped;
	void *done_ctx = f->stopped_ctx;
	struct fleet_host *host;

	for (size_t i = 0; (host = mu_map_next(f->hosts, &i, NULL, NULL));)
		free(host);
	mu_assert(mu_list_empty(&f->tunnels));
	mu_map_free(f->hosts);
	mu_arena_free(f->arena);
	free(f);
	done(done_ctx);
}

void fleet_stop(struct fleet *f, mu_loop_cb done, void *ctx)
{
	f->stopped = done;
	f->stopped_ctx = ctx;
	rpc_server_stop(f->server, on_stopped, f);
}

/* --- hosts --- */

struct fleet_host *fleet_host_find(const struct fleet *f, const struct host_id *id)
{
	return f ? mu_map_find(f->hosts, id, sizeof *id) : NULL;
}

void fleet_host_add(struct fleet *f, const struct host_id *id, const struct session_mark *mark)
{
	struct fleet_host *host = fleet_host_find(f, id);

	if (host || !f)
		return;
	host = mu_xcalloc(1, sizeof *host);
	host->id = *id;
	host->mark = *mark;
	mu_map_put(f->hosts, id, sizeof *id, host);
}

void fleet_disconnect(struct fleet *f, const struct host_id *id, enum mu_error_code code,
		      const char *text)
{
	struct fleet_host *host = fleet_host_find(f, id);
	struct mu_error why = MU_ERROR_INIT;

	if (!host)
		return;
	if (host->link)
		link_finish(host->link, code, text);
	(void)mu_error_set(&why, code, "%s", text);
	tunnel_host_away(f, id, false, &why);
}

void fleet_host_remove(struct fleet *f, const struct host_id *id, enum mu_error_code code,
		       const char *text)
{
	fleet_disconnect(f, id, code, text);
	if (f)
		free(mu_map_remove(f->hosts, id, sizeof *id));
}

bool fleet_is_connected(const struct fleet *f, const struct host_id *id)
{
	const struct fleet_host *host = fleet_host_find(f, id);

	return host && host->link;
}

/* --- what came to the disk --- */

/* The store would not have it: the agent is asked again for what memory only believes to have. */
static void refused(struct fleet_host *host, enum receipt_kind kind, const struct mu_error *err)
{
	if (kind == RECEIPT_BATCHES)
		host->mark.metric_taken = host->mark.metric_stored;
	if (kind == RECEIPT_STATE)
		session_mark_distrust(&host->mark);
	if (host->link)
		link_finish(host->link, err->code, err->text);
}

void fleet_arena_reset(struct fleet *f)
{
	if (mu_arena_used(f->arena) <= ARENA_KEEP) {
		mu_arena_reset(f->arena);
		return;
	}
	mu_arena_free(f->arena);
	f->arena = mu_arena_new();
}

static void stored(struct fleet_host *host, const struct fleet_receipt *receipt)
{
	struct session_event ev = {
	    .kind =
		receipt->kind == RECEIPT_BATCHES ? SESSION_EV_BATCHES_STORED : SESSION_EV_STORED,
	    .round = receipt->round,
	    .epoch = receipt->epoch,
	    .seq = receipt->seq,
	};

	switch (receipt->kind) {
	case RECEIPT_STATE:
		session_mark_stored(&host->mark, ev.round, ev.epoch, ev.seq);
		break;
	case RECEIPT_BATCHES:
		session_mark_batches_stored(&host->mark, ev.epoch, ev.seq);
		break;
	case RECEIPT_ROW:
		if (host->link)
			link_row_stored(host->link, ev.seq);
		return;
	}
	if (host->link)
		link_stored(host->link, &ev);
}

void fleet_stored(struct fleet *f, struct fleet_receipt *receipt, const struct mu_error *err)
{
	struct fleet_host *host = fleet_host_find(f, &receipt->id);

	/* A host that was forgotten and enrolled again meanwhile has a fresh count. */
	if (host && host->n_unstored) {
		host->n_unstored--;
		host->unstored_bytes -=
		    receipt->bytes < host->unstored_bytes ? receipt->bytes : host->unstored_bytes;
		if (err)
			refused(host, receipt->kind, err);
		else
			stored(host, receipt);
		if (host->link)
			link_flow(host->link);
	}
	free(receipt);
	if (f)
		fleet_arena_reset(f);
}

void fleet_result_stored(struct fleet *f, const struct host_id *id, const struct mu_uuid *task)
{
	struct fleet_host *host = fleet_host_find(f, id);
	Muster__V1__CommandResultAck ack = MUSTER__V1__COMMAND_RESULT_ACK__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	if (!host || !host->link)
		return;
	ack.id = wire_uuid_encode(f->arena, task);
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_RESULT_ACK;
	m.result_ack = &ack;
	link_send(host->link, &m); /* no room: the agent repeats the result on its next stream */
}

void fleet_renewed(struct fleet *f, const struct host_id *id, const char *cert, const char *ca,
		   const char *text)
{
	struct fleet_host *host = fleet_host_find(f, id);
	MU_CLEANUP(mu_free) char *cert_copy = mu_xstrdup(cert ? cert : "");
	MU_CLEANUP(mu_free) char *ca_copy = mu_xstrdup(ca ? ca : "");
	MU_CLEANUP(mu_free) char *text_copy = mu_xstrdup(text ? text : "");
	Muster__V1__Certificate c = MUSTER__V1__CERTIFICATE__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	if (!host || !host->link)
		return;
	c.certificate = cert_copy;
	c.ca = ca_copy;
	c.error_text = text_copy;
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_CERTIFICATE;
	m.certificate = &c;
	link_send(host->link, &m);
}

void fleet_pump(struct fleet *f, const struct host_id *id)
{
	struct fleet_host *host = fleet_host_find(f, id);

	if (host && host->link)
		link_pump(host->link);
}

void fleet_cancel(struct fleet *f, const struct host_id *id, const struct mu_uuid *task)
{
	struct fleet_host *host = fleet_host_find(f, id);
	Muster__V1__CommandCancel cancel = MUSTER__V1__COMMAND_CANCEL__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	if (!host || !host->link)
		return;
	cancel.id = wire_uuid_encode(f->arena, task);
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_CANCEL;
	m.cancel = &cancel;
	link_send(host->link, &m);
}
