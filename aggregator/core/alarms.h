/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All rules and what is the matter now: readings in, changes of alarms out. docs/design/alarms.md.
 *
 * PURE: no clock, no I/O. A look at everything is a round: alarms_round_begin(), alarms_step() for
 * every object that a rule applies to, alarms_round_end(), which ends what was not looked at: the
 * object is gone, or the rule does not mean it any more.
 */
#ifndef MUSTER_AGGREGATOR_CORE_ALARMS_H
#define MUSTER_AGGREGATOR_CORE_ALARMS_H

#include "aggregator/core/alarm_state.h"

enum {
	ALARMS_RULES_MAX = 64,
	ALARMS_STATES_MAX = 10000,
	ALARMS_VALUE_EVERY_MS = 60 * 1000, /* a value that changes is told so often */
};

struct alarms;

enum alarms_what {
	ALARMS_RAISED,
	ALARMS_LEVEL,     /* another level */
	ALARMS_VALUE,     /* the same level, another value */
	ALARMS_ANNOUNCED, /* it was raised in silence, which is over: nothing of it changes */
	ALARMS_ACKNOWLEDGED,
	ALARMS_CLEARED,
	_ALARMS_WHAT_COUNT,
};

struct alarms_change {
	enum alarms_what what;
	bool notify;             /* it is to be told */
	enum alarm_level before; /* its level was */
	struct alarm alarm;
};

/* What came of one or more calls, in order; zeros is an empty one. */
struct alarms_changes {
	struct alarms_change *items;
	size_t n_items;
	size_t cap;
};

void alarms_changes_deinit(struct alarms_changes *c);
void alarms_changes_reset(struct alarms_changes *c);

struct alarms *alarms_new(void);
/* Takes NULL; returns NULL. */
struct alarms *alarms_free(struct alarms *a);

/* Rules. A slot keeps its rule until that is removed. */
/* Add, or replace by id; MU_E_EXHAUSTED. When it asks something else than before, what is raised
 * lasts only if the next look raises it again. */
int alarms_rule_put(struct alarms *a, const struct alarm_rule *rule, struct mu_error *err);
/* May it be put, when `n_coming` new ones are as well? */
int alarms_rule_check(const struct alarms *a, const struct mu_uuid *id, size_t n_coming,
		      struct mu_error *err);
/* With its alarms. */
void alarms_rule_remove(struct alarms *a, const struct mu_uuid *id, struct alarms_changes *out);
const struct alarm_rule *alarms_rule_find(const struct alarms *a, const struct mu_uuid *id);
/* NULL: the slot is free. Slots are below ALARMS_RULES_MAX. */
const struct alarm_rule *alarms_rule_at(const struct alarms *a, size_t slot);

void alarms_round_begin(struct alarms *a);
/* `now` is monotonic, `wall` for showing. */
void alarms_step(struct alarms *a, size_t slot, const struct mu_uuid *object,
		 const struct alarm_reading *reading, mu_msec now, mu_msec wall,
		 struct alarms_changes *out);
/* How many pairs were not looked at, since there are too many. */
size_t alarms_round_end(struct alarms *a, struct alarms_changes *out);

/* An alarm that was raised before a restart; false: its rule is gone. */
bool alarms_restore(struct alarms *a, const struct alarm *alarm);
/* Raised ones; stop when `each` returns false. NULL: there is none of this id. */
void alarms_each(const struct alarms *a, bool (*each)(const struct alarm *alarm, void *arg),
		 void *arg);
const struct alarm *alarms_find(const struct alarms *a, const struct mu_uuid *id);
/* False: there is none of this id. */
bool alarms_acknowledge(struct alarms *a, const struct mu_uuid *id, const char *who, mu_msec wall,
			struct alarms_changes *out);

#endif
