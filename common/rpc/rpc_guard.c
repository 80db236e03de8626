/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_guard.h"

#include "common/base/assert.h"

static const mu_msec soon = MU_SEC(1);
static const mu_msec patient = MU_SEC(10); /* a storm of handshakes delays honest answers */
static const mu_msec suspicious = MU_SEC(2);
enum { SILENT_MAX = 2, SHIFT_MAX = 16 };

void rpc_guard_init(struct rpc_guard *g, mu_msec interval)
{
	*g = (struct rpc_guard){.interval = interval};
}

bool rpc_guard_accept_failed(struct rpc_guard *g)
{
	bool first = !g->suspect;

	g->suspect = true;
	return first;
}

mu_msec rpc_guard_patience(const struct rpc_guard *g)
{
	return g->suspect ? suspicious : patient;
}

static mu_msec at_most(mu_msec wait, const struct rpc_guard *g)
{
	return wait < g->interval ? wait : g->interval;
}

static struct rpc_guard_step recreate(struct rpc_guard *g)
{
	unsigned int shift = g->n_recreated < SHIFT_MAX ? g->n_recreated : SHIFT_MAX;

	g->n_recreated++;
	g->n_silent = 0;
	/* The new listener is answering for itself: what was suspected was the old one. */
	g->suspect = false;
	return (struct rpc_guard_step){.recreate = true, .wait = at_most(soon << shift, g)};
}

struct rpc_guard_step rpc_guard_probed(struct rpc_guard *g, enum rpc_probe_result result)
{
	struct rpc_guard_step step = {.wait = g->interval};

	switch (result) {
	case RPC_PROBE_ALIVE:
		step.recovered = g->n_recreated > 0;
		rpc_guard_init(g, g->interval);
		return step;
	case RPC_PROBE_REFUSED:
		return recreate(g);
	case RPC_PROBE_SILENT:
		if (g->suspect || ++g->n_silent >= SILENT_MAX)
			return recreate(g);
		step.wait = at_most(soon, g);
		return step;
	case RPC_PROBE_UNKNOWN:
		step.wait = at_most(soon, g);
		return step;
	case RPC_PROBE_CANCELLED:
		return step;
	case _RPC_PROBE_RESULT_COUNT:
		break;
	}
	mu_assert_unreachable();
}
