/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules and targets of alarms: what is accepted is written as something that is accepted again, and
 * means the same; what is not says why.
 */
#include "aggregator/core/notify.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const struct mu_uuid id = {{1}};

static void check_rule(struct mu_arena *a, const struct mu_value *v)
{
	struct mu_error err = MU_ERROR_INIT;
	struct alarm_rule rule, again;
	struct alarm_state state = {0};
	const struct alarm_reading reading = {.known = true, .value = 1};
	struct mu_value *written;

	alarm_rule_init(&rule, &id);
	alarm_rule_init(&again, &id);
	if (alarm_rule_merge(&rule, v, &err) < 0) {
		mu_assert(err.code == MU_E_INVALID && mu_str_has_prefix(err.text, "body"));
		return;
	}
	written = alarm_rule_value(a, &rule);
	mu_assert(alarm_rule_merge(&again, written, &err) == 0);
	mu_assert(mu_value_equal(written, alarm_rule_value(a, &again)));
	(void)alarm_series_match(rule.series, "vbd_xvda_read");
	for (int i = 0; i < 4; i++)
		alarm_state_step(&state, &rule, &reading, i * MU_SEC(5));
	(void)alarm_state_level(&state);
}

static void check_target(struct mu_arena *a, const struct mu_value *v)
{
	struct mu_error err = MU_ERROR_INIT;
	struct notify_target t, again;
	struct mu_value *written;

	if (notify_target_read(&t, &id, v, &err) < 0) {
		mu_assert(err.code == MU_E_INVALID && mu_str_has_prefix(err.text, "body"));
		return;
	}
	written = notify_target_value(a, &t, true);
	mu_assert(notify_target_read(&again, &id, written, &err) == 0);
	mu_assert(mu_value_equal(written, notify_target_value(a, &again, true)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v;

	if (size > FUZZ_INPUT_MAX || mu_json_read(a, (const char *)data, size, &v, NULL) < 0 ||
	    v->kind != MU_VALUE_OBJECT)
		return 0;
	check_rule(a, v);
	check_target(a, v);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "{\"name\":\"n\",\"kind\":\"VM\",\"series\":\"vbd_*_read\",\"warning\":0.8,"
	    "\"critical\":1e3,\"hysteresis\":0.1,\"for\":60,\"comparison\":\"above\"}",
	    "{\"name\":\"n\",\"condition\":\"expression\",\"expression\":\"!connected?\","
	    "\"level\":\"critical\",\"filter\":\"tags:prod\",\"enabled\":false}",
	    "{\"name\":\"n\",\"condition\":\"absent\",\"series\":\"*\",\"level\":\"warning\"}",
	    "{\"name\":\"n\",\"type\":\"webhook\",\"url\":\"https://h/\",\"secret\":\"s\"}",
	    "{\"name\":\"n\",\"type\":\"mail\",\"url\":\"smtp://h\",\"from\":\"a@b\","
	    "\"to\":[\"c@d\"],\"level\":\"critical\"}",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
