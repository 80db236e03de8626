/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for the archive's rows, 2 MB for a shard: mapped, each on its own. The heap would lay them
 * among what comes and goes (a fifth of it was holes), and could not give a page back that nothing
 * was ever written to. Loop thread. Private to aggregator/metrics.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_ROWS_H
#define MUSTER_AGGREGATOR_METRICS_ROWS_H

#include <stddef.h>
#include <stdint.h>

struct rows {
	void **maps; /* by shard */
	uint32_t n;
	size_t size; /* of each */
};

/* Of archive_options; `ctx` is a struct rows, which begins as zeros. Ends the process when there is
 * no memory, as the heap does. */
void *rows_map(void *ctx, uint32_t shard, size_t size);
void rows_deinit(struct rows *r);

#endif
