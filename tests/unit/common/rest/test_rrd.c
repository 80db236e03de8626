/* SPDX-License-Identifier: Apache-2.0 */
/* Files for RRDtool and rrd_updates: what is asked of the backend, and what becomes of its answers.
 * The text itself is shown by golden cases (tests/golden/rrd). */
#include "common/os/clock.h"
#include "fixture.h"

#include <criterion/criterion.h>
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

TestSuite(rrd, .init = setup, .fini = teardown);

enum { END = 1790000125 };

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

/* One series with one row. */
static void answer(const char *name, float value, int64_t end)
{
	const struct stats_series series = {name, "", &value};
	const struct stats_result r = {.end = end, .n_rows = 1, .n_series = 1, .series = &series};

	done(&r, NULL);
}

static void refuse(enum mu_error_code code, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, code, "%s", text);
	done(NULL, &err);
}

static bool asked_of(const char *id)
{
	char text[MU_UUID_TEXT];

	cr_assert_not_null(f->stats_done);
	return strcmp(mu_uuid_format(&f->stats.object, text), id) == 0;
}

static void stop(void *loop)
{
	mu_loop_stop(loop);
}

/* What was posted comes to pass. */
static void turn(void)
{
	mu_loop_post(f->loop, stop, f->loop);
	mu_loop_run(f->loop);
}

static size_t n_of(const char *text, const char *part)
{
	size_t n = 0, len = strlen(part);

	/* Not by strstr(): with sanitizers each call measures the rest of a text of megabytes. */
	for (const char *p = text; (p = strchrnul(p, part[0])) && *p; p++)
		n += strncmp(p, part, len) == 0;
	return n;
}

/* --- files --- */

Test(rrd, ten_archives_of_a_vm)
{
	struct http_request *r = get("/rest/v0/vms/" VM_WEB "/stats.xml");
	const char *text;

	cr_expect(asked_of(VM_WEB));
	cr_expect_eq(f->stats.level, ARCHIVE_STEPS);
	cr_expect_eq(f->stats.start, 0);
	answer("memory_internal_total", 7, END);
	for (unsigned i = 1; i < 10; i++) {
		int64_t s = archive_levels[f->stats.level].seconds;

		cr_expect_eq(f->stats.level, (i + 2) / 3);
		cr_expect_eq(f->stats.cf, (i + 2) % 3);
		cr_expect_eq(f->stats.end, END / s * s);
		cr_expect_eq(f->stats.start,
			     f->stats.end - (archive_levels[f->stats.level].n_rows - 1) * s);
		answer("memory_internal_total", (float)i + 0.5f, f->stats.end);
	}
	cr_expect_eq(http_request_for_test_status(r), 200);
	cr_expect_str_eq(http_request_for_test_type(r), "text/xml");
	text = http_request_for_test_body(r);
	cr_expect_eq(n_of(text, "<rra>"), 10);
	cr_expect_eq(n_of(text, "<row>"), 120 + 3 * (120 + 168 + 366));
	cr_expect_not_null(strstr(text, "<!-- mem_int_total = memory_internal_total -->"));
	for (unsigned i = 1; i < 10; i++) {
		char value[32];

		(void)snprintf(value, sizeof value, "<v>%u.5</v></row>\n\t\t</database>", i);
		cr_expect_eq(n_of(text, value), 1);
	}
	fixture_expect(r, 200, "</rrd>");
}

Test(rrd, a_host_has_no_hours_and_days_and_nothing_is_unknown)
{
	struct http_request *r = get("/rest/v0/hosts/" HOST_1 "/stats.xml?flavour=xapi");

	cr_expect(asked_of(HOST_1));
	answer("memory_internal_total", 7, END);
	for (unsigned i = 1; i < 4; i++)
		refuse(MU_E_INVALID, "none of that time");
	for (unsigned i = 4; i < 10; i++)
		refuse(MU_E_UNSUPPORTED, "ask the aggregator");
	cr_expect_eq(n_of(http_request_for_test_body(r), "<rra>"), 4);
	fixture_expect(r, 200, "<name>memory_internal_total</name>");
}

Test(rrd, the_paths_of_xcp_rrdd)
{
	struct http_request *r = get("/vm_rrd?uuid=" VM_WEB);

	cr_expect(asked_of(VM_WEB));
	answer("memory_internal_total", 7, END);
	for (unsigned i = 1; i < 10; i++)
		refuse(MU_E_INVALID, "none of that time");
	fixture_expect(r, 200, "<name>memory_internal_total</name>");
	r = get("/host_rrd?uuid=" HOST_2);
	cr_expect(asked_of(HOST_2));
	refuse(MU_E_NOT_FOUND, "no statistics are kept of it");
	fixture_expect(r, 404, "no statistics are kept");
	r = get("/vm_rrd?uuid=" VM_WEB);
	answer("x", 1, END);
	refuse(MU_E_IO, "it broke");
	fixture_expect(r, 500, "it broke");
	cr_expect_null(f->stats_done);
}

Test(rrd, files_that_are_refused)
{
	fixture_expect(get("/rest/v0/vms/7/stats.xml"), 404, "VM");
	fixture_expect(get("/rest/v0/hosts/7/stats.xml"), 404, "host");
	fixture_expect(get("/rest/v0/vms/" HOST_1 "/stats.xml"), 404, "no such VM");
	fixture_expect(get("/rest/v0/hosts/" VM_WEB "/stats.xml"), 404, "no such host");
	fixture_expect(get("/rest/v0/vms/" VM_WEB "/stats.xml?flavour=x"), 422, "flavour");
	fixture_expect(get("/vm_rrd"), 400, "uuid");
	fixture_expect(get("/host_rrd"), 400, "more than one host");
	fixture_expect(get("/vm_rrd?uuid=x"), 404, "VM");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/vm_rrd?uuid=" VM_WEB, NULL, NULL), 401, "");
	cr_expect_null(f->stats_done);
}

/* --- rrd_updates --- */

Test(rrd, updates_of_a_host_and_the_vms_on_it)
{
	struct http_request *r = get("/rrd_updates?start=-100&cf=AVERAGE&interval=5&host=" HOST_1);

	cr_expect(asked_of(HOST_1));
	cr_expect_eq(f->stats.level, ARCHIVE_STEPS);
	cr_expect_leq(f->stats.start - (mu_clock_wall() / 1000 - 100), 5);
	cr_expect_eq(f->stats.end, 0);
	answer("loadavg", 0.5f, END);
	cr_expect(asked_of(VM_WEB)); /* VM_DB is halted, the others are no VMs */
	answer("cpu_usage", 0.25f, END);
	cr_expect_null(f->stats_done);
	cr_expect_str_eq(http_request_for_test_type(r), "text/xml");
	cr_expect_not_null(strstr(http_request_for_test_body(r),
				  "<entry>AVERAGE:host:" HOST_1 ":loadavg</entry>"));
	fixture_expect(r, 200, "<row><t>1790000125</t><v>0.5</v><v>0.25</v></row>");
}

Test(rrd, updates_of_all_as_json)
{
	struct http_request *r = get("/rrd_updates?start=-7000&cf=MAX&host=true&json=true");

	cr_expect(asked_of(HOST_1));
	cr_expect_eq(f->stats.level, ARCHIVE_MINUTES);
	cr_expect_eq(f->stats.cf, ARCHIVE_MAX);
	refuse(MU_E_INVALID, "none of that time");
	cr_expect(asked_of(HOST_2));
	refuse(MU_E_NOT_FOUND, "nothing");
	cr_expect(asked_of(VM_WEB));
	answer("cpu_usage", 0.25f, END / 60 * 60);
	cr_expect(asked_of(VM_FAR));
	answer("cpu_usage", 0.75f, END / 60 * 60);
	cr_expect_str_eq(http_request_for_test_type(r), "application/json");
	fixture_expect(r, 200,
		       "\"columns\":\"2\",\"legend\":[\"MAX:vm:" VM_WEB
		       ":cpu_usage\",\"MAX:vm:" VM_FAR
		       ":cpu_usage\"]},\"data\":[{\"t\":\"1790000100\",\"values\":[\"0.25\","
		       "\"0.75\"]}]}");
}

Test(rrd, updates_of_one_vm)
{
	struct http_request *r =
	    get("/rrd_updates?start=0&vm_uuid=" VM_DB "&interval=60&host=false");

	cr_expect(asked_of(VM_DB)); /* halted or not */
	cr_expect_eq(f->stats.level, ARCHIVE_DAYS);
	cr_expect_eq(f->stats.start, 1);
	answer("memory", 64, 1789948800);
	cr_expect_null(f->stats_done);
	fixture_expect(r, 200, "<row><t>1789948800</t><v>64</v></row>");
}

Test(rrd, a_large_one_is_written_in_turns)
{
	enum { N = 2048, ROWS = 100 };
	static float values[ROWS];
	static struct stats_series series[N];
	struct stats_result r = {.end = END, .n_rows = ROWS, .n_series = N, .series = series};
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct http_request *rq = get("/rrd_updates?start=-500&vm_uuid=" VM_WEB);

	for (size_t i = 0; i < N; i++)
		series[i] = (struct stats_series){"x", "", values};
	done(&r, NULL);
	cr_expect_eq(http_request_for_test_status(rq), 0);
	for (unsigned i = 0; i < 10; i++)
		turn();
	fixture_read(rq, &text);
	cr_expect_eq(n_of(text.data, "<row>"), ROWS);
	cr_expect_eq(n_of(text.data, "<v>"), (size_t)N * ROWS);
	cr_expect_not_null(strstr(text.data, "</xport>"));
	fixture_expect(rq, 200, NULL);
}

Test(rrd, one_that_is_too_large_is_refused)
{
	static float values[120];
	static struct stats_series series[20000];
	struct stats_result r = {
	    .end = END, .n_rows = 120, .n_series = MU_ARRAY_SIZE(series), .series = series};
	struct http_request *rq = get("/rrd_updates?start=-500&host=" HOST_1);

	for (size_t i = 0; i < MU_ARRAY_SIZE(series); i++)
		series[i] = (struct stats_series){"x", "", values};
	done(&r, NULL);
	cr_expect_null(f->stats_done);
	fixture_expect(rq, 413, "vm_uuid");
}

Test(rrd, updates_that_are_refused)
{
	static const struct {
		const char *target;
		int status;
		const char *says;
	} bad[] = {
	    {"/rrd_updates", 400, "start"},
	    {"/rrd_updates?start=x", 422, "start"},
	    {"/rrd_updates?start=5&cf=LAST", 422, "cf"},
	    {"/rrd_updates?start=5&interval=-1", 422, "interval"},
	    {"/rrd_updates?start=5&interval=x", 422, "interval"},
	    {"/rrd_updates?start=5&host=x", 404, "host"},
	    {"/rrd_updates?start=5&host=" NOBODY, 404, "host"},
	    {"/rrd_updates?start=5&vm_uuid=x", 404, "VM"},
	};
	struct http_request *r;

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++)
		fixture_expect(get(bad[i].target), bad[i].status, bad[i].says);
	cr_expect_null(f->stats_done);
	r = get("/rrd_updates?start=-5&cf=&vm_uuid=" VM_WEB);
	refuse(MU_E_IO, "it broke");
	fixture_expect(r, 500, "it broke");
}

Test(rrd, so_many_at_a_time)
{
	const struct mu_error none = {.code = MU_E_NOT_FOUND, .text = "none"};
	struct http_request *r[8];
	void *args[8];

	for (size_t i = 0; i < 8; i++) {
		r[i] = get("/rrd_updates?start=-5&vm_uuid=" VM_WEB);
		args[i] = f->stats_arg;
	}
	fixture_expect(get("/rrd_updates?start=-5"), 503, "in a moment");
	fixture_expect(get("/vm_rrd?uuid=" VM_WEB), 503, "in a moment");
	/* Who leaves makes room, and what was asked for him comes to nothing. */
	for (size_t i = 0; i < 7; i++) {
		http_request_for_test_free(r[i]);
		f->stats_done(args[i], NULL, &none);
	}
	answer("x", 1, END);
	fixture_expect(r[7], 200, "<v>1</v>");
	r[0] = get("/vm_rrd?uuid=" VM_WEB);
	cr_expect_eq(http_request_for_test_status(r[0]), 0);
	http_request_for_test_free(r[0]);
	answer("x", 1, END); /* nobody is there any more */
}

Test(rrd, updates_of_nothing)
{
	struct http_request *r;

	for (size_t i = 0; i < FIXTURE_VMS; i++)
		f->vms[i].power = VM_HALTED;
	r = get("/rrd_updates?start=100");
	cr_expect_eq(http_request_for_test_status(r), 0);
	turn();
	fixture_expect(r, 200, "<rows>0</rows>");
	r = get("/rrd_updates?start=100");
	http_request_for_test_free(r);
	turn();
}
