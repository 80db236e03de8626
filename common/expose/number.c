/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A float that is no whole number is scaled to nine digits in doubles. The two roundings on the way
 * are off by some 1e-7 of the ninth digit, of which two floats are at least 5 apart: so it reads
 * back as the same float, although not always as the decimal that printf() would have chosen.
 */
#include "common/expose/number.h"

#include "common/base/assert.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS = 9, POWER_MIN = -30 };

static const double powers[] = {
    1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18,
    1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,  1e-8,  1e-7,  1e-6,  1e-5,
    1e-4,  1e-3,  1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,   1e4,   1e5,   1e6,   1e7,   1e8,
    1e9,   1e10,  1e11,  1e12,  1e13,  1e14,  1e15,  1e16,  1e17,  1e18,  1e19,  1e20,  1e21,
    1e22,  1e23,  1e24,  1e25,  1e26,  1e27,  1e28,  1e29,  1e30,  1e31,  1e32,  1e33,  1e34,
    1e35,  1e36,  1e37,  1e38,  1e39,  1e40,  1e41,  1e42,  1e43,  1e44,  1e45,  1e46,  1e47,
    1e48,  1e49,  1e50,  1e51,  1e52,  1e53,  1e54,
};

static double power(int n)
{
	return powers[n - POWER_MIN];
}

static const char pairs[] = "000102030405060708091011121314151617181920212223242526272829"
			    "303132333435363738394041424344454647484950515253545556575859"
			    "606162636465666768697071727374757677787980818283848586878889"
			    "90919293949596979899";

size_t expose_whole(char *ret, uint64_t v)
{
	char text[20];
	size_t at = sizeof text;

	while (v >= 100) {
		at -= 2;
		memcpy(text + at, pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		at -= 2;
		memcpy(text + at, pairs + v * 2, 2);
	} else {
		text[--at] = (char)('0' + v);
	}
	memcpy(ret, text + at, sizeof text - at);
	return sizeof text - at;
}

size_t expose_seconds(char *ret, uint64_t ns)
{
	enum { SECOND = 1000000000, SECOND_DIGITS = 9 };
	char digits[SECOND_DIGITS];
	size_t len = expose_whole(ret, ns / SECOND), n = SECOND_DIGITS;
	uint64_t rest = ns % SECOND;

	for (size_t i = SECOND_DIGITS; i-- > 0; rest /= 10)
		digits[i] = (char)('0' + rest % 10);
	while (n > 0 && digits[n - 1] == '0')
		n--;
	if (n == 0)
		return len;
	ret[len++] = '.';
	memcpy(ret + len, digits, n);
	return len + n;
}

/* v = digits * 10^(exponent - 8), `digits` with nine of them. */
static uint32_t decompose(double v, int *ret_exponent)
{
	uint64_t bits;
	int exponent;
	double scaled;

	memcpy(&bits, &v, sizeof bits);
	/* log10(2) = 0.30103; too small by one at most. A float is normal as a double. */
	exponent = (int)floor(((int)(bits >> 52) - 1023) * 0.30103);
	scaled = v * power(DIGITS - 1 - exponent);
	if (scaled >= 999999999.5) {
		exponent++;
		scaled = v * power(DIGITS - 1 - exponent);
	}
	*ret_exponent = exponent;
	return (uint32_t)(scaled + 0.5);
}

static size_t with_exponent(char *p, const char *digits, size_t n, int exponent)
{
	char *start = p;

	*p++ = digits[0];
	if (n > 1) {
		*p++ = '.';
		memcpy(p, digits + 1, n - 1);
		p += n - 1;
	}
	*p++ = 'e';
	*p++ = exponent < 0 ? '-' : '+';
	memcpy(p, pairs + (size_t)(exponent < 0 ? -exponent : exponent) * 2, 2);
	return (size_t)(p + 2 - start);
}

/* Not whole, so there is something behind the point. */
static size_t with_point(char *p, const char *digits, size_t n, int exponent)
{
	size_t before = exponent < 0 ? 0 : (size_t)exponent + 1;
	char *start = p;

	if (before == 0) {
		memcpy(p, "0.0000", 6);
		p += 1 - exponent;
	} else {
		memcpy(p, digits, before);
		p += before;
		*p++ = '.';
	}
	memcpy(p, digits + before, n - before);
	return (size_t)(p + n - before - start);
}

size_t expose_number(char *ret, float f)
{
	char digits[DIGITS + 1];
	double v = fabs((double)f);
	size_t sign = f < 0, n = DIGITS;
	int exponent;

	mu_assert(isfinite(f));
	ret[0] = '-';
	ret += sign;
	if (v < 18446744073709551616.0 && v == (double)(uint64_t)v)
		return sign + expose_whole(ret, (uint64_t)v);
	(void)expose_whole(digits, decompose(v, &exponent));
	while (digits[n - 1] == '0')
		n--;
	if (exponent < -5 || exponent >= DIGITS)
		return sign + with_exponent(ret, digits, n, exponent);
	return sign + with_point(ret, digits, n, exponent);
}
