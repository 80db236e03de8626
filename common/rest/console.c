/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /vms/{id}/console as a WebSocket: binary messages are the console's bytes, both ways, and
 * nothing else is said on it. A plain GET is refused for the reason that a WebSocket would be
 * refused for, or else told to ask for an upgrade (426): so a client whose WebSocket library does
 * not show refusals can ask first.
 *
 * The end comes as a close code: 1000 when the console has ended as it should, else 4000 + the HTTP
 * status that stands for the error, with its text as the reason: 4401 when the token that it was
 * opened with counts no longer.
 */
#include "common/rest/access.h"
#include "common/rest/render.h"
#include "common/rest/session.h"

#include "common/base/str.h"
#include "common/http/websocket.h"

#include <stdlib.h>
#include <string.h>

static const struct http_ws_limits limits = {.message_max = 65536, .send_max = 131072};

struct console {
	struct rest_session session;
	struct http_ws *ws;
	struct mu_pipe far;
	struct mu_str held; /* from the viewer, not taken by the console yet */
};

/* From the console */

static int near_send(void *side, const void *data, size_t len)
{
	struct console *c = side;

	return http_ws_send(c->ws, data, len, false) == HTTP_WS_FULL ? MU_PIPE_FULL : 0;
}

static void near_writable(void *side)
{
	struct console *c = side;

	if (c->held.len > 0 && mu_pipe_send(&c->far, c->held.data, c->held.len) == MU_PIPE_FULL)
		return;
	mu_str_reset(&c->held);
	http_ws_pause(c->ws, false);
}

static void near_close(void *side, const struct mu_error *why)
{
	struct console *c = side;

	rest_session_end(&c->session);
	c->far.ops = NULL;
	if (why)
		http_ws_close(c->ws, HTTP_WS_OWN + mu_error_http_status(why->code), why->text);
	else
		http_ws_close(c->ws, HTTP_WS_NORMAL, "the console has ended");
}

/* A WebSocket has no half an end. */
static void near_end(void *side)
{
	struct console *c = side;

	mu_pipe_close(&c->far, NULL);
	near_close(c, NULL);
}

static const struct mu_pipe_ops near_ops = {
    .send = near_send,
    .writable = near_writable,
    .end = near_end,
    .close = near_close,
};

/* From the viewer */

static void on_message(struct http_ws *ws, const void *data, size_t len, bool text, void *ctx)
{
	struct console *c = ctx;

	(void)text; /* of a client that knows no bytes */
	if (c->held.len == 0 && mu_pipe_send(&c->far, data, len) == 0)
		return;
	mu_str_add_bytes(&c->held, data, len);
	http_ws_pause(ws, true);
}

static void on_writable(struct http_ws *ws, void *ctx)
{
	struct console *c = ctx;

	(void)ws;
	mu_pipe_writable(&c->far);
}

static void on_close(struct http_ws *ws, int code, const char *reason, void *ctx)
{
	struct console *c = ctx;

	(void)ws, (void)code, (void)reason;
	rest_session_end(&c->session);
	mu_pipe_close(&c->far, NULL);
	mu_str_deinit(&c->held);
	free(c);
}

/* Whoever opened it may not have it any more. */
static void on_session_over(struct rest_session *s, const struct mu_error *why)
{
	struct console *c = MU_CONTAINER_OF(s, struct console, session);

	mu_pipe_close(&c->far, NULL);
	near_close(c, why);
}

static const struct http_ws_ops ws_ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* The request */

static int read_kind(struct rest_call *c, enum rest_console_kind *ret, struct mu_error *err)
{
	const char *text = http_request_query(c->request, "kind");

	if (text && strcmp(text, "serial") != 0 && strcmp(text, "vnc") != 0)
		return mu_error_set(err, MU_E_PROTOCOL, "kind: \"%s\" is neither serial nor vnc",
				    text);
	*ret = text && strcmp(text, "vnc") == 0 ? REST_CONSOLE_VNC : REST_CONSOLE_SERIAL;
	return 0;
}

static int read_request(struct rest_call *c, struct rest_console *ret, struct mu_error *err)
{
	const char *mode = http_request_query(c->request, "mode");

	if (mode && strcmp(mode, "read") != 0 && strcmp(mode, "write") != 0)
		return mu_error_set(err, MU_E_PROTOCOL, "mode: \"%s\" is neither read nor write",
				    mode);
	ret->write = !mode || strcmp(mode, "write") == 0;
	if (read_kind(c, &ret->kind, err) < 0 || rest_query_bool(c, "take", &ret->take, err) < 0)
		return MU_FAILED;
	if (ret->take && !ret->write)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "take: whoever only reads takes nothing over; hint: leave "
				    "mode=read out");
	return 0;
}

/* Whoever may look was let in; to type takes more. */
static int check_rights(struct rest_call *c, const struct rest_console *rq, struct mu_error *err)
{
	if (!http_request_is_same_origin(c->request))
		return mu_error_set(err, MU_E_DENIED,
				    "a page of another origin may not open consoles here");
	if (rq->write && !rest_may(c->rest, &c->user, "vm:console:type", &rq->vm.uuid))
		return mu_error_set(err, MU_E_DENIED,
				    "%s may look but not type (vm:console:type); hint: ?mode=read",
				    c->user.name);
	return 0;
}

static int check_vm(struct rest_call *c, const struct model_vm *vm, const struct rest_console *rq,
		    struct mu_error *err)
{
	bool runs = vm->power == VM_RUNNING || vm->power == VM_PAUSED;

	if (!c->rest->backend.console_open)
		return mu_error_set(err, MU_E_UNSUPPORTED, "there are no consoles here");
	if (rq->kind == REST_CONSOLE_VNC && !runs)
		return mu_error_set(err, MU_E_STATE, "VM %s is %s, so it has no display", vm->name,
				    vm_power_name(vm->power));
	return 0;
}

static struct http_reply *want_upgrade(struct rest_call *c)
{
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	(void)mu_error_set(&err, MU_E_INVALID,
			   "a console is a WebSocket; hint: ask for an upgrade (RFC 6455), or use "
			   "muster vm console");
	reply = http_reply_error_status(c->request, 426, &err, NULL);
	http_reply_header(reply, "upgrade", "websocket");
	return reply;
}

static struct http_reply *open_console(struct rest_call *c, const struct rest_console *rq)
{
	const struct rest_backend *b = &c->rest->backend;
	struct console *console = mu_xcalloc(1, sizeof *console);
	const struct mu_pipe near = {.ops = &near_ops, .side = console};
	struct mu_error err = MU_ERROR_INIT;

	if (b->console_open(b->ctx, rq, &c->user, c->request->peer.address, near, &console->far,
			    &err) < 0) {
		free(console);
		return rest_error(c, &err);
	}
	console->session.right = rq->write ? "vm:console:type" : "vm:console:view";
	console->session.object = rq->vm.uuid;
	console->session.over = on_session_over;
	rest_session_begin(&console->session, c);
	return http_reply_websocket(c->request, &limits, &ws_ops, console, &console->ws);
}

struct http_reply *rest_get_vm_console(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct rest_console rq = {.write = true};
	struct mu_error err = MU_ERROR_INIT;
	const struct model_vm *vm;
	struct http_reply *refusal;

	if (!mu_uuid_parse(c->id, &rq.vm.uuid) || !(vm = b->vm_find(b->ctx, &rq.vm)))
		return rest_not_found(c, "VM", c->id);
	if (read_request(c, &rq, &err) < 0)
		return rest_bad_request(c, &err);
	if (check_rights(c, &rq, &err) < 0)
		return rest_error(c, &err);
	refusal = rest_check_host(c, vm);
	if (refusal)
		return refusal;
	if (check_vm(c, vm, &rq, &err) < 0)
		return rest_error(c, &err);
	if (!http_request_wants_websocket(c->request))
		return want_upgrade(c);
	return open_console(c, &rq);
}
