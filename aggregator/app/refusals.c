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

static void write_row(struct refused *rf, const struct admin_asker *who,
		      const struct mu_uuid *object, const char *detail)
{
	struct store_tx *tx = store_begin(rf->app->store);

	app_audit(rf->app, tx, who, "access", object, "refused", detail);
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

		write_row(rf, &who, NULL, detail);
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

void refused_note(struct refused *rf, const char *user, const char *from, const char *what,
		  const char *path, const struct mu_uuid *object)
{
	char name[MODEL_NAME_MAX + 1], source[64], detail[STORE_AUDIT_TEXT];
	const struct admin_asker who = {.user = name, .from = source};
	mu_msec now = mu_loop_now(rf->app->loop);
	MU_CLEANUP(mu_free) char *text = NULL;

	if (rf->app->stopping || !refusals_note(rf->counts, user, what, now))
		return;
	text = mu_xasprintf("%s: %s", what, path);
	mu_utf8_sanitize(detail, sizeof detail - 1, text, strlen(text));
	mu_utf8_sanitize(source, sizeof source - 1, from, strlen(from));
	mu_utf8_sanitize(name, sizeof name - 1, user, strlen(user));
	write_row(rf, &who, object, detail);
	mu_timer_set(rf->timer, refusals_next(rf->counts) - now);
}
