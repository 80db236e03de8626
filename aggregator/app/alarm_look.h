/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each rule of alarms reads of an object. Which rules mean it, which expressions it matches
 * and which of its series they mean is remembered until it changes, so that a look costs reading
 * some floats. Loop thread.
 */
#ifndef MUSTER_AGGREGATOR_APP_ALARM_LOOK_H
#define MUSTER_AGGREGATOR_APP_ALARM_LOOK_H

#include "aggregator/core/alarms.h"
#include "aggregator/metrics/metrics.h"

struct alarm_look;
struct query_filter;

struct alarm_look_options {
	const struct alarms *alarms;   /* whose rules */
	const struct metrics *metrics; /* NULL: nothing is known of series */
	/* Does the object match? What is made for that goes into the arena. */
	bool (*matches)(void *ctx, enum alarm_of of, const struct mu_uuid *id,
			const struct query_filter *filter, struct mu_arena *a);
	void *ctx;
};

struct alarm_look *alarm_look_new(const struct alarm_look_options *options);
/* Takes NULL; returns NULL. */
struct alarm_look *alarm_look_free(struct alarm_look *l);

void alarm_look_rules_changed(struct alarm_look *l);
/* It changed, or is gone; whatever has that id. */
void alarm_look_forget(struct alarm_look *l, const struct mu_uuid *object);

enum { ALARM_LOOK_COST = 20 }; /* of an object, before a rule reads anything of it */

/* Every rule that means the object, with what it reads. `off`: a VM without a domain: there is
 * nothing to measure, so rules mean it by expressions alone. `sr`: of an SR, else NULL. Returns how
 * much work it was: ALARM_LOOK_COST, and one for each rule and each step of a series. */
size_t alarm_look_at(struct alarm_look *l, enum alarm_of of, const struct mu_uuid *object, bool off,
		     const struct model_object *sr,
		     void (*each)(void *arg, size_t slot, const struct alarm_reading *reading),
		     void *arg);

#endif
