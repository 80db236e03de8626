/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/app/alarm_look.h"

#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/query/query.h"

#include <math.h>
#include <stdlib.h>

enum { STEPS_MAX = ALARM_WINDOW_MAX_S / ARCHIVE_STEP_S };

_Static_assert(ALARMS_RULES_MAX <= 64, "a bit for each rule");

/* A series that a rule means. */
struct pick {
	uint16_t slot;
	uint16_t series;
};

/* Hosts name their objects: a VM may have the id of another host's SR. */
struct watch_key {
	struct mu_uuid id;
	uint32_t of; /* enum alarm_of */
};

_Static_assert(sizeof(struct watch_key) == sizeof(struct mu_uuid) + sizeof(uint32_t),
	       "nothing between them: it is compared as bytes");

/* What is remembered of an object. */
struct watch {
	uint64_t applies; /* a bit for each rule that means it */
	uint64_t matches; /* and whose expression is true of it */
	const struct catalogue_object *series_of;
	size_t n_series; /* that there were: they only become more */
	struct pick *picks;
	size_t n_picks; /* in order of slots */
};

struct parsed {
	const struct alarm_rule *rule; /* NULL: none */
	struct query_filter *filter;
	struct query_filter *expression;
};

struct alarm_look {
	struct alarm_look_options options;
	struct parsed rules[ALARMS_RULES_MAX];
	uint64_t of[_ALARM_OF_COUNT]; /* the rules of each kind */
	struct mu_arena *filters;
	struct mu_arena *arena; /* for one object */
	struct mu_map *watches; /* struct watch by struct watch_key */
};

struct alarm_look *alarm_look_new(const struct alarm_look_options *options)
{
	struct alarm_look *l = mu_xcalloc(1, sizeof *l);

	l->options = *options;
	l->filters = mu_arena_new();
	l->arena = mu_arena_new();
	l->watches = mu_map_new();
	alarm_look_rules_changed(l);
	return l;
}

static void watch_free(struct watch *w)
{
	if (w)
		free(w->picks);
	free(w);
}

static void forget_all(struct alarm_look *l)
{
	struct watch *w;

	for (size_t i = 0; (w = mu_map_next(l->watches, &i, NULL, NULL));)
		watch_free(w);
	mu_map_free(l->watches);
	l->watches = NULL;
}

struct alarm_look *alarm_look_free(struct alarm_look *l)
{
	if (!l)
		return NULL;
	forget_all(l);
	mu_arena_free(l->filters);
	mu_arena_free(l->arena);
	free(l);
	return NULL;
}

void alarm_look_forget(struct alarm_look *l, const struct mu_uuid *object)
{
	for (uint32_t of = 0; of < _ALARM_OF_COUNT; of++) {
		const struct watch_key key = {*object, of};

		watch_free(mu_map_remove(l->watches, &key, sizeof key));
	}
}

/* They were checked when the rule was made. */
static struct query_filter *parse(struct alarm_look *l, const char *text)
{
	struct query_filter *f;

	mu_assert(query_filter_parse(l->filters, text, &f, NULL) == 0);
	return f;
}

void alarm_look_rules_changed(struct alarm_look *l)
{
	forget_all(l);
	l->watches = mu_map_new();
	mu_arena_reset(l->filters);
	for (unsigned i = 0; i < _ALARM_OF_COUNT; i++)
		l->of[i] = 0;
	for (size_t i = 0; i < ALARMS_RULES_MAX; i++) {
		const struct alarm_rule *rule = alarms_rule_at(l->options.alarms, i);

		l->rules[i] = (struct parsed){.rule = NULL};
		if (!rule || !rule->enabled)
			continue;
		l->rules[i].rule = rule;
		if (rule->filter[0])
			l->rules[i].filter = parse(l, rule->filter);
		if (rule->condition == ALARM_EXPRESSION)
			l->rules[i].expression = parse(l, rule->expression);
		l->of[rule->of] |= UINT64_C(1) << i;
	}
}

/* --- what is remembered --- */

static bool is_true(struct alarm_look *l, enum alarm_of of, const struct mu_uuid *object,
		    const struct query_filter *f)
{
	bool r = l->options.matches(l->options.ctx, of, object, f, l->arena);

	mu_arena_reset(l->arena);
	return r;
}

static struct watch *watch_new(struct alarm_look *l, enum alarm_of of, const struct mu_uuid *object)
{
	const struct watch_key key = {*object, of};
	struct watch *w = mu_xcalloc(1, sizeof *w);

	for (uint64_t left = l->of[of]; left; left &= left - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(left);
		const struct parsed *p = &l->rules[slot];

		if (p->filter && !is_true(l, of, object, p->filter))
			continue;
		w->applies |= UINT64_C(1) << slot;
		if (p->expression && is_true(l, of, object, p->expression))
			w->matches |= UINT64_C(1) << slot;
	}
	(void)mu_map_put(l->watches, &key, sizeof key, w);
	return w;
}

static void pick(struct watch *w, unsigned slot, size_t series)
{
	w->picks = mu_xrealloc(w->picks, w->n_picks + 1, sizeof *w->picks);
	w->picks[w->n_picks++] = (struct pick){(uint16_t)slot, (uint16_t)series};
}

static void pick_series(struct alarm_look *l, struct watch *w, const struct catalogue_object *o)
{
	free(MU_TAKE(w->picks));
	w->n_picks = 0;
	for (uint64_t left = w->applies; left; left &= left - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(left);
		const struct alarm_rule *rule = l->rules[slot].rule;

		for (size_t i = 0; i < o->n_series && rule->condition != ALARM_EXPRESSION; i++) {
			if (alarm_series_match(rule->series, catalogue_metric(o, i)->name))
				pick(w, slot, i);
		}
	}
	w->series_of = o;
	w->n_series = o->n_series;
}

/* --- reading --- */

/* One more value: the worst counts. */
static void add(const struct alarm_rule *rule, struct alarm_reading *r, double value,
		const char *unit)
{
	if (r->known && (rule->below ? value >= r->value : value <= r->value))
		return;
	*r = (struct alarm_reading){true, value, unit};
}

/* Of what is known, when that is half at least. */
static bool aggregate(enum alarm_aggregate how, const float *values, uint32_t n, double *ret)
{
	uint32_t n_known = 0;
	double result = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (isnan(values[i]))
			continue;
		if (how == ALARM_AVERAGE)
			result += values[i];
		else if (n_known == 0 ||
			 (how == ALARM_MAXIMUM ? values[i] > result : values[i] < result))
			result = values[i];
		n_known++;
	}
	if (n_known == 0 || 2 * n_known < n)
		return false;
	*ret = how == ALARM_AVERAGE ? result / n_known : result;
	return true;
}

/* How many steps it read. */
static size_t read_series(const struct alarm_look *l, const struct alarm_rule *rule,
			  const struct catalogue_object *o, size_t i, struct alarm_reading *ret)
{
	uint32_t n = (uint32_t)rule->window_s / ARCHIVE_STEP_S;
	float values[STEPS_MAX];
	double value;

	if (n == 0)
		n = 1;
	metrics_steps(l->options.metrics, o, i, n, values);
	if (aggregate(rule->aggregate, values, n, &value))
		add(rule, ret, value, catalogue_metric(o, i)->unit);
	return n;
}

/* What a state has of series: how full an SR is. */
static void read_sr(const struct alarm_rule *rule, const struct model_object *sr,
		    struct alarm_reading *ret)
{
	static const char *const names[_ALARM_WHAT_COUNT] = {
	    [ALARM_SR_DATA] = "data_percent",
	    [ALARM_SR_METADATA] = "metadata_percent",
	};
	int32_t percent;

	for (unsigned i = 0; i < _ALARM_WHAT_COUNT; i++) {
		if (alarm_series_match(rule->series, names[i]) &&
		    alarm_measure(sr, (enum alarm_what)i, &percent))
			add(rule, ret, percent, "percent");
	}
}

static void finish(const struct alarm_rule *rule, bool matches, struct alarm_reading *r)
{
	if (rule->condition == ALARM_EXPRESSION)
		*r = (struct alarm_reading){true, matches ? 1 : 0, NULL};
	else if (rule->condition == ALARM_ABSENT)
		*r = (struct alarm_reading){true, r->known ? 0 : 1, NULL};
}

size_t alarm_look_at(struct alarm_look *l, enum alarm_of of, const struct mu_uuid *object, bool off,
		     const struct model_object *sr,
		     void (*each)(void *arg, size_t slot, const struct alarm_reading *reading),
		     void *arg)
{
	const struct watch_key key = {*object, of};
	struct watch *w = mu_map_find(l->watches, &key, sizeof key);
	const struct catalogue_object *o =
	    !sr && !off && l->options.metrics ? metrics_fresh(l->options.metrics, object) : NULL;
	size_t cost = ALARM_LOOK_COST;
	size_t k = 0;

	if (!w)
		w = watch_new(l, of, object);
	if (o && (w->series_of != o || w->n_series != o->n_series))
		pick_series(l, w, o);
	for (uint64_t left = w->applies; left; left &= left - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(left);
		const struct alarm_rule *rule = l->rules[slot].rule;
		struct alarm_reading r = {.known = false};

		if (off && rule->condition != ALARM_EXPRESSION)
			continue;
		if (sr)
			read_sr(rule, sr, &r);
		for (; o && k < w->n_picks && w->picks[k].slot <= slot; k++)
			cost += read_series(l, rule, o, w->picks[k].series, &r);
		finish(rule, w->matches >> slot & 1, &r);
		each(arg, slot, &r);
		cost++;
	}
	return cost;
}
