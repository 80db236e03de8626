/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/crc32c.h"

uint32_t archive_crc32c(uint32_t crc, const void *data, size_t len)
{
	return archive_crc32c_table(crc, data, len);
}

void archive_crc32c_rows(uint32_t crc[static CRC32C_ROWS], const void *data, size_t stride,
			 size_t len)
{
	for (size_t i = 0; i < CRC32C_ROWS; i++)
		crc[i] = archive_crc32c(crc[i], (const uint8_t *)data + i * stride, len);
}
