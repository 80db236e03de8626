/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/when.h"

#include "common/base/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "15m" */
static bool parse_ago(const char *text, mu_msec *ret)
{
	static const struct {
		char letter;
		mu_msec ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	char *end;
	long n;

	if (!isdigit((unsigned char)text[0]))
		return false;
	n = strtol(text, &end, 10);
	if (n > 1000000 || !*end || end[1])
		return false;
	for (size_t i = 0; i < MU_ARRAY_SIZE(units); i++) {
		if (units[i].letter == *end) {
			*ret = n * units[i].ms;
			return true;
		}
	}
	return false;
}

static bool parse_date(const char *text, mu_msec *ret)
{
	static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					    "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(forms); i++) {
		struct tm tm = {0};
		const char *end = strptime(text, forms[i], &tm);

		mu_msec ms = (mu_msec)timegm(&tm) * 1000;

		if (end && (!*end || strcmp(end, "Z") == 0) && ms >= 0) {
			*ret = ms;
			return true;
		}
	}
	return false;
}

int cli_when_parse(const char *text, mu_msec now, mu_msec *ret, struct mu_error *err)
{
	mu_msec ms;

	if (parse_ago(text, &ms)) {
		*ret = now > ms ? now - ms : 0;
		return 0;
	}
	if (parse_date(text, ret))
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "\"%.60s\" is no time; hint: 15m, 2h, 3d, or \"2026-01-31 12:30\"",
			    text);
}
