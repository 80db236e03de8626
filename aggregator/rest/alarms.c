/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/rest/alarms.h"

#include "aggregator/rest/reply.h"
#include "aggregator/rest/rows.h"
#include "common/base/mem.h"
#include "common/rest/rest.h"

#define V0 "/rest/v0"

/* --- reading --- */

/* 404 when it is no id, or none of a rule's. */
static const struct alarm_rule *rule_need(const struct alarm_ops *ops, const char *id,
					  struct mu_error *err)
{
	const struct alarm_rule *rule;
	struct mu_uuid uuid;

	if (id_read(id, "alarm rule", &uuid, err) < 0)
		return NULL;
	rule = ops->rule_find(ops->ctx, &uuid);
	if (!rule)
		(void)mu_error_set(err, MU_E_NOT_FOUND, "no such alarm rule: %.60s", id);
	return rule;
}

static struct mu_value *rule_value(struct mu_arena *a, const struct alarm_rule *rule)
{
	struct mu_value *v = alarm_rule_value(a, rule);
	char id[MU_UUID_TEXT];

	mu_value_set_string(
	    a, v, "href", mu_arena_printf(a, V0 "/alarm-rules/%s", mu_uuid_format(&rule->id, id)));
	return v;
}

/* --- rules --- */

static void rule_listed(const struct alarm_rule *rule, void *arg)
{
	struct rows *rows = arg;

	rows_add(rows, rule_value(rows->request->arena, rule));
}

static struct http_reply *rules_list(struct http_request *r, const struct rest_user *user,
				     const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct rows rows;

	(void)user, (void)id;
	if (rows_begin_whole(&rows, r, "alarm-rules", &err) < 0)
		return rest_refuse_list(r, &err);
	ops->rule_each(ops->ctx, rule_listed, &rows);
	return rows_end(&rows);
}

static struct mu_value *rule_shown(struct http_request *r, const struct rest_user *user,
				   const char *id, void *ctx)
{
	const struct alarm_rule *rule = rule_need(ctx, id, NULL);

	(void)user;
	return rule ? rule_value(r->arena, rule) : NULL;
}

static struct http_reply *rules_get(struct http_request *r, const struct rest_user *user,
				    const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const struct alarm_rule *rule = rule_need(ops, id, &err);

	(void)user;
	return rule ? rest_reply_tagged(r, rule_value(r->arena, rule))
		    : http_reply_error(r, &err, NULL);
}

static void finish_rule(void *arg, const struct alarm_rule *rule, int status,
			const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);

	if (!r)
		return;
	http_request_finish(r, err ? http_reply_error(r, err, NULL)
				   : http_reply_json(r, status, rule_value(r->arena, rule)));
}

static void rule_created(void *arg, const struct alarm_rule *rule, const struct mu_error *err)
{
	finish_rule(arg, rule, 201, err);
}

static void rule_updated(void *arg, const struct alarm_rule *rule, const struct mu_error *err)
{
	finish_rule(arg, rule, 200, err);
}

static void rule_tried(void *arg, const struct alarm_trial *trial, const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_arena *a = r ? r->arena : NULL;
	struct mu_value *v, *results;
	char buf[ALARM_VALUE_TEXT];

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	v = mu_value_object(a);
	mu_value_set_int(a, v, "matched", (int64_t)trial->n_matched);
	mu_value_set_int(a, v, "unknown", (int64_t)trial->n_unknown);
	mu_value_set_int(a, v, "alarms", (int64_t)trial->n_alarms);
	results = mu_value_set(a, v, "results", mu_value_list(a));
	for (size_t i = 0; i < trial->n_results; i++) {
		const struct alarm *alarm = &trial->results[i];
		struct mu_value *one = mu_value_push(results, mu_value_object(a));

		value_set_uuid(a, one, "object", &alarm->object);
		mu_value_set_string(a, one, "type", alarm_of_name(alarm->of));
		mu_value_set_string(a, one, "name", alarm->name);
		mu_value_set_string(a, one, "level", alarm_level_name(alarm->level));
		if (alarm->measured)
			mu_value_set_string(a, one, "value", alarm_value_text(alarm, buf));
	}
	http_request_finish(r, http_reply_json(r, 200, v));
}

static struct http_reply *start_trial(struct http_request *r, const struct alarm_ops *ops,
				      const struct alarm_rule *rule)
{
	struct pending *p;
	struct http_reply *reply = pending_new(r, &p);

	ops->rule_try(ops->ctx, rule, rule_tried, p);
	return reply;
}

static struct http_reply *rules_create(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	const struct mu_uuid none = {{0}};
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *body;
	struct alarm_rule rule;
	struct http_reply *reply;
	struct pending *p;

	(void)id;
	alarm_rule_init(&rule, &none);
	if (body_parse(r, &body, &err) < 0 || alarm_rule_merge(&rule, body, &err) < 0)
		return http_reply_error(r, &err, NULL);
	if (rest_is_trial(r))
		return start_trial(r, ops, &rule);
	reply = pending_new(r, &p);
	ops->rule_create(ops->ctx, &rule, &who, rule_created, p);
	return reply;
}

static struct http_reply *rules_update(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	const struct alarm_rule *found;
	struct alarm_rule rule;
	struct mu_value *body;
	struct http_reply *reply;
	struct pending *p;

	if (!(found = rule_need(ops, id, &err)))
		return http_reply_error(r, &err, NULL);
	rule = *found;
	if (body_parse(r, &body, &err) < 0 || alarm_rule_merge(&rule, body, &err) < 0)
		return http_reply_error(r, &err, NULL);
	if (rest_is_trial(r))
		return start_trial(r, ops, &rule);
	reply = pending_new(r, &p);
	ops->rule_update(ops->ctx, &rule, &who, rule_updated, p);
	return reply;
}

static struct http_reply *rules_delete(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	const struct alarm_rule *rule;
	struct http_reply *reply;
	struct pending *p;

	if (!(rule = rule_need(ops, id, &err)))
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->rule_delete(ops->ctx, &rule->id, &who, pending_done_empty, p);
	return reply;
}

static struct http_reply *rules_test(struct http_request *r, const struct rest_user *user,
				     const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	const struct alarm_rule *rule;

	(void)user;
	if (!(rule = rule_need(ops, id, &err)))
		return http_reply_error(r, &err, NULL);
	return start_trial(r, ops, rule);
}

/* --- alarms --- */

static struct http_reply *acknowledge(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid;
	struct http_reply *reply;
	struct pending *p;

	if (id_read(id, "alarm", &uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->acknowledge(ops->ctx, &uuid, &who, pending_done_empty, p);
	return reply;
}

/* --- targets --- */

static struct mu_value *target_value(struct mu_arena *a, const struct notify_target *t)
{
	struct mu_value *v = notify_target_value(a, t, false);

	value_set_uuid(a, v, "id", &t->id);
	return v;
}

static void target_listed(const struct notify_target *t, void *arg)
{
	struct rows *rows = arg;

	rows_add(rows, target_value(rows->request->arena, t));
}

static struct http_reply *targets_list(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct rows rows;

	(void)user, (void)id;
	if (rows_begin_whole(&rows, r, NULL, &err) < 0)
		return rest_refuse_list(r, &err);
	ops->target_each(ops->ctx, target_listed, &rows);
	return rows_end(&rows);
}

static void target_created(void *arg, const struct notify_target *t, const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);

	if (r)
		http_request_finish(r, err ? http_reply_error(r, err, NULL)
					   : http_reply_json(r, 201, target_value(r->arena, t)));
}

static struct http_reply *targets_create(struct http_request *r, const struct rest_user *user,
					 const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	const struct mu_uuid none = {{0}};
	struct admin_asker who = asker_of(r, user);
	struct notify_target *t = mu_arena_calloc(r->arena, 1, sizeof *t);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *body;
	struct http_reply *reply;
	struct pending *p;

	(void)id;
	if (body_parse(r, &body, &err) < 0 || notify_target_read(t, &none, body, &err) < 0 ||
	    notify_target_check_new(t, &err) < 0)
		return http_reply_error(r, &err, NULL);
	if (rest_is_trial(r))
		return http_reply_empty(r, 204);
	reply = pending_new(r, &p);
	ops->target_create(ops->ctx, t, &who, target_created, p);
	return reply;
}

static struct http_reply *targets_delete(struct http_request *r, const struct rest_user *user,
					 const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid;
	struct http_reply *reply;
	struct pending *p;

	if (id_read(id, "alarm target", &uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->target_delete(ops->ctx, &uuid, &who, pending_done_empty, p);
	return reply;
}

static struct http_reply *targets_test(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct alarm_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid;
	struct http_reply *reply;
	struct pending *p;

	(void)user;
	if (id_read(id, "alarm target", &uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->target_test(ops->ctx, &uuid, pending_done_empty, p);
	return reply;
}

static const struct rest_route routes[] = {
    {HTTP_GET, V0 "/alarm-rules", "alarm-rule:read", rules_list},
    {HTTP_POST, V0 "/alarm-rules", "alarm-rule:create", rules_create, true},
    {HTTP_GET, V0 "/alarm-rules/{id}", "alarm-rule:read", rules_get},
    {HTTP_PATCH, V0 "/alarm-rules/{id}", "alarm-rule:update", rules_update, true},
    {HTTP_DELETE, V0 "/alarm-rules/{id}", "alarm-rule:delete", rules_delete},
    {HTTP_POST, V0 "/alarm-rules/{id}/actions/test", "metrics:read", rules_test},
    {HTTP_POST, V0 "/alarms/{id}/actions/acknowledge", "alarm:acknowledge", acknowledge},
    {HTTP_GET, V0 "/alarm-targets", "alarm-target:read", targets_list},
    {HTTP_POST, V0 "/alarm-targets", "alarm-target:create", targets_create, true},
    {HTTP_DELETE, V0 "/alarm-targets/{id}", "alarm-target:delete", targets_delete},
    {HTTP_POST, V0 "/alarm-targets/{id}/actions/test", "alarm-target:test", targets_test},
};

static const struct rest_etagged tagged[] = {{"alarm-rules", rule_shown}};

void alarm_routes_add(struct rest *rest, const struct alarm_ops *ops)
{
	/* The table's context is not const; the handlers only read. */
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), (void *)(uintptr_t)ops);
	rest_add_tagged(rest, tagged, MU_ARRAY_SIZE(tagged), (void *)(uintptr_t)ops);
}
