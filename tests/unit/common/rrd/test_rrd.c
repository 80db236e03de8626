/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden cases do not show: which level, which rows, and names of all kinds. */
#include "common/rrd/dump.h"
#include "common/rrd/names.h"
#include "common/rrd/xport.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(rrd, the_level_is_the_finest_that_reaches_back)
{
	static const struct {
		int64_t back, interval;
		enum archive_level want;
	} cases[] = {
	    {0, 0, ARCHIVE_STEPS},         {600, 5, ARCHIVE_STEPS},
	    {606, 5, ARCHIVE_MINUTES},     {10, 6, ARCHIVE_MINUTES},
	    {7200, 60, ARCHIVE_MINUTES},   {7300, 60, ARCHIVE_HOURS},
	    {10, 61, ARCHIVE_HOURS},       {168 * 3600, 0, ARCHIVE_HOURS},
	    {172 * 3600, 0, ARCHIVE_DAYS}, {1790000003, 0, ARCHIVE_DAYS},
	    {10, 3601, ARCHIVE_DAYS},      {10, 1 << 30, ARCHIVE_DAYS},
	    {-1000, 1, ARCHIVE_STEPS},
	};
	const int64_t now = 1790000003;

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++)
		cr_expect_eq(rrd_xport_level(now - cases[i].back, cases[i].interval, now),
			     cases[i].want, "case %zu", i);
}

Test(rrd, values_are_counted_over_all_rows)
{
	const struct rrd_xport_query q = {.level = ARCHIVE_STEPS};
	MU_CLEANUP(rrd_xport_free) struct rrd_xport *x = rrd_xport_new(&q);
	const float values[2] = {1, 2};
	const struct stats_series series = {"x", "", values};
	struct stats_result r = {.end = 100, .n_rows = 2, .n_series = 1, .series = &series};
	const struct mu_uuid id = {{1}};

	cr_expect_eq(rrd_xport_n_values(x), 0);
	rrd_xport_add(x, true, &id, &r);
	cr_expect_eq(rrd_xport_n_values(x), 2);
	r.end = 110;
	for (size_t i = 0; i < 99; i++)
		rrd_xport_add(x, false, &id, &r);
	cr_expect_eq(rrd_xport_n_values(x), 400);
}

Test(rrd, the_rows_of_a_file)
{
	const struct stats_result steps = {.end = 1790000125};
	MU_CLEANUP(rrd_dump_free) struct rrd_dump *d = rrd_dump_new(RRD_XAPI, &steps);
	int64_t from, to;

	rrd_dump_span(d, ARCHIVE_STEPS, &from, &to);
	cr_expect_eq(to, 1790000125);
	cr_expect_eq(from, 1790000125 - 119 * 5);
	rrd_dump_span(d, ARCHIVE_MINUTES, &from, &to);
	cr_expect_eq(to, 1790000100);
	cr_expect_eq(from, 1790000100 - 119 * 60);
	rrd_dump_span(d, ARCHIVE_DAYS, &from, &to);
	cr_expect_eq(to, 1789948800);
	cr_expect_eq(from, 1789948800 - 365 * 86400);
	d = rrd_dump_free(d);
	d = rrd_dump_new(RRD_XAPI, &(struct stats_result){.end = 10});
	rrd_dump_span(d, ARCHIVE_STEPS, &from, &to);
	cr_expect_eq(to, 10);
	cr_expect_eq(from, 1);
	cr_expect_null(rrd_dump_free(NULL));
	cr_expect_null(rrd_xport_free(NULL));
}

Test(rrd, flavours)
{
	enum rrd_flavour f = RRD_RRDTOOL;

	cr_expect(rrd_flavour_parse("xapi", &f));
	cr_expect_eq(f, RRD_XAPI);
	cr_expect(rrd_flavour_parse("rrdtool", &f));
	cr_expect_eq(f, RRD_RRDTOOL);
	cr_expect_not(rrd_flavour_parse("xml", &f));
}

/* 2,048 of them with one beginning, as an object may have. */
Test(rrd, names_are_short_and_different)
{
	enum { N = 2048 };
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *names[N];
	const char **found;

	for (size_t i = 0; i < N; i++)
		names[i] = mu_arena_printf(a, "vbd_a_device_with_a_long_name_%zu", i / 2);
	found = rrd_names(a, names, N);
	for (size_t i = 0; i < N; i++) {
		size_t len = strlen(found[i]);

		cr_assert(len > 0 && len <= RRD_NAME_MAX, "%s", found[i]);
		cr_assert_eq(strspn(found[i], "abcdefghijklmnopqrstuvwxyz_0123456789"), len);
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(found[i], found[k]);
	}
}

Test(rrd, a_name_is_short_in_the_same_way_everywhere)
{
	static const char *const some[] = {"memory_internal_total", "cpu0",
					   "vif_0_rx_packets_long_one"};
	static const char *const other[] = {"vif_0_rx_packets_long_one", "",
					    "memory_internal_total"};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char **one = rrd_names(a, some, 3), **two = rrd_names(a, other, 3);

	cr_expect_str_eq(one[0], "mem_int_total");
	cr_expect_str_eq(one[0], two[2]);
	cr_expect_str_eq(one[1], "cpu0");
	cr_expect_str_eq(one[2], two[0]);
	cr_expect_neq(strlen(two[1]), 0);
}
