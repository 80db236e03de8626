/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/import_file.h"

#include "agent/import/import.h"
#include "common/json/json.h"
#include "common/os/file.h"

#include <stdio.h>

static int print_spec(const struct vm_spec *spec, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, vm_spec_encode(a, spec), true);
	if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
		return mu_error_set(err, MU_E_IO, "cannot write the definition");
	return 0;
}

int import_file(const struct agent_config *config, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);

	if (!config->input)
		return mu_error_set(err, MU_E_INVALID,
				    "no file; hint: muster-agent import --format xl FILE");
	if (mu_file_read(config->input, IMPORT_TEXT_MAX, &text, err) < 0)
		return MU_FAILED;
	if (import_text(config->format, text.data, text.len, spec, err) < 0)
		return mu_error_prefix(err, "%s", config->input);
	return print_spec(spec, err);
}
