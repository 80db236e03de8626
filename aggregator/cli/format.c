/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/format.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_format_bytes(struct mu_str *out, int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double n = (double)bytes;
	size_t unit = 0;
	char text[32];
	size_t len;

	if (bytes < 0) {
		mu_str_add(out, "-");
		return;
	}
	/* 1023.95 would be shown as 1024.0. */
	while (n >= 1023.95 && unit + 1 < MU_ARRAY_SIZE(units)) {
		n /= 1024;
		unit++;
	}
	(void)snprintf(text, sizeof text, "%.*f", n < 99.95 ? 1 : 0, n);
	len = strlen(text);
	if (len > 2 && strcmp(text + len - 2, ".0") == 0)
		text[len - 2] = '\0';
	mu_str_printf(out, "%s %s", text, units[unit]);
}

/* "45 s", "3 min", "5 h", "12 d": the largest unit that is at least one. */
static void format_span(struct mu_str *out, mu_msec span)
{
	int64_t s = (span < 0 ? 0 : span) / 1000;

	if (s < 60)
		mu_str_printf(out, "%lld s", (long long)s);
	else if (s < 3600)
		mu_str_printf(out, "%lld min", (long long)(s / 60));
	else if (s < 86400)
		mu_str_printf(out, "%lld h", (long long)(s / 3600));
	else
		mu_str_printf(out, "%lld d", (long long)(s / 86400));
}

/* Days since 1970 to a civil date (proleptic Gregorian), without the C library's clock. */
static void civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153;

	*ret_day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1);
	*ret_month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
	*ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

void cli_format_when(struct mu_str *out, mu_msec at, mu_msec now)
{
	int64_t year, s = at / 1000, day_second = s % 86400;
	unsigned month, day;

	/* The year 9999 bounds what a damaged clock can make us print. */
	if (at <= 0 || at > 253402300799000) {
		mu_str_add(out, "-");
		return;
	}
	civil_from_days(s / 86400, &year, &month, &day);
	mu_str_printf(out, "%04lld-%02u-%02u %02lld:%02lld:%02lldZ", (long long)year, month, day,
		      (long long)(day_second / 3600), (long long)(day_second / 60 % 60),
		      (long long)(day_second % 60));
	if (now >= at) {
		mu_str_add(out, " (");
		format_span(out, now - at);
		mu_str_add(out, " ago)");
	}
}

void cli_format_bar(struct mu_str *out, int percent)
{
	enum { WIDTH = 20 };
	int shown = percent < 0 ? 0 : percent > 100 ? 100 : percent;

	mu_str_add_char(out, '[');
	for (int i = 0; i < WIDTH; i++)
		mu_str_add_char(out, i < shown * WIDTH / 100 ? '=' : ' ');
	mu_str_printf(out, "] %3d %%", shown);
}

void cli_format_real(struct mu_str *out, double real)
{
	enum { DIGITS_FOR_CERTAIN = 17 };
	char text[32];

	for (int digits = 15; digits <= DIGITS_FOR_CERTAIN; digits++) {
		(void)snprintf(text, sizeof text, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	mu_str_add(out, text);
}

void cli_format_text(struct mu_str *out, const char *text)
{
	size_t len = strlen(text);
	MU_CLEANUP(mu_free) char *clean = mu_xmalloc(len + 1);

	mu_utf8_sanitize(clean, len, text, len);
	mu_str_add(out, clean);
}

/* The blocks that terminals draw in two columns; close enough for aligning a table. */
static bool is_wide(uint32_t c)
{
	return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf && c != 0x303f) ||
	       (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	       (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
	       (c >= 0x20000 && c <= 0x3fffd);
}

size_t cli_format_width(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t width = 0;

	while (*p) {
		uint32_t c = *p;
		int more = 0;

		if (c >= 0xf0)
			c &= 7, more = 3;
		else if (c >= 0xe0)
			c &= 15, more = 2;
		else if (c >= 0xc0)
			c &= 31, more = 1;
		for (p++; more > 0 && (*p & 0xc0) == 0x80; more--)
			c = c << 6 | (*p++ & 63U);
		if (c >= 0x300 && c <= 0x36f)
			continue; /* combining */
		width += is_wide(c) ? 2 : 1;
	}
	return width;
}
