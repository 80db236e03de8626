/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes down. The peer is verified, but not believed: what makes no sense ends the stream
 * with a reason, which a new one may heal; a command that cannot be understood is answered with
 * why.
 */
#include "agent/link/link_priv.h"

#include "common/base/map.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#define DEADLINE_MAX (INT64_C(7) * 24 * 3600 * 1000)

/* What it lacks of the time before; an aggregator that does not say takes no rows. */
static void begin_backfill(struct link *link, const Muster__V1__MetricHave *m)
{
	struct window *w = link->options.window;
	mu_msec now = mu_clock_wall();
	struct backfill_have have;
	size_t n;

	if (!m)
		return;
	have = (struct backfill_have){
	    .last_minute = m->last_minute,
	    .n_minutes = m->minutes.len,
	    .minutes = m->minutes.data,
	    .last_step = m->last_step,
	    .n_steps = m->steps.len,
	    .steps = m->steps.data,
	};
	window_skip(w, backfill_limit(now));
	n = backfill_begin(link->backfill, &have, now, window_oldest(w));
	if (n > 0)
		mu_log_info("metrics of before are sent rows=%zu", n);
}

static void on_welcome(struct link *link, const Muster__V1__Welcome *w)
{
	uint64_t seq;

	if (link->state != LINK_HELLO) {
		link_break(link, "a second Welcome");
		return;
	}
	if (w->protocol != 1) {
		link_break(link, "the aggregator speaks another protocol version; hint: upgrade "
				 "the older side");
		return;
	}
	link_welcomed(link);
	window_rewind(link->options.window, w->metric_seq);
	begin_backfill(link, w->metric_have);
	if (sync_welcome(link->sync, w->resume, w->resume_seq, &seq) == SYNC_SNAPSHOT) {
		struct message_later later;
		struct message m;

		mu_arena_reset(link->arena);
		m = message_snapshot(link->arena, link->app, sync_epoch(link->sync), seq, &later);
		(void)pump_send(link, m);
		for (size_t i = 0; i < later.n; i++)
			sync_changed(link->sync, &later.ids[i]);
	}
	pump(link);
}

static mu_msec deadline_of(uint64_t ms)
{
	return ms > DEADLINE_MAX ? DEADLINE_MAX : (mu_msec)ms;
}

static int decode_command(const Muster__V1__Command *m, struct app_command *c, struct mu_error *err)
{
	c->deadline = deadline_of(m->deadline_ms);
	switch (m->kind_case) {
	case MUSTER__V1__COMMAND__KIND_VM_ACTION:
		c->kind = JOURNAL_ACTION;
		if (wire_op_decode(m->vm_action->op, &c->op, err) < 0)
			return MU_FAILED;
		return wire_uuid_decode(&m->vm_action->vm_id, "vm_id", &c->vm.uuid, err);
	case MUSTER__V1__COMMAND__KIND_VM_DEFINE:
		c->kind = JOURNAL_DEFINE;
		c->definition = m->vm_define->definition;
		return 0;
	case MUSTER__V1__COMMAND__KIND_VM_UNDEFINE:
		c->kind = JOURNAL_UNDEFINE;
		return wire_uuid_decode(&m->vm_undefine->vm_id, "vm_id", &c->vm.uuid, err);
	case MUSTER__V1__COMMAND__KIND_CALL:
		c->kind = JOURNAL_CALL;
		c->method = m->call->method;
		c->arguments = m->call->arguments;
		return wire_uuid_decode(&m->call->object, "object", &c->object, err);
	case MUSTER__V1__COMMAND__KIND__NOT_SET:
	case _MUSTER__V1__COMMAND__KIND__CASE_IS_INT_SIZE:
		break;
	}
	return mu_error_set(err, MU_E_UNSUPPORTED,
			    "agent %s does not know this kind of command; hint: upgrade it",
			    MUSTER_VERSION);
}

static void on_command(struct link *link, const Muster__V1__Command *m)
{
	struct mu_error err = MU_ERROR_INIT;
	struct app_command c = {.op = _VM_OP_COUNT};

	if (wire_uuid_decode(&m->id, "command.id", &c.id, &err) < 0) {
		link_break(link, err.text);
		return;
	}
	if (decode_command(m, &c, &err) < 0) {
		mu_arena_reset(link->arena);
		(void)pump_send(link, message_refusal(link->arena, &c.id, &err, mu_clock_wall()));
		return;
	}
	app_command(link->app, &c);
}

static void on_result_ack(struct link *link, const Muster__V1__CommandResultAck *m)
{
	struct mu_uuid id;

	if (wire_uuid_decode(&m->id, "result_ack.id", &id, NULL) < 0)
		return;
	mu_map_remove(link->sent, id.bytes, sizeof id.bytes);
	app_result_acked(link->app, &id);
}

static void on_cancel(struct link *link, const Muster__V1__CommandCancel *m)
{
	struct mu_uuid id;

	if (wire_uuid_decode(&m->id, "cancel.id", &id, NULL) == 0)
		app_command_cancel(link->app, &id);
}

static void on_state_ack(struct link *link, const Muster__V1__StateAck *m)
{
	if (!sync_ack(link->sync, m->seq))
		link_break(link, "a state acknowledgement for what was never sent");
	else
		pump(link);
}

static void dispatch(struct link *link, const Muster__V1__AggregatorMessage *m)
{
	if (link->state == LINK_HELLO &&
	    m->kind_case != MUSTER__V1__AGGREGATOR_MESSAGE__KIND_WELCOME) {
		link_break(link, "the first message was not Welcome");
		return;
	}
	switch (m->kind_case) {
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_WELCOME:
		on_welcome(link, m->welcome);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_STATE_ACK:
		on_state_ack(link, m->state_ack);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_METRIC_ACK:
		window_ack(link->options.window, m->metric_ack->seq);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_ROW_ACK:
		if (backfill_ack(link->backfill, m->row_ack->seq))
			pump(link);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_COMMAND:
		on_command(link, m->command);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_RESULT_ACK:
		on_result_ack(link, m->result_ack);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_CANCEL:
		on_cancel(link, m->cancel);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_CERTIFICATE:
		renew_answer(link, m->certificate);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_HOST_READ:
		reads_begin(link, m->host_read);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_HOST_READ_CANCEL:
		reads_cancel(link, m->host_read_cancel);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND_TUNNEL_OPEN:
		tunnels_open(link, m->tunnel_open);
		return;
	case MUSTER__V1__AGGREGATOR_MESSAGE__KIND__NOT_SET:
	case _MUSTER__V1__AGGREGATOR_MESSAGE__KIND__CASE_IS_INT_SIZE:
		return; /* of a newer aggregator: not for us */
	}
}

void inbound_message(struct link *link, const void *data, size_t len)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	Muster__V1__AggregatorMessage *m;

	if (wire_unpack_aggregator_message(a, data, len, &m, &err) < 0)
		link_break(link, err.text);
	else
		dispatch(link, m);
}
