/* SPDX-License-Identifier: Apache-2.0 */
/* When a listener is given up, what a probe tells, and what can be listened on. */
#include "common/base/str.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_guard.h"
#include "common/rpc/rpc_probe.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const mu_msec interval = MU_SEC(10);

TestSuite(guard, .timeout = 60);

Test(guard, an_answer_means_calm)
{
	struct rpc_guard g;
	struct rpc_guard_step step;

	rpc_guard_init(&g, interval);
	step = rpc_guard_probed(&g, RPC_PROBE_ALIVE);
	cr_assert_not(step.recreate);
	cr_assert_not(step.recovered);
	cr_assert_eq(step.wait, interval);
}

Test(guard, silence_once_is_no_proof)
{
	struct rpc_guard g;
	struct rpc_guard_step step;

	rpc_guard_init(&g, interval);
	step = rpc_guard_probed(&g, RPC_PROBE_SILENT);
	cr_assert_not(step.recreate);
	cr_assert_lt(step.wait, interval);
	/* An answer in between wipes it out. */
	(void)rpc_guard_probed(&g, RPC_PROBE_ALIVE);
	step = rpc_guard_probed(&g, RPC_PROBE_SILENT);
	cr_assert_not(step.recreate);
	step = rpc_guard_probed(&g, RPC_PROBE_SILENT);
	cr_assert(step.recreate);
	step = rpc_guard_probed(&g, RPC_PROBE_ALIVE);
	cr_assert(step.recovered);
	cr_assert_eq(step.wait, interval);
}

Test(guard, silence_after_a_failed_accept_is_proof)
{
	struct rpc_guard g;
	struct rpc_guard_step step;
	mu_msec patience;

	rpc_guard_init(&g, interval);
	patience = rpc_guard_patience(&g);
	cr_assert(rpc_guard_accept_failed(&g), "the first report asks for a probe");
	cr_assert_not(rpc_guard_accept_failed(&g), "the others do not");
	cr_assert_lt(rpc_guard_patience(&g), patience);
	/* No descriptors for the probe itself: look again soon. */
	step = rpc_guard_probed(&g, RPC_PROBE_UNKNOWN);
	cr_assert_not(step.recreate);
	cr_assert_lt(step.wait, interval);
	step = rpc_guard_probed(&g, RPC_PROBE_SILENT);
	cr_assert(step.recreate);
	/* The new listener starts without the old one's reputation. */
	cr_assert_eq(rpc_guard_patience(&g), patience);
	cr_assert(rpc_guard_accept_failed(&g));
}

Test(guard, nobody_listening_needs_no_second_look)
{
	struct rpc_guard g;

	rpc_guard_init(&g, interval);
	cr_assert(rpc_guard_probed(&g, RPC_PROBE_REFUSED).recreate);
}

Test(guard, what_does_not_help_is_done_less_often)
{
	struct rpc_guard g;
	mu_msec last = 0;

	rpc_guard_init(&g, interval);
	for (int i = 0; i < 100; i++) {
		struct rpc_guard_step step = rpc_guard_probed(&g, RPC_PROBE_REFUSED);

		cr_assert(step.recreate);
		cr_assert(step.wait > last || step.wait == interval);
		last = step.wait;
	}
	cr_assert_eq(last, interval);
	cr_assert(rpc_guard_probed(&g, RPC_PROBE_ALIVE).recovered);
	cr_assert_lt(rpc_guard_probed(&g, RPC_PROBE_REFUSED).wait, interval);
}

Test(guard, a_cancelled_probe_changes_nothing)
{
	struct rpc_guard g, before;

	rpc_guard_init(&g, interval);
	(void)rpc_guard_probed(&g, RPC_PROBE_SILENT);
	before = g;
	cr_assert_not(rpc_guard_probed(&g, RPC_PROBE_CANCELLED).recreate);
	cr_assert_eq(memcmp(&g, &before, sizeof g), 0);
}

/* Probes */

struct knock {
	struct mu_loop *loop;
	struct sockaddr_in address;
	int fd; /* listening socket, nobody accepts unless the test does */
	int n_done;
	enum rpc_probe_result result;
};

static void knock_init(struct knock *k)
{
	socklen_t len = sizeof k->address;

	memset(k, 0, sizeof *k);
	k->loop = mu_loop_new();
	k->address.sin_family = AF_INET;
	k->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(k->fd, (struct sockaddr *)&k->address, len), 0);
	cr_assert_eq(listen(k->fd, 4), 0);
	cr_assert_eq(getsockname(k->fd, (struct sockaddr *)&k->address, &len), 0);
}

static void knock_deinit(struct knock *k)
{
	cr_assert_eq(k->n_done, 1);
	if (k->fd >= 0)
		(void)close(k->fd);
	mu_loop_free(k->loop);
}

static void on_probed(enum rpc_probe_result result, void *ctx)
{
	struct knock *k = ctx;

	k->n_done++;
	k->result = result;
}

static struct rpc_probe *knock(struct knock *k, mu_msec limit)
{
	struct rpc_probe *p =
	    rpc_probe_start(k->loop, (const struct sockaddr *)&k->address, limit, on_probed, k);

	cr_assert_eq(k->n_done, 0, "never inside start");
	return p;
}

Test(guard, probe_of_a_listener_that_accepts_nothing)
{
	struct knock k;

	knock_init(&k);
	(void)knock(&k, 100);
	mu_loop_run(k.loop);
	cr_assert_eq(k.result, RPC_PROBE_SILENT);
	knock_deinit(&k);
}

static void accept_and_close(void *ctx)
{
	struct knock *k = ctx;
	int fd = accept(k->fd, NULL, NULL);

	cr_assert_geq(fd, 0);
	(void)close(fd);
}

static void accept_and_greet(void *ctx)
{
	struct knock *k = ctx;
	int fd = accept(k->fd, NULL, NULL);

	cr_assert_eq(write(fd, "hello", 5), 5);
	(void)close(fd);
}

Test(guard, probe_of_a_listener_that_closes_or_greets)
{
	mu_loop_cb answers[] = {accept_and_close, accept_and_greet};

	for (size_t i = 0; i < MU_ARRAY_SIZE(answers); i++) {
		struct mu_timer *timer;
		struct knock k;

		knock_init(&k);
		timer = mu_timer_new(k.loop, answers[i], &k);
		(void)knock(&k, MU_SEC(60));
		mu_timer_set(timer, 50);
		mu_loop_run(k.loop);
		mu_timer_free(timer);
		cr_assert_eq(k.result, RPC_PROBE_ALIVE);
		knock_deinit(&k);
	}
}

Test(guard, probe_of_a_closed_port)
{
	struct knock k;

	knock_init(&k);
	(void)close(k.fd);
	k.fd = -1;
	(void)knock(&k, MU_SEC(60));
	mu_loop_run(k.loop);
	cr_assert_eq(k.result, RPC_PROBE_REFUSED);
	knock_deinit(&k);
}

Test(guard, probe_without_descriptors)
{
	struct rlimit before, none;
	struct knock k;

	knock_init(&k);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	(void)knock(&k, MU_SEC(60));
	mu_loop_run(k.loop);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	cr_assert_eq(k.result, RPC_PROBE_UNKNOWN);
	knock_deinit(&k);
}

static void cancel(void *ctx)
{
	rpc_probe_cancel(ctx);
}

Test(guard, cancelled_probe_still_reports)
{
	struct knock k;

	knock_init(&k);
	mu_loop_post(k.loop, cancel, knock(&k, MU_SEC(60)));
	mu_loop_run(k.loop);
	cr_assert_eq(k.result, RPC_PROBE_CANCELLED);
	knock_deinit(&k);
}

/* Addresses */

static void expect_address(const char *listen, const char *text, const char *probe)
{
	struct mu_error err = MU_ERROR_INIT;
	char host[INET6_ADDRSTRLEN];
	struct rpc_address a;

	cr_assert_eq(rpc_address_parse(listen, &a, &err), 0, "%s", err.text);
	cr_assert_str_eq(a.text, text);
	if (a.probe.ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &((struct sockaddr_in *)&a.probe)->sin_addr, host,
				sizeof host);
	else
		(void)inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a.probe)->sin6_addr, host,
				sizeof host);
	cr_assert_str_eq(host, probe);
}

Test(guard, addresses)
{
	static const char *const bad[] = {
	    "",           ":1",
	    "host:1",     "1.2.3.4",
	    "1.2.3.4:",   "[::1:1",
	    "1.2.3.4:-1", "1.2.3.4:65536",
	    "[::1]",      "01234567890123456789012345678901234567890123456789:1"};
	struct rpc_address a;

	expect_address("127.0.0.1:8443", "127.0.0.1:8443", "127.0.0.1");
	expect_address("0.0.0.0:1", "0.0.0.0:1", "127.0.0.1");
	expect_address("[::]:8443", "[::]:8443", "127.0.0.1");
	expect_address("[::1]:0", "[::1]:0", "::1");
	expect_address("[2001:db8:0::1]:65535", "[2001:db8::1]:65535", "2001:db8::1");
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_eq(rpc_address_parse(bad[i], &a, &err), MU_FAILED, "%s", bad[i]);
		cr_expect_eq(err.code, MU_E_INVALID);
		cr_expect(strstr(err.text, "hint: "), "%s", err.text);
	}
}
