/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hours and days of shards' files in memory, from the first reading of a shard on: opening a file
 * and having the kernel copy out of it is half of what a VM's year costs. Any thread. Private to
 * aggregator/metrics.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_SHARD_MAPS_H
#define MUSTER_AGGREGATOR_METRICS_SHARD_MAPS_H

#include "common/archive/tile.h"
#include "common/os/mapped.h"

#include <stdatomic.h>
#include <sys/types.h>

struct shard_maps;

_Static_assert(TILES <= 32, "a bit for each");

/* One file; stays as it is until it is put back, also when another has its name by then. */
struct shard_map {
	struct mu_mapped mapped; /* from TILE_FILE_HOURS_AT to TILE_FILE_BYTES */
	dev_t dev;
	ino_t ino;
	/* of hours, and of days: a bit for each tile, once it was read */
	atomic_uint read[2][_TILE_PART_COUNT];
	unsigned int n_users;
	bool dropped;
};

struct shard_maps *shard_maps_new(void);
/* When nobody reads any more. */
struct shard_maps *shard_maps_free(struct shard_maps *m);
/* 1: *ret is the shard's, for as long as the caller keeps it; 0: it has no file. */
int shard_maps_get(struct shard_maps *m, uint32_t shard, const char *path, struct shard_map **ret,
		   struct mu_error *err);
void shard_maps_put(struct shard_maps *m, struct shard_map *map);
/* This, an open file, is the shard's now: let go of any other. */
void shard_maps_is(struct shard_maps *m, uint32_t shard, int fd);

#endif
