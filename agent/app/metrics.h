/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sampling: the driver's counters, on the 5 s grid, into the local window (agent/stats). It never
 * waits for an operation. Loop thread.
 */
#ifndef MUSTER_AGENT_APP_METRICS_H
#define MUSTER_AGENT_APP_METRICS_H

#include "agent/app/app.h"
#include "agent/stats/history.h"
#include "agent/stats/window.h"
#include "common/loop/loop.h"

struct metrics;

/* `dir`: where the statistics outlive the agent, in a tmpfs; NULL: nowhere. added(ctx) after each
 * sample; may be NULL. */
struct metrics *metrics_new(struct mu_loop *loop, struct app *app, mu_msec interval,
			    const char *dir, mu_loop_cb added, void *ctx);
/* No more samples; done(ctx), from the loop, when nothing is being read any more. */
void metrics_stop(struct metrics *m, mu_loop_cb done, void *ctx);
/* Once it has stopped. */
struct metrics *metrics_free(struct metrics *m);
struct window *metrics_window(struct metrics *m);
const struct history *metrics_history(const struct metrics *m);

#endif
