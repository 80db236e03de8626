/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/random.h"

#include "common/base/assert.h"

#include <errno.h>
#include <sys/random.h>

void mu_random_bytes(void *p, size_t len)
{
	unsigned char *out = p;

	while (len > 0) {
		ssize_t n = getrandom(out, len, 0);

		mu_assert(n > 0 || errno == EINTR);
		if (n > 0) {
			out += n;
			len -= (size_t)n;
		}
	}
}

uint64_t mu_random_u64(void)
{
	uint64_t v;

	mu_random_bytes(&v, sizeof v);
	return v;
}

struct mu_uuid mu_random_uuid(void)
{
	uint8_t bytes[16];

	mu_random_bytes(bytes, sizeof bytes);
	return mu_uuid_from_random(bytes);
}
