/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's records (docs/formats/metrics.md): what was taken, in order, so that the rows in
 * memory can be made again. PURE: records to bytes and back.
 */
#ifndef MUSTER_ARCHIVE_RECORD_H
#define MUSTER_ARCHIVE_RECORD_H

#include "common/archive/archive.h"
#include "common/base/id.h"

enum {
	RECORD_BYTES_MAX = 8 << 20,
	RECORD_RUNS_MAX = 131072,
};

enum record_kind {
	RECORD_BATCH,  /* a step, of the host's numbered batches */
	RECORD_STEP,   /* a step that was sent later: without a number */
	RECORD_MINUTE, /* a minute, as archive_put_minute() takes it */
	RECORD_IMAGE,  /* of a shard, not a host: a minute as archive_encode_minute() gives it */
	_RECORD_KIND_COUNT,
};

enum { RECORD_IMAGE_VALUES = ARCHIVE_MINUTE_BYTES / sizeof(float) };

/* One row of one host. */
struct record {
	enum record_kind kind;
	struct mu_uuid host;
	uint64_t epoch; /* of the host's numbers */
	uint64_t seq;
	int64_t now;  /* seconds since 1970 UTC, when it was taken */
	uint32_t row; /* a step or a minute */
	uint32_t n_runs;
	uint32_t n_values;
	const struct archive_run *runs;
	const float *values;
};

size_t record_bytes(const struct record *b);
void record_encode(const struct record *b, uint8_t *ret);

enum record_found {
	RECORD_FOUND,
	RECORD_DAMAGED, /* one record, which is skipped */
	RECORD_END,
	RECORD_TORN, /* the rest cannot be read */
};

/* The record at *pos, which moves on. `ret` points into `bytes`. Every run is within its shard and
 * the values. */
enum record_found record_next(const uint8_t *bytes, size_t len, size_t *pos, struct record *ret);

#endif
