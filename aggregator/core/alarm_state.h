/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rule and one object: a trigger for each limit, with hysteresis and with times that it must
 * last. PURE; a value. All zeros: nothing is the matter.
 */
#ifndef MUSTER_AGGREGATOR_CORE_ALARM_STATE_H
#define MUSTER_AGGREGATOR_CORE_ALARM_STATE_H

#include "aggregator/core/alarm_rule.h"

/* Two looks that are farther apart: what was between them is not known. */
enum { ALARM_GAP_MS = 30 * 1000 };

enum alarm_phase {
	ALARM_OK,
	ALARM_PENDING,  /* the limit is reached, not yet for long enough */
	ALARM_RAISED,   /* it is an alarm */
	ALARM_CLEARING, /* it still is; the value is back, not yet for long enough */
	_ALARM_PHASE_COUNT,
};

struct alarm_reading {
	bool known;
	double value;
	const char *unit; /* of a series, else NULL */
};

struct alarm_trigger {
	enum alarm_phase phase;
	mu_msec held; /* known time in ALARM_PENDING or ALARM_CLEARING */
};

struct alarm_state {
	struct alarm_trigger of[_ALARM_LEVEL_COUNT]; /* ALARM_NONE's is not used */
	bool seen;                                   /* `last` is when a value was known */
	mu_msec last;
};

/* `now` is monotonic. */
void alarm_state_step(struct alarm_state *s, const struct alarm_rule *rule,
		      const struct alarm_reading *reading, mu_msec now);
enum alarm_level alarm_state_level(const struct alarm_state *s);
/* Nothing is the matter, nor about to be: it need not be kept. */
bool alarm_state_is_ok(const struct alarm_state *s);
/* It was raised at this level before a restart. */
void alarm_state_raise(struct alarm_state *s, const struct alarm_rule *rule,
		       enum alarm_level level);
/* What the value means by itself, as if nothing had to last. */
enum alarm_level alarm_state_verdict(const struct alarm_rule *rule, double value);

#endif
