/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking for the rows of one object, and what comes back: the same for whoever keeps an archive.
 * PURE.
 */
#ifndef MUSTER_ARCHIVE_STATS_H
#define MUSTER_ARCHIVE_STATS_H

#include "common/archive/catalogue.h"

struct stats_query {
	struct mu_uuid object;
	enum archive_level level;
	enum archive_cf cf;
	int64_t start; /* seconds since 1970 UTC, 0 = as far back as there are rows */
	int64_t end;   /* 0 = the newest row */
};

struct stats_series {
	const char *name;
	const char *unit;
	const float *values; /* NaN = unknown */
};

struct stats_result {
	int64_t end; /* of the last row */
	uint32_t n_rows;
	size_t n_series;
	const struct stats_series *series;
};

/* Which rows a query is about, of an object whose newest step is `last`: of the `n_kept` that there
 * may be those of its time, or the newest, as many as the level is said to have. MU_E_INVALID when
 * there can be none. */
int stats_rows(const struct stats_query *q, int64_t now, uint32_t last, uint32_t n_kept,
	       uint32_t *ret_first, uint32_t *ret_n, struct mu_error *err);
/* An answer's frame, in the arena: the object's series in order, with room for n values each, those
 * of one behind those of the other from *ret_values on. */
void stats_frame(const struct catalogue_object *o, const struct stats_query *q, uint32_t first,
		 uint32_t n, struct mu_arena *arena, struct stats_result *ret, float **ret_values);
/* Steps or minutes of an object, in the arena. */
void stats_read(const struct archive *a, const struct catalogue_object *o,
		const struct stats_query *q, uint32_t first, uint32_t n, struct mu_arena *arena,
		struct stats_result *ret);
/* The values of an object's series at one step; NaN = unknown. */
void stats_at(const struct archive *a, const struct catalogue_object *o, uint32_t step, float *ret);
/* What is older than its series was another's: unknown. */
void stats_mask(enum archive_level level, uint32_t born, uint32_t first, uint32_t n, float *values);

#endif
