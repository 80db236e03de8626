/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/alarm.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

enum { WARNING_AT = 80, CRITICAL_AT = 90, SLACK = 2, ALL = 100 };

static const char *const level_names[_ALARM_LEVEL_COUNT] = {
    [ALARM_NONE] = "none",
    [ALARM_WARNING] = "warning",
    [ALARM_CRITICAL] = "critical",
};

static const char *const what_names[_ALARM_WHAT_COUNT] = {
    [ALARM_SR_DATA] = "data",
    [ALARM_SR_METADATA] = "metadata",
};

static const struct {
	const char *name;
	const char *collection;
} of_names[_ALARM_OF_COUNT] = {
    [ALARM_OF_VM] = {"VM", "vms"},
    [ALARM_OF_HOST] = {"host", "hosts"},
    [ALARM_OF_SR] = {"SR", "srs"},
    [ALARM_OF_POOL] = {"pool", "pools"},
};

const char *alarm_level_name(enum alarm_level level)
{
	mu_assert((unsigned)level < _ALARM_LEVEL_COUNT);
	return level_names[level];
}

const char *alarm_what_name(enum alarm_what what)
{
	mu_assert((unsigned)what < _ALARM_WHAT_COUNT);
	return what_names[what];
}

const char *alarm_what_title(enum alarm_what what)
{
	return what == ALARM_SR_DATA ? "SR data usage" : "SR metadata usage";
}

bool alarm_level_parse(const char *name, enum alarm_level *ret)
{
	for (unsigned i = ALARM_WARNING; i < _ALARM_LEVEL_COUNT; i++) {
		if (strcmp(level_names[i], name) == 0) {
			*ret = (enum alarm_level)i;
			return true;
		}
	}
	return false;
}

const char *alarm_of_name(enum alarm_of of)
{
	mu_assert((unsigned)of < _ALARM_OF_COUNT);
	return of_names[of].name;
}

const char *alarm_of_collection(enum alarm_of of)
{
	mu_assert((unsigned)of < _ALARM_OF_COUNT);
	return of_names[of].collection;
}

bool alarm_of_parse(const char *name, enum alarm_of *ret)
{
	for (unsigned i = 0; i < _ALARM_OF_COUNT; i++) {
		if (strcmp(of_names[i].name, name) == 0) {
			*ret = (enum alarm_of)i;
			return true;
		}
	}
	return false;
}

struct mu_uuid alarm_id(const struct mu_uuid *object, const char *part)
{
	char text[64];

	(void)snprintf(text, sizeof text, "alarm:%s", part);
	return mu_uuid_derive(object, text);
}

static bool is_ratio(const struct alarm *a)
{
	return strcmp(a->unit, "ratio") == 0;
}

const char *alarm_value(const struct alarm *a, char buf[static ALARM_VALUE_TEXT])
{
	double scale = is_ratio(a) ? ALL : 1;

	(void)snprintf(buf, ALARM_VALUE_TEXT, "%.1f", a->value * scale);
	return buf;
}

const char *alarm_value_text(const struct alarm *a, char buf[static ALARM_VALUE_TEXT])
{
	buf[0] = '\0';
	if (!a->measured)
		return buf;
	if (is_ratio(a))
		(void)snprintf(buf, ALARM_VALUE_TEXT, "%.4g %%", a->value * ALL);
	else if (strcmp(a->unit, "percent") == 0)
		(void)snprintf(buf, ALARM_VALUE_TEXT, "%.4g %%", a->value);
	else
		(void)snprintf(buf, ALARM_VALUE_TEXT, "%.4g%s%s", a->value, a->unit[0] ? " " : "",
			       a->unit);
	return buf;
}

/* A library of images is as full as it is: nobody writes into it. */
bool alarm_measure(const struct model_object *o, enum alarm_what what, int32_t *ret)
{
	const struct model_sr *sr = &o->sr;
	int32_t percent = -1;

	if (o->kind != OBJECT_SR || sr->iso)
		return false;
	if (what == ALARM_SR_METADATA)
		percent = sr->metadata_percent;
	else if (sr->data_percent >= 0)
		percent = sr->data_percent;
	else if (sr->size_bytes > 0 && sr->used_bytes >= 0)
		percent = (int32_t)((double)sr->used_bytes / (double)sr->size_bytes * ALL);
	if (percent < 0)
		return false;
	*ret = percent;
	return true;
}

enum alarm_level alarm_step(enum alarm_level before, int32_t percent)
{
	if (percent >= CRITICAL_AT || (before == ALARM_CRITICAL && percent > CRITICAL_AT - SLACK))
		return ALARM_CRITICAL;
	if (percent >= WARNING_AT || (before != ALARM_NONE && percent > WARNING_AT - SLACK))
		return ALARM_WARNING;
	return ALARM_NONE;
}
