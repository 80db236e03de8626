/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around a minute of a shard where it is kept as bytes (docs/formats/metrics.md):
 * magic, row, shard and checksum; then averages, minima, maxima and numbers of known steps. PURE;
 * private to common/archive.
 */
#ifndef MUSTER_ARCHIVE_MINUTE_H
#define MUSTER_ARCHIVE_MINUTE_H

#include <stdint.h>

enum { MINUTE_HEADER = 16 };

/* ARCHIVE_MINUTE_BYTES, of which all behind the header is there. */
void minute_seal(uint8_t *bytes, uint32_t row, uint32_t shard);
/* Which row it is, and of which shard; 0: damaged, or none. */
uint32_t minute_sealed(const uint8_t *bytes, uint32_t *ret_shard);

#endif
