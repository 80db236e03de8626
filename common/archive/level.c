/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/level.h"

#include <string.h>

const struct archive_level_info archive_levels[_ARCHIVE_LEVEL_COUNT] = {
    [ARCHIVE_STEPS] = {"seconds", ARCHIVE_STEP_S, 120},
    [ARCHIVE_MINUTES] = {"minutes", 60, 120},
    [ARCHIVE_HOURS] = {"hours", 3600, 168},
    [ARCHIVE_DAYS] = {"days", 86400, 366},
};

static const char *const cf_names[_ARCHIVE_CF_COUNT] = {
    [ARCHIVE_AVERAGE] = "AVERAGE",
    [ARCHIVE_MIN] = "MIN",
    [ARCHIVE_MAX] = "MAX",
};

bool archive_level_parse(const char *name, enum archive_level *ret)
{
	for (unsigned i = 0; i < _ARCHIVE_LEVEL_COUNT; i++)
		if (strcmp(name, archive_levels[i].name) == 0) {
			*ret = (enum archive_level)i;
			return true;
		}
	return false;
}

bool archive_cf_parse(const char *name, enum archive_cf *ret)
{
	for (unsigned i = 0; i < _ARCHIVE_CF_COUNT; i++)
		if (strcmp(name, cf_names[i]) == 0) {
			*ret = (enum archive_cf)i;
			return true;
		}
	return false;
}

const char *archive_cf_name(enum archive_cf cf)
{
	return cf_names[cf];
}

/* In seconds, for every level: up to the year 2106, so that the sums below cannot overflow. */
static bool possible(int64_t at)
{
	return at > 0 && at <= UINT32_MAX - 86400;
}

uint32_t archive_row_of(enum archive_level level, int64_t at)
{
	uint32_t s = archive_levels[level].seconds;

	return possible(at) ? ((uint32_t)at + s - 1) / s : 0;
}

uint32_t archive_row_ended(enum archive_level level, int64_t at)
{
	return possible(at) ? (uint32_t)at / archive_levels[level].seconds : 0;
}
