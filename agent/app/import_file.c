/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/import_file.h"

#include "agent/import/import.h"
#include "agent/import/ovf.h"
#include "agent/ova/archive.h"
#include "common/json/json.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_spec(const struct vm_spec *spec, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, vm_spec_encode(a, spec), true);
	if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
		return mu_error_set(err, MU_E_IO, "cannot write the definition");
	return 0;
}

/* What vm.import_ova would make of it: its disks get ids that nobody has. */

static const char *same_bridge(const char *network, const char *had, void *ctx,
			       struct mu_error *err)
{
	(void)network, (void)ctx, (void)err;
	return had;
}

static int plan_archive(struct mu_arena *a, const struct ova *ova, struct mu_error *err)
{
	struct ovf *ovf = mu_arena_calloc(a, 1, sizeof *ovf);
	struct ovf_plan *plan = mu_arena_calloc(a, 1, sizeof *plan);
	struct mu_uuid vdis[HV_DISKS_MAX];
	struct ovf_request rq = {
	    .id = {mu_random_uuid()}, .trust = OVF_TRUST, .vdis = vdis, .bridge = same_bridge};

	for (size_t i = 0; i < HV_DISKS_MAX; i++)
		vdis[i] = mu_random_uuid();
	if (ovf_read(a, ova->descriptor.data ? ova->descriptor.data : "", ova->descriptor.len, ovf,
		     err) < 0 ||
	    ovf_plan(ovf, &rq, plan, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < ovf->n_disks; i++) {
		if (*ovf->disks[i].href && !ova_find(ova, ovf->disks[i].href))
			return mu_error_set(err, MU_E_INVALID, "there is no \"%s\" in it",
					    ovf->disks[i].href);
	}
	for (size_t i = 0; i < ovf->notes.n && i < OVF_NOTES_MAX; i++)
		(void)fprintf(stderr, "warning: %s\n", ovf->notes.texts[i]);
	return print_spec(&plan->spec, err);
}

static int import_archive(const char *file, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct copy_watch nobody = {.cancel = NULL};
	struct ova *ova = mu_arena_calloc(a, 1, sizeof *ova);
	char path[PATH_MAX];
	int r;

	if (!realpath(file, path))
		return mu_error_errno(err, errno, "%s", file);
	if (ova_open(path, &nobody, ova, err) < 0)
		return MU_FAILED;
	r = plan_archive(a, ova, err);
	ova_deinit(ova);
	return r < 0 ? mu_error_prefix(err, "%s", file) : 0;
}

int import_file(const struct agent_config *config, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);

	if (!config->input)
		return mu_error_set(err, MU_E_INVALID,
				    "no file; hint: muster-agent import --format xl FILE");
	if (strcmp(config->format, "ova") == 0)
		return import_archive(config->input, err);
	if (mu_file_read(config->input, IMPORT_TEXT_MAX, &text, err) < 0)
		return MU_FAILED;
	if (import_text(config->format, text.data, text.len, spec, err) < 0)
		return mu_error_prefix(err, "%s", config->input);
	return print_spec(spec, err);
}
