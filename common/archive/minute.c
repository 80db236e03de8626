/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/minute.h"

#include "common/archive/archive.h"
#include "common/archive/crc32c.h"

#include <string.h>

#define MAGIC UINT32_C(0x314e494d) /* "MIN1" */

static uint32_t checksum(const uint8_t *bytes)
{
	uint32_t crc = archive_crc32c(0, bytes, 12);

	return archive_crc32c(crc, bytes + MINUTE_HEADER, ARCHIVE_MINUTE_BYTES - MINUTE_HEADER);
}

void minute_seal(uint8_t *bytes, uint32_t row, uint32_t shard)
{
	uint32_t header[4] = {MAGIC, row, shard, 0};

	memcpy(bytes, header, sizeof header);
	header[3] = checksum(bytes);
	memcpy(bytes, header, sizeof header);
}

uint32_t minute_sealed(const uint8_t *bytes, uint32_t *ret_shard)
{
	uint32_t header[4];

	memcpy(header, bytes, sizeof header);
	if (header[0] != MAGIC || header[3] != checksum(bytes))
		return 0;
	*ret_shard = header[2];
	return header[1];
}
