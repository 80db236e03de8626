/* SPDX-License-Identifier: Apache-2.0 */
/* The link's state, for the files of this folder: link.c connects, pump.c sends, inbound.c
 * receives, reads.c answers what is read of the host, renew.c renews the certificate, tunnel.c
 * opens tunnels. */
#ifndef MUSTER_AGENT_LINK_LINK_PRIV_H
#define MUSTER_AGENT_LINK_LINK_PRIV_H

#include "agent/core/backoff.h"
#include "agent/core/sync.h"
#include "agent/link/identity.h"
#include "agent/link/link.h"
#include "agent/link/message.h"
#include "agent/stats/backfill.h"
#include "common/base/list.h"
#include "common/loop/work.h"
#include "common/rpc/rpc.h"
#include "common/wire/wire.h"

enum link_state {
	LINK_WAITING, /* for the next attempt */
	LINK_LOADING, /* the identity is read */
	LINK_HELLO,   /* dialled; Welcome has not come */
	LINK_LIVE,
	LINK_STOPPING,
	_LINK_STATE_COUNT,
};

struct renewal {
	struct mu_timer *timer;
	struct mu_work work;
	bool working;
	bool asked; /* a request is on its way */
	/* The work's; link->id is not: the next attempt's work may be reading it anew */
	struct tls_cert_info info; /* the certificate's in use, then the new one's */
	char *key;
	char *csr;
	char *cert; /* to be saved; NULL: a key and request are to be made */
	struct mu_error err;
};

/* Tunnels that the aggregator has asked for (tunnel.c), on a connection of their own. */
struct tunnels {
	struct rpc_channel *channel; /* while there are any */
	struct mu_link list;
	size_t n;
};

struct link {
	struct mu_loop *loop;
	struct app *app;
	struct link_options options;
	enum link_state state;
	struct rpc *rpc;
	struct rpc_channel *channel;
	struct rpc_stream *stream;
	struct mu_timer *timer; /* WAITING: next attempt; HELLO: patience */
	struct mu_work load;
	bool loading;
	struct identity id;
	struct mu_error load_err; /* the work's result */
	struct backoff backoff;
	mu_msec live_since;
	char last_trouble[MU_ERROR_TEXT_MAX]; /* logged once, not at every attempt */
	/* out */
	struct app_listener listener;
	struct mu_arena *arena; /* one message at a time */
	struct sync *sync;
	uint64_t metric_epoch;
	struct backfill *backfill;
	struct mu_map *sent; /* results told on this stream, by task */
	bool pumping_soon;
	struct mu_link reads; /* reads.c */
	size_t n_reads;
	void *stalled; /* a message that the stream had no room for */
	size_t n_stalled;
	/* certificate */
	struct renewal renewal;
	struct tunnels tunnels;
	/* end */
	mu_loop_cb stopped;
	void *stopped_ctx;
};

/* pump.c */
/* Send what there is, until there is no more or no room. */
void pump(struct link *link);
/* The same from the next loop turn. */
void pump_soon(struct link *link);
/* Nothing of the last stream is of use on the next. */
void pump_reset(struct link *link);
/* Send now or keep it as the stalled one; false: there is one already, `m` is dropped. */
bool pump_send(struct link *link, struct message m);
void pump_listen(struct link *link);

/* inbound.c */
void inbound_message(struct link *link, const void *data, size_t len);

/* link.c */
/* The aggregator has answered Hello. */
void link_welcomed(struct link *link);
/* End the stream for a reason of ours. */
void link_break(struct link *link, const char *why);

/* Stopping: goes on when nothing is under way any more. */
void link_check_stopped(struct link *link);

/* reads.c */
void reads_begin(struct link *link, const Muster__V1__HostRead *m);
void reads_cancel(struct link *link, const Muster__V1__HostReadCancel *m);
/* The stream has ended. */
void reads_drop_all(struct link *link);
/* Send what is ready; false when there is no more room. */
bool reads_pump(struct link *link);

/* tunnel.c */
void tunnels_init(struct link *link);
/* The aggregator wants one. */
void tunnels_open(struct link *link, const Muster__V1__TunnelOpen *m);
/* All of them end; link_check_stopped() is called when the last one has. */
void tunnels_cancel(struct link *link);

/* renew.c */
void renew_init(struct link *link);
void renew_deinit(struct link *link);
/* A stream is live: look whether it is time, now and from now on. */
void renew_begin(struct link *link);
void renew_end(struct link *link);
void renew_answer(struct link *link, const Muster__V1__Certificate *c);

#endif
