/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/audit.h"

#include "aggregator/app/app.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <string.h>

/* What was and what became of it; cut when it is too long, which no JSON is any more. */
static const char *cut(const char *json, char buf[static STORE_AUDIT_VALUE])
{
	mu_utf8_sanitize(buf, STORE_AUDIT_VALUE - 1, json ? json : "", json ? strlen(json) : 0);
	return buf;
}

void app_audit_change(struct app *app, struct store_tx *tx, const struct admin_asker *who,
		      const char *action, const struct mu_uuid *object, const char *result,
		      const char *detail, const char *before, const char *after)
{
	char text[MU_UUID_TEXT] = "";
	char was[STORE_AUDIT_VALUE];
	char is[STORE_AUDIT_VALUE];
	struct audit_record row = {
	    .at = mu_clock_wall(),
	    .who = who->user,
	    .source = who->from,
	    .action = action,
	    .object = object ? mu_uuid_format(object, text) : text,
	    .result = result,
	    .detail = detail ? detail : "",
	    .before = cut(before, was),
	    .after = cut(after, is),
	};

	(void)app;
	store_audit_add(tx, &row);
}

void app_audit(struct app *app, struct store_tx *tx, const struct admin_asker *who,
	       const char *action, const struct mu_uuid *object, const char *result,
	       const char *detail)
{
	app_audit_change(app, tx, who, action, object, result, detail, NULL, NULL);
}

void app_audit_refusal(struct app *app, const struct admin_asker *who, const char *action,
		       const struct mu_uuid *object, const struct mu_error *why)
{
	struct store_tx *tx = store_begin(app->store);

	app_audit(app, tx, who, action, object, "refused", why->text);
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
}

/* --- the chain's end, for whoever keeps logs elsewhere --- */

static void head_found(void *ctx, const struct audit_record *rows, size_t n_rows,
		       const struct mu_error *err)
{
	(void)ctx;
	if (err)
		mu_log_warning("audit log cannot be read err=\"%s\"", err->text);
	else if (n_rows)
		mu_log_info("audit log id=%lld hash=%s", (long long)rows[0].id, rows[0].hash);
}

void app_audit_daily(struct app *app)
{
	struct store_tx *tx = store_begin(app->store);

	store_audit_trim(tx, STORE_AUDIT_KEEP, mu_clock_wall());
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
	store_audit_list(app->store, 1, 0, head_found, NULL);
}

/* --- what REST asks --- */

void app_audit_list(void *app, size_t limit, int64_t before, admin_audit_rows done, void *arg)
{
	store_audit_list(((struct app *)app)->store, limit, before, done, arg);
}

void app_audit_verify(void *app, const struct audit_point *kept, admin_audit_verdict done,
		      void *arg)
{
	store_audit_verify(((struct app *)app)->store, kept, done, arg);
}
