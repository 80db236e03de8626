/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shard files (docs/formats/metrics.md): minutes, hours and days on the disk. Blocking: at start on
 * the loop, afterwards on a work thread, one writer at a time. Readers may run beside it.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_SHARD_FILE_H
#define MUSTER_AGGREGATOR_METRICS_SHARD_FILE_H

#include "aggregator/metrics/shard_maps.h"
#include "common/archive/tile.h"
#include "common/base/error.h"
#include "common/base/id.h"

/* Whose files these are, where, and what of them is in memory for readers. */
struct shard_place {
	const char *dir;
	struct mu_uuid pool;
	struct shard_maps *maps;
};

/* Heap. */
char *shard_file_path(const struct shard_place *p, uint32_t shard);

/* Look at a file: 1 when it can be used, 0 when there is none (any more: one that is not ours, or
 * damaged, has been set aside as *ret_aside, heap). */
int shard_file_check(const struct shard_place *p, uint32_t shard, char **ret_aside,
		     struct mu_error *err);
/* It will be loaded soon: have its minutes read meanwhile. */
void shard_file_expect(const struct shard_place *p, uint32_t shard);
/* Its minutes into the archive; what is damaged is left out. */
int shard_file_load(const struct shard_place *p, uint32_t shard, struct archive *a,
		    struct mu_error *err);
/* The file is made when there is none, also in the place of one that is not ours. `bytes` as
 * archive_encode_minute() gives them. */
int shard_file_write_minute(const struct shard_place *p, uint32_t shard, uint32_t row,
			    const uint8_t *bytes, struct mu_error *err);
/* An hour, where it knows more than what is there; with the last hour of a day, the day. `born`:
 * a step for each column. */
int shard_file_write_hour(const struct shard_place *p, uint32_t shard, struct archive_cells *tiles,
			  const uint32_t *born, struct mu_error *err);
int shard_file_sync(const struct shard_place *p, uint32_t shard, struct mu_error *err);

#endif
