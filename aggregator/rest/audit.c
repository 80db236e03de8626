/* SPDX-License-Identifier: Apache-2.0 */
/* GET /audit?limit=&before=: newest first. */
#include "aggregator/rest/reply.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

static struct mu_value *audit_value(struct mu_arena *a, const struct admin_audit *row)
{
	struct mu_value *v = mu_value_object(a);

	mu_value_set_int(a, v, "id", row->id);
	mu_value_set_int(a, v, "time", row->at);
	mu_value_set_string(a, v, "user", row->who);
	mu_value_set_string(a, v, "from", row->source);
	mu_value_set_string(a, v, "action", row->action);
	mu_value_set_string(a, v, "object", row->object);
	mu_value_set_string(a, v, "result", row->result);
	mu_value_set_string(a, v, "detail", row->detail);
	return v;
}

static void listed(void *arg, const struct admin_audit *rows, size_t n_rows,
		   const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_value *list;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	list = mu_value_list(r->arena);
	for (size_t i = 0; i < n_rows; i++)
		mu_value_push(list, audit_value(r->arena, &rows[i]));
	http_request_finish(r, http_reply_json(r, 200, list));
}

struct http_reply *admin_audit(struct http_request *r, const struct rest_user *user, const char *id,
			       void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	int64_t limit;
	int64_t before;
	struct pending *p;
	struct http_reply *reply;

	(void)user, (void)id;
	if (query_int(r, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX, &limit, &err) < 0 ||
	    query_int(r, "before", 0, 0, INT64_MAX, &before, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->audit_list(ops->ctx, (size_t)limit, before, listed, p);
	return reply;
}
