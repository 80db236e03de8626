/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call, either side.
 *
 * gRPC allows one outgoing operation and one RECV_MESSAGE of a call at a time; completions come in
 * no particular order, and an answer may come before the completion of the message that provoked
 * it. So sending is a queue that pump() empties one by one, receiving is re-armed after each
 * message unless paused, and the two know nothing of each other.
 *
 *            client                                       server
 *   start    SEND_INITIAL_METADATA  \                     SEND_INITIAL_METADATA   (takes the place
 *            RECV_INITIAL_METADATA   > at once            RECV_CLOSE_ON_SERVER     of a message)
 *            RECV_STATUS_ON_CLIENT  /
 *   each     SEND_MESSAGE, RECV_MESSAGE                   SEND_MESSAGE, RECV_MESSAGE
 *   last     SEND_CLOSE_FROM_CLIENT                       SEND_STATUS_FROM_SERVER
 *   over     when RECV_STATUS_ON_CLIENT came back         when RECV_CLOSE_ON_SERVER came back
 *
 * Every operation that is out counts in `pending`, and so does a kick posted to the loop. The end
 * is reported, once, when the call is over and nothing is pending: only completions and kicks look
 * for it (maybe_end), functions of the API never do, so nothing is called back from inside a call.
 */
#include "common/rpc/rpc_stream.h"

#include "common/base/assert.h"
#include "common/rpc/rpc_loop.h"

#include <grpc/byte_buffer_reader.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_OK = 0, STATUS_CANCELLED = 1, STATUS_UNAVAILABLE = 14 };

struct message {
	struct mu_link link;
	grpc_byte_buffer *bytes;
	size_t len;
};

struct rpc_stream {
	struct rpc *rpc;
	grpc_call *call; /* NULL while the end is reported */
	bool client;
	const struct rpc_stream_ops *ops; /* NULL: refused */
	void *ctx;
	void (*on_gone)(struct rpc_stream *s, void *owner);
	void *owner;
	struct mu_link link; /* in the owner's list */
	struct rpc_peer peer;
	unsigned int pending;
	bool kicked; /* one of `pending` */

	/* out */
	struct rpc_tag out_tag; /* SEND_INITIAL_METADATA, SEND_MESSAGE, the last operation */
	bool sending;           /* out_tag is out */
	struct message *in_flight;
	struct mu_link queue;
	size_t queued_bytes; /* with the one in flight */
	size_t send_max;
	bool full;    /* RPC_FULL was said */
	bool closing; /* after the queue: the last operation */
	bool closed;  /* the last operation was started */
	bool broken;  /* a send failed: the end is near */
	int status;   /* server: of the last operation; client: of the call */
	char *text;   /* as status */

	/* in */
	struct rpc_tag in_tag;
	bool receiving; /* in_tag is out */
	bool paused;
	bool in_done;               /* there will be no more */
	grpc_byte_buffer *incoming; /* where RECV_MESSAGE puts it */
	grpc_byte_buffer *held;     /* came while paused */

	/* end */
	struct rpc_tag headers_tag; /* client */
	struct rpc_tag end_tag;
	grpc_metadata_array initial_metadata;
	grpc_metadata_array trailing_metadata;
	grpc_status_code end_status;
	grpc_slice end_details;
	int end_cancelled;
	bool over;
	bool cancel_asked;
	bool stopping;
};

/* Operations */

static void maybe_end(struct rpc_stream *s);

static void start(struct rpc_stream *s, const grpc_op *op, struct rpc_tag *tag)
{
	s->pending++;
	mu_assert(grpc_call_start_batch(s->call, op, 1, rpc_arm(tag), NULL) == GRPC_CALL_OK);
}

static void start_out(struct rpc_stream *s, const grpc_op *op)
{
	mu_assert(!s->sending);
	s->sending = true;
	start(s, op, &s->out_tag);
}

/* Sending */

static struct message *message_free(struct message *m)
{
	grpc_byte_buffer_destroy(m->bytes);
	free(m);
	return NULL;
}

static void start_last(struct rpc_stream *s)
{
	grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
	grpc_slice details = grpc_empty_slice();

	if (!s->client) {
		details = grpc_slice_from_copied_string(s->text);
		op.op = GRPC_OP_SEND_STATUS_FROM_SERVER;
		op.data.send_status_from_server.status = (grpc_status_code)s->status;
		op.data.send_status_from_server.status_details = &details;
	}
	s->closed = true;
	start_out(s, &op);
	grpc_slice_unref(details);
}

/* Start the next outgoing operation, if one is due. */
static void pump(struct rpc_stream *s)
{
	grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};

	if (s->sending || s->over || s->broken)
		return;
	s->in_flight = mu_list_first(&s->queue, struct message, link);
	if (s->in_flight) {
		mu_list_remove(&s->in_flight->link);
		op.data.send_message.send_message = s->in_flight->bytes;
		start_out(s, &op);
	} else if (s->closing && !s->closed) {
		start_last(s);
	}
}

static void drop_queue(struct rpc_stream *s)
{
	mu_list_each(it, &s->queue)
	{
		mu_list_remove(it);
		message_free(MU_CONTAINER_OF(it, struct message, link));
	}
	s->queued_bytes = 0;
}

static void tell_writable(struct rpc_stream *s)
{
	if (!s->full || s->queued_bytes > s->send_max / 2 || s->over || s->broken || s->closing)
		return;
	s->full = false;
	if (s->ops && s->ops->on_writable)
		s->ops->on_writable(s, s->ctx);
}

static void on_out(struct rpc_tag *tag, bool ok)
{
	struct rpc_stream *s = MU_CONTAINER_OF(tag, struct rpc_stream, out_tag);

	s->pending--;
	s->sending = false;
	if (s->in_flight) {
		s->queued_bytes -= s->in_flight->len;
		s->in_flight = message_free(s->in_flight);
	}
	if (!ok) {
		s->broken = true;
		drop_queue(s);
	}
	pump(s);
	tell_writable(s);
	maybe_end(s);
}

int rpc_stream_send(struct rpc_stream *s, const void *data, size_t len)
{
	struct message *m;
	grpc_slice slice;

	if (!s->call || s->closing || s->over || s->broken || s->cancel_asked)
		return 0;
	if (s->queued_bytes > 0 && s->queued_bytes + len > s->send_max) {
		s->full = true;
		return RPC_FULL;
	}
	m = mu_xcalloc(1, sizeof *m);
	mu_link_init(&m->link);
	slice = grpc_slice_from_copied_buffer(data, len);
	m->bytes = grpc_raw_byte_buffer_create(&slice, 1);
	m->len = len;
	grpc_slice_unref(slice);
	mu_list_push_back(&s->queue, &m->link);
	s->queued_bytes += len;
	pump(s);
	return 0;
}

void rpc_stream_set_send_max(struct rpc_stream *s, size_t send_max)
{
	s->send_max = send_max;
}

size_t rpc_stream_queued(const struct rpc_stream *s)
{
	return s->queued_bytes;
}

void rpc_stream_half_close(struct rpc_stream *s)
{
	mu_assert(s->client);
	if (!s->call || s->closing)
		return;
	s->closing = true;
	pump(s);
}

static void finish_with(struct rpc_stream *s, int status, const char *text)
{
	if (!s->call || s->closing)
		return;
	s->closing = true;
	s->status = status;
	s->text = mu_xstrdup(text ? text : "");
	pump(s);
}

void rpc_stream_finish(struct rpc_stream *s, enum mu_error_code code, const char *text)
{
	mu_assert(!s->client);
	finish_with(s, mu_error_grpc_status(code), text);
}

/* Receiving */

/* Whoever said goodbye, or was told to go, hears no more messages. A client that half-closed
 * still listens. */
static bool deaf(const struct rpc_stream *s)
{
	return !s->ops || s->cancel_asked || (!s->client && s->closing);
}

static void arm_receive(struct rpc_stream *s)
{
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};

	if (s->receiving || s->paused || s->held || s->in_done || s->over || deaf(s))
		return;
	op.data.recv_message.recv_message = &s->incoming;
	s->receiving = true;
	start(s, &op, &s->in_tag);
}

static void hand_over(struct rpc_stream *s, grpc_byte_buffer *bytes)
{
	grpc_byte_buffer_reader reader;
	grpc_slice *first = NULL, all;

	if (!grpc_byte_buffer_reader_init(&reader, bytes)) {
		rpc_stream_cancel(s);
		return;
	}
	if (grpc_byte_buffer_reader_peek(&reader, &first) &&
	    GRPC_SLICE_LENGTH(*first) == grpc_byte_buffer_length(bytes)) {
		s->ops->on_message(s, GRPC_SLICE_START_PTR(*first), GRPC_SLICE_LENGTH(*first),
				   s->ctx);
	} else {
		grpc_byte_buffer_reader_destroy(&reader);
		mu_assert(grpc_byte_buffer_reader_init(&reader, bytes));
		all = grpc_byte_buffer_reader_readall(&reader);
		s->ops->on_message(s, GRPC_SLICE_START_PTR(all), GRPC_SLICE_LENGTH(all), s->ctx);
		grpc_slice_unref(all);
	}
	grpc_byte_buffer_reader_destroy(&reader);
}

static void deliver_held(struct rpc_stream *s)
{
	grpc_byte_buffer *bytes;

	if (!s->held || (s->paused && !deaf(s)))
		return;
	bytes = MU_TAKE(s->held);
	if (!deaf(s))
		hand_over(s, bytes);
	grpc_byte_buffer_destroy(bytes);
}

static void end_of_input(struct rpc_stream *s, bool ok)
{
	s->in_done = true;
	/* !ok: the call is dead, and its end under way. */
	if (s->client || !ok || s->over || deaf(s))
		return;
	if (s->ops->on_half_close)
		s->ops->on_half_close(s, s->ctx);
	else
		rpc_stream_finish(s, MU_E_NONE, "");
}

static void on_in(struct rpc_tag *tag, bool ok)
{
	struct rpc_stream *s = MU_CONTAINER_OF(tag, struct rpc_stream, in_tag);

	s->pending--;
	s->receiving = false;
	s->held = MU_TAKE(s->incoming);
	if (s->held)
		deliver_held(s);
	else
		end_of_input(s, ok);
	arm_receive(s);
	maybe_end(s);
}

static void on_kick(void *ctx)
{
	struct rpc_stream *s = ctx;

	s->pending--;
	s->kicked = false;
	deliver_held(s);
	arm_receive(s);
	maybe_end(s);
}

static void kick(struct rpc_stream *s)
{
	if (s->kicked)
		return;
	s->kicked = true;
	s->pending++;
	mu_loop_post(rpc_loop(s->rpc), on_kick, s);
}

void rpc_stream_pause(struct rpc_stream *s, bool paused)
{
	if (!s->call || s->paused == paused)
		return;
	s->paused = paused;
	if (!paused)
		kick(s);
}

/* Begin */

static void on_headers(struct rpc_tag *tag, bool ok)
{
	struct rpc_stream *s = MU_CONTAINER_OF(tag, struct rpc_stream, headers_tag);

	(void)ok;
	s->pending--;
	maybe_end(s);
}

static void on_over(struct rpc_tag *tag, bool ok)
{
	struct rpc_stream *s = MU_CONTAINER_OF(tag, struct rpc_stream, end_tag);

	(void)ok;
	s->pending--;
	s->over = true;
	drop_queue(s);
	if (s->in_flight)
		s->queued_bytes = s->in_flight->len;
	maybe_end(s);
}

static struct rpc_stream *stream_new(const struct rpc_stream_init *init, bool client)
{
	grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
	struct rpc_stream *s = mu_xcalloc(1, sizeof *s);

	s->rpc = init->rpc;
	s->call = init->call;
	s->client = client;
	s->send_max = init->send_max;
	s->on_gone = init->on_gone;
	s->owner = init->owner;
	s->peer = init->peer;
	mu_link_init(&s->link);
	mu_link_init(&s->queue);
	s->out_tag.done = on_out;
	s->in_tag.done = on_in;
	s->headers_tag.done = on_headers;
	s->end_tag.done = on_over;
	s->end_details = grpc_empty_slice();
	grpc_metadata_array_init(&s->initial_metadata);
	grpc_metadata_array_init(&s->trailing_metadata);
	mu_loop_ref(rpc_loop(s->rpc));
	start_out(s, &op);
	return s;
}

struct rpc_stream *rpc_stream_new_client(const struct rpc_stream_init *init,
					 const struct rpc_stream_ops *ops, void *ctx)
{
	struct rpc_stream *s = stream_new(init, true);
	grpc_op headers = {.op = GRPC_OP_RECV_INITIAL_METADATA};
	grpc_op end = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};

	s->ops = ops;
	s->ctx = ctx;
	headers.data.recv_initial_metadata.recv_initial_metadata = &s->initial_metadata;
	start(s, &headers, &s->headers_tag);
	end.data.recv_status_on_client.trailing_metadata = &s->trailing_metadata;
	end.data.recv_status_on_client.status = &s->end_status;
	end.data.recv_status_on_client.status_details = &s->end_details;
	start(s, &end, &s->end_tag);
	arm_receive(s);
	return s;
}

struct rpc_stream *rpc_stream_new_server(const struct rpc_stream_init *init)
{
	struct rpc_stream *s = stream_new(init, false);
	grpc_op end = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};

	end.data.recv_close_on_server.cancelled = &s->end_cancelled;
	start(s, &end, &s->end_tag);
	return s;
}

void rpc_stream_accept(struct rpc_stream *s, const struct rpc_stream_ops *ops, void *ctx)
{
	s->ops = ops;
	s->ctx = ctx;
	arm_receive(s);
}

void rpc_stream_refuse(struct rpc_stream *s, const struct mu_error *err)
{
	finish_with(s, mu_error_grpc_status(err->code), err->text);
}

/* End */

void rpc_stream_cancel(struct rpc_stream *s)
{
	if (!s->call || s->cancel_asked)
		return;
	s->cancel_asked = true;
	(void)grpc_call_cancel(s->call, NULL);
	/* Over already, and waiting for somebody to take the held message? */
	kick(s);
}

void rpc_stream_set_stopping(struct rpc_stream *s)
{
	s->stopping = true;
}

static char *slice_text(grpc_slice slice)
{
	return mu_xstrndup((const char *)GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
}

static void set_end(struct rpc_stream *s, int status, const char *text)
{
	free(s->text);
	s->status = status;
	s->text = mu_xstrdup(text);
}

/* What on_end() will say. */
static void judge(struct rpc_stream *s)
{
	if (s->cancel_asked) {
		set_end(s, STATUS_CANCELLED, "cancelled here");
	} else if (s->client) {
		s->status = (int)s->end_status;
		s->text = slice_text(s->end_details);
	} else if (s->end_cancelled && s->stopping) {
		set_end(s, STATUS_UNAVAILABLE, "this server is stopping");
	} else if (s->end_cancelled || !s->text) {
		set_end(s, STATUS_CANCELLED, "the client cancelled, or its connection was lost");
	}
}

static void stream_free(struct rpc_stream *s)
{
	if (s->held)
		grpc_byte_buffer_destroy(s->held);
	grpc_slice_unref(s->end_details);
	grpc_metadata_array_destroy(&s->initial_metadata);
	grpc_metadata_array_destroy(&s->trailing_metadata);
	free(s->text);
	free(s);
}

/* The last statement of whoever calls it: `s` may be gone. */
static void maybe_end(struct rpc_stream *s)
{
	if (!s->over || s->pending > 0)
		return;
	/* The server's last message waits for its reader, and the end behind it. */
	if (s->client && s->held && s->paused && !deaf(s))
		return;
	judge(s);
	drop_queue(s);
	grpc_call_unref(MU_TAKE(s->call));
	mu_loop_unref(rpc_loop(s->rpc));
	/* Before on_end(), which may free the owner and the library. */
	s->on_gone(s, s->owner);
	if (s->ops)
		s->ops->on_end(s, s->status, s->text, s->ctx);
	stream_free(s);
}

const struct rpc_peer *rpc_stream_peer(const struct rpc_stream *s)
{
	return &s->peer;
}

struct mu_link *rpc_stream_link(struct rpc_stream *s)
{
	return &s->link;
}

struct rpc_stream *rpc_stream_from_link(struct mu_link *link)
{
	return MU_CONTAINER_OF(link, struct rpc_stream, link);
}
