/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the counters of a host's series stand, as its stream adds them up. Loop thread, no I/O.
 * Private to aggregator/metrics.
 *
 * Only series that have a counter cost anything: 8 bytes each, and 12 for as many as lie side by
 * side in their object. They are the stream's, not the archive's: when it ends nobody knows how
 * they stand, until the next one begins with a base. Of an object that several hosts tell of those
 * count that came with its newest step.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_COUNTS_H
#define MUSTER_AGGREGATOR_METRICS_COUNTS_H

#include "aggregator/metrics/metrics.h"

/* Series of an object, side by side in it and in the batches, that began together. */
struct counts_run {
	uint32_t at; /* of the first: in the batches' order */
	uint32_t since;
	uint16_t series; /* the first, in the object's order */
	uint16_t n;
};

struct counts_object {
	const struct counts *of;
	struct catalogue_object *object;
	uint32_t first_run;
	uint32_t n_runs;
};

struct counts {
	size_t n;
	uint64_t *value; /* METRICS_COUNT_UNKNOWN until there is a base */
	struct counts_run *runs;
	size_t n_runs;
	struct counts_object *objects;
	size_t n_objects;
};

/* Of a dictionary that has been mapped, `places` as catalogue_map() gave them. All are unknown. */
void counts_init(struct counts *c, const struct catalogue *catalogue,
		 const struct catalogue_want *want, const uint32_t *places, size_t n);
/* Objects that showed them show nothing. */
void counts_deinit(struct counts *c);
/* What a batch says of all of them, checked: none falls. */
void counts_add(struct counts *c, bool base, const int64_t *counted, size_t n);
/* From a batch of this step, which was taken: they are shown by objects that were last heard of
 * with it. */
void counts_show(const struct counts *c, uint32_t step);

#endif
