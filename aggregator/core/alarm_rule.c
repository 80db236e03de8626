/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table says how a rule's members are called, what they are and where they are; reading,
 * writing and refusing go through it. What depends on each other is checked once all are in.
 */
#include "aggregator/core/alarm_rule.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/query/query.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const condition_names[_ALARM_CONDITION_COUNT] = {
    [ALARM_SERIES] = "series",
    [ALARM_EXPRESSION] = "expression",
    [ALARM_ABSENT] = "absent",
};

static const char *const aggregate_names[_ALARM_AGGREGATE_COUNT] = {
    [ALARM_AVERAGE] = "average",
    [ALARM_MINIMUM] = "minimum",
    [ALARM_MAXIMUM] = "maximum",
};

static const char *const below_names[] = {"above", "below"};
static const char *const of_names[_ALARM_OF_COUNT] = {"VM", "host", "SR", "pool"};
static const char *const level_names[] = {"warning", "critical"};

enum member_kind {
	MEMBER_TEXT,
	MEMBER_BOOL,
	MEMBER_WORD,    /* an enum, or a bool of two words */
	MEMBER_SECONDS, /* kept in ms */
	MEMBER_WHOLE,
	MEMBER_MSEC,
	MEMBER_REAL,
	MEMBER_LIMIT, /* null takes it away */
	MEMBER_LEVEL, /* of a condition that is true or not */
};

enum { FOR_SERIES = 1 << ALARM_SERIES, FOR_EXPRESSION = 1 << ALARM_EXPRESSION };
enum { FOR_ABSENT = 1 << ALARM_ABSENT, FOR_ALL = FOR_SERIES | FOR_EXPRESSION | FOR_ABSENT };

struct member {
	const char *name;
	enum member_kind kind;
	unsigned conditions;
	size_t offset;
	int64_t max; /* of a text: bytes; of a number: itself */
	const char *const *words;
	size_t n_words;
};

#define AT(field) offsetof(struct alarm_rule, field)
#define WORDS(words) words, MU_ARRAY_SIZE(words)

static const struct member members[] = {
    {"name", MEMBER_TEXT, FOR_ALL, AT(name), MODEL_NAME_MAX, NULL, 0},
    {"kind", MEMBER_WORD, FOR_ALL, AT(of), 0, WORDS(of_names)},
    {"filter", MEMBER_TEXT, FOR_ALL, AT(filter), ALARM_TEXT_MAX, NULL, 0},
    {"condition", MEMBER_WORD, FOR_ALL, AT(condition), 0, WORDS(condition_names)},
    {"series", MEMBER_TEXT, FOR_SERIES | FOR_ABSENT, AT(series), ALARM_SERIES_MAX, NULL, 0},
    {"aggregate", MEMBER_WORD, FOR_SERIES, AT(aggregate), 0, WORDS(aggregate_names)},
    {"window", MEMBER_WHOLE, FOR_SERIES, AT(window_s), ALARM_WINDOW_MAX_S, NULL, 0},
    {"comparison", MEMBER_WORD, FOR_SERIES, AT(below), 0, WORDS(below_names)},
    {"warning", MEMBER_LIMIT, FOR_SERIES, AT(limits[ALARM_WARNING]), 0, NULL, 0},
    {"critical", MEMBER_LIMIT, FOR_SERIES, AT(limits[ALARM_CRITICAL]), 0, NULL, 0},
    {"hysteresis", MEMBER_REAL, FOR_SERIES, AT(hysteresis), 0, NULL, 0},
    {"expression", MEMBER_TEXT, FOR_EXPRESSION, AT(expression), ALARM_TEXT_MAX, NULL, 0},
    {"level", MEMBER_LEVEL, FOR_EXPRESSION | FOR_ABSENT, AT(limits), 0, WORDS(level_names)},
    {"for", MEMBER_SECONDS, FOR_ALL, AT(hold), ALARM_HOLD_MAX_S, NULL, 0},
    {"clearAfter", MEMBER_SECONDS, FOR_ALL, AT(release), ALARM_HOLD_MAX_S, NULL, 0},
    {"enabled", MEMBER_BOOL, FOR_ALL, AT(enabled), 0, NULL, 0},
    {"notify", MEMBER_BOOL, FOR_ALL, AT(notify), 0, NULL, 0},
    {"silentUntil", MEMBER_MSEC, FOR_ALL, AT(silent_until), INT64_MAX, NULL, 0},
};

void alarm_rule_init(struct alarm_rule *rule, const struct mu_uuid *id)
{
	*rule = (struct alarm_rule){.id = *id, .enabled = true, .notify = true};
	(void)mu_uuid_format(id, rule->key);
}

static void *field(struct alarm_rule *rule, const struct member *m)
{
	return (char *)rule + m->offset;
}

static const void *field_of(const struct alarm_rule *rule, const struct member *m)
{
	return (const char *)rule + m->offset;
}

/* --- reading --- */

static int refuse(const struct member *m, const struct mu_value *v, const char *what,
		  struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "body.%s: must be %s, is %s", m->name, what,
			    mu_value_kind_name(v->kind));
}

static bool number_of(const struct mu_value *v, double *ret)
{
	if (v->kind != MU_VALUE_INT && v->kind != MU_VALUE_REAL)
		return false;
	*ret = v->kind == MU_VALUE_INT ? (double)v->integer : v->real;
	return true;
}

static int take_text(void *at, const struct member *m, const struct mu_value *v,
		     struct mu_error *err)
{
	size_t len;

	if (v->kind != MU_VALUE_STRING)
		return refuse(m, v, "a string", err);
	len = strlen(v->string);
	if (len > (size_t)m->max)
		return mu_error_set(err, MU_E_INVALID, "body.%s: is longer than %d bytes", m->name,
				    (int)m->max);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)v->string[i] < ' ' || v->string[i] == 0x7f)
			return mu_error_set(err, MU_E_INVALID,
					    "body.%s: has a control character in it", m->name);
	}
	memcpy(at, v->string, len + 1);
	return 0;
}

static int word_of(const struct member *m, const struct mu_value *v, size_t *ret,
		   struct mu_error *err)
{
	char all[80] = "";

	for (size_t i = 0; i < m->n_words; i++) {
		size_t len = strlen(all);

		if (v->kind == MU_VALUE_STRING && strcmp(v->string, m->words[i]) == 0) {
			*ret = i;
			return 0;
		}
		(void)snprintf(all + len, sizeof all - len, "%s'%s'", i ? ", " : "", m->words[i]);
	}
	return mu_error_set(err, MU_E_INVALID, "body.%s: must be one of %s", m->name, all);
}

static int take_word(void *at, const struct member *m, const struct mu_value *v,
		     struct mu_error *err)
{
	size_t i;

	if (word_of(m, v, &i, err) < 0)
		return MU_FAILED;
	if (m->words == below_names)
		*(bool *)at = i == 1;
	else
		*(unsigned *)at = (unsigned)i;
	return 0;
}

static int take_whole(void *at, const struct member *m, const struct mu_value *v,
		      struct mu_error *err)
{
	if (m->kind == MEMBER_MSEC && (v->kind != MU_VALUE_INT || v->integer < 0))
		return mu_error_set(err, MU_E_INVALID, "body.%s: must be ms since 1970, or 0",
				    m->name);
	if (v->kind != MU_VALUE_INT)
		return refuse(m, v, "a whole number of seconds", err);
	if (v->integer < 0 || v->integer > m->max)
		return mu_error_set(err, MU_E_INVALID, "body.%s: must be from 0 to %lld seconds",
				    m->name, (long long)m->max);
	*(int64_t *)at = m->kind == MEMBER_SECONDS ? MU_SEC(v->integer) : v->integer;
	return 0;
}

static int take_real(void *at, const struct member *m, const struct mu_value *v,
		     struct mu_error *err)
{
	double d;

	if (!number_of(v, &d))
		return refuse(m, v, "a number", err);
	if (d < 0)
		return mu_error_set(err, MU_E_INVALID, "body.%s: must not be below 0", m->name);
	*(double *)at = d;
	return 0;
}

static int take_limit(void *at, const struct member *m, const struct mu_value *v,
		      struct mu_error *err)
{
	struct alarm_limit limit = {.set = v->kind != MU_VALUE_NULL};

	if (limit.set && !number_of(v, &limit.at))
		return refuse(m, v, "a number or null", err);
	*(struct alarm_limit *)at = limit;
	return 0;
}

static int take_level(void *at, const struct member *m, const struct mu_value *v,
		      struct mu_error *err)
{
	struct alarm_limit *limits = at;
	size_t i;

	if (word_of(m, v, &i, err) < 0)
		return MU_FAILED;
	limits[ALARM_WARNING] = (struct alarm_limit){i == 0, i == 0};
	limits[ALARM_CRITICAL] = (struct alarm_limit){i == 1, i == 1};
	return 0;
}

static int take(struct alarm_rule *rule, const struct member *m, const struct mu_value *v,
		struct mu_error *err)
{
	void *at = field(rule, m);

	switch (m->kind) {
	case MEMBER_TEXT:
		return take_text(at, m, v, err);
	case MEMBER_BOOL:
		if (v->kind != MU_VALUE_BOOL)
			return refuse(m, v, "true or false", err);
		*(bool *)at = v->boolean;
		return 0;
	case MEMBER_WORD:
		return take_word(at, m, v, err);
	case MEMBER_SECONDS:
	case MEMBER_WHOLE:
	case MEMBER_MSEC:
		return take_whole(at, m, v, err);
	case MEMBER_REAL:
		return take_real(at, m, v, err);
	case MEMBER_LIMIT:
		return take_limit(at, m, v, err);
	case MEMBER_LEVEL:
		return take_level(at, m, v, err);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind is above */
}

static const struct member *member_find(const char *name)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(members); i++) {
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	}
	return NULL;
}

static bool is_ours(const char *name)
{
	return strcmp(name, "id") == 0 || strcmp(name, "builtin") == 0 || strcmp(name, "href") == 0;
}

/* --- checking --- */

static int check_filter(const char *name, const char *text, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct query_filter *f;

	if (query_filter_parse(a, text, &f, err) == 0)
		return 0;
	err->code = MU_E_INVALID;
	return mu_error_prefix(err, "body.%s", name);
}

static int check_limits(const struct alarm_rule *r, struct mu_error *err)
{
	const struct alarm_limit *w = &r->limits[ALARM_WARNING];
	const struct alarm_limit *c = &r->limits[ALARM_CRITICAL];

	if (!w->set && !c->set)
		return r->condition == ALARM_SERIES
			   ? mu_error_set(err, MU_E_INVALID,
					  "body: needs a limit, `warning` or `critical`")
			   : mu_error_set(err, MU_E_INVALID, "body.level: is missing");
	if (w->set && c->set && (r->below ? c->at > w->at : c->at < w->at))
		return mu_error_set(err, MU_E_INVALID,
				    "body.critical: must be %s than `warning`, as `comparison` is "
				    "'%s'",
				    r->below ? "less" : "more", below_names[r->below]);
	return 0;
}

static int check(const struct alarm_rule *r, struct mu_error *err)
{
	if (!r->name[0])
		return mu_error_set(err, MU_E_INVALID, "body.name: is missing");
	if (check_filter("filter", r->filter, err) < 0)
		return MU_FAILED;
	if (r->condition == ALARM_EXPRESSION && !r->expression[0])
		return mu_error_set(err, MU_E_INVALID, "body.expression: is missing");
	if (r->condition == ALARM_EXPRESSION && check_filter("expression", r->expression, err) < 0)
		return MU_FAILED;
	if (r->condition != ALARM_EXPRESSION && !r->series[0])
		return mu_error_set(err, MU_E_INVALID,
				    "body.series: is missing; hint: GET /vms/{id}/stats?series=* "
				    "has their names");
	return check_limits(r, err);
}

/* A rule that becomes another kind of condition begins with no limit. */
static void forget_condition(struct alarm_rule *rule, const struct mu_value *v)
{
	const char *name = mu_value_as_string(mu_value_get(v, "condition"));
	bool was_series = rule->condition == ALARM_SERIES;

	if (name && (strcmp(name, condition_names[ALARM_SERIES]) == 0) != was_series) {
		memset(rule->limits, 0, sizeof rule->limits);
		rule->hysteresis = 0;
		rule->below = false;
		rule->window_s = 0;
	}
}

int alarm_rule_merge(struct alarm_rule *rule, const struct mu_value *v, struct mu_error *err)
{
	struct alarm_rule new = *rule;

	forget_condition(&new, v);
	mu_value_each(child, v)
	{
		const struct member *m = member_find(child->name);

		if (!m && is_ours(child->name))
			continue;
		if (!m)
			return mu_error_set(err, MU_E_INVALID, "body.%.60s: there is no such field",
					    child->name);
		if (take(&new, m, child, err) < 0)
			return MU_FAILED;
	}
	mu_value_each(child, v)
	{
		const struct member *m = member_find(child->name);

		if (m && !(m->conditions & 1U << new.condition))
			return mu_error_set(err, MU_E_INVALID,
					    "body.%s: has no meaning with condition '%s'", m->name,
					    condition_names[new.condition]);
	}
	if (check(&new, err) < 0)
		return MU_FAILED;
	*rule = new;
	return 0;
}

/* --- writing --- */

static struct mu_value *limit_value(struct mu_arena *a, const struct alarm_limit *limit)
{
	if (!limit->set)
		return mu_value_null(a);
	if (limit->at >= -1e15 && limit->at <= 1e15 && !(limit->at < nearbyint(limit->at)) &&
	    !(limit->at > nearbyint(limit->at)))
		return mu_value_int(a, (int64_t)limit->at);
	return mu_value_real(a, limit->at);
}

static struct mu_value *member_value(struct mu_arena *a, const struct alarm_rule *rule,
				     const struct member *m)
{
	const void *at = field_of(rule, m);
	const struct alarm_limit real = {true, m->kind == MEMBER_REAL ? *(const double *)at : 0};

	switch (m->kind) {
	case MEMBER_TEXT:
		return mu_value_string(a, at);
	case MEMBER_BOOL:
		return mu_value_bool(a, *(const bool *)at);
	case MEMBER_WORD:
		return mu_value_string(
		    a, m->words[m->words == below_names ? (unsigned)*(const bool *)at
							: *(const unsigned *)at]);
	case MEMBER_SECONDS:
		return mu_value_int(a, *(const mu_msec *)at / MU_SEC(1));
	case MEMBER_WHOLE:
	case MEMBER_MSEC:
		return mu_value_int(a, *(const int64_t *)at);
	case MEMBER_REAL:
		return limit_value(a, &real);
	case MEMBER_LIMIT:
		return limit_value(a, at);
	case MEMBER_LEVEL:
		return mu_value_string(a, level_names[rule->limits[ALARM_CRITICAL].set]);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind is above */
}

struct mu_value *alarm_rule_value(struct mu_arena *a, const struct alarm_rule *rule)
{
	struct mu_value *v = mu_value_object(a);
	char id[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&rule->id, id));
	for (size_t i = 0; i < MU_ARRAY_SIZE(members); i++) {
		if (members[i].conditions & 1U << rule->condition)
			(void)mu_value_set(a, v, members[i].name,
					   member_value(a, rule, &members[i]));
	}
	mu_value_set_bool(a, v, "builtin", rule->builtin);
	return v;
}

/* --- built in --- */

static void sr_rule(struct alarm_rule *r, enum alarm_what what, const char *series)
{
	(void)snprintf(r->name, sizeof r->name, "%s", alarm_what_title(what));
	(void)snprintf(r->series, sizeof r->series, "%s", series);
	r->of = ALARM_OF_SR;
	r->condition = ALARM_SERIES;
	r->limits[ALARM_WARNING] = (struct alarm_limit){true, 80};
	r->limits[ALARM_CRITICAL] = (struct alarm_limit){true, 90};
	r->hysteresis = 2;
}

static void host_rule(struct alarm_rule *r)
{
	(void)snprintf(r->name, sizeof r->name, "Host lost");
	(void)snprintf(r->expression, sizeof r->expression, "!connected?");
	r->of = ALARM_OF_HOST;
	r->condition = ALARM_EXPRESSION;
	r->limits[ALARM_CRITICAL] = (struct alarm_limit){true, 1};
	r->hold = MU_SEC(60);
}

static void pool_rule(struct alarm_rule *r)
{
	(void)snprintf(r->name, sizeof r->name, "Storing fails");
	(void)snprintf(r->expression, sizeof r->expression, "trouble?");
	r->of = ALARM_OF_POOL;
	r->condition = ALARM_EXPRESSION;
	r->limits[ALARM_CRITICAL] = (struct alarm_limit){true, 1};
}

bool alarm_rule_builtin(size_t i, struct alarm_rule *ret)
{
	static const char *const keys[] = {"data", "metadata", "lost", "storing"};
	const struct mu_uuid nobody = {{0}};
	struct mu_uuid id;

	if (i >= MU_ARRAY_SIZE(keys))
		return false;
	id = alarm_id(&nobody, keys[i]);
	alarm_rule_init(ret, &id);
	(void)snprintf(ret->key, sizeof ret->key, "%s", keys[i]);
	ret->builtin = true;
	if (i == 0)
		sr_rule(ret, ALARM_SR_DATA, "data_percent");
	else if (i == 1)
		sr_rule(ret, ALARM_SR_METADATA, "metadata_percent");
	else if (i == 2)
		host_rule(ret);
	else
		pool_rule(ret);
	return true;
}

bool alarm_rule_find_builtin(const struct mu_uuid *id, struct alarm_rule *ret)
{
	struct alarm_rule r;

	for (size_t i = 0; alarm_rule_builtin(i, &r); i++) {
		if (mu_uuid_equal(&r.id, id)) {
			*ret = r;
			return true;
		}
	}
	return false;
}

/* --- names of series --- */

bool alarm_series_match(const char *glob, const char *name)
{
	const char *star = NULL; /* the last one seen, and how far its text goes */
	const char *behind = NULL;

	while (*name) {
		if (*glob == '*') {
			star = glob++;
			behind = name;
		} else if (*glob == *name) {
			glob++;
			name++;
		} else if (star) {
			glob = star + 1;
			name = ++behind;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}
