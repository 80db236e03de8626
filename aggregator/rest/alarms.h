/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of alarms, what is done with alarms, and who is told: docs/design/alarms.md. `done` as in
 * admin.h.
 */
#ifndef MUSTER_AGGREGATOR_REST_ALARMS_H
#define MUSTER_AGGREGATOR_REST_ALARMS_H

#include "aggregator/core/notify.h"
#include "aggregator/rest/admin.h"

enum { ALARM_TRIAL_MAX = 1000 }; /* results that are told */

/* What a rule would say now. */
struct alarm_trial {
	size_t n_matched; /* objects that it means */
	size_t n_unknown; /* of which nothing is known */
	size_t n_alarms;
	size_t n_results; /* of these, at most ALARM_TRIAL_MAX */
	const struct alarm *results;
};

struct alarm_ops {
	void *ctx;
	void (*rule_each)(void *ctx, void (*each)(const struct alarm_rule *rule, void *arg),
			  void *arg);
	/* NULL: there is none. Valid until the next turn of the loop. */
	const struct alarm_rule *(*rule_find)(void *ctx, const struct mu_uuid *id);
	/* A new one (its id is made here, in *rule), or another form of one that is there. */
	void (*rule_create)(void *ctx, const struct alarm_rule *rule, const struct admin_asker *who,
			    void (*done)(void *arg, const struct alarm_rule *rule,
					 const struct mu_error *err),
			    void *arg);
	void (*rule_update)(void *ctx, const struct alarm_rule *rule, const struct admin_asker *who,
			    void (*done)(void *arg, const struct alarm_rule *rule,
					 const struct mu_error *err),
			    void *arg);
	/* A built-in one becomes what it was. */
	void (*rule_delete)(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			    admin_done done, void *arg);
	void (*rule_try)(void *ctx, const struct alarm_rule *rule,
			 void (*done)(void *arg, const struct alarm_trial *trial,
				      const struct mu_error *err),
			 void *arg);
	void (*acknowledge)(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			    admin_done done, void *arg);
	void (*target_each)(void *ctx, void (*each)(const struct notify_target *t, void *arg),
			    void *arg);
	/* Its id is made here. */
	void (*target_create)(void *ctx, const struct notify_target *t,
			      const struct admin_asker *who,
			      void (*done)(void *arg, const struct notify_target *t,
					   const struct mu_error *err),
			      void *arg);
	void (*target_delete)(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			      admin_done done, void *arg);
	/* Send one notice now. */
	void (*target_test)(void *ctx, const struct mu_uuid *id, admin_done done, void *arg);
};

/* `ops` must live as long as `rest`. */
void alarm_routes_add(struct rest *rest, const struct alarm_ops *ops);

#endif
