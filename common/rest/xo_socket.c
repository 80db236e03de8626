/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation is one question at a time: while it is answered, the WebSocket is paused and the
 * peer held back by TCP, so what it has waiting here is one message in and one answer out.
 *
 * Nobody is known when it begins, cookies and headers of the handshake do not count (so a page of
 * another origin gains nothing). Hence strangers are few, and have to say soon who they are.
 */
#include "common/rest/xo_socket.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/http/websocket.h"
#include "common/rest/call.h"
#include "common/rest/export.h"
#include "common/rest/jsonrpc.h"
#include "common/rest/session.h"
#include "common/rest/xo_objects.h"

#include <stdlib.h>
#include <string.h>

static const char path[] = "/api/";
static const struct http_ws_limits limits = {.message_max = 16384, .send_max = 65536};
enum { ROOM_EVERY_MS = 100 };

struct signing;

struct talk {
	struct rest_session session;
	struct rest *rest;
	struct http_ws *ws;
	struct http_peer peer;
	bool signed_in;
	bool closed; /* by us: nothing is answered any more */
	bool busy;   /* with a question; the WebSocket is paused */
	/* Until somebody has signed in: how long that may take. Then the next turn of an answer. */
	struct mu_timer *timer;
	struct mu_arena *arena; /* of the question */
	struct jsonrpc_request question;
	struct signing *signing; /* NULL: none is under way */
	struct xo_objects objects;
	bool exports; /* counted among those that are made */
	struct mu_str answer;
	size_t n_waiting; /* bytes of a long one that is being sent */
};

/* A password that is being looked at. */
struct signing {
	struct talk *talk; /* NULL: it is over */
};

/* --- answers --- */

static void listen_again(struct talk *t)
{
	t->busy = false;
	http_ws_pause(t->ws, false);
}

static void send_answer(struct talk *t)
{
	if (http_ws_send(t->ws, t->answer.data, t->answer.len, true) == HTTP_WS_FULL)
		return; /* on_writable() */
	if (t->answer.len > limits.send_max) {
		t->n_waiting = t->answer.len;
		t->rest->n_export_bytes += t->n_waiting;
	} else {
		listen_again(t);
	}
	mu_str_deinit(&t->answer);
	t->answer = (struct mu_str)MU_STR_INIT;
}

/* Xen Orchestra's numbers; JSON-RPC's own for what it has none. */
static int number_of(enum mu_error_code code)
{
	static const struct {
		enum mu_error_code code;
		int number;
	} table[] = {
	    {MU_E_DENIED, 2},     {MU_E_UNAUTHENTICATED, 3}, {MU_E_INVALID, 10},
	    {MU_E_EXHAUSTED, 28}, {MU_E_UNAVAILABLE, 28},    {MU_E_TOO_LARGE, 24},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++)
		if (table[i].code == code)
			return table[i].number;
	return JSONRPC_INTERNAL_ERROR;
}

static void answer_error(struct talk *t, int number, const struct mu_error *err)
{
	mu_str_reset(&t->answer);
	jsonrpc_add_error(&t->answer, t->question.id, number, err->text);
	send_answer(t);
}

/* --- session.signIn --- */

static void on_session_over(struct rest_session *s, const struct mu_error *why)
{
	struct talk *t = MU_CONTAINER_OF(s, struct talk, session);

	t->closed = true;
	http_ws_close(t->ws, HTTP_WS_OWN + mu_error_http_status(why->code), why->text);
}

static struct mu_value *user_value(struct mu_arena *a, const struct rest_user *user)
{
	struct mu_value *v = mu_value_object(a);
	char id[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&user->account, id));
	mu_value_set_string(a, v, "email", user->name);
	mu_value_set_string(a, v, "permission", user->admin ? "admin" : "none");
	return v;
}

static void signed_in(struct talk *t, const struct rest_user *user, const char *token)
{
	if (!t->signed_in) {
		t->signed_in = true;
		t->rest->n_strangers--;
		mu_timer_cancel(t->timer);
	}
	rest_session_end(&t->session);
	t->session.over = on_session_over;
	rest_session_begin_as(&t->session, t->rest, user, token, &t->peer);
	jsonrpc_add_result(&t->answer, t->question.id, user_value(t->arena, user));
	send_answer(t);
}

static void on_password(void *arg, const struct rest_user *user, const struct mu_error *err)
{
	struct signing *s = arg;
	struct talk *t = s->talk;

	free(s);
	if (!t)
		return;
	t->signing = NULL;
	if (t->closed)
		return;
	if (user)
		signed_in(t, user, NULL);
	else
		answer_error(t, number_of(err->code), err);
}

static void sign_in_by_token(struct talk *t, const char *token)
{
	const struct rest_backend *b = &t->rest->backend;
	struct mu_error err = MU_ERROR_INIT;
	struct rest_user user = {.admin = false};

	if (b->authenticate(b->ctx, token, &t->peer, &user, &err) == 0) {
		signed_in(t, &user, token);
		return;
	}
	if (b->refused) {
		const struct http_request asked = {
		    .arena = t->arena, .method = HTTP_GET, .path = path, .peer = t->peer};

		b->refused(b->ctx,
			   &(struct rest_refusal){NULL, &asked, path,
						  mu_error_http_status(err.code), err.text});
	}
	answer_error(t, number_of(err.code), &err);
}

static void sign_in_by_password(struct talk *t, const struct rest_sign_in *in)
{
	const struct rest_backend *b = &t->rest->backend;
	struct rest_user user = {.admin = false};

	if (b->signed_in(b->ctx, in, &user)) {
		signed_in(t, &user, NULL);
		return;
	}
	t->signing = mu_xcalloc(1, sizeof *t->signing);
	t->signing->talk = t;
	b->sign_in(b->ctx, in, t->peer.address, on_password, t->signing);
}

static int read_credentials(const struct mu_value *params, const char **ret_token,
			    struct rest_sign_in *ret, struct mu_error *err)
{
	const struct {
		const char *name;
		const char **ret;
	} known[] = {
	    {"token", ret_token},         {"username", &ret->name}, {"email", &ret->name},
	    {"password", &ret->password}, {"otp", &ret->otp},
	};

	mu_value_each(v, params)
	{
		const char **to = NULL;

		for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++)
			if (strcmp(known[i].name, v->name) == 0)
				to = known[i].ret;
		if (!to || v->kind != MU_VALUE_STRING || *to)
			return mu_error_set(err, MU_E_INVALID,
					    "%.100s: texts are known here: token; or username or "
					    "email, password, and otp",
					    v->name);
		*to = v->string;
	}
	if (*ret_token ? ret->name || ret->password || ret->otp : !ret->name || !ret->password)
		return mu_error_set(err, MU_E_INVALID,
				    "either a token, or a username and a password are needed");
	return 0;
}

static void session_sign_in(struct talk *t)
{
	struct rest_sign_in in = {.name = NULL};
	struct mu_error err = MU_ERROR_INIT;
	const char *token = NULL;

	if (read_credentials(t->question.params, &token, &in, &err) < 0)
		answer_error(t, number_of(err.code), &err);
	else if (token)
		sign_in_by_token(t, token);
	else
		sign_in_by_password(t, &in);
}

/* --- xo.getAllObjects --- */

static void objects_end(struct talk *t)
{
	xo_objects_end(&t->objects);
	if (t->exports)
		t->rest->n_exports--;
	t->exports = false;
}

static void objects_turn(struct talk *t)
{
	struct mu_error err = MU_ERROR_INIT;
	int r = xo_objects_turn(&t->objects, &t->session.user, &t->answer, &err);

	if (r == XO_OBJECTS_MORE) {
		mu_timer_set(t->timer, 0);
		return;
	}
	objects_end(t);
	if (r < 0) {
		answer_error(t, number_of(err.code), &err);
		return;
	}
	mu_str_add_char(&t->answer, '}');
	send_answer(t);
}

static void objects_begin(struct talk *t)
{
	struct mu_error err = MU_ERROR_INIT;

	/* Whoever asks for them has no words for "later", so it waits here. Polled: others'
	 * answers end in many ways. */
	if (export_check_room(t->rest, &err) < 0) {
		mu_timer_set(t->timer, ROOM_EVERY_MS);
		return;
	}
	if (xo_objects_begin(&t->objects, t->rest, t->question.params, &err) < 0) {
		answer_error(t, number_of(err.code), &err);
		return;
	}
	t->rest->n_exports++;
	t->exports = true;
	jsonrpc_add_head(&t->answer, t->question.id);
	objects_turn(t);
}

static void get_all_objects(struct talk *t)
{
	struct mu_error err = MU_ERROR_INIT;

	if (!t->signed_in) {
		(void)mu_error_set(&err, MU_E_DENIED, "nobody has signed in; hint: session.signIn");
		answer_error(t, number_of(err.code), &err);
		return;
	}
	objects_begin(t);
}

static void on_timer(void *ctx)
{
	struct talk *t = ctx;

	if (t->closed)
		return;
	if (!t->signed_in) {
		t->closed = true;
		http_ws_close(t->ws, HTTP_WS_OWN + 401, "nobody has signed in");
	} else if (t->exports) {
		objects_turn(t);
	} else {
		objects_begin(t);
	}
}

/* --- the WebSocket --- */

static const struct {
	const char *name;
	void (*answer)(struct talk *t);
} methods[] = {
    {"session.signIn", session_sign_in},
    {"xo.getAllObjects", get_all_objects},
};

static void on_question(struct talk *t, const char *text, size_t len)
{
	struct mu_error err = MU_ERROR_INIT;
	int code;

	mu_arena_reset(t->arena);
	code = jsonrpc_read(t->arena, text, len, &t->question, &err);
	if (!code && !t->question.id) /* there is nothing to tell us */
		return;
	t->busy = true;
	http_ws_pause(t->ws, true);
	if (code) {
		answer_error(t, code, &err);
		return;
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].name, t->question.method) == 0) {
			methods[i].answer(t);
			return;
		}
	(void)mu_error_set(&err, MU_E_NOT_FOUND,
			   "there is no method %.100s here; hint: the REST API has what there is",
			   t->question.method);
	answer_error(t, JSONRPC_METHOD_NOT_FOUND, &err);
}

static void on_message(struct http_ws *ws, const void *data, size_t len, bool text, void *ctx)
{
	struct talk *t = ctx;

	(void)ws, (void)text; /* JSON either way */
	mu_assert(!t->busy);
	if (!t->closed)
		on_question(t, data, len);
}

static void on_writable(struct http_ws *ws, void *ctx)
{
	struct talk *t = ctx;

	(void)ws;
	t->rest->n_export_bytes -= t->n_waiting;
	t->n_waiting = 0;
	if (t->answer.len > 0)
		send_answer(t);
	else
		listen_again(t);
}

static void on_close(struct http_ws *ws, int code, const char *reason, void *ctx)
{
	struct talk *t = ctx;

	(void)ws, (void)code, (void)reason;
	rest_session_end(&t->session);
	if (t->signing)
		t->signing->talk = NULL;
	objects_end(t);
	if (!t->signed_in)
		t->rest->n_strangers--;
	t->rest->n_export_bytes -= t->n_waiting;
	mu_timer_free(t->timer);
	mu_arena_free(t->arena);
	mu_str_deinit(&t->answer);
	free(t);
}

static const struct http_ws_ops ws_ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* --- the request --- */

static struct http_reply *refuse(struct http_request *r, const struct rest *rest)
{
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	if (!http_request_wants_websocket(r)) {
		(void)mu_error_set(&err, MU_E_INVALID,
				   "this is a WebSocket (RFC 6455) of JSON-RPC 2.0; hint: "
				   "/rest/v0 is the REST API");
		reply = http_reply_error_status(r, 426, &err, NULL);
		http_reply_header(reply, "upgrade", "websocket");
		return reply;
	}
	if (rest->n_strangers < REST_STRANGERS_MAX)
		return NULL;
	(void)mu_error_set(&err, MU_E_UNAVAILABLE,
			   "%d WebSockets wait for somebody to sign in, the most; hint: again in a "
			   "moment",
			   REST_STRANGERS_MAX);
	return http_reply_error(r, &err, NULL);
}

static struct http_reply *get_api(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx)
{
	struct rest *rest = ctx;
	struct http_reply *refusal = refuse(r, rest);
	struct talk *t;

	(void)user, (void)id;
	if (refusal)
		return refusal;
	t = mu_xcalloc(1, sizeof *t);
	t->rest = rest;
	t->peer = r->peer;
	t->arena = mu_arena_new();
	t->timer = mu_timer_new(rest->loop, on_timer, t);
	mu_timer_set(t->timer, rest->stranger_patience);
	rest->n_strangers++;
	return http_reply_websocket(r, &limits, &ws_ops, t, &t->ws);
}

static const struct rest_route routes[] = {{HTTP_GET, path, REST_OPEN, get_api}};

void xo_socket_routes_add(struct rest *rest)
{
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), rest);
}
