/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only pairs of a rule and an object that are other than ok have an entry, in a map of the rule's
 * by the object's id. Most maps are empty, so most steps cost no more than comparing two floats.
 */
#include "aggregator/core/alarms.h"

#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct alarm_state state;
	uint64_t round;     /* it was looked at in */
	struct alarm alarm; /* level ALARM_NONE: it is not raised yet */
	bool announced;     /* somebody was told */
	mu_msec told;       /* wall: its value was, last */
	double told_value;
};

struct slot {
	bool used;
	struct alarm_rule rule;
	struct mu_map *entries; /* by object */
};

struct alarms {
	struct slot slots[ALARMS_RULES_MAX];
	struct mu_map *raised; /* struct entry by the alarm's id */
	size_t n_entries;
	size_t n_refused; /* in this round */
	uint64_t round;
};

/* --- changes --- */

void alarms_changes_deinit(struct alarms_changes *c)
{
	free(c->items);
	*c = (struct alarms_changes){0};
}

void alarms_changes_reset(struct alarms_changes *c)
{
	c->n_items = 0;
}

static void tell(struct alarms_changes *c, enum alarms_what what, bool notify,
		 enum alarm_level before, const struct alarm *alarm)
{
	if (c->n_items == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->items = mu_xrealloc(c->items, c->cap, sizeof *c->items);
	}
	c->items[c->n_items++] = (struct alarms_change){what, notify, before, *alarm};
}

/* --- life --- */

struct alarms *alarms_new(void)
{
	struct alarms *a = mu_xcalloc(1, sizeof *a);

	a->raised = mu_map_new();
	return a;
}

static void entries_free(struct slot *s)
{
	struct entry *e;

	for (size_t i = 0; s->used && (e = mu_map_next(s->entries, &i, NULL, NULL));)
		free(e);
	mu_map_free(s->entries);
}

struct alarms *alarms_free(struct alarms *a)
{
	if (!a)
		return NULL;
	for (size_t i = 0; i < ALARMS_RULES_MAX; i++)
		entries_free(&a->slots[i]);
	mu_map_free(a->raised);
	free(a);
	return NULL;
}

/* --- entries --- */

static struct entry *entry_new(struct alarms *a, struct slot *s, const struct mu_uuid *object)
{
	struct entry *e = mu_xcalloc(1, sizeof *e);

	e->alarm = (struct alarm){
	    .id = alarm_id(object, s->rule.key),
	    .object = *object,
	};
	(void)mu_map_put(s->entries, object, sizeof *object, e);
	a->n_entries++;
	return e;
}

static void entry_drop(struct alarms *a, struct slot *s, struct entry *e)
{
	(void)mu_map_remove(a->raised, &e->alarm.id, sizeof e->alarm.id);
	(void)mu_map_remove(s->entries, &e->alarm.object, sizeof e->alarm.object);
	a->n_entries--;
	free(e);
}

/* Whoever was told that it began is told that it is over, also in silence. */
static void tell_cleared(const struct slot *s, struct entry *e, struct alarms_changes *out)
{
	tell(out, ALARMS_CLEARED, e->announced && s->rule.notify, e->alarm.level, &e->alarm);
	e->announced = false;
}

static void entry_end(struct alarms *a, struct slot *s, struct entry *e, struct alarms_changes *out)
{
	if (e->alarm.level != ALARM_NONE)
		tell_cleared(s, e, out);
	entry_drop(a, s, e);
}

/* --- rules --- */

static struct slot *slot_of(const struct alarms *a, const struct mu_uuid *id)
{
	for (size_t i = 0; i < ALARMS_RULES_MAX; i++) {
		const struct slot *s = &a->slots[i];

		if (s->used && mu_uuid_equal(&s->rule.id, id))
			return (struct slot *)(uintptr_t)s;
	}
	return NULL;
}

/* There is one: alarms_rule_check(). */
static struct slot *slot_free(struct alarms *a)
{
	size_t i = 0;

	while (a->slots[i].used)
		i++;
	return &a->slots[i];
}

int alarms_rule_check(const struct alarms *a, const struct mu_uuid *id, size_t n_coming,
		      struct mu_error *err)
{
	size_t n_free = 0;

	for (size_t i = 0; i < ALARMS_RULES_MAX; i++)
		n_free += !a->slots[i].used;
	if (slot_of(a, id) || n_free > n_coming)
		return 0;
	return mu_error_set(err, MU_E_EXHAUSTED, "there are %d rules; hint: delete some",
			    ALARMS_RULES_MAX);
}

/* Do both ask the same? Limits and times may differ. */
static bool asks_the_same(const struct alarm_rule *a, const struct alarm_rule *b)
{
	return a->of == b->of && a->condition == b->condition && a->aggregate == b->aggregate &&
	       a->window_s == b->window_s && a->below == b->below &&
	       strcmp(a->series, b->series) == 0 && strcmp(a->expression, b->expression) == 0;
}

/* What was found out says nothing of what is asked now: the next look begins anew. */
static void doubt(struct slot *s)
{
	struct entry *e;

	for (size_t i = 0; (e = mu_map_next(s->entries, &i, NULL, NULL));)
		e->state = (struct alarm_state){0};
}

int alarms_rule_put(struct alarms *a, const struct alarm_rule *rule, struct mu_error *err)
{
	struct slot *s = slot_of(a, &rule->id);

	if (alarms_rule_check(a, &rule->id, 0, err) < 0)
		return MU_FAILED;
	if (s && !asks_the_same(&s->rule, rule))
		doubt(s);
	if (!s) {
		s = slot_free(a);
		s->used = true;
		s->entries = mu_map_new();
	}
	s->rule = *rule;
	return 0;
}

void alarms_rule_remove(struct alarms *a, const struct mu_uuid *id, struct alarms_changes *out)
{
	struct slot *s = slot_of(a, id);
	struct entry *e;

	if (!s)
		return;
	for (size_t i = 0; (e = mu_map_next(s->entries, &i, NULL, NULL));)
		entry_end(a, s, e, out);
	mu_map_free(s->entries);
	*s = (struct slot){.used = false};
}

const struct alarm_rule *alarms_rule_find(const struct alarms *a, const struct mu_uuid *id)
{
	const struct slot *s = slot_of(a, id);

	return s ? &s->rule : NULL;
}

const struct alarm_rule *alarms_rule_at(const struct alarms *a, size_t slot)
{
	mu_assert(slot < ALARMS_RULES_MAX);
	return a->slots[slot].used ? &a->slots[slot].rule : NULL;
}

/* --- looking --- */

void alarms_round_begin(struct alarms *a)
{
	a->round++;
	a->n_refused = 0;
}

static void show_value(struct entry *e, const struct alarm_rule *rule,
		       const struct alarm_reading *reading)
{
	const char *unit = reading->unit ? reading->unit : "";

	if (!reading->known)
		return;
	e->alarm.measured = rule->condition == ALARM_SERIES;
	e->alarm.value = reading->value;
	mu_utf8_sanitize(e->alarm.unit, sizeof e->alarm.unit - 1, unit, strlen(unit));
}

static bool value_is_news(const struct entry *e, mu_msec wall)
{
	return fabs(e->alarm.value - e->told_value) > 0 &&
	       (wall < e->told || wall - e->told >= ALARMS_VALUE_EVERY_MS);
}

static void told(struct entry *e, mu_msec wall)
{
	e->told = wall;
	e->told_value = e->alarm.value;
}

static void begin(struct alarms *a, struct entry *e, mu_msec wall)
{
	e->alarm.since = wall;
	e->alarm.acknowledged_at = 0;
	e->alarm.acknowledged_by[0] = '\0';
	(void)mu_map_put(a->raised, &e->alarm.id, sizeof e->alarm.id, e);
}

/* It is raised, as before or now. */
static void show_raised(struct alarms *a, struct slot *s, struct entry *e, enum alarm_level level,
			mu_msec wall, struct alarms_changes *out)
{
	enum alarm_level before = e->alarm.level;
	bool audible = s->rule.notify && wall >= s->rule.silent_until;
	bool late = audible && !e->announced && before != ALARM_NONE && !e->alarm.acknowledged_at;
	enum alarms_what what = before == ALARM_NONE ? ALARMS_RAISED
				: level != before    ? ALARMS_LEVEL
						     : ALARMS_VALUE;

	e->alarm.level = level;
	if (what == ALARMS_RAISED) {
		begin(a, e, wall);
		e->announced = audible;
	}
	if (what != ALARMS_VALUE || value_is_news(e, wall)) {
		told(e, wall);
		tell(out, what, audible && e->announced, before, &e->alarm);
	}
	if (late) {
		e->announced = true;
		tell(out, ALARMS_ANNOUNCED, true, ALARM_NONE, &e->alarm);
	}
}

/* What is shown follows what is so. */
static void show(struct alarms *a, struct slot *s, struct entry *e, mu_msec wall,
		 struct alarms_changes *out)
{
	enum alarm_level level = alarm_state_level(&e->state);

	if (level != ALARM_NONE) {
		show_raised(a, s, e, level, wall, out);
		return;
	}
	if (e->alarm.level != ALARM_NONE)
		tell_cleared(s, e, out);
	e->alarm.level = ALARM_NONE;
	(void)mu_map_remove(a->raised, &e->alarm.id, sizeof e->alarm.id);
}

static void describe(struct entry *e, const struct alarm_rule *rule)
{
	e->alarm.rule = rule->id;
	e->alarm.of = rule->of;
	memcpy(e->alarm.name, rule->name, sizeof e->alarm.name);
}

void alarms_step(struct alarms *a, size_t slot, const struct mu_uuid *object,
		 const struct alarm_reading *reading, mu_msec now, mu_msec wall,
		 struct alarms_changes *out)
{
	struct slot *s = &a->slots[slot];
	const struct alarm_rule *rule = &s->rule;
	struct entry *e;

	mu_assert(slot < ALARMS_RULES_MAX && s->used);
	e = mu_map_size(s->entries) ? mu_map_find(s->entries, object, sizeof *object) : NULL;
	if (!e && (!reading->known || alarm_state_verdict(rule, reading->value) == ALARM_NONE))
		return;
	if (!e && a->n_entries >= ALARMS_STATES_MAX) {
		a->n_refused++;
		return;
	}
	if (!e)
		e = entry_new(a, s, object);
	e->round = a->round;
	describe(e, rule);
	alarm_state_step(&e->state, rule, reading, now);
	show_value(e, rule, reading);
	show(a, s, e, wall, out);
	if (alarm_state_is_ok(&e->state))
		entry_drop(a, s, e);
}

size_t alarms_round_end(struct alarms *a, struct alarms_changes *out)
{
	for (size_t k = 0; k < ALARMS_RULES_MAX; k++) {
		struct slot *s = &a->slots[k];
		struct entry *e;

		for (size_t i = 0; s->used && (e = mu_map_next(s->entries, &i, NULL, NULL));) {
			if (e->round != a->round)
				entry_end(a, s, e, out);
		}
	}
	return a->n_refused;
}

/* --- what is raised --- */

bool alarms_restore(struct alarms *a, const struct alarm *alarm)
{
	struct slot *s = slot_of(a, &alarm->rule);
	struct entry *e;

	if (!s || alarm->level == ALARM_NONE || a->n_entries >= ALARMS_STATES_MAX ||
	    mu_map_find(s->entries, &alarm->object, sizeof alarm->object))
		return false;
	e = entry_new(a, s, &alarm->object);
	e->alarm = *alarm;
	e->alarm.id = alarm_id(&alarm->object, s->rule.key);
	e->told_value = alarm->value;
	e->announced = true; /* nobody is told again after a restart */
	alarm_state_raise(&e->state, &s->rule, alarm->level);
	(void)mu_map_put(a->raised, &e->alarm.id, sizeof e->alarm.id, e);
	return true;
}

void alarms_each(const struct alarms *a, bool (*each)(const struct alarm *alarm, void *arg),
		 void *arg)
{
	const struct entry *e;

	for (size_t i = 0; (e = mu_map_next(a->raised, &i, NULL, NULL));) {
		if (!each(&e->alarm, arg))
			return;
	}
}

const struct alarm *alarms_find(const struct alarms *a, const struct mu_uuid *id)
{
	const struct entry *e = mu_map_find(a->raised, id, sizeof *id);

	return e ? &e->alarm : NULL;
}

bool alarms_acknowledge(struct alarms *a, const struct mu_uuid *id, const char *who, mu_msec wall,
			struct alarms_changes *out)
{
	struct entry *e = mu_map_find(a->raised, id, sizeof *id);

	if (!e)
		return false;
	e->alarm.acknowledged_at = wall;
	mu_utf8_sanitize(e->alarm.acknowledged_by, sizeof e->alarm.acknowledged_by - 1, who,
			 strlen(who));
	tell(out, ALARMS_ACKNOWLEDGED, false, e->alarm.level, &e->alarm);
	return true;
}
