/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals, into the audit log: core/refusals.h says which. */
#include "aggregator/app/refusals.h"

#include "aggregator/app/app.h"
#include "aggregator/core/refusals.h"
#include "aggregator/store/audit.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct refused {
	struct app *app;
	struct refusals *counts;
	struct mu_timer *timer;
};

/* A user cannot have that name. */
#define STRANGER "nobody"

static void write_row(struct refused *rf, const struct admin_asker *who, const char *action,
		      const struct mu_uuid *object, const char *detail)
{
	struct store_tx *tx = store_begin(rf->app->store);

	app_audit(rf->app, tx, who, action, object, "refused", detail);
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
}

static void write_due(struct refused *rf)
{
	struct refusal due;

	while (refusals_due(rf->counts, mu_loop_now(rf->app->loop), &due)) {
		const struct admin_asker who = {.user = due.who, .from = ""};
		MU_CLEANUP(mu_free)
		char *detail = mu_xasprintf("%s: %" PRIu64 " more within %" PRId64 " s", due.what,
					    due.n, due.within / 1000);

		write_row(rf, &who, "http", NULL, detail);
	}
}

static void on_timer(void *ctx)
{
	struct refused *rf = ctx;
	mu_msec next;

	write_due(rf);
	next = refusals_next(rf->counts);
	if (next >= 0)
		mu_timer_set(rf->timer, next - mu_loop_now(rf->app->loop));
}

struct refused *refused_new(struct app *app)
{
	struct refused *rf = mu_xcalloc(1, sizeof *rf);

	rf->app = app;
	rf->counts = refusals_new();
	rf->timer = mu_timer_new(app->loop, on_timer, rf);
	return rf;
}

struct refused *refused_free(struct refused *rf)
{
	if (!rf)
		return NULL;
	mu_timer_free(rf->timer);
	refusals_free(rf->counts);
	free(rf);
	return NULL;
}

void refused_stop(struct refused *rf)
{
	mu_timer_cancel(rf->timer);
}

/* The first id in a path; false: there is none. */
static bool object_in(const char *path, struct mu_uuid *ret)
{
	char text[MU_UUID_TEXT];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		size_t len = strcspn(p + 1, "/.");

		if (len != MU_UUID_TEXT - 1)
			continue;
		memcpy(text, p + 1, len);
		text[len] = '\0';
		if (mu_uuid_parse(text, ret))
			return true;
	}
	return false;
}

/* That of /rest/v0/vms/ID/actions/start is "http.post /rest/v0/vms/{id}/actions/start: 403";
 * strangers ask for whatever they like, so that theirs is where they are and why not. */
static char *kind_of(const struct rest_refusal *r, const char *action)
{
	if (!r->user)
		return mu_xasprintf("from %s: %s", r->request->peer.address, r->why);
	return mu_xasprintf("%s %s: %d", action, r->pattern ? r->pattern : "", r->status);
}

static void note(struct refused *rf, const char *user, const char *from, const char *action,
		 const struct mu_uuid *object, const char *text)
{
	char name[MODEL_NAME_MAX + 1], source[64], detail[STORE_AUDIT_TEXT];
	const struct admin_asker who = {.user = name, .from = source};

	mu_utf8_sanitize(detail, sizeof detail - 1, text, strlen(text));
	mu_utf8_sanitize(source, sizeof source - 1, from, strlen(from));
	mu_utf8_sanitize(name, sizeof name - 1, user, strlen(user));
	write_row(rf, &who, action, object, detail);
}

/* True: to be written down now. */
static bool count(struct refused *rf, const char *user, const char *kind, bool each)
{
	mu_msec now = mu_loop_now(rf->app->loop);
	bool now_too = !rf->app->stopping && refusals_note(rf->counts, user, kind, each, now);
	mu_msec next = refusals_next(rf->counts);

	if (now_too && next >= 0)
		mu_timer_set(rf->timer, next - now);
	return now_too;
}

void refused_request(struct refused *rf, const struct rest_refusal *r)
{
	static const char *const actions[_HTTP_METHOD_COUNT] = {
	    [HTTP_GET] = "http.get",     [HTTP_POST] = "http.post",     [HTTP_PUT] = "http.put",
	    [HTTP_PATCH] = "http.patch", [HTTP_DELETE] = "http.delete", [HTTP_OTHER] = "http.other",
	};
	const char *action = actions[r->request->method];
	const char *user = r->user ? r->user->name : STRANGER;
	MU_CLEANUP(mu_free) char *kind = kind_of(r, action);
	MU_CLEANUP(mu_free) char *text = NULL;
	struct mu_uuid object;

	if (!count(rf, user, kind, r->user && r->request->method != HTTP_GET))
		return;
	text = mu_xasprintf("%s: %d %s", r->request->path, r->status, r->why);
	note(rf, user, r->request->peer.address, action,
	     object_in(r->request->path, &object) ? &object : NULL, text);
}

void refused_sign_in(struct refused *rf, const char *name, const char *from)
{
	MU_CLEANUP(mu_free) char *kind = mu_xasprintf("sign-in as %s", name);
	MU_CLEANUP(mu_free) char *text = mu_xasprintf("%s: wrong password, name or code", kind);

	if (count(rf, STRANGER, kind, false))
		note(rf, STRANGER, from, "sign-in", NULL, text);
}
