/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record: its length and its checksum, then a fixed part, the runs, the values. Everything is a
 * multiple of 8 bytes, so that what is read can be used where it lies.
 */
#include "common/archive/record.h"

#include "common/archive/crc32c.h"
#include "common/base/assert.h"

#include <string.h>

struct fixed {
	uint32_t length; /* of the whole record */
	uint32_t crc;    /* of all behind it */
	struct mu_uuid host;
	uint64_t epoch;
	uint64_t seq;
	int64_t now;
	uint32_t row;
	uint32_t n_runs;
	uint32_t n_values;
	uint32_t kind;
};

_Static_assert(sizeof(struct fixed) == 64, "as docs/formats/metrics.md has it");

size_t record_bytes(const struct record *b)
{
	size_t bytes =
	    sizeof(struct fixed) + b->n_runs * sizeof *b->runs + b->n_values * sizeof *b->values;

	return (bytes + 7) & ~(size_t)7;
}

void record_encode(const struct record *b, uint8_t *ret)
{
	size_t length = record_bytes(b);
	struct fixed f = {
	    .length = (uint32_t)length,
	    .host = b->host,
	    .epoch = b->epoch,
	    .seq = b->seq,
	    .now = b->now,
	    .row = b->row,
	    .kind = b->kind,
	    .n_runs = b->n_runs,
	    .n_values = b->n_values,
	};
	uint8_t *p = ret + sizeof f;

	mu_assert(length <= RECORD_BYTES_MAX);
	memset(ret + length - 8, 0, 8);
	if (b->n_runs > 0)
		memcpy(p, b->runs, b->n_runs * sizeof *b->runs);
	p += b->n_runs * sizeof *b->runs;
	if (b->n_values > 0)
		memcpy(p, b->values, b->n_values * sizeof *b->values);
	memcpy(ret, &f, sizeof f);
	f.crc = archive_crc32c(0, ret + 8, length - 8);
	memcpy(ret, &f, sizeof f);
}

static bool runs_fit(const struct record *b)
{
	uint32_t n_slots = b->kind == RECORD_MINUTE ? b->n_values / 4 : b->n_values;

	for (uint32_t i = 0; i < b->n_runs; i++) {
		const struct archive_run *r = &b->runs[i];

		if (r->n == 0 || r->n > ARCHIVE_COLUMNS || r->slot > n_slots ||
		    r->n > n_slots - r->slot ||
		    r->column % ARCHIVE_COLUMNS + r->n > ARCHIVE_COLUMNS)
			return false;
	}
	return true;
}

static bool fits(const struct fixed *f)
{
	return f->kind < _RECORD_KIND_COUNT &&
	       (f->kind != RECORD_IMAGE || f->n_values == RECORD_IMAGE_VALUES) &&
	       f->n_runs <= RECORD_RUNS_MAX && f->n_values <= RECORD_BYTES_MAX / sizeof(float) &&
	       record_bytes(&(struct record){.n_runs = f->n_runs, .n_values = f->n_values}) ==
		   f->length;
}

enum record_found record_next(const uint8_t *bytes, size_t len, size_t *pos, struct record *ret)
{
	const uint8_t *p = bytes + *pos;
	struct fixed f;

	if (*pos == len)
		return RECORD_END;
	if (len - *pos < sizeof f)
		return RECORD_TORN;
	memcpy(&f, p, sizeof f);
	if (f.length < sizeof f || f.length % 8 != 0 || f.length > RECORD_BYTES_MAX ||
	    f.length > len - *pos)
		return RECORD_TORN;
	*pos += f.length;
	if (f.crc != archive_crc32c(0, p + 8, f.length - 8) || !fits(&f))
		return RECORD_DAMAGED;
	*ret = (struct record){
	    .kind = f.kind,
	    .host = f.host,
	    .epoch = f.epoch,
	    .seq = f.seq,
	    .now = f.now,
	    .row = f.row,
	    .n_runs = f.n_runs,
	    .n_values = f.n_values,
	    .runs = (const void *)(p + sizeof f),
	    .values = (const void *)(p + sizeof f + f.n_runs * sizeof *ret->runs),
	};
	return runs_fit(ret) ? RECORD_FOUND : RECORD_DAMAGED;
}
