/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hours and days out of shards' files (docs/formats/metrics.md). Blocking: on work threads, several
 * at a time, beside the one that writes.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_SHARD_READ_H
#define MUSTER_AGGREGATOR_METRICS_SHARD_READ_H

#include "aggregator/metrics/shard_file.h"

/* Which rows of which columns to read. */
struct shard_read {
	enum archive_level level;
	enum archive_cf cf;
	uint32_t first;
	uint32_t n_rows;
	size_t n_columns;
	const uint32_t *columns; /* each once */
	float *values;           /* n_rows for each column, NaN where nothing is */
};

int shard_read(const struct shard_place *p, const struct shard_read *rd, struct mu_error *err);

#endif
