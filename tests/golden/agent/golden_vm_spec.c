/* SPDX-License-Identifier: Apache-2.0 */
/* In: a definition. Out: its written form, or why it is refused. The written form must read back
 * to itself. */
#include "agent/core/vm_spec.h"
#include "common/base/assert.h"
#include "common/json/json.h"
#include "tests/golden/agent/golden.h"

#include <string.h>

static int decode(const char *text, struct mu_arena *a, struct vm_spec *spec, struct mu_error *err)
{
	struct mu_value *v;

	if (mu_json_read(a, text, strlen(text), &v, err) < 0)
		return MU_FAILED;
	return vm_spec_decode(v, spec, err);
}

void golden_case(const char *input, struct mu_str *out)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str again = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct vm_spec spec;

	if (decode(input, a, &spec, &err) < 0) {
		mu_str_printf(out, "%s %s\n", mu_error_name(err.code), err.text);
		return;
	}
	mu_json_write(out, vm_spec_encode(a, &spec), true);
	mu_assert(decode(out->data, a, &spec, &err) == 0);
	mu_json_write(&again, vm_spec_encode(a, &spec), true);
	mu_assert(!strcmp(out->data, again.data));
}
