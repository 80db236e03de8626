/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: what is asked for again is done once, whoever went away in between. */
#include "fixture.h"

#include "common/os/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define START "/rest/v0/vms/" VM_DB "/actions/start"

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	http_request_for_test_stop();
	f = fixture_free(f);
}

TestSuite(keys, .init = setup, .fini = teardown);

static struct http_request *post(const char *target, const char *body, const char *key)
{
	return fixture_call_with(f, HTTP_POST, target, body, "idempotency-key", key);
}

Test(keys, the_answer_is_given_again)
{
	struct http_request *r = post(START, "{}", "k1");

	fixture_expect(post(START, "{}", "k1"), 409, "is under way; hint: ask again in a moment");
	fixture_op_started(f);
	cr_expect_null(http_request_for_test_reply_header(r, "idempotent-replayed"));
	fixture_expect(r, 202, TASK_1);
	r = post(START, "{}", "k1");
	cr_expect_str_eq(http_request_for_test_reply_header(r, "location"),
			 "/rest/v0/tasks/" TASK_1);
	cr_expect_str_eq(http_request_for_test_reply_header(r, "idempotent-replayed"), "true");
	cr_expect_str_eq(http_request_for_test_type(r), "application/json");
	fixture_expect(r, 202, "{\"taskId\":\"" TASK_1 "\"}");
	cr_expect_eq(f->n_ops, 1);
	fixture_task_ended(f, MU_E_NONE, NULL);
}

Test(keys, another_request_needs_another_key)
{
	static const char *const targets[] = {START,
					      "/rest/v0/vms/" VM_DB "/actions/start?sync=true",
					      "/rest/v0/vms/" VM_WEB "/actions/pause"};
	static const char *const bodies[] = {"{\"force\":false}", "{}", "{}"};
	struct http_request *r;

	http_request_for_test_free(post(START, "{}", "k1"));
	fixture_op_started(f);
	for (size_t i = 0; i < MU_ARRAY_SIZE(targets); i++)
		fixture_expect(post(targets[i], bodies[i], "k1"), 422,
			       "was used for another request; hint:");
	cr_expect_eq(f->n_ops, 1);
	/* Letters count as they are. */
	r = post(START, "{}", "K1");
	cr_expect_eq(f->n_ops, 2);
	fixture_op_refused(f, MU_E_UNAVAILABLE, "gone");
	fixture_expect(r, 503, NULL);
}

Test(keys, a_peer_that_leaves_gets_its_answer_later)
{
	/* It waits for the task; so does nobody, then. */
	http_request_for_test_free(post(START "?sync=true", NULL, "k1"));
	fixture_expect(post(START "?sync=true", NULL, "k1"), 409, "under way");
	fixture_op_started(f);
	fixture_expect(post(START "?sync=true", NULL, "k1"), 409, "under way");
	fixture_task_ended(f, MU_E_NONE, NULL);
	fixture_expect(post(START "?sync=true", NULL, "k1"), 204, NULL);
	cr_expect_eq(f->n_ops, 1);
}

Test(keys, refusals_are_answers_but_failures_are_not)
{
	fixture_expect(post("/rest/v0/vms/" VM_DB "/actions/pause", NULL, "k1"), 409, "is Halted");
	fixture_expect(post("/rest/v0/vms/" VM_DB "/actions/pause", NULL, "k1"), 409, "is Halted");
	for (unsigned i = 1; i < 4; i++) {
		struct http_request *r = post(START, NULL, "k2");

		cr_expect_eq(f->n_ops, i, "tried again");
		fixture_op_refused(f, MU_E_EXHAUSTED, "no space for the task");
		fixture_expect(r, 507, "no space");
	}
}

static struct http_request *post_if(const char *etag, const char *key)
{
	struct http_request *r = http_request_for_test(HTTP_POST, START, NULL);

	http_request_for_test_header(r, "authorization", "Bearer secret");
	http_request_for_test_header(r, "idempotency-key", key);
	if (etag)
		http_request_for_test_header(r, "if-match", etag);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

/* Who reads it again has another request. */
Test(keys, what_was_seen_is_part_of_the_request)
{
	char etag[32];
	struct http_request *r = post_if("\"old\"", "k1");

	(void)snprintf(etag, sizeof etag, "%s", http_request_for_test_reply_header(r, "etag"));
	fixture_expect(r, 412, "read it again");
	r = post_if("\"old\"", "k1");
	cr_expect_str_eq(http_request_for_test_reply_header(r, "idempotent-replayed"), "true");
	cr_expect_str_eq(http_request_for_test_reply_header(r, "etag"), etag);
	fixture_expect(r, 412, "read it again");
	fixture_expect(post_if(etag, "k1"), 422, "hint: a new key for each change");
	fixture_expect(post_if(NULL, "k1"), 422, "hint: a new key for each change");
	r = post_if(etag, "k2");
	cr_expect_eq(f->n_ops, 1);
	fixture_op_started(f);
	fixture_expect(r, 202, TASK_1);
	r = post_if(etag, "k2");
	cr_expect_null(http_request_for_test_reply_header(r, "etag"));
	fixture_expect(r, 202, TASK_1);
	fixture_task_ended(f, MU_E_NONE, NULL);
}

Test(keys, refuses_keys_that_are_none)
{
	char long_key[REST_KEY_MAX + 2];

	memset(long_key, 'k', sizeof long_key - 1);
	long_key[sizeof long_key - 1] = '\0';
	fixture_expect(post(START, NULL, ""), 400, "Idempotency-Key: 1 to 128");
	fixture_expect(post(START, NULL, "a b"), 400, "Idempotency-Key: 1 to 128");
	fixture_expect(post(START, NULL, "\xc3\xa4"), 400, "Idempotency-Key: 1 to 128");
	fixture_expect(post(START, NULL, long_key), 400, "Idempotency-Key: 1 to 128");
	cr_expect_eq(f->n_ops, 0);
	/* What changes nothing needs none. */
	fixture_expect(fixture_call_with(f, HTTP_GET, "/rest/v0/vms", NULL, "idempotency-key", ""),
		       200, NULL);
	fixture_expect(post("/rest/v0/pools/" POOL "/vms", NULL, "k"), 400,
		       "Idempotency-Key: not for /rest/v0/pools/");
}

Test(keys, as_a_parameter)
{
	http_request_for_test_free(fixture_call(f, HTTP_POST, START "?idempotencyKey=k1", NULL));
	fixture_op_started(f);
	fixture_expect(fixture_call(f, HTTP_POST, START "?idempotencyKey=k1", NULL), 202, TASK_1);
	cr_expect_eq(f->n_ops, 1);
	fixture_task_ended(f, MU_E_NONE, NULL);
}

Test(keys, over_a_restart)
{
	struct rest_key key = {.user = "admin", .key = "old", .at = mu_clock_wall()};
	struct rest_key stale = {.user = "admin", .key = "stale", .at = 1};

	rest_keys_add(f->rest, &stale);
	rest_keys_add(f->rest, &key);
	/* The hash is that of another request. */
	fixture_expect(post(START, NULL, "old"), 422, "another request");
	http_request_for_test_free(post(START, NULL, "stale"));
	cr_expect_eq(f->n_ops, 1, "a day is over");
	fixture_op_refused(f, MU_E_UNAVAILABLE, "gone");
}

Test(keys, their_number_is_bounded)
{
	char text[16];

	for (unsigned i = 0; i < 10010; i++) {
		(void)snprintf(text, sizeof text, "k%u", i);
		fixture_expect(post("/rest/v0/vms/" NOBODY "/actions/start", NULL, text), 404,
			       NULL);
	}
	fixture_expect(post(START "?sync=maybe", NULL, "k10009"), 422, "another request");
	fixture_expect(post(START "?sync=maybe", NULL, "k0"), 400, "neither true nor false");
}
