/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One host's batches: which column each slot is, and what became of them. Loop thread. Private to
 * aggregator/metrics.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_FEED_H
#define MUSTER_AGGREGATOR_METRICS_FEED_H

#include "aggregator/metrics/counts.h"
#include "aggregator/metrics/metrics.h"
#include "common/archive/record.h"

/* What a dictionary's slots are. */
struct feed_slots {
	struct catalogue_map map; /* heap */
	size_t n;
	float *values; /* of a batch that is shorter than its dictionary, or of a row; NULL until
			  there is one */
	struct archive_run *runs; /* of a row that is shorter, too */
};

struct feed {
	struct mu_uuid host;
	struct feed_slots live;
	struct counts counts;   /* of `live` */
	struct feed_slots kept; /* of rows that the host kept */
	int64_t kept_at;        /* when one came last, s; without any they are let go of */
	bool told;              /* the log has why batches are refused */
	struct metrics_intake intake;
};

struct feed *feed_new(const struct mu_uuid *host);
struct feed *feed_free(struct feed *f);
void feed_map(struct feed *f, struct catalogue *c, const struct catalogue_want *want, size_t n,
	      uint32_t step);
/* The same of rows: objects that another host tells of stay that one's. */
void feed_map_rows(struct feed *f, struct catalogue *c, const struct catalogue_want *want, size_t n,
		   uint32_t step, int64_t now);
/* Into the archive. False: it was refused or changed nothing, and there is nothing to keep. `ret`
 * is its record, valid until the next call. */
bool feed_put(struct feed *f, struct archive *a, const struct metrics_batch *b, int64_t now,
	      struct record *ret);
/* What it counts alone. */
void feed_count(struct feed *f, const struct metrics_batch *b);
bool feed_put_row(struct feed *f, struct archive *a, const struct metrics_row *row, int64_t now,
		  struct record *ret);
/* Is anything known of a column in that row? Of such alone a row that a host kept is news. */
bool feed_is_known(const struct archive *a, enum archive_level level, uint32_t row,
		   uint32_t column);

#endif
