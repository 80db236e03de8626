/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/import/import.h"

#include "agent/hv/dconf/dconf.h"
#include "agent/hv/xl_config.h"
#include "agent/import/import_priv.h"
#include "common/base/str.h"
#include "common/os/random.h"

#include <string.h>

static int import_xl(struct mu_arena *a, const char *text, size_t len, struct imported *ret,
		     struct mu_error *err)
{
	return xl_config_read(a, text, len, &ret->libxl, err);
}

static const struct {
	const char *name;
	int (*read)(struct mu_arena *a, const char *text, size_t len, struct imported *ret,
		    struct mu_error *err);
} formats[] = {
    {"xl", import_xl},
    {"libvirt", import_libvirt},
};

static int read_format(const char *format, struct mu_arena *a, const char *text, size_t len,
		       struct imported *ret, struct mu_error *err)
{
	if (len > IMPORT_TEXT_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "%zu bytes long; hint: at most %d", len,
				    IMPORT_TEXT_MAX);
	if (!mu_utf8_valid(text, len))
		return mu_error_set(err, MU_E_INVALID, "not UTF-8 text");
	for (size_t i = 0; i < MU_ARRAY_SIZE(formats); i++) {
		if (!strcmp(formats[i].name, format))
			return formats[i].read(a, text, len, ret, err);
	}
	return mu_error_set(err, MU_E_INVALID,
			    "\"%.40s\" is no format to import; hint: one of xl, libvirt", format);
}

static int take_text(char *dst, size_t size, const char *field, const char *text,
		     struct mu_error *err)
{
	if (!text)
		return 0;
	if (strlen(text) >= size)
		return mu_error_set(err, MU_E_INVALID, "%s: %zu bytes long; hint: at most %zu",
				    field, strlen(text), size - 1);
	memcpy(dst, text, strlen(text) + 1);
	return 0;
}

int import_text(const char *format, const char *text, size_t len, struct vm_spec *ret_spec,
		struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct vm_spec *spec = mu_arena_alloc(a, sizeof *spec);
	struct imported in = {.description = NULL};

	vm_spec_init(spec);
	if (read_format(format, a, text, len, &in, err) < 0 ||
	    dconf_read(in.libxl, &spec->config, err) < 0)
		return MU_FAILED;
	if (mu_uuid_is_nil(&spec->config.id.uuid))
		spec->config.id.uuid = mu_random_uuid();
	if (take_text(spec->description, sizeof spec->description, "description", in.description,
		      err) < 0 ||
	    take_text(spec->config.cpuid, sizeof spec->config.cpuid, "cpuid", in.cpuid, err) < 0)
		return MU_FAILED;
	/* By way of its text, so that what is taken now can be read back for ever. */
	return vm_spec_decode(vm_spec_encode(a, spec), ret_spec, err);
}
