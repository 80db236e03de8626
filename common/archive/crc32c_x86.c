/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/crc32c.h"

#include <string.h>

#define BY_INSTRUCTION __attribute__((target("sse4.2")))

BY_INSTRUCTION static inline uint64_t add_word(uint64_t c, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return __builtin_ia32_crc32di(c, word);
}

/* Less than a word. */
BY_INSTRUCTION static inline uint32_t rest(uint64_t c, const uint8_t *p, size_t len)
{
	for (; len > 0; len--)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
	return ~(uint32_t)c;
}

BY_INSTRUCTION static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = ~crc;

	for (; len >= 8; len -= 8, p += 8)
		c = add_word(c, p);
	return rest(c, p, len);
}

/* Four variables and no array: that would be in memory, in a build that unrolls no loops. */
BY_INSTRUCTION static void rows_by_instruction(uint32_t crc[static CRC32C_ROWS], const uint8_t *p,
					       size_t stride, size_t len)
{
	uint64_t c0 = ~crc[0], c1 = ~crc[1], c2 = ~crc[2], c3 = ~crc[3];

	for (; len >= 8; len -= 8, p += 8) {
		c0 = add_word(c0, p);
		c1 = add_word(c1, p + stride);
		c2 = add_word(c2, p + 2 * stride);
		c3 = add_word(c3, p + 3 * stride);
	}
	crc[0] = rest(c0, p, len);
	crc[1] = rest(c1, p + stride, len);
	crc[2] = rest(c2, p + 2 * stride, len);
	crc[3] = rest(c3, p + 3 * stride, len);
}

uint32_t archive_crc32c(uint32_t crc, const void *data, size_t len)
{
	return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, len)
						: archive_crc32c_table(crc, data, len);
}

void archive_crc32c_rows(uint32_t crc[static CRC32C_ROWS], const void *data, size_t stride,
			 size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		rows_by_instruction(crc, data, stride, len);
	else
		archive_crc32c_rows_table(crc, data, stride, len); /* GCOVR_EXCL_LINE: old CPUs */
}
