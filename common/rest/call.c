/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/call.h"

#include "common/base/str.h"
#include "common/json/json.h"

#include <string.h>

struct http_reply *rest_error(struct rest_call *c, const struct mu_error *err)
{
	return http_reply_error(c->request, err, NULL);
}

struct http_reply *rest_bad_request(struct rest_call *c, const struct mu_error *err)
{
	struct mu_error bad = *err;

	bad.code = MU_E_PROTOCOL;
	return rest_error(c, &bad);
}

struct http_reply *rest_not_found(struct rest_call *c, const char *type, const char *id)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *data = mu_value_object(c->arena);

	(void)mu_error_set(&err, MU_E_NOT_FOUND, "no such %s %s", type, id);
	mu_value_set_string(c->arena, data, "id", id);
	mu_value_set_string(c->arena, data, "type", type);
	return http_reply_error(c->request, &err, data);
}

struct http_reply *rest_created(struct http_request *r, const char *collection,
				const struct mu_uuid *id)
{
	struct mu_value *v = mu_value_object(r->arena);
	char text[MU_UUID_TEXT];
	struct http_reply *reply;

	mu_value_set_string(r->arena, v, "id", mu_uuid_format(id, text));
	reply = http_reply_json(r, 201, v);
	http_reply_header(reply, "location",
			  mu_arena_printf(r->arena, "/rest/v0/%s/%s", collection, text));
	return reply;
}

int rest_query_bool(struct rest_call *c, const char *name, bool *ret, struct mu_error *err)
{
	const char *text = http_request_query(c->request, name);

	if (!text || strcmp(text, "false") == 0) {
		*ret = false;
		return 0;
	}
	if (text[0] && strcmp(text, "true") != 0)
		return mu_error_set(err, MU_E_PROTOCOL, "%s: \"%s\" is neither true nor false",
				    name, text);
	*ret = true;
	return 0;
}

int rest_query_seconds(struct rest_call *c, const char *name, int64_t *ret, struct mu_error *err)
{
	enum { SECONDS_MAX = 7 * 86400 };
	const char *text = http_request_query(c->request, name);
	uint64_t n = 0;

	if (!text) {
		*ret = 0;
		return 0;
	}
	if (!mu_parse_u64(text, &n) || n == 0 || n > SECONDS_MAX)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s: \"%s\" is not a number of seconds from 1 to %d", name,
				    text, SECONDS_MAX);
	*ret = (int64_t)n;
	return 0;
}

static bool is_known(const char *const *known, const char *name)
{
	for (; *known; known++)
		if (strcmp(*known, name) == 0)
			return true;
	return false;
}

int rest_body(struct rest_call *c, const char *const *known, const struct mu_value **ret_body,
	      struct mu_error *err)
{
	struct mu_value *v = NULL;

	if (c->request->body_len == 0) {
		*ret_body = mu_value_object(c->arena);
		return 0;
	}
	if (mu_json_read(c->arena, c->request->body, c->request->body_len, &v, err) < 0)
		return mu_error_prefix(err, "body");
	if (v->kind != MU_VALUE_OBJECT)
		return mu_error_set(err, MU_E_INVALID, "body: an object is expected, not %s",
				    mu_value_kind_name(v->kind));
	mu_value_each(member, v) if (known && !is_known(known, member->name)) return mu_error_set(
	    err, MU_E_INVALID, "body: unknown property \"%s\"", member->name);
	*ret_body = v;
	return 0;
}

int rest_body_string(const struct mu_value *body, const char *name, const char **ret,
		     struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(body, name);

	if (v && v->kind != MU_VALUE_STRING)
		return mu_error_set(err, MU_E_INVALID, "body: %s: a string is expected, not %s",
				    name, mu_value_kind_name(v->kind));
	*ret = mu_value_as_string(v);
	return 0;
}
