/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/clock.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <time.h>

static mu_msec read_clock(clockid_t id)
{
	struct timespec ts;

	mu_assert(clock_gettime(id, &ts) == 0);
	return (mu_msec)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

mu_msec mu_clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

mu_msec mu_clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

const char *mu_clock_format(mu_msec wall, char buf[static MU_CLOCK_TEXT])
{
	time_t seconds = (time_t)(wall / 1000);
	struct tm tm;
	size_t n;

	if (wall < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > 8099)
		seconds = 0, wall = 0, (void)gmtime_r(&seconds, &tm);
	n = strftime(buf, MU_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, MU_CLOCK_TEXT - n, ".%03dZ", (int)(wall % 1000));
	return buf;
}
