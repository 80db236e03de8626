/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alarms that objects are in now, kept by the changes that the backend tells, and told as
 * events. Owned by struct rest.
 */
#ifndef MUSTER_REST_ALARMS_H
#define MUSTER_REST_ALARMS_H

#include "common/rest/rest.h"

struct rest_alarms;

struct rest_alarms *rest_alarms_new(struct rest *rest);
/* Takes NULL; returns NULL. */
struct rest_alarms *rest_alarms_free(struct rest_alarms *alarms);
void rest_alarms_object_changed(struct rest_alarms *alarms, enum rest_change what,
				const struct model_object *o);
/* Of an alarm: is it about the object with the id `arg`? */
bool rest_alarm_is_about(const void *object, const void *arg);

#endif
