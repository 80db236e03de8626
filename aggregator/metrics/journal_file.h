/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's files (docs/formats/metrics.md): appended to and synchronised, begun anew every ten
 * minutes, removed when nothing in them is needed. Blocking: at start on the loop, afterwards on a
 * work thread, one at a time.
 */
#ifndef MUSTER_AGGREGATOR_METRICS_JOURNAL_FILE_H
#define MUSTER_AGGREGATOR_METRICS_JOURNAL_FILE_H

#include "common/archive/record.h"
#include "common/base/error.h"
#include "common/base/time.h"

enum { JOURNAL_FILES_MAX = 64 };

struct journal_files {
	const char *dir;
	struct mu_uuid pool;
	int fd; /* of the newest, -1: a new one is to be begun */
	int64_t len;
	uint32_t last_number;
	mu_msec begun_at; /* monotonic */
	size_t n_old;
	struct {
		uint32_t number;
		mu_msec closed_at;
	} old[JOURNAL_FILES_MAX];
};

/* Closes; the files stay. */
void journal_files_deinit(struct journal_files *j);

/* What was replayed, for the log. */
struct journal_found {
	size_t n_records;
	size_t n_damaged;
	size_t n_torn; /* files with a piece of a record at their end */
};

/* Read all files, oldest first. What is not ours is set aside, with a line in the log. `now`:
 * monotonic. */
int journal_files_load(struct journal_files *j, const char *dir, const struct mu_uuid *pool,
		       mu_msec now, void (*each)(void *ctx, const struct record *r), void *ctx,
		       struct journal_found *ret, struct mu_error *err);
/* Append whole records and have them on the disk. After an error nothing of it counts: the next
 * bytes are written in its place. */
int journal_files_append(struct journal_files *j, const void *bytes, size_t len, mu_msec now,
			 struct mu_error *err);
/* Is it time to begin a new file, and to remove old ones? */
bool journal_files_due(const struct journal_files *j, mu_msec now);
/* The shard files have been synchronised: do so. */
int journal_files_rotate(struct journal_files *j, mu_msec now, struct mu_error *err);

#endif
