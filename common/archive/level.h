/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archives of a series: four levels of rows, and what is kept of each row.
 *
 * Rows are numbered by their end: row n of a level with rows of s seconds stands for the time
 * (n*s - s, n*s] since 1970 UTC, as in RRDtool. Row 0 does not exist. PURE.
 */
#ifndef MUSTER_ARCHIVE_LEVEL_H
#define MUSTER_ARCHIVE_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARCHIVE_STEP_S = 5 };

enum archive_level {
	ARCHIVE_STEPS,
	ARCHIVE_MINUTES,
	ARCHIVE_HOURS,
	ARCHIVE_DAYS,
	_ARCHIVE_LEVEL_COUNT,
};

/* How a row stands for what was within its time. A step has one value, which is all three. */
enum archive_cf {
	ARCHIVE_AVERAGE,
	ARCHIVE_MIN,
	ARCHIVE_MAX,
	_ARCHIVE_CF_COUNT,
};

struct archive_level_info {
	const char *name; /* as in REST's `granularity` */
	uint32_t seconds; /* of a row */
	uint32_t n_rows;  /* that are kept */
};

extern const struct archive_level_info archive_levels[_ARCHIVE_LEVEL_COUNT];

bool archive_level_parse(const char *name, enum archive_level *ret);
bool archive_cf_parse(const char *name, enum archive_cf *ret); /* "AVERAGE", "MIN", "MAX" */
const char *archive_cf_name(enum archive_cf cf);

/* The row that has the second `at` in it; 0 for times that no row can have. */
uint32_t archive_row_of(enum archive_level level, int64_t at);
/* The newest row that has ended at `at`; 0 when there is none. */
uint32_t archive_row_ended(enum archive_level level, int64_t at);
static inline int64_t archive_row_end(enum archive_level level, uint32_t row)
{
	return (int64_t)row * archive_levels[level].seconds;
}

#endif
