/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule by which alarms are found out: docs/design/alarms.md. PURE; values.
 */
#ifndef MUSTER_AGGREGATOR_CORE_ALARM_RULE_H
#define MUSTER_AGGREGATOR_CORE_ALARM_RULE_H

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/base/value.h"
#include "common/model/alarm.h"

enum {
	ALARM_TEXT_MAX = 512, /* bytes of a filter or an expression */
	ALARM_SERIES_MAX = 63,
	ALARM_KEY_MAX = 36,
	ALARM_WINDOW_MAX_S = 600,
	ALARM_HOLD_MAX_S = 7 * 86400,
};

enum alarm_condition {
	ALARM_SERIES,
	ALARM_EXPRESSION,
	ALARM_ABSENT,
	_ALARM_CONDITION_COUNT,
};
enum alarm_aggregate { ALARM_AVERAGE, ALARM_MINIMUM, ALARM_MAXIMUM, _ALARM_AGGREGATE_COUNT };

/* A limit, of warnings or of what is critical. */
struct alarm_limit {
	bool set;
	double at;
};

struct alarm_rule {
	struct mu_uuid id;
	char key[ALARM_KEY_MAX + 1]; /* what its alarms' ids are made of */
	char name[MODEL_NAME_MAX + 1];
	bool builtin;
	bool enabled;
	bool notify;
	mu_msec silent_until; /* wall: nobody is told before; 0 = now */
	enum alarm_of of;
	char filter[ALARM_TEXT_MAX + 1]; /* "" = all */
	enum alarm_condition condition;
	char series[ALARM_SERIES_MAX + 1];
	enum alarm_aggregate aggregate;
	int64_t window_s; /* 0 = the newest */
	bool below;
	/* By level; ALARM_NONE's is never set. Of an expression or of absent data: 1 at `level`. */
	struct alarm_limit limits[_ALARM_LEVEL_COUNT];
	double hysteresis;
	char expression[ALARM_TEXT_MAX + 1];
	mu_msec hold;    /* `for` */
	mu_msec release; /* `clearAfter` */
};

/* Members of `v` over what *rule is already (alarm_rule_init() for a new one). MU_E_INVALID names
 * the member; *rule is untouched then. `id`, `builtin` and `href` are read over. */
void alarm_rule_init(struct alarm_rule *rule, const struct mu_uuid *id);
int alarm_rule_merge(struct alarm_rule *rule, const struct mu_value *v, struct mu_error *err);
/* The members that mean something to its condition. */
struct mu_value *alarm_rule_value(struct mu_arena *a, const struct alarm_rule *rule);

/* The rules that come with the program; false behind the last. */
bool alarm_rule_builtin(size_t i, struct alarm_rule *ret);
/* The built-in one of this id. */
bool alarm_rule_find_builtin(const struct mu_uuid *id, struct alarm_rule *ret);

/* Does the whole name match, '*' standing for any text? */
bool alarm_series_match(const char *glob, const char *name);

#endif
