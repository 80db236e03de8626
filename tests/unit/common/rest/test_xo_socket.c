/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON-RPC WebSocket at /api/: signing in, objects, and what it refuses. */
#include "common/base/mem.h"
#include "common/http/ws.h"
#include "common/json/json.h"
#include "common/rest/call.h"
#include "common/rest/export.h"
#include "common/rest/xo_socket.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture *f;
static struct http_request *request;
static struct http_ws *ws;
static struct mu_str answer; /* the last one */
static struct mu_arena *arena;

/* A password that is looked at until the test says what has become of it. */
static void (*sign_in_done)(void *arg, const struct rest_user *user, const struct mu_error *err);
static void *sign_in_arg;
static char sign_in_with[128];
static bool known;

static void sign_in(void *ctx, const struct rest_sign_in *in, const char *from,
		    void (*done)(void *arg, const struct rest_user *user,
				 const struct mu_error *err),
		    void *arg)
{
	(void)ctx;
	(void)snprintf(sign_in_with, sizeof sign_in_with, "%s|%s|%s|%s", in->name, in->password,
		       in->otp ? in->otp : "", from);
	sign_in_done = done;
	sign_in_arg = arg;
}

static const struct rest_user clerk = {.name = "clerk", .account = {{7}}};

static bool signed_in(void *ctx, const struct rest_sign_in *in, struct rest_user *ret_user)
{
	(void)ctx, (void)in;
	if (known)
		*ret_user = clerk;
	return known;
}

static int refresh(void *ctx, struct rest_user *user, struct mu_error *err)
{
	(void)ctx, (void)user;
	return known ? 0 : mu_error_set(err, MU_E_UNAUTHENTICATED, "not known any more");
}

static void setup(void)
{
	f = fixture_new();
	f->rest->backend.sign_in = sign_in;
	f->rest->backend.signed_in = signed_in;
	f->rest->backend.refresh = refresh;
	xo_socket_routes_add(f->rest);
	arena = mu_arena_new();
}

static void teardown(void)
{
	request = http_request_for_test_free(request);
	f = fixture_free(f);
	arena = mu_arena_free(arena);
	mu_str_deinit(&answer);
}

TestSuite(xo_socket, .init = setup, .fini = teardown);

static struct http_request *ask_for_one(bool upgrade)
{
	struct http_request *r = http_request_for_test(HTTP_GET, "/api/", NULL);

	if (upgrade)
		http_request_for_test_upgrade(r);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

static void begin(void)
{
	request = ask_for_one(true);
	ws = http_request_for_test_ws(request);
	cr_assert_not_null(ws);
}

/* What has been said by now goes out; whole messages only. */
static bool take_answer(void)
{
	bool text, first, last = false;
	const char *piece;
	size_t len;

	mu_str_reset(&answer);
	while (!last && (piece = http_ws_next(ws, 16384, &len, &text, &first, &last))) {
		cr_expect(text);
		mu_str_add_bytes(&answer, piece, len);
		http_ws_sent(ws, len);
	}
	return last;
}

static void stop(void *ctx)
{
	(void)ctx;
	mu_loop_stop(f->loop);
}

/* Of the loop. */
static void one_turn(void)
{
	struct mu_timer *t = mu_timer_new(f->loop, stop, NULL);

	mu_timer_set(t, 1); /* polls: closes and answers have no event here */
	mu_loop_run(f->loop);
	mu_timer_free(t);
}

static void wait_closing(void)
{
	while (!ws->closing)
		one_turn();
}

static void say(const char *text)
{
	cr_assert(http_ws_received(ws, text, strlen(text), true, true, true));
}

static void wait_answer(void)
{
	while (!take_answer())
		one_turn();
}

/* Ask, and compare the whole answer. */
static void expect(const char *question, const char *wanted)
{
	say(question);
	wait_answer();
	cr_expect_str_eq(answer.data, wanted, "%s", answer.data);
	cr_expect_not(ws->paused);
}

static void expect_error(const char *question, int code, const char *words)
{
	const struct mu_value *error;
	struct mu_value *v = NULL;

	say(question);
	wait_answer();
	cr_assert_eq(mu_json_read(arena, answer.data, answer.len, &v, NULL), 0, "%s", answer.data);
	error = mu_value_get(v, "error");
	cr_assert_not_null(error, "%s", answer.data);
	cr_expect_eq(mu_value_get(error, "code")->integer, code, "%s", answer.data);
	cr_expect(strstr(mu_value_as_string(mu_value_get(error, "message")), words), "%s",
		  answer.data);
	cr_expect_not(ws->paused);
}

#define CALL(method, params)                                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}"
#define RESULT(result) "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":" result "}"
#define SIGN_IN(params) CALL("session.signIn", params)
#define OBJECTS(params) CALL("xo.getAllObjects", params)
#define CLERK                                                                                      \
	RESULT("{\"id\":\"07000000-0000-0000-0000-000000000000\",\"email\":\"clerk\","             \
	       "\"permission\":\"none\"}")

static void begin_as_admin(void)
{
	begin();
	expect(SIGN_IN("{\"token\":\"secret\"}"),
	       RESULT("{\"id\":\"07000000-0000-0000-0000-000000000000\",\"email\":\"admin\","
		      "\"permission\":\"admin\"}"));
}

/* --- what is no question --- */

Test(xo_socket, malformed_questions)
{
	static const struct {
		const char *text;
		int code;
		const char *words;
	} table[] = {
	    {"", -32700, ""},
	    {"{", -32700, ""},
	    {"\xff", -32700, ""},
	    {"[]", -32600, "no batches"},
	    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"x\"}", -32600, "2.0"},
	    {"{\"id\":1,\"method\":\"x\"}", -32600, "2.0"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1}", -32600, "method"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", -32600, "id"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}", -32600, "by name"},
	    {CALL("vm.start", "{}"), -32601, "vm.start"},
	    {CALL("system.getMethodsInfo", "{}"), -32601, "REST"},
	    {OBJECTS("{}"), 2, "session.signIn"},
	};

	begin();
	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++)
		expect_error(table[i].text, table[i].code, table[i].words);
}

/* It is cut where it is shown. */
Test(xo_socket, a_long_name_with_a_character_across_its_end)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	begin();
	mu_str_printf(&text, CALL("%099d\xc3\xa9\xc3\xa9", "{}"), 0);
	expect_error(text.data, -32601, "there is no method");
	cr_expect(mu_utf8_valid(answer.data, answer.len));
}

Test(xo_socket, an_answer_has_the_id_of_its_question)
{
	static const char *const ids[] = {"\"a\\\"b\"", "0", "-5", "1.5", "null"};

	begin();
	for (size_t i = 0; i < MU_ARRAY_SIZE(ids); i++) {
		MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

		mu_str_printf(&text, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"x\"}", ids[i]);
		say(text.data);
		wait_answer();
		mu_str_reset(&text);
		mu_str_printf(&text, "\"id\":%s,", ids[i]);
		cr_expect(strstr(answer.data, text.data), "%s", answer.data);
	}
	/* What is wrong, and what is no id. */
	say("[1]");
	wait_answer();
	cr_expect(strstr(answer.data, "\"id\":null"), "%s", answer.data);
}

Test(xo_socket, who_wants_no_answer_gets_none)
{
	begin();
	say("{\"jsonrpc\":\"2.0\",\"method\":\"session.signIn\",\"params\":{\"token\":\"secret\"}"
	    "}");
	say("{\"jsonrpc\":\"2.0\",\"method\":\"nonsense\"}");
	cr_expect_not(take_answer());
	cr_expect_not(ws->paused);
	expect_error(OBJECTS("{}"), 2, "nobody has signed in");
}

Test(xo_socket, a_long_message_is_refused)
{
	static char text[20000];

	begin();
	memset(text, ' ', sizeof text);
	cr_expect_not(http_ws_received(ws, text, sizeof text, true, true, true));
}

/* --- the handshake --- */

Test(xo_socket, a_plain_get_is_told_to_upgrade)
{
	struct http_request *r = ask_for_one(false);

	cr_expect_str_eq(http_request_for_test_reply_header(r, "upgrade"), "websocket");
	fixture_expect(r, 426, "/rest/v0");
}

Test(xo_socket, strangers_are_few_and_have_to_say_soon_who_they_are)
{
	struct http_request *strangers[REST_STRANGERS_MAX];

	for (size_t i = 0; i < REST_STRANGERS_MAX; i++)
		strangers[i] = ask_for_one(true);
	fixture_expect(ask_for_one(true), 503, "sign in");
	ws = http_request_for_test_ws(strangers[0]);
	expect_error(SIGN_IN("{\"token\":\"wrong\"}"), 3, "not known");
	fixture_expect(ask_for_one(true), 503, NULL);
	say(SIGN_IN("{\"token\":\"secret\"}"));
	f->rest->stranger_patience = 1;
	begin(); /* one is no stranger any more */
	wait_closing();
	cr_expect_eq(ws->code, 4401);
	for (size_t i = 0; i < REST_STRANGERS_MAX; i++)
		http_request_for_test_free(strangers[i]);
}

/* --- signing in --- */

Test(xo_socket, credentials_that_make_no_sense)
{
	static const struct {
		const char *params;
		const char *words;
	} table[] = {
	    {"{}", "either a token"},
	    {"{\"username\":\"a\"}", "either a token"},
	    {"{\"password\":\"b\"}", "either a token"},
	    {"{\"token\":\"secret\",\"username\":\"a\",\"password\":\"b\"}", "either a token"},
	    {"{\"token\":\"secret\",\"otp\":\"123456\"}", "either a token"},
	    {"{\"username\":\"a\",\"email\":\"a\",\"password\":\"b\"}", "email: texts are known"},
	    {"{\"username\":1,\"password\":\"b\"}", "username: texts are known"},
	    {"{\"token\":null}", "token: texts are known"},
	    {"{\"token\":\"secret\",\"more\":\"x\"}", "more: texts are known"},
	};

	begin();
	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

		mu_str_printf(&text, CALL("session.signIn", "%s"), table[i].params);
		expect_error(text.data, 10, table[i].words);
	}
	expect_error(OBJECTS("{}"), 2, "");
}

Test(xo_socket, a_token)
{
	begin();
	expect_error(SIGN_IN("{\"token\":\"wrong\"}"), 3, "not known");
	cr_expect_eq(f->n_refused, 1);
	cr_expect_str_eq(f->refused, "|/api/|/api/|401|this token is not known", "%s", f->refused);
	say(SIGN_IN("{\"token\":\"secret\"}"));
	wait_answer();
	cr_expect(strstr(answer.data, "\"permission\":\"admin\""), "%s", answer.data);
	f->rest->session_every = 10;
}

Test(xo_socket, a_password_that_was_right_a_moment_ago)
{
	begin();
	known = true;
	expect(SIGN_IN("{\"email\":\"clerk\",\"password\":\"b\"}"), CLERK);
}

Test(xo_socket, a_password)
{
	struct mu_error err = MU_ERROR_INIT;

	begin();
	say(SIGN_IN("{\"username\":\"clerk\",\"password\":\"b\",\"otp\":\"123456\"}"));
	cr_expect_str_eq(sign_in_with, "clerk|b|123456|192.0.2.1");
	cr_expect(ws->paused, "one question at a time");
	cr_expect_not(take_answer());
	(void)mu_error_set(&err, MU_E_UNAUTHENTICATED, "wrong name or password");
	sign_in_done(sign_in_arg, NULL, &err);
	cr_assert(take_answer());
	cr_expect_str_eq(answer.data,
			 "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":3,\"message\":"
			 "\"wrong name or password\"}}");
	say(SIGN_IN("{\"username\":\"clerk\",\"password\":\"c\"}"));
	(void)mu_error_set(&err, MU_E_EXHAUSTED, "too many wrong passwords");
	sign_in_done(sign_in_arg, NULL, &err);
	cr_assert(take_answer());
	cr_expect(strstr(answer.data, "\"code\":28"), "%s", answer.data);
	say(SIGN_IN("{\"username\":\"clerk\",\"password\":\"d\"}"));
	sign_in_done(sign_in_arg, &clerk, NULL);
	cr_assert(take_answer());
	cr_expect_str_eq(answer.data, CLERK);
	cr_expect_eq(f->rest->n_strangers, 0);
}

Test(xo_socket, who_leaves_while_his_password_is_looked_at)
{
	begin();
	say(SIGN_IN("{\"username\":\"clerk\",\"password\":\"b\"}"));
	request = http_request_for_test_free(request);
	sign_in_done(sign_in_arg, &clerk, NULL);
	cr_expect_eq(f->rest->n_strangers, 0);
}

Test(xo_socket, a_user_who_is_gone_is_cut_off)
{
	f->rest->session_every = 10;
	begin();
	known = true;
	expect(SIGN_IN("{\"username\":\"clerk\",\"password\":\"b\"}"), CLERK);
	known = false;
	wait_closing();
	cr_expect_eq(ws->code, 4401);
	say(OBJECTS("{}"));
	cr_expect_not(take_answer());
}

Test(xo_socket, a_password_that_is_looked_at_for_too_long)
{
	f->rest->stranger_patience = 1;
	begin();
	say(SIGN_IN("{\"username\":\"clerk\",\"password\":\"b\"}"));
	wait_closing();
	sign_in_done(sign_in_arg, &clerk, NULL);
	cr_expect_not(take_answer());
	cr_expect_eq(f->rest->n_strangers, 1, "until it is gone");
}

/* --- objects --- */

static const struct mu_value *result_of(const char *question)
{
	struct mu_value *v = NULL;

	say(question);
	wait_answer();
	cr_assert_eq(mu_json_read(arena, answer.data, answer.len, &v, NULL), 0, "%s", answer.data);
	cr_assert_not_null(mu_value_get(v, "result"), "%s", answer.data);
	return mu_value_get(v, "result");
}

/* As REST shows it. */
static void expect_as_in_rest(const struct mu_value *objects, const char *target, const char *id)
{
	struct http_request *r = fixture_call(f, HTTP_GET, target, NULL);
	const char *body = http_request_for_test_body(r);
	struct mu_value *v = NULL;

	cr_assert_eq(mu_json_read(arena, body, strlen(body), &v, NULL), 0);
	cr_assert_not_null(mu_value_get(objects, id), "%s is not there", id);
	cr_expect(mu_value_equal(mu_value_get(objects, id), v), "%s", id);
	http_request_for_test_free(r);
}

Test(xo_socket, objects_of_a_type)
{
	const struct mu_value *objects;

	begin_as_admin();
	objects = result_of(OBJECTS("{\"filter\":{\"type\":\"VM\"}}"));
	cr_expect_eq(objects->n_children, 2, "that of the host that is away is not there");
	expect_as_in_rest(objects, "/rest/v0/vms/" VM_WEB, VM_WEB);
	expect_as_in_rest(objects, "/rest/v0/vms/" VM_DB, VM_DB);
	objects = result_of(OBJECTS("{\"filter\":{\"type\":\"host\"}}"));
	cr_expect_eq(objects->n_children, 2);
	expect_as_in_rest(objects, "/rest/v0/hosts/" HOST_1, HOST_1);
	objects = result_of(OBJECTS("{\"filter\":{\"type\":\"pool\"}}"));
	cr_expect_eq(objects->n_children, 1);
	expect_as_in_rest(objects, "/rest/v0/pools/" POOL, POOL);
	expect(OBJECTS("{\"filter\":{\"type\":\"none\"}}"), RESULT("{}"));
}

Test(xo_socket, filters_and_limits)
{
	const struct mu_value *objects;

	begin_as_admin();
	objects = result_of(OBJECTS("{\"filter\":{\"type\":\"VM\",\"power_state\":\"Halted\"}}"));
	cr_expect_eq(objects->n_children, 1);
	cr_expect_not_null(mu_value_get(objects, VM_DB));
	objects = result_of(OBJECTS("{\"filter\":{\"type\":\"VM\"},\"limit\":2}"));
	cr_expect_eq(objects->n_children, 2);
	objects = result_of(OBJECTS("{\"filter\":{\"id\":\"" VM_DB "\"}}"));
	cr_expect_eq(objects->n_children, 1);
	objects = result_of(OBJECTS("{}"));
	cr_expect_gt(objects->n_children, 20);
	cr_expect_not_null(mu_value_get(objects, SR_1));
	cr_expect_not_null(mu_value_get(objects, VDI_1));
	cr_expect_not_null(mu_value_get(objects, NETWORK_1));
	expect_error(OBJECTS("{\"filter\":\"type:VM\"}"), 10, "an object");
	expect_error(OBJECTS("{\"limit\":0}"), 10, "above 0");
	expect_error(OBJECTS("{\"ndjson\":true}"), 10, "ndjson");
	expect_error(OBJECTS("{\"filter\":{\"__or\":1}}"), 10, "takes a list");
}

Test(xo_socket, a_user_has_what_he_may_see)
{
	static const struct rights_privilege one[] = {
	    {.resource = "vm", .action = "read", .selector = "name_label:web"},
	};
	const struct mu_value *objects;

	fixture_allow(f, one, 1);
	begin();
	say(SIGN_IN("{\"token\":\"look:only\"}"));
	wait_answer();
	objects = result_of(OBJECTS("{}"));
	cr_expect_eq(objects->n_children, 1, "%s", answer.data);
	cr_expect_not_null(mu_value_get(objects, VM_WEB));
	fixture_allow(f, NULL, 0);
	expect(OBJECTS("{}"), RESULT("{}"));
}

/* More than one turn's worth. */
static void each_vm_often(void *ctx, bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	(void)ctx;
	for (int i = 0; i < 1000; i++)
		if (!each(&f->vms[0], arg))
			return;
}

/* The next question waits until a long answer has left; what waits is counted. */
Test(xo_socket, a_long_answer)
{
	begin_as_admin();
	f->rest->backend.each_vm = each_vm_often;
	say(OBJECTS("{\"filter\":{\"type\":\"VM\"}}"));
	cr_expect_eq(f->rest->n_exports, 1);
	cr_expect_not(take_answer(), "that was the first turn only");
	while (f->rest->n_exports > 0)
		one_turn();
	cr_expect_gt(f->rest->n_export_bytes, 500000);
	cr_expect(ws->paused);
	cr_expect(take_answer());
	cr_expect_eq(f->rest->n_export_bytes, 0);
	cr_expect_not(ws->paused);
	cr_expect_eq(answer.data[answer.len - 1], '}');
	say(OBJECTS("{\"filter\":{\"type\":\"VM\"}}"));
	request = http_request_for_test_free(request); /* who leaves in the middle */
	cr_expect_eq(f->rest->n_exports, 0);
}

Test(xo_socket, who_leaves_while_a_long_answer_is_sent)
{
	begin_as_admin();
	f->rest->backend.each_vm = each_vm_often;
	say(OBJECTS("{\"filter\":{\"type\":\"VM\"}}"));
	while (f->rest->n_exports > 0)
		one_turn();
	request = http_request_for_test_free(request);
	cr_expect_eq(f->rest->n_export_bytes, 0);
}

Test(xo_socket, it_waits_for_room)
{
	begin_as_admin();
	f->rest->n_exports = EXPORTS_MAX;
	say(OBJECTS("{\"filter\":{\"type\":\"none\"}}"));
	cr_expect(ws->paused);
	cr_expect_not(take_answer());
	f->rest->n_exports = 0;
	wait_answer();
	cr_expect_str_eq(answer.data, RESULT("{}"));
	f->rest->n_exports = EXPORTS_MAX;
	say(OBJECTS("{}"));
	request = http_request_for_test_free(request);
	cr_expect_eq(f->rest->n_exports, EXPORTS_MAX, "it had not begun");
	f->rest->n_exports = 0;
}
