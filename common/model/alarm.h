/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms: what an object's state says that somebody should look at. Derived from the state alone,
 * with a step that keeps a value at the edge from raising one again and again. An alarm's id
 * follows from the object's and from what it is about, so it is the same one while it lasts, and
 * wherever it is found out. Pure; values.
 */
#ifndef MUSTER_MODEL_ALARM_H
#define MUSTER_MODEL_ALARM_H

#include "common/model/object.h"

enum alarm_level { ALARM_NONE, ALARM_WARNING, ALARM_CRITICAL, _ALARM_LEVEL_COUNT };

enum alarm_what {
	ALARM_SR_DATA,     /* how full it is */
	ALARM_SR_METADATA, /* a thin pool's: when it is full, the pool stops */
	_ALARM_WHAT_COUNT,
};

struct alarm {
	struct mu_uuid id;
	struct mu_uuid object;
	enum alarm_what what;
	enum alarm_level level;
	int32_t percent;
	mu_msec since; /* at this level, as far as this process has seen it */
};

struct mu_uuid alarm_id(const struct mu_uuid *object, enum alarm_what what);
/* False: it has nothing of the kind, or it is not known. */
bool alarm_measure(const struct model_object *o, enum alarm_what what, int32_t *ret_percent);
/* Raised at 80 and 90 %, lowered 2 % below that. */
enum alarm_level alarm_step(enum alarm_level before, int32_t percent);
/* "none", "warning", "critical" */
const char *alarm_level_name(enum alarm_level level);
/* "data", "metadata" */
const char *alarm_what_name(enum alarm_what what);

#endif
