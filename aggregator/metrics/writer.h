/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to the disk in one go, on a work thread: the journal's new records, then rows. The loop
 * fills it, starts it, and looks at the results; in between it belongs to the thread. Private to
 * aggregator/metrics.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_WRITER_H
#define MUSTER_AGGREGATOR_METRICS_WRITER_H

#include "aggregator/metrics/journal_file.h"
#include "aggregator/metrics/shard_file.h"
#include "common/base/str.h"
#include "common/loop/work.h"

enum { WRITER_ROWS_MAX = 64 };

/* A minute or an hour of a shard. */
struct writer_row {
	struct archive_change change;
	bool written;
	uint8_t *minute; /* ARCHIVE_MINUTE_BYTES; or: */
	struct archive_cells *tiles;
	uint32_t *born;
};

struct writer {
	struct mu_work work; /* `done` is the user's */
	struct shard_place place;
	struct journal_files journal;
	/* in */
	int64_t now; /* seconds since 1970 UTC */
	struct mu_str records;
	struct writer_row rows[WRITER_ROWS_MAX];
	size_t n_rows;
	/* out */
	bool journalled;
	bool
	    lost; /* `lost_shard` could not be synchronised: what was written may never get there */
	uint32_t lost_shard;
	struct mu_error err; /* the first that happened */
	/* the thread's */
	uint8_t *unsynced; /* by shard: written since it was synchronised */
	uint32_t n_unsynced;
};

void writer_init(struct writer *w, const char *dir, const struct mu_uuid *pool);
void writer_deinit(struct writer *w);
/* Room for one more row; NULL when it is full. */
struct writer_row *writer_add(struct writer *w, const struct archive_change *change);
void writer_clear_rows(struct writer *w);
/* Behind the records that are there. */
void writer_add_record(struct mu_str *to, const struct record *r);

#endif
