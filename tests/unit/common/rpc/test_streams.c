/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over loopback: what is promised in rpc.h, one case each. */
#include "tests/unit/common/rpc/fixture.h"

#include <string.h>

static char *filled(size_t len, char c)
{
	char *p = mu_xmalloc(len + 1);

	memset(p, c, len);
	p[len] = '\0';
	return p;
}

static bool got_messages(void *ctx)
{
	struct end *e = ctx;

	return e->n_messages >= 1;
}

static bool server_has_message(void *ctx)
{
	(void)ctx;
	return policy.first && policy.first->n_messages > 0;
}

static bool server_has_stream(void *ctx)
{
	(void)ctx;
	return policy.first != NULL;
}

static void echo_sizes(void)
{
	static const size_t sizes[] = {0, 1, 5, 16384, 65536, 70000, MESSAGE_MAX - 1, 3};
	MU_CLEANUP(mu_str_deinit) struct mu_str want = MU_STR_INIT;
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	policy.echo = true;
	c = fixture_channel();
	e = fixture_open(c);
	for (size_t i = 0; i < MU_ARRAY_SIZE(sizes); i++) {
		MU_CLEANUP(mu_free) char *p = filled(sizes[i], (char)('a' + i));
		unsigned int before = e->n_messages;

		/* The completion of the one before may come after its echo. */
		while (fixture_send(e, p, sizes[i]) == RPC_FULL)
			run_for(1);
		mu_str_printf(&want, "%zu ", sizes[i]);
		while (e->n_messages == before) {
			e->n_messages = 0;
			run_until(got_messages, e, "an echo");
			e->n_messages += before;
		}
		CHECK(e->last.len == sizes[i] && memcmp(e->last.data, p, sizes[i]) == 0);
	}
	CHECK(mu_str_equal(e->received.data, want.data), "%s", e->received.data);
	QUIETLY(rpc_stream_half_close(e->stream));
	run_until(has_ended, e, "the end");
	CHECK(e->status == 0, "%d %s", e->status, e->text);
	CHECK(mu_str_equal(e->text, "all echoed"), "%s", e->text);
	CHECK(policy.first->half_closed);
	CHECK(mu_str_equal(policy.path, "/muster.test/Echo"), "%s", policy.path);
	rpc_channel_free(c);
}

static void who_the_peer_is(void)
{
	struct rpc_channel_options options;
	struct rpc_channel *c;
	char fingerprint[65];
	struct end *e;

	fixture_start_server();
	options = fixture_channel_options();
	CHECK(rpc_channel_new(rpc, &options, &c, NULL) == 0);
	e = fixture_open(c);
	run_until(server_has_stream, NULL, "the stream");
	fixture_fingerprint(options.tls.cert, fingerprint);
	CHECK(mu_str_equal(policy.peer.common_name, "host-1"), "%s", policy.peer.common_name);
	CHECK(mu_str_equal(policy.peer.fingerprint, fingerprint), "%s", policy.peer.fingerprint);
	CHECK(mu_str_has_prefix(policy.peer.address, "ipv4:127.0.0.1:"), "%s", policy.peer.address);
	rpc_stream_cancel(e->stream);
	run_until(has_ended, e, "the end");
	rpc_channel_free(c);
}

static void refusal_carries_status_and_text(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	(void)mu_error_set(&policy.refuse, MU_E_DENIED, "host b\xc3\xbcro is revoked; hint: enrol");
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, "hello", 5);
	run_until(has_ended, e, "the refusal");
	CHECK(e->status == mu_error_grpc_status(MU_E_DENIED), "%d", e->status);
	CHECK(mu_str_equal(e->text, policy.refuse.text), "%s", e->text);
	CHECK(policy.n_streams == 1);
	rpc_channel_free(c);
}

static void finish_after_hundred(struct end *e)
{
	for (int i = 0; i < 100; i++)
		CHECK(fixture_send(e, "0123456789", 10) == 0);
	QUIETLY(rpc_stream_finish(e->stream, MU_E_STATE, "enough"));
	CHECK(fixture_send(e, "late", 4) == 0, "dropped silently");
}

static void finish_sends_the_queue_first(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	policy.on_message = finish_after_hundred;
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, "go", 2);
	run_until(has_ended, e, "the end");
	CHECK(e->n_messages == 100, "%u", e->n_messages);
	CHECK(e->status == mu_error_grpc_status(MU_E_STATE) && mu_str_equal(e->text, "enough"));
	run_until(has_ended, policy.first, "the server's end");
	CHECK(policy.first->status == e->status && mu_str_equal(policy.first->text, "enough"));
	rpc_channel_free(c);
}

static void client_cancels(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	run_until(server_has_message, NULL, "the message");
	QUIETLY(rpc_stream_cancel(e->stream));
	CHECK(!e->ended);
	run_until(has_ended, e, "the client's end");
	CHECK(e->status == 1);
	run_until(has_ended, policy.first, "the server's end");
	CHECK(policy.first->status == 1, "%d", policy.first->status);
	rpc_channel_free(c);
}

static void client_cancels_before_anything_happened(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	c = fixture_channel();
	e = fixture_open(c);
	QUIETLY(rpc_stream_cancel(e->stream));
	run_until(has_ended, e, "the end");
	CHECK(e->status == 1);
	rpc_channel_free(c);
}

static void server_cancels(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	run_until(server_has_message, NULL, "the message");
	QUIETLY(rpc_stream_cancel(policy.first->stream));
	run_until(has_ended, e, "the client's end");
	CHECK(e->status == 1, "%d %s", e->status, e->text);
	run_until(has_ended, policy.first, "the server's end");
	CHECK(policy.first->status == 1);
	rpc_channel_free(c);
}

static void oversized_to_the_server(void)
{
	MU_CLEANUP(mu_free) char *p = filled(MESSAGE_MAX + 1, 'x');
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, p, MESSAGE_MAX + 1);
	run_until(has_ended, e, "the refusal");
	CHECK(e->status == 8, "%d %s", e->status, e->text);
	CHECK(strstr(e->text, "larger than max"), "%s", e->text);
	run_until(has_ended, policy.first, "the server's end");
	CHECK(policy.first->n_messages == 0);
	CHECK(policy.first->status != 0);
	rpc_channel_free(c);
}

static void send_oversized(struct end *e)
{
	MU_CLEANUP(mu_free) char *p = filled(MESSAGE_MAX + 1, 'x');

	(void)fixture_send(e, p, MESSAGE_MAX + 1);
}

static void oversized_to_the_client(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	policy.on_message = send_oversized;
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	run_until(has_ended, e, "the end");
	CHECK(e->status == 8 && e->n_messages == 0, "%d %s", e->status, e->text);
	rpc_channel_free(c);
}

static bool is_writable(void *ctx)
{
	return ((struct end *)ctx)->n_writable > 0;
}

static bool server_has_all(void *ctx)
{
	return policy.first->n_messages == *(unsigned int *)ctx;
}

static void back_pressure(void)
{
	MU_CLEANUP(mu_free) char *p = filled(10000, 'x');
	struct rpc_channel *c;
	unsigned int n_sent = 0;
	struct end *e;

	fixture_start_server();
	policy.pause = policy.keep_open = true;
	c = fixture_channel();
	e = fixture_open(c);
	run_until(server_has_stream, NULL, "the stream");
	for (int i = 0; i < 20; i++) {
		while (fixture_send(e, p, 10000) == 0)
			n_sent++;
		CHECK(rpc_stream_queued(e->stream) <= SEND_MAX);
		run_for(20);
	}
	/* The queue, the windows of both sides, and no more. */
	CHECK(n_sent < 100, "%u messages of 10,000 bytes went into a stream nobody reads", n_sent);
	CHECK(policy.first->n_messages == 0);
	CHECK(fixture_send(e, p, 10000) == RPC_FULL);
	e->n_writable = 0;
	QUIETLY(rpc_stream_pause(policy.first->stream, false));
	run_until(is_writable, e, "on_writable");
	CHECK(rpc_stream_queued(e->stream) <= SEND_MAX / 2);
	CHECK(fixture_send(e, p, 10000) == 0);
	n_sent++;
	run_until(server_has_all, &n_sent, "all that was taken");
	CHECK(e->n_writable == 1, "%u", e->n_writable);
	CHECK(rpc_stream_queued(e->stream) <= 10000);
	rpc_stream_cancel(e->stream);
	run_until(has_ended, policy.first, "the end");
	rpc_channel_free(c);
}

/* Larger than the limit but alone: it could never be sent otherwise. */
static void one_large_message_passes_an_empty_queue(void)
{
	MU_CLEANUP(mu_free) char *p = filled(SEND_MAX + 1, 'x');
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	c = fixture_channel();
	e = fixture_open(c);
	CHECK(fixture_send(e, p, SEND_MAX + 1) == 0);
	CHECK(fixture_send(e, "x", 1) == RPC_FULL);
	run_until(is_writable, e, "on_writable");
	run_until(server_has_message, NULL, "the message");
	rpc_stream_cancel(e->stream);
	run_until(has_ended, e, "the end");
	rpc_channel_free(c);
}

static void pause_reader(struct end *e)
{
	QUIETLY(rpc_stream_pause(e->stream, true));
}

/* A reader that pauses after each message still gets them all, and only then the end. */
static void paused_reader_loses_nothing(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	policy.on_message = finish_after_hundred;
	c = fixture_channel();
	e = fixture_open(c);
	e->on_message = pause_reader;
	(void)fixture_send(e, "go", 2);
	for (unsigned int i = 1; i <= 100; i++) {
		run_until(got_messages, e, "the next message");
		if (i == 1)
			run_for(100);
		CHECK(e->n_messages == 1 && (!e->ended || i == 100), "message %u", i);
		e->n_messages = 0;
		if (!e->ended)
			QUIETLY(rpc_stream_pause(e->stream, false));
	}
	run_until(has_ended, e, "the end");
	CHECK(e->n_messages == 0 && mu_str_equal(e->text, "enough"), "%s", e->text);
	rpc_channel_free(c);
}

static void cancel_while_paused(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	policy.on_message = finish_after_hundred;
	c = fixture_channel();
	e = fixture_open(c);
	QUIETLY(rpc_stream_pause(e->stream, true));
	(void)fixture_send(e, "go", 2);
	run_until(server_has_message, NULL, "the message");
	run_for(100);
	CHECK(e->n_messages == 0 && !e->ended);
	QUIETLY(rpc_stream_cancel(e->stream));
	run_until(has_ended, e, "the end");
	CHECK(e->n_messages == 0 && e->status == 1);
	rpc_channel_free(c);
}

static void half_close_leaves_the_way_back_open(void)
{
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	policy.keep_open = true;
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	QUIETLY(rpc_stream_half_close(e->stream));
	CHECK(fixture_send(e, "late", 4) == 0);
	run_until(server_has_message, NULL, "the message");
	while (!policy.first->half_closed)
		run_for(1);
	CHECK(fixture_send(policy.first, "answer", 6) == 0);
	run_until(got_messages, e, "the answer");
	CHECK(mu_str_equal(e->last.data, "answer"));
	QUIETLY(rpc_stream_finish(policy.first->stream, MU_E_NONE, NULL));
	run_until(has_ended, e, "the end");
	CHECK(e->status == 0 && policy.first->n_messages == 1);
	rpc_channel_free(c);
}

static struct rpc_channel *last_channel;

static void free_everything(struct end *e)
{
	(void)e;
	last_channel = rpc_channel_free(last_channel);
	rpc = rpc_free(rpc);
}

/* The last callback may take the whole library down. */
static void library_freed_in_on_end(void)
{
	struct end *e;

	fixture_start_server();
	last_channel = fixture_channel();
	fixture_stop_server();
	e = fixture_open(last_channel);
	e->on_ended = free_everything;
	run_until(has_ended, e, "the end");
	CHECK(!rpc && !last_channel);
	rpc = rpc_new(loop);
}

enum { STREAMS = 48, ROUNDS = 30 };

static unsigned int n_echoes;

static void count_and_send_again(struct end *e)
{
	n_echoes++;
	if (e->n_messages < ROUNDS)
		CHECK(fixture_send(e, e->last.data, e->last.len) == 0);
	else
		QUIETLY(rpc_stream_half_close(e->stream));
}

static bool has_all_echoes(void *ctx)
{
	(void)ctx;
	return n_echoes == STREAMS * ROUNDS;
}

static void many_streams_at_once(void)
{
	static const char text[] = "a message of ordinary length";
	struct rpc_channel *c[STREAMS / 4];
	struct end *e[STREAMS];

	fixture_start_server();
	policy.echo = true;
	n_echoes = 0;
	for (size_t i = 0; i < MU_ARRAY_SIZE(c); i++)
		c[i] = fixture_channel();
	for (size_t i = 0; i < STREAMS; i++) {
		e[i] = fixture_open(c[i / 4]);
		e[i]->on_message = count_and_send_again;
		(void)fixture_send(e[i], text, sizeof text);
	}
	run_until(has_all_echoes, NULL, "all echoes");
	for (size_t i = 0; i < STREAMS; i++) {
		run_until(has_ended, e[i], "the end");
		CHECK(e[i]->status == 0, "%s", e[i]->text);
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(c); i++)
		rpc_channel_free(c[i]);
}

static const struct fixture_case cases[] = {
    {"messages of all sizes are echoed in order", echo_sizes},
    {"the peer is known by its certificate", who_the_peer_is},
    {"a refusal carries status and text", refusal_carries_status_and_text},
    {"finish sends the queue first", finish_sends_the_queue_first},
    {"the client cancels", client_cancels},
    {"the client cancels before anything happened", client_cancels_before_anything_happened},
    {"the server cancels", server_cancels},
    {"an oversized message to the server", oversized_to_the_server},
    {"an oversized message to the client", oversized_to_the_client},
    {"back-pressure", back_pressure},
    {"one large message passes an empty queue", one_large_message_passes_an_empty_queue},
    {"a paused reader loses nothing", paused_reader_loses_nothing},
    {"cancel while paused", cancel_while_paused},
    {"half-close leaves the way back open", half_close_leaves_the_way_back_open},
    {"the library may be freed in on_end", library_freed_in_on_end},
    {"many streams at once", many_streams_at_once},
};

int main(int argc, char **argv)
{
	return fixture_main(cases, MU_ARRAY_SIZE(cases), argc > 1 ? argv[1] : NULL);
}
