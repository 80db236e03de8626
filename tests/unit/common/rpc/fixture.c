/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/rpc/fixture.h"

#include "common/base/map.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/tls/tls.h"

#include <string.h>

const char *fixture_test = "";
struct mu_loop *loop;
struct rpc *rpc;
struct rpc_server *server;
int server_port;
struct fixture_policy policy;

static const mu_msec deadline = MU_SEC(60);
enum { ENDS_MAX = 1024 };
static struct end *ends[ENDS_MAX];
static size_t n_ends;
static unsigned int inside; /* an API call that must not call back */

/* Certificates */

enum { KEPT_MAX = 256 };
static char *kept[KEPT_MAX];
static size_t n_kept;
static struct {
	char *key;
	char *cert;
} authorities[2];

static char *keep(char *text)
{
	CHECK(n_kept < KEPT_MAX);
	kept[n_kept++] = text;
	return text;
}

static void free_kept(void)
{
	while (n_kept > 0)
		free(kept[--n_kept]);
}

static void make_authority(enum fixture_ca ca)
{
	struct mu_error err = MU_ERROR_INIT;

	if (authorities[ca].cert)
		return;
	CHECK(tls_key_new(&authorities[ca].key, &err) == 0, "%s", err.text);
	CHECK(tls_ca_new(authorities[ca].key, ca == OUR_CA ? "our CA" : "other CA", mu_clock_wall(),
			 MU_SEC(86400), &authorities[ca].cert, &err) == 0,
	      "%s", err.text);
	keep(authorities[ca].key);
	keep(authorities[ca].cert);
}

static struct rpc_tls make_tls(enum fixture_ca ca, const char *name, bool is_server)
{
	struct mu_error err = MU_ERROR_INIT;
	MU_CLEANUP(mu_free) char *alt = mu_xasprintf("IP:127.0.0.1,DNS:%s", name);
	MU_CLEANUP(mu_free) char *csr = NULL;
	char *key, *cert;

	make_authority(ca);
	make_authority(OUR_CA);
	CHECK(tls_key_new(&key, &err) == 0, "%s", err.text);
	CHECK(tls_request_new(key, name, &csr, &err) == 0, "%s", err.text);
	CHECK(tls_sign(authorities[ca].cert, authorities[ca].key, csr, name, is_server ? alt : NULL,
		       is_server, mu_clock_wall(), MU_SEC(3600), &cert, &err) == 0,
	      "%s", err.text);
	return (struct rpc_tls){
	    .ca = authorities[OUR_CA].cert, .cert = keep(cert), .key = keep(key)};
}

struct rpc_tls fixture_server_tls(enum fixture_ca ca, const char *name)
{
	return make_tls(ca, name, true);
}

struct rpc_tls fixture_client_tls(enum fixture_ca ca, const char *name)
{
	return make_tls(ca, name, false);
}

void fixture_fingerprint(const char *cert, char ret[65])
{
	struct tls_cert_info info;

	CHECK(tls_cert_read(cert, &info, NULL) == 0);
	(void)snprintf(ret, 65, "%s", info.fingerprint);
}

/* Waiting */

static bool (*wanted)(void *ctx);
static void *wanted_ctx;

/* After each event: is this what run_until() waits for? */
static void look(void)
{
	if (wanted && wanted(wanted_ctx))
		mu_loop_stop(loop);
}

static void on_deadline(void *ctx)
{
	CHECK(false, "waited in vain for %s", (const char *)ctx);
}

void run_until(bool (*cond)(void *ctx), void *ctx, const char *what)
{
	MU_CLEANUP(mu_free) char *text = mu_xstrdup(what);
	struct mu_timer *timer = mu_timer_new(loop, on_deadline, text);

	wanted = cond;
	wanted_ctx = ctx;
	mu_timer_set(timer, deadline);
	while (!cond(ctx))
		mu_loop_run(loop);
	wanted = NULL;
	mu_timer_free(timer);
}

static void on_span_over(void *ctx)
{
	*(bool *)ctx = true;
	mu_loop_stop(loop);
}

void run_for(mu_msec span)
{
	bool over = false;
	struct mu_timer *timer = mu_timer_new(loop, on_span_over, &over);

	mu_timer_set(timer, span);
	while (!over)
		mu_loop_run(loop);
	mu_timer_free(timer);
}

bool has_ended(void *end)
{
	return ((struct end *)end)->ended;
}

void fixture_enter(void)
{
	inside++;
}

void fixture_leave(void)
{
	inside--;
}

/* Ends of streams */

static struct end *end_new(void)
{
	CHECK(n_ends < ENDS_MAX);
	return ends[n_ends++] = mu_xcalloc(1, sizeof(struct end));
}

static void free_ends(void)
{
	while (n_ends > 0) {
		struct end *e = ends[--n_ends];

		CHECK(e->ended, "a stream never ended");
		mu_str_deinit(&e->received);
		mu_str_deinit(&e->last);
		free(e);
	}
}

static void on_message(struct rpc_stream *s, const void *data, size_t len, void *ctx)
{
	struct end *e = ctx;

	CHECK(!inside && !e->ended && e->stream == s);
	e->n_messages++;
	e->n_bytes += len;
	mu_str_printf(&e->received, "%zu ", len);
	mu_str_reset(&e->last);
	mu_str_add_bytes(&e->last, data, len);
	if (e->echo)
		CHECK(fixture_send(e, data, len) == 0);
	if (e->on_message)
		e->on_message(e);
	look();
}

static void on_writable(struct rpc_stream *s, void *ctx)
{
	struct end *e = ctx;

	CHECK(!inside && !e->ended && e->stream == s);
	e->n_writable++;
	look();
}

static void on_half_close(struct rpc_stream *s, void *ctx)
{
	struct end *e = ctx;

	CHECK(!inside && !e->ended && !e->half_closed);
	e->half_closed = true;
	if (!e->keep_open)
		QUIETLY(rpc_stream_finish(s, MU_E_NONE, "all echoed"));
	look();
}

static void on_end(struct rpc_stream *s, int status, const char *text, void *ctx)
{
	struct end *e = ctx;

	CHECK(!inside && !e->ended && e->stream == s);
	e->ended = true;
	e->status = status;
	(void)snprintf(e->text, sizeof e->text, "%s", text);
	/* All of these must do nothing now. */
	CHECK(rpc_stream_send(s, "x", 1) == 0);
	rpc_stream_pause(s, true);
	rpc_stream_pause(s, false);
	rpc_stream_cancel(s);
	e->stream = NULL;
	if (e->on_ended)
		e->on_ended(e);
	look();
}

const struct rpc_stream_ops end_ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_half_close = on_half_close,
    .on_end = on_end,
};

int fixture_send(struct end *e, const void *data, size_t len)
{
	int r;

	fixture_enter();
	r = rpc_stream_send(e->stream, data, len);
	fixture_leave();
	return r;
}

/* Server and client */

static const struct rpc_stream_ops *on_stream(struct rpc_stream *s, const char *path, void *ctx,
					      void **ret_ctx, struct mu_error *err)
{
	struct end *e;

	CHECK(ctx == &policy && !inside);
	policy.n_streams++;
	(void)snprintf(policy.path, sizeof policy.path, "%s", path);
	policy.peer = *rpc_stream_peer(s);
	if (policy.refuse.code != MU_E_NONE) {
		*err = policy.refuse;
		return NULL;
	}
	e = end_new();
	e->stream = s;
	e->echo = policy.echo;
	e->keep_open = policy.keep_open;
	e->on_message = policy.on_message;
	if (policy.pause)
		QUIETLY(rpc_stream_pause(s, true));
	if (!policy.first)
		policy.first = e;
	policy.last = e;
	*ret_ctx = e;
	look();
	return &end_ops;
}

struct rpc_server_options fixture_server_options(void)
{
	return (struct rpc_server_options){
	    .listen = "127.0.0.1:0",
	    .tls = fixture_server_tls(OUR_CA, "server.test"),
	    .message_max = MESSAGE_MAX,
	    .send_max = 4 * MESSAGE_MAX, /* what is echoed is never refused */
	    .keepalive = MU_SEC(20),
	    .keepalive_timeout = MU_SEC(10),
	    .on_stream = on_stream,
	    .ctx = &policy,
	};
}

void fixture_start_server(void)
{
	struct rpc_server_options options = fixture_server_options();
	struct mu_error err = MU_ERROR_INIT;

	CHECK(rpc_server_new(rpc, &options, &server, &err) == 0, "%s", err.text);
	server_port = rpc_server_port(server);
	CHECK(server_port > 0);
}

static void on_stopped(void *ctx)
{
	CHECK(!inside);
	*(bool *)ctx = true;
	look();
}

static bool is_true(void *flag)
{
	return *(bool *)flag;
}

void fixture_stop_server(void)
{
	bool stopped = false;

	if (!server)
		return;
	QUIETLY(rpc_server_stop(server, on_stopped, &stopped));
	server = NULL;
	run_until(is_true, &stopped, "the server to stop");
}

struct rpc_channel_options fixture_channel_options(void)
{
	static char target[32];

	(void)snprintf(target, sizeof target, "127.0.0.1:%d", server_port);
	return (struct rpc_channel_options){
	    .target = target,
	    .tls = fixture_client_tls(OUR_CA, "host-1"),
	    .message_max = MESSAGE_MAX,
	    .send_max = SEND_MAX,
	    .keepalive = MU_SEC(20),
	    .keepalive_timeout = MU_SEC(10),
	};
}

struct rpc_channel *fixture_channel(void)
{
	struct rpc_channel_options options = fixture_channel_options();
	struct mu_error err = MU_ERROR_INIT;
	struct rpc_channel *c = NULL;

	CHECK(rpc_channel_new(rpc, &options, &c, &err) == 0, "%s", err.text);
	return c;
}

struct end *fixture_open(struct rpc_channel *c)
{
	struct end *e = end_new();

	QUIETLY(e->stream = rpc_channel_open(c, "/muster.test/Echo", &end_ops, e));
	CHECK(!e->ended);
	return e;
}

/* Running */

static bool all_ended(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < n_ends; i++)
		if (!ends[i]->ended)
			return false;
	return true;
}

static void on_log(enum mu_log_level level, const char *line, void *ctx)
{
	(void)ctx;
	if (level != MU_LOG_DEBUG)
		printf("# log: %s\n", line);
	CHECK(level != MU_LOG_ERROR, "a library logs no errors");
}

static void run_case(const struct fixture_case *c)
{
	fixture_test = c->name;
	memset(&policy, 0, sizeof policy);
	loop = mu_loop_new();
	rpc = rpc_new(loop);
	c->run();
	fixture_stop_server();
	run_until(all_ended, NULL, "all streams to end");
	free_ends();
	rpc = rpc_free(rpc);
	loop = mu_loop_free(loop);
}

int fixture_main(const struct fixture_case *cases, size_t n, const char *filter)
{
	unsigned int number = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mu_log_to(on_log, NULL);
	for (size_t i = 0; i < n; i++) {
		if (filter && !strstr(cases[i].name, filter))
			continue;
		run_case(&cases[i]);
		printf("ok %u - %s\n", ++number, cases[i].name);
	}
	printf("1..%u\n", number);
	free_kept();
	return 0;
}
