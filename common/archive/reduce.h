/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops over columns, on their own so that they are compiled for speed. PURE. Arrays have
 * ARCHIVE_COLUMNS elements.
 */
#ifndef MUSTER_ARCHIVE_REDUCE_H
#define MUSTER_ARCHIVE_REDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REDUCE_STEPS = 12 };

struct reduce_row {
	const float *average;
	const float *min;
	const float *max;
	const uint8_t
	    *known; /* two columns a byte, the first in the lower half; NULL: it is whole */
};

/* Known ones fill what is unknown. */
void reduce_fill(float *into, const float *values, size_t n);
/* NaN in every column. */
void reduce_clear(float *row);

/* REDUCE_STEPS rows of steps to one minute. */
void reduce_minute(const float *const *steps, float *average, float *min, float *max,
		   uint8_t *known);
/* Take over the columns of which the other minute knows more. */
void reduce_merge(float *const *into, uint8_t *into_known, const float *const *other,
		  const uint8_t *other_known);
/* `n` minutes to an hour. `sum` is for the work. */
void reduce_hour(const struct reduce_row *minutes, size_t n, float *average, float *min, float *max,
		 uint16_t *known, double *sum);

/* Is every number of known steps 0 or REDUCE_STEPS? Then it follows from the average. */
bool reduce_is_whole(const uint8_t *known);
void reduce_whole(const float *average, uint8_t *ret_known);

/* uint8_t counts of 0 to 12, two a byte. */
void reduce_pack(const uint8_t *known, uint8_t *ret_packed);
void reduce_unpack(const uint8_t *packed, uint8_t *ret_known);

#endif
