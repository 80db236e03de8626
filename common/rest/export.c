/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way is counted as long as there is a request, which does not outlive `rest`. */
#include "common/rest/export.h"

#include "common/base/str.h"

static void on_gone(void *ctx)
{
	struct export *e = ctx;

	e->request = NULL;
	e->rest->n_exports--;
}

struct http_reply *export_begin(struct rest_call *c, struct export *e)
{
	struct mu_error err = MU_ERROR_INIT;

	*e = (struct export){.rest = c->rest};
	if (c->rest->n_exports >= EXPORTS_MAX) {
		(void)mu_error_set(&err, MU_E_UNAVAILABLE,
				   "%d answers of this kind are on their way already; hint: ask "
				   "again in a moment",
				   EXPORTS_MAX);
		return rest_error(c, &err);
	}
	c->rest->n_exports++;
	e->request = c->request;
	return http_reply_pending(c->request, on_gone, e);
}

void export_finish(struct export *e, const char *type, const struct mu_error *err)
{
	struct http_request *r = e->request;
	struct mu_error large = MU_ERROR_INIT;

	e->request = NULL;
	e->rest->n_exports--;
	if (!err && e->text.len > EXPORT_BYTES_MAX) {
		(void)mu_error_set(&large, MU_E_TOO_LARGE,
				   "the answer is more than %d MiB; hint: ask for less of it",
				   EXPORT_BYTES_MAX >> 20);
		err = &large;
	}
	http_request_finish(r, err ? http_reply_error(r, err, NULL)
				   : http_reply_take(r, 200, type, &e->text));
}

void export_deinit(struct export *e)
{
	mu_str_deinit(&e->text);
}
