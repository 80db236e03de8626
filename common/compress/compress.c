/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compress/compress.h"

#include "common/base/assert.h"

#include <snappy-c.h>

void compress_snappy(const void *data, size_t len, struct mu_str *ret)
{
	size_t n = snappy_max_compressed_length(len);
	MU_CLEANUP(mu_free) char *block = mu_xmalloc(n);

	mu_assert(snappy_compress(data, len, block, &n) == SNAPPY_OK);
	mu_str_reset(ret);
	mu_str_add_bytes(ret, block, n);
}
