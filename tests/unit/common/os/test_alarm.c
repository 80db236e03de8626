/* SPDX-License-Identifier: Apache-2.0 */
/* When an SR is an alarm, and that a value at the edge is one alarm and not many. */
#include "common/model/alarm.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct model_object sr;

static void setup(void)
{
	model_object_init(&sr, OBJECT_SR);
	sr.id.bytes[0] = 1;
}

TestSuite(alarm, .init = setup);

static int32_t measure(enum alarm_what what)
{
	int32_t percent = -1;

	return alarm_measure(&sr, what, &percent) ? percent : -1;
}

Test(alarm, what_is_measured)
{
	struct model_object vdi;

	cr_expect_eq(measure(ALARM_SR_DATA), -1, "unknown");
	cr_expect_eq(measure(ALARM_SR_METADATA), -1);
	sr.sr.size_bytes = INT64_C(1) << 60;
	sr.sr.used_bytes = INT64_C(1) << 59;
	cr_expect_eq(measure(ALARM_SR_DATA), 50);
	sr.sr.data_percent = 85;
	sr.sr.metadata_percent = 12;
	cr_expect_eq(measure(ALARM_SR_DATA), 85, "what the pool says");
	cr_expect_eq(measure(ALARM_SR_METADATA), 12);
	sr.sr.iso = true;
	cr_expect_eq(measure(ALARM_SR_DATA), -1);
	model_object_init(&vdi, OBJECT_VDI);
	cr_expect_not(alarm_measure(&vdi, ALARM_SR_DATA, &vdi.sr.data_percent));
}

Test(alarm, levels)
{
	static const struct {
		enum alarm_level before;
		int32_t percent;
		enum alarm_level after;
	} steps[] = {
	    {ALARM_NONE, 79, ALARM_NONE},        {ALARM_NONE, 80, ALARM_WARNING},
	    {ALARM_WARNING, 79, ALARM_WARNING},  {ALARM_WARNING, 78, ALARM_NONE},
	    {ALARM_WARNING, 90, ALARM_CRITICAL}, {ALARM_CRITICAL, 89, ALARM_CRITICAL},
	    {ALARM_CRITICAL, 88, ALARM_WARNING}, {ALARM_CRITICAL, 79, ALARM_WARNING},
	    {ALARM_CRITICAL, 78, ALARM_NONE},    {ALARM_NONE, 100, ALARM_CRITICAL},
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		cr_expect_eq(alarm_step(steps[i].before, steps[i].percent), steps[i].after,
			     "step %zu", i);
}

Test(alarm, ids_and_names)
{
	const struct mu_uuid data = alarm_id(&sr.id, alarm_what_name(ALARM_SR_DATA));
	const struct mu_uuid again = alarm_id(&sr.id, alarm_what_name(ALARM_SR_DATA));
	const struct mu_uuid metadata = alarm_id(&sr.id, alarm_what_name(ALARM_SR_METADATA));
	enum alarm_level level;
	enum alarm_of of;

	cr_expect(mu_uuid_equal(&data, &again));
	cr_expect_not(mu_uuid_equal(&data, &metadata));
	cr_expect_str_eq(alarm_level_name(ALARM_CRITICAL), "critical");
	cr_expect_str_eq(alarm_what_name(ALARM_SR_METADATA), "metadata");
	cr_expect_str_eq(alarm_what_title(ALARM_SR_METADATA), "SR metadata usage");
	cr_expect_str_eq(alarm_what_title(ALARM_SR_DATA), "SR data usage");
	cr_expect(alarm_level_parse("critical", &level));
	cr_expect_eq(level, ALARM_CRITICAL);
	cr_expect_not(alarm_level_parse("none", &level));
	cr_expect(alarm_of_parse("host", &of));
	cr_expect_str_eq(alarm_of_name(of), "host");
	cr_expect_str_eq(alarm_of_collection(of), "hosts");
	cr_expect_not(alarm_of_parse("VDI", &of));
}

Test(alarm, values)
{
	static const struct {
		double value;
		const char *unit;
		const char *xo;
		const char *text;
	} cases[] = {
	    {0.853, "ratio", "85.3", "85.3 %"},
	    {82, "percent", "82.0", "82 %"},
	    {1500000, "bytes/s", "1500000.0", "1.5e+06 bytes/s"},
	    {3, "", "3.0", "3"},
	};
	char buf[ALARM_VALUE_TEXT];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct alarm a = {.measured = true, .value = cases[i].value};

		(void)snprintf(a.unit, sizeof a.unit, "%s", cases[i].unit);
		cr_expect_str_eq(alarm_value(&a, buf), cases[i].xo);
		cr_expect_str_eq(alarm_value_text(&a, buf), cases[i].text);
		a.measured = false;
		cr_expect_str_eq(alarm_value_text(&a, buf), "");
	}
}
