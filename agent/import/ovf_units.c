/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/import/ovf_units.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t\r\n";

static const char *skip(const char *at)
{
	return at + strspn(at, blanks);
}

/* Digits at *at, moved behind them. */
static bool take_number(const char **at, int64_t max, int64_t *ret)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++) {
		n = n * 10 + (**at - '0');
		if (n > max)
			return false;
	}
	*ret = n;
	return true;
}

static bool multiply(int64_t *to, int64_t by)
{
	if (by <= 0 || *to > OVF_DISK_MAX / by)
		return false;
	*to *= by;
	return true;
}

/* "* 2^20", "* 1024", again and again. */
static bool take_factors(const char *at, int64_t *unit)
{
	int64_t base, exponent;

	for (at = skip(at); *at; at = skip(at)) {
		if (*at != '*')
			return false;
		at = skip(at + 1);
		exponent = 1;
		if (!take_number(&at, OVF_DISK_MAX, &base))
			return false;
		at = skip(at);
		if (*at == '^') {
			at = skip(at + 1);
			if (!take_number(&at, 64, &exponent))
				return false;
		}
		for (; exponent > 0; exponent--) {
			if (!multiply(unit, base))
				return false;
		}
	}
	return true;
}

bool ovf_units(const char *text, int64_t *ret)
{
	static const struct {
		const char *name;
		int shift;
	} old[] = {{"bytes", 0},      {"KiloBytes", 10}, {"KB", 10},
		   {"MegaBytes", 20}, {"MB", 20},        {"GigaBytes", 30},
		   {"GB", 30},        {"TeraBytes", 40}, {"TB", 40}};
	int64_t unit = 1;

	text = skip(text);
	for (size_t i = 0; i < MU_ARRAY_SIZE(old); i++) {
		size_t len = strlen(old[i].name);

		if (strncasecmp(text, old[i].name, len) == 0 && !*skip(text + len)) {
			*ret = INT64_C(1) << old[i].shift;
			return true;
		}
	}
	if (strncasecmp(text, "byte", 4) != 0 || !take_factors(text + 4, &unit))
		return false;
	*ret = unit;
	return true;
}

bool ovf_quantity(const char *text, int64_t unit, int64_t max, int64_t *ret)
{
	const char *at = skip(text);
	int64_t n;

	if (!take_number(&at, max, &n) || *skip(at) || n > max / unit)
		return false;
	*ret = n * unit;
	return true;
}

bool ovf_mac(const char *text, char ret[static 18])
{
	size_t n = 0;

	ret[0] = '\0';
	for (; *text && n < 12; text++) {
		if (*text == ':' || *text == '-') {
			if (n == 0 || n % 2)
				return false;
			continue;
		}
		if (!isxdigit((unsigned char)*text))
			break;
		ret[n + n / 2] = (char)tolower((unsigned char)*text);
		if (n % 2 && n < 11)
			ret[n + n / 2 + 1] = ':';
		n++;
	}
	/* The lowest bit of the first byte: not a card's. */
	if (n != 12 || *text || !strchr("02468ace", ret[1])) {
		ret[0] = '\0';
		return false;
	}
	ret[17] = '\0';
	return true;
}
