/* SPDX-License-Identifier: Apache-2.0 */
/* CRC32C (Castagnoli), by the processor where it can. PURE. */
#ifndef MUSTER_ARCHIVE_CRC32C_H
#define MUSTER_ARCHIVE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* `crc` is 0, or the result for the bytes before. */
uint32_t archive_crc32c(uint32_t crc, const void *data, size_t len);
/* The same of rows, `stride` bytes apart: several at once, as each has to wait for itself only. */
enum { CRC32C_ROWS = 4 };
void archive_crc32c_rows(uint32_t crc[static CRC32C_ROWS], const void *data, size_t stride,
			 size_t len);
/* The same by tables, for processors without the instruction. */
uint32_t archive_crc32c_table(uint32_t crc, const void *data, size_t len);
void archive_crc32c_rows_table(uint32_t crc[static CRC32C_ROWS], const void *data, size_t stride,
			       size_t len);

#endif
