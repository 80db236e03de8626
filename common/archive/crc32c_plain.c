/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/crc32c.h"

uint32_t archive_crc32c(uint32_t crc, const void *data, size_t len)
{
	return archive_crc32c_table(crc, data, len);
}

void archive_crc32c_rows(uint32_t crc[static CRC32C_ROWS], const void *data, size_t stride,
			 size_t len)
{
	archive_crc32c_rows_table(crc, data, stride, len);
}
