/* SPDX-License-Identifier: Apache-2.0 */
/* In: a fleet, as lists of the API's objects. Out: what `verify` finds, a line each. */
#include "aggregator/cli/check.h"
#include "common/base/error.h"
#include "common/yaml/yaml.h"
#include "tests/golden/agent/golden.h"

#include <string.h>

void golden_case(const char *input, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *nothing = mu_value_null(a);
	struct cli_fleet fleet = {nothing, nothing, nothing, nothing, nothing, nothing, nothing};
	const struct {
		const char *name;
		const struct mu_value **ret;
	} parts[] = {
	    {"hosts", &fleet.hosts}, {"vms", &fleet.vms},   {"vifs", &fleet.vifs},
	    {"srs", &fleet.srs},     {"vdis", &fleet.vdis}, {"alarms", &fleet.alarms},
	    {"audit", &fleet.audit},
	};
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *documents;
	struct mu_value *findings;

	if (mu_yaml_read(a, input, strlen(input), &documents, &err) < 0) {
		mu_str_printf(out, "%s\n", err.text);
		return;
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(parts); i++) {
		const struct mu_value *v = mu_value_get(documents->first, parts[i].name);

		if (v)
			*parts[i].ret = v;
	}
	findings = cli_check(a, &fleet);
	mu_value_each(one, findings)
	{
		mu_value_each(v, one)
		    mu_str_printf(out, "%s%s", v == one->first ? "" : " | ", v->string);
		mu_str_add_char(out, '\n');
	}
}
