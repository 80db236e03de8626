/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/audit.h"

#include "aggregator/app/app.h"
#include "common/base/mem.h"
#include "common/os/clock.h"

#include <stdlib.h>

void app_audit(struct app *app, struct store_tx *tx, const struct admin_asker *who,
	       const char *action, const struct mu_uuid *object, const char *result,
	       const char *detail)
{
	char text[MU_UUID_TEXT] = "";
	struct store_audit row = {
	    .at = mu_clock_wall(),
	    .who = who->user,
	    .source = who->from,
	    .action = action,
	    .object = object ? mu_uuid_format(object, text) : text,
	    .result = result,
	    .detail = detail ? detail : "",
	};

	(void)app;
	store_audit_add(tx, &row);
}

struct listing {
	void (*done)(void *arg, const struct admin_audit *rows, size_t n_rows,
		     const struct mu_error *err);
	void *arg;
};

static void listed(void *ctx, const struct store_audit *rows, size_t n_rows,
		   const struct mu_error *err)
{
	struct listing *l = ctx;
	struct admin_audit *out = mu_xcalloc(n_rows + 1, sizeof *out);

	for (size_t i = 0; i < n_rows; i++)
		out[i] = (struct admin_audit){
		    .id = rows[i].id,
		    .at = rows[i].at,
		    .who = rows[i].who,
		    .source = rows[i].source,
		    .action = rows[i].action,
		    .object = rows[i].object,
		    .result = rows[i].result,
		    .detail = rows[i].detail,
		};
	l->done(l->arg, out, n_rows, err);
	free(out);
	free(l);
}

void app_audit_list(struct app *app, size_t limit, int64_t before,
		    void (*done)(void *arg, const struct admin_audit *rows, size_t n_rows,
				 const struct mu_error *err),
		    void *arg)
{
	struct listing *l = mu_xcalloc(1, sizeof *l);

	l->done = done;
	l->arg = arg;
	store_audit_list(app->store, limit, before, listed, l);
}
