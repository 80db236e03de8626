/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same samples into RRDtool's library and into ours, then every row of every archive compared:
 * unknown in both or in none, and no further apart than 1e-6 of the value. Ours are given late,
 * in another order and twice; RRDtool takes them in order only. How counters become rates:
 * unit/agent/stats/test_librrd.c.
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

enum { GAUGES = 6, BLOCK = 12 };
#define BEGIN INT64_C(1790000000)

struct trace {
	struct mu_rand rand;
	char path[64];
	struct keeper keeper;
	/* a block of steps, before it is given */
	bool there[BLOCK];
	float gauge[BLOCK][GAUGES];
	uint32_t first; /* step */
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

	*t = (struct trace){.rand = {seed}, .first = (uint32_t)(BEGIN / ARCHIVE_STEP_S) + 1};
	(void)snprintf(t->path, sizeof t->path, "/tmp/muster-gauges-%d.rrd", (int)getpid());
	create(t->path, gauges, GAUGES);
	keeper_init(&t->keeper);
}

static void end(struct trace *t)
{
	(void)unlink(t->path);
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

static void fill_block(struct trace *t, bool missing)
{
	for (size_t k = 0; k < BLOCK; k++) {
		t->there[k] = !missing && !one_in(t, 40);
		for (size_t i = 0; i < GAUGES; i++)
			t->gauge[k][i] = gauge_value(t, i);
	}
}

static void update(const char *path, char (*rows)[256], int n)
{
	const char *argv[BLOCK];

	for (int i = 0; i < n; i++)
		argv[i] = rows[i];
	rrd_clear_error();
	cr_assert_eq(rrd_update_r(path, NULL, n, argv), 0, "%s", rrd_get_error());
}

static void give_rrd(struct trace *t)
{
	char rows[BLOCK][256];

	for (size_t k = 0; k < BLOCK; k++) {
		long long at = (long long)(t->first + k) * ARCHIVE_STEP_S;
		int len = snprintf(rows[k], sizeof rows[k], "%lld", at);

		for (size_t i = 0; i < GAUGES; i++)
			len += t->there[k] && isfinite(t->gauge[k][i])
				   ? snprintf(rows[k] + len, 40, ":%.9g", (double)t->gauge[k][i])
				   : snprintf(rows[k] + len, 40, ":U");
	}
	update(t->path, rows, BLOCK);
}

static void put(struct trace *t, size_t k)
{
	const struct archive_run run = {.slot = 0, .column = 0, .n = GAUGES};

	if (t->there[k])
		cr_assert_eq(
		    archive_put(t->keeper.archive, t->first + (uint32_t)k, &run, 1, t->gauge[k]),
		    ARCHIVE_TAKEN);
}

/* From the end to the start, and some again. */
static void give_ours(struct trace *t)
{
	for (size_t k = 0; k < BLOCK; k++)
		keeper_tick(&t->keeper, (int64_t)(t->first + k) * ARCHIVE_STEP_S);
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

/* The clock was wrong: a time that has passed comes again. What is known of it stays, as with
 * RRDtool, which refuses it. */
static void step_back(struct trace *t)
{
	const struct archive_run run = {.slot = 0, .column = 0, .n = GAUGES};
	const float wrong[GAUGES] = {1, 2, 3, 4, 5, 6};

	for (size_t i = 0; i < GAUGES; i++)
		if (!t->there[BLOCK - 3] || isnan(t->gauge[BLOCK - 3][i]))
			return;
	cr_assert_eq(archive_put(t->keeper.archive, t->first - 3, &run, 1, wrong), ARCHIVE_TAKEN);
}

/* The clock jumps ahead. Nothing is known of the time in between, which RRDtool has to be told: to
 * it a gauge stands for all the time since the value before. */
static void step_ahead(struct trace *t)
{
	char row[1][256];

	t->first += BLOCK * (uint32_t)(1 + mu_rand_below(&t->rand, 120));
	(void)snprintf(row[0], sizeof row[0], "%lld:U:U:U:U:U:U",
		       (long long)(t->first - 1) * ARCHIVE_STEP_S);
	update(t->path, row, 1);
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

/* A day at whose end there was nothing is made with the first hour behind it. */
static bool is_due(const struct trace *t, enum archive_level level, uint32_t row, uint32_t last)
{
	return level != ARCHIVE_DAYS || row < last ||
	       !isnan(keeper_read(&t->keeper, ARCHIVE_HOURS, ARCHIVE_AVERAGE, 0, row * 24));
}

static void compare(struct trace *t, enum archive_level level, enum archive_cf cf,
		    struct comparison *c)
{
	static const char *const cfs[] = {"AVERAGE", "MIN", "MAX"};
	const struct archive_level_info *info = &archive_levels[level];
	uint32_t last = archive_row_ended(level, (int64_t)(t->first - 1) * ARCHIVE_STEP_S);
	uint32_t gone = last - info->n_rows;
	time_t to = (time_t)archive_row_end(level, last);
	time_t from = to - (time_t)info->n_rows * (time_t)info->seconds;
	unsigned long step = info->seconds, n_ds;
	char **names, what[64];
	rrd_value_t *data;

	cr_assert_eq(rrd_fetch_r(t->path, cfs[cf], &from, &to, &step, &n_ds, &names, &data), 0,
		     "%s", rrd_get_error());
	cr_assert_eq(step, info->seconds);
	cr_assert_eq(n_ds, GAUGES);
	for (uint32_t k = 0; k < info->n_rows; k++) {
		uint32_t row = archive_row_of(level, from) + 1 + k;

		if (row <= gone || row > last || !is_due(t, level, row, last))
			continue;
		for (size_t i = 0; i < GAUGES; i++) {
			(void)snprintf(what, sizeof what, "%s %s series %zu", info->name, cfs[cf],
				       i);
			compare_value(c, data[k * n_ds + i],
				      keeper_read(&t->keeper, level, cf, (uint32_t)i, row), what,
				      (long long)row);
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
		for (unsigned cf = 0; cf < (level == ARCHIVE_STEPS ? 1 : _ARCHIVE_CF_COUNT); cf++)
			compare(t, level, cf, c);
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
