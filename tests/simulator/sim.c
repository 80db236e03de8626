/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time, and one run from its beginning to its end. */
#include "tests/simulator/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A settled fleet is silent within this time; far more than any wait in the cores. */
#define SETTLE MU_SEC(600)

struct event {
	struct mu_link link;
	mu_msec at;
	const uint64_t *life;
	uint64_t born;
	void (*fn)(struct sim *s, void *arg);
	void *arg;
};

void sim_after(struct sim *s, mu_msec delay, const uint64_t *life,
	       void (*fn)(struct sim *s, void *arg), void *arg)
{
	struct event *e = mu_xcalloc(1, sizeof *e);
	struct mu_link *pos = s->events.prev;

	e->at = s->now + delay;
	e->life = life;
	e->born = life ? *life : 0;
	e->fn = fn;
	e->arg = arg;
	while (pos != &s->events && MU_CONTAINER_OF(pos, struct event, link)->at > e->at)
		pos = pos->prev;
	mu_list_insert_before(pos->next, &e->link);
}

uint64_t sim_below(struct sim *s, uint64_t n)
{
	return mu_rand_below(&s->rand, n);
}

bool sim_chance(struct sim *s, unsigned percent)
{
	return sim_below(s, 100) < percent;
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->trace)
		return;
	printf("# %8lld ", (long long)s->now);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

void sim_violation(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->failed)
		return;
	s->failed = true;
	va_start(ap, fmt);
	(void)vsnprintf(s->failure, sizeof s->failure, fmt, ap);
	va_end(ap);
	sim_trace(s, "VIOLATION: %s", s->failure);
}

struct mu_uuid sim_uuid(struct sim *s)
{
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)sim_below(s, 256);
	return mu_uuid_from_random(bytes);
}

struct sim_command *sim_command(struct sim *s, const struct mu_uuid *id)
{
	struct sim_command *c = mu_map_find(s->commands, id, sizeof *id);

	if (c)
		return c;
	c = mu_xcalloc(1, sizeof *c);
	mu_map_put(s->commands, id, sizeof *id, c);
	return c;
}

static void drop(struct event *e)
{
	mu_list_remove(&e->link);
	free(e->arg);
	free(e);
}

/* Everything up to `until`; false: the run is over. */
static bool run_until(struct sim *s, mu_msec until)
{
	struct event *e;

	while (!s->failed && (e = mu_list_first(&s->events, struct event, link)) &&
	       e->at <= until) {
		s->now = e->at;
		s->n_events++;
		if (!e->life || *e->life == e->born)
			e->fn(s, e->arg);
		drop(e);
	}
	s->now = until;
	return !s->failed;
}

static void init(struct sim *s)
{
	static const mu_msec latencies[] = {4, 40, 400, 1500};

	mu_link_init(&s->events);
	mu_link_init(&s->streams);
	s->rand.state = s->seed;
	s->now = 1;
	s->commands = mu_map_new();
	s->n_hosts = SIM_HOSTS_MIN + sim_below(s, SIM_HOSTS_MAX - SIM_HOSTS_MIN + 1);
	s->disk_latency = latencies[sim_below(s, MU_ARRAY_SIZE(latencies))];
	disk_init(&s->aggregator.disk, s->n_hosts);
	aggregator_start(s);
	for (size_t i = 0; i < s->n_hosts; i++) {
		s->line_up[i] = true;
		s->agents[i].index = i;
		agent_start(s, &s->agents[i]);
	}
}

static void deinit(struct sim *s)
{
	struct sim_command *c;

	aggregator_kill(s);
	for (size_t i = 0; i < s->n_hosts; i++) {
		agent_kill(s, &s->agents[i]);
		mu_str_deinit(&s->agents[i].file);
	}
	mu_list_each(it, &s->events) drop(MU_CONTAINER_OF(it, struct event, link));
	net_deinit(s);
	disk_deinit(&s->aggregator.disk);
	for (size_t i = 0; (c = mu_map_next(s->commands, &i, NULL, NULL));)
		free(c);
	mu_map_free(s->commands);
}

static void settle(struct sim *s)
{
	sim_trace(s, "everything is mended");
	chaos_mend_all(s);
	if (!run_until(s, s->now + SETTLE))
		return;
	if (!mu_list_empty(&s->events))
		sim_violation(s, "the fleet does not come to rest");
	check_settled(s);
}

bool sim_run(uint64_t seed, enum sim_break rule, bool trace, struct sim_met *met, char *failure,
	     size_t size)
{
	struct sim *s = mu_xcalloc(1, sizeof *s);
	bool good;

	s->seed = seed;
	s->rule = rule;
	s->trace = trace;
	s->met = met;
	init(s);
	for (int i = 0; i < SIM_CHAOS && run_until(s, s->now + (mu_msec)sim_below(s, 150)); i++)
		chaos_step(s);
	if (!s->failed)
		settle(s);
	if (!s->failed) {
		/* What the disk holds is as good as what memory held. */
		aggregator_kill(s);
		settle(s);
	}
	good = !s->failed;
	(void)snprintf(failure, size, "%s", s->failure);
	deinit(s);
	free(s);
	return good;
}
