/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a driver's hints and their user: never inside another call, domains_changed coalesced,
 * guest_changed at most once per second and domain (the last hint of a burst is not lost).
 * Internal to agent/hv; loop thread.
 */
#ifndef MUSTER_AGENT_HV_WATCH_H
#define MUSTER_AGENT_HV_WATCH_H

#include "agent/hv/hv.h"

struct hv_watcher;

struct hv_watcher *hv_watcher_new(struct mu_loop *loop);
struct hv_watcher *hv_watcher_free(struct hv_watcher *w);
/* Pass `user`'s (copied) callbacks on from now; NULL = drop what is pending and pass nothing on.
 * Returns what the driver is to call: NULL, or valid until hv_watcher_free(). */
const struct hv_watch *hv_watcher_set(struct hv_watcher *w, const struct hv_watch *user);

#endif
