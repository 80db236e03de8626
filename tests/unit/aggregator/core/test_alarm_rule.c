/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule may say, in which words it is refused, and that it reads as it was written. */
#include "aggregator/core/alarm_rule.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <string.h>

static struct mu_arena *a;
static struct alarm_rule rule;

static void setup(void)
{
	const struct mu_uuid id = {{1, 2, 3}};

	a = mu_arena_new();
	alarm_rule_init(&rule, &id);
}

static void teardown(void)
{
	mu_arena_free(a);
}

TestSuite(alarm_rule, .init = setup, .fini = teardown);

static int merge(const char *json, struct mu_error *err)
{
	struct mu_value *v;

	cr_assert_eq(mu_json_read(a, json, strlen(json), &v, err), 0, "%s", err->text);
	return alarm_rule_merge(&rule, v, err);
}

static const char *text_of(const struct alarm_rule *r)
{
	struct mu_str s = MU_STR_INIT;
	char *text;

	mu_json_write(&s, alarm_rule_value(a, r), false);
	text = mu_arena_strdup(a, s.data);
	mu_str_deinit(&s);
	return text;
}

static const char *written(void)
{
	return text_of(&rule);
}

static void takes(const char *json)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(merge(json, &err), 0, "%s: %s", json, err.text);
}

static void refuses(const char *json, const char *why)
{
	struct mu_error err = MU_ERROR_INIT;
	const char *before = written();

	cr_assert_lt(merge(json, &err), 0, "%s", json);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, why) != NULL, "%s: %s", json, err.text);
	cr_expect_str_eq(written(), before, "it is as it was");
}

#define SERIES "\"name\":\"n\",\"series\":\"cpu_usage\",\"warning\":0.8"

Test(alarm_rule, a_series)
{
	takes("{\"name\":\"Busy\",\"kind\":\"VM\",\"filter\":\"power_state:running\","
	      "\"condition\":\"series\",\"series\":\"vbd_*_read\",\"aggregate\":\"maximum\","
	      "\"window\":60,\"comparison\":\"below\",\"warning\":2e6,\"critical\":1.5,"
	      "\"hysteresis\":0.25,\"for\":120,\"clearAfter\":30,\"enabled\":false,"
	      "\"notify\":false,\"silentUntil\":7,\"id\":\"x\",\"builtin\":true,\"href\":\"\"}");
	cr_expect_str_eq(
	    written(),
	    "{\"id\":\"01020300-0000-0000-0000-000000000000\",\"name\":\"Busy\",\"kind\":\"VM\","
	    "\"filter\":\"power_state:running\",\"condition\":\"series\","
	    "\"series\":\"vbd_*_read\",\"aggregate\":\"maximum\",\"window\":60,"
	    "\"comparison\":\"below\",\"warning\":2000000,\"critical\":1.5,\"hysteresis\":0.25,"
	    "\"for\":120,\"clearAfter\":30,\"enabled\":false,\"notify\":false,"
	    "\"silentUntil\":7,\"builtin\":false}");
	cr_expect_eq(rule.hold, MU_SEC(120));
	cr_expect_str_eq(rule.key, "01020300-0000-0000-0000-000000000000");
	takes("{\"critical\":null}");
	cr_expect_not(rule.limits[ALARM_CRITICAL].set);
	cr_expect(strstr(written(), "\"critical\":null"));
}

Test(alarm_rule, other_conditions)
{
	takes("{\"name\":\"n\",\"kind\":\"host\",\"condition\":\"expression\","
	      "\"expression\":\"!connected?\",\"level\":\"critical\"}");
	cr_expect_str_eq(written(), "{\"id\":\"01020300-0000-0000-0000-000000000000\","
				    "\"name\":\"n\",\"kind\":\"host\",\"filter\":\"\","
				    "\"condition\":\"expression\",\"expression\":\"!connected?\","
				    "\"level\":\"critical\",\"for\":0,\"clearAfter\":0,"
				    "\"enabled\":true,\"notify\":true,\"silentUntil\":0,"
				    "\"builtin\":false}");
	takes("{\"condition\":\"absent\",\"series\":\"memory*\",\"level\":\"warning\"}");
	cr_expect(strstr(written(), "\"series\":\"memory*\",\"level\":\"warning\""));
	refuses("{\"condition\":\"series\"}", "needs a limit");
	takes("{\"condition\":\"series\",\"critical\":5}");
	cr_expect_not(rule.limits[ALARM_WARNING].set, "it began anew");
}

Test(alarm_rule, what_it_writes_it_reads)
{
	struct alarm_rule r;
	struct mu_error err = MU_ERROR_INIT;

	for (size_t i = 0; alarm_rule_builtin(i, &r); i++) {
		struct alarm_rule again;

		alarm_rule_init(&again, &r.id);
		memcpy(again.key, r.key, sizeof again.key);
		again.builtin = true;
		cr_assert_eq(alarm_rule_merge(&again, alarm_rule_value(a, &r), &err), 0, "%s",
			     err.text);
		cr_expect_str_eq(text_of(&again), text_of(&r));
		cr_expect(alarm_rule_find_builtin(&r.id, &again));
		cr_expect_str_eq(again.name, r.name);
	}
	cr_expect_not(alarm_rule_find_builtin(&rule.id, &r));
}

Test(alarm_rule, refusals)
{
	static const struct {
		const char *json;
		const char *why;
	} cases[] = {
	    {"{}", "body.name: is missing"},
	    {"{\"name\":7}", "body.name: must be a string, is integer"},
	    {"{\"name\":\"a\\nb\"}", "body.name: has a control character in it"},
	    {"{" SERIES ",\"colour\":1}", "body.colour: there is no such field"},
	    {"{" SERIES ",\"kind\":\"vm\"}",
	     "body.kind: must be one of 'VM', 'host', 'SR', 'pool'"},
	    {"{" SERIES ",\"kind\":1}", "body.kind: must be one of"},
	    {"{" SERIES ",\"comparison\":\"over\"}", "one of 'above', 'below'"},
	    {"{" SERIES ",\"filter\":\"a:(\"}", "body.filter: filter: at character"},
	    {"{" SERIES ",\"window\":601}", "body.window: must be from 0 to 600 seconds"},
	    {"{" SERIES ",\"for\":-1}", "body.for: must be from 0"},
	    {"{" SERIES ",\"for\":1.5}", "body.for: must be a whole number of seconds, is number"},
	    {"{" SERIES ",\"hysteresis\":-1}", "body.hysteresis: must not be below 0"},
	    {"{" SERIES ",\"hysteresis\":\"1\"}", "body.hysteresis: must be a number, is string"},
	    {"{" SERIES ",\"critical\":\"1\"}", "body.critical: must be a number or null"},
	    {"{" SERIES ",\"critical\":0.5}", "body.critical: must be more than `warning`"},
	    {"{" SERIES ",\"critical\":0.9,\"comparison\":\"below\"}", "must be less than"},
	    {"{" SERIES ",\"silentUntil\":-1}", "body.silentUntil: must be ms since 1970"},
	    {"{" SERIES ",\"silentUntil\":\"2h\"}", "body.silentUntil: must be ms since 1970"},
	    {"{" SERIES ",\"enabled\":1}", "body.enabled: must be true or false"},
	    {"{" SERIES ",\"level\":\"warning\"}", "body.level: has no meaning with condition "
						   "'series'"},
	    {"{\"name\":\"n\",\"warning\":1}", "body.series: is missing; hint: GET /vms"},
	    {"{\"name\":\"n\",\"series\":\"s\"}", "needs a limit, `warning` or `critical`"},
	    {"{\"name\":\"n\",\"condition\":\"absent\",\"series\":\"s\"}",
	     "body.level: is missing"},
	    {"{\"name\":\"n\",\"condition\":\"absent\",\"series\":\"s\",\"level\":\"none\"}",
	     "body.level: must be one of 'warning', 'critical'"},
	    {"{\"name\":\"n\",\"condition\":\"expression\",\"level\":\"warning\"}",
	     "body.expression: is missing"},
	    {"{\"name\":\"n\",\"condition\":\"expression\",\"level\":\"warning\","
	     "\"expression\":\"(\"}",
	     "body.expression: filter: at"},
	    {"{\"name\":\"n\",\"condition\":\"expression\",\"level\":\"warning\","
	     "\"expression\":\"a\",\"series\":\"s\"}",
	     "body.series: has no meaning with condition 'expression'"},
	    {"{\"series\":"
	     "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
	     "body.series: is longer than 63 bytes"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++)
		refuses(cases[i].json, cases[i].why);
}

Test(alarm_rule, names_of_series)
{
	static const struct {
		const char *glob;
		const char *name;
		bool match;
	} cases[] = {
	    {"cpu", "cpu", true},
	    {"cpu", "cpu0", false},
	    {"cpu*", "cpu", true},
	    {"cpu*", "cpu12", true},
	    {"*", "", true},
	    {"", "", true},
	    {"", "x", false},
	    {"vbd_*_read", "vbd_xvda_read", true},
	    {"vbd_*_read", "vbd_xvda_iops_read", true},
	    {"vbd_*_read", "vbd_xvda_write", false},
	    {"*a*b", "xxaxbxab", true},
	    {"*a*b", "xxaxbxac", false},
	    {"a**", "a", true},
	    {"ab*", "a", false},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++)
		cr_expect_eq(alarm_series_match(cases[i].glob, cases[i].name), cases[i].match,
			     "%s %s", cases[i].glob, cases[i].name);
}
