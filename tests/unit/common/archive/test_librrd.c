/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same samples into RRDtool's library and into ours, then every row of every archive compared:
 * unknown in both or in none, and no further apart than 1e-6 of the value. Ours are given late,
 * in another order and twice; RRDtool takes them in order only.
 */
#include "common/base/rand.h"
#include "tests/unit/common/archive/keeper.h"

#include <criterion/criterion.h>
#include <math.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GAUGES = 6, COUNTERS = 4, HEARTBEAT = 60, BLOCK = 12 };
#define BEGIN INT64_C(1790000000)

struct trace {
	struct mu_rand rand;
	char gauges_path[64];
	char counters_path[64];
	struct keeper keeper;
	/* a block of steps, before it is given */
	bool there[BLOCK];
	float gauge[BLOCK][GAUGES];
	uint64_t counter[COUNTERS];
	uint64_t reading[BLOCK][COUNTERS];
	uint32_t first;        /* step */
	uint32_t last_reading; /* step */
};

static void create(const char *path, const char *const *ds, int n_ds)
{
	static const char *const rra[] = {
	    "RRA:AVERAGE:0.5:1:120",       "RRA:AVERAGE:0.99999:12:120",
	    "RRA:MIN:0.99999:12:120",      "RRA:MAX:0.99999:12:120",
	    "RRA:AVERAGE:0.99999:720:168", "RRA:MIN:0.99999:720:168",
	    "RRA:MAX:0.99999:720:168",     "RRA:AVERAGE:0.99999:17280:366",
	    "RRA:MIN:0.99999:17280:366",   "RRA:MAX:0.99999:17280:366",
	};
	const char *argv[GAUGES + MU_ARRAY_SIZE(rra)];
	int n = 0;

	for (int i = 0; i < n_ds; i++)
		argv[n++] = ds[i];
	for (size_t i = 0; i < MU_ARRAY_SIZE(rra); i++)
		argv[n++] = rra[i];
	rrd_clear_error();
	cr_assert_eq(rrd_create_r(path, ARCHIVE_STEP_S, (time_t)BEGIN, n, argv), 0, "%s",
		     rrd_get_error());
}

static void begin(struct trace *t, uint64_t seed)
{
	static const char *const gauges[GAUGES] = {
	    "DS:a:GAUGE:5:U:U", "DS:b:GAUGE:5:U:U", "DS:c:GAUGE:5:U:U",
	    "DS:d:GAUGE:5:U:U", "DS:e:GAUGE:5:U:U", "DS:f:GAUGE:5:U:U",
	};
	static const char *const counters[COUNTERS] = {
	    "DS:a:DERIVE:300:0:U",
	    "DS:b:DERIVE:300:0:U",
	    "DS:c:DERIVE:300:0:U",
	    "DS:d:DERIVE:300:0:U",
	};

	*t = (struct trace){.rand = {seed}, .first = (uint32_t)(BEGIN / ARCHIVE_STEP_S) + 1};
	(void)snprintf(t->gauges_path, sizeof t->gauges_path, "/tmp/muster-gauges-%d.rrd",
		       (int)getpid());
	(void)snprintf(t->counters_path, sizeof t->counters_path, "/tmp/muster-counters-%d.rrd",
		       (int)getpid());
	create(t->gauges_path, gauges, GAUGES);
	create(t->counters_path, counters, COUNTERS);
	keeper_init(&t->keeper);
	t->last_reading = t->first - 1;
	t->counter[3] = UINT64_MAX - 1000000; /* wraps soon */
}

static void end(struct trace *t)
{
	(void)unlink(t->gauges_path);
	(void)unlink(t->counters_path);
	keeper_deinit(&t->keeper);
}

static bool one_in(struct trace *t, uint64_t n)
{
	return mu_rand_below(&t->rand, n) == 0;
}

/* Of a VM: idle and busy, shares and bytes, a few unknown. */
static float gauge_value(struct trace *t, size_t i)
{
	double v = mu_rand_unit(&t->rand);

	if (one_in(t, 50))
		return NAN;
	switch (i) {
	case 0:
		return (float)v;
	case 1:
		return one_in(t, 2) ? 0 : (float)(v * 1e9);
	case 2:
		return (float)(v * v * v * 1e15);
	case 3:
		return (float)-(v + 1e-3);
	case 4:
		return (float)(1 + v * 1e-9);
	default:
		return (float)(v * 1e-20);
	}
}

static void count(struct trace *t)
{
	t->counter[0] += mu_rand_below(&t->rand, 1000);
	t->counter[1] += mu_rand_below(&t->rand, UINT64_C(1) << 40);
	t->counter[2] = one_in(t, 500) ? 0 : t->counter[2] + mu_rand_below(&t->rand, 100000);
	t->counter[3] += mu_rand_below(&t->rand, UINT64_C(1) << 52);
}

static void fill_block(struct trace *t, bool missing)
{
	for (size_t k = 0; k < BLOCK; k++) {
		t->there[k] = !missing && !one_in(t, 40);
		count(t);
		for (size_t i = 0; i < GAUGES; i++)
			t->gauge[k][i] = gauge_value(t, i);
		memcpy(t->reading[k], t->counter, sizeof t->counter);
	}
}

static void update(const char *path, char (*rows)[256], int n, bool expect)
{
	const char *argv[2 * BLOCK];

	for (int i = 0; i < n; i++)
		argv[i] = rows[i];
	rrd_clear_error();
	cr_assert_eq(n == 0 || rrd_update_r(path, NULL, n, argv) == 0, expect, "%s",
		     rrd_get_error());
}

static void give_rrd(struct trace *t)
{
	char gauges[BLOCK][256], counters[BLOCK][256];
	int n_counters = 0;

	for (size_t k = 0; k < BLOCK; k++) {
		long long at = (long long)(t->first + k) * ARCHIVE_STEP_S;
		int len = snprintf(gauges[k], sizeof gauges[k], "%lld", at);

		for (size_t i = 0; i < GAUGES; i++)
			len += t->there[k] && isfinite(t->gauge[k][i])
				   ? snprintf(gauges[k] + len, 40, ":%.9g", (double)t->gauge[k][i])
				   : snprintf(gauges[k] + len, 40, ":U");
		if (!t->there[k])
			continue;
		len = snprintf(counters[n_counters], sizeof counters[0], "%lld", at);
		for (size_t i = 0; i < COUNTERS; i++)
			len += snprintf(counters[n_counters] + len, 40, ":%llu",
					(unsigned long long)t->reading[k][i]);
		t->last_reading = t->first + (uint32_t)k;
		n_counters++;
	}
	update(t->gauges_path, gauges, BLOCK, true);
	update(t->counters_path, counters, n_counters, true);
}

static void put(struct trace *t, size_t k)
{
	const struct archive_run run = {.slot = 0, .column = 0, .n = GAUGES};

	if (t->there[k])
		cr_assert_eq(
		    archive_put(t->keeper.archive, t->first + (uint32_t)k, &run, 1, t->gauge[k]),
		    ARCHIVE_TAKEN);
}

/* Counters in order, as they must be; gauges from the end to the start, and some again. */
static void give_ours(struct trace *t)
{
	const struct archive_run run = {.slot = 0, .column = GAUGES, .n = COUNTERS};

	for (size_t k = 0; k < BLOCK; k++) {
		keeper_tick(&t->keeper, (int64_t)(t->first + k) * ARCHIVE_STEP_S);
		if (t->there[k])
			cr_assert_eq(archive_put_counters(t->keeper.archive, t->first + (uint32_t)k,
							  &run, 1, t->reading[k], HEARTBEAT),
				     ARCHIVE_TAKEN);
	}
	for (size_t k = BLOCK; k-- > 0;)
		put(t, k);
	put(t, mu_rand_below(&t->rand, BLOCK));
}

static void block(struct trace *t, bool missing)
{
	fill_block(t, missing);
	give_rrd(t);
	give_ours(t);
	t->first += BLOCK;
}

/* The clock was wrong: a time that has passed comes again. RRDtool refuses, we take no harm. */
static void step_back(struct trace *t)
{
	const struct archive_run run = {.slot = 0, .column = GAUGES, .n = COUNTERS};
	const uint64_t wrong[COUNTERS] = {1, 2, 3, 4};
	char row[1][256];
	uint32_t step = t->first - 3;

	(void)snprintf(row[0], sizeof row[0], "%lld:1:2:3:4", (long long)step * ARCHIVE_STEP_S);
	/* Whoever missed the newest steps would take it; make sure that it is known. */
	if (!t->there[BLOCK - 1])
		return;
	update(t->counters_path, row, 1, false);
	cr_assert_eq(archive_put_counters(t->keeper.archive, step, &run, 1, wrong, HEARTBEAT),
		     ARCHIVE_TAKEN);
}

/* The clock jumps ahead. Nothing is known of the time in between, which RRDtool has to be told: to
 * it a gauge stands for all the time since the value before. */
static void step_ahead(struct trace *t)
{
	char row[1][256];

	t->first += BLOCK * (uint32_t)(1 + mu_rand_below(&t->rand, 120));
	(void)snprintf(row[0], sizeof row[0], "%lld:U:U:U:U:U:U",
		       (long long)(t->first - 1) * ARCHIVE_STEP_S);
	update(t->gauges_path, row, 1, true);
}

struct comparison {
	size_t n_rows;
	size_t n_known;
	double worst;
};

static void compare_value(struct comparison *c, double theirs, float ours, const char *what,
			  long long row)
{
	double apart;

	cr_assert_eq(isnan(theirs) != 0, isnan(ours) != 0, "%s row %lld: %g there, %g here", what,
		     row, theirs, (double)ours);
	c->n_rows++;
	if (isnan(theirs))
		return;
	c->n_known++;
	apart = theirs == (double)ours ? 0 : fabs((double)ours - theirs) / fabs(theirs);
	c->worst = fmax(c->worst, apart);
	cr_assert_leq(apart, 1e-6, "%s row %lld: %.12g there, %.12g here", what, row, theirs,
		      (double)ours);
}

/* RRDtool ends a row with the first update behind it: rows up to the `newest` step are compared. */
static void compare(struct trace *t, const char *path, uint32_t newest, uint32_t column,
		    size_t n_series, enum archive_level level, enum archive_cf cf,
		    struct comparison *c)
{
	static const char *const cfs[] = {"AVERAGE", "MIN", "MAX"};
	const struct archive_level_info *info = &archive_levels[level];
	uint32_t last = archive_row_ended(level, (int64_t)newest * ARCHIVE_STEP_S);
	uint32_t gone =
	    archive_row_ended(level, (int64_t)(t->first - 1) * ARCHIVE_STEP_S) - info->n_rows;
	time_t to = (time_t)archive_row_end(level, last);
	time_t from = to - (time_t)info->n_rows * (time_t)info->seconds;
	unsigned long step = info->seconds, n_ds;
	char **names, what[64];
	rrd_value_t *data;

	cr_assert_eq(rrd_fetch_r(path, cfs[cf], &from, &to, &step, &n_ds, &names, &data), 0, "%s",
		     rrd_get_error());
	cr_assert_eq(step, info->seconds);
	cr_assert_eq(n_ds, n_series);
	for (uint32_t k = 0; k < info->n_rows; k++) {
		uint32_t row = archive_row_of(level, from) + 1 + k;

		for (size_t i = 0; row > gone && row <= last && i < n_series; i++) {
			(void)snprintf(what, sizeof what, "%s %s series %zu", info->name, cfs[cf],
				       column + i);
			compare_value(c, data[k * n_ds + i],
				      keeper_read(&t->keeper, level, cf, column + (uint32_t)i, row),
				      what, (long long)row);
		}
	}
	for (size_t i = 0; i < n_ds; i++)
		free(names[i]);
	free(names);
	free(data);
}

static void compare_all(struct trace *t, struct comparison *c)
{
	/* What has just ended is consolidated a step later. */
	keeper_tick(&t->keeper, (int64_t)t->first * ARCHIVE_STEP_S);
	for (unsigned level = 0; level < _ARCHIVE_LEVEL_COUNT; level++)
		for (unsigned cf = 0; cf < (level == ARCHIVE_STEPS ? 1 : _ARCHIVE_CF_COUNT); cf++) {
			compare(t, t->gauges_path, t->first - 1, 0, GAUGES, level, cf, c);
			compare(t, t->counters_path, t->last_reading, GAUGES, COUNTERS, level, cf,
				c);
		}
}

static void run_trace(uint64_t seed, size_t n_blocks, size_t compare_every)
{
	struct trace t;
	struct comparison c = {0};
	size_t missing = 0;

	begin(&t, seed);
	for (size_t n = 1; n <= n_blocks; n++) {
		if (missing > 0)
			missing--;
		else if (one_in(&t, 200))
			missing = mu_rand_below(&t.rand, one_in(&t, 5) ? 300 : 12);
		block(&t, missing > 0);
		if (one_in(&t, 20))
			step_back(&t);
		if (one_in(&t, 1000))
			step_ahead(&t);
		if (n % compare_every == 0)
			compare_all(&t, &c);
	}
	compare_all(&t, &c);
	end(&t);
	cr_assert_gt(c.n_known, 1000);
	cr_log_info("%zu rows, %zu known, worst %.3g", c.n_rows, c.n_known, c.worst);
}

/* Eight days: all rings have gone round but that of the days. */
Test(librrd, the_same_rows_over_eight_days, .timeout = 600)
{
	run_trace(1, 8 * 1440, 1440);
}

Test(librrd, the_same_rows_at_any_moment, .timeout = 600)
{
	for (uint64_t seed = 2; seed < 8; seed++)
		run_trace(seed, 300, 1);
}
