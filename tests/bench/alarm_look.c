/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for alarms: HOSTS hosts with 30 VMs of 25 series each, ten rules for VMs, of which some
 * mean several series or an average of a minute. Prints one line per figure, "NAME VALUE": ms of
 * CPU for a look at all of them, the first and any other; none is raised.
 *
 *   alarm-look DIRECTORY HOSTS
 */
#include "aggregator/app/alarm_look.h"
#include "common/base/rand.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VMS = 30, SERIES = 25, STEPS = 14, ROUNDS = 7, RULES = 10 };

static struct mu_loop *loop;
static struct metrics *metrics;
static struct alarms *alarms;
static size_t n_hosts;
static size_t n_waiting;
static size_t n_pairs;

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static struct mu_uuid id_of(size_t host, size_t object)
{
	struct mu_uuid id = {{0}};

	memcpy(id.bytes, &host, sizeof host);
	memcpy(id.bytes + 8, &object, sizeof object);
	return id;
}

/* --- a fleet with samples --- */

struct storing {
	metrics_done done;
	void *arg;
};

static void stored(void *ctx)
{
	struct storing *s = ctx;

	s->done(s->arg, NULL);
	free(s);
}

static void store(void *ctx, struct catalogue *c, metrics_done done, void *arg)
{
	struct storing *s = mu_xcalloc(1, sizeof *s);

	(void)ctx;
	while (catalogue_next_changed(c))
		;
	*s = (struct storing){done, arg};
	mu_loop_post(loop, stored, s);
}

static void map_host(size_t host)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct catalogue_want *want = mu_arena_calloc(a, VMS * SERIES, sizeof *want);
	struct mu_uuid id = id_of(host, 0);

	for (size_t i = 0; i < VMS * SERIES; i++)
		want[i] = (struct catalogue_want){
		    id_of(host, 1 + i / SERIES),
		    mu_arena_printf(a, i % SERIES < 4 ? "vbd_%zu_read" : "metric_%zu", i % SERIES),
		    "bytes/s", true};
	metrics_map(metrics, &id, want, VMS * SERIES);
}

static void acked(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	if (err)
		exit(1);
	if (--n_waiting == 0)
		mu_loop_stop(loop);
}

static void fill(void)
{
	static float values[VMS * SERIES];
	struct mu_rand rand = {1};
	mu_msec now = mu_clock_wall();

	for (size_t i = 0; i < VMS * SERIES; i++)
		values[i] = (float)mu_rand_unit(&rand);
	for (size_t step = 0; step < STEPS; step++) {
		for (size_t h = 0; h < n_hosts; h++) {
			const struct metrics_batch b = {
			    .host = id_of(h, 0),
			    .epoch = 1,
			    .seq = step + 1,
			    .at = now - (mu_msec)(STEPS - 1 - step) * 5000,
			    .values = values,
			    .n_values = VMS * SERIES,
			};

			n_waiting++;
			metrics_put(metrics, &b, 1, acked, NULL);
		}
		mu_loop_run(loop);
	}
}

/* --- rules --- */

static void make_rules(void)
{
	struct alarm_rule rule;

	for (size_t i = 0; i < RULES; i++) {
		const struct mu_uuid id = id_of(i, 1000);

		alarm_rule_init(&rule, &id);
		rule.limits[ALARM_WARNING] = (struct alarm_limit){true, 2};
		(void)snprintf(rule.filter, sizeof rule.filter, "power_state:running");
		if (i < 2)
			(void)snprintf(rule.series, sizeof rule.series, "vbd_*_read");
		else
			(void)snprintf(rule.series, sizeof rule.series, "metric_%zu", i + 2);
		rule.window_s = i % 3 == 0 ? 60 : 0;
		if (alarms_rule_put(alarms, &rule, NULL) < 0)
			exit(1);
	}
}

static bool matches(void *ctx, enum alarm_of of, const struct mu_uuid *id,
		    const struct query_filter *filter, struct mu_arena *a)
{
	(void)ctx, (void)of, (void)id, (void)filter, (void)a;
	return true;
}

static void on_reading(void *arg, size_t slot, const struct alarm_reading *reading)
{
	static struct alarms_changes changes;

	if (!reading->known)
		exit(1);
	n_pairs++;
	alarms_step(alarms, slot, arg, reading, 1, 1, &changes);
}

static double look(struct alarm_look *l)
{
	double began = cpu_ms();

	alarms_round_begin(alarms);
	for (size_t h = 0; h < n_hosts; h++) {
		for (size_t i = 1; i <= VMS; i++) {
			struct mu_uuid id = id_of(h, i);

			alarm_look_at(l, ALARM_OF_VM, &id, false, NULL, on_reading, &id);
		}
	}
	(void)alarms_round_end(alarms, NULL);
	return cpu_ms() - began;
}

static void closed(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

int main(int argc, char **argv)
{
	struct metrics_options options = {.pool = {{9}}, .store = store};
	struct alarm_look_options look_options = {.matches = matches};
	struct alarm_look *l;
	double first, best = 1e9;

	if (argc != 3)
		return 2;
	n_hosts = strtoul(argv[2], NULL, 10);
	loop = mu_loop_new();
	options.loop = loop;
	options.dir = argv[1];
	metrics = metrics_new(&options);
	for (size_t h = 0; h < n_hosts; h++)
		map_host(h);
	fill();
	alarms = alarms_new();
	make_rules();
	look_options.alarms = alarms;
	look_options.metrics = metrics;
	l = alarm_look_new(&look_options);
	first = look(l);
	for (int i = 0; i < ROUNDS; i++) {
		double ms = look(l);

		if (ms < best)
			best = ms;
	}
	printf("pairs %zu\nfirst %g\nlook %g\n", n_pairs / (ROUNDS + 1), first, best);
	alarm_look_free(l);
	alarms_free(alarms);
	metrics_close(metrics, closed, NULL);
	mu_loop_run(loop);
	mu_loop_free(loop);
	return 0;
}
