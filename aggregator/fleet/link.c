/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream: bytes -> message -> session event -> actions, executed in order.
 *
 * The session (aggregator/core/session.h) decides; this file decodes, keeps the message at hand
 * for SESSION_APPLY and its kind, and holds the flow: a stream is not read on while too much of
 * its host waits for the disk, or while it has used up its allowance of messages.
 */
#include "aggregator/fleet/fleet_priv.h"

#include "aggregator/fleet/decode.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
	UNSTORED_MAX = 64,
	UNSTORED_BYTES_MAX = 8 << 20,
	RATE_PER_SECOND = 200,
	RATE_BURST = 2000,
	RENEW_INTERVAL_MS = 60 * 1000,
};

struct packed {
	void *data;
	size_t len;
};

struct link {
	struct mu_link of_fleet;
	struct fleet *fleet;
	struct rpc_stream *stream;
	struct fleet_host *host; /* once welcomed, until superseded or over */
	struct session session;
	struct mu_timer *timer; /* until Hello; afterwards: when reading may go on */
	bool finished;
	bool behind; /* acks or commands found no room */
	/* allowance of messages */
	double allowance;
	mu_msec counted_at;
	bool throttled;
	/* as they came, until they are stored with the first batches or row */
	struct packed dictionary;
	struct packed row_dictionary;
	uint64_t row_acked; /* 0 = none */
	/* Batches come to the disk by the dozen, each with its acknowledgement: the last is sent,
	 * once there is one that asks for it. */
	struct mu_timer *ack_timer;
	uint64_t metric_acked;
	uint64_t ack_from; /* the first that asks, of those not acknowledged; 0 = none does */
	uint64_t ack_to;   /* the last */
	bool ack_due;
	/* the message at hand */
	const Muster__V1__AgentMessage *message;
	size_t message_len;
};

/* --- sending --- */

int link_send(struct link *l, const Muster__V1__AggregatorMessage *m)
{
	const void *data;
	size_t len;
	int r;

	wire_pack(l->fleet->arena, &m->base, &data, &len);
	r = rpc_stream_send(l->stream, data, len);
	if (r == RPC_FULL)
		l->behind = true;
	return r;
}

static void send_welcome(struct link *l, const struct session_action *a)
{
	const struct fleet_backend *b = &l->fleet->backend;
	Muster__V1__MetricHave have = MUSTER__V1__METRIC_HAVE__INIT;
	Muster__V1__Welcome welcome = MUSTER__V1__WELCOME__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;
	struct fleet_have rows;

	b->have(b->ctx, &l->host->id, &rows);
	have.last_minute = rows.last_minute;
	have.minutes = (ProtobufCBinaryData){sizeof rows.minutes, rows.minutes};
	have.last_step = rows.last_step;
	have.steps = (ProtobufCBinaryData){sizeof rows.steps, rows.steps};
	welcome.metric_have = &have;
	welcome.protocol = SESSION_PROTOCOL;
	welcome.resume = a->resume;
	welcome.resume_seq = a->seq;
	welcome.metric_seq = a->metric_seq;
	welcome.aggregator_time_ms = (uint64_t)mu_clock_wall();
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_WELCOME;
	m.welcome = &welcome;
	link_send(l, &m);
}

static void send_state_ack(struct link *l, uint64_t seq)
{
	Muster__V1__StateAck ack = MUSTER__V1__STATE_ACK__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	ack.seq = seq;
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_STATE_ACK;
	m.state_ack = &ack;
	link_send(l, &m);
}

static void send_metric_ack(void *ctx)
{
	struct link *l = ctx;
	Muster__V1__MetricAck ack = MUSTER__V1__METRIC_ACK__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	l->ack_due = false;
	ack.seq = l->metric_acked;
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_METRIC_ACK;
	m.metric_ack = &ack;
	if (!l->finished)
		link_send(l, &m);
	fleet_arena_reset(l->fleet);
}

static void send_metric_ack_soon(struct link *l, uint64_t seq)
{
	l->metric_acked = seq;
	if (!l->ack_due)
		mu_timer_set(l->ack_timer, 0);
	l->ack_due = true;
}

/* For the last of a message: it is on the disk when all are. */
static void ask_metric_ack(struct link *l, const Muster__V1__MetricBatches *m)
{
	uint64_t seq = m->batch[m->n_batch - 1]->seq;

	if (m->ack_later)
		return;
	if (l->ack_from == 0)
		l->ack_from = seq;
	if (seq > l->ack_to)
		l->ack_to = seq;
}

static void metrics_stored(struct link *l, uint64_t seq)
{
	if (l->ack_from == 0 || seq < l->ack_from)
		return;
	l->ack_from = seq < l->ack_to ? seq + 1 : 0;
	send_metric_ack_soon(l, seq);
}

static void send_row_ack(struct link *l)
{
	Muster__V1__MetricRowAck ack = MUSTER__V1__METRIC_ROW_ACK__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	ack.seq = l->row_acked;
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_ROW_ACK;
	m.row_ack = &ack;
	link_send(l, &m);
}

static int send_command(struct link *l, const struct tasks_command *c)
{
	Muster__V1__VmAction action = MUSTER__V1__VM_ACTION__INIT;
	Muster__V1__Call call = MUSTER__V1__CALL__INIT;
	Muster__V1__Command command = MUSTER__V1__COMMAND__INIT;
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;
	struct mu_arena *a = l->fleet->arena;

	command.id = wire_uuid_encode(a, &c->id);
	command.deadline_ms = (uint64_t)c->left;
	if (c->method) {
		call.method = mu_arena_strdup(a, c->method);
		call.object = wire_uuid_encode(a, &c->object);
		call.arguments = mu_arena_strdup(a, c->arguments);
		command.kind_case = MUSTER__V1__COMMAND__KIND_CALL;
		command.call = &call;
	} else {
		action.vm_id = wire_uuid_encode(a, &c->vm.uuid);
		action.op = wire_op_encode(c->op);
		command.kind_case = MUSTER__V1__COMMAND__KIND_VM_ACTION;
		command.vm_action = &action;
	}
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_COMMAND;
	m.command = &command;
	return link_send(l, &m);
}

void link_pump(struct link *l)
{
	const struct fleet_backend *b = &l->fleet->backend;
	struct tasks_command c;

	while (l->host && !l->finished && b->next_command(b->ctx, &l->host->id, &c)) {
		if (send_command(l, &c) == RPC_FULL)
			return;
		b->command_sent(b->ctx, &c.id);
	}
}

/* --- the end --- */

/* The host has no stream any more, as far as this one is concerned. */
static void link_detach(struct link *l)
{
	struct fleet_host *host = MU_TAKE(l->host);
	struct mu_error why = MU_ERROR_INIT;

	if (!host || host->link != l)
		return;
	host->link = NULL;
	request_host_away(l->fleet, &host->id);
	read_host_away(l->fleet, &host->id);
	(void)mu_error_set(&why, MU_E_UNAVAILABLE, "the host's agent has gone away");
	tunnel_host_away(l->fleet, &host->id, true, &why);
	l->fleet->backend.connected(l->fleet->backend.ctx, &host->id, false);
}

void link_finish(struct link *l, enum mu_error_code code, const char *text)
{
	if (l->finished)
		return;
	l->finished = true;
	l->session.state = SESSION_OVER;
	mu_timer_cancel(l->timer);
	mu_log(code == MU_E_CANCELLED ? MU_LOG_INFO : MU_LOG_WARNING,
	       "stream ended from here peer=%s certificate=%s err=\"%s\"",
	       rpc_stream_peer(l->stream)->address, rpc_stream_peer(l->stream)->common_name, text);
	link_detach(l);
	rpc_stream_finish(l->stream, code, text);
}

/* --- actions --- */

/* What a message is to the session; the contents stay in l->message. */
static enum session_event_kind event_of(Muster__V1__AgentMessage__KindCase kind)
{
	switch (kind) {
	case MUSTER__V1__AGENT_MESSAGE__KIND_HELLO:
		return SESSION_EV_HELLO;
	case MUSTER__V1__AGENT_MESSAGE__KIND_SNAPSHOT:
		return SESSION_EV_SNAPSHOT;
	case MUSTER__V1__AGENT_MESSAGE__KIND_DELTA:
		return SESSION_EV_DELTA;
	case MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_DICTIONARY:
		return SESSION_EV_DICTIONARY;
	case MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_BATCHES:
		return SESSION_EV_BATCHES;
	case MUSTER__V1__AGENT_MESSAGE__KIND_ROW_DICTIONARY:
		return SESSION_EV_ROW_DICTIONARY;
	case MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_ROW:
		return SESSION_EV_ROW;
	case MUSTER__V1__AGENT_MESSAGE__KIND__NOT_SET:
	case MUSTER__V1__AGENT_MESSAGE__KIND_PROGRESS:
	case MUSTER__V1__AGENT_MESSAGE__KIND_TASK_LINES:
	case MUSTER__V1__AGENT_MESSAGE__KIND_RESULT:
	case MUSTER__V1__AGENT_MESSAGE__KIND_CERTIFICATE_REQUEST:
	case MUSTER__V1__AGENT_MESSAGE__KIND_HOST_READ_RESULT:
	case _MUSTER__V1__AGENT_MESSAGE__KIND__CASE_IS_INT_SIZE:
		break;
	}
	return SESSION_EV_OTHER;
}

static struct fleet_receipt *receipt_new(struct link *l, const struct session_action *a,
					 enum receipt_kind kind)
{
	struct fleet_receipt *r = mu_xcalloc(1, sizeof *r);

	*r = (struct fleet_receipt){
	    .id = l->host->id,
	    .kind = kind,
	    .round = a->round,
	    .epoch = a->epoch,
	    .seq = a->seq,
	    .bytes = l->message_len,
	};
	l->host->n_unstored++;
	l->host->unstored_bytes += r->bytes;
	return r;
}

static void apply_state(struct link *l, const struct session_action *a, struct fleet_state *st)
{
	const struct fleet_backend *b = &l->fleet->backend;

	st->epoch = a->epoch;
	st->seq = a->seq;
	b->state(b->ctx, st, receipt_new(l, a, RECEIPT_STATE));
}

static void keep_dictionary(struct link *l, const Muster__V1__MetricDictionary *m,
			    struct packed *ret)
{
	const void *data;

	free(ret->data);
	wire_pack(l->fleet->arena, &m->base, &data, &ret->len);
	ret->data = mu_xmemdup(data, ret->len);
}

static mu_msec time_of(uint64_t ms)
{
	return ms > INT64_MAX ? INT64_MAX : (mu_msec)ms;
}

/* Those of the message that the action is about. The dictionary goes with the first that come. */
static struct fleet_batches batches_of(const struct link *l, const struct session_action *a)
{
	Muster__V1__MetricBatch **m = l->message->metric_batches->batch + a->first;
	struct fleet_batch *batch = mu_arena_calloc(l->fleet->arena, a->n, sizeof *batch);

	for (size_t i = 0; i < a->n; i++)
		batch[i] = (struct fleet_batch){
		    .seq = m[i]->seq,
		    .at = time_of(m[i]->time_ms),
		    .values = m[i]->value,
		    .n_values = m[i]->n_value,
		    .base = m[i]->counted_base,
		    .n_counted = m[i]->n_counted,
		    .counted = m[i]->counted,
		};
	return (struct fleet_batches){
	    .id = l->host->id,
	    .epoch = a->epoch,
	    .dictionary = l->dictionary.data,
	    .dictionary_len = l->dictionary.len,
	    .n = a->n,
	    .batch = batch,
	};
}

static void count_batches(struct link *l, const struct session_action *a)
{
	const struct fleet_backend *b = &l->fleet->backend;
	const struct fleet_batches batches = batches_of(l, a);

	b->count(b->ctx, &batches);
	free(MU_TAKE(l->dictionary.data));
}

static void store_batches(struct link *l, const struct session_action *a)
{
	const struct fleet_backend *b = &l->fleet->backend;
	const struct fleet_batches batches = batches_of(l, a);

	b->batches(b->ctx, &batches, receipt_new(l, a, RECEIPT_BATCHES));
	free(MU_TAKE(l->dictionary.data));
}

static void store_row(struct link *l, const struct session_action *a)
{
	const struct fleet_backend *b = &l->fleet->backend;
	const Muster__V1__MetricRow *m = l->message->metric_row;
	struct fleet_row row = {
	    .id = l->host->id,
	    .minute = m->seconds == 60,
	    .at = time_of(m->time_ms),
	    .dictionary = l->row_dictionary.data,
	    .dictionary_len = l->row_dictionary.len,
	    .n_values = m->n_average,
	    .average = m->average,
	    .min = m->min,
	    .max = m->max,
	    .known = m->known.data,
	};

	b->row(b->ctx, &row, receipt_new(l, a, RECEIPT_ROW));
	free(MU_TAKE(l->row_dictionary.data));
}

/* Welcomed: this is the host's stream now; an older one has to go first. */
static void attach(struct link *l)
{
	struct fleet *f = l->fleet;
	struct fleet_host *host = fleet_host_find(f, &l->session.host);
	struct mu_error why = MU_ERROR_INIT;
	char *text;

	mu_assert(host);
	if (host->link) {
		text = mu_arena_printf(f->arena,
				       "superseded by a new stream of this host from %s; hint: if "
				       "this goes on, two machines use the same certificate",
				       rpc_stream_peer(l->stream)->address);
		host->link->host = NULL; /* the host itself is not away */
		link_finish(host->link, MU_E_CANCELLED, text);
		request_host_away(f, &host->id);
		read_host_away(f, &host->id);
		(void)mu_error_set(&why, MU_E_UNAVAILABLE,
				   "the host's agent has connected anew; hint: try again");
		tunnel_host_away(f, &host->id, true, &why);
	}
	mu_timer_cancel(l->timer);
	l->host = host;
	host->link = l;
	f->backend.connected(f->backend.ctx, &host->id, true);
}

static int pass_message(struct link *l, struct mu_error *err);

static void execute(struct link *l, const struct session_actions *actions, struct fleet_state *st)
{
	for (size_t i = 0; i < actions->n_items; i++) {
		const struct session_action *a = &actions->items[i];
		struct mu_error err = MU_ERROR_INIT;

		switch (a->kind) {
		case SESSION_SEND_WELCOME:
			attach(l);
			send_welcome(l, a);
			break;
		case SESSION_SEND_COMMANDS:
			link_pump(l);
			break;
		case SESSION_APPLY:
			apply_state(l, a, st);
			break;
		case SESSION_SEND_ACK:
			send_state_ack(l, a->seq);
			break;
		case SESSION_KEEP_DICTIONARY:
			keep_dictionary(l, l->message->metric_dictionary, &l->dictionary);
			break;
		case SESSION_KEEP_ROW_DICTIONARY:
			keep_dictionary(l, l->message->row_dictionary, &l->row_dictionary);
			break;
		case SESSION_STORE_ROW:
			store_row(l, a);
			break;
		case SESSION_COUNT_BATCHES:
			count_batches(l, a);
			break;
		case SESSION_STORE_BATCHES:
			store_batches(l, a);
			break;
		case SESSION_SEND_METRIC_ACK:
			metrics_stored(l, a->seq);
			break;
		case SESSION_PASS:
			if (pass_message(l, &err) < 0)
				link_finish(l, err.code, err.text);
			break;
		case SESSION_END:
			link_finish(l, a->err.code, a->err.text);
			break;
		case _SESSION_ACTION_COUNT:
			mu_assert_unreachable();
		}
		if (l->finished)
			return;
	}
}

static int pass_progress(struct link *l, const Muster__V1__CommandProgress *m, struct mu_error *err)
{
	const struct fleet_backend *b = &l->fleet->backend;
	struct mu_uuid id;

	if (wire_uuid_decode(&m->id, "progress.id", &id, err) < 0)
		return MU_FAILED;
	b->progress(b->ctx, &l->host->id, &id, m->percent > 100 ? 100 : (int)m->percent);
	return 0;
}

static int pass_lines(struct link *l, const Muster__V1__TaskLines *m, struct mu_error *err)
{
	const struct fleet_backend *b = &l->fleet->backend;
	size_t n = m->n_line < TASK_LINES_MAX ? m->n_line : TASK_LINES_MAX;
	struct task_line lines[TASK_LINES_MAX];
	struct mu_uuid id;

	if (wire_uuid_decode(&m->id, "task_lines.id", &id, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < n; i++)
		lines[i] = (struct task_line){.at = (mu_msec)m->line[i]->at_ms,
					      .warning = m->line[i]->warning,
					      .from_host = true,
					      .text = m->line[i]->text};
	b->lines(b->ctx, &l->host->id, &id, lines, n);
	return 0;
}

static int pass_command_result(struct link *l, const Muster__V1__CommandResult *m,
			       struct mu_error *err)
{
	const struct fleet_backend *b = &l->fleet->backend;
	struct fleet_result r;
	struct vm_id vm = {{{0}}};

	if (decode_result(m, &r, err) < 0 ||
	    (m->vm_id.len && wire_uuid_decode(&m->vm_id, "result.vm_id", &vm.uuid, err) < 0))
		return MU_FAILED;
	if (request_result(l->fleet, &l->host->id, &r, &vm))
		fleet_result_stored(l->fleet, &l->host->id, &r.id);
	else
		b->result(b->ctx, &l->host->id, &r);
	return 0;
}

static void pass_renewal(struct link *l, const Muster__V1__CertificateRequest *m)
{
	const struct fleet_backend *b = &l->fleet->backend;
	mu_msec now = mu_loop_now(l->fleet->loop);

	if (l->host->renewed_at && now - l->host->renewed_at < RENEW_INTERVAL_MS) {
		fleet_renewed(l->fleet, &l->host->id, NULL, NULL,
			      "one renewal a minute is allowed; try again later");
		return;
	}
	l->host->renewed_at = now;
	b->renew(b->ctx, &l->host->id, m->csr);
}

static int pass_message(struct link *l, struct mu_error *err)
{
	const Muster__V1__AgentMessage *m = l->message;

	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_PROGRESS)
		return pass_progress(l, m->progress, err);
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_TASK_LINES)
		return pass_lines(l, m->task_lines, err);
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_RESULT)
		return pass_command_result(l, m->result, err);
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_HOST_READ_RESULT)
		return read_result(l->fleet, &l->host->id, m->host_read_result, err);
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_CERTIFICATE_REQUEST)
		pass_renewal(l, m->certificate_request);
	return 0; /* a kind of a newer agent: not for us */
}

/* --- one message --- */

static struct session_hello hello_of(struct link *l, const Muster__V1__Hello *m,
				     struct fleet_host **ret_host)
{
	const struct fleet_backend *b = &l->fleet->backend;
	const struct rpc_peer *peer = rpc_stream_peer(l->stream);
	struct host_id id;
	struct session_hello h = {
	    .protocol = m->protocol,
	    .host_id = m->host_id,
	    .common_name = peer->common_name,
	    .certificate = SESSION_CERT_UNKNOWN,
	    .state_epoch = m->state_epoch,
	    .last_acked_seq = m->last_acked_seq,
	    .metric_epoch = m->metric_epoch,
	};

	if (mu_uuid_parse(m->host_id, &id.uuid))
		*ret_host = fleet_host_find(l->fleet, &id);
	if (*ret_host) {
		h.enrolled = true;
		h.certificate = b->certificate(b->ctx, &id, peer->fingerprint);
	}
	return h;
}

static int prepare_delta(struct link *l, struct fleet_state *st, struct mu_error *err)
{
	const struct fleet_backend *b = &l->fleet->backend;
	const Muster__V1__Delta *m = l->message->delta;
	size_t n_vms;
	size_t n_objects;

	if (decode_delta(l->fleet->arena, m, st, err) < 0)
		return MU_FAILED;
	b->count_with(b->ctx, st, &n_vms, &n_objects);
	if (n_vms > WIRE_VMS_MAX || n_objects > WIRE_OBJECTS_MAX)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "delta %llu: a host has at most %d VMs and %d objects",
				    (unsigned long long)m->seq, WIRE_VMS_MAX, WIRE_OBJECTS_MAX);
	return 0;
}

/* A step has averages only. */
static int check_row(const Muster__V1__MetricRow *m, struct mu_error *err)
{
	size_t n = m->seconds == 60 ? m->n_average : 0;

	if (m->seconds != 5 && m->seconds != 60)
		return mu_error_set(err, MU_E_PROTOCOL, "metric_row.seconds: 5 or 60, not %u",
				    m->seconds);
	if (m->n_min != n || m->n_max != n || m->known.len != n)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "metric_row: %zu minima, %zu maxima, %zu known for %zu "
				    "averages of %u s",
				    m->n_min, m->n_max, m->known.len, m->n_average, m->seconds);
	return 0;
}

/* Everything of the message is checked before the session counts it. */
static int prepare(struct link *l, struct session_event *ev, struct fleet_state *st,
		   struct mu_error *err)
{
	const Muster__V1__AgentMessage *m = l->message;

	if (l->host)
		st->id = l->host->id;
	switch (ev->kind) {
	case SESSION_EV_SNAPSHOT:
		ev->epoch = m->snapshot->epoch;
		ev->seq = m->snapshot->seq;
		return l->host ? decode_snapshot(l->fleet->arena, m->snapshot, st, err) : 0;
	case SESSION_EV_DELTA:
		ev->seq = m->delta->seq;
		return l->host ? prepare_delta(l, st, err) : 0;
	case SESSION_EV_DICTIONARY:
		ev->generation = m->metric_dictionary->generation;
		ev->n = m->metric_dictionary->n_series;
		ev->n_counted = decode_n_counted(m->metric_dictionary);
		break;
	case SESSION_EV_BATCHES:
		ev->generation = m->metric_batches->generation;
		ev->n = m->metric_batches->n_batch;
		return l->host
			   ? decode_batches(l->fleet->arena, m->metric_batches, &ev->batches, err)
			   : 0;
	case SESSION_EV_ROW_DICTIONARY:
		ev->generation = m->row_dictionary->generation;
		ev->n = m->row_dictionary->n_series;
		break;
	case SESSION_EV_ROW:
		ev->seq = m->metric_row->seq;
		ev->generation = m->metric_row->generation;
		ev->n = m->metric_row->n_average;
		return l->host ? check_row(m->metric_row, err) : 0;
	case SESSION_EV_HELLO:
	case SESSION_EV_STORED:
	case SESSION_EV_BATCHES_STORED:
	case SESSION_EV_OTHER:
	case _SESSION_EV_COUNT:
		break;
	}
	return 0;
}

static void handle(struct link *l, const Muster__V1__AgentMessage *m)
{
	struct session_event ev = {.kind = event_of(m->kind_case)};
	struct fleet_host *host = l->host;
	struct fleet_state st = {.id = {{{0}}}};
	struct session_actions actions;
	struct session_hello hello;
	struct mu_error err = MU_ERROR_INIT;

	l->message = m;
	if (ev.kind == SESSION_EV_HELLO && !host) {
		hello = hello_of(l, m->hello, &host);
		ev.hello = &hello;
	}
	if (prepare(l, &ev, &st, &err) < 0) {
		session_mark_distrust(&host->mark);
		link_finish(l, err.code, err.text);
		return;
	}
	if (ev.kind == SESSION_EV_BATCHES)
		ask_metric_ack(l, m->metric_batches);
	session_step(&l->session, host ? &host->mark : NULL, &ev, &actions);
	execute(l, &actions, &st);
}

void link_stored(struct link *l, const struct session_event *ev)
{
	struct session_actions actions;

	session_step(&l->session, &l->host->mark, ev, &actions);
	execute(l, &actions, NULL);
}

void link_row_stored(struct link *l, uint64_t seq)
{
	l->row_acked = seq;
	send_row_ack(l);
}

/* --- flow --- */

void link_flow(struct link *l)
{
	const struct fleet_host *host = l->host;
	bool full = host && (host->n_unstored >= UNSTORED_MAX ||
			     host->unstored_bytes >= UNSTORED_BYTES_MAX);

	if (!l->finished)
		rpc_stream_pause(l->stream, full || l->throttled);
}

/* A bucket that fills with time: each message takes one. */
static void take_allowance(struct link *l)
{
	mu_msec now = mu_loop_now(l->fleet->loop);

	l->allowance += (double)(now - l->counted_at) * RATE_PER_SECOND / 1000;
	if (l->allowance > RATE_BURST)
		l->allowance = RATE_BURST;
	l->counted_at = now;
	l->allowance -= 1;
	if (l->allowance < 0 && l->host) {
		l->throttled = true;
		mu_timer_set(l->timer, 500);
	}
}

static void on_timer(void *ctx)
{
	struct link *l = ctx;

	if (!l->host) {
		link_finish(l, MU_E_TIMEOUT, "no Hello came in time");
		return;
	}
	l->throttled = false;
	link_flow(l);
}

/* --- the stream's callbacks --- */

static void on_message(struct rpc_stream *s, const void *data, size_t len, void *ctx)
{
	struct link *l = ctx;
	const struct fleet_backend *b = &l->fleet->backend;
	Muster__V1__AgentMessage *m;
	struct mu_error err = MU_ERROR_INIT;

	(void)s;
	if (l->finished)
		return;
	l->message_len = len;
	take_allowance(l);
	if (wire_unpack_agent_message(l->fleet->arena, data, len, &m, &err) < 0) {
		if (l->host)
			session_mark_distrust(&l->host->mark);
		link_finish(l, err.code, err.text);
	} else {
		handle(l, m);
	}
	if (l->host)
		b->seen(b->ctx, &l->host->id);
	link_flow(l);
	fleet_arena_reset(l->fleet);
}

static void on_writable(struct rpc_stream *s, void *ctx)
{
	struct link *l = ctx;

	(void)s;
	if (!l->behind || !l->host || l->finished)
		return;
	l->behind = false;
	if (l->session.acked_seq)
		send_state_ack(l, l->session.acked_seq);
	send_metric_ack_soon(l, l->host->mark.metric_stored);
	if (l->row_acked)
		send_row_ack(l);
	link_pump(l);
	fleet_arena_reset(l->fleet);
}

static void on_end(struct rpc_stream *s, int grpc_status, const char *text, void *ctx)
{
	struct link *l = ctx;

	(void)s, (void)grpc_status, (void)text;
	l->finished = true;
	link_detach(l);
	mu_list_remove(&l->of_fleet);
	mu_timer_free(l->timer);
	mu_timer_free(l->ack_timer);
	free(l->dictionary.data);
	free(l->row_dictionary.data);
	free(l);
}

static const struct rpc_stream_ops stream_ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_end = on_end,
};

const struct rpc_stream_ops *link_open(struct fleet *f, struct rpc_stream *s, void **ret_ctx)
{
	struct link *l = mu_xcalloc(1, sizeof *l);

	l->fleet = f;
	l->stream = s;
	l->allowance = RATE_BURST;
	l->counted_at = mu_loop_now(f->loop);
	session_init(&l->session);
	mu_list_push_back(&f->links, &l->of_fleet);
	l->timer = mu_timer_new(f->loop, on_timer, l);
	mu_timer_set(l->timer, f->hello_timeout);
	l->ack_timer = mu_timer_new(f->loop, send_metric_ack, l);
	*ret_ctx = l;
	return &stream_ops;
}
