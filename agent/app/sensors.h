/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temperatures for the sampler, read in the background: a device that takes its time to answer
 * makes its own values unknown, and no sample late. Loop thread.
 */
#ifndef MUSTER_AGENT_APP_SENSORS_H
#define MUSTER_AGENT_APP_SENSORS_H

#include "agent/hv/hv_stats.h"
#include "common/loop/loop.h"

struct sensors;

/* `sysfs` stays valid. */
struct sensors *sensors_new(struct mu_loop *loop, const char *sysfs);
/* No more of it; done(ctx), from the loop, when what is being read has been. */
void sensors_stop(struct sensors *s, mu_loop_cb done, void *ctx);
/* Once it has stopped. Takes NULL; returns NULL. */
struct sensors *sensors_free(struct sensors *s);
/* What was read since the last call, and the next reading begins. What has not come is NaN. */
void sensors_take(struct sensors *s, struct hv_host_stats *h);

#endif
