/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about alarms of this folder share. */
#ifndef MUSTER_AGGREGATOR_APP_ALARMING_H
#define MUSTER_AGGREGATOR_APP_ALARMING_H

#include "aggregator/app/alarm_look.h"
#include "aggregator/app/app.h"
#include "aggregator/notify/notifier.h"
#include "common/base/list.h"

/* All objects that rules can mean, as they were when a walk began. */
struct alarm_walk {
	struct alarm_walk_item {
		enum alarm_of of;
		struct mu_uuid id;
	} * items;
	size_t n_items;
	size_t cap;
	size_t next;
};

/* A slice of a walk, between two turns of the loop: so much work, as alarm_look_at() counts it. */
enum { ALARM_SLICE = 40000 };

void alarm_walk_begin(struct app *app, struct alarm_walk *w);
void alarm_walk_deinit(struct alarm_walk *w);
/* One object, as alarm_look_at(); 0 when nothing can be said of it now: it is gone, or its host is
 * away. */
size_t alarm_walk_at(struct app *app, const struct alarm_walk_item *item, struct alarm_look *look,
		     void (*each)(void *arg, size_t slot, const struct alarm_reading *reading),
		     void *arg);

/* A change of a rule or target that is being stored. */
struct alarm_changing {
	struct mu_link link; /* initialised before all else, so that it can be ended anyway */
	struct mu_uuid id;
	bool is_new;
};

/* MU_E_STATE: one of this id is on its way. */
int alarm_changing_begin(struct alarm_changing *c, struct mu_link *all, const struct mu_uuid *id,
			 bool is_new, struct mu_error *err);
/* How many there will be more. */
size_t alarm_changing_n_new(const struct mu_link *all);
void alarm_changing_end(struct alarm_changing *c);

struct alarming {
	struct app *app;
	struct alarms *alarms;
	struct alarm_look *look;
	struct alarms_changes changes;
	struct store_tx *tx; /* of the changes, while they are put into it */
	struct mu_timer *timer;
	struct alarm_walk walk;
	bool walking;
	bool told_refused;             /* that there are too many */
	size_t n_trials;               /* that run */
	struct mu_link rules_changing; /* struct alarm_changing */
	struct mu_link targets_changing;
};

/* alarm_targets.c: their part of the table; from the store into the notifier. */
void alarming_target_ops(struct alarm_ops *ret);
int alarming_load_targets(struct app *app, struct mu_error *err);
/* alarm_notices.c: what waits, into the store and from there. */
struct notify_keeper alarming_keeper(struct alarming *al);
int alarming_load_notices(struct alarming *al, struct mu_error *err);
/* Store, show and tell what is in al->changes. */
void alarming_publish(struct alarming *al);
bool alarming_matches(void *app, enum alarm_of of, const struct mu_uuid *id,
		      const struct query_filter *filter, struct mu_arena *a);

#endif
