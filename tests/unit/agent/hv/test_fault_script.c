/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/fault/fault_script.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fault_script parsed(const char *text)
{
	struct fault_script s;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(fault_script_parse(text, &s, &err), 0, "%s: %s", text, err.text);
	return s;
}

static enum fault_action action(struct fault_script *s, unsigned target)
{
	return fault_script_next(s, target, 1).action;
}

Test(fault_script, empty_means_no_faults)
{
	static const char *const texts[] = {"", " ", ";", " ; ;\n", "seed=3"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(texts); i++) {
		struct fault_script s = parsed(texts[i]);

		for (unsigned t = 0; t < _FAULT_TARGET_COUNT; t++)
			cr_assert_eq(action(&s, t), FAULT_NONE);
	}
}

Test(fault_script, times_and_skip)
{
	struct fault_script s = parsed("create:fail:2; destroy:lie:skip=1:times=1");

	cr_assert_eq(action(&s, HV_CREATE), FAULT_FAIL);
	cr_assert_eq(action(&s, HV_PAUSE), FAULT_NONE);
	cr_assert_eq(action(&s, HV_CREATE), FAULT_FAIL);
	cr_assert_eq(action(&s, HV_CREATE), FAULT_NONE);
	cr_assert_eq(action(&s, HV_DESTROY), FAULT_NONE);
	cr_assert_eq(action(&s, HV_DESTROY), FAULT_LIE);
	cr_assert_eq(action(&s, HV_DESTROY), FAULT_NONE);
}

Test(fault_script, codes)
{
	struct fault_script s =
	    parsed("list:fail=UNAVAILABLE;  save : deny=EXHAUSTED ; stats:fail");

	cr_assert_eq(fault_script_next(&s, FAULT_CALL_LIST, 0).code, MU_E_UNAVAILABLE);
	cr_assert_eq(fault_script_next(&s, FAULT_CALL_STATS, 0).code, MU_E_IO);
}

Test(fault_script, delays_add_up_and_the_first_action_counts)
{
	struct fault_script s =
	    parsed("create:delay=100; create:fail=STATE; create:delay=50; create:lie");
	struct fault_fate fate = fault_script_next(&s, HV_CREATE, 0);

	cr_assert_eq(fate.delay, 150);
	cr_assert_eq(fate.action, FAULT_FAIL);
	cr_assert_eq(fate.code, MU_E_STATE);
}

Test(fault_script, one_domain_only)
{
	struct fault_script s = parsed("shutdown@7:hang; shutdown@8:hang!");

	cr_assert_eq(fault_script_next(&s, HV_SHUTDOWN, 6).action, FAULT_NONE);
	cr_assert_eq(fault_script_next(&s, HV_SHUTDOWN, 7).action, FAULT_HANG);
	cr_assert_eq(fault_script_next(&s, HV_SHUTDOWN, 8).action, FAULT_HANG_HARD);
}

Test(fault_script, chance_follows_the_seed)
{
	struct fault_script a = parsed("pause:fail:p=0.25; seed=1");
	struct fault_script b = parsed("seed=1; pause:fail:p=0.25");
	struct fault_script c = parsed("pause:fail:p=0.25; seed=2");
	int n_struck = 0, n_differ = 0;

	for (int i = 0; i < 4000; i++) {
		enum fault_action x = action(&a, HV_PAUSE);

		cr_assert_eq(action(&b, HV_PAUSE), x);
		n_struck += x == FAULT_FAIL;
		n_differ += action(&c, HV_PAUSE) != x;
	}
	cr_assert(n_struck > 800 && n_struck < 1200, "%d", n_struck);
	cr_assert_gt(n_differ, 100);
}

Test(fault_script, mistakes_name_the_rule_and_what_is_allowed)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
	    {"create", "rule 1: no action"},
	    {"start:fail", "target \"start\" is unknown; allowed: create"},
	    {"create:fail; create:explode", "rule 2: action \"explode\" is unknown; allowed: fail"},
	    {"list:hang", "hang is for operations; list answers at once"},
	    {"list:delay=5", "delay is for operations"},
	    {"create:delay", "delay needs milliseconds"},
	    {"create:delay=-1", "delay needs milliseconds"},
	    {"create:delay=99999999999", "delay needs milliseconds"},
	    {"create:hang=5", "hang takes no value"},
	    {"create:fail=NOPE", "code \"NOPE\" is unknown"},
	    {"create:fail=NONE", "code \"NONE\" is unknown"},
	    {"create:fail:p=0", "p=0 is not above 0"},
	    {"create:fail:p=1.5", "p=1.5"},
	    {"create:fail:p=x", "p=x"},
	    {"create:fail:often", "option \"often\""},
	    {"create:fail:times=x", "option \"times\""},
	    {"create:fail:", "option \"\""},
	    {"create@0:fail", "\"@0\" is no domain id"},
	    {"create@x:fail", "\"@x\" is no domain id"},
	    {"seed=x", "seed \"x\" is no number"},
	    {":fail", "target \"\" is unknown"},
	    {"create:fail=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	     "longer than 63 bytes"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;
		struct fault_script s;

		cr_assert_lt(fault_script_parse(cases[i].text, &s, &err), 0, "%s", cases[i].text);
		cr_assert_eq(err.code, MU_E_INVALID);
		cr_assert(strstr(err.text, cases[i].says), "%s: %s", cases[i].text, err.text);
	}
}

Test(fault_script, rules_are_bounded)
{
	char text[1024] = "";
	struct mu_error err = MU_ERROR_INIT;
	struct fault_script s;

	for (size_t i = 0; i < FAULT_RULES_MAX; i++)
		memcpy(text + 11 * i, "pause:fail;", 12);
	cr_assert_eq(fault_script_parse(text, &s, &err), 0);
	cr_assert_eq(s.n_rules, FAULT_RULES_MAX);
	memcpy(text + 11 * FAULT_RULES_MAX, "pause:fail", 11);
	cr_assert_lt(fault_script_parse(text, &s, &err), 0);
	cr_assert(strstr(err.text, "more than 64 rules"), "%s", err.text);
}
