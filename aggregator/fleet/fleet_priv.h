/* SPDX-License-Identifier: Apache-2.0 */
/* The state shared by fleet.c (hosts, server), link.c (one stream), request.c (definitions),
 * read.c (readings of hosts) and tunnel.c. */
#ifndef MUSTER_AGGREGATOR_FLEET_FLEET_PRIV_H
#define MUSTER_AGGREGATOR_FLEET_FLEET_PRIV_H

#include "aggregator/fleet/fleet.h"
#include "common/base/arena.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/wire/wire.h"

struct link;

struct fleet_host {
	struct host_id id;
	struct session_mark mark;
	struct link *link; /* its live stream, NULL = away */
	/* received and not yet stored */
	size_t n_unstored;
	size_t unstored_bytes;
	mu_msec renewed_at; /* loop time of the latest renewal, 0 = none */
};

struct fleet {
	struct mu_loop *loop;
	struct fleet_backend backend;
	struct rpc_server *server;
	mu_msec hello_timeout;
	struct mu_map *hosts; /* host id -> struct fleet_host */
	struct mu_link links;
	struct mu_link requests;
	struct mu_link reads; /* host_read_op */
	size_t n_reads;
	struct mu_link tunnels; /* tunnel.c */
	struct mu_arena *arena; /* of the message at hand */
	mu_loop_cb stopped;
	void *stopped_ctx;
};

enum receipt_kind { RECEIPT_STATE, RECEIPT_BATCHES, RECEIPT_ROW };

struct fleet_receipt {
	struct host_id id;
	enum receipt_kind kind;
	uint64_t round;
	uint64_t epoch;
	uint64_t seq;
	size_t bytes;
};

/* Forget the message at hand; what a very large one took is given back. */
void fleet_arena_reset(struct fleet *f);
struct fleet_host *fleet_host_find(const struct fleet *f, const struct host_id *id);

/* link.c */
const struct rpc_stream_ops *link_open(struct fleet *f, struct rpc_stream *s, void **ret_ctx);
/* End it with a status; the host is told to be away at once. */
void link_finish(struct link *l, enum mu_error_code code, const char *text);
/* Something of this host came to the disk. */
void link_stored(struct link *l, const struct session_event *ev);
void link_row_stored(struct link *l, uint64_t seq);
/* Read on or not, by what waits to be stored. */
void link_flow(struct link *l);
void link_pump(struct link *l);
/* 0, or RPC_FULL. */
int link_send(struct link *l, const Muster__V1__AggregatorMessage *m);

/* request.c */
bool request_result(struct fleet *f, const struct host_id *id, const struct fleet_result *r,
		    const struct vm_id *vm);
/* The host's stream is gone: nobody will answer. */
void request_host_away(struct fleet *f, const struct host_id *id);

/* read.c */
int read_result(struct fleet *f, const struct host_id *id, const Muster__V1__HostReadResult *m,
		struct mu_error *err);
void read_host_away(struct fleet *f, const struct host_id *id);

/* tunnel.c */
#define FLEET_TUNNEL_PATH "/muster.v1.Fleet/Tunnel"
const struct rpc_stream_ops *tunnel_accept(struct fleet *f, struct rpc_stream *s, void **ret_ctx);
/* Those of this host end; `waiting` only: those that the host has not opened yet. */
void tunnel_host_away(struct fleet *f, const struct host_id *id, bool waiting,
		      const struct mu_error *why);

#endif
