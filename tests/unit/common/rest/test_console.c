/* SPDX-License-Identifier: Apache-2.0 */
/* GET /vms/{id}/console: who gets one, and how bytes and ends go through. */
#include "common/http/ws.h"
#include "common/rest/call.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#define CONSOLE(vm, query) "/rest/v0/vms/" vm "/console" query

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(console, .init = setup, .fini = teardown);

static struct http_request *ask(const char *target, const char *token)
{
	struct http_request *r = http_request_for_test(HTTP_GET, target, NULL);

	http_request_for_test_header(r, "authorization", token);
	http_request_for_test_upgrade(r);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

static void refused(const char *target, const char *token, int status, const char *words)
{
	struct http_request *r = ask(target, token);

	cr_expect_null(http_request_for_test_ws(r));
	fixture_expect(r, status, words);
	cr_expect_eq(f->n_consoles, 0);
}

Test(console, refusals)
{
	refused(CONSOLE(NOBODY, ""), "Bearer secret", 404, "no such VM");
	refused(CONSOLE("x", ""), "Bearer secret", 404, "no such VM");
	refused(CONSOLE(VM_WEB, ""), "Bearer wrong", 401, NULL);
	refused(CONSOLE(VM_WEB, "?kind=spice"), "Bearer secret", 400, "neither serial nor vnc");
	refused(CONSOLE(VM_WEB, "?mode="), "Bearer secret", 400, "neither read nor write");
	refused(CONSOLE(VM_WEB, "?take=1"), "Bearer secret", 400, "neither true nor false");
	refused(CONSOLE(VM_WEB, "?take=true&mode=read"), "Bearer secret", 400, "mode=read");
	refused(CONSOLE(VM_FAR, ""), "Bearer secret", 503, "xen2 of VM far is not connected");
	refused(CONSOLE(VM_DB, "?kind=vnc"), "Bearer secret", 409, "db is Halted");
	f->refuse_console = true;
	refused(CONSOLE(VM_WEB, ""), "Bearer secret", 507, "no more consoles");
}

/* "look:only" is the token of one who is no administrator. */
Test(console, who_may_look_may_not_type)
{
	struct http_request *r;

	refused(CONSOLE(VM_WEB, ""), "Bearer look:only", 403, "?mode=read");
	refused(CONSOLE(VM_WEB, "?mode=write"), "Bearer look:only", 403, "may look but not type");
	refused(CONSOLE(VM_WEB, "?take=true"), "Bearer look:only", 403, "may look but not type");
	r = ask(CONSOLE(VM_WEB, "?mode=read"), "Bearer look:only");
	cr_expect_not_null(http_request_for_test_ws(r));
	cr_expect_not(f->console.write);
	http_request_for_test_free(r);
}

Test(console, a_page_of_another_origin_may_not)
{
	struct http_request *r = http_request_for_test(HTTP_GET, CONSOLE(VM_WEB, ""), NULL);

	http_request_for_test_header(r, "cookie", "authenticationToken=secret");
	http_request_for_test_header(r, "host", "muster.example");
	http_request_for_test_header(r, "origin", "https://evil.example");
	http_request_for_test_upgrade(r);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	fixture_expect(r, 403, "another origin");
}

Test(console, a_plain_get_says_what_is_wrong_or_asks_for_an_upgrade)
{
	struct http_request *r =
	    fixture_call(f, HTTP_GET, CONSOLE(VM_WEB, "?take=true&kind=vnc"), NULL);

	cr_expect_str_eq(http_request_for_test_reply_header(r, "upgrade"), "websocket");
	fixture_expect(r, 426, "muster vm console");
	fixture_expect(fixture_call(f, HTTP_GET, CONSOLE(VM_FAR, ""), NULL), 503, NULL);
	fixture_expect(fixture_call(f, HTTP_POST, CONSOLE(VM_WEB, ""), NULL), 405, NULL);
	cr_expect_eq(f->n_consoles, 0);
}

Test(console, what_is_asked_for)
{
	struct http_request *r = ask(CONSOLE(VM_DB, ""), "Bearer secret");

	cr_expect(f->console.kind == REST_CONSOLE_SERIAL && f->console.write && !f->console.take);
	cr_expect_str_eq(f->user, "admin");
	cr_expect_str_eq(f->from, "192.0.2.1");
	http_request_for_test_free(r);
	cr_expect(f->console_closed, "the viewer has left");
	r = ask(CONSOLE(VM_WEB, "?kind=vnc&take=true&mode=write"), "Bearer secret");
	cr_expect(f->console.kind == REST_CONSOLE_VNC && f->console.write && f->console.take);
	http_request_for_test_free(r);
}

static void wait_closed(void *ctx)
{
	static struct mu_timer *again;

	again = mu_timer_free(again);
	if (f->console_closed) {
		mu_loop_stop(f->loop);
		return;
	}
	again = mu_timer_new(f->loop, wait_closed, ctx);
	mu_timer_set(again, 5);
}

static void ends_with(struct http_request *r, int code)
{
	mu_loop_post(f->loop, wait_closed, NULL);
	mu_loop_run(f->loop);
	cr_expect_eq(http_request_for_test_ws(r)->code, code);
	http_request_for_test_free(r);
}

Test(console, a_token_that_is_taken_back_ends_it)
{
	struct http_request *r;

	f->rest->session_every = 10;
	r = ask(CONSOLE(VM_WEB, ""), "Bearer secret");
	f->no_token = true;
	ends_with(r, 4401);
}

Test(console, who_may_look_only_by_now_keeps_what_was_to_look_at)
{
	struct http_request *look, *write;

	f->rest->session_every = 10;
	look = ask(CONSOLE(VM_WEB, "?mode=read"), "Bearer look:only");
	write = ask(CONSOLE(VM_WEB, ""), "Bearer secret");
	f->no_admin = true;
	ends_with(write, 4403);
	cr_expect_not(http_request_for_test_ws(look)->closing);
	http_request_for_test_free(look);
}

static void type(struct http_ws *ws, const char *text)
{
	cr_assert(http_ws_received(ws, text, strlen(text), false, true, true));
}

Test(console, what_is_typed_waits_while_the_console_takes_nothing)
{
	struct http_request *r = ask(CONSOLE(VM_WEB, ""), "Bearer secret");
	struct http_ws *ws = http_request_for_test_ws(r);

	type(ws, "a");
	cr_expect_not(ws->paused);
	f->console_full = true;
	type(ws, "b");
	cr_expect(ws->paused);
	type(ws, "c"); /* was under way */
	mu_pipe_writable(&f->viewer);
	cr_expect(ws->paused, "still full");
	f->console_full = false;
	mu_pipe_writable(&f->viewer);
	cr_expect_not(ws->paused);
	type(ws, "d");
	cr_expect_str_eq(f->typed, "abcd");
	http_request_for_test_free(r);
}

Test(console, the_console_waits_while_the_viewer_takes_nothing)
{
	struct http_request *r = ask(CONSOLE(VM_WEB, ""), "Bearer secret");
	struct http_ws *ws = http_request_for_test_ws(r);
	char piece[16384] = {0};
	bool text, first, last;
	unsigned n = 0;
	size_t len;

	while (mu_pipe_send(&f->viewer, piece, sizeof piece) == 0)
		cr_assert(++n < 100, "a queue without end");
	cr_expect(n > 2);
	cr_expect_eq(f->n_consoles, 1);
	while (http_ws_next(ws, 16384, &len, &text, &first, &last)) {
		cr_expect_not(text);
		http_ws_sent(ws, len);
	}
	cr_expect_eq(f->n_consoles, 101, "told that there is room");
	http_request_for_test_free(r);
}

Test(console, ends)
{
	static const struct {
		enum mu_error_code code;
		int ws;
	} table[] = {
	    {MU_E_NONE, 1000},      {MU_E_NOT_FOUND, 4404}, {MU_E_STATE, 4409},
	    {MU_E_EXHAUSTED, 4507}, {MU_E_TIMEOUT, 4504},   {MU_E_UNAVAILABLE, 4503},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		struct http_request *r = ask(CONSOLE(VM_WEB, ""), "Bearer secret");
		struct http_ws *ws = http_request_for_test_ws(r);
		struct mu_error why = MU_ERROR_INIT;

		f->console_closed = false;
		if (table[i].code != MU_E_NONE)
			(void)mu_error_set(&why, table[i].code, "the reason");
		mu_pipe_close(&f->viewer, table[i].code == MU_E_NONE ? NULL : &why);
		cr_expect(ws->closing);
		cr_expect_eq(ws->code, table[i].ws, "%d", ws->code);
		if (table[i].code != MU_E_NONE)
			cr_expect_str_eq(ws->reason, "the reason");
		type(ws, "too late");
		http_request_for_test_free(r);
		cr_expect_not(f->console_closed, "whoever has closed hears no close");
	}
}

Test(console, half_an_end_is_the_end)
{
	struct http_request *r = ask(CONSOLE(VM_WEB, ""), "Bearer secret");
	struct http_ws *ws = http_request_for_test_ws(r);

	mu_pipe_end(&f->viewer);
	cr_expect(ws->closing && ws->code == 1000);
	cr_expect(f->console_closed);
	http_request_for_test_free(r);
}
