/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each waits for its end and answers 204 or the error: a shutdown may be cancelled by closing the
 * connection, until the system has been told.
 */
#include "agent/admin/host_routes.h"

#include "common/json/json.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>

struct asked {
	struct app_host_power power;
	struct app *app;
	struct http_request *request; /* NULL: the peer left */
};

static void answer(struct asked *q, const struct mu_error *err)
{
	struct http_request *r = q->request;

	if (r)
		http_request_finish(r, err && err->code != MU_E_NONE
					   ? http_reply_error(r, err, NULL)
					   : http_reply_empty(r, 204));
	free(q);
}

static int check_host(const struct app *app, const char *id, struct mu_error *err)
{
	struct mu_uuid uuid;

	if (!mu_uuid_parse(id, &uuid) || !mu_uuid_equal(&uuid, &app_host(app)->id.uuid))
		return mu_error_set(err, MU_E_NOT_FOUND, "no such host %.60s", id);
	return 0;
}

/* ---- maintenance ---- */

static void on_enabled(void *arg, const struct mu_error *err)
{
	answer(arg, err);
}

static void on_enable_gone(void *ctx)
{
	struct asked *q = ctx;

	q->request = NULL;
}

static struct http_reply *set_enabled(struct http_request *r, const struct rest_user *user,
				      const char *id, struct app *app, bool enabled)
{
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct asked *q;

	if (check_host(app, id, &err) < 0)
		return http_reply_error(r, &err, NULL);
	mu_log_info("asked op=%s user=\"%s\" from=\"%s\"", enabled ? "enable" : "disable",
		    user->name, r->peer.address);
	q = mu_xcalloc(1, sizeof *q);
	q->request = r;
	reply = http_reply_pending(r, on_enable_gone, q);
	app_host_set_enabled(app, enabled, user->name, on_enabled, q);
	return reply;
}

static struct http_reply *enable(struct http_request *r, const struct rest_user *user,
				 const char *id, void *ctx)
{
	return set_enabled(r, user, id, ctx, true);
}

static struct http_reply *disable(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx)
{
	return set_enabled(r, user, id, ctx, false);
}

/* ---- power ---- */

static int read_member(const struct mu_value *v, struct app_host_power *op, struct mu_error *err)
{
	enum { SECONDS_MAX = 7 * 86400 };
	const char *text = mu_value_as_string(v);

	if (mu_str_equal(v->name, "vms")) {
		if (!text || !host_power_vms_parse(text, &op->vms))
			return mu_error_set(err, MU_E_INVALID,
					    "body: vms: keep, shutdown or suspend is expected");
		return 0;
	}
	if (mu_str_equal(v->name, "force")) {
		if (v->kind != MU_VALUE_BOOL)
			return mu_error_set(err, MU_E_INVALID,
					    "body: force: true or false is expected");
		op->force = v->boolean;
		return 0;
	}
	if (mu_str_equal(v->name, "timeout")) {
		if (v->kind != MU_VALUE_INT || v->integer < 1 || v->integer > SECONDS_MAX)
			return mu_error_set(err, MU_E_INVALID,
					    "body: timeout: seconds from 1 to %d are expected",
					    SECONDS_MAX);
		op->vm_deadline = MU_SEC(v->integer);
		return 0;
	}
	return mu_error_set(err, MU_E_INVALID, "body: unknown property \"%.60s\"", v->name);
}

static int read_body(struct http_request *r, struct app_host_power *op, struct mu_error *err)
{
	struct mu_value *body;

	if (r->body_len == 0)
		return 0;
	if (mu_json_read(r->arena, r->body, r->body_len, &body, err) < 0)
		return mu_error_prefix(err, "body");
	if (body->kind != MU_VALUE_OBJECT)
		return mu_error_set(err, MU_E_INVALID, "body: an object is expected, not %s",
				    mu_value_kind_name(body->kind));
	mu_value_each(v, body)
	{
		if (read_member(v, op, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static void on_power(struct app_host_power *op)
{
	struct asked *q = MU_CONTAINER_OF(op, struct asked, power);

	answer(q, &op->err);
}

static void on_power_gone(void *ctx)
{
	struct asked *q = ctx;

	q->request = NULL;
	app_host_power_cancel(q->app, &q->power);
}

static struct http_reply *power(struct http_request *r, const struct rest_user *user,
				const char *id, struct app *app, bool reboot)
{
	struct asked *q = mu_xcalloc(1, sizeof *q);
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	q->app = app;
	q->request = r;
	q->power.reboot = reboot;
	q->power.done = on_power;
	(void)snprintf(q->power.user, sizeof q->power.user, "%s", user->name);
	if (check_host(app, id, &err) < 0 || read_body(r, &q->power, &err) < 0) {
		free(q);
		return http_reply_error(r, &err, NULL);
	}
	reply = http_reply_pending(r, on_power_gone, q);
	app_host_power_start(app, &q->power);
	return reply;
}

static struct http_reply *clean_shutdown(struct http_request *r, const struct rest_user *user,
					 const char *id, void *ctx)
{
	return power(r, user, id, ctx, false);
}

static struct http_reply *clean_reboot(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	return power(r, user, id, ctx, true);
}

static const struct rest_route routes[] = {
    {HTTP_POST, "/rest/v0/hosts/{id}/actions/enable", false, enable},
    {HTTP_POST, "/rest/v0/hosts/{id}/actions/disable", false, disable},
    {HTTP_POST, "/rest/v0/hosts/{id}/actions/clean_shutdown", false, clean_shutdown},
    {HTTP_POST, "/rest/v0/hosts/{id}/actions/clean_reboot", false, clean_reboot},
};

void host_routes_add(struct rest *rest, struct app *app)
{
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), app);
}
