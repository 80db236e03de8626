/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms: rules and targets as the JSON that REST has of them, what is raised, and what somebody is
 * still to be told. */
#ifndef MUSTER_AGGREGATOR_STORE_ALARMS_H
#define MUSTER_AGGREGATOR_STORE_ALARMS_H

#include "aggregator/core/notify.h"
#include "aggregator/store/store.h"
#include "common/model/alarm.h"

/* At start; texts are valid during the call. */
typedef void (*store_alarm_text)(const struct mu_uuid *id, const char *json, void *arg);
int store_alarm_rules_list(struct store *s, store_alarm_text each, void *arg, struct mu_error *err);
int store_alarm_targets_list(struct store *s, store_alarm_text each, void *arg,
			     struct mu_error *err);
/* In order of time. One that cannot be read has level ALARM_NONE. */
int store_alarms_list(struct store *s, void (*each)(const struct alarm *a, void *arg), void *arg,
		      struct mu_error *err);

/* By target, in order of their places. One that cannot be read has an alarm of level ALARM_NONE. */
int store_alarm_notices_list(struct store *s,
			     void (*each)(const struct notify_kept *kept, void *arg), void *arg,
			     struct mu_error *err);

void store_alarm_rules_put(struct store_tx *tx, const struct mu_uuid *id, const char *name,
			   const char *json);
void store_alarm_rules_delete(struct store_tx *tx, const struct mu_uuid *id);
void store_alarms_put(struct store_tx *tx, const struct alarm *a);
void store_alarms_delete(struct store_tx *tx, const struct mu_uuid *id);
void store_alarm_targets_add(struct store_tx *tx, const struct mu_uuid *id, const char *name,
			     const char *json);
/* With its notices. */
void store_alarm_targets_delete(struct store_tx *tx, const struct mu_uuid *id);
/* Nothing happens when the target is gone. */
void store_alarm_notices_put(struct store_tx *tx, const struct notify_kept *kept);
void store_alarm_notices_delete(struct store_tx *tx, const struct mu_uuid *target,
				const struct mu_uuid *alarm);

#endif
