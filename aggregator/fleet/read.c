/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings of hosts: asked for on the host's present stream, answered in pieces, collected here.
 * They are no tasks and leave no trace; when the stream breaks the asker asks again.
 */
#include "aggregator/fleet/fleet_priv.h"
#include "common/os/random.h"

#include <stdlib.h>

enum { HOST_READS_MAX = 8, READS_MAX = 64 };
#define PATIENCE MU_SEC(60)

struct reading {
	struct fleet *fleet;
	struct host_read_op *op;
	struct mu_uuid id;
	struct mu_timer *timer;
	struct mu_str text;
	bool ended; /* done is on its way */
};

static void answer(void *ctx)
{
	struct reading *rd = ctx;
	struct host_read_op *op = rd->op;

	op->priv = NULL;
	if (op->err.code == MU_E_NONE)
		op->text = rd->text;
	else
		mu_str_deinit(&rd->text);
	mu_timer_free(rd->timer);
	free(rd);
	op->done(op);
}

/* With op->err. From the loop, never inside the call. */
static void finish(struct reading *rd)
{
	rd->ended = true;
	rd->fleet->n_reads--;
	mu_list_remove(&rd->op->link);
	mu_loop_post(rd->fleet->loop, answer, rd);
}

static void tell_cancel(struct reading *rd)
{
	struct fleet_host *host = fleet_host_find(rd->fleet, &rd->op->host);
	Muster__V1__HostReadCancel cancel = MUSTER__V1__HOST_READ_CANCEL__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	if (!host || !host->link)
		return;
	cancel.id = wire_uuid_encode(rd->fleet->arena, &rd->id);
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_HOST_READ_CANCEL;
	m.host_read_cancel = &cancel;
	link_send(host->link, &m);
}

static void on_impatient(void *ctx)
{
	struct reading *rd = ctx;

	if (rd->ended)
		return;
	(void)mu_error_set(&rd->op->err, MU_E_TIMEOUT, "the host has not answered in %d s",
			   (int)(PATIENCE / 1000));
	tell_cancel(rd);
	finish(rd);
}

static size_t n_of_host(const struct fleet *f, const struct host_id *id)
{
	size_t n = 0;

	mu_list_each(it, &f->reads)
	{
		const struct host_read_op *op = MU_CONTAINER_OF(it, struct host_read_op, link);

		n += mu_uuid_equal(&op->host.uuid, &id->uuid);
	}
	return n;
}

static int send_read(struct reading *rd, struct mu_error *err)
{
	struct fleet *f = rd->fleet;
	struct fleet_host *host = fleet_host_find(f, &rd->op->host);
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	if (f->n_reads > READS_MAX || n_of_host(f, &rd->op->host) > HOST_READS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "too many readings are under way; hint: try again later");
	if (!host || !host->link)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "the host's agent is not connected; hint: try again when it is "
				    "back");
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_HOST_READ;
	m.host_read = wire_host_read_encode(f->arena, &rd->id, &rd->op->what);
	if (link_send(host->link, &m) == RPC_FULL)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "the host's agent does not keep up; hint: try again later");
	return 0;
}

void fleet_host_read(struct fleet *f, struct host_read_op *op)
{
	struct reading *rd = mu_xcalloc(1, sizeof *rd);

	rd->fleet = f;
	rd->op = op;
	rd->id = mu_random_uuid();
	rd->timer = mu_timer_new(f->loop, on_impatient, rd);
	op->priv = rd;
	mu_error_clear(&op->err);
	op->text = (struct mu_str)MU_STR_INIT;
	mu_link_init(&op->link);
	mu_list_push_back(&f->reads, &op->link);
	f->n_reads++;
	if (send_read(rd, &op->err) < 0)
		finish(rd);
	else
		mu_timer_set(rd->timer, PATIENCE);
	fleet_arena_reset(f);
}

void fleet_host_read_cancel(struct fleet *f, struct host_read_op *op)
{
	struct reading *rd = op->priv;

	if (!rd || rd->ended)
		return;
	(void)mu_error_set(&op->err, MU_E_CANCELLED, "reading was cancelled");
	tell_cancel(rd);
	finish(rd);
	fleet_arena_reset(f);
}

static struct reading *find(const struct fleet *f, const struct host_id *host,
			    const struct mu_uuid *id)
{
	mu_list_each(it, &f->reads)
	{
		struct host_read_op *op = MU_CONTAINER_OF(it, struct host_read_op, link);
		struct reading *rd = op->priv;

		if (mu_uuid_equal(&rd->id, id) && mu_uuid_equal(&op->host.uuid, &host->uuid))
			return rd;
	}
	return NULL;
}

static void take_error(struct reading *rd, const Muster__V1__HostReadResult *m)
{
	enum mu_error_code code = mu_error_from_name(m->error_code);

	(void)mu_error_set(&rd->op->err, code == MU_E_NONE ? MU_E_INTERNAL : code, "%s",
			   m->error_text[0] ? m->error_text : "the agent gave no reason");
	finish(rd);
}

/* A reading that is not known (any more) was cancelled, or took too long. */
int read_result(struct fleet *f, const struct host_id *id, const Muster__V1__HostReadResult *m,
		struct mu_error *err)
{
	struct reading *rd;
	struct mu_uuid reading;

	if (wire_uuid_decode(&m->id, "host_read_result.id", &reading, err) < 0)
		return MU_FAILED;
	rd = find(f, id, &reading);
	if (!rd)
		return 0;
	if (m->error_code[0]) {
		take_error(rd, m);
		return 0;
	}
	if (rd->text.len + m->data.len > HOST_READ_TEXT_MAX) {
		(void)mu_error_set(&rd->op->err, MU_E_TOO_LARGE,
				   "the host's answer is over %d bytes", HOST_READ_TEXT_MAX);
		tell_cancel(rd);
		finish(rd);
		return 0;
	}
	mu_str_add_bytes(&rd->text, m->data.data, m->data.len);
	if (m->last)
		finish(rd);
	return 0;
}

void read_host_away(struct fleet *f, const struct host_id *id)
{
	mu_list_each(it, &f->reads)
	{
		struct host_read_op *op = MU_CONTAINER_OF(it, struct host_read_op, link);

		if (!mu_uuid_equal(&op->host.uuid, &id->uuid))
			continue;
		(void)mu_error_set(&op->err, MU_E_UNAVAILABLE,
				   "the connection to the host broke before it answered; hint: "
				   "ask again");
		finish(op->priv);
	}
}
