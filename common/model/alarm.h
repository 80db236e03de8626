/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms: what somebody should look at. The aggregator finds them out by rules
 * (docs/design/alarms.md); an agent by fixed limits to how full its SRs are, with a step that keeps
 * a value at the edge from raising one again and again. An alarm's id follows from the object's and
 * from what it is about, so it is the same one for ever, and wherever it is found out. Pure;
 * values.
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

enum alarm_of { ALARM_OF_VM, ALARM_OF_HOST, ALARM_OF_SR, ALARM_OF_POOL, _ALARM_OF_COUNT };

enum { ALARM_UNIT_MAX = 31, ALARM_VALUE_TEXT = 64 };

struct alarm {
	struct mu_uuid id;
	struct mu_uuid rule; /* nil: of fixed limits */
	struct mu_uuid object;
	enum alarm_of of;
	enum alarm_level level;
	char name[MODEL_NAME_MAX + 1];
	bool measured; /* it has a value */
	double value;
	char unit[ALARM_UNIT_MAX + 1]; /* "ratio", "percent", "bytes/s", "" */
	mu_msec since;                 /* raised, at any level */
	mu_msec acknowledged_at;       /* 0 = not */
	char acknowledged_by[MODEL_NAME_MAX + 1];
};

/* `part`: what it is about. */
struct mu_uuid alarm_id(const struct mu_uuid *object, const char *part);
/* False: it has nothing of the kind, or it is not known. */
bool alarm_measure(const struct model_object *o, enum alarm_what what, int32_t *ret_percent);
/* Raised at 80 and 90 %, lowered 2 % below that. */
enum alarm_level alarm_step(enum alarm_level before, int32_t percent);
/* "none", "warning", "critical" */
const char *alarm_level_name(enum alarm_level level);
bool alarm_level_parse(const char *name, enum alarm_level *ret);
/* Part of an id: "data", "metadata". */
const char *alarm_what_name(enum alarm_what what);
/* "SR data usage" */
const char *alarm_what_title(enum alarm_what what);
/* "VM", "host", "SR", "pool"; and their collections: "vms" */
const char *alarm_of_name(enum alarm_of of);
bool alarm_of_parse(const char *name, enum alarm_of *ret);
const char *alarm_of_collection(enum alarm_of of);
/* As Xen Orchestra has it: one decimal, a ratio in percent. */
const char *alarm_value(const struct alarm *a, char buf[static ALARM_VALUE_TEXT]);
/* The same for people: "82 %", "3.2 bytes/s"; "" without a value. */
const char *alarm_value_text(const struct alarm *a, char buf[static ALARM_VALUE_TEXT]);

#endif
