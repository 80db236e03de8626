/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/format: numbers, times and text as people read them. */
#include "aggregator/cli/format.h"

#include <criterion/criterion.h>

static struct mu_str out;

static void teardown(void)
{
	mu_str_deinit(&out);
}

TestSuite(format, .fini = teardown);

static const char *bytes(int64_t n)
{
	mu_str_reset(&out);
	cli_format_bytes(&out, n);
	return out.data;
}

Test(format, bytes_have_iec_units_and_one_decimal)
{
	cr_expect_str_eq(bytes(0), "0 B");
	cr_expect_str_eq(bytes(1023), "1023 B");
	cr_expect_str_eq(bytes(1024), "1 KiB");
	cr_expect_str_eq(bytes(1536), "1.5 KiB");
	cr_expect_str_eq(bytes(512LL << 20), "512 MiB");
	cr_expect_str_eq(bytes((4LL << 30) + (205LL << 20)), "4.2 GiB");
	cr_expect_str_eq(bytes(INT64_MAX), "8 EiB");
	cr_expect_str_eq(bytes(-1), "-");
}

Test(format, bytes_never_show_1024_of_a_unit)
{
	cr_expect_str_eq(bytes((1LL << 20) - 1), "1 MiB");
	cr_expect_str_eq(bytes((1LL << 30) - 1), "1 GiB");
}

static const char *when(mu_msec at, mu_msec now)
{
	mu_str_reset(&out);
	cli_format_when(&out, at, now);
	return out.data;
}

Test(format, times_are_utc_with_their_age)
{
	cr_expect_str_eq(when(1795176010123, 1795176055000), "2026-11-20 12:00:10Z (44 s ago)");
	cr_expect_str_eq(when(951782400000, 951782400000 + MU_SEC(3600)),
			 "2000-02-29 00:00:00Z (1 h ago)");
	cr_expect_str_eq(when(1000, 1000 + MU_SEC(86400) * 12), "1970-01-01 00:00:01Z (12 d ago)");
}

Test(format, a_time_to_come_has_no_age)
{
	cr_expect_str_eq(when(1795176010123, 1), "2026-11-20 12:00:10Z");
}

Test(format, no_time_is_a_dash)
{
	cr_expect_str_eq(when(0, 5), "-");
	cr_expect_str_eq(when(-7, 5), "-");
	cr_expect_str_eq(when(INT64_MAX, 5), "-");
	cr_expect_str_eq(when(253402300799000, 5), "9999-12-31 23:59:59Z");
}

Test(format, text_cannot_command_the_terminal)
{
	mu_str_reset(&out);
	cli_format_text(&out, "a\033[31m\nb\xff");
	cr_expect_str_eq(out.data, "a?[31m?b?");
}

Test(format, width_counts_columns_not_bytes)
{
	cr_expect_eq(cli_format_width(""), 0);
	cr_expect_eq(cli_format_width("web-1"), 5);
	cr_expect_eq(cli_format_width("b\xc3\xbcro"), 4);
	cr_expect_eq(cli_format_width("e\xcc\x81"), 1);
	cr_expect_eq(cli_format_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	cr_expect_eq(cli_format_width("\xf0\x9f\x98\x80"), 2);
	cr_expect_eq(cli_format_width("\xf0\x9f"), 1, "a cut character ends the text");
}

Test(format, real_numbers_as_short_as_can_be)
{
	static const struct {
		double real;
		const char *text;
	} cases[] = {{0.9, "0.9"},
		     {1.0, "1"},
		     {-2.5, "-2.5"},
		     {1e300, "1e+300"},
		     {1.0 / 3, "0.3333333333333333"}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

		cli_format_real(&text, cases[i].real);
		cr_expect_str_eq(text.data, cases[i].text);
	}
}

Test(format, a_bar)
{
	static const struct {
		int percent;
		const char *text;
	} cases[] = {{0, "[                    ]   0 %"},
		     {50, "[==========          ]  50 %"},
		     {100, "[====================] 100 %"},
		     {-1, "[                    ]   0 %"},
		     {101, "[====================] 100 %"}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

		cli_format_bar(&text, cases[i].percent);
		cr_expect_str_eq(text.data, cases[i].text);
	}
}
