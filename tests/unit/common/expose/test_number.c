/* SPDX-License-Identifier: Apache-2.0 */
#include "common/expose/number.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(float v, char text[EXPOSE_NUMBER_MAX + 1])
{
	size_t n = expose_number(text, v);

	cr_assert_leq(n, EXPOSE_NUMBER_MAX);
	text[n] = '\0';
	return text;
}

Test(number, texts)
{
	static const struct {
		float value;
		const char *text;
	} cases[] = {
	    {0, "0"},
	    {-0.0f, "0"},
	    {7, "7"},
	    {42, "42"},
	    {100, "100"},
	    {-12345, "-12345"},
	    {8589934592.0f, "8589934592"},
	    {18446742974197923840.0f, "18446742974197923840"},
	    {18446744073709551616.0f, "1.84467441e+19"},
	    {1e20f, "1.00000002e+20"},
	    {FLT_MAX, "3.40282347e+38"},
	    {1e-15f, "1e-15"},
	    {0.5f, "0.5"},
	    {-1.5f, "-1.5"},
	    {0.1f, "0.100000001"},
	    {123456.789f, "123456.789"},
	    {16777215.5f, "16777216"},
	    {8388607.5f, "8388607.5"},
	    {0.000030517578125f, "0.0000305175781"},
	    {1e-5f, "9.99999975e-06"},
	    {1.40129846e-45f, "1.40129846e-45"},
	};
	char text[EXPOSE_NUMBER_MAX + 1];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_assert_str_eq(text_of(cases[i].value, text), cases[i].text);
}

static void check(float v)
{
	char text[EXPOSE_NUMBER_MAX + 1];

	cr_assert(strtof(text_of(v, text), NULL) == v, "%.9g is \"%s\"", (double)v, text);
	if (fabsf(v) < 1.8e19f && v == floorf(v))
		cr_assert(strtod(text, NULL) == (double)v, "%.9g is \"%s\"", (double)v, text);
}

static float float_of(uint32_t bits)
{
	float v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

/* Every 131st of all floats, and those beside each power of ten and two. */
Test(number, reads_back_the_same)
{
	for (uint32_t bits = 0; bits < 0x7f800000u - 131; bits += 131)
		check(float_of(bits));
	for (int e = -45; e <= 38; e++) {
		char text[8];
		float v;

		(void)snprintf(text, sizeof text, "1e%d", e);
		v = strtof(text, NULL);
		for (int i = 0; i < 8; i++, v = nextafterf(v, INFINITY))
			check(v);
		v = strtof(text, NULL);
		for (int i = 0; i < 8; i++, v = nextafterf(v, -INFINITY))
			check(v);
	}
	for (uint32_t e = 0; e < 0xff; e++)
		for (uint32_t i = 0; i < 4; i++) {
			check(float_of(e << 23 | i));
			check(-float_of(e << 23 | i));
		}
}

static const char *seconds(uint64_t ns)
{
	static char text[EXPOSE_NUMBER_MAX + 1];
	size_t n = expose_seconds(text, ns);

	cr_assert_leq(n, EXPOSE_NUMBER_MAX);
	text[n] = '\0';
	return text;
}

Test(number, nanoseconds_as_seconds)
{
	cr_assert_str_eq(seconds(0), "0");
	cr_assert_str_eq(seconds(1), "0.000000001");
	cr_assert_str_eq(seconds(100000000), "0.1");
	cr_assert_str_eq(seconds(1000000000), "1");
	cr_assert_str_eq(seconds(60000000010), "60.00000001");
	cr_assert_str_eq(seconds(UINT64_MAX), "18446744073.709551615");
}
