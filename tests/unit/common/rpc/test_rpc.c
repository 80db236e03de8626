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

/* Each open is a fresh attempt: no back-off of the library's delays the first good one. */
static void target_down_then_up(void)
{
	struct rpc_server_options options = fixture_server_options();
	struct mu_error err = MU_ERROR_INIT;
	struct rpc_channel *c;
	struct end *e;
	char listen[32];

	fixture_start_server();
	fixture_stop_server();
	c = fixture_channel();
	for (int i = 0; i < 5; i++) {
		e = fixture_open(c);
		(void)fixture_send(e, "x", 1);
		run_until(has_ended, e, "the failure");
		CHECK(e->status == 14, "%d %s", e->status, e->text);
	}
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%d", server_port);
	options.listen = listen;
	CHECK(rpc_server_new(rpc, &options, &server, &err) == 0, "%s", err.text);
	CHECK(rpc_server_port(server) == server_port);
	policy.echo = true;
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	run_until(got_messages, e, "the echo");
	rpc_stream_cancel(e->stream);
	run_until(has_ended, e, "the end");
	rpc_channel_free(c);
}

static void expect_no_entry(const struct rpc_channel_options *options, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	struct rpc_channel *c;
	struct end *e;

	CHECK(rpc_channel_new(rpc, options, &c, &err) == 0, "%s", err.text);
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	run_until(has_ended, e, "the refusal");
	CHECK(e->status == 14, "%d %s", e->status, e->text);
	CHECK(strstr(e->text, text), "%s", e->text);
	CHECK(policy.n_streams == 0, "the server must not hear of it");
	rpc_channel_free(c);
}

static void strangers_stay_outside(void)
{
	struct rpc_channel_options options;

	fixture_start_server();
	options = fixture_channel_options();
	options.tls = fixture_client_tls(OTHER_CA, "host-1");
	expect_no_entry(&options, "");
	/* A server's certificate does not make a client. */
	options.tls = fixture_server_tls(OUR_CA, "host-1");
	expect_no_entry(&options, "");
	options.tls = fixture_client_tls(OUR_CA, "host-1");
	options.server_name = "elsewhere.test";
	expect_no_entry(&options, "elsewhere.test");
}

static void an_impostor_server_is_not_talked_to(void)
{
	struct rpc_server_options options = fixture_server_options();
	struct rpc_channel_options channel;
	struct mu_error err = MU_ERROR_INIT;

	options.tls = fixture_server_tls(OTHER_CA, "server.test");
	CHECK(rpc_server_new(rpc, &options, &server, &err) == 0, "%s", err.text);
	server_port = rpc_server_port(server);
	channel = fixture_channel_options();
	expect_no_entry(&channel, "");
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

static void new_certificate_for_new_connections(void)
{
	struct rpc_channel_options options;
	struct rpc_tls renewed;
	struct rpc_channel *old_channel, *c;
	struct end *old, *e;

	fixture_start_server();
	policy.echo = true;
	options = fixture_channel_options();
	options.server_name = "server.test";
	CHECK(rpc_channel_new(rpc, &options, &old_channel, NULL) == 0);
	old = fixture_open(old_channel);
	(void)fixture_send(old, "1", 1);
	run_until(got_messages, old, "the echo");

	renewed = fixture_server_tls(OUR_CA, "renewed.test");
	rpc_server_set_tls(server, &renewed);
	options.server_name = "renewed.test";
	CHECK(rpc_channel_new(rpc, &options, &c, NULL) == 0);
	e = fixture_open(c);
	(void)fixture_send(e, "2", 1);
	run_until(got_messages, e, "the echo under the new certificate");

	old->n_messages = 0;
	(void)fixture_send(old, "3", 1);
	run_until(got_messages, old, "the echo on the old connection");
	rpc_stream_cancel(e->stream);
	rpc_stream_cancel(old->stream);
	run_until(has_ended, e, "the end");
	run_until(has_ended, old, "the other end");
	rpc_channel_free(c);
	rpc_channel_free(old_channel);
}

static void server_stops_under_live_streams(void)
{
	struct rpc_channel *c[8];
	struct end *e[8];

	fixture_start_server();
	policy.echo = true;
	for (size_t i = 0; i < MU_ARRAY_SIZE(c); i++) {
		c[i] = fixture_channel();
		e[i] = fixture_open(c[i]);
		(void)fixture_send(e[i], "x", 1);
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(c); i++)
		run_until(got_messages, e[i], "the echo");
	fixture_stop_server();
	CHECK(policy.first->ended, "streams end before the server is gone");
	CHECK(policy.first->status == 14, "%d %s", policy.first->status, policy.first->text);
	for (size_t i = 0; i < MU_ARRAY_SIZE(c); i++) {
		run_until(has_ended, e[i], "the client's end");
		CHECK(e[i]->status == 14, "%d %s", e[i]->status, e[i]->text);
		rpc_channel_free(c[i]);
	}
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

static void expect_bad_server(struct rpc_server_options options, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	struct rpc_server *none = NULL;

	CHECK(rpc_server_new(rpc, &options, &none, &err) < 0);
	CHECK(!none && strstr(err.text, text), "%s", err.text);
}

static void bad_options(void)
{
	struct rpc_server_options options = fixture_server_options();
	struct rpc_channel_options channel;
	struct mu_error err = MU_ERROR_INIT;
	struct rpc_channel *c = NULL;
	char taken[32];

	options.listen = "localhost:0";
	expect_bad_server(options, "\"localhost:0\"; hint: write it as");
	options.listen = "127.0.0.1:65536";
	expect_bad_server(options, "127.0.0.1:65536");
	options.listen = "127.0.0.1";
	expect_bad_server(options, "hint");
	options.listen = NULL;
	expect_bad_server(options, "hint");
	options.listen = "192.0.2.1:0"; /* documentation's, not ours */
	expect_bad_server(options, "cannot listen on 192.0.2.1:0: ");
	fixture_start_server();
	(void)snprintf(taken, sizeof taken, "127.0.0.1:%d", server_port);
	options.listen = taken;
	expect_bad_server(options, "Address already in use");
	options.listen = "127.0.0.1:0";
	options.tls.key = fixture_server_tls(OUR_CA, "other").key;
	expect_bad_server(options, "certificate and key");
	options.tls.key = NULL;
	expect_bad_server(options, "private key: missing");
	options.tls.ca = "no PEM";
	expect_bad_server(options, "CA certificate");

	channel = fixture_channel_options();
	channel.tls.cert = "no PEM";
	CHECK(rpc_channel_new(rpc, &channel, &c, &err) < 0 && !c);
	CHECK(strstr(err.text, "connection to 127.0.0.1:"), "%s", err.text);
}

static const struct fixture_case cases[] = {
    {"messages of all sizes are echoed in order", echo_sizes},
    {"the peer is known by its certificate", who_the_peer_is},
    {"a refusal carries status and text", refusal_carries_status_and_text},
    {"finish sends the queue first", finish_sends_the_queue_first},
    {"the client cancels", client_cancels},
    {"the client cancels before anything happened", client_cancels_before_anything_happened},
    {"the server cancels", server_cancels},
    {"a target is down, then up", target_down_then_up},
    {"strangers stay outside", strangers_stay_outside},
    {"an impostor of a server is not talked to", an_impostor_server_is_not_talked_to},
    {"an oversized message to the server", oversized_to_the_server},
    {"an oversized message to the client", oversized_to_the_client},
    {"back-pressure", back_pressure},
    {"one large message passes an empty queue", one_large_message_passes_an_empty_queue},
    {"a paused reader loses nothing", paused_reader_loses_nothing},
    {"cancel while paused", cancel_while_paused},
    {"half-close leaves the way back open", half_close_leaves_the_way_back_open},
    {"a new certificate is for new connections", new_certificate_for_new_connections},
    {"the server stops under live streams", server_stops_under_live_streams},
    {"the library may be freed in on_end", library_freed_in_on_end},
    {"many streams at once", many_streams_at_once},
    {"bad options are named", bad_options},
};

int main(int argc, char **argv)
{
	return fixture_main(cases, MU_ARRAY_SIZE(cases), argc > 1 ? argv[1] : NULL);
}
