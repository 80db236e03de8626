/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same log in the shape of Xen Orchestra's audit plugin: records go by their hash, "$5$$" (its
 * word for SHA-256) before it, and name the one before them. What is hashed is ours, though.
 */
#include "aggregator/rest/audit_search.h"

#define RECORDS "/rest/v0/plugins/audit/records"

static void set_id(struct mu_arena *a, struct mu_value *v, const char *name, const char *hash)
{
	mu_value_set_string(a, v, name, mu_arena_printf(a, "$5$$%s", hash));
}

static struct mu_value *xo_value(struct mu_arena *a, const struct audit_record *r,
				 const char *previous)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *data, *subject;

	set_id(a, v, "id", r->hash);
	if (previous)
		set_id(a, v, "previousId", previous);
	else if (r->id == 1)
		mu_value_set_string(a, v, "previousId", "nullId");
	mu_value_set_string(a, v, "event", r->action);
	mu_value_set_int(a, v, "time", r->at);
	subject = mu_value_set(a, v, "subject", mu_value_object(a));
	mu_value_set_string(a, subject, "userName", r->who);
	mu_value_set_string(a, subject, "userIp", r->source);
	data = mu_value_set(a, v, "data", mu_value_object(a));
	mu_value_set_string(a, data, "objectId", r->object);
	mu_value_set_string(a, data, "result", r->result);
	mu_value_set_string(a, data, "detail", r->detail);
	return v;
}

static const struct audit_shape shape = {.value = xo_value, .href = RECORDS};

struct http_reply *admin_xo_audit(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx)
{
	(void)user, (void)id;
	return audit_search(r, ctx, &shape);
}

struct http_reply *admin_xo_audit_record(struct http_request *r, const struct rest_user *user,
					 const char *id, void *ctx)
{
	(void)user;
	return audit_search_one(r, ctx, &shape, mu_value_string(r->arena, id), 0);
}
