/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/net.h"

#include "tests/simulator/sim.h"

#include <stdlib.h>

struct notice {
	struct net_stream *stream;
	enum net_way way; /* NET_UP: the aggregator learns of the end */
};

struct net_stream *net_dial(struct sim *s, size_t host)
{
	struct net_stream *stream;

	if (!s->line_up[host] || !s->aggregator.up)
		return NULL;
	stream = mu_xcalloc(1, sizeof *stream);
	stream->host = host;
	stream->agent_open = stream->aggregator_open = true;
	stream->until[NET_UP] = stream->until[NET_DOWN] = MU_MSEC_NEVER;
	session_init(&stream->session);
	mu_list_push_back(&s->streams, &stream->link);
	return stream;
}

struct net_message *net_message_new(enum net_kind kind, size_t n_vms)
{
	struct net_message *m = mu_xcalloc(1, sizeof *m + n_vms * sizeof m->vms[0]);

	m->kind = kind;
	return m;
}

static void ended(struct sim *s, struct net_stream *stream, enum net_way way)
{
	if (way == NET_UP && stream->aggregator_open) {
		stream->aggregator_open = false;
		aggregator_ended(s, stream);
	} else if (way == NET_DOWN && stream->agent_open) {
		stream->agent_open = false;
		agent_ended(s, &s->agents[stream->host]);
	}
}

static void deliver(struct sim *s, void *arg)
{
	struct net_message *m = arg;
	struct net_stream *stream = m->stream;

	if (s->now > stream->until[m->way])
		return;
	if (m->kind == NET_END)
		ended(s, stream, m->way);
	else if (m->way == NET_UP && stream->aggregator_open)
		aggregator_receive(s, stream, m);
	else if (m->way == NET_DOWN && stream->agent_open)
		agent_receive(s, &s->agents[stream->host], m);
}

void net_send(struct sim *s, struct net_stream *stream, enum net_way way, struct net_message *m)
{
	mu_msec at = s->now + 1 + (mu_msec)sim_below(s, sim_chance(s, 5) ? 800 : 30);

	if (stream->cut || (m->kind == NET_DELTA && stream->lose_delta)) {
		stream->lose_delta = stream->lose_delta && stream->cut;
		free(m);
		return;
	}
	if (at < stream->last[way])
		at = stream->last[way];
	stream->last[way] = at;
	m->stream = stream;
	m->way = way;
	sim_after(s, at - s->now, NULL, deliver, m);
}

static void on_notice(struct sim *s, void *arg)
{
	struct notice *n = arg;

	ended(s, n->stream, n->way);
}

static void notice(struct sim *s, struct net_stream *stream, enum net_way way, mu_msec most)
{
	struct notice *n = mu_xcalloc(1, sizeof *n);

	*n = (struct notice){.stream = stream, .way = way};
	stream->until[way] = s->now + (mu_msec)sim_below(s, 40);
	sim_after(s, 41 + (mu_msec)sim_below(s, (uint64_t)most), NULL, on_notice, n);
}

void net_cut(struct sim *s, size_t host)
{
	mu_list_each(it, &s->streams)
	{
		struct net_stream *stream = MU_CONTAINER_OF(it, struct net_stream, link);

		if (stream->host != host || stream->cut)
			continue;
		stream->cut = true;
		notice(s, stream, NET_DOWN, sim_chance(s, 50) ? 50 : 5000);
		notice(s, stream, NET_UP, sim_chance(s, 50) ? 50 : 20000);
	}
}

void net_agent_closes(struct sim *s, struct net_stream *stream)
{
	stream->agent_open = false;
	net_send(s, stream, NET_UP, net_message_new(NET_END, 0));
}

void net_aggregator_closes(struct sim *s, struct net_stream *stream)
{
	stream->aggregator_open = false;
	net_send(s, stream, NET_DOWN, net_message_new(NET_END, 0));
}

void net_aggregator_dies(struct sim *s)
{
	mu_list_each(it, &s->streams)
	{
		struct net_stream *stream = MU_CONTAINER_OF(it, struct net_stream, link);

		if (stream->aggregator_open && !stream->cut)
			notice(s, stream, NET_DOWN, 300);
		stream->aggregator_open = false;
		stream->cut = true;
	}
}

void net_deinit(struct sim *s)
{
	mu_list_each(it, &s->streams) free(MU_CONTAINER_OF(it, struct net_stream, link));
}
