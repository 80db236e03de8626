/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/vm_builtin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MIB = 1 << 20 };

void vm_builtin_spec(const struct builtin_template *t, struct vm_spec *ret)
{
	struct hv_vm_config *c = &ret->config;

	vm_spec_init(ret);
	ret->kind = VM_KIND_TEMPLATE;
	c->id.uuid = builtin_id(t);
	(void)snprintf(c->name, sizeof c->name, "%s", t->name);
	c->type = t->type;
	c->vcpus = c->vcpus_max = t->vcpus;
	c->memory_bytes = c->memory_max_bytes = t->memory_bytes;
	(void)snprintf(c->bootloader, sizeof c->bootloader, "%s", t->bootloader);
	(void)snprintf(c->firmware, sizeof c->firmware, "%s", t->firmware);
	(void)snprintf(c->vga, sizeof c->vga, "%s", t->vga);
	if (t->type == VM_TYPE_HVM) {
		memcpy(c->boot_order, "cd", sizeof "cd");
		memcpy(c->serial, "pty", sizeof "pty"); /* the serial console */
		c->vnc = true;
		c->acpi = HV_ON;
	}
	c->viridian = t->viridian ? HV_ON : HV_UNSET;
	c->localtime = t->localtime ? HV_ON : HV_UNSET;
}

static bool is(const struct mu_value *args, const char *name, bool what)
{
	const struct mu_value *v = mu_value_get(args, name);

	return v && v->kind == MU_VALUE_BOOL && v->boolean == what;
}

int vm_builtin_check(const struct builtin_template *t, const struct mu_value *args,
		     const struct vm_spec *spec, bool empty, struct mu_error *err)
{
	if (t->vtpm && !is(args, "createVtpm", false))
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "%s asks for a TPM, and libxl makes none; hint: with "
		    "createVtpm: false the VM is made without one, and its installer "
		    "has to be told not to ask",
		    t->name);
	if (spec->config.memory_bytes < t->memory_min_bytes)
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: memory: %s needs at least %" PRId64
				    " MiB; hint: an \"Other\" template needs less",
				    t->name, t->memory_min_bytes / MIB);
	if (!t->installs && mu_value_get(args, "install"))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "arguments: install: a %s guest has no firmware to start an "
				    "installer; hint: take a template of type hvm",
				    vm_type_name(t->type));
	if (!t->installs && empty && is(args, "boot", true))
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: boot: there is nothing on the first disk to start; "
				    "hint: give it a source in vdis");
	return 0;
}
