/* SPDX-License-Identifier: Apache-2.0 */
/* GET /audit and what is below it: who changed what, newest first, and whether that is still what
 * was written. */
#include "aggregator/rest/audit_search.h"

#include "common/base/str.h"
#include "common/json/json.h"

#include <string.h>

/* JSON as it is; what was cut is only text. */
static void set_json(struct mu_arena *a, struct mu_value *v, const char *name, const char *json)
{
	struct mu_value *parsed;

	if (!json[0])
		return;
	if (mu_json_read(a, json, strlen(json), &parsed, NULL) < 0)
		parsed = mu_value_string(a, json);
	mu_value_set(a, v, name, parsed);
}

static struct mu_value *audit_value(struct mu_arena *a, const struct audit_record *row,
				    const char *previous)
{
	struct mu_value *v = mu_value_object(a);

	(void)previous;
	mu_value_set_int(a, v, "id", row->id);
	mu_value_set_int(a, v, "time", row->at);
	mu_value_set_string(a, v, "user", row->who);
	mu_value_set_string(a, v, "from", row->source);
	mu_value_set_string(a, v, "action", row->action);
	mu_value_set_string(a, v, "object", row->object);
	mu_value_set_string(a, v, "result", row->result);
	mu_value_set_string(a, v, "detail", row->detail);
	set_json(a, v, "before", row->before);
	set_json(a, v, "after", row->after);
	mu_value_set_string(a, v, "hash", row->hash);
	return v;
}

static const struct audit_shape shape = {.value = audit_value};

struct http_reply *admin_audit(struct http_request *r, const struct rest_user *user, const char *id,
			       void *ctx)
{
	(void)user, (void)id;
	return audit_search(r, ctx, &shape);
}

struct http_reply *admin_audit_record(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	struct mu_error err = MU_ERROR_INIT;
	int64_t n;

	(void)user;
	if (!mu_parse_i64(id, &n) || n < 1 || n == INT64_MAX) {
		mu_error_set(&err, MU_E_NOT_FOUND, "no such record of the audit log: %.60s", id);
		return http_reply_error(r, &err, NULL);
	}
	return audit_search_one(r, ctx, &shape, mu_value_int(r->arena, n), n);
}

/* --- the chain --- */

static void set_point(struct mu_arena *a, struct mu_value *v, const char *name,
		      const struct audit_point *p)
{
	struct mu_value *point;

	if (!p->id)
		return;
	point = mu_value_set(a, v, name, mu_value_object(a));
	mu_value_set_int(a, point, "id", p->id);
	mu_value_set_string(a, point, "hash", p->hash);
}

static void head_found(void *arg, const struct audit_record *rows, size_t n_rows,
		       const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_value *v;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	v = mu_value_object(r->arena);
	mu_value_set_int(r->arena, v, "id", n_rows ? rows[0].id : 0);
	mu_value_set_string(r->arena, v, "hash", n_rows ? rows[0].hash : AUDIT_NO_HASH);
	if (n_rows)
		mu_value_set_int(r->arena, v, "time", rows[0].at);
	http_request_finish(r, http_reply_json(r, 200, v));
}

struct http_reply *admin_audit_head(struct http_request *r, const struct rest_user *user,
				    const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct pending *p;
	struct http_reply *reply;

	(void)user, (void)id;
	reply = pending_new(r, &p);
	ops->audit_list(ops->ctx, 1, 0, head_found, p);
	return reply;
}

static void verified(void *arg, const struct audit_check *c, const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_value *v;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	v = mu_value_object(r->arena);
	mu_value_set_bool(r->arena, v, "valid", !c->wrong);
	mu_value_set_int(r->arena, v, "records", (int64_t)c->n_records);
	if (c->first)
		mu_value_set_int(r->arena, v, "first", c->first);
	set_point(r->arena, v, "trimmed", &c->trimmed);
	set_point(r->arena, v, "last", &c->last);
	if (c->wrong)
		mu_value_set_string(r->arena, v, "error", c->why);
	if (c->wrong_id)
		mu_value_set_int(r->arena, v, "record", c->wrong_id);
	http_request_finish(r, http_reply_json(r, 200, v));
}

struct http_reply *admin_audit_verify(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	const char *text = http_request_query(r, "head");
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct audit_point kept = {0};
	struct pending *p;
	struct http_reply *reply;

	(void)user, (void)id;
	if (text && !audit_point_parse(text, &kept)) {
		mu_error_set(&err, MU_E_INVALID,
			     "query parameter 'head': must be ID:HASH, as /audit/head has them");
		return http_reply_error(r, &err, NULL);
	}
	reply = pending_new(r, &p);
	ops->audit_verify(ops->ctx, text ? &kept : NULL, verified, p);
	return reply;
}
