/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message of JSON-RPC, and its filter as a pattern: what is understood has a method and an
 * object of parameters, whatever is answered is JSON with the id of the question, and a pattern
 * that passes its check can be matched with anything, itself among it.
 */
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/json/json.h"
#include "common/query/pattern.h"
#include "common/rest/jsonrpc.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_answer(struct mu_arena *a, const struct mu_value *id, int code, const char *text)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str answer = MU_STR_INIT;
	struct mu_value *v = NULL;

	jsonrpc_add_error(&answer, id, code, text);
	mu_assert(mu_json_read(a, answer.data, answer.len, &v, NULL) == 0);
	mu_assert(mu_value_equal(mu_value_get(v, "id"), id));
	mu_assert(mu_value_get(mu_value_get(v, "error"), "code")->integer == code);
}

static void check_pattern(const struct mu_value *pattern, const struct mu_value *value)
{
	struct mu_error err = MU_ERROR_INIT;

	if (query_pattern_check(pattern, &err) < 0) {
		mu_assert(err.code == MU_E_INVALID && err.text[0]);
		return;
	}
	(void)query_pattern_match(pattern, pattern);
	(void)query_pattern_match(pattern, value);
	(void)query_pattern_match(pattern, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *filter;
	struct jsonrpc_request q;
	int code;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	code = jsonrpc_read(a, (const char *)data, size, &q, &err);
	if (code) {
		mu_assert(code == JSONRPC_PARSE_ERROR || code == JSONRPC_INVALID_REQUEST);
		mu_assert(q.id && err.text[0]);
		check_answer(a, q.id, code, err.text);
		return 0;
	}
	mu_assert(q.method && q.params->kind == MU_VALUE_OBJECT);
	if (q.id)
		check_answer(a, q.id, JSONRPC_METHOD_NOT_FOUND, q.method);
	filter = mu_value_get(q.params, "filter");
	if (filter)
		check_pattern(filter, q.params);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "{\"id\": 0, \"jsonrpc\": \"2.0\", \"method\": \"session.signIn\", \"params\": "
	    "{\"username\": \"ansible\", \"password\": \"x\"}}",
	    "{\"id\": 1, \"jsonrpc\": \"2.0\", \"method\": \"xo.getAllObjects\", \"params\": "
	    "{\"filter\": {\"type\": \"VM\"}}}",
	    "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"xo.getAllObjects\",\"params\":"
	    "{\"filter\":{\"__or\":[{\"tags\":[\"web\",\"db\"]},{\"CPUs\":{\"number\":2.5}},"
	    "{\"__not\":{\"auto\":true}}]},\"limit\":5}}",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}",
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\",\"params\":[1]}",
	    "[{\"jsonrpc\":\"2.0\"}]",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
