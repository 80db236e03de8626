/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/crc32c.h"

#include <string.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p,
								 size_t len)
{
	uint64_t c = ~crc;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, sizeof word);
		c = __builtin_ia32_crc32di(c, word);
	}
	for (; len > 0; len--)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
	return ~(uint32_t)c;
}

__attribute__((target("sse4.2"))) static void rows_by_instruction(uint32_t crc[static CRC32C_ROWS],
								  const uint8_t *p, size_t stride,
								  size_t len)
{
	uint64_t c[CRC32C_ROWS];
	size_t at = 0;

	for (size_t i = 0; i < CRC32C_ROWS; i++)
		c[i] = ~crc[i];
	for (; len - at >= 8; at += 8)
		for (size_t i = 0; i < CRC32C_ROWS; i++) {
			uint64_t word;

			memcpy(&word, p + i * stride + at, sizeof word);
			c[i] = __builtin_ia32_crc32di(c[i], word);
		}
	for (size_t i = 0; i < CRC32C_ROWS; i++)
		crc[i] = by_instruction(~(uint32_t)c[i], p + i * stride + at, len - at);
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
		for (size_t i = 0; i < CRC32C_ROWS; i++)
			crc[i] =
			    archive_crc32c_table(crc[i], (const uint8_t *)data + i * stride, len);
}
