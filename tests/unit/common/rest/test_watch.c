/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks as they change: GET /tasks?watch=true, and of one. */
#include "fixture.h"

#include "common/http/message.h"
#include "common/rest/call.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define WATCH "/rest/v0/tasks?watch=true&ndjson=true"
#define WATCH_ONE "/rest/v0/tasks/" TASK_1 "?watch=true&ndjson=true"
#define HREF "\"href\":\"/rest/v0/tasks/" TASK_1 "\""

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(watch, .init = setup, .fini = teardown);

static void make_task(void)
{
	struct http_request *r =
	    fixture_call(f, HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/start", NULL);

	fixture_op_started(f);
	fixture_expect(r, 202, TASK_1);
}

static void task_gone(void)
{
	struct model_task t = f->tasks[0];

	f->n_tasks = 0;
	rest_task_changed(f->rest, REST_REMOVE, &t);
}

static struct http_out *out_of(struct http_request *r)
{
	return MU_CONTAINER_OF(r, struct http_exchange, request)->out;
}

static void expect_lines(struct http_request *r, const char *lines, bool ended)
{
	cr_expect_eq(http_request_for_test_status(r), 200);
	cr_expect_str_eq(http_request_for_test_body(r), lines);
	cr_expect_eq(out_of(r)->ended, ended);
}

Test(watch, each_change_is_a_line)
{
	struct http_request *r = fixture_call(f, HTTP_GET, WATCH "&fields=id,status", NULL);

	cr_expect_str_eq(http_request_for_test_type(r), "application/x-ndjson");
	make_task();
	fixture_task_ended(f, MU_E_NONE, NULL);
	task_gone();
	expect_lines(r,
		     "[\"update\",{\"id\":\"" TASK_1 "\",\"status\":\"pending\"," HREF "}]\n"
		     "[\"update\",{\"id\":\"" TASK_1 "\",\"status\":\"success\"," HREF "}]\n"
		     "[\"remove\",{\"id\":\"" TASK_1 "\"," HREF "}]\n",
		     false);
	http_request_for_test_free(r);
}

Test(watch, without_fields_as_in_a_list)
{
	struct http_request *r = fixture_call(f, HTTP_GET, WATCH, NULL);

	make_task();
	task_gone();
	expect_lines(r,
		     "[\"update\",\"/rest/v0/tasks/" TASK_1 "\"]\n"
		     "[\"remove\",\"/rest/v0/tasks/" TASK_1 "\"]\n",
		     false);
	http_request_for_test_free(r);
}

/* One that has matched may not any more when it goes. */
Test(watch, the_filter_is_for_updates)
{
	struct http_request *r =
	    fixture_call(f, HTTP_GET, WATCH "&fields=status&filter=status:failure", NULL);

	make_task();
	fixture_task_ended(f, MU_E_STATE, "no");
	f->tasks[0].status = TASK_PENDING;
	task_gone();
	expect_lines(r,
		     "[\"update\",{\"status\":\"failure\"," HREF "}]\n"
		     "[\"remove\",{\"id\":\"" TASK_1 "\"," HREF "}]\n",
		     false);
	http_request_for_test_free(r);
}

Test(watch, one_until_it_ends)
{
	struct http_request *r;

	make_task();
	r = fixture_call(f, HTTP_GET, WATCH_ONE "&fields=status,progress", NULL);
	f->tasks[0].progress = 40;
	rest_task_changed(f->rest, REST_UPDATE, &f->tasks[0]);
	f->tasks[1] = f->tasks[0];
	f->tasks[1].id.bytes[15] = 2; /* another's */
	rest_task_changed(f->rest, REST_UPDATE, &f->tasks[1]);
	fixture_task_ended(f, MU_E_NONE, NULL);
	expect_lines(r,
		     "[\"update\",{\"status\":\"pending\",\"progress\":0," HREF "}]\n"
		     "[\"update\",{\"status\":\"pending\",\"progress\":40," HREF "}]\n"
		     "[\"update\",{\"status\":\"success\",\"progress\":40," HREF "}]\n",
		     true);
	http_request_for_test_free(r);
	r = fixture_call(f, HTTP_GET, WATCH_ONE "&fields=status", NULL);
	expect_lines(r, "[\"update\",{\"status\":\"success\"," HREF "}]\n", true);
	http_request_for_test_free(r);
}

Test(watch, one_that_is_deleted)
{
	struct http_request *r;

	make_task();
	r = fixture_call(f, HTTP_GET, WATCH_ONE, NULL);
	task_gone();
	expect_lines(r,
		     "[\"update\",\"/rest/v0/tasks/" TASK_1 "\"]\n"
		     "[\"remove\",\"/rest/v0/tasks/" TASK_1 "\"]\n",
		     true);
	http_request_for_test_free(r);
}

Test(watch, what_is_refused)
{
	make_task();
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/tasks?watch=true", NULL), 400,
		       "watch=true requires ndjson=true");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/tasks?watch=maybe", NULL), 400,
		       "watch:");
	fixture_expect(fixture_call(f, HTTP_GET, WATCH "&filter=(", NULL), 400, "stringToParse");
	fixture_expect(fixture_call(f, HTTP_GET, WATCH_ONE "&wait=true", NULL), 400, "wait, watch");
	fixture_expect(
	    fixture_call(f, HTTP_GET, "/rest/v0/tasks/" NOBODY "?watch=true&ndjson=true", NULL),
	    404, NOBODY);
}

Test(watch, only_what_may_be_seen)
{
	struct rights_privilege may[] = {
	    {.resource = "task", .action = "read", .selector = "status:success"},
	};
	struct http_request *r;

	fixture_allow(f, may, MU_ARRAY_SIZE(may));
	r = fixture_call_as(f, HTTP_GET, WATCH "&fields=status", "authorization",
			    "Bearer look:only");
	make_task();
	fixture_task_ended(f, MU_E_NONE, NULL);
	expect_lines(r, "[\"update\",{\"status\":\"success\"," HREF "}]\n", false);
	http_request_for_test_free(r);
}

/* Whoever may not listen any more does not. */
Test(watch, ends_with_its_token)
{
	struct http_request *r = fixture_call(f, HTTP_GET, WATCH, NULL);

	f->no_token = true;
	rest_sessions_check(f->rest);
	f->no_token = false;
	make_task();
	expect_lines(r, "", true);
	http_request_for_test_free(r);
}

/* So many changes that the peer's 4 MiB are full. */
static size_t flood(size_t max)
{
	size_t n;

	make_task();
	for (n = 0; n < max && f->rest->n_task_watches > 0; n++)
		rest_task_changed(f->rest, REST_UPDATE, &f->tasks[0]);
	return n;
}

Test(watch, whoever_does_not_read_is_cut)
{
	enum { N = 100000 };
	struct http_request *r = fixture_call(f, HTTP_GET, WATCH "&fields=*", NULL);

	cr_expect_lt(flood(N), N);
	cr_expect(out_of(r)->ended);
	cr_expect_gt(out_of(r)->left, 0, "not whole");
	cr_expect_lt(out_of(r)->out.len, 2 * HTTP_OUT_MAX);
	http_request_for_test_free(r);
}

Test(watch, whoever_reads_late_gets_all)
{
	enum { N = 2000 };
	struct http_request *r = fixture_call(f, HTTP_GET, WATCH "&fields=*", NULL);
	struct mu_str text = MU_STR_INIT;
	struct http_out *out = out_of(r);
	size_t n_lines = 0;

	cr_expect_eq(flood(N), N);
	while (out->sent < out->out.len) {
		size_t waiting = out->out.len - out->sent;

		mu_str_add_bytes(&text, out->out.data + out->sent, waiting);
		http_out_sent(out, waiting);
	}
	for (const char *p = text.data; (p = strchr(p, '\n')); p++)
		n_lines++;
	cr_expect_eq(n_lines, N + 1);
	mu_str_deinit(&text);
	http_request_for_test_free(r);
}

Test(watch, so_many_and_no_more)
{
	enum { N = 500 };
	struct http_request *watching[N];

	for (size_t i = 0; i < N; i++)
		watching[i] = fixture_call(f, HTTP_GET, WATCH, NULL);
	fixture_expect(fixture_call(f, HTTP_GET, WATCH, NULL), 503, "500 clients watch tasks");
	http_request_for_test_free(watching[0]);
	watching[0] = fixture_call(f, HTTP_GET, WATCH, NULL);
	for (size_t i = 0; i < N; i++) {
		cr_expect_eq(http_request_for_test_status(watching[i]), 200);
		http_request_for_test_free(watching[i]);
	}
}
