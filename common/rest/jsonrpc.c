/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/jsonrpc.h"

#include "common/json/json.h"

#include <string.h>

static bool is_id(const struct mu_value *v)
{
	return v->kind == MU_VALUE_STRING || v->kind == MU_VALUE_INT || v->kind == MU_VALUE_REAL ||
	       v->kind == MU_VALUE_NULL;
}

static const char *fault_of(const struct mu_value *v)
{
	const char *version = mu_value_as_string(mu_value_get(v, "jsonrpc"));
	const struct mu_value *params = mu_value_get(v, "params");
	const struct mu_value *id = mu_value_get(v, "id");

	if (v->kind != MU_VALUE_OBJECT)
		return "a request is an object; hint: no batches, one message each";
	if (id && !is_id(id))
		return "id: a text or a number is needed";
	if (!version || strcmp(version, "2.0") != 0)
		return "jsonrpc: \"2.0\" is spoken here";
	if (!mu_value_as_string(mu_value_get(v, "method")))
		return "method: a text is needed";
	if (params && params->kind != MU_VALUE_OBJECT)
		return "params: an object is needed; hint: by name, not by position";
	return NULL;
}

int jsonrpc_read(struct mu_arena *a, const char *text, size_t len,
		 struct jsonrpc_request *ret_request, struct mu_error *err)
{
	const struct mu_value *id, *params;
	struct mu_value *v = NULL;
	const char *fault;

	*ret_request = (struct jsonrpc_request){.id = mu_value_null(a)};
	if (mu_json_read(a, text, len, &v, err) < 0)
		return JSONRPC_PARSE_ERROR;
	id = mu_value_get(v, "id");
	fault = fault_of(v);
	if (id && is_id(id))
		ret_request->id = id;
	if (fault) {
		(void)mu_error_set(err, MU_E_INVALID, "%s", fault);
		return JSONRPC_INVALID_REQUEST;
	}
	params = mu_value_get(v, "params");
	ret_request->id = id;
	ret_request->method = mu_value_as_string(mu_value_get(v, "method"));
	ret_request->params = params ? params : mu_value_object(a);
	return 0;
}

static void add_begin(struct mu_str *out, const struct mu_value *id)
{
	mu_str_add(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	mu_json_write(out, id, false);
}

void jsonrpc_add_head(struct mu_str *out, const struct mu_value *id)
{
	add_begin(out, id);
	mu_str_add(out, ",\"result\":");
}

void jsonrpc_add_result(struct mu_str *out, const struct mu_value *id,
			const struct mu_value *result)
{
	jsonrpc_add_head(out, id);
	mu_json_write(out, result, false);
	mu_str_add_char(out, '}');
}

void jsonrpc_add_error(struct mu_str *out, const struct mu_value *id, int code, const char *text)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *error = mu_value_object(a);
	char message[MU_ERROR_TEXT_MAX];

	/* What was cut to fit may end in half a character, which a text frame must not have. */
	mu_utf8_sanitize(message, sizeof message - 1, text, strlen(text));
	mu_value_set_int(a, error, "code", code);
	mu_value_set_string(a, error, "message", message);
	add_begin(out, id);
	mu_str_add(out, ",\"error\":");
	mu_json_write(out, error, false);
	mu_str_add_char(out, '}');
}
