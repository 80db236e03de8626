/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as bodies of requests are: read or refused with the reason; what was read is written, and
 * read again as the same value.
 */
#include "common/base/assert.h"
#include "common/json/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *again = NULL;
	struct mu_value *v = NULL;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	if (mu_json_read(a, (const char *)data, size, &v, &err) < 0) {
		mu_assert(err.code == MU_E_PROTOCOL && err.text[0] && !v);
		return 0;
	}
	mu_json_write(&text, v, size % 2);
	mu_assert(mu_json_read(a, text.data, text.len, &again, &err) == 0);
	mu_assert(mu_value_equal(v, again));
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "{\"name_label\":\"a \\u00e4 \\\"b\\\"\",\"memory\":4294967296,\"tags\":[\"x\",\"y\"]}",
	    "{\"a\":[true,false,null,-1.5e3,{\"b\":{\"c\":[[]]}}]}",
	    "[0, 9223372036854775807, -0.0, 1e308]",
	    "{\"a\":1,\"a\":2}",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
