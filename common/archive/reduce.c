/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Written so that the compiler makes vectors of them: no branch, no call, no aliasing. "x == x" is
 * "x is known". Sums are double: what is 12 or 720 floats must differ from their exact mean by
 * less than a float can show.
 */
#include "common/archive/reduce.h"

#include "common/archive/archive.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Also in a build for processors with wider vectors, chosen at start. */
#ifdef ARCHIVE_CLONES
#define WIDE __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define WIDE
#endif

WIDE void reduce_fill(float *restrict into, const float *restrict values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float old = into[i];
		float v = values[i];

		v = fabsf(v) <= FLT_MAX ? v : NAN;
		into[i] = old == old ? old : v;
	}
}

WIDE void reduce_clear(float *row)
{
	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++)
		row[i] = NAN;
}

/* Eight columns at a time, so that what is summed stays in registers over the rows. Said in the
 * compiler's vectors, because it does not find them in loops over floats, doubles and ints. */
enum { LANE = 8 };

typedef float lane_float __attribute__((vector_size(LANE * sizeof(float))));
typedef double lane_double __attribute__((vector_size(LANE * sizeof(double))));
typedef int32_t lane_int __attribute__((vector_size(LANE * sizeof(int32_t))));

struct lane {
	lane_double sum;
	lane_float min;
	lane_float max;
	lane_int known;
};

/* `yes` where the mask is set. */
#define SELECT(mask, yes, no)                                                                      \
	((lane_float)(((mask) & (lane_int)(yes)) | (~(mask) & (lane_int)(no))))

static inline __attribute__((always_inline)) void add_steps(const float *const *steps, size_t c,
							    struct lane *l)
{
	for (size_t row = 0; row < REDUCE_STEPS; row++) {
		lane_float v;
		lane_int known;

		memcpy(&v, steps[row] + c, sizeof v);
		known = v == v;
		l->known -= known;
		l->sum += __builtin_convertvector((lane_float)(known & (lane_int)v), lane_double);
		l->min = SELECT(v < l->min, v, l->min);
		l->max = SELECT(v > l->max, v, l->max);
	}
}

WIDE void reduce_minute(const float *const *steps, float *restrict average, float *restrict min,
			float *restrict max, uint8_t *restrict known)
{
	const lane_float nothing = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	const lane_float infinite = {INFINITY, INFINITY, INFINITY, INFINITY,
				     INFINITY, INFINITY, INFINITY, INFINITY};

	for (size_t c = 0; c < ARCHIVE_COLUMNS; c += LANE) {
		struct lane l = {.min = infinite, .max = -infinite};
		lane_float mean;
		lane_int any;

		add_steps(steps, c, &l);
		any = l.known > 0;
		/* 0 / 0 where nothing is known. */
		mean = __builtin_convertvector(
		    l.sum / __builtin_convertvector(l.known, lane_double), lane_float);
		l.min = SELECT(any, l.min, nothing);
		l.max = SELECT(any, l.max, nothing);
		memcpy(average + c, &mean, sizeof mean);
		memcpy(min + c, &l.min, sizeof l.min);
		memcpy(max + c, &l.max, sizeof l.max);
		for (size_t i = 0; i < LANE; i++)
			known[c + i] = (uint8_t)l.known[i];
	}
}

void reduce_pack(const uint8_t *restrict known, uint8_t *restrict ret_packed)
{
	for (size_t i = 0; i < ARCHIVE_COLUMNS / 2; i++)
		ret_packed[i] = (uint8_t)(known[2 * i] | known[2 * i + 1] << 4);
}

void reduce_unpack(const uint8_t *restrict packed, uint8_t *restrict ret_known)
{
	for (size_t i = 0; i < ARCHIVE_COLUMNS / 2; i++) {
		ret_known[2 * i] = packed[i] & 15;
		ret_known[2 * i + 1] = packed[i] >> 4;
	}
}

WIDE bool reduce_is_whole(const uint8_t *known)
{
	uint8_t other = 0;

	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++)
		other |= (uint8_t)((known[i] != 0) & (known[i] != REDUCE_STEPS));
	return !other;
}

WIDE void reduce_whole(const float *restrict average, uint8_t *restrict ret_known)
{
	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++)
		ret_known[i] = average[i] == average[i] ? REDUCE_STEPS : 0;
}

void reduce_merge(float *const *into, uint8_t *restrict into_known, const float *const *other,
		  const uint8_t *restrict other_known)
{
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++) {
		float *restrict to = into[cf];
		const float *restrict from = other[cf];

		for (size_t i = 0; i < ARCHIVE_COLUMNS; i++)
			to[i] = other_known[i] > into_known[i] ? from[i] : to[i];
	}
	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++)
		into_known[i] = other_known[i] > into_known[i] ? other_known[i] : into_known[i];
}

WIDE static void add_minute(const struct reduce_row *m, const uint8_t *restrict n,
			    double *restrict sum, float *restrict min, float *restrict max,
			    uint16_t *restrict known)
{
	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++) {
		double v = (double)m->average[i] * n[i];

		sum[i] += n[i] ? v : 0.0;
		known[i] = (uint16_t)(known[i] + n[i]);
	}
	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++)
		min[i] = m->min[i] < min[i] ? m->min[i] : min[i];
	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++)
		max[i] = m->max[i] > max[i] ? m->max[i] : max[i];
}

WIDE void reduce_hour(const struct reduce_row *minutes, size_t n, float *restrict average,
		      float *restrict min, float *restrict max, uint16_t *restrict known,
		      double *restrict sum)
{
	uint8_t unpacked[ARCHIVE_COLUMNS];

	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++) {
		sum[i] = 0;
		known[i] = 0;
		min[i] = INFINITY;
		max[i] = -INFINITY;
	}
	for (size_t k = 0; k < n; k++) {
		if (minutes[k].known)
			reduce_unpack(minutes[k].known, unpacked);
		else
			reduce_whole(minutes[k].average, unpacked);
		add_minute(&minutes[k], unpacked, sum, min, max, known);
	}
	for (size_t i = 0; i < ARCHIVE_COLUMNS; i++) {
		average[i] = known[i] ? (float)(sum[i] / known[i]) : NAN;
		min[i] = known[i] ? min[i] : NAN;
		max[i] = known[i] ? max[i] : NAN;
	}
}
