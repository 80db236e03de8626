/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text: what is accepted is within its bounds, and is the same when it comes back as JSON. */
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/yaml/yaml.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static size_t count(const struct mu_value *v)
{
	size_t n = 1;

	mu_value_each(child, v) n += count(child);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v, *back;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	if (mu_yaml_read(a, (const char *)data, size, &v, &err) < 0) {
		mu_assert(err.code == MU_E_INVALID && mu_str_has_prefix(err.text, "line "));
		return 0;
	}
	mu_assert(count(v) <= MU_YAML_NODES_MAX + 1);
	mu_json_write(&text, v, false);
	mu_assert(mu_json_read(a, text.data, text.len, &back, &err) == 0);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "kind: vm\nname: web-1\nspec: {cpus: 2, memory: 4GiB, tags: [a, \"b\"]}\n",
	    "---\na: &x [1, -2.5, ~, true]\nb: *x\n---\n- !!str 1\n- 'it''s'\n- |\n  text\n",
	    "? key\n: >-\n  folded\n  text\n\"quoted\\n\\u00e9\": {}\n",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
