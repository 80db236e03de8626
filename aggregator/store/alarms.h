/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms: rules and targets as the JSON that REST has of them, and what is raised. */
#ifndef MUSTER_AGGREGATOR_STORE_ALARMS_H
#define MUSTER_AGGREGATOR_STORE_ALARMS_H

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

void store_alarm_rules_put(struct store_tx *tx, const struct mu_uuid *id, const char *name,
			   const char *json);
void store_alarm_rules_delete(struct store_tx *tx, const struct mu_uuid *id);
void store_alarms_put(struct store_tx *tx, const struct alarm *a);
void store_alarms_delete(struct store_tx *tx, const struct mu_uuid *id);
void store_alarm_targets_add(struct store_tx *tx, const struct mu_uuid *id, const char *name,
			     const char *json);
void store_alarm_targets_delete(struct store_tx *tx, const struct mu_uuid *id);

#endif
