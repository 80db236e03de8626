/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling people of alarms: aggregator/core/notify.h decides what goes to whom and when, threads
 * send it. Loop thread; nothing here waits.
 */
#ifndef MUSTER_AGGREGATOR_NOTIFY_NOTIFIER_H
#define MUSTER_AGGREGATOR_NOTIFY_NOTIFIER_H

#include "aggregator/core/notify.h"
#include "common/loop/loop.h"

struct notifier;

struct notifier_options {
	struct mu_loop *loop;
	/* An alarm as REST shows it. */
	struct mu_value *(*alarm_value)(void *ctx, struct mu_arena *a, const struct alarm *alarm);
	void *ctx;
	/* Remembers what waits; called until notifier_close() has said done. */
	struct notify_keeper keeper;
};

struct notifier *notifier_new(const struct notifier_options *options);
/* Its targets; notifier_remove() ends what waits for one. */
struct notify *notifier_targets(struct notifier *n);
/* What was kept before a restart, before notifier_start(); false: nobody is to be told any more. */
bool notifier_restore(struct notifier *n, const struct notify_kept *kept);
void notifier_start(struct notifier *n);
void notifier_put(struct notifier *n, const struct alarms_change *c);
/* One notice now, past queue and limits. done() exactly once, never inside; err NULL: it arrived.
 */
void notifier_test(struct notifier *n, const struct notify_target *t,
		   void (*done)(void *arg, const struct mu_error *err), void *arg);
/* What is being sent is given up, then done(ctx) from the loop; freed by then. */
void notifier_close(struct notifier *n, mu_loop_cb done, void *ctx);

#endif
