/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics/rows.h"

#include "common/base/assert.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <sys/mman.h>

void *rows_map(void *ctx, uint32_t shard, size_t size)
{
	struct rows *r = ctx;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mu_assert(p != MAP_FAILED && shard == r->n);
	r->maps = mu_xrealloc(r->maps, r->n + 1, sizeof *r->maps);
	r->maps[r->n++] = p;
	r->size = size;
	return p;
}

void rows_deinit(struct rows *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		(void)munmap(r->maps[i], r->size);
	free(r->maps);
}
