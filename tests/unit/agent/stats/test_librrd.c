/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same readings of counters into RRDtool's library (DERIVE) and into our sampler, then all
 * rates compared: unknown in both or in none, and no further apart than 1e-6 of the value. Counters
 * are reset and wrap, sources are not there, readings are missed, for less and for more than the
 * heartbeat, and the wall clock is set to anything.
 *
 * One difference is meant: RRDtool writes a rate into all steps since the reading before, ours is
 * that of the step in which it was made, and the others are unknown.
 */
#include "agent/stats/sample.h"
#include "common/base/rand.h"

#include <criterion/criterion.h>
#include <math.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP_S = 5, STEPS = 20000, COUNTERS = 4, HEARTBEAT_STEPS = 60 };
#define BEGIN INT64_C(1790000000)
#define ROWS "20000"

_Static_assert(SAMPLE_HEARTBEAT == MU_SEC(HEARTBEAT_STEPS * STEP_S), "as below: 300");

struct trace {
	struct mu_rand rand;
	char path[64];
	struct sampler *sampler;
	struct metric_list list;
	uint64_t counter[COUNTERS];
	bool read[STEPS];
	float rate[STEPS][COUNTERS]; /* where there was a reading */
	size_t n_known;
};

static bool one_in(struct trace *t, uint64_t n)
{
	return mu_rand_below(&t->rand, n) == 0;
}

static void begin(struct trace *t, uint64_t seed)
{
	static const struct host_id host = {{{1}}};
	static const char *argv[] = {
	    "DS:a:DERIVE:300:0:U", "DS:b:DERIVE:300:0:U",     "DS:c:DERIVE:300:0:U",
	    "DS:d:DERIVE:300:0:U", "RRA:AVERAGE:0.5:1:" ROWS,
	};

	t->rand.state = seed;
	(void)snprintf(t->path, sizeof t->path, "/tmp/muster-rates-%d.rrd", (int)getpid());
	t->sampler = sampler_new(&host);
	t->list = (struct metric_list)METRIC_LIST_INIT;
	t->counter[3] = UINT64_MAX - 1000000; /* wraps soon */
	rrd_clear_error();
	cr_assert_eq(rrd_create_r(t->path, STEP_S, (time_t)BEGIN, MU_ARRAY_SIZE(argv), argv), 0,
		     "%s", rrd_get_error());
}

static void end(struct trace *t)
{
	(void)unlink(t->path);
	sampler_free(t->sampler);
	metric_list_deinit(&t->list);
	free(t);
}

static void count(struct trace *t)
{
	t->counter[0] += mu_rand_below(&t->rand, 1000);
	t->counter[1] += mu_rand_below(&t->rand, UINT64_C(1) << 40);
	t->counter[2] = one_in(t, 500) ? 0 : t->counter[2] + mu_rand_below(&t->rand, 100000);
	t->counter[3] += mu_rand_below(&t->rand, UINT64_C(1) << 52);
}

static void give_rrd(const struct trace *t, size_t step, const uint64_t *reading)
{
	char row[256];
	const char *argv[] = {row};
	int len = snprintf(row, sizeof row, "%lld", (long long)(BEGIN + (int64_t)step * STEP_S));

	for (size_t i = 0; i < COUNTERS; i++)
		len += reading[i] == HV_COUNTER_UNKNOWN
			   ? snprintf(row + len, sizeof row - (size_t)len, ":U")
			   : snprintf(row + len, sizeof row - (size_t)len, ":%llu",
				      (unsigned long long)reading[i]);
	rrd_clear_error();
	cr_assert_eq(rrd_update_r(t->path, NULL, 1, argv), 0, "%s", rrd_get_error());
}

static float rate_of(const struct metric_list *l, const char *name)
{
	size_t i = 0;

	while (i < l->n && strcmp(l->series[i].name, name) != 0)
		i++;
	cr_assert_lt(i, l->n, "no series %s", name);
	return l->value[i];
}

static void give_ours(struct trace *t, size_t step, const uint64_t *reading)
{
	static const char *const names[COUNTERS] = {"vif_0_rx", "vif_0_tx", "vif_0_rx_packets",
						    "vif_0_tx_packets"};
	struct hv_host_stats stats = {.at = MU_SEC(1000) + (mu_msec)step * MU_SEC(STEP_S)};
	struct hv_domain_stats d = {.domid = {7}, .id = {{{2}}}, .n_vifs = 1};
	const struct sample_domain domain = {.stats = &d, .uptime = -1};
	const struct sample_host host = {
	    .wall = (mu_msec)mu_rand_below(&t->rand, UINT64_C(1) << 42), .stats = &stats};

	d.vifs[0].net.rx_bytes = reading[0];
	d.vifs[0].net.tx_bytes = reading[1];
	d.vifs[0].net.rx_packets = reading[2];
	d.vifs[0].net.tx_packets = reading[3];
	sampler_step(t->sampler, &host, &domain, 1, &t->list);
	for (size_t i = 0; i < COUNTERS; i++)
		t->rate[step][i] = rate_of(&t->list, names[i]);
	t->read[step] = true;
}

/* How many steps are missed before the next reading: mostly none. */
static size_t missed(struct trace *t)
{
	if (one_in(t, 300))
		return HEARTBEAT_STEPS - 1; /* just within */
	if (one_in(t, 300))
		return HEARTBEAT_STEPS;
	if (one_in(t, 200))
		return mu_rand_below(&t->rand, 200);
	return one_in(t, 20) ? mu_rand_below(&t->rand, 4) : 0;
}

static void fill(struct trace *t)
{
	uint64_t reading[COUNTERS];

	for (size_t step = 1; step < STEPS; step += 1 + missed(t)) {
		count(t);
		for (size_t i = 0; i < COUNTERS; i++)
			reading[i] = one_in(t, 100) ? HV_COUNTER_UNKNOWN : t->counter[i];
		give_rrd(t, step, reading);
		give_ours(t, step, reading);
	}
}

static void compare_value(struct trace *t, size_t step, size_t i, double theirs)
{
	float ours = t->rate[step][i];

	cr_assert_eq(isnan(theirs) != 0, isnan(ours) != 0, "step %zu of %zu: %g there, %g here",
		     step, i, theirs, (double)ours);
	if (isnan(theirs))
		return;
	t->n_known++;
	cr_assert_leq(fabs((double)ours - theirs), 1e-6 * fabs(theirs),
		      "step %zu of %zu: %.12g there, %.12g here", step, i, theirs, (double)ours);
}

static void compare(struct trace *t)
{
	time_t from = (time_t)BEGIN, to = (time_t)(BEGIN + (STEPS - 1) * STEP_S);
	unsigned long step_s = STEP_S, n_ds;
	rrd_value_t *data;
	char **names;

	cr_assert_eq(rrd_fetch_r(t->path, "AVERAGE", &from, &to, &step_s, &n_ds, &names, &data), 0,
		     "%s", rrd_get_error());
	cr_assert(from == BEGIN && step_s == STEP_S && n_ds == COUNTERS);
	for (size_t step = 1; step < STEPS; step++)
		for (size_t i = 0; t->read[step] && i < COUNTERS; i++)
			compare_value(t, step, i, data[(step - 1) * n_ds + i]);
	for (size_t i = 0; i < n_ds; i++)
		free(names[i]);
	free(names);
	free(data);
}

Test(librrd, the_same_rates, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct trace *t = mu_xcalloc(1, sizeof *t);

		begin(t, seed);
		fill(t);
		compare(t);
		cr_assert_gt(t->n_known, STEPS);
		end(t);
	}
}
