/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VNC viewer sends. However it is cut, the same goes on; who may only look sends nothing
 * that one who may type would not have sent as well; and what goes on is itself understood.
 */
#include "agent/core/rfb.h"
#include "common/base/assert.h"
#include "fuzz.h"

#include <string.h>

struct result {
	int r;
	struct mu_str out;
};

static struct result run(const uint8_t *data, size_t size, size_t cut, bool may_type)
{
	struct result res = {.out = MU_STR_INIT};
	struct rfb rfb = {.state = RFB_VERSION};
	struct mu_error err = MU_ERROR_INIT;

	for (size_t i = 0; i < size && res.r == 0; i += cut)
		res.r = rfb_step(&rfb, data + i, size - i < cut ? size - i : cut, may_type,
				 &res.out, &err);
	mu_assert(res.r == 0 || err.code == MU_E_UNSUPPORTED);
	return res;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole = run(data, size, size + 1, true);
	struct result bytes = run(data, size, 1, true);
	struct result look = run(data, size, 7, false);
	struct result again = run((uint8_t *)look.out.data, look.out.len, 3, true);

	mu_assert(whole.r == bytes.r && whole.out.len == bytes.out.len);
	mu_assert(whole.out.len == 0 || memcmp(whole.out.data, bytes.out.data, whole.out.len) == 0);
	mu_assert(whole.out.len <= size && look.out.len <= whole.out.len && look.r == whole.r);
	mu_assert(look.r < 0 || (again.r == 0 && again.out.len <= look.out.len));
	mu_str_deinit(&whole.out);
	mu_str_deinit(&bytes.out);
	mu_str_deinit(&look.out);
	mu_str_deinit(&again.out);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const struct {
		const char *bytes;
		size_t len;
	} seeds[] = {
	    {"RFB 003.008\n\1\1\3\0\0\0\0\0\2\200\1\340\4\1\0\0\0\0\0a", 32},
	    {"RFB 003.007\n\2"
	     "0123456789abcdef\0\2\0\0\1\0\0\0\0\5\1\0\1\0\1",
	     43},
	    {"RFB 003.008\n\1\1\6\0\0\0\377\377\377\374abcd\377\0\0\1\0\0\0a\0\0\0\36", 38},
	    {"RFB "
	     "003.008\n\1\1\377\1\0\2\3\2\0\0\254\104\370\0\0\0\0\0\0\1\3xyz\373\0\2\200\1\340\0\0",
	     44},
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i].bytes, seeds[i].len);
	return seeds[i].len;
}
