/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/alarm_state.h"

#include "common/base/assert.h"

static bool reached(const struct alarm_rule *rule, const struct alarm_limit *l, double value)
{
	return rule->below ? value <= l->at : value >= l->at;
}

/* Neither over the limit nor yet far enough behind it. */
static bool stays(const struct alarm_rule *rule, const struct alarm_limit *l, double value)
{
	if (reached(rule, l, value))
		return true;
	return rule->below ? value < l->at + rule->hysteresis : value > l->at - rule->hysteresis;
}

static void enter(struct alarm_trigger *t, enum alarm_phase phase)
{
	*t = (struct alarm_trigger){.phase = phase};
}

/* Go on to `to` when it has lasted; otherwise wait for that in `meanwhile`. */
static void last(struct alarm_trigger *t, enum alarm_phase meanwhile, enum alarm_phase to,
		 mu_msec needed)
{
	if (t->phase != meanwhile)
		enter(t, meanwhile);
	if (t->held >= needed)
		enter(t, to);
}

static void step(struct alarm_trigger *t, const struct alarm_rule *rule,
		 const struct alarm_limit *l, double value, mu_msec passed)
{
	t->held += passed;
	switch (t->phase) {
	case ALARM_OK:
	case ALARM_PENDING:
		if (l->set && reached(rule, l, value))
			last(t, ALARM_PENDING, ALARM_RAISED, rule->hold);
		else
			enter(t, ALARM_OK);
		return;
	case ALARM_RAISED:
	case ALARM_CLEARING:
		if (l->set && stays(rule, l, value))
			enter(t, ALARM_RAISED);
		else
			last(t, ALARM_CLEARING, ALARM_OK, rule->release);
		return;
	/* GCOVR_EXCL_START: no phase, for the compiler only */
	case _ALARM_PHASE_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}

void alarm_state_step(struct alarm_state *s, const struct alarm_rule *rule,
		      const struct alarm_reading *reading, mu_msec now)
{
	mu_msec passed =
	    s->seen && now > s->last && now - s->last <= ALARM_GAP_MS ? now - s->last : 0;

	s->seen = reading->known;
	s->last = now;
	if (!reading->known)
		return;
	for (unsigned i = ALARM_WARNING; i < _ALARM_LEVEL_COUNT; i++)
		step(&s->of[i], rule, &rule->limits[i], reading->value, passed);
}

static bool is_raised(const struct alarm_trigger *t)
{
	return t->phase == ALARM_RAISED || t->phase == ALARM_CLEARING;
}

enum alarm_level alarm_state_level(const struct alarm_state *s)
{
	if (is_raised(&s->of[ALARM_CRITICAL]))
		return ALARM_CRITICAL;
	return is_raised(&s->of[ALARM_WARNING]) ? ALARM_WARNING : ALARM_NONE;
}

bool alarm_state_is_ok(const struct alarm_state *s)
{
	return s->of[ALARM_WARNING].phase == ALARM_OK && s->of[ALARM_CRITICAL].phase == ALARM_OK;
}

void alarm_state_raise(struct alarm_state *s, const struct alarm_rule *rule, enum alarm_level level)
{
	for (unsigned i = ALARM_WARNING; i <= (unsigned)level; i++) {
		if (i == (unsigned)level || rule->limits[i].set)
			enter(&s->of[i], ALARM_RAISED);
	}
}

enum alarm_level alarm_state_verdict(const struct alarm_rule *rule, double value)
{
	for (unsigned i = ALARM_CRITICAL; i > ALARM_NONE; i--) {
		if (rule->limits[i].set && reached(rule, &rule->limits[i], value))
			return (enum alarm_level)i;
	}
	return ALARM_NONE;
}
