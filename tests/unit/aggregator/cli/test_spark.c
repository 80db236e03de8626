/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/spark.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect_bars(const char *want, size_t width, const double *values, size_t n)
{
	struct mu_str s = MU_STR_INIT;

	cli_spark(&s, values, n, width);
	cr_expect_str_eq(s.data ? s.data : "", want);
	mu_str_deinit(&s);
}

Test(cli_spark, bars)
{
	expect_bars("▁▂▃▄▅▆▇█", 8, (const double[]){0, 1, 2, 3, 4, 5, 6, 7}, 8);
	expect_bars("▁▁", 8, (const double[]){0, 0}, 2);
	expect_bars("█ █", 8, (const double[]){5, NAN, 5}, 3);
	expect_bars("  ", 8, (const double[]){NAN, NAN}, 2);
	expect_bars("▁█", 8, (const double[]){-3, 4}, 2);
	expect_bars("", 8, NULL, 0);
}

Test(cli_spark, more_values_than_bars_are_their_means)
{
	expect_bars("▁█", 2, (const double[]){0, 0, NAN, 8, NAN, 8}, 6);
	expect_bars("▄█", 2, (const double[]){1, 2, 3, 4, 4}, 5);
}

static void expect_value(const char *want, double value, const char *unit)
{
	struct mu_str s = MU_STR_INIT;

	cli_spark_value(&s, value, unit);
	cr_expect_str_eq(s.data, want);
	mu_str_deinit(&s);
}

Test(cli_spark, values)
{
	expect_value("12.3 %", 0.1234, "ratio");
	expect_value("1.5 GiB", 1.5 * (1 << 30), "bytes");
	expect_value("1.5 MiB/s", 1.5 * (1 << 20), "bytes/s");
	expect_value("2 MiB", 2048, "KiB");
	expect_value("-1 bytes", -1, "bytes");
	expect_value("0.25", 0.25, "count");
	expect_value("7", 7, "");
	expect_value("1234 requests/s", 1234.2, "requests/s");
	expect_value("-", NAN, "ratio");
	expect_value("-", INFINITY, "bytes");
}
