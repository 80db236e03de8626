/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: what reaches the backend, and Xen Orchestra's picture of what comes back. */
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/rest/export.h"
#include "common/rest/stats_shape.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(stats, .init = setup, .fini = teardown);

#define VM(query) "/rest/v0/vms/" VM_WEB "/stats" query
#define HOST(query) "/rest/v0/hosts/" HOST_1 "/stats" query

static struct http_request *get(const char *target)
{
	return fixture_call(f, HTTP_GET, target, NULL);
}

static void done(const struct stats_result *r, const struct mu_error *err)
{
	void (*to)(void *arg, const struct stats_result *r, const struct mu_error *err) =
	    f->stats_done;

	cr_assert_not_null(to);
	f->stats_done = NULL; /* it may ask again */
	to(f->stats_arg, r, err);
}

/* Every series has the values of its place: 1, 2; 3, 4; ... */
static void answer(const char *const *names, size_t n, int64_t end)
{
	struct stats_series series[32];
	float values[64];
	struct stats_result r = {.end = end, .n_rows = 2, .n_series = n, .series = series};

	cr_assert_leq(n, MU_ARRAY_SIZE(series));
	for (size_t i = 0; i < n; i++) {
		values[2 * i] = (float)(2 * i + 1);
		values[2 * i + 1] = (float)(2 * i + 2);
		series[i] = (struct stats_series){names[i], "unit", &values[2 * i]};
	}
	done(&r, NULL);
}

static void refuse(enum mu_error_code code, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, code, "%s", text);
	done(NULL, &err);
}

Test(stats, a_vm_as_xen_orchestra_shows_it)
{
	static const char *const names[] = {
	    "cpu0",
	    "cpu11",
	    "cpu_usage",
	    "memory",
	    "memory_target",
	    "memory_free",
	    "memory_internal_free",
	    "vif_0_rx",
	    "vif_0_tx",
	    "vif_0_rx_errors",
	    "vif_0_rx_packets",
	    "vif_aggr_rx",
	    "vbd_xvda_read",
	    "vbd_xvda_write",
	    "vbd_aggr_read",
	    "vbd_xvda_iops_total",
	    "vbd_hdc_read",
	    "vbd_xvda_read_latency",
	    "vbd_xvda_write_latency",
	    "vbd_xvda_latency",
	    "vbd_xvda_avgqu_sz",
	};
	struct http_request *r = get(VM(""));

	answer(names, MU_ARRAY_SIZE(names), 1790000005);
	fixture_expect(
	    r, 200,
	    "{\"endTimestamp\":1790000005,\"interval\":5,\"stats\":{"
	    "\"cpus\":{\"0\":[100.0,200.0],\"11\":[300.0,400.0]},\"cpuUsage\":[500.0,600.0],"
	    "\"memory\":[7.0,8.0],\"memoryTarget\":[9.0,10.0],\"memoryFree\":[11.0,12.0],"
	    "\"vifs\":{\"rx\":{\"0\":[15.0,16.0]},\"tx\":{\"0\":[17.0,18.0]}},"
	    "\"vifErrors\":{\"rx\":{\"0\":[19.0,20.0]}},"
	    "\"xvds\":{\"r\":{\"a\":[25.0,26.0],\"hdc\":[33.0,34.0]},\"w\":{\"a\":[27.0,28.0]}},"
	    "\"iops\":{\"total\":{\"a\":[31.0,32.0]}},"
	    "\"ioThroughput\":{\"r\":{\"a\":[25.0,26.0],\"hdc\":[33.0,34.0]},"
	    "\"w\":{\"a\":[27.0,28.0]},\"total\":{\"a\":[52.0,54.0]}},"
	    "\"vbdLatency\":{\"r\":{\"a\":[35000.0,36000.0]},\"w\":{\"a\":[37000.0,38000.0]}},"
	    "\"vbdAvgLatency\":{\"a\":[39000.0,40000.0]},\"vbdAvgquSz\":{\"a\":[41.0,42.0]}}}");
}

Test(stats, a_host_as_xen_orchestra_shows_it)
{
	static const char *const names[] = {
	    "cpu0",
	    "cpu_avg",
	    "loadavg",
	    "hostload",
	    "running_vcpus",
	    "memory_total_kib",
	    "memory_free_kib",
	    "pif_eth1_rx",
	    "pif_eth1_tx",
	    "pif_enp3s0_rx",
	    "pif_aggr_rx",
	    "pif_aggr_tx",
	    "pif_ethernet_rx",
	    "memory_reclaimed",
	    "memory_reclaimed_max",
	    "read_12345678",
	    "iops_write_12345678",
	};
	struct http_request *r = get(HOST("?granularity=days"));

	cr_expect_eq(f->stats.level, ARCHIVE_DAYS);
	answer(names, MU_ARRAY_SIZE(names), 1790000000);
	fixture_expect(r, 200,
		       "{\"endTimestamp\":1790000000,\"interval\":86400,\"stats\":{"
		       "\"cpus\":{\"0\":[100.0,200.0]},\"load\":[5.0,6.0],\"hostload\":[7.0,8.0],"
		       "\"runningVcpus\":[9.0,10.0],\"memory\":[11264.0,12288.0],"
		       "\"memoryFree\":[13312.0,14336.0],\"memoryReclaimed\":[27.0,28.0],"
		       "\"memoryReclaimedMax\":[29.0,30.0],"
		       "\"iops\":{\"w\":{\"12345678\":[33.0,34.0]}},"
		       "\"ioThroughput\":{\"r\":{\"12345678\":[31.0,32.0]}},"
		       "\"pifs\":{\"rx\":{\"1\":[15.0,16.0],\"enp3s0\":[19.0,20.0],"
		       "\"ethernet\":[25.0,26.0]},\"tx\":{\"1\":[17.0,18.0]}},"
		       "\"pifsAggr\":{\"rx\":[21.0,22.0],\"tx\":[23.0,24.0]}}}");
}

Test(stats, unknown_values_are_null)
{
	const float values[] = {NAN, 1};
	const struct stats_series series = {"memory", "bytes", values};
	const struct stats_result result = {.end = 10, .n_rows = 2, .n_series = 1, &series};
	struct http_request *r = get(VM("?granularity=minutes&cf=MAX"));

	cr_expect_eq(f->stats.level, ARCHIVE_MINUTES);
	cr_expect_eq(f->stats.cf, ARCHIVE_MAX);
	f->stats_done(f->stats_arg, &result, NULL);
	fixture_expect(r, 200, "\"interval\":60,\"stats\":{\"memory\":[null,1.0]}}");
}

Test(stats, series_as_they_are)
{
	static const char *const names[] = {"memory", "uptime", "vbd_xvda_read", "memory"};
	struct http_request *r = get(VM("?series=uptime,memory,nothing"));

	answer(names, 4, 10);
	fixture_expect(r, 200,
		       "\"series\":{\"memory\":{\"unit\":\"unit\",\"values\":[1.0,2.0]},"
		       "\"uptime\":{\"unit\":\"unit\",\"values\":[3.0,4.0]}}}");
	r = get(VM("?series=*"));
	answer(names, 3, 10);
	fixture_expect(r, 200, "\"vbd_xvda_read\":{\"unit\":\"unit\",\"values\":[5.0,6.0]}}}");
}

Test(stats, times)
{
	int64_t now = mu_clock_wall() / 1000;
	struct http_request *r = get(VM("?start=-3600&end=1790000000"));

	cr_expect_leq(f->stats.start - (now - 3600), 5);
	cr_expect_geq(f->stats.start, now - 3600);
	cr_expect_eq(f->stats.end, 1790000000);
	refuse(MU_E_INVALID, "there are no seconds of that time");
	fixture_expect(r, 422, "no seconds of that time");
}

/* XAPI gives none either; ours are there when a time is asked for. */
Test(stats, halted)
{
	struct http_request *r = get("/rest/v0/vms/" VM_DB "/stats");

	cr_expect_null(f->stats_done);
	fixture_expect(r, 422, "halted");
	r = get("/rest/v0/vms/" VM_DB "/stats?start=-3600");
	answer(NULL, 0, 10);
	fixture_expect(r, 200, "{\"endTimestamp\":10,\"interval\":5,\"stats\":{}}");
}

Test(stats, numbers_have_nine_digits)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
	    {(double)0.1f, "0.100000001"},
	    {(double)0.306572944f * 100, "30.6572944"},
	    {-1.0 / 3, "-0.333333333"},
	    {68719476736, "68719476736.0"},
	    {1967483.0625, "1967483.06"},
	    {1e-9 / 3, "3.33333333e-10"},
	    {1e-20 / 3, "3.3333333333333333e-21"},
	    {1e12 + 0.5, "1000000000000.5"},
	    {0, "0.0"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
		MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

		mu_json_write(&text, mu_value_real(a, stats_shape_number(cases[i].v)), false);
		cr_expect_str_eq(text.data, cases[i].text);
	}
	cr_expect(isnan(stats_shape_number(NAN)));
}

Test(stats, gone_or_not_yet_sampled)
{
	struct http_request *r = get("/rest/v0/vms/" NOBODY "/stats");

	answer(NULL, 0, 10);
	fixture_expect(r, 200, "{\"endTimestamp\":10,\"interval\":5,\"stats\":{}}");
	r = get("/rest/v0/vms/" NOBODY "/stats");
	refuse(MU_E_NOT_FOUND, "nothing");
	fixture_expect(r, 404, "no such VM " NOBODY);
	r = get("/rest/v0/hosts/" NOBODY "/stats");
	refuse(MU_E_NOT_FOUND, "nothing");
	fixture_expect(r, 404, "no such host " NOBODY);
	r = get(VM(""));
	refuse(MU_E_NOT_FOUND, "nothing");
	fixture_expect(r, 200, "\"interval\":5,\"stats\":{}}");
	r = get(VM("?granularity=hours"));
	refuse(MU_E_IO, "it broke");
	fixture_expect(r, 500, "it broke");
}

#define POOL_STATS "/rest/v0/pools/" POOL "/stats"

static struct mu_uuid asked_of(void)
{
	cr_assert_not_null(f->stats_done);
	return f->stats.object;
}

Test(stats, all_hosts_of_the_pool)
{
	static const char *const names[] = {"loadavg", "hostload"};
	struct http_request *r = get(POOL_STATS "?granularity=minutes&series=loadavg");
	struct mu_uuid first = asked_of(), second;

	cr_expect_eq(f->stats.level, ARCHIVE_MINUTES);
	answer(names, 2, 1790000040);
	second = asked_of();
	cr_expect_not(mu_uuid_equal(&first, &second));
	refuse(MU_E_IO, "it broke");
	cr_assert_null(f->stats_done);
	fixture_expect(r, 200,
		       "{\"" HOST_1 "\":{\"endTimestamp\":1790000040,\"interval\":60,\"stats\":{"
		       "\"load\":[1.0,2.0],\"hostload\":[3.0,4.0]},\"series\":{\"loadavg\":{"
		       "\"unit\":\"unit\",\"values\":[1.0,2.0]}}},"
		       "\"" HOST_2 "\":{\"error\":{\"code\":\"IO\",\"message\":\"it broke\"}}}");
}

Test(stats, hosts_of_the_pool_that_were_never_sampled)
{
	struct http_request *r = get(POOL_STATS);

	refuse(MU_E_NOT_FOUND, "nothing");
	refuse(MU_E_NOT_FOUND, "nothing");
	fixture_expect(r, 200, "\"interval\":5,\"stats\":{}}}");
}

#define SR_STATS "/rest/v0/srs/" SR_1 "/stats"

Test(stats, an_sr_is_what_its_hosts_say_together)
{
	static const char *const first[] = {"loadavg",        "size_cccccccc", "read_cccccccc",
					    "write_cccccccc", "read_dddddddd", "_cccccccc"};
	static const char *const second[] = {"size_cccccccc", "read_cccccccc",
					     "iops_total_cccccccc"};
	struct http_request *r = get(SR_STATS "?series=read");

	answer(first, MU_ARRAY_SIZE(first), 1790000040);
	answer(second, MU_ARRAY_SIZE(second), 1790000045); /* a step further */
	cr_assert_null(f->stats_done);
	fixture_expect(r, 200,
		       "{\"endTimestamp\":1790000040,\"interval\":5,\"stats\":{"
		       "\"iops\":{\"total\":[null,5.0]},"
		       "\"ioThroughput\":{\"r\":[5.0,9.0],\"w\":[7.0,8.0],\"total\":[12.0,17.0]},"
		       "\"size\":[3.0,4.0]},\"series\":{\"read\":{\"unit\":\"bytes/s\","
		       "\"values\":[5.0,9.0]}}}");
}

Test(stats, an_sr_whose_hosts_have_nothing_to_say)
{
	struct http_request *r = get(SR_STATS);

	refuse(MU_E_NOT_FOUND, "nothing");
	refuse(MU_E_NOT_FOUND, "nothing");
	fixture_expect(r, 200, "\"interval\":5,\"stats\":{}}");
	r = get(SR_STATS);
	refuse(MU_E_IO, "it broke");
	refuse(MU_E_NOT_FOUND, "nothing");
	fixture_expect(r, 500, "it broke");
}

Test(stats, what_is_refused)
{
	static const struct {
		const char *target;
		int status;
		const char *says;
	} bad[] = {
	    {"/rest/v0/vms/7/stats", 404, "VM"},
	    {"/rest/v0/hosts/7/stats", 404, "host"},
	    {"/rest/v0/vms/" HOST_1 "/stats", 404, "no such VM " HOST_1},
	    {"/rest/v0/hosts/" VM_WEB "/stats", 404, "no such host " VM_WEB},
	    {"/rest/v0/srs/" NOBODY "/stats", 404, "SR"},
	    {"/rest/v0/srs/" SR_1 "/stats?cf=LAST", 422, "cf"},
	    {"/rest/v0/pools/" NOBODY "/stats", 404, "pool"},
	    {POOL_STATS "?cf=LAST", 422, "cf"},
	    {VM("?granularity=weeks"), 422, "granularity"},
	    {VM("?cf=LAST"), 422, "cf"},
	    {VM("?start=yesterday"), 422, "start"},
	    {VM("?end=9999999999999"), 422, "end"},
	    {VM("?start=-9999999999999"), 422, "start"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++)
		fixture_expect(get(bad[i].target), bad[i].status, bad[i].says);
	cr_expect_null(f->stats_done);
}

/* --- newest values of all --- */

static void stop(void *loop)
{
	mu_loop_stop(loop);
}

static void turn(void)
{
	mu_loop_post(f->loop, stop, f->loop);
	mu_loop_run(f->loop);
}

Test(stats, newest_of_all_that_is_on)
{
	struct http_request *r;

	f->n_newest = 5;
	r = get("/rest/v0/stats?series=s1,s3,s4,cpu");
	cr_expect_eq(http_request_for_test_status(r), 0);
	turn();
	cr_expect_not_null(strstr(http_request_for_test_body(r), "\"hosts\":[{\"id\":\"" HOST_1));
	cr_expect_not_null(
	    strstr(http_request_for_test_body(r), "\"values\":{\"s1\":1.5,\"s4\":4.5}}],\"vms\":"));
	cr_expect_null(strstr(http_request_for_test_body(r), VM_DB)); /* it is halted */
	cr_expect_null(strstr(http_request_for_test_body(r), VM_TMPL));
	cr_expect_not_null(strstr(http_request_for_test_body(r), VM_FAR));
	fixture_expect(r, 200, "\"$container\":\"" HOST_1 "\",\"values\":{\"s1\":1.5,\"s4\":4.5}}");
}

Test(stats, newest_in_turns)
{
	struct http_request *r;

	f->n_newest = 5000;
	r = get("/rest/v0/stats?series=s4999");
	turn();
	cr_expect_eq(http_request_for_test_status(r), 0);
	f->vms[0].power = VM_HALTED; /* it is told of as it is now */
	turn();
	turn();
	fixture_expect(r, 200, "\"values\":{\"s4999\":4999.5}}]}");
	r = get("/rest/v0/stats?series=*");
	turn();
	http_request_for_test_free(r);
	turn();
}

/* So many names, "s0,s1,..."; what is no name does not count. */
static const char *many(char *target, size_t size, const char *path, size_t n)
{
	size_t len = (size_t)snprintf(target, size, "%s?series=,", path);

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(target + len, size - len, "s%zu,", i);
	return target;
}

Test(stats, names_have_a_cost)
{
	char target[1024];
	struct http_request *r;

	f->n_newest = 2000;
	r = get("/rest/v0/stats?series=s0");
	turn();
	fixture_expect(r, 200, "\"values\":{\"s0\":0.5}}]}");
	/* An object a turn. */
	r = get(many(target, sizeof target, "/rest/v0/stats", 64));
	for (unsigned i = 0; i < 4; i++) {
		cr_expect_eq(http_request_for_test_status(r), 0);
		turn();
	}
	fixture_expect(r, 200, "\"s63\":63.5}}]}");
}

static struct http_request *long_answer(void)
{
	struct http_request *r;

	f->n_newest = 5000;
	r = get("/rest/v0/stats?series=*");
	turn();
	turn();
	cr_expect_eq(http_request_for_test_status(r), 200);
	return r;
}

Test(stats, long_answers_count_until_they_are_read)
{
	static const char *const paths[] = {
	    "/rest/v0/stats?series=*",
	    "/rest/v0/pools/" POOL "/stats",
	    "/rest/v0/vms/" VM_WEB "/stats.xml",
	    "/rrd_updates?start=-60",
	};
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct http_request *r = long_answer();
	size_t held = f->rest->n_export_bytes;

	cr_expect_gt(held, HTTP_OUT_MAX);
	f->rest->n_export_bytes += EXPORTS_HELD_MAX;
	for (size_t i = 0; i < MU_ARRAY_SIZE(paths); i++)
		fixture_expect(get(paths[i]), 503, "wait for those who read them; hint:");
	f->rest->n_export_bytes -= EXPORTS_HELD_MAX;
	fixture_read(r, &text);
	cr_expect_eq(text.len, held);
	cr_expect_eq(strncmp(text.data, "{\"time\":", 8), 0);
	cr_expect_not_null(strstr(text.data, "\"s4999\":4999.5}}]}"));
	cr_expect_eq(f->rest->n_export_bytes, 0);
	http_request_for_test_free(r);
	/* One who leaves does not read it. */
	r = long_answer();
	cr_expect_eq(f->rest->n_export_bytes, held);
	http_request_for_test_free(r);
	cr_expect_eq(f->rest->n_export_bytes, 0);
	cr_expect_null(f->stats_done);
}

Test(stats, names_are_bounded)
{
	static const char *const paths[] = {
	    "/rest/v0/stats",
	    "/rest/v0/pools/" POOL "/stats",
	    "/rest/v0/hosts/" HOST_1 "/stats",
	    "/rest/v0/vms/" VM_WEB "/stats",
	    "/rest/v0/srs/" SR_1 "/stats",
	};
	char target[1024];

	for (size_t i = 0; i < MU_ARRAY_SIZE(paths); i++)
		fixture_expect(get(many(target, sizeof target, paths[i], 65)), 400,
			       "series: these are more than 64 names; hint:");
	cr_expect_null(f->stats_done);
}

/* Of different units, say. */
Test(stats, the_first_of_a_name_is_shown)
{
	static const char *const names[] = {"twice", "once", "twice"};
	struct http_request *r = get(VM("?series=*"));

	answer(names, MU_ARRAY_SIZE(names), 1000);
	fixture_expect(r, 200,
		       "\"series\":{\"twice\":{\"unit\":\"unit\",\"values\":[1.0,2.0]},"
		       "\"once\":{\"unit\":\"unit\",\"values\":[3.0,4.0]}}");
}

Test(stats, newest_of_hosts_alone)
{
	struct http_request *r;

	for (size_t i = 0; i < FIXTURE_VMS; i++)
		f->vms[i].power = VM_HALTED;
	r = get("/rest/v0/stats?series=*");
	turn();
	fixture_expect(r, 200, "\"values\":{}}],\"vms\":[]}");
	fixture_expect(get("/rest/v0/stats"), 400, "series");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/stats?series=*", NULL, NULL), 401,
		       "");
}
