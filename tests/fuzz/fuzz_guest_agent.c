/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's agent says. However it is cut, the same is understood; what is kept of it is
 * bounded; an error has a reason that can be shown.
 */
#include "agent/core/guest_agent.h"
#include "common/base/assert.h"
#include "fuzz.h"

#include <string.h>

struct result {
	int r;
	int64_t number;
	enum mu_error_code code;
};

static struct result run(const uint8_t *data, size_t size, size_t cut)
{
	struct guest_agent g = {.synced = size > 0 && data[0] & 1, .id = 1};
	struct mu_error err = MU_ERROR_INIT;
	struct result res = {0, 0, MU_E_NONE};

	for (size_t i = 0; i < size && res.r == 0; i += cut) {
		res.r = guest_agent_hear(&g, (const char *)data + i,
					 size - i < cut ? size - i : cut, &res.number, &err);
		mu_assert(g.line.len <= GUEST_AGENT_LINE_MAX + 1);
	}
	mu_assert(res.r >= 0 || err.code == MU_E_IO || err.code == MU_E_PROTOCOL);
	mu_assert(mu_utf8_valid(err.text, strlen(err.text)));
	res.code = err.code;
	guest_agent_deinit(&g);
	return res;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole = run(data, size, size + 1);
	struct result bytes = run(data, size, 1);

	mu_assert(whole.r == bytes.r && whole.number == bytes.number && whole.code == bytes.code);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "\xff{\"return\": 1}\n",
	    "{\"return\": 7}\n\xff{\"return\": 1}\n",
	    "a\n{\"return\": 2}\n",
	    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
