/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings of the host that the aggregator asked for. A reading belongs to its stream: when that
 * ends, it is cancelled and its answer thrown away. Answers wait in memory (that is why they are
 * few) and go out in pieces, behind state and results, as the stream has room.
 */
#include "agent/link/link_priv.h"

#include <stdlib.h>

enum { READS_MAX = 16, PIECE_BYTES = 256 << 10 };

struct link_read {
	struct mu_link node;
	struct link *link;
	struct mu_uuid id;
	struct host_read_op op;
	bool ended;
	bool dropped; /* nobody waits for it */
	size_t n_sent;
};

static void read_free(struct link_read *r)
{
	mu_list_remove(&r->node);
	r->link->n_reads--;
	mu_str_deinit(&r->op.text);
	free(r);
}

static void on_read(struct host_read_op *op)
{
	struct link_read *r = op->ctx;
	struct link *link = r->link;

	r->ended = true;
	if (r->dropped)
		read_free(r);
	pump_soon(link);
}

void reads_begin(struct link *link, const Muster__V1__HostRead *m)
{
	struct mu_error err = MU_ERROR_INIT;
	struct link_read *r;
	struct mu_uuid id;

	if (wire_uuid_decode(&m->id, "host_read.id", &id, &err) < 0) {
		link_break(link, err.text);
		return;
	}
	if (link->n_reads >= READS_MAX) {
		link_break(link, "more readings of the host at once than agreed");
		return;
	}
	r = mu_xcalloc(1, sizeof *r);
	r->link = link;
	r->id = id;
	r->op.host = link->options.host;
	r->op.done = on_read;
	r->op.ctx = r;
	mu_list_push_back(&link->reads, &r->node);
	link->n_reads++;
	if (wire_host_read_decode(m, &r->op.what, &r->op.err) == 0) {
		app_host_read(link->app, &r->op);
	} else {
		r->ended = true;
		pump_soon(link);
	}
}

static void drop(struct link_read *r)
{
	if (r->ended) {
		read_free(r);
		return;
	}
	r->dropped = true;
	app_host_read_cancel(r->link->app, &r->op);
}

void reads_cancel(struct link *link, const Muster__V1__HostReadCancel *m)
{
	struct mu_uuid id;

	if (wire_uuid_decode(&m->id, "host_read_cancel.id", &id, NULL) < 0)
		return;
	mu_list_each(it, &link->reads)
	{
		struct link_read *r = MU_CONTAINER_OF(it, struct link_read, node);

		if (!r->dropped && mu_uuid_equal(&r->id, &id))
			drop(r);
	}
}

void reads_drop_all(struct link *link)
{
	mu_list_each(it, &link->reads)
	{
		struct link_read *r = MU_CONTAINER_OF(it, struct link_read, node);

		if (!r->dropped)
			drop(r);
	}
}

/* One piece; true when it was the last. */
static bool send_piece(struct link *link, struct link_read *r)
{
	size_t left = r->op.text.len - r->n_sent;
	struct message_piece piece = {
	    .id = &r->id,
	    .data = r->op.text.data ? r->op.text.data + r->n_sent : "",
	    .len = left < PIECE_BYTES ? left : PIECE_BYTES,
	    .last = left <= PIECE_BYTES,
	    .err = &r->op.err,
	};

	mu_arena_reset(link->arena);
	(void)pump_send(link, message_host_read(link->arena, &piece));
	r->n_sent += piece.len;
	return piece.last;
}

bool reads_pump(struct link *link)
{
	mu_list_each(it, &link->reads)
	{
		struct link_read *r = MU_CONTAINER_OF(it, struct link_read, node);

		while (r->ended && !link->n_stalled) {
			if (!send_piece(link, r))
				continue;
			read_free(r);
			break;
		}
	}
	return !link->n_stalled;
}
