/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies without a transport. */
#include "common/http/message.h"
#include "common/http/testing.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct http_request *get(const char *target)
{
	return http_request_for_test(HTTP_GET, target, NULL);
}

Test(message, decodes_path_and_query)
{
	struct http_request *r = get("/a%20b/c+d?x=1&name=a%26b%3Dc+d&bare&empty=&x=2&=v");

	cr_expect_str_eq(r->path, "/a b/c+d");
	cr_expect_str_eq(http_request_query(r, "name"), "a&b=c d");
	cr_expect_str_eq(http_request_query(r, "x"), "1");
	cr_expect_str_eq(http_request_query(r, "bare"), "");
	cr_expect_str_eq(http_request_query(r, "empty"), "");
	cr_expect_str_eq(http_request_query(r, ""), "v");
	cr_expect_null(http_request_query(r, "nam"));
	cr_expect_null(http_request_query(r, "names"));
	http_request_for_test_free(r);
	r = get("/");
	cr_expect_str_eq(r->query, "");
	cr_expect_null(http_request_query(r, "x"));
	http_request_for_test_free(r);
}

Test(message, refuses_malformed_targets)
{
	static const char *const bad[] = {
	    "",      "x",       "http://x/", "/%",      "/%4",       "/%zz",
	    "/a%00", "/a%0ab",  "/a\nb",     "/\xff",   "/%ff",      "/?x=%",
	    "/?%zz", "/?a=%c3", "/?a=1&b%4", "/?x=%7f", "/a?b=\x01", "*",
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct http_exchange *x = http_exchange_new(NULL, 0);
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_eq(http_exchange_target(x, bad[i], &err), MU_FAILED, "%s", bad[i]);
		cr_expect_eq(err.code, MU_E_INVALID);
		http_exchange_free(x);
	}
}

Test(message, knows_methods)
{
	bool head = true;

	cr_expect_eq(http_method_parse("GET", &head), HTTP_GET);
	cr_expect_not(head);
	cr_expect_eq(http_method_parse("HEAD", &head), HTTP_GET);
	cr_expect(head);
	cr_expect_eq(http_method_parse("PATCH", &head), HTTP_PATCH);
	cr_expect_eq(http_method_parse("DELETE", &head), HTTP_DELETE);
	cr_expect_eq(http_method_parse("OPTIONS", &head), HTTP_OTHER);
	cr_expect_eq(http_method_parse("get", &head), HTTP_OTHER);
}

Test(message, finds_headers)
{
	struct http_request *r = get("/");

	http_request_for_test_header(r, "accept", "text/html");
	cr_expect_str_eq(http_request_header(r, "accept"), "text/html");
	cr_expect_null(http_request_header(r, "cookie"));
	http_request_for_test_free(r);
}

Test(message, replies_with_error_and_data)
{
	struct http_request *r = get("/");
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *data = mu_value_object(r->arena);
	struct http_reply *reply;

	(void)mu_error_set(&err, MU_E_NOT_FOUND, "no such \"VM\"");
	mu_value_set_string(r->arena, data, "id", "7");
	reply = http_reply_error(r, &err, data);
	http_reply_header(reply, "x-one", "1");
	http_reply_header(reply, "x-two", "2");
	http_request_for_test_replied(r, reply);
	cr_expect_eq(http_request_for_test_status(r), 404);
	cr_expect_str_eq(http_request_for_test_type(r), "application/json");
	cr_expect_str_eq(http_request_for_test_body(r),
			 "{\"error\":\"no such \\\"VM\\\"\",\"data\":{\"id\":\"7\"}}");
	cr_expect_str_eq(http_request_for_test_reply_header(r, "x-two"), "2");
	cr_expect_null(http_request_for_test_reply_header(r, "x-three"));
	http_request_for_test_free(r);
}

Test(message, replies_with_bytes)
{
	struct http_request *r = get("/");

	http_request_for_test_replied(r, http_reply_text(r, 200, "text/plain", "a\0b", 3));
	cr_expect_eq(http_request_for_test_status(r), 200);
	cr_expect_eq(memcmp(http_request_for_test_body(r), "a\0b", 4), 0);
	http_request_for_test_free(r);
	r = get("/");
	http_request_for_test_replied(r, http_reply_empty(r, 204));
	cr_expect_null(http_request_for_test_type(r));
	cr_expect_str_eq(http_request_for_test_body(r), "");
	http_request_for_test_free(r);
}

/* A header's value must not be able to end the header. */
Test(message, refuses_header_injection, .signal = SIGABRT)
{
	struct http_request *r = get("/");

	http_reply_header(http_reply_empty(r, 204), "x", "a\r\nset-cookie: b");
}

static void count(void *ctx)
{
	++*(int *)ctx;
}

Test(message, pending_is_finished_or_gone)
{
	struct http_request *r = get("/");
	int first = 0;
	int second = 0;

	http_request_for_test_replied(r, http_reply_pending(r, count, &first));
	cr_expect_eq(http_request_for_test_status(r), 0);
	http_request_watch(r, count, &second);
	http_request_finish(r, http_reply_text(r, 201, "text/plain", "x", 1));
	cr_expect_eq(http_request_for_test_status(r), 201);
	http_request_for_test_free(r);
	cr_expect_eq(first + second, 0);

	r = get("/");
	http_request_for_test_replied(r, http_reply_pending(r, count, &first));
	http_request_watch(r, count, &second);
	http_request_for_test_free(r);
	cr_expect_eq(first, 0);
	cr_expect_eq(second, 1);
}

Test(message, events_have_a_format)
{
	struct http_request *r = get("/");
	struct http_events *e = NULL;
	int gone = 0;

	http_request_for_test_replied(r, http_reply_events(r, &e, count, &gone));
	cr_expect_str_eq(http_request_for_test_type(r), "text/event-stream");
	cr_expect(http_events_send(e, "add", 7, "{\"a\":1}"));
	cr_expect(http_events_send(e, "ping", 0, "one\ntwo\n"));
	cr_expect_str_eq(http_request_for_test_body(r),
			 "id: 7\nevent: add\ndata: {\"a\":1}\n\n"
			 "event: ping\ndata: one\ndata: two\ndata: \n\n");
	http_events_close(e);
	cr_expect_not(http_events_send(e, "late", 0, "x"));
	http_request_for_test_free(r);
	cr_expect_eq(gone, 1);
}

static void nothing(struct http_exchange *x)
{
	(void)x;
}

Test(message, events_are_bounded)
{
	static const struct http_transport transport = {nothing, nothing};
	struct http_exchange *x = http_exchange_new(&transport, 100);
	struct http_events *e = NULL;
	int gone = 0;
	int n = 0;

	x->reply = http_reply_events(&x->request, &e, count, &gone);
	while (n < 100 && http_events_send(e, "x", 0, "0123456789"))
		n++;
	cr_expect_lt(n, 10);
	cr_expect(e->cut);
	cr_expect_eq(strncmp(e->out.data, "event: cut\ndata: {\"reason\":", 27), 0, "%s",
		     e->out.data);
	cr_expect_not(http_events_send(e, "x", 0, "late"));
	http_exchange_gone(x);
	http_exchange_gone(x);
	cr_expect_eq(gone, 1);
	http_exchange_free(x);
}

/* The event that is being sent is sent to its end, or the peer would take the rest for part of it.
 */
Test(message, a_cut_comes_between_events)
{
	static const struct http_transport transport = {nothing, nothing};
	struct http_exchange *x = http_exchange_new(&transport, 100);
	struct http_events *e = NULL;
	int gone = 0;

	x->reply = http_reply_events(&x->request, &e, count, &gone);
	(void)http_events_send(e, "x", 0, "0123456789");
	e->sent = 12;
	while (http_events_send(e, "x", 0, "0123456789"))
		;
	cr_expect_eq(strncmp(e->out.data, "a: 0123456789\n\nevent: cut\n", 26), 0, "%s",
		     e->out.data);
	http_exchange_free(x);
	x = http_exchange_new(&transport, 100);
	x->reply = http_reply_events(&x->request, &e, count, &gone);
	(void)http_events_send(e, "x", 0, "0123456789");
	e->sent = e->out.len;
	while (http_events_send(e, "x", 0, "0123456789"))
		;
	cr_expect_eq(strncmp(e->out.data, "event: cut\n", 11), 0, "%s", e->out.data);
	http_exchange_free(x);
}

Test(message, sent_events_are_forgotten)
{
	static const struct http_transport transport = {nothing, nothing};
	struct http_exchange *x = http_exchange_new(&transport, 1000);
	struct http_events *e = NULL;
	int gone = 0;

	x->reply = http_reply_events(&x->request, &e, count, &gone);
	(void)http_events_send(e, "x", 0, "0123456789");
	e->sent = 5;
	http_events_compact(e);
	cr_expect_eq(e->sent, 5);
	e->sent = e->out.len - 3;
	http_events_compact(e);
	cr_expect_eq(e->sent, 2, "where an event ended is still to be seen");
	cr_expect_str_eq(e->out.data, "789\n\n");
	http_exchange_free(x);
}

/* Wherever the sending has come to, with or without what was sent being dropped. */
Test(message, a_cut_finds_the_end_of_what_was_begun)
{
	static const struct http_transport transport = {nothing, nothing};
	static const char event[] = "event: x\ndata: 0123456789\n\n";
	static const char cut[] = "event: cut\n";
	const size_t len = sizeof event - 1;

	for (size_t sent = 1; sent < 3 * len; sent++) {
		struct http_exchange *x = http_exchange_new(&transport, 5 * len);
		size_t left = (3 * len - sent) % len;
		struct http_events *e = NULL;
		int gone = 0;

		x->reply = http_reply_events(&x->request, &e, count, &gone);
		for (unsigned i = 0; i < 3; i++)
			(void)http_events_send(e, "x", 0, "0123456789");
		e->sent = sent;
		http_events_compact(e);
		cr_expect_eq(e->out.len - e->sent, 3 * len - sent);
		while (http_events_send(e, "x", 0, "0123456789"))
			;
		cr_expect_eq(strncmp(e->out.data, event + len - left, left), 0, "%zu: %s", sent,
			     e->out.data);
		cr_expect_eq(strncmp(e->out.data + left, cut, sizeof cut - 1), 0, "%zu: %s", sent,
			     e->out.data);
		http_exchange_free(x);
	}
}
