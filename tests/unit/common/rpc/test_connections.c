/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: who gets one, what becomes of it when certificates, servers or networks go away. */
#include "tests/unit/common/rpc/fixture.h"
#include "tests/unit/common/rpc/wire_cutter.h"

#include <string.h>

static bool got_messages(void *ctx)
{
	return ((struct end *)ctx)->n_messages > 0;
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

static bool both_ended(void *ctx)
{
	return has_ended(ctx) && has_ended(policy.first);
}

/* No FIN, no reset: packets just stop, as behind a pulled cable. */
static void silent_network_is_noticed_by_both(void)
{
	struct rpc_server_options options = fixture_server_options();
	struct rpc_channel_options channel;
	struct mu_error err = MU_ERROR_INIT;
	struct wire_cutter *cutter;
	struct rpc_channel *c;
	char target[32];
	struct end *e;

	options.keepalive = MU_SEC(1);
	options.keepalive_timeout = MU_SEC(3);
	CHECK(rpc_server_new(rpc, &options, &server, &err) == 0, "%s", err.text);
	cutter = wire_cutter_new(loop, rpc_server_port(server));
	channel = fixture_channel_options();
	(void)snprintf(target, sizeof target, "127.0.0.1:%d", wire_cutter_port(cutter));
	channel.target = target;
	channel.keepalive = MU_SEC(1);
	channel.keepalive_timeout = MU_SEC(3);
	CHECK(rpc_channel_new(rpc, &channel, &c, &err) == 0, "%s", err.text);
	policy.echo = true;
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	run_until(got_messages, e, "the echo");
	/* While packets flow, silence of the stream is no reason to give up. */
	run_for(MU_SEC(5));
	CHECK(!e->ended && !policy.first->ended);
	wire_cutter_cut(cutter);
	run_until(both_ended, e, "both ends to notice");
	CHECK(e->status == 14, "%d %s", e->status, e->text);
	CHECK(strstr(e->text, "keepalive"), "%s", e->text);
	CHECK(policy.first->status == 1, "%d", policy.first->status);
	rpc_channel_free(c);
	wire_cutter_free(cutter);
}

/* Whoever renews certificates checks them; should a bad one come through, the old one serves. */
static void unusable_certificate_is_not_taken(void)
{
	struct rpc_tls good, bad;
	struct rpc_channel *c;
	struct end *e;

	fixture_start_server();
	policy.echo = true;
	good = fixture_server_tls(OUR_CA, "server.test");
	bad = good;
	bad.cert = "no PEM";
	rpc_server_set_tls(server, &bad);
	c = fixture_channel();
	e = fixture_open(c);
	(void)fixture_send(e, "x", 1);
	run_until(got_messages, e, "the echo");
	rpc_stream_cancel(e->stream);
	run_until(has_ended, e, "the end");
	rpc_channel_free(c);
}

static const struct fixture_case cases[] = {
    {"a target is down, then up", target_down_then_up},
    {"strangers stay outside", strangers_stay_outside},
    {"an impostor of a server is not talked to", an_impostor_server_is_not_talked_to},
    {"a new certificate is for new connections", new_certificate_for_new_connections},
    {"the server stops under live streams", server_stops_under_live_streams},
    {"bad options are named", bad_options},
    {"a silent network is noticed by both ends", silent_network_is_noticed_by_both},
    {"an unusable certificate is not taken", unusable_certificate_is_not_taken},
};

int main(int argc, char **argv)
{
	return fixture_main(cases, MU_ARRAY_SIZE(cases), argc > 1 ? argv[1] : NULL);
}
