/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/alarm.h"

#include "common/base/assert.h"

#include <stdio.h>

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

struct mu_uuid alarm_id(const struct mu_uuid *object, enum alarm_what what)
{
	char part[32];

	(void)snprintf(part, sizeof part, "alarm:%s", alarm_what_name(what));
	return mu_uuid_derive(object, part);
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
