/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/when.h"

#include <criterion/criterion.h>
#include <string.h>

#define NOW INT64_C(1700000000000)

static mu_msec good(const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	mu_msec at = -1;

	cr_expect_eq(cli_when_parse(text, NOW, &at, &err), 0, "%s: %s", text, err.text);
	return at;
}

Test(cli_when, ago)
{
	cr_expect_eq(good("90s"), NOW - 90000);
	cr_expect_eq(good("15m"), NOW - 900000);
	cr_expect_eq(good("2h"), NOW - 7200000);
	cr_expect_eq(good("3d"), NOW - 259200000);
	cr_expect_eq(good("1000000d"), 0);
}

Test(cli_when, dates_are_utc)
{
	cr_expect_eq(good("2024-01-02"), INT64_C(1704153600000));
	cr_expect_eq(good("2024-01-02 03:04"), INT64_C(1704164640000));
	cr_expect_eq(good("2024-01-02 03:04:05"), INT64_C(1704164645000));
	cr_expect_eq(good("2024-01-02T03:04:05Z"), INT64_C(1704164645000));
	cr_expect_eq(good("1970-01-01"), 0);
}

Test(cli_when, what_is_no_time)
{
	static const char *const bad[] = {"",           "x",
					  "5",          "5y",
					  "-5m",        "5m ago",
					  "2024-13-01", "2024-01-02 x",
					  "1960-01-01", "99999999999999999999s"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct mu_error err = MU_ERROR_INIT;
		mu_msec at = 7;

		cr_expect_eq(cli_when_parse(bad[i], NOW, &at, &err), MU_FAILED, "%s", bad[i]);
		cr_expect(strstr(err.text, "hint"));
		cr_expect_eq(at, 7, "\"%s\" wrote something", bad[i]);
	}
}
