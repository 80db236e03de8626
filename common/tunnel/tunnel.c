/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a tunnel ends:
 *
 *     the user's end()        TunnelEnd without an error; the other direction goes on
 *     the user's close()      agent: TunnelEnd, with the error if there is one, then half-close;
 *                             aggregator: the call's status
 *     the other side's        end() of the user's pipe, or close() with what it said
 *     the connection's        close() of the user's pipe, MU_E_UNAVAILABLE
 *
 * A half-close alone says nothing: a connection that is lost looks like that for a moment.
 *
 * The memory it takes is bounded: a queue of TUNNEL_QUEUE_MAX out, one message in.
 */
#include "common/tunnel/tunnel.h"

#include "common/base/assert.h"
#include "common/wire/wire.h"

#include <string.h>

enum { END_MAX = 1024 };

void tunnel_init(struct tunnel *t, enum tunnel_side side)
{
	*t = (struct tunnel){.side = side, .arena = mu_arena_new()};
}

void tunnel_deinit(struct tunnel *t)
{
	t->arena = mu_arena_free(t->arena);
	mu_str_deinit(&t->held);
}

/* Out */

static int send_up(struct tunnel *t, Muster__V1__TunnelUp *m)
{
	const void *packed;
	size_t len;

	wire_pack(t->arena, &m->base, &packed, &len);
	return rpc_stream_send(t->stream, packed, len);
}

static int send_down(struct tunnel *t, Muster__V1__TunnelDown *m)
{
	const void *packed;
	size_t len;

	wire_pack(t->arena, &m->base, &packed, &len);
	return rpc_stream_send(t->stream, packed, len);
}

static int send_data(struct tunnel *t, const void *data, size_t len)
{
	ProtobufCBinaryData bytes = {.data = (uint8_t *)(uintptr_t)data, .len = len};
	Muster__V1__TunnelDown down = MUSTER__V1__TUNNEL_DOWN__INIT;
	Muster__V1__TunnelUp up = MUSTER__V1__TUNNEL_UP__INIT;

	if (t->side == TUNNEL_AGENT) {
		up.kind_case = MUSTER__V1__TUNNEL_UP__KIND_DATA;
		up.data = bytes;
		return send_up(t, &up);
	}
	down.kind_case = MUSTER__V1__TUNNEL_DOWN__KIND_DATA;
	down.data = bytes;
	return send_down(t, &down);
}

/* The last message of this direction: there is always room for it. */
static void send_end(struct tunnel *t, const struct mu_error *why)
{
	Muster__V1__TunnelEnd end = MUSTER__V1__TUNNEL_END__INIT;
	Muster__V1__TunnelDown down = MUSTER__V1__TUNNEL_DOWN__INIT;
	Muster__V1__TunnelUp up = MUSTER__V1__TUNNEL_UP__INIT;

	mu_arena_reset(t->arena);
	rpc_stream_set_send_max(t->stream, TUNNEL_QUEUE_MAX + END_MAX);
	if (why) {
		end.error_code = mu_arena_strdup(t->arena, mu_error_name(why->code));
		end.error_text = mu_arena_strdup(t->arena, why->text);
	}
	if (t->side == TUNNEL_AGENT) {
		up.kind_case = MUSTER__V1__TUNNEL_UP__KIND_END;
		up.end = &end;
		(void)send_up(t, &up);
		return;
	}
	down.kind_case = MUSTER__V1__TUNNEL_DOWN__KIND_END;
	down.end = &end;
	(void)send_down(t, &down);
}

static int pipe_send(void *side, const void *data, size_t len)
{
	struct tunnel *t = side;

	mu_assert(len <= TUNNEL_DATA_MAX && !t->ended);
	if (len == 0)
		return 0;
	mu_arena_reset(t->arena);
	if (t->stream && send_data(t, data, len) == 0)
		return 0;
	t->waits = true;
	return MU_PIPE_FULL;
}

void tunnel_on_writable(struct tunnel *t)
{
	if (!t->waits)
		return;
	t->waits = false;
	mu_pipe_writable(&t->near);
}

static void pipe_end(void *side)
{
	struct tunnel *t = side;

	t->ended = true;
	if (t->stream)
		send_end(t, NULL);
}

/* Nothing comes from the user any more, and nothing goes to it. */
static void close_stream(struct tunnel *t, const struct mu_error *why)
{
	struct rpc_stream *s = t->stream;

	if (!s)
		return;
	/* A paused stream would never hear of its end. */
	mu_str_reset(&t->held);
	rpc_stream_pause(s, false);
	if (t->side == TUNNEL_AGGREGATOR) {
		rpc_stream_finish(s, why ? why->code : MU_E_NONE, why ? why->text : "");
		return;
	}
	if (why || !t->ended)
		send_end(t, why);
	rpc_stream_half_close(s);
}

static void pipe_close(void *side, const struct mu_error *why)
{
	struct tunnel *t = side;

	t->near.ops = NULL;
	close_stream(t, why);
}

void tunnel_fail(struct tunnel *t, const struct mu_error *why)
{
	close_stream(t, why);
	mu_pipe_close(&t->near, why);
}

/* In */

static void pipe_writable(void *side)
{
	struct tunnel *t = side;

	if (t->held.len == 0)
		return;
	if (mu_pipe_send(&t->near, t->held.data, t->held.len) == MU_PIPE_FULL)
		return;
	mu_str_reset(&t->held);
	if (t->stream)
		rpc_stream_pause(t->stream, false);
}

const struct mu_pipe_ops tunnel_pipe = {
    .send = pipe_send,
    .writable = pipe_writable,
    .end = pipe_end,
    .close = pipe_close,
};

static void on_data(struct tunnel *t, const ProtobufCBinaryData *bytes)
{
	struct mu_error err = MU_ERROR_INIT;

	if (bytes->len > TUNNEL_DATA_MAX) {
		(void)mu_error_set(&err, MU_E_TOO_LARGE, "tunnel: data of %zu bytes, %d at most",
				   bytes->len, TUNNEL_DATA_MAX);
		tunnel_fail(t, &err);
		return;
	}
	if (!t->near.ops || mu_pipe_send(&t->near, bytes->data, bytes->len) == 0)
		return;
	mu_str_add_bytes(&t->held, bytes->data, bytes->len);
	rpc_stream_pause(t->stream, true);
}

static void on_end_message(struct tunnel *t, const Muster__V1__TunnelEnd *m)
{
	struct mu_error why = MU_ERROR_INIT;
	enum mu_error_code code;

	if (m->error_code[0] == '\0') {
		t->peer_ended = true;
		mu_pipe_end(&t->near);
		return;
	}
	code = mu_error_from_name(m->error_code);
	(void)mu_error_set(&why, code == MU_E_NONE ? MU_E_INTERNAL : code, "%s",
			   m->error_text[0] ? m->error_text : "the other end gave no reason");
	tunnel_fail(t, &why);
}

static int receive_up(struct tunnel *t, struct mu_arena *a, const void *data, size_t len,
		      struct mu_error *err)
{
	Muster__V1__TunnelUp *m;

	if (wire_unpack_tunnel_up(a, data, len, &m, err) < 0)
		return MU_FAILED;
	if (m->kind_case == MUSTER__V1__TUNNEL_UP__KIND_HELLO)
		return mu_error_set(err, MU_E_PROTOCOL, "tunnel: a second hello");
	if (m->kind_case == MUSTER__V1__TUNNEL_UP__KIND_DATA)
		on_data(t, &m->data);
	else if (m->kind_case == MUSTER__V1__TUNNEL_UP__KIND_END)
		on_end_message(t, m->end);
	return 0;
}

static int receive_down(struct tunnel *t, struct mu_arena *a, const void *data, size_t len,
			struct mu_error *err)
{
	Muster__V1__TunnelDown *m;

	if (wire_unpack_tunnel_down(a, data, len, &m, err) < 0)
		return MU_FAILED;
	if (m->kind_case == MUSTER__V1__TUNNEL_DOWN__KIND_DATA)
		on_data(t, &m->data);
	else if (m->kind_case == MUSTER__V1__TUNNEL_DOWN__KIND_END)
		on_end_message(t, m->end);
	return 0;
}

void tunnel_on_message(struct tunnel *t, const void *data, size_t len)
{
	/* Its own: what is done with the message may send, which uses the tunnel's. */
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	int r = t->side == TUNNEL_AGENT ? receive_down(t, a, data, len, &err)
					: receive_up(t, a, data, len, &err);

	if (r < 0)
		tunnel_fail(t, &err);
}

/* Stream */

void tunnel_attach(struct tunnel *t, struct rpc_stream *stream)
{
	t->stream = stream;
	rpc_stream_set_send_max(stream, TUNNEL_QUEUE_MAX);
	if (t->ended)
		send_end(t, NULL);
	tunnel_on_writable(t);
}

void tunnel_on_half_close(struct tunnel *t)
{
	struct mu_error why = MU_ERROR_INIT;

	(void)mu_error_set(&why, MU_E_UNAVAILABLE,
			   "the connection between host and aggregator broke");
	tunnel_fail(t, t->peer_ended ? NULL : &why);
}

void tunnel_on_end(struct tunnel *t, int grpc_status, const char *text)
{
	struct mu_error why = MU_ERROR_INIT;

	t->stream = NULL;
	if (grpc_status != 0)
		(void)mu_error_set(&why, MU_E_UNAVAILABLE,
				   "the connection between host and aggregator broke: %.200s",
				   text);
	mu_pipe_close(&t->near, grpc_status != 0 ? &why : NULL);
}
